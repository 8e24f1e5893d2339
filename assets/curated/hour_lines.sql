-- One row per line of the logs, tied to its contract, commitment and company; nothing is judged. In no
-- order: sorting a million wide lines takes half a session, and what reads them sorts its own.
select t.source_file || ' ' || t.source_pointer as line_id,
    r.commitment_id, r.contract_uid, t.contract_reference, r.owner as buyer_id, t.lot_number,
    t.operation, t.facilitator, r.company as company_id, t.company_name, t.company_role,
    t.site, t.host_structure, t.month, t.planned_hours, t.declared_hours, t.validated_hours,
    t.hour_kind, t.line_state, t.decision_reason, t.decided_by, t.decided_date,
    t.person_id as pseudonym, t.sex, t.age_band, t.training_level, t.criteria, t.criteria_partial,
    t.is_qpv, t.eligible_from, t.eligible_to, t.proof_date,
    t.modality, t.structure_kind, t.structure_id, t.activity_sector,
    t.work_contract_type, t.hire_date, t.work_end_date,
    t.exit_status, t.exit_status_6_months, t.exit_status_12_months, t.source_file, t.source_pointer
from received_hours t
left join row_links r
    on r.buyer_id is not distinct from t.buyer_id
    and r.contract_reference is not distinct from t.contract_reference
    and r.lot_number is not distinct from t.lot_number
    and r.operation is not distinct from t.operation
    and r.company_id is not distinct from t.company_id
    and r.company_name is not distinct from t.company_name
