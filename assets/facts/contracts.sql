-- One row per contract of the scheme's buyers: a nullable boolean per fact an indicator asks about.
select
    c.uid, c.buyer_id, c.year, c.object, c.notified_date, c.published_date,
    c.cpv_division, c.contract_type, c.procedure_code, b.code as amount_band, c.department_code,
    c.directorate, c.framework_role, c.framework_reference,
    c.amount_initial_eur, c.amount_current_eur, c.amount_usable_eur, c.amount_exclusion_reason,
    c.tax_basis,
    c.amount_initial_eur >= s.floor_eur as at_floor,
    c.amount_is_maximum as is_maximum,
    c.has_social_clause or c.has_social_criterion or c.is_reserved as has_social_consideration,
    c.has_social_clause, c.has_social_criterion, c.is_reserved,
    case when k.uid is not null then k.has_insertion_hours
        when not c.has_social_clause then false end as has_insertion_hours,
    c.is_insertion_object,
    c.has_environmental_clause or c.has_environmental_criterion as has_environmental_consideration,
    c.has_environmental_clause, c.has_environmental_criterion,
    c.has_social_clause or c.has_social_criterion or c.is_reserved
        or c.has_environmental_clause or c.has_environmental_criterion as has_social_or_environmental,
    c.reserved_for,
    h.has_inclusive_holder, h.has_inclusive_holder_hub, h.has_esus_holder, h.has_esus_holder_hub,
    c.is_innovative, c.offers_received,
    c.offers_received = 1 as is_single_bid,
    c.published_date <= c.notified_date + interval '2' month as published_on_time,
    c.required_fields, c.filled_fields,
    c.source_file, c.source_pointer
from curated.contracts c
cross join reference.scheme s
join curated.buyers u on u.buyer_id = c.buyer_id and u.in_scheme
left join curated.holder_facts h on h.uid = c.uid
left join curated.committed_contracts k on k.uid = c.uid
left join reference.amount_bands b
    on c.amount_initial_eur >= b.from_eur and (b.to_eur is null or c.amount_initial_eur < b.to_eur)
order by c.year, c.uid
