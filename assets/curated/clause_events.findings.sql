-- What of the follow-up is tied to nothing or incomplete, and what was counted once.
select case when l.unclear_parts is null then 'insertion_contract_unknown'
        else 'insertion_lot_unclear' end as rule,
    t.source_file, t.source_pointer, 'curated.clause_events' as table_name,
    null::varchar as key, 'contract_reference' as field, t.contract_reference as value,
    null::varchar as detail
from received_clause_events t
join curated.clause_events e on e.event_id = t.source_file || ' ' || t.source_pointer
left join contract_links l
    on l.buyer_id is not distinct from t.buyer_id
    and l.contract_reference = t.contract_reference
    and l.lot_number is not distinct from t.lot_number
-- The follow-up of a pooled commitment is of all its contracts.
where e.contract_uid is null
    and (e.commitment_id is null or l.unknown_parts is not null or l.unclear_parts is not null)
union all
select case when l.unclear_parts is null then 'insertion_contract_unknown'
        else 'insertion_lot_unclear' end,
    t.source_file, t.source_pointer, 'curated.clause_events', null, 'to_contract_reference',
    t.to_contract_reference, null
from received_clause_events t
left join contract_links l
    on l.buyer_id is not distinct from t.buyer_id
    and l.contract_reference = t.to_contract_reference and l.lot_number is null
where t.to_contract_reference is not null and l.contract_uid is null
union all
select 'clause_event_unclear', source_file, source_pointer, 'curated.clause_events',
    coalesce(contract_uid, contract_reference),
    case when event is null then 'event' else 'event_date' end, null, null
from curated.clause_events where event is null or event_date is null
union all
select 'insertion_amount_unusable', source_file, source_pointer, 'curated.clause_events', null,
    'amount', amount_text, null
from received_clause_events where amount_out_of_range
union all
select 'insertion_file_twice', t.source_file, null, 'curated.clause_events', null, null, null,
    min(f.source_file)
from typed_clause_events t join first_files f using (file_sha256)
where t.source_file <> f.source_file group by t.source_file
union all
select 'insertion_row_repeated', source_file, null, 'curated.clause_events', null, null, null,
    cast(row_count as varchar)
from repeated_clause_events
