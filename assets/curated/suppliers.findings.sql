select 'supplier_without_id' as rule, source_file, source_pointer,
    'curated.suppliers' as table_name, null::varchar as key, 'siret' as field,
    name as value, null::varchar as detail
from curated.suppliers where siren is null
union all
select 'supplier_without_kind', source_file, source_pointer, 'curated.suppliers',
    coalesce(siret, siren), 'supplier_kind', name, null
from curated.suppliers where kind is null
union all
select 'supplier_repeated', t.source_file, null, 'curated.suppliers', null, null,
    count(*)::varchar, null
from typed_suppliers t
anti join curated.suppliers s using (source_file, source_pointer)
group by t.source_file
union all
select 'supplier_list_undated', source_file, null, 'curated.suppliers', null, 'valid_from',
    count(*)::varchar, null
from curated.suppliers
group by source_file having not bool_or(is_dated)
