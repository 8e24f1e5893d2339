-- One row per line of the logs, tied to its contract, commitment and company; nothing is judged. In
-- no order: sorting a million wide lines takes half a session's memory; what reads them sorts its own.
select source_file || ' ' || source_pointer as line_id,
    linked_commitment as commitment_id, linked_contract as contract_uid,
    linked_pool as pooled_uids, contract_reference,
    linked_buyer as buyer_id, lot_number, operation, facilitator,
    linked_company as company_id, company_name, company_role, site, host_structure, month, planned_hours, declared_hours, validated_hours,
    hour_kind, line_state, decision_reason, decided_by, decided_date,
    person_id as pseudonym, sex, age_band, training_level, criteria, criteria_partial,
    is_qpv, eligible_from, eligible_to, proof_date,
    modality, structure_kind, structure_id, activity_sector,
    work_contract_type, hire_date, work_end_date,
    exit_status, exit_status_6_months, exit_status_12_months, source_file, source_pointer
from linked_hours
