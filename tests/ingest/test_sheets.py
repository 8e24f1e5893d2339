"""Grids become tables: the committed ugly workbooks, then single cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaser import values
from spaser.cards import Catalogue
from spaser.findings import Finding
from spaser.ingest.containers import open_container
from spaser.ingest.grids import read_grids
from spaser.ingest.mapping import Proposer
from spaser.ingest.sheets import SheetTable, find_tables
from tests.generators import workbooks

ROOT = Path(__file__).resolve().parents[2]
UGLY = ROOT / workbooks.FOLDER
NAMES = sorted(path.name for path in UGLY.iterdir() if not path.name.endswith(".json"))
KNOWN = frozenset(name.casefold() for name in (*workbooks.HEADER, "Montant", "SIRET", "Lot"))


def some_known(names: Sequence[str]) -> float:
    """A small vocabulary."""
    return sum(name.casefold() in KNOWN for name in names) / max(len(names), 3)


def nothing_known(names: Sequence[str]) -> float:
    """Shape alone decides."""
    return 0.0


@pytest.fixture(scope="module")
def proposer() -> Proposer:
    return Proposer(Catalogue(ROOT / "assets"))


def read(
    path: Path, work: Path, score: Callable[[Sequence[str]], float] = some_known
) -> tuple[list[SheetTable], list[Finding]]:
    """The tables of a file, and every finding."""
    opened = open_container(path, work)
    grids, findings = read_grids(opened.path, opened.container, work)
    tables = [table for grid in grids for table in find_tables(grid, score)]
    return tables, [*findings, *(found for table in tables for found in table.findings)]


def expected(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((UGLY / f"{name}.expected.json").read_text("utf-8"))
    return content


def plain(table: SheetTable) -> dict[str, Any]:
    """A table as the expected files write it."""
    return {
        "sheet": table.sheet,
        "names": list(table.names),
        "letters": list(table.letters),
        "row_numbers": table.row_numbers,
        "rows": [list(row) for row in table.rows],
    }


def test_the_ugly_set_is_as_large_as_promised():
    assert len(NAMES) == len(workbooks.CASES) >= 30


def test_the_generator_writes_the_committed_files_byte_for_byte(tmp_path):
    workbooks.write(tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in UGLY.iterdir()}
    assert written.keys() == committed.keys()
    assert [name for name in sorted(written) if written[name] != committed[name]] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_ugly_workbook_gives_its_table(name, tmp_path):
    tables, findings = read(UGLY / name, tmp_path)
    wanted = expected(name)
    assert [plain(table) for table in tables] == wanted["tables"]
    found = sorted((finding.rule, finding.source_pointer or "") for finding in findings)
    assert found == sorted((rule, pointer or "") for rule, pointer in wanted["findings"])


@pytest.mark.parametrize("name", NAMES)
def test_the_real_vocabulary_finds_the_same_tables(name, tmp_path, proposer):
    tables, _ = read(UGLY / name, tmp_path, proposer.score)
    assert [plain(table) for table in tables] == expected(name)["tables"]


@pytest.mark.parametrize("name", [name for name in NAMES if expected(name)["values"]])
def test_the_readers_understand_odd_values(name, tmp_path):
    [table], _ = read(UGLY / name, tmp_path)
    for column, wanted in expected(name)["values"].items():
        reader = getattr(values, wanted["reader"])
        texts = [row[table.names.index(column)] for row in table.rows]
        assert [_value(reader(text or "").value) for text in texts] == wanted["values"]


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, values.Amount):
        return format(value.eur.normalize() + Decimal(0), "f")
    return str(value)
