"""Grids become tables: the committed ugly workbooks, then single cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spaser import values
from spaser.cards import Catalogue
from spaser.findings import Finding
from spaser.ingest.containers import open_container
from spaser.ingest.grids import Grid, read_grids
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


# --- nothing is lost ---------------------------------------------------------------------------

CELLS = st.none() | st.sampled_from(
    ["Objet", "Montant HT", "N° du marché", "Total", "2024-01", "14700", "05/03/2024", "oui"]
) | st.text("abé 1é€;", min_size=1, max_size=6).filter(str.strip)  # fmt: skip
SHEETS = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12
    )
)  # fmt: skip


@given(rows=SHEETS, known=st.booleans())
def test_every_filled_row_is_a_header_a_record_or_a_finding(rows, known):
    filled = {number for number, row in enumerate(rows, 1) if any(row)}
    assume(filled)
    tables = find_tables(Grid("F", rows), some_known if known else nothing_known)
    records = [number for table in tables for number in table.row_numbers]
    told = [
        finding.source_pointer
        for table in tables
        for finding in table.findings
        if finding.rule.startswith("row_")
    ]
    assert len(set(records)) == len(records)
    assert len(set(told)) == len(told)
    assert set(records) <= filled
    unread = [table for table in tables if not table.names]
    headers = len(filled) - len(records) - sum(table.set_aside for table in tables)
    if unread:
        assert (len(tables), records, headers) == (1, [], 0)
    else:
        assert len(told) == sum(table.set_aside for table in tables)
        assert len(tables) <= headers <= 3 * len(tables)


@given(rows=SHEETS)
def test_every_cell_of_a_record_is_kept(rows):
    for table in find_tables(Grid("F", [list(row) for row in rows]), some_known):
        assert len(set(table.names)) == len(table.names) == len(table.letters)
        for number, record in zip(table.row_numbers, table.rows, strict=True):
            filled = [cell for cell in rows[number - 1] if cell is not None]
            assert [cell for cell in record if cell is not None] == filled


@given(
    above=st.lists(st.sampled_from(["Registre", "Direction des routes", None]), max_size=4),
    left=st.integers(0, 3),
    records=st.integers(1, 6),
)
def test_a_register_is_found_wherever_it_lies(above, left, records):
    header = ["N° du marché", "Objet", "Montant HT", "Date de notification"]
    body = [[f"2024-{n}", f"Objet {n}", str(n * 100), "2024-03-05"] for n in range(records)]
    blank: list[str | None] = [None] * left
    rows = [[*blank, title, None, None, None] for title in above]
    rows += [[*blank, *row] for row in (header, *body)]
    for score in (some_known, nothing_known):
        [table] = find_tables(Grid("F", rows, 11, 3), score)
        assert list(table.names) == header
        assert [list(row) for row in table.rows] == body
        assert table.row_numbers[0] == 11 + len(above) + 1
        assert table.letters[0] == "CDEF"[left]
        assert table.set_aside == sum(title is not None for title in above)


# --- single cases ------------------------------------------------------------------------------


def table_of(*rows: Sequence[str | None], **grid: Any) -> SheetTable:
    [table] = find_tables(Grid("F", [list(row) for row in rows], **grid), some_known)
    return table


HEAD = ("N° du marché", "Objet", "Montant HT", "Date de notification")
ONE = ("2024-1", "Papier", "100", "2024-03-05")
TWO = ("2024-2", "Encre", "200", "2024-03-06")


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (("Total", None, "300", None), "row_total"),
        (("TOTAL GENERAL HT :", None, "300,00 €", None), "row_total"),
        (("Sous-total routes", "2 marchés", "300", None), "row_total"),
        ((None, "Somme", "300", None), "row_total"),
        ((None, None, "Total", "300"), "row_total"),
        (("Nombre de marchés", "2", None, None), "row_total"),
        (("Moyenne", None, "150", None), "row_total"),
        (("2024-3", "Total des fournitures", "300", "2024-03-07"), None),
        (("2024-3", "Total", "300", None), None),
        (("Totem", "Signalétique", "300", "2024-03-07"), None),
        (("Somme-03", "Papier", "300", "2024-03-07"), None),
        (("Direction des collèges", None, None, None), "row_note"),
        ((None, None, None, "à compléter"), "row_note"),
        (("2024-3", None, None, None), None),
        ((None, None, "300", None), None),
        (HEAD, "row_repeated_header"),
        (tuple(name.upper() for name in HEAD), "row_repeated_header"),
    ],
)
def test_a_row_below_two_records(row, rule):
    table = table_of(HEAD, ONE, TWO, row)
    assert [finding.rule for finding in table.findings] == ([rule] if rule else [])
    assert len(table.rows) == (2 if rule else 3)


def test_a_contract_called_total_in_a_register_without_ids():
    table = table_of(
        ("Objet", "Montant HT", "Titulaire"),
        ("Papier", "100", "Exemple Papier"),
        ("Total Carburant, lot 1", "200", "Exemple Énergie"),
    )
    assert len(table.rows) == 2


def test_a_merged_number_that_is_no_amount_is_filled_down():
    rows = (("N°", "Objet", "Montant HT"), ("12", "a", "1"), (None, "b", "2"), (None, None, None))
    table = table_of(*rows, merged=((2, 1, 4, 1),))
    assert table.rows == [("12", "a", "1"), ("12", "b", "2")]
    assert [finding.rule for finding in table.findings] == ["cells_filled_down"]


def test_a_header_alone_is_a_table_without_rows():
    table = table_of(HEAD)
    assert (table.names, table.rows, table.findings) == (HEAD, [], [])


def test_a_third_column_of_a_name_that_is_taken():
    table = table_of(("Date", "Date (2)", "Date", "Objet"), ("1", "2", "3", "x"))
    assert table.names == ("Date", "Date (2)", "Date (3)", "Objet")


def test_a_text_longer_than_a_finding_holds_is_cut():
    table = table_of(HEAD, ONE, ("note " * 200, None, None, None))
    assert len(table.findings[0].value or "") == 200
