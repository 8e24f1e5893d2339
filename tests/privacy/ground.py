"""A small scheme with lines of persons, written by hand in the columns of the cards."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.project import Project
from spaser.scheme import Scheme
from spaser.warehouse import Connection, Tables, literal, session
from tests.curate.run import CARDS

BUYER = "00020001400017"
STAGED = ("source_file", "file_sha256", "source", "source_pointer", "position", "record_kind")
INPUTS = "data/raw/x"


def person(name: str) -> str:
    """A fictional pseudonym: 32 hexadecimal digits."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Line:
    """A line of a log: who, in which month, on which commitment, in which file and row."""

    who: str | None
    month: str
    file: str
    row: int
    commitment: str = "OP-1"
    hours: str = "70.00"
    outcome: str = "validated"
    sex: str | None = "female"


@dataclass(frozen=True)
class Sheet:
    """A participant sheet."""

    who: str | None
    file: str
    row: int
    eligible_from: str | None = None
    proof_date: str | None = None
    sex: str | None = "female"


class Ground:
    """A project with one scheme, `x`."""

    def __init__(self, root: Path, connection: Connection) -> None:
        self.connection = connection
        self.project = Project(root)
        self.tables = Tables(self.project.curated("x"))
        self.cards: Catalogue = CARDS
        self.scheme = Scheme.model_validate(
            {"name": "x", "title": "x", "buyers": "all", "inputs": [f"{INPUTS}/**"]}
        )

    def build(self, lines: Sequence[Line] = (), sheets: Sequence[Sheet] = ()) -> None:
        """Write input files, and the tables that a run would make of them."""
        files = sorted({row.file for row in (*lines, *sheets)})
        for number, file in enumerate(files):
            self.write_input(file, f"fictional file {number}\n")
        self._staged("insertion_log", [(row, self._staged_line(row)) for row in lines])
        self._staged("insertion_participants", [(row, self._staged_sheet(row)) for row in sheets])
        self.write("curated.hour_lines", [self._line(row) for row in lines])
        self.write("curated.participants", [self._sheet(row) for row in sheets])
        self.write("curated.hours", [self._judged(row) for row in lines])
        self.write("curated.people", self._people(lines))
        self.write("facts.people_figures", self._figures(lines))
        inputs = [self._input(file, lines, sheets) for file in files]
        self.write("quality.inputs", inputs)

    def write_input(self, file: str, text: str) -> Path:
        path = self.project.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def sha(self, file: str) -> str:
        return hashlib.sha256((self.project.root / file).read_bytes()).hexdigest()

    def write(self, table: str, rows: Iterable[Mapping[str, Any]], part: str = "part") -> None:
        """Write a table in the columns and types of its card; what a row does not say is null."""
        columns = {
            name: column.type
            for name, column in self.cards.tables[table.replace(".", "/")].columns.items()
        }
        self._write(table, columns, rows, part)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, in the order of the file."""
        return self.connection.sql(f"from {self.tables.scan(table)}").to_arrow_table().to_pylist()

    def _staged(self, source: str, rows: Sequence[tuple[Line | Sheet, dict[str, Any]]]) -> None:
        card = self.cards.sources[f"sources/{source}"]
        names = [*STAGED, *self.cards.staged_fields(card.feeds), "other_fields"]
        for file in sorted({row.file for row, _ in rows}) or [""]:
            self._write(
                f"staged.{source}",
                dict.fromkeys(names, "VARCHAR"),
                [values for row, values in rows if row.file == file],
                Path(file).stem or "part",
            )

    def _write(
        self, table: str, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]], part: str
    ) -> None:
        given = [{name: _text(row.get(name)) for name in columns} for row in rows]
        schema = pa.schema([(name, pa.string()) for name in columns])
        typed = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())
        self.connection.register("given", pa.Table.from_pylist(given, schema=schema))
        self.tables.write(self.connection, table, f"select {typed} from given", part)

    def _provenance(self, row: Line | Sheet) -> dict[str, Any]:
        return {"source_file": row.file, "source_pointer": f"L{row.row}"}

    def _staged_line(self, row: Line) -> dict[str, Any]:
        return self._provenance(row) | {
            "file_sha256": self.sha(row.file),
            "person_id": person(row.who) if row.who else None,
            "month": row.month[:7],
            "sex": row.sex,
        }

    def _staged_sheet(self, row: Sheet) -> dict[str, Any]:
        return self._provenance(row) | {
            "file_sha256": self.sha(row.file),
            "person_id": person(row.who) if row.who else None,
            "sex": row.sex,
            "eligible_from": row.eligible_from,
        }

    def _line(self, row: Line) -> dict[str, Any]:
        return self._provenance(row) | {
            "line_id": f"{row.file} L{row.row}",
            "commitment_id": row.commitment,
            "buyer_id": BUYER,
            "month": row.month,
            "declared_hours": row.hours,
            "pseudonym": person(row.who) if row.who else None,
            "sex": row.sex,
            "criteria": "[RSA]" if row.who else None,
        }

    def _judged(self, row: Line) -> dict[str, Any]:
        validated = row.hours if row.outcome == "validated" else "0"
        return self._line(row) | {
            "year": row.month[:4],
            "outcome": row.outcome,
            "hours_declared": row.hours,
            "hours_validated": validated,
        }

    def _sheet(self, row: Sheet) -> dict[str, Any]:
        return self._provenance(row) | {
            "participation_id": f"{row.file} L{row.row}",
            "pseudonym": person(row.who) if row.who else None,
            "sex": row.sex,
            "eligible_from": row.eligible_from,
            "proof_date": row.proof_date,
        }

    def _people(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        pairs = sorted({(row.who, row.month[:4]) for row in lines if row.who})
        return [{"pseudonym": person(who), "year": year} for who, year in pairs if who]

    def _figures(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        years = sorted({row.month[:4] for row in lines})
        return [
            {
                "year": year,
                "buyer_id": "*",
                "axis": "*",
                "member": "*",
                "people": str(len({row.who for row in lines if row.month[:4] == year})),
            }
            for year in years
        ]

    def _input(self, file: str, lines: Sequence[Line], sheets: Sequence[Sheet]) -> dict[str, Any]:
        kept = sum(row.file == file for row in (*lines, *sheets))
        return {"source_file": file, "sha256": self.sha(file), "kept": str(kept), "rejected": "0"}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def holders(root: Path, people: Iterable[str], pseudonyms: Iterable[str] = ()) -> list[str]:
    """The files under a folder that hold a pseudonym: in their bytes, or in a Parquet's values."""
    wanted = {*(person(name) for name in people), *pseudonyms}
    return [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not wanted.isdisjoint(_words(path))
    ]


def _words(path: Path) -> set[str]:
    words = {word.decode() for word in re.findall(rb"[0-9a-f]{32}", path.read_bytes())}
    if path.suffix == ".parquet":
        with session() as connection:
            rows = connection.execute(
                f"select columns(*)::varchar from read_parquet({literal(path.as_posix())})"
            ).fetchall()
        words.update(re.findall("[0-9a-f]{32}", " ".join(str(row) for row in rows)))
    return words


def age(path: Path, seconds: int) -> None:
    """Make a file or folder, and what it holds, look untouched for so long."""
    for entry in (*path.rglob("*"), path):
        then = entry.stat().st_mtime - seconds
        os.utime(entry, (then, then))


DAY = date(2026, 6, 1)
