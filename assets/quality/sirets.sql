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
select siret, case
        when not regexp_full_match(siret, '[0-9]{14}') or siret = '00000000000000' then false
        -- The establishments of La Poste, its head office apart, have their own rule.
        when starts_with(siret, '356000000') and siret <> '35600000000048' then
            list_sum(list_transform(range(1, 15), lambda i: try_cast(substr(siret, i, 1) as int))) % 5 = 0
        else list_sum(list_transform(range(1, 15), lambda i: case
                when i % 2 = 0 then try_cast(substr(siret, i, 1) as int)
                else 2 * try_cast(substr(siret, i, 1) as int) // 10
                    + 2 * try_cast(substr(siret, i, 1) as int) % 10 end)) % 10 = 0
            -- The SIREN, its first nine digits, has a key of its own.
            and list_sum(list_transform(range(1, 10), lambda i: case
                when i % 2 = 1 then try_cast(substr(siret, i, 1) as int)
                else 2 * try_cast(substr(siret, i, 1) as int) // 10
                    + 2 * try_cast(substr(siret, i, 1) as int) % 10 end)) % 10 = 0
    end as is_valid
from named
order by siret
