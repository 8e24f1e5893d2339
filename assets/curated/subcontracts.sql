-- Every subcontract of a contract, with its last amended amount.
with declared as (
    select uid, buyer_id, source_file, source_pointer,
        objects_of(subcontracts, 'acteSousTraitance') as subcontracts,
        objects_of(subcontract_amendments, 'modificationActeSousTraitance') as amendments
    from curated.entries
    where record_kind = 'contract' and subcontracts is not null
), listed as (
    select uid, buyer_id, source_file, source_pointer, amendments,
        generate_subscripts(subcontracts, 1) as position, unnest(subcontracts) as subcontract
    from declared
)
select uid, buyer_id,
    row_number() over (partition by uid order by position) as subcontract_number,
    subcontract ->> '$.id' as subcontract_id,
    coalesce(subcontract ->> '$.sousTraitant.id', subcontract ->> '$.idSousTraitant') as subcontractor_id,
    upper(coalesce(subcontract ->> '$.sousTraitant.typeIdentifiant',
        subcontract ->> '$.typeIdentifiantSousTraitant')) as subcontractor_id_type,
    try_cast(substr(subcontract ->> '$.dateNotification', 1, 10) as date) as notified_date,
    try_cast(substr(subcontract ->> '$.datePublicationDonnees', 1, 10) as date) as published_date,
    case when regexp_full_match(subcontract ->> '$.montant', '-?[0-9]{1,15}(\.[0-9]+)?')
        then cast(subcontract ->> '$.montant' as decimal(18,2)) end as amount_eur,
    try_cast(subcontract ->> '$.dureeMois' as int) as duration_months,
    len(list_filter(amendments, lambda a: (a ->> '$.id') = (subcontract ->> '$.id'))) as amendment_count,
    source_file, source_pointer
from listed
order by uid, subcontract_number
