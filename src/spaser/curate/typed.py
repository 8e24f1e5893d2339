"""Staged text → typed columns, for any set of fields.

Every text is read once per distinct value by a reader of `spaser.values`, and put back batch by
batch: the readers stay plain functions, memory stays flat whatever the number of fields (some forty
joins in SQL need more than a session holds). What is not understood is null, and a finding names it
with its file and its cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaser.cards import PEOPLE_FEEDS, Catalogue, Feeds, FieldKind, RegisterField
from spaser.findings import write_findings
from spaser.values import (
    LARGEST_AMOUNT,
    Amount,
    CodeList,
    Codes,
    Read,
    normalise,
    read_amount,
    read_boolean,
    read_date,
    read_duration_months,
    read_hours,
    read_integer,
    read_month,
    read_percent,
    read_share,
    read_siret,
)
from spaser.warehouse import Connection, Tables, literal

PROVENANCE = ("source_file", "file_sha256", "source", "source_pointer", "position", "record_kind")

FLAG = "INX "
"""What the national consolidation puts before a value that it holds for invalid."""

Spellings = Mapping[str, Mapping[str, str]]
"""Field → text of the register → text it stands for: what a department reviewed in its mappings."""

_PLAIN_AMOUNT = (
    "(regexp_full_match({0}, '-?[0-9]{{1,15}}(\\.[0-9]{{1,2}})?') "
    "or (origin = 'decp' and regexp_full_match({0}, '-?[0-9]{{1,15}}\\.[0-9]{{3,10}}')))"
)
"""A number as programs write it. In DECP the dot is the decimal mark, whatever follows it; in a
spreadsheet `1.200` has two readings."""
_AS_WRITTEN = frozenset({"text", "json", "person"})


@dataclass(frozen=True)
class Reading:
    """How a kind of field is read: the Arrow type of its value and the reader."""

    arrow: pa.DataType
    read: Callable[[str], Read[Any]]


def reading_of(catalogue: Catalogue, field: RegisterField, spellings: Spellings) -> Reading:
    """The reader of a field, from its kind, its code list and what the department reviewed."""
    reading = _reading_of(catalogue, field)
    known = {normalise(text): meant for text, meant in spellings.get(field.field, {}).items()}
    if not known:
        return reading
    return Reading(reading.arrow, lambda text: reading.read(known.get(normalise(text), text)))


def _reading_of(catalogue: Catalogue, field: RegisterField) -> Reading:
    if field.kind in {"code", "codes"}:
        rows = [row for row in catalogue.reference("code_lists") if row["field"] == field.field]
        code_list = CodeList.of(rows)
        if field.kind == "code":
            return Reading(pa.string(), code_list.read_one)
        return Reading(CODES_TYPE, lambda text: _codes_row(code_list.read_many(text)))
    readers: dict[FieldKind, Callable[[str], Read[Any]]] = {
        "amount": lambda text: _amount_row(read_amount(text)),
        "share": lambda text: _rounded(read_share(text)),
        "percent": lambda text: _rounded(read_percent(text)),
        "integer": read_integer,
        "months": read_duration_months,
        "boolean": read_boolean,
        "date": read_date,
        "siret": read_siret,
        "text": lambda text: Read(text.strip() or None),
        "json": lambda text: Read(text.strip() or None),
        "hours": read_hours,
        "month": read_month,
        "person": lambda text: Read(text.strip() or None),
        "birth_year": lambda text: Read(text.strip() or None),
    }
    return Reading(ARROW_TYPES[field.kind], readers[field.kind])


CODES_TYPE = pa.struct([("codes", pa.list_(pa.string())), ("partial", pa.bool_())])
AMOUNT_TYPE = pa.struct(
    [("eur", pa.decimal128(18, 2)), ("out_of_range", pa.bool_()), ("tax", pa.string())]
)
_SHARE_TYPE = pa.decimal128(9, 6)

ARROW_TYPES: dict[FieldKind, pa.DataType] = {
    "text": pa.string(),
    "code": pa.string(),
    "codes": CODES_TYPE,
    "amount": AMOUNT_TYPE,
    "share": _SHARE_TYPE,
    "percent": _SHARE_TYPE,
    "integer": pa.int32(),
    "months": pa.int32(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "siret": pa.string(),
    "json": pa.string(),
    "hours": pa.decimal128(18, 2),
    "month": pa.date32(),
    "person": pa.string(),
    "birth_year": pa.string(),
}
"""What the reader of each kind gives."""


def _codes_row(read: Read[Codes]) -> Read[dict[str, Any]]:
    if read.value is None:
        return Read(None, read.problem)
    return Read({"codes": list(read.value.codes), "partial": read.value.partial}, read.problem)


def _amount_row(read: Read[Amount]) -> Read[dict[str, Any]]:
    if read.value is None:
        return Read(None, read.problem)
    eur, tax = read.value.eur, read.value.tax_basis
    if abs(eur) < LARGEST_AMOUNT:
        cents = eur.quantize(Decimal("0.01"), ROUND_HALF_UP)
        if abs(cents) < LARGEST_AMOUNT:
            return Read({"eur": cents, "out_of_range": False, "tax": tax}, read.problem)
    return Read({"eur": None, "out_of_range": True, "tax": tax}, read.problem)


def _rounded(read: Read[Decimal]) -> Read[Decimal]:
    return Read(round(read.value, 6), read.problem) if read.value is not None else read


# --- reading ------------------------------------------------------------------------------------

BATCH = 16_384
"""Rows typed at a time, and of a row group of the table written."""


def union_sources(
    connection: Connection, tables: Tables, catalogue: Catalogue, feeds: Feeds
) -> None:
    """One view `staged_rows` over every staged source that feeds one thing, all text."""
    fields = catalogue.staged_fields(feeds)
    columns = ", ".join((*PROVENANCE, *fields))
    selects = [
        f"select {columns}, '{card.origin}' as origin from {tables.scan(table)}"
        for card in catalogue.sources_of(feeds)
        if tables.exists(table := card.key.replace("sources/", "staged."))
    ]
    empty = ", ".join(
        f"null::{'bigint' if name == 'position' else 'varchar'} as {name}"
        for name in (*PROVENANCE, *fields, "origin")
    )
    query = " union all by name ".join(selects) if selects else f"select {empty} where false"
    connection.execute(f"create or replace view staged_rows as {query}")


def distinct_texts(
    connection: Connection, field: str, relation: str, where: str = "true"
) -> list[str]:
    """The texts of a field, each once, sorted."""
    rows = connection.execute(
        f"select distinct {field} from {relation} where {field} is not null and {where} "
        f"order by {field}"
    ).fetchall()
    return [value for (value,) in rows]


class Texts:
    """The texts of a set of fields read: what each means, and what was not understood.

    maps: field → its distinct texts and their values; a field nobody filled has none.
    problems: (field, text, rule).
    """

    def __init__(self, connection: Connection, fields: Iterable[RegisterField]) -> None:
        self.connection = connection
        self.fields = list(fields)
        self.maps: dict[str, tuple[pa.Array, pa.Array]] = {}
        self.problems: list[tuple[str, str, str]] = []

    def read(
        self,
        catalogue: Catalogue,
        relation: str,
        spellings: Spellings,
        but: Iterable[str] = (),
    ) -> None:
        """Read every field but some, and those kept as written."""
        for field in self.filled(relation):
            if field.kind in _AS_WRITTEN or field.kind in but:
                continue
            reading = reading_of(catalogue, field, spellings)
            plain = _PLAIN_AMOUNT.format(field.field)
            where = f"not {plain}" if field.kind == "amount" else "true"
            texts = distinct_texts(self.connection, field.field, relation, where)
            self.keep(field.field, reading.arrow, [(raw, reading.read(raw)) for raw in texts])

    def filled(self, relation: str) -> list[RegisterField]:
        """The fields that some row fills: most registers fill half of them."""
        counts = ", ".join(f"count({field.field})" for field in self.fields)
        [found] = self.connection.execute(f"select {counts} from {relation}").fetchall()
        return [field for field, count in zip(self.fields, found, strict=True) if count]

    def keep(self, field: str, arrow: pa.DataType, reads: Sequence[tuple[str, Read[Any]]]) -> None:
        """Remember what the texts of a field mean, and the rules they break."""
        if reads:
            self.maps[field] = (
                pa.array([raw for raw, _ in reads], pa.string()),
                pa.array([read.value for _, read in reads], arrow),
            )
        self.problems += [(field, raw, read.problem) for raw, read in reads if read.problem]

    def batches(self, kept: Sequence[str], relation: str) -> Iterator[pa.Table]:
        """The typed rows: the columns `kept` as they are, then those of each field."""
        cells = [sql for field in self.fields for sql in _cells(field)]
        query = f"select {', '.join([*kept, *cells])} from {relation}"
        reader = self.connection.sql(query).to_arrow_reader(BATCH)
        empty = True
        for batch in reader:
            empty = False
            yield self._typed(kept, pa.Table.from_batches([batch]))
        if empty:
            yield self._typed(kept, reader.schema.empty_table())

    def _typed(self, kept: Sequence[str], rows: pa.Table) -> pa.Table:
        columns = {name: rows[name] for name in kept}
        for field in self.fields:
            columns |= self._columns(field, rows)
        return pa.table(columns)

    def _columns(self, field: RegisterField, rows: pa.Table) -> dict[str, Any]:
        """The typed columns of one field."""
        name = field.field
        if field.kind in _AS_WRITTEN:
            return {name: rows[name]}
        value = self._values(field, rows[f"{name}_raw"])
        if field.kind == "siret":
            # What is no SIRET stays as it is written, so that nothing is lost: the finding says so.
            return {name: pc.coalesce(value, rows[name])}
        if field.kind == "amount":
            return {
                name: pc.coalesce(rows[f"{name}_plain"], pc.struct_field(value, "eur")),
                f"{name}_text": rows[f"{name}_raw"],
                f"{name}_out_of_range": _or_false(pc.struct_field(value, "out_of_range")),
                f"{name}_tax": pc.struct_field(value, "tax"),
            }
        if field.kind == "codes":
            return {
                name: pc.struct_field(value, "codes"),
                f"{name}_partial": _or_false(pc.struct_field(value, "partial")),
            }
        return {name: value}

    def _values(self, field: RegisterField, texts: pa.ChunkedArray) -> Any:
        if field.field not in self.maps:
            return pa.nulls(len(texts), ARROW_TYPES[field.kind])
        raw, values = self.maps[field.field]
        return values.take(pc.index_in(texts.combine_chunks(), value_set=raw))

    def findings(self, tables: Tables, relation: str, table_name: str, key: str) -> list[str]:
        """The queries of what was not understood, each at its cell where a mapping knows it."""
        if not self.problems:
            return []
        columns = zip(*self.problems, strict=True)
        names = ("field", "raw", "rule")
        problems = {
            name: pa.array(list(column), pa.string())
            for name, column in zip(names, columns, strict=True)
        }
        self.connection.register("read_problems", pa.table(problems))
        mapped = _mapped_columns(self.connection, tables)
        return [
            f"""select p.rule, r.source_file, {_cell(mapped, field)} as source_pointer,
            {literal(table_name)} as table_name, {key} as key, p.field, p.raw as value,
            null::varchar as detail
            from {relation} r join read_problems p on p.field = '{field}' and r.{field} = p.raw
            {_mapped_join(mapped, field)}"""
            for field in sorted({field for field, _, _ in self.problems})
        ]


def _or_false(values: Any) -> Any:
    return pc.fill_null(values, fill_value=False)


def _cells(field: RegisterField) -> list[str]:
    """The SQL of what a field's typed columns are made of."""
    name = field.field
    if field.kind in _AS_WRITTEN:
        return [f"{_cleaned(name)} as {name}"]
    if field.kind == "siret":
        return [f"{name} as {name}_raw", f"{_cleaned(name)} as {name}"]
    if field.kind == "amount":
        exact = f"cast(round(cast({name} as decimal(38,10)), 2) as decimal(18,2))"
        return [
            f"{name} as {name}_raw",
            f"case when {_PLAIN_AMOUNT.format(name)} then {exact} end as {name}_plain",
        ]
    return [f"{name} as {name}_raw"]


