"""staged registers → `curated.records`: one typed row per record of a register.

Grain: one record of one file (a flat form's rows of one contract are one record). Findings name
every value that was not understood, each at its cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

import pyarrow as pa

import spaser
from spaser.cards import Catalogue, Feeds
from spaser.curate import typed
from spaser.curate.flat import collapse_rows
from spaser.findings import Balance, write_balances, write_findings
from spaser.scheme import Scheme
from spaser.values import Read, read_date, read_month
from spaser.warehouse import Connection, Tables

KEPT = ("record_number", *typed.PROVENANCE, "origin", "row_count", "flat_amendments")
"""What a record has beside its fields."""

LONGEST_SILENCE = timedelta(days=3 * 366)
"""A date more than three years after the one before it is in the future of the registers: a small
buyer may notify nothing for a year or two."""

BOUNDED_DATES = ("notified_date", "published_date", "signed_date", "outcome_date")
"""What has happened: none of these can be after the reference date."""

DATING = ("notified_date", "published_date", "signed_date")
"""What the reference date is found from, with the dates of `FOLLOWED`."""

FOLLOWED: dict[Feeds, tuple[str, ...]] = {
    "invoiced": ("invoiced_date",),
    "clause_events": ("event_date",),
    "hours": ("decided_date", "month"),
}
"""What the follow-up of clauses dates: it goes on when no contract is notified any more."""

LONGEST_PAUSE = timedelta(days=92)
"""Hours are returned by the month or the quarter: a month worked that stands alone further on is
mistyped, and must not move the day of the report."""


def build(
    connection: Connection,
    tables: Tables,
    catalogue: Catalogue,
    as_of: date | None,
    spellings: typed.Spellings,
) -> date | None:
    """Write `curated.records`, its findings and its balance; returns the reference date."""
    typed.union_sources(connection, tables, catalogue, "register")
    rows_in, records_in = collapse_rows(connection, catalogue)
    texts = typed.Texts(connection, catalogue.fields.values())
    acts, months = _followed_dates(connection, tables, catalogue)
    reference = _read_dates(connection, texts, as_of, acts, months)
    texts.read(catalogue, "all_records", spellings, but=["date"])
    tables.write_batches("curated.records", texts.batches(KEPT, "staged_records"), "part")
    _write_findings(connection, tables, catalogue, texts, reference)
    balance = Balance("records", rows_in, records_in, rows_in - records_in, 0)
    write_balances(connection, tables, "records", [balance])
    return reference


def count(connection: Connection, tables: Tables) -> int:
    """Rows of `curated.records`."""
    query = f"select count(*) from {tables.scan('curated.records')}"
    return int(connection.execute(query).fetchall()[0][0])


def write_run(connection: Connection, tables: Tables, scheme: Scheme, as_of: date | None) -> None:
    """Write `quality.run`: one row that says what this run is about."""
    run = {
        "scheme": scheme.name,
        "title_fr": scheme.title.fr,
        "title_en": scheme.title.en,
        "as_of": as_of,
        "floor_eur": scheme.floor_eur,
        "software_version": spaser.__version__,
    }
    schema = pa.schema(
        [
            ("scheme", pa.string()),
            ("title_fr", pa.string()),
            ("title_en", pa.string()),
            ("as_of", pa.date32()),
            ("floor_eur", pa.decimal128(18, 2)),
            ("software_version", pa.string()),
        ]
    )
    connection.register("run_row", pa.Table.from_pylist([run], schema=schema))
    tables.write(connection, "quality.run", "select * from run_row")


def _followed_dates(
    connection: Connection, tables: Tables, catalogue: Catalogue
) -> tuple[list[date], list[date]]:
    """The days of `FOLLOWED` in the staged tables, and the last days of the months worked."""
    acts: list[date] = []
    months: list[date] = []
    for feeds, fields in FOLLOWED.items():
        for card in catalogue.sources_of(feeds):
            table = card.key.replace("sources/", "staged.")
            if not tables.exists(table):
                continue
            for field in fields:
                for text in typed.distinct_texts(connection, field, tables.scan(table)):
                    if field == "month":
                        months += _days(text, is_month=True)
                    else:
                        acts += _days(text, is_month=False)
    return acts, months


def _days(text: str, *, is_month: bool) -> list[date]:
    """The day that a text says, or none."""
    if not is_month:
        day = read_date(text).value
        return [day] if day else []
    first = read_month(text).value
    return [(first + timedelta(days=31)).replace(day=1) - timedelta(days=1)] if first else []


def _read_dates(
    connection: Connection,
    texts: typed.Texts,
    as_of: date | None,
    acts: Iterable[date],
    months: Iterable[date],
) -> date | None:
    """Read every date field; past facts dated after the reference date are set aside."""
    fields = [field.field for field in texts.filled("all_records") if field.kind == "date"]
    reads = {
        field: [
            (raw, read_date(raw)) for raw in typed.distinct_texts(connection, field, "all_records")
        ]
        for field in fields
    }
    seen = [read.value for field in DATING for _, read in reads.get(field, ()) if read.value]
    seen += acts
    reference = as_of or reference_date([*seen, *credible(months, seen)])
    for field, values in reads.items():
        bound = reference if field in BOUNDED_DATES else None
        bounded = [(raw, _not_after(read, bound)) for raw, read in values]
        texts.keep(field, pa.date32(), bounded)
    return reference


def _not_after(read: Read[date], reference: date | None) -> Read[date]:
    if read.value is not None and reference is not None and read.value > reference:
        return Read(None, "date_in_future")
    return read


def credible(months: Iterable[date], others: Iterable[date]) -> list[date]:
    """The months worked that no more than `LONGEST_PAUSE` parts from the day before."""
    days = set(months)
    every = sorted({*days, *others})
    parted = {day for before, day in pairwise(every) if day - before > LONGEST_PAUSE}
    return sorted(days - parted)


def reference_date(dates: Iterable[date]) -> date | None:
    """The latest date found that is not in the registers' own future.

    Dates are walked from their median on; the first silence longer than three years ends it:
    what stands behind it (2089, 5021…) is no date these registers can know.
    """
    ordered = sorted(set(dates))
    if not ordered:
        return None
    last = ordered[len(ordered) // 2]
    for following in ordered[len(ordered) // 2 + 1 :]:
        if following - last > LONGEST_SILENCE:
            break
        last = following
    return last


def _write_findings(
    connection: Connection,
    tables: Tables,
    catalogue: Catalogue,
    texts: typed.Texts,
    reference: date | None,
) -> None:
    selects = [
        f"""select * replace (case when rule = 'date_in_future' then '{reference}' end as detail)
        from ({query})"""
        for query in texts.findings(
            tables, "all_records", "curated.records", "concat_ws('-', r.buyer_id, r.contract_id)"
        )
    ]
    selects += [
        _FINDING.format(rule="flagged_invalid", field=f"'{name}'", value=name, detail="null")
        + f" where starts_with({name}, '{typed.FLAG}')"
        for name in _flagged_fields(connection, catalogue)
    ]
    selects.append(
        _FINDING.format(
            rule="rows_put_together", field="null", value="row_count::varchar", detail="null"
        )
        + " where row_count > 1"
    )
    selects.append(
        _FINDING.format(
            rule="rows_disagree", field="'amount'", value="amount", detail="other_amounts"
        )
        + " where other_amounts is not null"
    )
    write_findings(connection, catalogue, tables, "records", " union all ".join(selects))


def _flagged_fields(connection: Connection, catalogue: Catalogue) -> list[str]:
    """The text fields of which some value is flagged: one look at all of them."""
    names = [field.field for field in catalogue.fields.values() if field.kind == "text"]
    tests = ", ".join(f"bool_or(starts_with({name}, '{typed.FLAG}'))" for name in names)
    [found] = connection.execute(f"select {tests} from all_records").fetchall()
    return [name for name, flagged in zip(names, found, strict=True) if flagged]


_FINDING = """select '{rule}' as rule, source_file, source_pointer,
    'curated.records' as table_name, concat_ws('-', buyer_id, contract_id) as key,
    {field} as field, {value} as value, {detail} as detail from all_records"""
