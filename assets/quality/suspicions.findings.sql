-- One finding per suspicion, and one per list that a check needs and does not have. The amounts
-- set aside by the official rules have their finding already (step curated.contracts).
with c as (
    select k.* from curated.contracts k
    join curated.buyers b on b.buyer_id = k.buyer_id and b.in_scheme
), needs as (
    select unnest(case coalesce(reserved_for, 'unspecified')
        when 'unspecified' then ['siae', 'ea', 'esat'] when 'L2113-14' then ['siae', 'ea', 'esat']
        when 'L2113-13' then ['siae'] when 'L2113-12' then ['ea', 'esat']
        when 'L2113-13-1' then ['sep'] end) as family
    from c where is_reserved
), absent as (
    select family as list, count(*) as contracts
    from needs
    where family not in (
        select k.family from curated.suppliers s join reference.supplier_kinds k on k.kind = s.kind)
    group by family
), files as (
    select family as list, max(nullif(file_fr, '')) || chr(31) || max(nullif(file_en, '')) as file
    from reference.supplier_kinds group by family
)
select rule, source_file, source_pointer, 'quality.suspicions' as table_name,
    coalesce(uid, concat_ws(' ', buyer_id, year)) as key, field, value,
    nullif(concat_ws(' ; ', reference_value, detail), '') as detail
from quality.suspicions where rule not in ('amount_set_aside', 'amount_symbolic')
union all
select 'list_absent', null, null, 'curated.suppliers', null, a.list, cast(a.contracts as varchar), f.file
from absent a left join files f using (list)
union all
select 'list_absent', null, null, 'curated.establishments', null, 'SIRENE', cast(count(*) as varchar),
    'un extrait du stock des établissements (StockEtablissement, INSEE)'
        || chr(31) || 'an extract of the stock of establishments (StockEtablissement, INSEE)'
from c
where holder_count > 0 and not exists (select 1 from curated.establishments)
having count(*) > 0
union all
select 'list_absent', null, null, 'curated.spend', null, 'spend', cast(count(*) as varchar),
    'un export de la comptabilité (modèle « spend »)'
        || chr(31) || 'an accounting export (template “spend”)'
from c
where amount_usable_eur is not null and not exists (select 1 from curated.spend)
having count(*) > 0
