-- One row per concession, apart from contracts: value, dates and considerations of their own.
select r.uid, r.buyer_id, r.contract_id, r.nature, r.object, r.procedure as procedure_code,
    r.signed_date, r.first_published_date as published_date, r.start_date, r.duration_months,
    cast(year(coalesce(r.signed_date, r.notified_date, r.start_date)) as integer) as year,
    coalesce(r.global_value, r.amount) as global_value_eur,
    r.public_subsidy as public_subsidy_eur,
    r.social_considerations, r.environmental_considerations,
    case when r.social_considerations_partial
            and not list_contains(r.social_considerations, 'reserved') then null
        else list_contains(r.social_considerations, 'reserved') end as is_reserved,
    (select count(*) from curated.holders h where h.uid = r.uid and h.record_kind = 'concession')
        as holder_count,
    r.source_file, r.source_pointer
from curated.entries r
where r.record_kind = 'concession'
order by r.uid
