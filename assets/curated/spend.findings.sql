-- What of a ledger enters no figure, counted by file: a ledger has as many lines as a year has days.
with told as (
    select case amount_exclusion_reason when 'tax_included' then 'spend_tax_included'
            when 'tax_unknown' then 'spend_tax_unknown' when 'missing' then 'spend_missing'
            when 'out_of_range' then 'spend_out_of_range' end as rule,
        source_file, source_pointer, 'amount' as field
    from curated.spend where amount_exclusion_reason is not null
    union all
    select 'spend_without_buyer', source_file, source_pointer, 'buyer_id'
    from curated.spend where buyer_id is null
    union all
    select 'spend_other_buyer', source_file, source_pointer, 'buyer_id'
    from curated.spend
    where buyer_id is not null and not (select all_buyers from reference.scheme)
        and buyer_id not in (select buyer_id from reference.buyers)
    union all
    select 'spend_without_year', source_file, source_pointer, 'paid_date'
    from curated.spend where year is null
    union all
    select 'spend_year_differs', source_file, source_pointer, 'year'
    from curated.spend where financial_year <> year
    union all
    select 'spend_supplier_unknown', source_file, source_pointer, 'supplier_id'
    from curated.spend where supplier_key is null
    union all
    select 'spend_contract_unknown', source_file, source_pointer, 'is_under_contract'
    from curated.spend where is_under_contract is null or (is_under_contract and is_book_v is null)
)
select rule, source_file, min(source_pointer) as source_pointer, 'curated.spend' as table_name,
    null::varchar as key, field, count(*)::varchar as value, null::varchar as detail
from told group by rule, source_file, field
union all
select 'spend_file_twice', source_file, null, 'curated.spend', null, null, count(*)::varchar,
    min(kept)
from (
    select t.source_file, min(t.source_file) over (partition by t.file_sha256) as kept
    from typed_spend t
) where source_file <> kept group by source_file
union all
-- One line in two files (a year's export and a running one) would count twice: it is only said.
select 'spend_line_twice', max(source_file), max_by(source_pointer, source_file), 'curated.spend',
    voucher, 'voucher', count(*)::varchar, min(source_file)
from curated.spend
where voucher is not null
group by voucher, buyer_id, year, paid_date, supplier_key, amount_received_eur, account
having count(distinct source_file) > 1
