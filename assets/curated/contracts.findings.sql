select 'undated' as rule, source_file, source_pointer, 'curated.contracts' as table_name,
    uid as key, 'notified_date' as field, null::varchar as value, null::varchar as detail
from curated.contracts where notified_date is null
union all
select 'amount_set_aside', source_file, source_pointer, 'curated.contracts', uid, 'amount_initial_eur',
    cast(amount_initial_eur as varchar), amount_exclusion_reason
from curated.contracts where amount_exclusion_reason is not null and amount_exclusion_reason <> 'missing'
