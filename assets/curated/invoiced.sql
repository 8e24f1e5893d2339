-- One row per invoice or statement. The column is asked for without VAT: only what says otherwise,
-- in the cell or beside it, is left out.
select t.source_file || ' ' || t.source_pointer as invoice_id,
    l.contract_uid, t.contract_reference, coalesce(l.contract_buyer, t.buyer_id) as buyer_id,
    t.lot_number, t.invoiced_date,
    usable_amount(t.amount, coalesce(t.amount_tax, t.tax_basis)) as amount_eur,
    usable_amount(t.amount_to_date, coalesce(t.amount_to_date_tax, t.tax_basis))
        as amount_to_date_eur,
    t.source_file, t.source_pointer
from received_invoiced t
left join contract_links l
    on l.buyer_id is not distinct from t.buyer_id
    and l.contract_reference = t.contract_reference
    and l.lot_number is not distinct from t.lot_number
order by t.source_file, t.position
