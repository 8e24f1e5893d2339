-- What the two registers say of each other. A candidate (near) is no match: nothing is merged.
with placed as (
    select p.origin, p.uid, r.source_file, r.source_pointer,
        nullif(concat_ws(', ', p.notified_date, r.amount || ' €'), '') as said
    from curated.publications p join curated.records r using (record_number)
    where p.role = 'retained' and p.record_kind = 'contract'
), listed as (
    select x.*, coalesce(o.source_file, d.source_file) as source_file,
        coalesce(o.source_pointer, d.source_pointer) as source_pointer,
        coalesce(o.said, d.said) as said, round(score * 100)::int || ' %' as sureness
    from curated.reconciliation x
    left join placed o on o.origin = 'own' and o.uid = x.own_uid
    left join placed d on d.origin = 'decp' and d.uid = x.decp_uid
), differing as (
    select *, unnest(differences) as field from listed where level in ('id', 'description', 'decided')
)
select case when is_publication_due then 'missing_in_decp'
        when not is_publication_due then 'missing_in_decp_not_due'
        else 'missing_in_decp_undecided' end as rule,
    source_file, source_pointer, 'curated.reconciliation' as table_name, own_uid as key,
    null::varchar as field, null::varchar as value, said as detail
from listed where level = 'none' and own_uid is not null and decp_received
union all
-- Without any DECP file nothing can be said of a contract: one finding a buyer and year.
select 'decp_not_received', min_by(source_file, own_uid), min_by(source_pointer, own_uid),
    'curated.reconciliation', buyer_id, null, count(*)::varchar, coalesce(year::varchar, '—')
from listed where level = 'none' and not decp_received
group by buyer_id, year
union all
select 'missing_in_register', source_file, source_pointer, 'curated.reconciliation', decp_uid, null,
    null, said
from listed where level = 'none' and own_uid is null
union all
select 'decp_differs', source_file, source_pointer, 'curated.reconciliation', own_uid, field,
    own_values ->> field, decp_values ->> field
from differing
union all
select 'near_match', source_file, source_pointer, 'curated.reconciliation', own_uid, null, decp_uid,
    sureness
from listed where level = 'near'
union all
select 'matched_by_description', source_file, source_pointer, 'curated.reconciliation', own_uid,
    null, decp_uid, sureness
from listed where level = 'description'
union all
select 'many_candidates', source_file, source_pointer, 'curated.reconciliation',
    coalesce(own_uid, decp_uid), null, candidate_count::varchar, null
from listed where candidate_count > 1
union all
select 'match_decision_unusable', o.source_file, o.source_pointer, 'curated.reconciliation', l.key,
    l.field, l.new, null
from (select distinct key, field, new from ledger_rows where field = 'same_as') l
join placed o on o.origin = 'own' and o.uid = l.key
join placed d on d.origin = 'decp' and d.uid = l.new
where (l.key, l.new) not in (
    select (own_uid, decp_uid) from curated.reconciliation where level = 'decided')
