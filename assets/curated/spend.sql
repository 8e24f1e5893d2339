-- One row per line of the spend ledgers. Only an amount without VAT is usable: the one stated, else
-- the one with VAT brought back with the rate of its own line.
with files as (
    -- The same file given twice counts once.
    select file_sha256, min(source_file) as source_file from typed_spend group by file_sha256
), buyers as (
    select buyer_id, trim(regexp_replace(strip_accents(lower(buyer_name)), '[^a-z0-9]+', ' ', 'g'))
            as folded_name,
        count(*) over () as buyers_of_scheme
    from reference.buyers
), lines as (
    select t.*,
        case when amount is not null then coalesce(amount_tax, nullif(tax_basis, ''), 'unknown') end
            as amount_basis,
        trim(regexp_replace(strip_accents(lower(coalesce(buyer_name, ''))), '[^a-z0-9]+', ' ', 'g'))
            as folded_name,
        trim(regexp_replace(strip_accents(lower(contract_reference)), '[^a-z0-9]+', ' ', 'g'))
            as folded_reference,
        case when year between 1990 and 2100 then year end as exercise
    from typed_spend t semi join files using (file_sha256, source_file)
), numbers as materialized (
    -- Check digits are computed once for each number: a ledger repeats its suppliers.
    select written, valid_siret(written) as siret, valid_siren(written) as siren
    from (select supplier_id as written from lines union select supplier_siren from lines)
    where written is not null
), placed as (
    select l.*,
        -- A scheme of one buyer has no other whose spend it could be.
        case when regexp_full_match(signs_of(l.buyer_id), '[0-9]{14}') then signs_of(l.buyer_id)
            when l.buyer_id is null then coalesce(named.buyer_id, only_one.buyer_id)
            end as known_buyer,
        i.siret as supplier_siret,
        coalesce(substr(i.siret, 1, 9), n.siren, i.siren) as known_siren
    from lines l
    left join numbers i on i.written = l.supplier_id
    left join numbers n on n.written = l.supplier_siren
    left join buyers named on named.folded_name = l.folded_name
    left join buyers only_one on only_one.buyers_of_scheme = 1
), valued as (
    select *,
        case when amount_basis = 'ht' then amount end as amount_ht_eur,
        case when amount_basis = 'ttc' then amount
            when amount_with_tax_tax is distinct from 'ht' then amount_with_tax end as amount_ttc_eur
    from placed
), usable as (
    select *, coalesce(amount_ht_eur, without_tax(amount_ttc_eur, vat_rate)) as amount_usable_eur
    from valued
)
select source_file || ' ' || source_pointer as line_id,
    known_buyer as buyer_id, buyer_name, directorate,
    coalesce(cast(extract(year from paid_date) as integer), exercise) as year,
    exercise as financial_year, paid_date,
    coalesce(paid_date, make_date(exercise, 1, 1)) as period_from,
    coalesce(paid_date, make_date(exercise, 12, 31)) as period_to,
    supplier_id, supplier_siret, known_siren as supplier_siren,
    coalesce(supplier_siret, known_siren) as supplier_key, supplier_name,
    category, account, voucher, contract_reference,
    coalesce(amount, amount_with_tax) as amount_received_eur,
    amount_ht_eur, amount_ttc_eur, vat_rate,
    case when amount_ht_eur is not null then 'ht' when amount_ttc_eur is not null then 'ttc'
        when coalesce(amount, amount_with_tax) is not null then 'unknown' end as tax_basis,
    amount_usable_eur,
    case when amount_usable_eur is not null then null
        when amount_out_of_range or amount_with_tax_out_of_range then 'out_of_range'
        when amount_ttc_eur is not null then 'tax_included'
        when coalesce(amount, amount_with_tax) is not null then 'tax_unknown'
        else 'missing' end as amount_exclusion_reason,
    coalesce(is_under_contract, case
        when folded_reference in ('hors marche', 'sans marche', 'aucun', 'aucun marche', 'neant',
            'non', 'hm') then false
        when folded_reference <> '' then true end) as is_under_contract,
    is_book_v,
    source_file, source_pointer
from usable
order by source_file, position
