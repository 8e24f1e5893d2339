"""A cell that is not understood is found again: its sheet and its address."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from spaser.scheme import scheme_for_files
from tests.curate.run import open_balances, rows, run_files

HEADER = ("N° du marché", "SIRET acheteur", "Objet", "Date de notification", "Montant HT (€)")
SIRET = "00030001200010"


def workbook(path: Path, *cells: tuple[object, ...], title: bool = True) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Marchés 2024"
    if title:
        sheet.append(["Registre des marchés"])
        sheet.append([])
    sheet.append(HEADER)
    for row in cells:
        sheet.append(row)
    book.save(path)
    return path


def faults(tmp_path: Path, file: Path) -> list[dict[str, object]]:
    tables = run_files(
        tmp_path / "tables", [], scheme_for_files((file,)), last="curated/publications"
    )
    assert open_balances(tables) == []
    return rows(
        tables,
        """select rule, source_pointer, field, value from quality.findings
        where table_name = 'curated.records' order by rule, source_pointer""",
    )


@pytest.mark.parametrize(
    ("column", "value", "rule", "letter", "field"),
    [
        (3, "mars 2024", "date_incomplete", "D", "notified_date"),
        (3, "le mois prochain", "date_unreadable", "D", "notified_date"),
        (4, "environ 12 000", "number_unreadable", "E", "amount"),
        (4, "1.200", "number_ambiguous", "E", "amount"),
        (1, "à demander", "siret_malformed", "B", "buyer_id"),
    ],
)
def test_a_cell_not_understood_has_its_address(tmp_path, column, value, rule, letter, field):
    good = ["M1", SIRET, "Bancs", "12/03/2024", "14 700,00 €"]
    bad = ["M2", SIRET, "Tables", "13/03/2024", "9 000,00 €"]
    bad[column] = value
    file = workbook(tmp_path / "registre.xlsx", tuple(good), tuple(bad))
    assert faults(tmp_path, file) == [
        {
            "rule": rule,
            "source_pointer": f"Marchés 2024!{letter}5",
            "field": field,
            "value": value,
        }
    ]


def test_in_a_csv_the_row_and_the_column_are_named(tmp_path):
    file = tmp_path / "registre.csv"
    good = [f"M{n};{SIRET};Bancs {n};12/03/2024;{n} 000,00" for n in range(1, 5)]
    lines = [";".join(HEADER), *good, f"M9;{SIRET};Tables;12/03/2024;beaucoup"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    [fault] = faults(tmp_path, file)
    assert (fault["rule"], fault["source_pointer"]) == ("number_unreadable", "L6 (E)")


def test_a_register_understood_has_no_fault(tmp_path):
    row = ("M1", SIRET, "Bancs", "12 mars 2024", "14 700,00 €")
    assert faults(tmp_path, workbook(tmp_path / "registre.xlsx", row, title=False)) == []
