-- One row per version or order of a commitment, tied to the contracts it is written for.
select source_file || ' ' || source_pointer as commitment_line_id,
    coalesce(commitment_id,
        nullif(concat_ws('-', linked_buyer, contract_reference, lot_number), '')) as commitment_id,
    operation, linked_buyer as buyer_id, coalesce(linked_contracts, []) as contract_uids,
    contract_reference, lot_number, facilitator, linked_company as company_id, company_name,
    commitment_mode, valid_from, revision_reason, order_id, order_date,
    committed_hours, usable_amount(amount, amount_tax) as amount,
    labour_share, trade, insertion_rate, hourly_cost,
    usable_amount(trigger_amount, trigger_amount_tax) as trigger_amount,
    usable_amount(tranche_amount, tranche_amount_tax) as tranche_amount,
    hours_per_tranche, people_count, hours_per_person, start_date, end_date, schedule,
    return_frequency, return_day, permanent_hire_months,
    penalty_per_hour, penalty_per_day, source_file, source_pointer
from linked_commitments
order by source_file, position
