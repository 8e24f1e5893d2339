-- One row per contract or awarded lot: the values in force, the year of the first notification, the amounts with the reason when set aside, the framework role.
with declared as (
    -- An amount is without VAT, or made so with the rate the register gives; otherwise unknown.
    select e.*,
        coalesce(e.amount, e.amount_with_tax, e.maximum_amount) as amount_declared_eur,
        case when e.amount is null and e.amount_with_tax is not null then 'ttc'
            else e.tax_basis end as declared_basis,
        e.amount is null and e.amount_with_tax is null and e.maximum_amount is not null
            as only_a_maximum,
        e.amount_out_of_range or (e.amount is null and e.amount_with_tax_out_of_range)
            as declared_out_of_range
    from curated.entries e
    where e.record_kind = 'contract' and coalesce(e.outcome, 'awarded') = 'awarded'
), retained as (
    select * exclude (amount),
        case when declared_basis = 'ht' then amount_declared_eur
            -- No rate of VAT is above 20 % (CGI art. 278): a greater one is no rate.
            when declared_basis = 'ttc' and vat_rate between 0 and 0.2
                then cast(round(amount_declared_eur / (1 + vat_rate), 2) as decimal(18,2))
            end as amount
    from declared
), keys as (
    select buyer_id, contract_id, min(uid) as uid
    from retained
    group by buyer_id, contract_id
), amended as (
    select uid, count(*) as amendment_count,
        max_by(amount_eur, amendment_number) filter (where amount_eur is not null) as current_eur
    from curated.amendments group by uid
), held as (
    select uid, count(*) as holder_count
    from curated.holders where record_kind = 'contract' group by uid
), digits as (
    select uid, replace(cast(amount as varchar), '.00', '') as amount_digits
    from retained where amount > 100000000
), joined as (
    select r.*,
        f.uid as framework_uid,
        coalesce(a.amendment_count, 0) as amendment_count,
        coalesce(a.current_eur, r.amount) as amount_current_eur,
        h.holder_count,
        case
            when r.declared_out_of_range then 'out_of_range'
            when r.amount_declared_eur is null then 'missing'
            when r.amount is null and r.declared_basis = 'ttc' then 'tax_included'
            when r.amount is null then 'tax_unknown'
            when r.amount < 0 then 'negative'
            when r.amount < 1 then 'below_one_euro'
            when r.amount = 1 then 'symbolic'
            when r.amount > 3000000000 then 'above_three_billion'
            when starts_with(d.amount_digits, '123456789') then 'digit_sequence'
            when regexp_full_match(d.amount_digits, '[0-9]*') and list_aggregate(
                list_transform(range(1, 10), lambda n: length(d.amount_digits)
                    - length(replace(d.amount_digits, cast(n as varchar), ''))), 'max') > 6
                then 'repeated_digit'
        end as amount_exclusion_reason,
        case when cpv_digits is not null then substr(cpv_digits, 1, 2) end as division
    from (
        -- Seven digits beginning with 3 or 9 are codes 03… or 09… whose zero a spreadsheet lost.
        select *, case
            when regexp_full_match(cpv_code, '[39][0-9]{6}(-.*)?') then '0' || substr(cpv_code, 1, 7)
            when regexp_matches(cpv_code, '^[0-9]{2}')
                then substr(regexp_extract(cpv_code, '^[0-9]+'), 1, 8) end as cpv_digits
        from retained
    ) r
    left join keys f on f.buyer_id = r.buyer_id and f.contract_id = r.framework_reference
        and r.framework_reference <> r.contract_id
    left join amended a on a.uid = r.uid
    left join held h on h.uid = r.uid
    left join digits d on d.uid = r.uid
), roles as (
    select *,
        case
            when nature = 'call_off' or framework_uid is not null then 'call_off'
            when nature = 'framework' or list_contains(techniques, 'framework') then 'framework'
            else 'none'
        end as framework_role
    from joined
), described as (
select
    uid, buyer_id, contract_id,
    coalesce(key_lot_number, lot_number) as lot_number,
    consultation_id, lot_title,
    nature, object,
    cpv_digits as cpv_code,
    division as cpv_division,
    coalesce(contract_type, case
        when division = '45' then 'works'
        when division between '50' and '98' then 'services'
        when division between '03' and '48' then 'supplies' end) as contract_type,
    procedure as procedure_code,
    techniques, execution_modes, framework_role, framework_reference, framework_uid,
    first_notified_date as notified_date,
    cast(year(first_notified_date) as integer) as year,
    first_published_date as published_date,
    launch_date,
    duration_months,
    amount_declared_eur, amount as amount_initial_eur,
    amount_current_eur,
    case when amount_exclusion_reason is null then amount end as amount_usable_eur,
    amount_exclusion_reason,
    case
        when only_a_maximum or framework_role = 'framework' or list_contains(execution_modes, 'purchase_orders') then true
        when source in ('decp_2019_json', 'decp_2019_csv') and nature is not null then false
        when techniques is not null and execution_modes is not null
            and not techniques_partial and not execution_modes_partial then false
    end as amount_is_maximum,
    estimated_value as estimated_value_eur, estimated_need as estimated_need_eur,
    declared_basis as tax_basis, vat_rate,
    on_behalf_of, member_shares, buyer_kind, directorate,
    social_considerations, environmental_considerations,
    consideration(social_considerations, social_considerations_partial, 'clause',
        list_contains(decp_fields, 'social_considerations'), social_clause) as has_social_clause,
    consideration(social_considerations, social_considerations_partial, 'criterion',
        list_contains(decp_fields, 'social_considerations'), social_criterion)
        as has_social_criterion,
    consideration(social_considerations, social_considerations_partial, 'reserved',
        list_contains(decp_fields, 'social_considerations'),
        coalesce(reserved_article <> 'none', reserved)) as is_reserved,
    consideration(environmental_considerations, environmental_considerations_partial, 'clause',
        list_contains(decp_fields, 'environmental_considerations'), environmental_clause)
        as has_environmental_clause,
    consideration(environmental_considerations, environmental_considerations_partial, 'criterion',
        list_contains(decp_fields, 'environmental_considerations'), environmental_criterion)
        as has_environmental_criterion,
    case when is_reserved then coalesce(nullif(reserved_article, 'none'), 'unspecified')
        when not is_reserved then 'none' end as reserved_for,
    clause_themes, exception_code, exception_reason, is_insertion_object,
    is_innovative,
    case when offers_received >= 1 then offers_received end as offers_received,
    ccag,
    case when price_form in ('unit', 'lump_sum', 'mixed') then price_form end as price_form,
    coalesce(price_types, case when price_form like '%_2019'
        then [replace(price_form, '_2019', '')] end) as price_types,
    grouping_kind, advance_granted, advance_rate, subcontracting_declared,
    eu_origin_share, france_origin_share,
    place_code, place_code_type,
    case
        when place_code_type = 'department' then case
            when regexp_full_match(place_code, '0?9[78][0-9]') then right(place_code, 3)
            when regexp_full_match(upper(place_code), '0{0,2}([1-9]|[1-8][0-9]|9[0-5]|2[AB])')
                then lpad(ltrim(upper(place_code), '0'), 2, '0') end
        when place_code_type in ('postal_code', 'municipality', 'arrondissement', 'canton') then case
            when regexp_full_match(place_code, '9[78][0-9]{3}') then substr(place_code, 1, 3)
            when place_code_type = 'postal_code' and regexp_full_match(place_code, '20[01][0-9]{2}') then '2A'
            when place_code_type = 'postal_code' and regexp_full_match(place_code, '20[2-9][0-9]{2}') then '2B'
            when regexp_full_match(upper(place_code), '([0-9]{2}|2[AB])[0-9]{3}')
                then substr(upper(place_code), 1, 2)
            when place_code_type = 'canton'
                and regexp_full_match(upper(place_code), '([0-9]{2}|2[AB])[0-9]{2}')
                then substr(upper(place_code), 1, 2)
            when place_code_type in ('postal_code', 'municipality')
                and regexp_full_match(place_code, '[1-9][0-9]{3}') then '0' || substr(place_code, 1, 1)
            end
    end as department_code,
    holder_count, amendment_count, publication_count,
    origin, decp_uid, decp_fields, corrected_fields,
    source_file, source_pointer
from roles
)
select *,
    25 as required_fields,
    25 - len(missing_fields) as filled_fields
