select 'undated' as rule, source_file, source_pointer, 'curated.contracts' as table_name,
    uid as key, 'notified_date' as field, null::varchar as value, null::varchar as detail
from curated.contracts where notified_date is null
union all
select 'amount_set_aside', source_file, source_pointer, 'curated.contracts', uid, 'amount_initial_eur',
    cast(amount_initial_eur as varchar), amount_exclusion_reason
from curated.contracts where amount_exclusion_reason is not null and amount_exclusion_reason <> 'missing'
union all
select 'cpv_zero_restored', c.source_file, c.source_pointer, 'curated.contracts', c.uid, 'cpv_code',
    r.cpv_code, c.cpv_code
from curated.contracts c
join curated.publications p on p.uid = c.uid and p.role = 'retained' and p.record_kind = 'contract'
join curated.records r on r.record_number = p.record_number
where starts_with(c.cpv_code, '0') and not starts_with(r.cpv_code, '0')
