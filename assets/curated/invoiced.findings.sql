-- What of an invoice enters no computation, and what was counted once.
select case when l.unclear_parts is null then 'insertion_contract_unknown'
        else 'insertion_lot_unclear' end as rule,
    t.source_file, t.source_pointer, 'curated.invoiced' as table_name, null::varchar as key,
    'contract_reference' as field, t.contract_reference as value, null::varchar as detail
from received_invoiced t
left join contract_links l
    on l.buyer_id is not distinct from t.buyer_id
    and l.contract_reference = t.contract_reference
    and l.lot_number is not distinct from t.lot_number
where l.contract_uid is null
union all
select 'invoice_unusable', source_file, source_pointer, 'curated.invoiced',
    coalesce(contract_uid, contract_reference),
    case when invoiced_date is null then 'invoiced_date' else 'amount' end, null, null
from curated.invoiced
where invoiced_date is null or (amount_eur is null and amount_to_date_eur is null)
union all
select 'insertion_amount_unusable', source_file, source_pointer, 'curated.invoiced', null,
    amounts.field, amounts.text, null
from (
    select source_file, source_pointer, unnest([
        {'field': 'amount', 'text': amount_text,
            'is_lost': amount_out_of_range
                or (amount is not null and coalesce(amount_tax, tax_basis) = 'ttc')},
        {'field': 'amount_to_date', 'text': amount_to_date_text,
            'is_lost': amount_to_date_out_of_range
                or (amount_to_date is not null
                    and coalesce(amount_to_date_tax, tax_basis) = 'ttc')}
    ]) as amounts
    from received_invoiced
) where amounts.is_lost
union all
select 'insertion_file_twice', t.source_file, null, 'curated.invoiced', null, null, null,
    min(f.source_file)
from typed_invoiced t join first_files f using (file_sha256)
where t.source_file <> f.source_file group by t.source_file
union all
select 'insertion_row_repeated', source_file, null, 'curated.invoiced', null, null, null,
    cast(row_count as varchar)
from repeated_invoiced
