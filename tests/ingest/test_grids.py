"""Cells as text, and sheets as grids."""

from __future__ import annotations

import csv
import io
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spaser.ingest.containers import open_container
from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.grids import ERROR_VALUE, Grid, cell_text, read_grids
from spaser.ingest.sheet_xml import column_letters, column_number
from spaser.ingest.surveys import Squeeze
from tests.generators.workbooks import fill, new_book, saved

TEXTS = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff\ufeff\x1f"),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() != "" and ERROR_VALUE.fullmatch(text.strip()) is None)
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.none() | TEXTS, min_size=width, max_size=width), min_size=1, max_size=6
    )
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (14700.0, "14700"),
        (21440215800015.0, "21440215800015"),
        (1e17, "100000000000000000"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (62399.999999999993, "62400"),
        (-1200.5, "-1200.5"),
        (1e-7, "0.0000001"),
        (0.05, "0.05"),
        (0.0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (date(2024, 3, 5), "2024-03-05"),
        (datetime(2024, 3, 5, 10, 30), "2024-03-05T10:30:00"),  # noqa: DTZ001
        (time(8, 15), "08:15:00"),
        (timedelta(hours=36, seconds=5), "36:00:05"),
        (timedelta(hours=-2), "-2:00:00"),
        (" avec espaces ", " avec espaces "),
        ("\u00a0 ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_cell_as_text(value: Any, text: str | None):
    assert cell_text(value) == text


@given(st.decimals(-(10**12), 10**12, places=2, allow_nan=False))
def test_an_amount_typed_in_a_sheet_is_the_same_as_text(amount: Decimal):
    assert Decimal(cell_text(float(amount)) or "") == amount


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_keeps_its_digits(number: int):
    assert cell_text(float(number)) == str(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_text_without_exponent_and_nearly_itself(number: float):
    text = cell_text(number) or ""
    assert "e" not in text.lower()
    assert math.isclose(float(text), number, rel_tol=1e-14, abs_tol=0.0)


@given(st.integers(1, 20_000))
def test_column_letters_come_back(number: int):
    assert column_number(column_letters(number)) == number


def test_column_letters():
    assert [column_letters(number) for number in (1, 26, 27, 702, 703, 16_384)] == [
        *("A", "Z", "AA", "ZZ", "AAA", "XFD")
    ]


@given(st.sets(st.integers(0, 5000), min_size=1), st.integers(0, 300))
def test_a_squeezed_place_comes_back(used: set[int], gap: int):
    """Each used place is read once, in order, and its block says where it was."""
    squeeze = Squeeze.of(used, gap)
    read = {squeeze.read_place(place): place for place in sorted(used)}
    assert list(read) == sorted(read)
    assert len(read) == len(used)
    size = max(read) + 1
    back = {
        line: place + line - start
        for start, end, place in squeeze.blocks(size)
        for line in range(start, end)
    }
    assert {line: back[line] for line in read} == read
    assert size <= len(used) * (gap + 1)


def read_csv(text: str | bytes, folder: Path) -> Grid:
    path = folder / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    opened = open_container(path, folder)
    [grid], _ = read_grids(opened.path, opened.container, folder)
    return grid


def trimmed(rows: list[list[str | None]]) -> list[list[str | None]]:
    """Without blank edges."""
    lines = [n for n, row in enumerate(rows) if any(row)]
    columns = [n for n in range(len(rows[0])) if any(row[n] for row in rows)]
    return [row[columns[0] : columns[-1] + 1] for row in rows[lines[0] : lines[-1] + 1]]


@given(rows=TABLES, delimiter=st.sampled_from(";,|\t"))
def test_a_stated_separator_gives_the_cells_back(tmp_path_factory, rows, delimiter):
    assume(any(any(row) for row in rows))
    assume(not any((cell or "").startswith('="') for row in rows for cell in row))
    out = io.StringIO()
    out.write(f"sep={delimiter}\n")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    grid = read_csv(out.getvalue(), tmp_path_factory.mktemp("csv"))
    assert grid.rows == trimmed(rows)


@given(rows=TABLES, row=st.integers(1, 40), column=st.integers(1, 30))
def test_cells_of_a_sheet_come_back_in_their_place(tmp_path_factory, rows, row, column):
    assume(any(any(line) for line in rows))
    book, [sheet] = new_book("Feuille d'essai")
    for number, line in enumerate(rows, row):
        for place, value in enumerate(line, column):
            if value is not None:
                cell = sheet.cell(number, place)
                cell.value = value
                cell.data_type = "s"
    folder = tmp_path_factory.mktemp("xlsx")
    (folder / "file.xlsx").write_bytes(saved(book))
    [grid], findings = read_grids(folder / "file.xlsx", "workbook", folder)
    lines = [n for n, line in enumerate(rows) if any(line)]
    columns = [n for n in range(len(rows[0])) if any(line[n] for line in rows)]
    assert (grid.first_row, grid.first_column) == (row + lines[0], column + columns[0])
    assert grid.rows == trimmed(rows)
    assert findings == []


def test_where_a_cell_is():
    assert Grid("Marchés 2024", []).pointer(12) == "Marchés 2024!12"
    assert Grid("Marchés 2024", []).pointer(12, 28) == "Marchés 2024!AB12"
    assert Grid(None, []).pointer(12) == "L12"


def test_rows_of_a_csv_are_counted_as_a_spreadsheet_counts_them(tmp_path):
    grid = read_csv('\n\nobjet;montant\n"a\nb";1\n\nc;2\n', tmp_path)
    assert grid.first_row == 3
    assert grid.rows == [["objet", "montant"], ["a\nb", "1"], [None, None], ["c", "2"]]


def test_decimal_commas_do_not_pass_for_separators(tmp_path):
    grid = read_csv("id;montant;taux\n1;14 700,00;5,5\n2;52 000,50;20\n", tmp_path)
    assert grid.rows[1] == ["1", "14 700,00", "5,5"]


def test_a_quote_that_never_closes_says_where_it_opens(tmp_path):
    with pytest.raises(Damaged) as caught:
        read_csv('id;objet\n1;a\n2;"b\n3;c\n', tmp_path)
    assert "ligne 3" in caught.value.fr
    assert "line 3" in caught.value.en


def test_a_csv_of_separators_only_is_empty(tmp_path):
    with pytest.raises(Unrecognised) as caught:
        read_csv(";;;\n;;;\n", tmp_path)
    assert caught.value.rule == "input_empty"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    try:
        grid = read_csv(f"x{text}".encode("utf-8", "replace"), tmp_path_factory.mktemp("any"))
    except (Damaged, Unrecognised):
        return
    assert all(len(row) == len(grid.rows[0]) for row in grid.rows)


def test_an_error_value_of_each_language_is_a_finding(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("id;montant\n1;#VALEUR!\n2;#N/A\n3;#N/A\n4;Err:502\n5;#5 bis\n", "utf-8")
    [grid], findings = read_grids(path, "csv", tmp_path)
    assert [row[1] for row in grid.rows[1:]] == [None, None, None, None, "#5 bis"]
    assert [(f.rule, f.source_pointer, f.value, f.detail) for f in findings] == [
        ("cell_error_value", "L3:L4", "#N/A", "2"),
        ("cell_error_value", "L2", "#VALEUR!", "1"),
        ("cell_error_value", "L5", "Err:502", "1"),
    ]


def test_what_a_sheet_hides_is_named(tmp_path):
    book, [sheet] = new_book("Registre")
    fill(sheet, [["a", "b", "c", "d"]] * 8)
    for row in (3, 4, 5, 7, 12):
        sheet.row_dimensions[row].hidden = True
    sheet.column_dimensions["B"].hidden = True
    sheet.column_dimensions["Z"].hidden = True
    (tmp_path / "file.xlsx").write_bytes(saved(book))
    [grid], [finding] = read_grids(tmp_path / "file.xlsx", "workbook", tmp_path)
    assert (finding.rule, finding.source_pointer) == ("sheet_hidden_parts", "Registre")
    assert finding.value == "3:5, 7:7, B:B", "blank rows and columns are no matter"
    assert grid.hidden_rows == {3, 4, 5, 7}
    assert grid.hidden_columns == {2}
    assert not grid.hidden


def test_a_spoilt_column_of_formulas_is_one_finding(tmp_path):
    book, [sheet] = new_book("Registre")
    fill(sheet, [["id", "total"], *([n, f"=A{n}*2"] for n in range(2, 50))])
    (tmp_path / "file.xlsx").write_bytes(saved(book))
    _, [finding] = read_grids(tmp_path / "file.xlsx", "workbook", tmp_path)
    assert (finding.source_pointer, finding.detail) == ("Registre!B2:B49", "48")
