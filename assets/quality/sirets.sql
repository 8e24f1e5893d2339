-- Each SIRET that names a buyer or a holder, once, and whether its check digit holds.
with named as materialized (
    select translate(holder_id, ' .' || chr(160) || chr(8239), '') as siret
    from curated.holders where holder_id is not null and holder_id_type = 'SIRET'
    union
    select translate(holder_id, ' .' || chr(160) || chr(8239), '')
    from curated.holders where holder_id is not null and holder_id_type is null
        and regexp_full_match(translate(holder_id, ' .' || chr(160) || chr(8239), ''), '[0-9]{14}')
    union
    select buyer_id from curated.buyers where buyer_id is not null
)
select siret, siret_is_valid(siret) as is_valid
from named
order by siret
