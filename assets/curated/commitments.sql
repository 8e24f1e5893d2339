-- One row per version or order of a commitment, tied to the contracts it is written for.
select t.source_file || ' ' || t.source_pointer as commitment_line_id,
    coalesce(t.commitment_id,
        nullif(concat_ws('-', r.owner, t.contract_reference, t.lot_number), '')) as commitment_id,
    t.operation, r.owner as buyer_id, coalesce(r.contract_uids, []) as contract_uids,
    t.contract_reference, t.lot_number, t.facilitator, r.company as company_id, t.company_name,
    t.commitment_mode, t.valid_from, t.revision_reason, t.order_id, t.order_date,
    t.committed_hours, usable_amount(t.amount, t.amount_tax) as amount,
    t.labour_share, t.trade, t.insertion_rate, t.hourly_cost,
    usable_amount(t.trigger_amount, t.trigger_amount_tax) as trigger_amount,
    usable_amount(t.tranche_amount, t.tranche_amount_tax) as tranche_amount,
    t.hours_per_tranche, t.people_count, t.hours_per_person, t.start_date, t.end_date, t.schedule,
    t.return_frequency, t.return_day, t.permanent_hire_months,
    t.penalty_per_hour, t.penalty_per_day, t.source_file, t.source_pointer
from received_commitments t
left join row_links r
    on r.buyer_id is not distinct from t.buyer_id
    and r.contract_reference is not distinct from t.contract_reference
    and r.lot_number is not distinct from t.lot_number
    and r.operation is not distinct from t.operation
    and r.company_id is not distinct from t.company_id
    and r.company_name is not distinct from t.company_name
order by t.source_file, t.position
