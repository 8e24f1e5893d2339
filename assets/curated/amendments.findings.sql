select 'amendment_unreadable' as rule, source_file, source_pointer,
    'curated.amendments' as table_name, uid as key, f.field, f.value, null::varchar as detail
from (
    select source_file, source_pointer, uid, 'notified_date' as field, notified_text as value
    from curated.amendments where notified_date is null and notified_text is not null
    union all
    select source_file, source_pointer, uid, 'amount_eur', amount_text
    from curated.amendments
    where amount_eur is null and amount_text is not null and upper(amount_text) not in ('NC', 'MQ', 'CDL', '')
) f
