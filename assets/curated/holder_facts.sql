-- What the lists of suppliers say of the holders of each contract: one yes is enough, and no is said
-- only of contracts all of whose holders are known and answer no.
with holders as (
    select c.uid, f.is_inclusive, f.is_inclusive_hub, f.is_esus, f.is_esus_hub, f.kinds
    from curated.contracts c
    join curated.holders h on h.uid = c.uid and h.record_kind = 'contract'
    left join curated.supplier_facts f on f.from_date = c.notified_date
        and f.to_date = c.notified_date and f.supplier_key = h.siret
)
select c.uid,
    case when bool_or(is_inclusive) then true
        when count(*) = count(is_inclusive) then false end as has_inclusive_holder,
    case when bool_or(is_inclusive_hub) then true
        when count(*) = count(is_inclusive_hub) then false end as has_inclusive_holder_hub,
    case when bool_or(is_esus) then true
        when count(*) = count(is_esus) then false end as has_esus_holder,
    case when bool_or(is_esus_hub) then true
        when count(*) = count(is_esus_hub) then false end as has_esus_holder_hub,
    string_agg(distinct kinds, '|' order by kinds) as holder_kinds
from curated.contracts c left join holders using (uid)
group by c.uid
order by c.uid
