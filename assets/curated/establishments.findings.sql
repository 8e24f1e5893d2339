select 'establishment_without_siret' as rule, source_file, source_pointer,
    'curated.establishments' as table_name, null::varchar as key, 'siret' as field,
    name as value, null::varchar as detail
from curated.establishments where siret is null
union all
select 'establishment_repeated', t.source_file, null, 'curated.establishments', null, null,
    count(*)::varchar, null
from typed_establishments t
anti join curated.establishments s using (source_file, source_pointer)
group by t.source_file
