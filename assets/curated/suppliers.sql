-- One row per structure, kind and period of its convention or approval, as the lists give them.
with read as (
    select t.*, valid_siret(t.siret) as known_siret,
        coalesce(substr(valid_siret(t.siret), 1, 9), valid_siren(t.siren)) as known_siren,
        -- A list of one kind of structure does not repeat it on each row.
        coalesce(t.supplier_kind, k.kind) as kind
    from typed_suppliers t
    left join reference.supplier_kinds k on k.list_source = t.source
), ranked as (
    select *, row_number() over (
        partition by known_siret, known_siren, kind, valid_from, valid_to,
            -- What cannot be told from another is kept.
            case when known_siren is null then source_file || ' ' || source_pointer end
        order by list_date desc nulls last, source_file, position) as place
    from read
)
select known_siret as siret, known_siren as siren, kind, name, valid_from, valid_to,
    valid_from is not null or valid_to is not null as is_dated,
    coalesce(list_name, source) as list_name, list_date, source_file, source_pointer
from ranked where place = 1
order by siren, siret, kind, valid_from, valid_to, source_file, source_pointer
