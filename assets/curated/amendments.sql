-- Every amendment of a contract, as the values in force declare them, in the order of notification.
with declared as (
    select uid, buyer_id, source_file, source_pointer,
        objects_of(coalesce(flat_amendments, amendments), 'modification') as amendments
    from curated.entries
    where record_kind = 'contract' and coalesce(flat_amendments, amendments) is not null
), listed as (
    select uid, buyer_id, source_file, source_pointer,
        generate_subscripts(amendments, 1) as position,
        unnest(amendments) as amendment
    from declared
), texts as (
    select *,
        amendment ->> '$.id' as amendment_id,
        coalesce(amendment ->> '$.dateNotificationModification',
            amendment ->> '$.dateSignatureModification') as notified_text,
        amendment ->> '$.datePublicationDonneesModification' as published_text,
        amendment ->> '$.montant' as amount_text,
        amendment ->> '$.dureeMois' as duration_text,
        coalesce(amendment ->> '$.objetModification', amendment ->> '$.objet') as object,
        json_exists(amendment, '$.titulaires') as changes_holders
    from listed
), typed as (
    select *,
        try_cast(substr(notified_text, 1, 10) as date) as notified_date,
        try_cast(substr(published_text, 1, 10) as date) as published_date,
        case when regexp_full_match(amount_text, '-?[0-9]{1,15}(\.[0-9]+)?')
            then cast(amount_text as decimal(18,2)) end as amount_eur,
        try_cast(duration_text as int) as duration_months
    from texts
)
select uid, buyer_id,
    row_number() over (
        partition by uid order by notified_date nulls first, try_cast(amendment_id as int), position
    ) as amendment_number,
    amendment_id, notified_date, published_date, amount_eur, duration_months, object,
    changes_holders, notified_text, amount_text, source_file, source_pointer
from typed
order by uid, amendment_number
