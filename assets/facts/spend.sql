-- One row per line of spend of the scheme's buyers: a nullable boolean per fact an indicator asks about.
select
    s.line_id, s.buyer_id, s.year, s.paid_date, s.supplier_id, s.supplier_siren, s.supplier_name,
    s.category, s.directorate, s.account, s.contract_reference,
    s.amount_received_eur, s.tax_basis, s.amount_usable_eur, s.amount_exclusion_reason,
    s.is_under_contract, s.is_book_v,
    s.is_under_contract and not s.is_book_v as counts_for_duty,
    f.is_inclusive as is_inclusive_supplier, f.is_inclusive_hub as is_inclusive_supplier_hub,
    f.is_esus as is_esus_supplier, f.is_esus_hub as is_esus_supplier_hub,
    s.source_file, s.source_pointer
from curated.spend s
cross join reference.scheme c
left join reference.buyers b on b.buyer_id = s.buyer_id
left join curated.supplier_facts f on f.supplier_key = s.supplier_key
    and f.from_date = s.period_from and f.to_date = s.period_to
where b.buyer_id is not null or (c.all_buyers and s.buyer_id is not null)
order by s.year, s.line_id
