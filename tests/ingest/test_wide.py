"""A column a month, a sheet a company, returns one by one."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.cards import Catalogue
from spaser.errors import InputError
from spaser.ingest import stage
from spaser.ingest.mapfile import map_file
from spaser.ingest.wide import month_of, months_in_a_row
from spaser.mappings import Mapping, load_mappings
from spaser.project import Project
from tests.ingest.conftest import REPOSITORY, Bench, Row

CARDS = Catalogue(REPOSITORY / "assets")
FIXED = ["N° de marché", "ID bénéficiaire", "Sexe"]
MONTHS = ["janv. 2025", "févr. 2025", "mars 2025"]
COLUMNS = {
    "N° de marché": "contract_reference",
    "ID bénéficiaire": "person_id",
    "Sexe": "sex",
}
WIDE = Mapping(
    name="large", source="insertion_log", reviewed=True, columns=COLUMNS, months="declared_hours"
)


def run(bench: Bench, *mappings: Mapping) -> None:
    files = sorted(path for path in bench.inputs.rglob("*") if path.is_file())
    stage(files, bench.tables, bench.catalogue, bench.inputs, mappings)


def lines(bench: Bench) -> list[tuple[str, str | None, str | None]]:
    rows = bench.staged("insertion_log")
    return [(row["source_pointer"], row["month"], row["declared_hours"]) for row in rows]


def rules(bench: Bench) -> dict[str, Row]:
    return {row["rule"]: row for row in bench.rows("quality.findings")}


def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    (root / "pipelines").mkdir(parents=True)
    (root / "assets").symlink_to(REPOSITORY / "assets")
    (root / "pipelines/essai.yml").write_text(
        'title: {fr: Essai, en: Trial}\nbuyers: [{id: "00020001400017", name: Exemple}]\n'
        "inputs: []\n",
        encoding="utf-8",
    )
    return Project(root)


# --- headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "month"),
    [
        ("mars 2025", date(2025, 3, 1)),
        ("mars-25", date(2025, 3, 1)),
        ("Févr. 2025", date(2025, 2, 1)),
        ("03/2025", date(2025, 3, 1)),
        ("2025-03", date(2025, 3, 1)),
        ("202503", date(2025, 3, 1)),
        ("2025-03-01T00:00:00", date(2025, 3, 1)),
        ("Heures réalisées / mars 2025", date(2025, 3, 1)),
        ("15/03/2025", None),
        ("45000", None),
        ("Mois", None),
        ("Total 2025", None),
        ("", None),
    ],
)
def test_a_header_that_is_a_month(header: str, month: date | None):
    assert month_of(header) == month


@given(st.text(max_size=30))
def test_any_header_is_a_first_of_a_month_or_none(header: str):
    found = month_of(header)
    assert found is None or found.day == 1


@pytest.mark.parametrize(
    ("texts", "count"),
    [
        (["A", "janv. 2025", "févr. 2025"], 2),
        (["01/2025", "02/2025"], 0),
        (["11/2024", "12/2024", "01/2025"], 3),
        (["mars 2025", "janv. 2025"], 0),
        (["2025-01-15", "2025-02-03", "2025-03-01"], 0),
    ],
)
def test_months_that_follow_one_another(texts: list[str], count: int):
    assert months_in_a_row(texts) == count


# --- a column a month ---------------------------------------------------------------------------


def test_each_filled_cell_is_a_line_at_its_own_place(bench: Bench):
    bench.workbook(
        "a.xlsx",
        Suivi=[
            [*FIXED, *MONTHS],
            ["M1", "B-1", "F", 10, None, "12,5"],
            ["M1", "B-2", "H", None, None, None],
            ["M2", "B-3", "F", None, 7, None],
        ],
    )
    run(bench, WIDE)
    assert lines(bench) == [
        ("feuille 1!D2", "2025-01", "10"),
        ("feuille 1!F2", "2025-03", "12,5"),
        ("feuille 1!E4", "2025-02", "7"),
    ]
    assert rules(bench)["row_without_month"]["source_pointer"] == "feuille 1!3"
    assert bench.balance() == (4, 3, 1)
    assert len({row["person_id"] for row in bench.staged("insertion_log")}) == 2


def test_a_csv_of_months_gives_the_row_and_the_column(bench: Bench):
    bench.put("a.csv", ";".join([*FIXED, *MONTHS]) + "\nM1;B-1;F;10;;12,5\n")
    run(bench, WIDE)
    assert lines(bench) == [("L2 (D)", "2025-01", "10"), ("L2 (F)", "2025-03", "12,5")]


def test_months_are_proposed_without_a_mapping(bench: Bench):
    bench.put("a.csv", ";".join([*FIXED, *MONTHS]) + "\nM1;B-1;F;10;;12,5\nM1;B-2;F;;3;\n")
    run(bench)
    assert [line[1:] for line in lines(bench)] == [
        ("2025-01", "10"),
        ("2025-03", "12,5"),
        ("2025-02", "3"),
    ]
    assert "mapping_not_reviewed" in rules(bench)
    mapped = {row["header"]: row["field"] for row in bench.rows("quality.mappings")}
    assert mapped["mars 2025"] == "month"


@pytest.mark.parametrize(
    "titles",
    [
        [date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)],
        ["01/2025", "02/2025", "03/2025"],
        ["2025-01", "2025-02", "2025-03"],
    ],
)
def test_months_written_as_dates_or_figures_are_a_header_too(bench: Bench, titles: list[Any]):
    bench.workbook(
        "a.xlsx",
        A=[["Suivi des heures"], [*FIXED, *titles], ["M1", "B-1", "F", 10, 5, 6]],
    )
    run(bench)
    assert [line[1] for line in lines(bench)] == ["2025-01", "2025-02", "2025-03"]


def test_a_month_of_next_year_needs_no_new_mapping(bench: Bench):
    bench.put("a.csv", ";".join([*FIXED, *MONTHS, "janv. 2026"]) + "\nM1;B-1;F;;;;8\n")
    run(bench, WIDE)
    assert lines(bench) == [("L2 (G)", "2026-01", "8")]


def test_a_total_beside_the_months_is_not_counted_again(bench: Bench):
    bench.put("a.csv", ";".join([*FIXED, *MONTHS, "Total heures"]) + "\nM1;B-1;F;10;5;;15\n")
    mapping = WIDE.model_copy(update={"columns": {**COLUMNS, "Total heures": "declared_hours"}})
    run(bench, mapping)
    assert [line[2] for line in lines(bench)] == ["10", "5"]
    assert rules(bench)["mapping_two_columns"]["source_pointer"] == "G"
    run(bench)
    assert [line[2] for line in lines(bench)] == ["10", "5"]


def test_months_fill_the_field_the_mapping_says(bench: Bench):
    bench.put("a.csv", ";".join([*FIXED, *MONTHS]) + "\nM1;B-1;F;10;;\n")
    run(bench, WIDE.model_copy(update={"months": "validated_hours"}))
    [row] = bench.staged("insertion_log")
    assert (row["validated_hours"], row["declared_hours"]) == ("10", None)


@pytest.mark.parametrize("field", ["declared_hour", "sex"])
def test_months_must_be_hours(tmp_path: Path, field: str):
    home = project(tmp_path)
    folder = home.root / "pipelines/essai/mappings"
    folder.mkdir(parents=True)
    (folder / "a.yml").write_text(
        f"source: insertion_log\nmonths: {field}\ncolumns: {{}}\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match="months"):
        load_mappings(home, "essai")


def test_spaser_map_proposes_the_months_and_its_file_is_read(bench: Bench, tmp_path: Path):
    home = project(tmp_path)
    path = bench.put("a.csv", ";".join([*FIXED, *MONTHS]) + "\nM1;B-1;F;10;;12,5\n")
    [written] = map_file(home, "essai", path).files
    assert "months: declared_hours" in written.path.read_text(encoding="utf-8")
    [mapping] = load_mappings(home, "essai")
    assert mapping.columns == COLUMNS
    run(bench, mapping)
    assert [line[1:] for line in lines(bench)] == [("2025-01", "10"), ("2025-03", "12,5")]


# --- a sheet a company --------------------------------------------------------------------------

RETURN = ["N° de marché", "Mois", "Heures", "ID bénéficiaire"]
COMPANIES = {
    "Bâtir Exemple": [RETURN, ["M1", "2025-03", 35, "B-1"]],
    "Peindre Exemple": [RETURN, ["M1", "2025-03", 21, "B-2"], ["M2", "2025-03", 7, "B-2"]],
}


def test_the_name_of_the_sheet_is_the_company(bench: Bench, tmp_path: Path):
    home = project(tmp_path)
    path = bench.workbook("a.xlsx", **COMPANIES)
    map_file(home, "essai", path)
    [mapping] = load_mappings(home, "essai")
    assert mapping.sheet_field == "company_name"
    run(bench, mapping)
    assert [
        (row["source_pointer"], row["company_name"]) for row in bench.staged("insertion_log")
    ] == [
        ("feuille 1!2", "Bâtir Exemple"),
        ("feuille 2!2", "Peindre Exemple"),
        ("feuille 2!3", "Peindre Exemple"),
    ]


def test_sheets_named_by_siret_are_companies_by_their_number(bench: Bench, tmp_path: Path):
    home = project(tmp_path)
    sirets = ["00030001200010", "00030002000010"]
    sheets = dict(zip(sirets, COMPANIES.values(), strict=True))
    map_file(home, "essai", bench.workbook("a.xlsx", **sheets))
    [mapping] = load_mappings(home, "essai")
    assert mapping.sheet_field == "company_id"


def test_no_sheet_is_a_company_where_a_column_says_it(bench: Bench, tmp_path: Path):
    home = project(tmp_path)
    sheets = {
        name: [[*rows[0], "Entreprise"], *([*row, "Bâtir"] for row in rows[1:])]
        for name, rows in COMPANIES.items()
    }
    map_file(home, "essai", bench.workbook("a.xlsx", **sheets))
    [mapping] = load_mappings(home, "essai")
    assert mapping.sheet_field is None


# --- returns one by one -------------------------------------------------------------------------


def test_a_return_that_arrives_later_joins_the_others(bench: Bench):
    mapping = Mapping(
        name="releves",
        source="insertion_log",
        reviewed=True,
        columns={
            "N° de marché": "contract_reference",
            "Mois": "month",
            "Heures": "declared_hours",
            "ID bénéficiaire": "person_id",
        },
    )
    for number in (1, 2, 3):
        bench.put(f"2025-T{number}.csv", f"{';'.join(RETURN)}\nM1;2025-0{3 * number};35;B-1\n")
    run(bench, mapping)
    before = bench.staged("insertion_log")
    assert [row["source_file"] for row in before] == ["2025-T1.csv", "2025-T2.csv", "2025-T3.csv"]
    bench.put("2025-T4.csv", f"{';'.join(RETURN)}\nM1;2025-12;28;B-1\n")
    run(bench, mapping)
    after = bench.staged("insertion_log")
    assert after[:3] == before
    assert (after[3]["month"], after[3]["person_id"]) == ("2025-12", before[0]["person_id"])
    assert rules(bench) == {}
