select 'holder_unreadable' as rule, r.source_file, r.source_pointer,
    'curated.holders' as table_name, p.uid as key, 'holders' as field,
    substr(r.holders, 1, 200) as value, null::varchar as detail
from curated.records r
join curated.publications p using (record_number)
where p.role = 'retained' and r.holders is not null and r.holders not in ('[]', '{}')
    and p.uid not in (select uid from curated.holders)
