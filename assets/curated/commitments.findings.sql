-- What of a commitment cannot be computed, and what was counted once.
with referenced as (
    select t.source_file, t.source_pointer, c.commitment_id, l.unknown_parts, l.unclear_parts
    from received_commitments t
    join curated.commitments c on c.commitment_line_id = t.source_file || ' ' || t.source_pointer
    join contract_links l
        on l.buyer_id is not distinct from t.buyer_id
        and l.contract_reference = t.contract_reference
        and l.lot_number is not distinct from t.lot_number
)
select 'insertion_contract_unknown' as rule, source_file, source_pointer,
    'curated.commitments' as table_name, commitment_id as key, 'contract_reference' as field,
    unknown_parts as value, null::varchar as detail
from referenced where unknown_parts is not null
union all
select 'insertion_lot_unclear', source_file, source_pointer, 'curated.commitments',
    commitment_id, 'lot_number', unclear_parts, null
from referenced where unclear_parts is not null
union all
select 'insertion_contract_unknown', source_file, source_pointer, 'curated.commitments',
    commitment_id, 'contract_reference', null, null
from curated.commitments where contract_reference is null
union all
select 'commitment_without_mode', source_file, source_pointer, 'curated.commitments',
    commitment_id, 'commitment_mode', null, null
from (
    -- A version need not repeat the mode of those before it, nor an order that of the contract.
    select c.*, exists (from curated.commitments b
        where b.commitment_id = c.commitment_id and b.commitment_mode is not null
            and (b.order_id is null or b.order_id = c.order_id)
            and coalesce(b.valid_from, b.order_date) < coalesce(c.valid_from, c.order_date)
        ) as has_mode_before
    from curated.commitments c where c.commitment_mode is null
) where not has_mode_before
union all
select 'order_without_number', source_file, source_pointer, 'curated.commitments',
    commitment_id, 'order_id', coalesce(cast(order_date as varchar), source_pointer), null
from curated.commitments
where commitment_mode = 'per_order' and order_id is null
    and coalesce(order_date::varchar, committed_hours::varchar, amount::varchar) is not null
union all
select 'commitment_without_date', source_file, source_pointer, 'curated.commitments',
    commitment_id, 'valid_from', null, null
from curated.commitments where valid_from is null
union all
select 'insertion_amount_unusable', source_file, source_pointer, 'curated.commitments',
    null, amounts.field, amounts.text, null
from (
    select source_file, source_pointer, unnest([
        {'field': 'amount', 'text': amount_text,
            'is_lost': amount_tax = 'ttc' or amount_out_of_range},
        {'field': 'trigger_amount', 'text': trigger_amount_text,
            'is_lost': trigger_amount_tax = 'ttc' or trigger_amount_out_of_range},
        {'field': 'tranche_amount', 'text': tranche_amount_text,
            'is_lost': tranche_amount_tax = 'ttc' or tranche_amount_out_of_range},
        {'field': 'hourly_cost', 'text': hourly_cost_text, 'is_lost': hourly_cost_out_of_range},
        {'field': 'penalty_per_hour', 'text': penalty_per_hour_text,
            'is_lost': penalty_per_hour_out_of_range},
        {'field': 'penalty_per_day', 'text': penalty_per_day_text,
            'is_lost': penalty_per_day_out_of_range}
    ]) as amounts
    from received_commitments
) where amounts.is_lost
union all
select 'insertion_file_twice', t.source_file, null, 'curated.commitments', null, null, null,
    min(f.source_file)
from typed_commitments t join first_files f using (file_sha256)
where t.source_file <> f.source_file group by t.source_file
union all
select 'insertion_row_repeated', source_file, null, 'curated.commitments', null, null, null,
    cast(row_count as varchar)
from repeated_commitments
