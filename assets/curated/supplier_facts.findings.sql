-- A list that is absent leaves holders unknown: how many contracts, and which file would provide it.
with holders as (
    select count(distinct c.uid) as contracts
    from curated.contracts c
    join curated.holders h on h.uid = c.uid and h.record_kind = 'contract'
)
select 'list_absent' as rule, null::varchar as source_file, null::varchar as source_pointer,
    'curated.supplier_facts' as table_name,
    case when k.family = 'esus' then 'ECO-04' else 'SOC-25' end as key,
    k.family as field, cast(max(h.contracts) as varchar) as value,
    max(k.file_fr) || chr(31) || max(k.file_en) as detail
from reference.supplier_kinds k
cross join holders h
left join curated.suppliers s using (kind)
where k.list_required
group by k.family having count(s.kind) = 0 and max(h.contracts) > 0
