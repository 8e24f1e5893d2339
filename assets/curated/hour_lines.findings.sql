-- Counted by file and without any cell's text: a log is about persons. Each line without a contract
-- has its own finding with its reason, where lines are judged.
select 'hours_lot_unclear' as rule, t.source_file, min(t.source_pointer) as source_pointer,
    'curated.hour_lines' as table_name, null::varchar as key, 'lot_number' as field,
    null::varchar as value, cast(count(*) as varchar) as detail
from received_hours t
join contract_links l
    on l.buyer_id is not distinct from t.buyer_id
    and l.contract_reference = t.contract_reference
    and l.lot_number is not distinct from t.lot_number
where l.contract_uid is null and l.unclear_parts is not null
group by t.source_file
union all
select 'insertion_file_twice', t.source_file, null, 'curated.hour_lines', null, null, null,
    min(f.source_file)
from typed_hours t join first_files f using (file_sha256)
where t.source_file <> f.source_file group by t.source_file
