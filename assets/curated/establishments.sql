-- One row per establishment, in its latest state.
with read as (
    select t.*, valid_siret(t.siret) as known_siret from typed_establishments t
), ranked as (
    select *, row_number() over (
        partition by known_siret,
            case when known_siret is null then source_file || ' ' || source_pointer end
        order by state_date desc nulls last, source_file, position) as place
    from read
)
select known_siret as siret, coalesce(substr(known_siret, 1, 9), valid_siren(siren)) as siren,
    coalesce(name, usual_name) as name,
    case establishment_state when 'open' then true when 'closed' then false end as is_open,
    opened_date,
    case when establishment_state = 'closed' then state_date end as closed_date,
    size_category, naf_code, source_file, source_pointer
from ranked where place = 1
order by siret, source_file, source_pointer