def _cleaned(name: str) -> str:
    filler = "('', 'nc', 'mq', 'mq nc', 'cdl', 'null', 'none', 'nan')"
    unflagged = f"case when starts_with({name}, '{FLAG}') then {name}[{len(FLAG) + 1}:]"
    cleaned = f"trim({unflagged} else {name} end)"
    return f"case when lower({cleaned}) not in {filler} then {cleaned} end"


def _mapped_columns(connection: Connection, tables: Tables) -> frozenset[str]:
    """The fields that some mapping reads; creates the view `mapped_columns`."""
    if not tables.exists("quality.mappings"):
        return frozenset()
    connection.execute(
        f"""create or replace view mapped_columns as
        select source_file, sheet, field, min(column_letter) as letter
        from {tables.scan("quality.mappings")} where field is not null group by all"""
    )
    rows = connection.execute("select distinct field from mapped_columns").fetchall()
    return frozenset(field for (field,) in rows)


def _cell(mapped: frozenset[str], field: str) -> str:
    """`2024!12` and column F → `2024!F12`; without a mapping the row's own pointer."""
    if field not in mapped:
        return "r.source_pointer"
    place = "instr(r.source_pointer, '!')"
    return (
        f"case when m.letter is not null and {place} > 0 "
        "then regexp_replace(r.source_pointer, '!([0-9]+)$', '!' || m.letter || '\\1') "
        "when m.letter is not null then r.source_pointer || ' (' || m.letter || ')' "
        "else r.source_pointer end"
    )


