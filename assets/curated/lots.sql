-- Every lot of the consultations that the register describes, awarded or not.
with described as (
    select uid, buyer_id, coalesce(consultation_id, contract_id) as consultation_id,
        consultation_id is not null as has_consultation,
        coalesce(key_lot_number, lot_number) as lot_number, lot_title, object,
        coalesce(outcome, case when first_notified_date is not null then 'awarded' end) as outcome,
        outcome_date, launch_date, first_notified_date as notified_date,
        estimated_value as estimated_value_eur, estimated_need as estimated_need_eur, tax_basis,
        cpv_code, procedure as procedure_code, directorate, source_file, source_pointer
    from curated.entries
    where record_kind = 'contract' and (consultation_id is not null or outcome is not null)
)
select *,
    -- A consultation belongs to the year of the first notification among its lots, or of the
    -- decision where none is awarded.
    cast(year(coalesce(min(notified_date) over consultation, min(outcome_date) over consultation))
        as integer) as year
from described
window consultation as (partition by buyer_id, consultation_id)
order by uid
