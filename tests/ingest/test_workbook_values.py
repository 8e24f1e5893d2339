"""From an ugly workbook's cell to a typed value: the file, its table, the reader.

`workbooks_typed.json` says, by workbook and column, for each cell the text received, the value
and the rule it breaks. Written by hand; the workbooks are those of `tests/generators/workbooks.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from spaser import values
from spaser.ingest.grids import read_grids
from spaser.ingest.sheets import find_tables
from spaser.values import Amount, Read

HERE = Path(__file__).parent
TYPED: dict[str, dict[str, Any]] = json.loads(
    (HERE / "workbooks_typed.json").read_text(encoding="utf-8")
)
COLUMNS = [(name, column) for name, columns in TYPED.items() for column in columns]
KNOWN = {"N° du marché", "Objet", "Titulaire", *(column for _, column in COLUMNS)}


def looks_known(names: Sequence[str]) -> float:
    return sum(name in KNOWN for name in names) / len(names) if names else 0


def cells_of(workbook: Path, column: str, work: Path) -> list[str | None]:
    """The column's cells as text, over every table of the file."""
    container = "csv" if workbook.suffix == ".csv" else "workbook"
    grids, _ = read_grids(workbook, container, work)
    tables = [table for grid in grids for table in find_tables(grid, looks_known)]
    return [
        row[table.names.index(column)]
        for table in tables
        if column in table.names
        for row in table.rows
    ]


def plain(value: object) -> object:
    """A value as JSON writes it: euros without trailing zeros, then the tax basis if said."""
    if isinstance(value, Amount):
        return " ".join(filter(None, (f"{value.eur.normalize():f}", value.tax_basis)))
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize(("name", "column"), COLUMNS)
def test_every_cell_becomes_its_value_or_breaks_a_rule(name, column, tmp_path):
    typed = TYPED[name][column]
    reader = getattr(values, typed["reader"])
    texts = cells_of(HERE / "workbooks" / name, column, tmp_path)
    reads = [Read(None) if text is None else reader(text) for text in texts]
    assert [
        [text, plain(read.value), read.problem] for text, read in zip(texts, reads, strict=True)
    ] == typed["cells"]
