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
), written as (
    select uid, record_kind, position,
        nullif(trim(holder ->> '$.id'), '') as id_text,
        upper(nullif(trim(holder ->> '$.typeIdentifiant'), '')) as holder_id_type,
        nullif(trim(holder ->> '$.denominationSociale'), '') as holder_name
    from listed
), ids as (
    -- What is no SIRET stays as it is written, but for the spaces inside fourteen digits.
    select id_text, siret, coalesce(siret, case
        when regexp_full_match(signs, '[0-9]{14}') then signs else id_text end) as holder_id
    from (select id_text, signs_of(id_text) as signs, valid_siret(id_text) as siret
        from (select distinct id_text from written))
), texts as (
    select uid, record_kind, position, holder_id, holder_id_type, holder_name, siret
    from written left join ids using (id_text)
)
select uid, record_kind, row_number() over (partition by uid, record_kind order by min(position), holder_id)
        as holder_number,
    holder_id, max(holder_id_type) as holder_id_type, max(holder_name) as holder_name,
    case when coalesce(max(holder_id_type), 'SIRET') = 'SIRET' then max(siret) end as siret
from texts
where holder_id is not null or holder_name is not null
group by uid, record_kind, holder_id, case when holder_id is null then holder_name end
order by uid, record_kind, holder_number
