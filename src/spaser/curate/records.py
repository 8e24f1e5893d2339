"""staged.* → `curated.records`: one typed row per record of a register.

Grain: one record of one file (a flat form's rows of one contract are one record). Every text is
read once per distinct value by a reader of `values`, and joined back: the readers stay plain
functions, the join stays fast. Findings name every value that was not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

import spaser
from spaser.cards import Catalogue, RegisterField
from spaser.curate.flat import collapse_rows
from spaser.curate.values import (
    LARGEST_AMOUNT,
    CodeList,
    Codes,
    Read,
    read_boolean,
    read_date,
    read_decimal,
    read_integer,
    read_share,
)
from spaser.findings import Balance, write_balances, write_findings
from spaser.scheme import Scheme
from spaser.warehouse import Connection, Tables

PROVENANCE = ("source_file", "file_sha256", "source", "source_pointer", "position", "record_kind")
LONGEST_SILENCE = timedelta(days=3 * 366)
"""A date more than three years after the one before it is in the future of the registers: a small
buyer may notify nothing for a year or two."""

_FLAG = "INX "
"""What the national consolidation puts before a value that it holds for invalid."""

_PLAIN_AMOUNT = r"-?[0-9]{1,15}(\.[0-9]{1,2})?"


@dataclass(frozen=True)
class Reading:
    """How a kind of field is read: the Arrow type of its value and the reader."""

    arrow: pa.DataType
    read: Callable[[str], Read[Any]]


def build(
    connection: Connection, tables: Tables, catalogue: Catalogue, as_of: date | None
) -> date | None:
    """Write `curated.records`, its findings and its balance; returns the reference date."""
    union_sources(connection, tables, catalogue)
    rows_in, records_in = collapse_rows(connection, catalogue)
    connection.execute("create temp table read_problems (field varchar, raw varchar, rule varchar)")
    reference = _read_dates(connection, as_of)
    for field in catalogue.fields.values():
        _read_field(connection, catalogue, field)
    tables.write(connection, "curated.records", _typed_query(catalogue), part="part")
    _write_findings(connection, tables, catalogue, reference)
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


def union_sources(connection: Connection, tables: Tables, catalogue: Catalogue) -> None:
    """One view `staged_rows` over every staged source, all text."""
    columns = ", ".join((*PROVENANCE, *catalogue.fields))
    selects = [
        f"select {columns} from {tables.scan(table)}"
        for card in catalogue.sources.values()
        if tables.exists(table := card.key.replace("sources/", "staged."))
    ]
    empty = ", ".join(
        f"null::{'bigint' if name == 'position' else 'varchar'} as {name}"
        for name in (*PROVENANCE, *catalogue.fields)
    )
    query = " union all by name ".join(selects) if selects else f"select {empty} where false"
    connection.execute(f"create or replace view staged_rows as {query}")


def _distinct(connection: Connection, field: str, where: str = "true") -> list[str]:
    rows = connection.execute(
        f"select distinct {field} from all_records where {field} is not null and {where} "
        f"order by {field}"
    ).fetchall()
    return [value for (value,) in rows]


def _map_values(
    connection: Connection, field: str, arrow: pa.DataType, reads: Sequence[tuple[str, Read[Any]]]
) -> None:
    """Register `map_<field>` (raw, value) and note the problems."""
    table = pa.table(
        {
            "raw": pa.array([raw for raw, _ in reads], pa.string()),
            "value": pa.array([read.value for _, read in reads], arrow),
        }
    )
    connection.register(f"map_{field}", table)
    add_problems(connection, field, ((raw, r.problem) for raw, r in reads))


def add_problems(
    connection: Connection, field: str, problems: Iterable[tuple[str, str | None]]
) -> None:
    """Note which texts of a field break which rule."""
    rows = [{"field": field, "raw": raw, "rule": rule} for raw, rule in problems if rule]
    if rows:
        connection.register("new_problems", pa.Table.from_pylist(rows))
        connection.execute("insert into read_problems select field, raw, rule from new_problems")
        connection.unregister("new_problems")


def _read_dates(connection: Connection, as_of: date | None) -> date | None:
    """Read every date field; dates after the reference date are set aside."""
    fields = ("notified_date", "published_date", "signed_date", "start_date")
    reads = {
        field: [(raw, read_date(raw)) for raw in _distinct(connection, field)] for field in fields
    }
    seen = [
        read.value
        for field in ("notified_date", "published_date", "signed_date")
        for _, read in reads[field]
        if read.value is not None
    ]
    reference = as_of or reference_date(seen)
    for field, values in reads.items():
        bounded = [
            (raw, _not_after(read, None if field == "start_date" else reference))
            for raw, read in values
        ]
        _map_values(connection, field, pa.date32(), bounded)
    return reference


def _not_after(read: Read[date], reference: date | None) -> Read[date]:
    if read.value is not None and reference is not None and read.value > reference:
        return Read(None, "date_in_future")
    return read


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


def _read_field(connection: Connection, catalogue: Catalogue, field: RegisterField) -> None:
    if field.kind in {"date", "text", "json"}:
        return
    where = (
        f"not regexp_full_match({field.field}, '{_PLAIN_AMOUNT}')" if _is_amount(field) else "true"
    )
    reading = reading_of(catalogue, field)
    reads = [(raw, reading.read(raw)) for raw in _distinct(connection, field.field, where)]
    _map_values(connection, field.field, reading.arrow, reads)


def _is_amount(field: RegisterField) -> bool:
    return field.kind == "amount"


def reading_of(catalogue: Catalogue, field: RegisterField) -> Reading:
    """The reader of a field, from its kind and its code list."""
    if field.kind in {"code", "codes"}:
        rows = [row for row in catalogue.reference("code_lists") if row["field"] == field.field]
        code_list = CodeList.of(rows)
        if field.kind == "code":
            return Reading(pa.string(), code_list.read_one)
        return Reading(_CODES_TYPE, lambda text: _codes_row(code_list.read_many(text)))
    return {
        "amount": Reading(_AMOUNT_TYPE, lambda text: _amount_row(read_decimal(text))),
        "share": Reading(pa.decimal128(9, 6), lambda text: _rounded(read_share(text))),
        "integer": Reading(pa.int32(), read_integer),
        "boolean": Reading(pa.bool_(), read_boolean),
    }[field.kind]


_CODES_TYPE = pa.struct([("codes", pa.list_(pa.string())), ("partial", pa.bool_())])
_AMOUNT_TYPE = pa.struct([("eur", pa.decimal128(18, 2)), ("out_of_range", pa.bool_())])


def _codes_row(read: Read[Codes]) -> Read[dict[str, Any]]:
    if read.value is None:
        return Read(None, read.problem)
    return Read({"codes": list(read.value.codes), "partial": read.value.partial}, read.problem)


def _amount_row(read: Read[Decimal]) -> Read[dict[str, Any]]:
    if read.value is None:
        return Read(None, read.problem)
    if abs(read.value) < LARGEST_AMOUNT:
        cents = read.value.quantize(Decimal("0.01"), ROUND_HALF_UP)
        if abs(cents) < LARGEST_AMOUNT:
            return Read({"eur": cents, "out_of_range": False}, None)
    return Read({"eur": None, "out_of_range": True}, None)


def _rounded(read: Read[Decimal]) -> Read[Decimal]:
    return Read(round(read.value, 6), read.problem) if read.value is not None else read


def _typed_column(field: RegisterField) -> str:
    name = field.field
    if field.kind in {"text", "json"}:
        filler = "('', 'nc', 'mq', 'mq nc', 'cdl', 'null', 'none', 'nan')"
        unflagged = f"case when starts_with(r.{name}, '{_FLAG}') then r.{name}[{len(_FLAG) + 1}:]"
        cleaned = f"trim({unflagged} else r.{name} end)"
        return f"case when lower({cleaned}) not in {filler} then {cleaned} end as {name}"
    if field.kind == "amount":
        plain = f"regexp_full_match(r.{name}, '{_PLAIN_AMOUNT}')"
        return (
            f"case when {plain} then cast(r.{name} as decimal(18,2)) "
            f"else map_{name}.value.eur end as {name},\n"
            f"r.{name} as {name}_text,\n"
            f"coalesce(map_{name}.value.out_of_range, false) as {name}_out_of_range"
        )
    if field.kind == "codes":
        return (
            f"map_{name}.value.codes as {name},\n"
            f"coalesce(map_{name}.value.partial, false) as {name}_partial"
        )
    return f"map_{name}.value as {name}"


def _typed_query(catalogue: Catalogue) -> str:
    mapped = [f.field for f in catalogue.fields.values() if f.kind not in {"text", "json"}]
    columns = ",\n".join(_typed_column(field) for field in catalogue.fields.values())
    joins = "\n".join(f"left join map_{name} on r.{name} = map_{name}.raw" for name in mapped)
    return (
        f"select r.record_number, {', '.join('r.' + name for name in PROVENANCE)}, r.row_count,\n"
        f"r.flat_amendments, {columns}\nfrom staged_records r\n{joins}"
    )


def _write_findings(
    connection: Connection, tables: Tables, catalogue: Catalogue, reference: date | None
) -> None:
    known = connection.execute("select distinct field from read_problems order by field").fetchall()
    selects = [
        f"""select p.rule, r.source_file, r.source_pointer, 'curated.records' as table_name,
            concat_ws('-', r.buyer_id, r.contract_id) as key, p.field, p.raw as value,
            case when p.rule = 'date_in_future' then '{reference}' end as detail
            from all_records r join read_problems p on p.field = '{field}' and r.{field} = p.raw"""
        for (field,) in known
    ]
    selects += [
        _FINDING.format(rule="flagged_invalid", field=f"'{name}'", value=name)
        + f" where starts_with({name}, '{_FLAG}')"
        for name in _flagged_fields(connection, catalogue)
    ]
    selects.append(
        _FINDING.format(rule="rows_put_together", field="null", value="row_count::varchar")
        + " where row_count > 1"
    )
    write_findings(connection, catalogue, tables, "records", " union all ".join(selects))


def _flagged_fields(connection: Connection, catalogue: Catalogue) -> list[str]:
    """The text fields of which some value is flagged: one look at all of them."""
    names = [field.field for field in catalogue.fields.values() if field.kind == "text"]
    tests = ", ".join(f"bool_or(starts_with({name}, '{_FLAG}'))" for name in names)
    [found] = connection.execute(f"select {tests} from all_records").fetchall()
    return [name for name, flagged in zip(names, found, strict=True) if flagged]


_FINDING = """select '{rule}' as rule, source_file, source_pointer,
    'curated.records' as table_name, concat_ws('-', buyer_id, contract_id) as key,
    {field} as field, {value} as value, null as detail from all_records"""
