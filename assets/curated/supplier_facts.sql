-- What the lists say of each supplier on the day (or in the year) that a contract or a payment asks
-- about. A supplier is its SIRET, or its SIREN when a ledger gives no more.
with asked as (
    select distinct supplier_key, from_date, to_date from (
        select h.siret as supplier_key, c.notified_date as from_date, c.notified_date as to_date
        from curated.holders h
        join curated.contracts c on c.uid = h.uid and h.record_kind = 'contract'
        union all
        select supplier_key, period_from, period_to from curated.spend
    ) where supplier_key is not null and from_date is not null and to_date is not null
), structures as (
    select s.*, k.family, k.is_inclusive, k.is_inclusive_hub, k.list_required
    from curated.suppliers s join reference.supplier_kinds k using (kind)
    where s.siren is not null
), matched as (
    select a.*, s.kind, s.family, s.valid_to, s.is_inclusive, s.is_inclusive_hub,
        -- ESUS is of the enterprise; a convention is of the establishment.
        coalesce(s.family = 'esus' or s.siret = a.supplier_key, false) as is_same,
        (case when s.valid_from <= a.from_date then true when s.valid_from > a.to_date then false end)
        and (case when s.valid_to >= a.to_date then true when s.valid_to < a.from_date then false
            when s.valid_to is null and s.valid_from is not null then true end) as was_in_force,
        -- A list older than the day asked about may lack a renewal.
        coalesce(s.list_date < a.to_date, false) as is_stale
    from asked a join structures s on s.siren = substr(a.supplier_key, 1, 9)
), answers as (
    select *, case when was_in_force or not is_stale then was_in_force end as in_force from matched
), found as (
    select supplier_key, from_date, to_date,
        bool_or(is_inclusive and is_same and in_force) as is_inclusive,
        bool_or(is_inclusive and in_force is not false and (in_force is null or not is_same))
            as may_be_inclusive,
        bool_or(is_inclusive_hub and is_same
            and (valid_to is null or valid_to >= (select max(from_date) from asked)))
            as is_inclusive_hub,
        bool_or(family = 'esus' and in_force) as is_esus,
        bool_or(family = 'esus' and in_force is null) as may_be_esus,
        max(valid_to) filter (where family = 'esus') > from_date as is_esus_hub,
        bool_or(family = 'esus' and valid_to is null) as may_be_esus_hub,
        list(distinct family) as families,
        string_agg(distinct kind, '|' order by kind) filter (where is_same) as kinds
    from answers group by supplier_key, from_date, to_date
), families as (
    -- Of each family that a "no" has to exclude: whether a list is there, and one that has dates.
    select k.family, bool_or(k.is_inclusive) as is_inclusive,
        count(s.kind) > 0 as is_listed
    from reference.supplier_kinds k left join curated.suppliers s using (kind)
    where k.list_required group by k.family
), lists as (
    select family, source_file, min(valid_from) as covers_from,
        coalesce(max(list_date), date '9999-12-31') as covers_to
    from structures where is_dated group by family, source_file
), gaps as (
    select d.from_date, d.to_date,
        list(f.family) filter (where f.is_inclusive) as inclusive_gaps,
        coalesce(bool_or(f.family = 'esus'), false) as esus_gap
    from (select distinct from_date, to_date from asked) d
    join families f on not exists (
        select 1 from lists l
        where l.family = f.family and l.covers_from <= d.from_date and l.covers_to >= d.to_date)
    group by d.from_date, d.to_date
)
select a.supplier_key, a.from_date, a.to_date,
    case when f.is_inclusive then true
        when f.may_be_inclusive or len(list_filter(coalesce(g.inclusive_gaps, []),
            lambda family: not list_contains(coalesce(f.families, []), family))) > 0 then null
        else false end as is_inclusive,
    case when f.is_inclusive_hub then true
        when (select bool_and(is_listed) from families where is_inclusive) then false
        end as is_inclusive_hub,
    case when f.is_esus then true
        when f.may_be_esus
            or (g.esus_gap and not list_contains(coalesce(f.families, []), 'esus')) then null
        else false end as is_esus,
    case when f.is_esus_hub then true
        when f.may_be_esus_hub then null
        when (select bool_or(is_listed) from families where family = 'esus') then false
        end as is_esus_hub,
    f.kinds
from asked a
left join found f using (supplier_key, from_date, to_date)
left join gaps g using (from_date, to_date)
order by a.supplier_key, a.from_date, a.to_date
