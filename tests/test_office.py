"""Texts stay texts in every sheet and CSV, and the bytes depend on the content alone."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser import guards, office
from spaser.office import Column, Number
from spaser.warehouse import session

AS_OF = date(2026, 11, 21)
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "＝1+1",
    '=HYPERLINK("http://exemple.invalid";"x")',
    "=",
    "'=1+1",
    "#REF!",
)
PLAIN = ("Toiture", "2024-01", "a=b", "1 + 1", "", "é", "'abc")


def written(tmp_path: Path, rows: list[list[office.Cell]], columns: list[Column]) -> Path:
    book = office.new_book("Essai")
    office.add_sheet(book, "Feuille", columns, rows)
    path = tmp_path / "essai.xlsx"
    office.save_book(book, path, AS_OF)
    return path


@pytest.mark.parametrize(
    "column",
    [Column("A", 20), Column("A", 20, wrap=True), Column("A", 20, editable=True, form=office.TEXT)],
    ids=["plain", "wrapped", "editable"],
)
def test_no_text_is_a_formula_in_a_workbook(tmp_path: Path, column: Column) -> None:
    texts = [*HOSTILE, *PLAIN]
    path = written(tmp_path, [[text] for text in texts], [column])
    sheet = openpyxl.load_workbook(path)["Feuille"]
    for (cell,), text in zip(sheet.iter_rows(min_row=2), texts, strict=True):
        assert cell.data_type == "s" or not text
        assert cell.data_type != "f"
        assert cell.value == (text or None)
        assert bool(cell.quotePrefix) == guards.is_risky(text)


def test_no_text_is_a_formula_in_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "essai.csv"
    guards.write_csv(path, ["a", "b"], [[text, 1] for text in (*HOSTILE, *PLAIN)])
    with path.open(encoding="utf-8", newline="") as content:
        found = [row[0] for row in csv.reader(content)][1:]
    assert not any(guards.is_risky(text) for text in found)
    assert [guards.unguarded(text) for text in found] == [*HOSTILE, *PLAIN]


@given(st.text())
def test_a_guarded_text_is_harmless_and_comes_back(text: str) -> None:
    assert not guards.is_risky(guards.guarded(text))
    assert guards.unguarded(guards.guarded(text)) == text


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00")))
def test_a_harmless_text_is_written_as_it_is(text: str) -> None:
    if not guards.is_risky(text.lstrip("'")):
        assert guards.guarded(text) == text


@pytest.mark.parametrize("text", [*HOSTILE, *PLAIN])
def test_the_engine_guards_as_python_does(text: str) -> None:
    with session() as connection:
        query = f"select {guards.guarded_sql('t')} from (select ?::varchar as t)"
        assert connection.execute(query, [text]).fetchall() == [(guards.guarded(text),)]


def test_no_text_is_a_formula_in_a_csv_that_the_engine_writes(tmp_path: Path) -> None:
    path = tmp_path / "essai.csv"
    with session() as connection:
        connection.execute("create table texts (place integer, t varchar)")
        connection.executemany("insert into texts values (?, ?)", list(enumerate(HOSTILE)))
        guarded = guards.guarded_sql("t")
        query = f"select {guarded} as t from texts order by place"
        connection.execute(f"copy ({query}) to '{path}' (format csv, header)")
    with path.open(encoding="utf-8", newline="") as content:
        found = [row[0] for row in csv.reader(content)][1:]
    assert [guards.unguarded(text) for text in found] == list(HOSTILE)
    assert not any(guards.is_risky(text) for text in found)


def test_what_no_workbook_can_hold_is_replaced(tmp_path: Path) -> None:
    odd = "a\x00b\x0bc\ud800d\ufffee"
    path = written(tmp_path, [[odd], ["x" * 40_000]], [Column("A", 20)])
    sheet = openpyxl.load_workbook(path)["Feuille"]
    assert sheet["A2"].value == "a\ufffdb\ufffdc\ufffdd\ufffde"
    assert len(sheet["A3"].value) == office.MAX_TEXT
    assert sheet["A3"].value.endswith("…")


def test_numbers_and_dates_keep_their_type(tmp_path: Path) -> None:
    rows: list[list[office.Cell]] = [
        [Number(Decimal("14700.05"), office.EURO), date(2024, 3, 12), Number(None), None]
    ]
    columns = [Column(name, 12) for name in "ABCD"]
    sheet = openpyxl.load_workbook(written(tmp_path, rows, columns))["Feuille"]
    assert sheet["A2"].value == 14700.05
    assert sheet["A2"].number_format == office.EURO
    assert sheet["B2"].value.date() == date(2024, 3, 12)
    assert sheet["C2"].value is None


def test_a_sheet_to_fill_in_offers_its_choices_and_shades_the_rest(tmp_path: Path) -> None:
    columns = [
        Column("Clé", 12, editable=False),
        Column("Décision", 12, editable=True, choices=("accepter", "refuser")),
    ]
    book = office.new_book("Essai")
    office.add_sheet(book, "Feuille", columns, [["K", None]], spare_rows=3)
    path = tmp_path / "essai.xlsx"
    office.save_book(book, path, AS_OF)
    sheet = openpyxl.load_workbook(path)["Feuille"]
    (rule,) = sheet.data_validations.dataValidation
    assert (rule.formula1, str(rule.sqref)) == ('"accepter,refuser"', "B2:B5")
    assert sheet["A2"].fill.fgColor.rgb != sheet["B2"].fill.fgColor.rgb


def test_choices_that_no_list_can_hold_are_our_fault(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        written(tmp_path, [], [Column("A", 9, editable=True, choices=("a,b",))])


def test_same_content_same_bytes(tmp_path: Path) -> None:
    rows: list[list[office.Cell]] = [["=1", Number(Decimal(3)), date(2024, 1, 1)]]
    columns = [Column("A", 9), Column("B", 9), Column("C", 9)]
    first = written(tmp_path, rows, columns).read_bytes()
    assert written(tmp_path, rows, columns).read_bytes() == first
    assert openpyxl.load_workbook(io.BytesIO(first)).properties.created.date() == AS_OF


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "essai.csv"
    guards.write_csv(path, ["a"], [["avant"]])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        guards.write_csv(path, ["a"], [["après"]])
    assert path.read_text(encoding="utf-8") == "a\navant\n"
    assert [item.name for item in tmp_path.iterdir()] == ["essai.csv"]
