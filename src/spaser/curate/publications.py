"""Which contract each record is about: `curated.publications`.

Grain: one record of `curated.records`. A record without buyer or id is `rejected`. The department's
own register and DECP are told apart (`origin`): each is put in order alone, and
`curated.reconciliation` says which of their contracts are the same. Records of one key (buyer, id)
with different lot numbers, or without them different objects, inside one file are lots: each is a
contract, matched across files the same way; otherwise all records of a key are one contract. Of its
records the latest publication date wins, then file name, then position, last wins (`retained`); the
others are `merged`. Suffixes `#2`, `#3`… follow the lot number, the first publication, then the
object, so that they do not depend on file names. Source: ARCHITECTURE §4, DOMAIN §4.2.
"""

from __future__ import annotations

from spaser.cards import Catalogue
from spaser.curate.flat import OBJECT_KEY
from spaser.findings import Balance, write_balances
from spaser.warehouse import Connection, Tables

_COMPARED = (
    "object",
    "amount_text",
    "notified_date",
    "published_date",
    "duration_months",
    "social_considerations",
    "environmental_considerations",
    "holders",
    "amendments",
)
"""Fields whose differences between publications are named in the finding."""


def build(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """Write `curated.publications`, and the balances of contracts and concessions."""
    connection.execute("create temp table keyed as " + _KEYED)
    connection.execute(
        "create temp table repeated as "
        + _REPEATED.format(
            object_key=OBJECT_KEY.format("object"),
            compared=", ".join(f"{name}::varchar as {name}" for name in _COMPARED),
        )
    )
    connection.execute("create temp table assigned as " + _ASSIGNED)
    connection.execute("create temp table differences as " + _differences())
    rows = tables.write(connection, "curated.publications", _PUBLICATIONS)
    published = tables.scan("curated.publications")
    connection.execute(f"create or replace view publications as select * from {published}")
    balances = [
        Balance(f"publications:{kind}", total, kept, merged, rejected)
        for kind, total, kept, merged, rejected in connection.execute(_BALANCES).fetchall()
    ]
    write_balances(connection, tables, "publications", balances)
    return rows


_KEYED = """
select record_number, record_kind, origin, buyer_id, known_id as contract_id, notified_date,
    published_date,
    count(*) over (partition by record_kind, origin, buyer_id, known_id) as records_of_key
from (
    -- A lot that came to nothing never had a contract number: its consultation and lot name it.
    select *, coalesce(contract_id, case when outcome in ('unsuccessful', 'abandoned')
        then consultation_id || coalesce('-' || lot_number, '') end) as known_id
    from curated.records
)
"""

_REPEATED = """
with texts as (
    select record_number, source_file, lot_number as declared_lot,
        coalesce('lot ' || nullif(trim(lower(lot_number)), ''), {object_key}) as object_key,
        {compared}
    from curated.records
    where record_number in (
        select record_number from keyed
        where records_of_key > 1 and buyer_id is not null and contract_id is not null)
), objects_of_file as (
    select record_kind, origin, buyer_id, contract_id, source_file,
        count(distinct object_key) as objects
    from texts join keyed using (record_number) group by all
), lot_keys as (
    select record_kind, origin, buyer_id, contract_id, max(objects) > 1 as has_lots
    from objects_of_file group by all
)
select t.*, k.record_kind, k.origin, k.buyer_id, k.contract_id, l.has_lots,
    case when l.has_lots then t.object_key else '' end as lot_key,
    coalesce(t.declared_lot, nullif(regexp_extract(
        strip_accents(lower(coalesce(t.object, ''))),
        '\\blots?\\s*(?:n[^a-z0-9]{{0,2}}|no\\.?)?\\s*([0-9]+[a-z]?)\\b', 1), '')) as lot_number
from texts t join keyed k using (record_number)
join lot_keys l using (record_kind, origin, buyer_id, contract_id)
"""

_ASSIGNED = """
with contracts as (
    select r.record_kind, r.origin, r.buyer_id, r.contract_id, lot_key,
        max(lot_number) as lot_number,
        min(k.published_date) as first_published, min(r.object) as object, count(*) as publications,
        bool_or(has_lots) as has_lots
    from repeated r join keyed k using (record_number, record_kind, origin, buyer_id, contract_id)
    group by all
), numbered as (
    select *, row_number() over (
        partition by record_kind, origin, buyer_id, contract_id
        order by try_cast(regexp_extract(lot_number, '[0-9]+') as int) nulls last, lot_number,
            first_published nulls last, object, lot_key) as lot_rank
    from contracts
)
select r.record_number, n.lot_rank, n.publications, n.has_lots,
    case when n.has_lots then n.lot_number end as lot_number,
    row_number() over (
        partition by r.record_kind, r.origin, r.buyer_id, r.contract_id, r.lot_key
        order by k.published_date desc nulls last, r.record_number desc) = 1 as is_retained,
    first_value(r.record_number) over (
        partition by r.record_kind, r.origin, r.buyer_id, r.contract_id, r.lot_key
        order by k.published_date desc nulls last, r.record_number desc) as retained_number,
    min(k.notified_date) over contract as first_notified,
    min(k.published_date) over contract as first_published
from repeated r join numbered n using (record_kind, origin, buyer_id, contract_id, lot_key)
join (select record_number, notified_date, published_date from keyed) k using (record_number)
window contract as (
    partition by r.record_kind, r.origin, r.buyer_id, r.contract_id, r.lot_key)
"""


def _differences() -> str:
    """Per retained record: the fields that differ between its publications."""
    named = ", ".join(
        f"case when count(distinct coalesce({name}, '')) > 1 then '{name}' end"
        for name in _COMPARED
    )
    return f"""select a.retained_number as record_number,
            array_to_string(list_filter([{named}], lambda x: x is not null), ', ') as differences
        from assigned a join repeated r using (record_number)
        group by a.retained_number"""


_PUBLICATIONS = """
with keys as (
    select distinct record_kind, origin, buyer_id, contract_id
    from keyed where contract_id like '%#%'
)
select k.record_number, k.record_kind, k.origin,
    case when k.buyer_id is null or k.contract_id is null then null
        else k.buyer_id || '-' || k.contract_id
            -- Where another contract is already called so, one more sign tells them apart.
            || case when a.lot_rank > 1 and taken.contract_id is not null then '##' || a.lot_rank
                when a.lot_rank > 1 then '#' || a.lot_rank else '' end end as uid,
    case when k.buyer_id is null or k.contract_id is null then 'rejected'
        when a.record_number is null or a.is_retained then 'retained'
        else 'merged' end as role,
    k.buyer_id, k.contract_id, coalesce(a.has_lots, false) as has_lots, a.lot_number,
    coalesce(a.publications, 1) as publication_count,
    coalesce(a.first_notified, k.notified_date) as notified_date,
    coalesce(a.first_published, k.published_date) as published_date,
    nullif(d.differences, '') as differences
from keyed k left join assigned a using (record_number)
left join differences d using (record_number)
left join keys taken on taken.record_kind = k.record_kind and taken.origin = k.origin
    and taken.buyer_id = k.buyer_id
    and taken.contract_id = k.contract_id || '#' || a.lot_rank
order by k.record_number
"""

_BALANCES = """
select record_kind, count(*), count(*) filter (where role = 'retained'),
    count(*) filter (where role = 'merged'), count(*) filter (where role = 'rejected')
from publications group by record_kind order by record_kind
"""