from (
    select *, list_filter([
        case when contract_id is null then 'contract_id' end,
        case when buyer_id is null then 'buyer_id' end,
        case when nature is null then 'nature' end,
        case when object is null then 'object' end,
        case when cpv_code is null then 'cpv_code' end,
        case when procedure_code is null then 'procedure' end,
        case when techniques is null then 'techniques' end,
        case when execution_modes is null then 'execution_modes' end,
        case when is_innovative is null then 'is_innovative' end,
        case when ccag is null then 'ccag' end,
        case when offers_received is null then 'offers_received' end,
        case when advance_granted is null then 'advance_granted' end,
        case when grouping_kind is null then 'grouping_kind' end,
        case when subcontracting_declared is null then 'subcontracting_declared' end,
        case when place_code is null then 'place_code' end,
        case when place_code_type is null then 'place_code_type' end,
        case when duration_months is null then 'duration_months' end,
        case when notified_date is null then 'notified_date' end,
        case when published_date is null then 'published_date' end,
        case when amount_initial_eur is null then 'amount' end,
        case when price_form is null then 'price_form' end,
        case when price_types is null then 'price_types' end,
        case when social_considerations is null then 'social_considerations' end,
        case when environmental_considerations is null then 'environmental_considerations' end,
        case when holder_count is null then 'holders' end
    ], lambda field: field is not null) as missing_fields
    from described
)
order by uid
