-- What participant sheets say of each person, then what hour lines say, each thing once.
with told as (
    select min(line_id) as participation_id, contract_uid, pooled_uids, contract_reference, facilitator,
        pseudonym, sex, age_band, training_level, criteria, criteria_partial, is_qpv,
        eligible_from, eligible_to, proof_date, work_contract_type, hire_date, work_end_date,
        exit_status, exit_status_6_months, exit_status_12_months
    from telling_lines
    group by all
)
select t.source_file || ' ' || t.source_pointer as participation_id,
    l.contract_uid, l.pooled_uids, t.contract_reference, t.facilitator, t.person_id as pseudonym,
    t.sex, t.age_band, t.training_level, t.criteria, t.criteria_partial, t.is_qpv,
    t.eligible_from, t.eligible_to, t.proof_date, t.work_contract_type, t.hire_date,
    t.work_end_date, t.exit_status, t.exit_status_6_months, t.exit_status_12_months,
    t.source_file, t.source_pointer
from received_participants t
left join contract_links l
    on l.buyer_id is not distinct from t.buyer_id
    and l.contract_reference = t.contract_reference
    and l.lot_number is not distinct from t.lot_number
union all
select told.*, h.source_file, h.source_pointer
from told join curated.hour_lines h on h.line_id = told.participation_id
order by source_file, source_pointer, participation_id
