"""Registers in columns: CSV with its dialect told from the content, and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spaser.cards import SourceCard
from spaser.findings import Finding
from spaser.ingest.containers import CHUNK
from spaser.ingest.expressions import Reading, table_fields, table_rest
from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.recognise import coverage, folded, recognise
from spaser.warehouse import Connection, literal

DELIMITERS = (";", ",", "|", "\t")
HEADER_ROW = 1

_HEAD_LINES = 64
_REASONS = {
    "MISSING COLUMNS": "row_too_short",
    "TOO MANY COLUMNS": "row_too_long",
}


@dataclass(frozen=True)
class Dialect:
    """What tells the columns of a CSV apart, and their names in order."""

    delimiter: str
    quote: str
    names: tuple[str, ...]


def csv_source(path: Path, cards: Iterable[SourceCard]) -> tuple[SourceCard, Dialect]:
    """The card and the dialect of a CSV: the separator under which a card knows the most columns.

    Raises:
        Unrecognised: no card knows the header; the finding lists its columns.
    """
    cards = tuple(cards)
    dialects = [_dialect(path, delimiter) for delimiter in DELIMITERS]
    known = [
        (card, dialect)
        for dialect in dialects
        if (card := recognise(cards, "csv", dialect.names)) is not None
    ]
    if not known:
        widest = max(dialects, key=lambda dialect: len(dialect.names))
        raise Unrecognised("input_unknown_form", ", ".join(widest.names)[:1000])
    return max(
        known, key=lambda pair: coverage(pair[0], frozenset(map(folded, pair[1].names)), True)
    )


def csv_reading(card: SourceCard, path: Path, dialect: Dialect, rejects: str) -> Reading:
    """Reads a CSV as text; rows that do not fit the header go to the temporary table `rejects`."""
    columns = {name: f"c{number}" for number, name in enumerate(distinct(dialect.names))}
    typed = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(dialect.names)))
    relation = (
        "(select *, row_number() over () - 1 as position from read_csv("
        f"{literal(path.as_posix())}, auto_detect = false, header = true, columns = {{{typed}}}, "
        f"delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, "
        f"escape = {literal(dialect.quote)}, store_rejects = true, "
        f"rejects_table = '{rejects}', rejects_scan = '{rejects}_scan'))"
    )
    return _reading(card, relation, columns)


def parquet_names(connection: Connection, path: Path) -> list[str]:
    """The columns of a Parquet file, in order."""
    described = connection.execute(
        f"describe select * from read_parquet({literal(path.as_posix())})"
    ).fetchall()
    return [str(row[0]) for row in described]


def parquet_reading(card: SourceCard, path: Path, names: Iterable[str]) -> Reading:
    """Reads a Parquet file, every column as text."""
    columns = {name: f"cast({_identifier(name)} as varchar)" for name in names}
    relation = (
        "(select * exclude (file_row_number), file_row_number as position "
        f"from read_parquet({literal(path.as_posix())}, file_row_number = true))"
    )
    return _reading(card, relation, columns)


def rejected_rows(connection: Connection, rejects: str) -> list[tuple[int, Finding]]:
    """The rows of a CSV that do not fit its header: row number and finding, one a row.

    Raises:
        Damaged: a quote opened and never closed swallowed the end of the file.
    """
    rows = connection.execute(
        f"select line, min(error_type), min(csv_line), min(error_message) from {rejects} "
        "group by line order by line"
    ).fetchall()
    found = []
    for line, kind, text, message in rows:
        shown = str(text or "").strip()
        if "QUOTE" in str(kind) and "\n" in shown:
            raise _open_quote(int(line))
        rule = _REASONS.get(str(kind), "row_unreadable")
        finding = Finding(
            rule,
            source_pointer=f"L{line}",
            value=shown[:200],
            detail=" ".join(str(message).split()),
        )
        found.append((int(line), finding))
    return found


def blank_rows(path: Path, dialect: Dialect) -> list[int]:
    """Numbers of the empty rows inside a CSV: the engine skips them, a spreadsheet counts them."""
    if not _has_gap(path):
        return []
    rows = enumerate(_rows(path, dialect.delimiter, dialect.quote), start=1)
    return [number for number, row in rows if not row]


def shifts(gaps: Iterable[int]) -> dict[int, int]:
    """Kept rows → row numbers: from which kept row (0-based) how many rows were left out."""
    return {
        row - HEADER_ROW - 1 - before: before + 1 for before, row in enumerate(sorted(set(gaps)))
    }


def distinct(names: Iterable[str]) -> list[str]:
    """Names of a header: a second one of a name is marked ` (2)`, a blank one gets its place."""
    seen: dict[str, int] = {}
    result = []
    for place, raw in enumerate(names, start=1):
        name = raw.strip() or f"colonne {place}"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def _reading(card: SourceCard, relation: str, columns: Mapping[str, str]) -> Reading:
    fields, rest, unknown = table_fields(card, columns)
    pointer = f"'L' || (position + {HEADER_ROW + 1})"
    other = table_rest(rest)
    return Reading(relation, "position", pointer, "'contract'", fields, other, unknown, rest)


def _dialect(path: Path, delimiter: str) -> Dialect:
    with path.open("rb") as content:
        quote = "'" if content.read(1) == b"'" else '"'
    try:
        names = next(_rows(path, delimiter, quote), [])
    except csv.Error:
        names = []
    return Dialect(delimiter, quote, tuple(names))


def _rows(path: Path, delimiter: str, quote: str) -> Iterator[list[str]]:
    csv.field_size_limit(1 << 27)
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.reader(lines, delimiter=delimiter, quotechar=quote)


def _has_gap(path: Path) -> bool:
    """Whether two line ends follow one another before the last row."""
    last = b""
    seen = False
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            if seen and chunk.strip():
                return True
            whole = last + chunk
            for gap in (b"\n\n", b"\n\r\n"):
                place = whole.find(gap)
                if place >= 0 and whole[place:].strip():
                    return True
                seen = seen or place >= 0
            last = whole[-2:]
    return False


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _open_quote(line: int) -> Damaged:
    return Damaged(
        f"CSV illisible à partir de la ligne {line} : un guillemet ouvert n'est jamais refermé. "
        "Le fichier est peut-être coupé : téléchargez-le à nouveau, ou corrigez cette ligne.",
        f"unreadable CSV from line {line} on: a quote opens and never closes. "
        "The file may be cut: download it again, or correct this line.",
    )
