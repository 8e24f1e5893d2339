-- What looks wrong in the contracts of the scheme's buyers: to be checked, never repaired here.
-- Most rules give one row per contract; those about a habit (maxima, late publications, a field
-- that a whole register lacks) give one row per buyer and year, without uid.
-- Each pass over the contracts serves as many rules as it can: a pass has its buffers, and twenty at
-- once would not fit in the memory given.
with c as not materialized (
    select k.*, left(k.buyer_id, 9) as buyer_siren
    from curated.contracts k
    join curated.buyers b on b.buyer_id = k.buyer_id and b.in_scheme
), parties as not materialized (
    -- Who holds each contract under a SIRET.
    select uid, siret, holder_number
    from (
        select uid, holder_number, translate(holder_id, ' .' || chr(160) || chr(8239), '') as siret,
            holder_id_type
        from curated.holders where record_kind = 'contract' and holder_id is not null
    )
    where holder_id_type = 'SIRET' or holder_id_type is null and regexp_full_match(siret, '[0-9]{14}')
), first_holders as not materialized (
    select uid, left(siret, 9) as siren from parties
    where holder_number = 1 and siret not in (select siret from quality.sirets where not is_valid)
),
-- Amounts
usual as (
    -- The 99th percentile by nearest rank: at most one amount in a hundred is above it.
    select buyer_id, quantile_disc(amount_usable_eur, 0.99) as p99_eur, count(*) as amounts
    from c where amount_usable_eur is not null group by buyer_id having count(*) >= 100
), spent as (
    -- At most: a line whose tax basis is unknown counts whole; a year with an unknown line is left.
    select left(buyer_id, 9) as buyer_siren, year,
        sum(coalesce(amount_usable_eur, greatest(amount_ht_eur, amount_ttc_eur, 0))) as spent_eur
    from curated.spend where buyer_id is not null and year is not null
    group by left(buyer_id, 9), year
    having bool_and(coalesce(amount_usable_eur, amount_ht_eur, amount_ttc_eur) is not null)
        and spent_eur > 0
), amended as (
    select a.uid, c.buyer_id, c.year, c.source_file, c.source_pointer,
        a.amendment_number, a.amount_eur as amended_eur, c.amount_usable_eur as initial_eur
    from curated.amendments a join c using (uid)
    where a.amount_eur <= c.amount_usable_eur / 2 or a.amount_eur > c.amount_usable_eur * 1.5
),
-- Reserved contracts: which structures each article admits (L2113-12 to L2113-14). GEIQ are no SIAE
-- of article L5132-4 of the code du travail: they may pass for equivalents, and their list is not
-- needed. Without the lists that an article needs, nothing is said of its contracts.
articles(article, family, is_needed) as (
    values ('L2113-12', 'ea', true), ('L2113-12', 'esat', true), ('L2113-13', 'siae', true),
        ('L2113-13', 'geiq', false), ('L2113-13-1', 'sep', true), ('L2113-14', 'ea', true),
        ('L2113-14', 'esat', true), ('L2113-14', 'siae', true), ('L2113-14', 'geiq', false),
        ('unspecified', 'ea', true), ('unspecified', 'esat', true), ('unspecified', 'siae', true),
        ('unspecified', 'geiq', false), ('unspecified', 'sep', false)
), structures as (
    select s.siret, s.siren, s.kind, k.family,
        case when s.is_dated then s.valid_from end as valid_from,
        case when s.is_dated then s.valid_to end as valid_to
    from curated.suppliers s join reference.supplier_kinds k on k.kind = s.kind
), lists as (
    select article, string_agg(family, ' ' order by family) as families
    from articles where is_needed group by article
    having bool_and(family in (select family from structures))
), reserved as materialized (
    select uid, buyer_id, year, source_file, source_pointer, notified_date, holder_count,
        coalesce(reserved_for, 'unspecified') as article, duration_months, amount_initial_eur
    from c where is_reserved
), social_holders as materialized (
    select uid, siret, holder_number from parties
    where uid in (select uid from reserved) or siret in (select siret from structures)
), reserved_holders as (
    select h.uid, h.siret, h.holder_number, r.notified_date, r.article, r.holder_count, s.is_valid
    from reserved r join social_holders h using (uid) join quality.sirets s using (siret)
), fully_known as (
    -- A holder without a valid SIRET may be anyone.
    select uid, string_agg(siret, ' ' order by holder_number) as sirets
    from reserved_holders group by uid having bool_and(is_valid) and count(*) >= max(holder_count)
), admitted as (
    select distinct h.uid
    from reserved_holders h join articles a using (article)
    join structures s on s.siren = left(h.siret, 9) and s.family = a.family
    where (s.valid_from is null or h.notified_date is null or s.valid_from <= h.notified_date)
        and (s.valid_to is null or h.notified_date is null or s.valid_to >= h.notified_date)
), hidden as (
    select c.uid, min(c.buyer_id) as buyer_id, min(c.year) as year, min(s.siret) as siret,
        string_agg(distinct s.kind, ' ' order by s.kind) as kinds, min(c.source_file) as source_file,
        min(c.source_pointer) as source_pointer, min(c.amount_initial_eur) as amount_eur
    from structures s join social_holders h using (siret) join c on c.uid = h.uid
    where s.family in ('siae', 'ea', 'esat')
        and c.has_social_clause = false and c.has_social_criterion = false and c.is_reserved = false
        and (s.valid_from is null or c.notified_date is null or s.valid_from <= c.notified_date)
        and (s.valid_to is null or c.notified_date is null or s.valid_to >= c.notified_date)
    group by c.uid
),
-- Identities: SIRETs that fail their key, and what an extract of the establishments says of the others
doubted as materialized (
    select p.uid, p.siret, p.holder_number, c.buyer_id, c.year, c.notified_date, c.amount_usable_eur,
        c.source_file, c.source_pointer,
        case when not p.is_valid then 'siret_invalid'
            when p.is_listed then 'siret_closed'
            when p.is_known_siren then 'siret_unknown'
            else 'siren_not_in_extract' end as rule,
        p.closed_date
    from (
        select p.*, s.is_valid, e.siret is not null as is_listed, e.closed_date,
            left(p.siret, 9) in (select siren from curated.establishments) as is_known_siren
        from parties p join quality.sirets s using (siret)
        left join curated.establishments e on e.siret = p.siret
        where not s.is_valid or e.closed_date is not null
            or e.siret is null and exists (select 1 from curated.establishments)
    ) p join c using (uid)
    where not p.is_valid or not p.is_listed or p.closed_date < c.notified_date
),
-- Thresholds split: several needs, each just under a threshold; lots of a consultation are one need.
under as (
    -- Below publicity (R2122-8) or below the EU procedures; the buyer is a local authority unless the
    -- register says that it acts as a contracting entity.
    select c.uid, c.buyer_id, c.year, c.source_file, c.source_pointer,
        left(c.cpv_code, 4) as cpv_class, c.notified_date,
        c.amount_usable_eur as amount_eur, coalesce(c.consultation_id, c.contract_id) as need,
        t.key as threshold, t.value_ht as value_eur
    from c join reference.thresholds t
        on t.key in ('no_publicity', 'eu') and t.contract_type = c.contract_type
        and t.buyer_kind in ('any', case when c.buyer_kind = 'contracting_entity'
            then 'contracting_entity' else 'local_authority' end)
        and c.notified_date >= t.valid_from and (t.valid_to is null or c.notified_date <= t.valid_to)
    where c.amount_usable_eur < t.value_ht and c.amount_usable_eur >= t.value_ht * 0.8
        and length(c.cpv_code) >= 4 and c.framework_role <> 'call_off'
        and (c.procedure_code is null or c.procedure_code in ('adapted', 'direct'))
        and (c.on_behalf_of is null or c.on_behalf_of = 'own')
        and (c.estimated_need_eur is null or c.estimated_need_eur < t.value_ht)
), split as (
    select *, row_number() over (
        partition by buyer_id, cpv_class, siren, threshold, year(notified_date)
        order by notified_date, uid) as position
    from (
        select u.*, h.siren, count(distinct u.need) over twelve_months as needs,
            sum(u.amount_eur) over twelve_months as sum_eur,
            list_sort(list(u.uid) over twelve_months) as uids
        from under u join first_holders h using (uid)
        window twelve_months as (
            partition by u.buyer_id, u.cpv_class, h.siren, u.threshold order by u.notified_date
            range between current row and interval '12' month following)
    )
    where needs >= 3 and sum_eur > value_eur
),
-- One row per contract
plain as (
    select *, amount_usable_eur > p99_eur as is_above_usual, amount_usable_eur > 10 * spent_eur as is_above_spend,
        contract_type <> cpv_type as is_against_type
    from (
        select c.uid, c.buyer_id, c.year, c.source_file, c.source_pointer, c.amount_initial_eur,
            c.amount_usable_eur, c.cpv_code, c.contract_type, u.p99_eur, u.amounts, s.spent_eur,
            case when c.amount_exclusion_reason in ('negative', 'below_one_euro', 'symbolic',
                'above_three_billion', 'digit_sequence', 'repeated_digit', 'out_of_range')
                then c.amount_exclusion_reason end as excluded,
            case when c.cpv_division = '45' then 'works'
                when c.cpv_division between '50' and '98' then 'services'
                when c.cpv_division between '03' and '48' then 'supplies' end as cpv_type
        from c left join usual u using (buyer_id)
        left join spent s on s.buyer_siren = c.buyer_siren and s.year = c.year
    )
    where excluded is not null or is_above_usual or is_above_spend or is_against_type
), told as (
    select uid, buyer_id, year, source_file, source_pointer, unnest([
        case when excluded is not null then {
            'rule': case excluded when 'symbolic' then 'amount_symbolic' else 'amount_set_aside' end,
            'field': 'amount', 'value': cast(amount_initial_eur as varchar),
            'reference_value': null::varchar, 'detail': excluded, 'amount_eur': amount_initial_eur} end,
        case when is_above_usual then {'rule': 'amount_above_usual', 'field': 'amount',
            'value': cast(amount_usable_eur as varchar), 'reference_value': cast(p99_eur as varchar),
            'detail': cast(amounts as varchar), 'amount_eur': amount_usable_eur} end,
        case when is_above_spend then {'rule': 'amount_above_spend', 'field': 'amount',
            'value': cast(amount_usable_eur as varchar), 'reference_value': cast(spent_eur as varchar),
            'detail': null::varchar, 'amount_eur': amount_usable_eur} end,
        case when is_against_type then {'rule': 'cpv_against_type', 'field': 'contract_type',
            'value': contract_type, 'reference_value': cpv_type, 'detail': cpv_code,
            'amount_eur': amount_usable_eur} end
    ]) as told
    from plain
), single as (
    select told.rule, uid, buyer_id, year, told.field, told.value, told.reference_value, told.detail,
        source_file, source_pointer, told.amount_eur
    from told where told is not null
    union all
    select case when amended_eur > initial_eur then 'amendment_over_half'
            else 'amendment_looks_like_increment' end,
        uid, buyer_id, year, 'amendments', cast(amended_eur as varchar), cast(initial_eur as varchar),
        cast(amendment_number as varchar), source_file, source_pointer, abs(amended_eur - initial_eur)
    from amended
    union all
    select 'reserved_holder_not_listed', r.uid, r.buyer_id, r.year, 'social_considerations', k.sirets,
        r.article, l.families, r.source_file, r.source_pointer, r.amount_initial_eur
    from reserved r join lists l using (article) join fully_known k on k.uid = r.uid
    where r.uid not in (select uid from admitted)
    union all
    -- The exclusion of article L2113-15 covers services of three years at most.
    select 'reserved_too_long', uid, buyer_id, year, 'duration_months', cast(duration_months as varchar),
        '36', article, source_file, source_pointer, amount_initial_eur
    from reserved where article = 'L2113-15' and duration_months > 36
    union all
    select 'listed_holder_not_declared', uid, buyer_id, year, 'social_considerations', siret, kinds, null,
        source_file, source_pointer, amount_eur
    from hidden
    union all
    select distinct rule, uid, buyer_id, year, 'holders', siret,
        case rule when 'siret_closed' then cast(closed_date as varchar)
            when 'siret_unknown' then left(siret, 9) end,
        case rule when 'siret_closed' then cast(notified_date as varchar) end,
        source_file, source_pointer, amount_usable_eur
    from doubted where rule <> 'siren_not_in_extract'
    union all
    select 'near_duplicate', uid, buyer_id, year, 'contract_id', uid, other_uid,
        cast(likeness as varchar), source_file, source_pointer, amount_eur
    from quality.near_duplicates
    union all
    select 'threshold_split', uid, buyer_id, year, 'amount', cast(sum_eur as varchar),
        cast(value_eur as varchar), array_to_string(uids, ' '), source_file, source_pointer, sum_eur
    from split where position = 1
),
-- One row per buyer and year, or per buyer, year and file
habits as (
    -- R2196-1: two months; before 2024 data went to the buyer's profile, not to the portal. The duties
    -- in force on 21 August 2026 (L2112-2-1) look at the launch date and at the whole need.
    select uid, buyer_id, year, unnest([
        case when amount_is_maximum and amount_usable_eur is not null then {
            'rule': 'maximum_as_value', 'field': 'amount', 'file': null::varchar,
            'place': -amount_usable_eur, 'amount_eur': amount_usable_eur} end,
        case when is_late then {
            'rule': 'published_late', 'field': 'published_date', 'file': null::varchar,
            'place': notified_date - published_date, 'amount_eur': amount_usable_eur} end,
        case when is_unlaunched then {
            'rule': 'launch_missing', 'field': 'launch_date', 'file': null::varchar,
            'place': 0, 'amount_eur': amount_usable_eur} end,
        case when is_unestimated then {
            'rule': 'estimate_missing', 'field': 'estimated_need', 'file': null::varchar,
            'place': 0, 'amount_eur': amount_usable_eur} end,
        case when amount_exclusion_reason = 'tax_included' then {
            'rule': 'tax_included_without_rate', 'field': 'vat_rate', 'file': source_file,
            'place': 0, 'amount_eur': amount_declared_eur} end,
        case when amount_exclusion_reason = 'tax_unknown' then {
            'rule': 'tax_basis_unknown', 'field': 'tax_basis', 'file': source_file,
            'place': 0, 'amount_eur': amount_declared_eur} end
    ]) as habit
    from (
        select uid, buyer_id, year, source_file, notified_date, published_date, amount_declared_eur,
            amount_usable_eur, amount_exclusion_reason, amount_is_maximum,
            notified_date >= date '2024-01-01' and published_date > notified_date + interval '2' month
                and amount_initial_eur >= 40000 and tax_basis = 'ht' as is_late,
            launch_date is null and notified_date >= date '2026-08-21' as is_unlaunched,
            estimated_need_eur is null and launch_date >= date '2026-08-21' as is_unestimated
        from c
    )
    where amount_is_maximum or is_late or is_unlaunched or is_unestimated
        or amount_exclusion_reason in ('tax_included', 'tax_unknown')
), grouped as (
    -- The detail is the contract that stands first: the highest, the latest, or the first by name.
    select habit.rule, buyer_id, year, habit.field, cast(count(*) as varchar) as value,
        min((habit.place, uid))[2] as detail, habit.file as source_file,
        sum(habit.amount_eur) as amount_eur
    from habits where habit is not null
    group by habit.rule, buyer_id, year, habit.field, habit.file
    union all
    select 'siret_invalid', buyer_id, null, 'buyer_id', buyer_id, cast(count(*) as varchar),
        min(source_file), sum(amount_usable_eur)
    from c where buyer_id in (select siret from quality.sirets where not is_valid) group by buyer_id
    union all
    -- An extract may hold a part of the establishments only: a whole unknown company proves nothing.
    select rule, buyer_id, year, 'holders', cast(count(distinct siret) as varchar), min(siret), null,
        sum(amount_usable_eur) filter (holder_number = 1)
    from doubted where rule = 'siren_not_in_extract' group by rule, buyer_id, year
)
select rule, uid, buyer_id, cast(year as integer) as year, field, value, reference_value, detail,
    source_file, source_pointer, cast(amount_eur as decimal(18,2)) as amount_eur
from (from single union all by name from grouped)
order by rule, buyer_id, year, uid, field, value, detail, source_file, source_pointer