def _mapped_join(mapped: frozenset[str], field: str) -> str:
    if field not in mapped:
        return ""
    return (
        f"left join mapped_columns m on m.field = '{field}' and m.source_file = r.source_file "
        "and coalesce(m.sheet, '') = regexp_extract(r.source_pointer, '^(.*)!', 1)"
    )


def read_table(
    connection: Connection,
    tables: Tables,
    catalogue: Catalogue,
    feeds: Feeds,
    spellings: Spellings | None = None,
) -> int:
    """Create the view `typed_<feeds>`: one row per staged row, provenance and typed fields.

    Writes the findings of what was not understood (part `read_<feeds>`); returns the rows.
    """
    union_sources(connection, tables, catalogue, feeds)
    texts = Texts(connection, catalogue.staged_fields(feeds).values())
    texts.read(catalogue, "staged_rows", spellings or {})
    [(folder,)] = connection.execute("select current_setting('temp_directory')").fetchall()
    beside = Tables(Path(folder))
    rows = beside.write_batches(
        f"typed.{feeds}", texts.batches((*PROVENANCE, "origin"), "staged_rows"), "part"
    )
    connection.execute(
        f"create or replace view typed_{feeds} as select * from {beside.scan(f'typed.{feeds}')}"
    )
    queries = texts.findings(tables, "staged_rows", f"curated.{feeds}", "null::varchar")
    if feeds in PEOPLE_FEEDS:  # a cell that is not understood may hold a name
        queries = [f"select * replace (null::varchar as value) from ({query})" for query in queries]
    write_findings(
        connection, catalogue, tables, f"read_{feeds}", " union all ".join(queries) or NO_FINDING
    )
    return rows


NO_FINDING = """select null::varchar as rule, null::varchar as source_file,
    null::varchar as source_pointer, null::varchar as table_name, null::varchar as key,
    null::varchar as field, null::varchar as value, null::varchar as detail where false"""
