select 'missing_key' as rule, r.source_file, r.source_pointer, 'curated.publications' as table_name,
    concat_ws('-', p.buyer_id, p.contract_id) as key,
    case when p.buyer_id is null then 'buyer_id' else 'contract_id' end as field,
    null::varchar as value, null::varchar as detail
from curated.publications p join curated.records r using (record_number)
where p.role = 'rejected'
union all
select 'record_merged', r.source_file, r.source_pointer, 'curated.publications', p.uid, null, null, null
from curated.publications p join curated.records r using (record_number)
where p.role = 'merged'
union all
select 'republished', r.source_file, r.source_pointer, 'curated.publications', p.uid, null,
    cast(p.publication_count as varchar), coalesce(p.differences, 'aucun' || chr(31) || 'none')
from curated.publications p join curated.records r using (record_number)
where p.role = 'retained' and p.publication_count > 1
union all
select 'lots_share_id', min_by(r.source_file, p.record_number),
    min_by(r.source_pointer, p.record_number), 'curated.publications',
    p.buyer_id || '-' || p.contract_id, 'contract_id', cast(count(*) as varchar), null
from curated.publications p join curated.records r using (record_number)
where p.role = 'retained' and p.has_lots
group by p.record_kind, p.origin, p.buyer_id, p.contract_id
