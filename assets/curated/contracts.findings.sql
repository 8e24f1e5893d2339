select 'undated' as rule, source_file, source_pointer, 'curated.contracts' as table_name,
    uid as key, 'notified_date' as field, null::varchar as value, null::varchar as detail
from curated.contracts where notified_date is null
union all
select 'amount_set_aside', source_file, source_pointer, 'curated.contracts', uid, 'amount_initial_eur',
    cast(amount_declared_eur as varchar), amount_exclusion_reason
from curated.contracts where amount_exclusion_reason is not null and amount_exclusion_reason <> 'missing'
union all
select 'cpv_zero_restored', c.source_file, c.source_pointer, 'curated.contracts', c.uid, 'cpv_code',
    r.cpv_code, c.cpv_code
from curated.contracts c
join curated.entries r on r.uid = c.uid and r.record_kind = 'contract'
where starts_with(c.cpv_code, '0') and not starts_with(r.cpv_code, '0')
union all
select 'tax_converted', source_file, source_pointer, 'curated.contracts', uid, 'amount_initial_eur',
    cast(amount_declared_eur as varchar), cast(amount_initial_eur as varchar)
from curated.contracts where tax_basis = 'ttc' and amount_initial_eur is not null
union all
select 'vat_rate_implausible', source_file, source_pointer, 'curated.contracts', uid, 'vat_rate',
    cast(vat_rate as varchar), null
from curated.contracts where vat_rate not between 0 and 0.2
union all
select 'considerations_contradict', e.source_file, e.source_pointer, 'curated.contracts', e.uid,
    f.field, 'non', array_to_string(f.listed, ', ')
from curated.entries e cross join lateral (values
    ('social_clause', e.social_clause, 'social_considerations', e.social_considerations, 'clause'),
    ('social_criterion', e.social_criterion, 'social_considerations', e.social_considerations,
        'criterion'),
    ('reserved', e.reserved, 'social_considerations', e.social_considerations, 'reserved'),
    ('environmental_clause', e.environmental_clause, 'environmental_considerations',
        e.environmental_considerations, 'clause'),
    ('environmental_criterion', e.environmental_criterion, 'environmental_considerations',
        e.environmental_considerations, 'criterion')) f(field, ticked, list, listed, wanted)
where e.origin = 'own' and not f.ticked and list_contains(f.listed, f.wanted)
    -- A list taken from DECP is a difference between registers, not a contradiction of one.
    and not list_contains(coalesce(e.decp_fields, []), f.list)
