-- One row per fact of the follow-up of a clause, tied to its contract and commitment.
select t.source_file || ' ' || t.source_pointer as event_id,
    t.linked_commitment as commitment_id, t.linked_contract as contract_uid, t.contract_reference,
    t.linked_buyer as buyer_id, t.lot_number,
    t.linked_company as company_id, t.company_name, t.period, t.event, t.event_date, t.event_reason,
    t.channel, t.amount as amount_eur, t.carried_hours as hours,
    to_link.contract_uid as to_contract_uid, t.source_file, t.source_pointer
from linked_clause_events t
left join contract_links to_link
    on to_link.buyer_id is not distinct from t.buyer_id
    and to_link.contract_reference = t.to_contract_reference and to_link.lot_number is null
order by t.source_file, t.position
