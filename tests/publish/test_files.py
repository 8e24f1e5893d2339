"""Workbook, CSV, manifest, and what happens when they cannot be written."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from spaser.errors import InputError
from spaser.guards import is_risky
from spaser.publish import opendata, render
from spaser.warehouse import Tables, session
from tests.publish import builders

FILES = [
    "rapport.html",
    "indicateurs.xlsx",
    "donnees/resultats.csv",
    "donnees/preuves.csv",
    "manifest.json",
]


@pytest.fixture(scope="module")
def book(report: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(report / "indicateurs.xlsx")


def test_the_same_tables_give_the_same_bytes(tables: Tables, report: Path, tmp_path: Path) -> None:
    written = render(tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "fr")
    assert written == [tmp_path / name for name in FILES]
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (report / name).read_bytes(), name
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert left == sorted(FILES)


def test_the_manifest_names_what_was_published_from_what(report: Path) -> None:
    manifest = json.loads((report / "manifest.json").read_text("utf-8"))
    assert [entry["path"] for entry in manifest["files"]] == FILES[:-1]
    for entry in manifest["files"]:
        content = (report / entry["path"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(manifest["inputs"]) == len(builders.YEARS)
    assert manifest["as_of"] == "2026-01-01"
    assert manifest["methods"]["SOC-01"] >= 1


def test_sheets_have_heads_filters_and_frozen_panes(book: openpyxl.Workbook) -> None:
    assert book.sheetnames == [
        "Résultats",
        "Preuves",
        "Marchés",
        "Objectifs",
        "Constats",
        "Qualité",
        "Complétude",
        "Glossaire",
        "Méthode",
    ]
    for sheet in book:
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref.startswith("A1:")
        assert all(cell.value and cell.font.bold for cell in sheet[1])
        assert sheet.max_row > 1


def test_no_cell_of_the_workbook_is_a_formula(book: openpyxl.Workbook) -> None:
    risky = Counter()
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", (sheet.title, cell.coordinate, cell.value)
                if isinstance(cell.value, str) and is_risky(cell.value):
                    assert cell.quotePrefix, (sheet.title, cell.coordinate)
                    risky[sheet.title] += 1
    assert risky["Preuves"] > 0
    assert risky["Constats"] == 1


def test_a_filter_on_the_evidence_sheet_gives_the_figure(book: openpyxl.Workbook) -> None:
    heads = [cell.value for cell in book["Preuves"][1]]
    role, measure = heads.index("Rôle, 40\u202f000\u00a0€ HT et plus"), heads.index("Mesure")
    lines = [
        row
        for row in book["Preuves"].iter_rows(min_row=2, values_only=True)
        if row[0] == "SOC-01" and row[measure] == "Nombre"
    ]
    found = Counter(str(row[role]).split(" (")[0] for row in lines)
    assert (found["Numérateur"], found["Dénominateur seulement"], found["Inconnu"]) == (16, 18, 4)


def test_a_share_is_a_number_shown_as_a_percentage(book: openpyxl.Workbook) -> None:
    sheet = book["Résultats"]
    heads = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        if row[0].value == "SOC-01" and row[heads.index("Mesure")].value == "Part en nombre":
            value = row[heads.index("Valeur")]
            if value.value is not None:
                assert value.number_format == "0.0%"
                assert 0 <= value.value <= 1
                return
    pytest.fail("no share of SOC-01")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def test_results_csv_has_one_row_a_key(report: Path) -> None:
    found = rows(report / "donnees" / "resultats.csv")
    key = ("code", "method", "scope", "buyer_id", "year", "dimension", "member", "measure", "unit")
    assert len({tuple(row[name] for name in key) for row in found}) == len(found)
    assert tuple(found[0]) == opendata.RESULT_COLUMNS
    assert {row["year"] for row in found} == {str(year) for year in builders.YEARS}
    not_computable = [row for row in found if row["status"] == "not_computable"]
    assert not_computable
    assert all(row["value"] == "" for row in not_computable)


def test_evidence_csv_holds_every_line_of_the_year(report: Path, tables: Tables) -> None:
    found = rows(report / "donnees" / "preuves.csv")
    with session() as connection:
        tables.attach(connection, ["indicators.evidence"])
        counted = connection.execute(
            "select count(*) from indicators.evidence where year = 2025"
        ).fetchone()
    assert counted == (len(found),)
    numerator = [
        row
        for row in found
        if (row["code"], row["scope"], row["measure"], row["role"])
        == ("SOC-01", "floor", "value", "numerator")
    ]
    assert sum(Decimal(row["weight"]) for row in numerator) == Decimal("3179219.00")


def test_csv_texts_cannot_start_a_formula(report: Path) -> None:
    for name in ("resultats.csv", "preuves.csv"):
        for row in rows(report / "donnees" / name):
            for column in ("object", "unit_id", "member", "reason_fr"):
                assert not is_risky(row.get(column, ""))
    objects = {row["object"] for row in rows(report / "donnees" / "preuves.csv")}
    assert "'" + builders.FORMULA in objects


def test_a_year_without_result_is_refused(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1999"):
        render(tables, builders.PROJECT, builders.SCHEME, 1999, tmp_path, "fr")
    assert list(tmp_path.iterdir()) == []


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"indicators\.results"):
        render(Tables(tmp_path), builders.PROJECT, builders.SCHEME, 2025, tmp_path / "o", "fr")


def test_a_full_disk_leaves_the_previous_report_whole(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rapport.html").write_text("avant")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(opendata, "write_evidence", full)
    with pytest.raises(InputError, match="disque est plein"):
        render(tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "fr")
    assert [path.name for path in tmp_path.iterdir()] == ["rapport.html"]
    assert (tmp_path / "rapport.html").read_text() == "avant"


def test_an_output_that_is_a_file_is_refused(tables: Tables, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="écriture impossible"):
        render(tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path / "out", "fr")
