select 'holder_unreadable' as rule, r.source_file, r.source_pointer,
    'curated.holders' as table_name, r.uid as key, 'holders' as field,
    substr(r.holders, 1, 200) as value, null::varchar as detail
from curated.entries r
where r.holders is not null and r.holders not in ('[]', '{}')
    and r.uid not in (select uid from curated.holders)
