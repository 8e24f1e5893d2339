-- Every holder of a contract or concession, as the values in force declare them.
with declared as (
    select uid, record_kind,
        case when record_kind = 'concession' then objects_of(holders, 'concessionnaire')
            else objects_of(holders, 'titulaire') end as holders
    from curated.entries
    where holders is not null
), listed as (
    select uid, record_kind, generate_subscripts(holders, 1) as position, unnest(holders) as holder
    from declared
), texts as (
    select uid, record_kind, position,
        siret_of(nullif(trim(holder ->> '$.id'), '')) as holder_id,
        upper(nullif(trim(holder ->> '$.typeIdentifiant'), '')) as holder_id_type,
        nullif(trim(holder ->> '$.denominationSociale'), '') as holder_name
    from listed
)
select uid, record_kind, row_number() over (partition by uid, record_kind order by min(position), holder_id)
        as holder_number,
    holder_id, max(holder_id_type) as holder_id_type, max(holder_name) as holder_name
from texts
where holder_id is not null or holder_name is not null
group by uid, record_kind, holder_id, case when holder_id is null then holder_name end
order by uid, record_kind, holder_number
