-- Counted by file and without any cell's text: every row is about a person.
select 'participants_contract_unknown' as rule, source_file, min(source_pointer) as source_pointer,
    'curated.participants' as table_name, null::varchar as key, 'contract_reference' as field,
    null::varchar as value, cast(count(*) as varchar) as detail
from curated.participants semi join received_participants using (source_file, source_pointer)
where contract_uid is null and pooled_uids is null and contract_reference is not null
group by source_file
union all
select 'participants_undated', source_file, min(source_pointer), 'curated.participants', null,
    'eligible_from', null, cast(count(*) as varchar)
from curated.participants semi join received_participants using (source_file, source_pointer)
where eligible_from is null
group by source_file
union all
select 'insertion_file_twice', t.source_file, null, 'curated.participants', null, null, null,
    min(f.source_file)
from typed_participants t join first_files f using (file_sha256)
where t.source_file <> f.source_file group by t.source_file
