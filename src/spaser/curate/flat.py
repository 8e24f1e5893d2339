"""Flat forms: the rows of one contract (holder × amendment) become one record.

A form whose card says `grain: row_per_holder` repeats the contract on each row. Rows of one file
with the same buyer, id, lot and object are one record: its fields are those of the first version
(the lowest amendment number, else the earliest notification), its holders those of that version,
and the later versions are its amendments, in the vocabulary of the DECP schema. Rows of one version
whose amounts differ keep the first one's; `other_amounts` names the others, and a finding says so.
"""

from __future__ import annotations

from spaser.cards import Catalogue
from spaser.warehouse import Connection

OBJECT_KEY = (
    "md5(trim(regexp_replace(strip_accents(lower(coalesce({0}, ''))), '[^a-z0-9]+', ' ', 'g')))"
)
"""Two objects are the same when they have the same letters and digits."""

RECORDS_A_FILE = 2**40
"""Record numbers leave this much room to each file: they order records by file name, then place."""


def collapse_rows(connection: Connection, catalogue: Catalogue) -> tuple[int, int]:
    """Create `staged_records` from `staged_rows`; returns rows in and records out.

    Adds `record_number` (order by file name, then position), `row_count` and `flat_amendments`
    (JSON list, null for nested forms).
    """
    flat = [
        card.key.removeprefix("sources/")
        for card in catalogue.sources.values()
        if card.grain == "row_per_holder"
    ]
    sources = ", ".join(f"'{name}'" for name in flat) or "''"
    connection.execute(f"create temp view flat_rows as {_flat_rows(sources)}")
    connection.execute(f"create temp table flat_records as {_FLAT_RECORDS}")
    fields = ", ".join(f"f.first_row.{name}" for name in catalogue.fields if name != "holders")
    connection.execute(
        f"""create temp view all_records as
        select * exclude (holders), holders, 1::bigint as row_count,
            null::varchar as flat_amendments, null::varchar as other_amounts
        from staged_rows where source not in ({sources})
        union all by name
        select f.first_row.source_file, f.first_row.file_sha256, f.first_row.source,
            f.first_row.source_pointer, f.first_row.position, f.first_row.record_kind,
            {fields}, f.first_row.origin, f.holders, f.row_count, f.flat_amendments,
            f.other_amounts
        from flat_records f"""
    )
    connection.execute(
        """create temp table file_ranks as
        select source_file,
            row_number() over (order by parse_filename(source_file), source_file) as file_rank
        from (select distinct source_file from all_records)"""
    )
    connection.execute(
        f"""create temp view staged_records as
        select file_rank * {RECORDS_A_FILE} + position as record_number, all_records.*
        from all_records join file_ranks using (source_file)"""
    )
    return _count(connection, "staged_rows"), _count(connection, "all_records")


def _count(connection: Connection, relation: str) -> int:
    return int(connection.execute(f"select count(*) from {relation}").fetchall()[0][0])


def _flat_rows(sources: str) -> str:
    return f"""select *, {OBJECT_KEY.format("object")} as object_key,
        lower(trim(coalesce(lot_number, ''))) as lot_key,
        coalesce(try_cast(amendment_id as bigint), 0) as version_number,
        case when amendment_id is null then coalesce(notified_date, '') else '' end as version_date
    from staged_rows where source in ({sources})"""


_FLAT_RECORDS = """
with versions as (
    select *, dense_rank() over contract as version
    from flat_rows
    window contract as (
        partition by source_file, buyer_id, contract_id, lot_key, object_key
        order by version_number, version_date)
), first_of_version as (
    select source_file, buyer_id, contract_id, lot_key, object_key, version, amendment_id,
        notified_date, published_date, amount, duration_months,
        row_number() over (
            partition by source_file, buyer_id, contract_id, lot_key, object_key, version
            order by position) as rank_in_version
    from versions
), amendments as (
    select source_file, buyer_id, contract_id, lot_key, object_key,
        to_json(list({'id': coalesce(amendment_id, cast(version - 1 as varchar)),
            'dateNotificationModification': notified_date,
            'datePublicationDonneesModification': published_date,
            'montant': amount, 'dureeMois': duration_months}
            order by version))::varchar as amendments
    from first_of_version where version > 1 and rank_in_version = 1
    group by all
), contracts as (
    select source_file, buyer_id, contract_id, lot_key, object_key, count(*) as row_count,
        arg_min(v, (version, position)) as first_row,
        list_sort(list(distinct amount) filter (where version = 1)) as amounts,
        list(distinct holders) filter (where version = 1 and holders is not null) as holder_texts
    from versions v group by all
)
select c.first_row, c.row_count,
    case when c.holder_texts is not null
        then '[' || list_aggregate(list_transform(list_sort(c.holder_texts),
            lambda h: h[2:-2]), 'string_agg', ',') || ']' end as holders,
    a.amendments as flat_amendments,
    case when len(c.amounts) > 1 then array_to_string(list_filter(
        c.amounts, lambda x: x is distinct from c.first_row.amount), ' ; ') end as other_amounts
from contracts c left join amendments a
    on a.source_file = c.source_file and a.object_key = c.object_key and a.lot_key = c.lot_key
    and a.buyer_id is not distinct from c.buyer_id
    and a.contract_id is not distinct from c.contract_id
"""
