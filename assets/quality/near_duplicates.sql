-- Pairs of contracts that may be one: the same buyer, holder and amount, three days apart at most,
-- and like objects. For a person to decide, never merged here.
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
), repeated as (
    -- Most amounts are met once: what follows looks at the others only.
    select buyer_siren, amount_usable_eur from c
    where amount_usable_eur is not null and notified_date is not null and framework_role <> 'call_off'
    group by buyer_siren, amount_usable_eur having count(*) > 1
), comparable as materialized (
    select c.uid, c.buyer_siren, h.siren, c.amount_usable_eur, c.notified_date, c.contract_id,
        c.consultation_id
    from repeated r
    join c on c.buyer_siren = r.buyer_siren and c.amount_usable_eur = r.amount_usable_eur
    join first_holders h using (uid)
    where c.notified_date is not null and c.framework_role <> 'call_off'
    -- More than two hundred alike are a series and no slip; their pairs would be without number.
    qualify count(*) over (partition by c.buyer_siren, h.siren, c.amount_usable_eur) <= 200
), close_pairs as materialized (
    -- Lots are no duplicates of each other, nor call-offs of their framework.
    select later.uid, earlier.uid as other_uid
    from comparable later join comparable earlier
        on earlier.buyer_siren = later.buyer_siren and earlier.siren = later.siren
        and earlier.amount_usable_eur = later.amount_usable_eur
        and earlier.notified_date between later.notified_date - interval '3' day and later.notified_date
        and (earlier.notified_date < later.notified_date or earlier.uid < later.uid)
        and earlier.contract_id <> later.contract_id
        and (earlier.consultation_id is null or later.consultation_id is null
            or earlier.consultation_id <> later.consultation_id)
), texts as materialized (
    select uid, buyer_id, year, amount_usable_eur as amount_eur, source_file, source_pointer,
        lower(strip_accents(regexp_replace(object, '[\s[:punct:]]+', ' ', 'g'))) as words,
        regexp_replace(object, '[^0-9]+', ' ', 'g') as numbers
    from c
    where uid in (select uid from close_pairs union select other_uid from close_pairs)
), likenesses as (
    -- Two texts with other numbers speak of other lots, years or places.
    select p.uid, p.other_uid, later.buyer_id, later.year, later.amount_eur, later.source_file,
        later.source_pointer, cast(jaro_winkler_similarity(earlier.words, later.words) as decimal(4,3)) as likeness
    from close_pairs p join texts later on later.uid = p.uid
    join texts earlier on earlier.uid = p.other_uid and earlier.numbers = later.numbers
)
select uid, other_uid, likeness, buyer_id, year, amount_eur, source_file, source_pointer
from likenesses where likeness >= 0.9
order by uid, other_uid
