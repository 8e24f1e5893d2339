"""Files about persons: pseudonyms and age bands are staged, and nothing that names anybody."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from spaser.cards import PEOPLE_FEEDS, Catalogue
from spaser.errors import InputError
from spaser.ingest import stage
from spaser.ingest.mapfile import map_file
from spaser.ingest.mapping import Proposer
from spaser.ingest.personal import (
    REMOVED,
    age_band,
    reference_without_persons,
    without_persons,
)
from spaser.ingest.sheet_xml import column_letters
from spaser.mappings import Mapping
from spaser.project import Project
from spaser.warehouse import literal
from tests.ingest.conftest import REPOSITORY, Bench, Row

CARDS = Catalogue(REPOSITORY / "assets")
LOG = CARDS.sources["sources/insertion_log"]
PARTICIPANTS = CARDS.sources["sources/insertion_participants"]
COLUMN = {field: str(column) for field, column in LOG.fields.items()}
FIELD = {column: field for field, column in COLUMN.items()}

LINE = {
    "operation": "Groupe scolaire",
    "marche_id": "2025-01",
    "maitre_ouvrage": "00020001400017",
    "facilitateur": "PLIE d'Exemple",
    "entreprise_siret": "00030001200010",
    "entreprise": "Bâtir Exemple",
    "periode": "2025-03",
    "heures_realisees": "35",
    "beneficiaire_id": "B-017",
    "annee_naissance": "1990",
    "publics": "RSA",
}

NAME, FIRST, STREET = "Zerbibulle", "Ornélinde", "Trouvemoi"
SOCIAL, MAIL, PHONE, BORN = "285127511623489", "z.bulle@exemple.fr", "06 12 34 56 78", "17/12/1985"
MARKERS = (NAME, FIRST, STREET, SOCIAL, MAIL, "z.bulle", PHONE, "0612345678", BORN, "1985-12-17")
PLANTED = (
    f"Mme {FIRST} {NAME}",
    f"domiciliée 12 rue {STREET}",
    f"née le {BORN}",
    BORN,
    "1985-12-17",
    SOCIAL,
    "2 85 12 75 116 234 89",
    f"voir {MAIL}",
    PHONE,
    "0612345678",
)
BARE = (*PLANTED, NAME.upper(), f"{FIRST} {NAME}", f"12 rue {STREET}, Exempleville")
"""In a column that is no free text a bare name or address is no value of the column."""


def table(rows: Sequence[Row], header: Sequence[str] = tuple(FIELD)) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(header), delimiter=";", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def found(bench: Bench, rule: str) -> list[tuple[Any, ...]]:
    return [
        (row["source_pointer"], row["field"], row["detail"])
        for row in bench.rows("quality.findings", "source_pointer, field, detail")
        if row["rule"] == rule
    ]


def log(bench: Bench) -> list[Row]:
    return bench.staged("insertion_log")


def everything_written(bench: Bench) -> str:
    """Every file built, as bytes and as what its Parquet decodes to."""
    written = []
    for path in sorted(p for p in bench.tables.root.rglob("*") if p.is_file()):
        written.append(path.read_bytes().decode("utf-8", "replace"))
        with duckdb.connect() as connection:
            found = connection.execute(f"from read_parquet({literal(path.as_posix())})")
            written += [str(row) for row in found.fetchall()]
    return "\n".join(written)


def assert_no_marker(text: str) -> None:
    seen = [marker for marker in MARKERS if marker.casefold() in text.casefold()]
    assert not seen


# --- what is kept -------------------------------------------------------------------------------


def test_a_canonical_line_keeps_hours_and_a_pseudonym(bench: Bench):
    bench.put("heures.csv", table([LINE]))
    bench.stage()
    [row] = log(bench)
    assert (row["contract_reference"], row["month"], row["declared_hours"]) == (
        "2025-01",
        "2025-03",
        "35",
    )
    assert (row["source_pointer"], row["age_band"]) == ("L2", "De 26 à 40 ans")
    assert len(row["person_id"]) == 32
    assert set(row["person_id"]) <= set("0123456789abcdef")
    assert "birth_year" not in row
    assert row["other_fields"] is None
    assert bench.findings() == []


def test_the_five_canonical_headers_are_known_by_their_content(bench: Bench):
    for name in ("log", "participants", "commitments", "invoiced", "events"):
        card = CARDS.sources[f"sources/insertion_{name}"]
        bench.put(f"{name}.csv", ";".join(map(str, card.fields.values())) + "\n")
    bench.stage()
    inputs = {row["source_file"]: row["source"] for row in bench.rows("quality.inputs")}
    assert inputs == {
        f"{name}.csv": f"sources/insertion_{name}"
        for name in ("log", "participants", "commitments", "invoiced", "events")
    }


@pytest.mark.parametrize("name", ["log", "participants", "commitments", "invoiced", "events"])
def test_each_source_names_only_fields_that_exist_and_every_one(name: str):
    card = CARDS.sources[f"sources/insertion_{name}"]
    assert set(card.fields) == set(card.headers) == set(CARDS.fields_of(card.feeds))


def test_a_person_has_one_pseudonym_in_every_file_and_feed(bench: Bench):
    bench.put("a.csv", table([LINE]))
    bench.put("b.csv", table([LINE | {"periode": "2025-04", "beneficiaire_id": " b-017 "}]))
    person = {column: LINE.get(column, "") for column in map(str, PARTICIPANTS.fields.values())}
    bench.put("c.csv", table([person | {"eligible_du": "2025-01-01"}], list(person)))
    bench.workbook("d.xlsx", Mars=[list(FIELD), [LINE.get(column) for column in FIELD]])
    bench.stage()
    ids = {row["person_id"] for row in log(bench)}
    assert len(log(bench)) == 3
    assert len(ids) == 1
    assert {row["person_id"] for row in bench.staged("insertion_participants")} == ids


def test_one_number_of_two_facilitators_is_two_people(bench: Bench):
    bench.put("a.csv", table([LINE, LINE | {"facilitateur": "Maison de l'emploi d'Exemple"}]))
    bench.stage()
    assert len({row["person_id"] for row in log(bench)}) == 2


def test_another_key_gives_other_pseudonyms(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    bench.put("a.csv", table([LINE]))
    bench.stage()
    before = log(bench)[0]["person_id"]
    bench.stage()
    assert log(bench)[0]["person_id"] == before
    monkeypatch.setenv("SPASER_KEY_FILE", str(tmp_path_factory.mktemp("other") / "key"))
    bench.stage()
    assert log(bench)[0]["person_id"] != before


def test_a_key_inside_the_project_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    bench.put("a.csv", table([LINE]))
    monkeypatch.setenv("SPASER_KEY_FILE", str(bench.inputs / "key"))
    with pytest.raises(InputError, match="ni dans le projet"):
        bench.stage()
    assert not bench.tables.exists("staged.insertion_log")


def test_files_without_persons_need_no_key(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    card = CARDS.sources["sources/insertion_invoiced"]
    bench.put("a.csv", ";".join(map(str, card.fields.values())) + "\nA;;;2025-01-31;10;10;ht\n")
    monkeypatch.setenv("SPASER_KEY_FILE", str(bench.inputs / "key"))
    bench.stage()
    assert bench.staged("insertion_invoiced")[0]["amount_to_date"] == "10"


@pytest.mark.parametrize("container", ["csv", "parquet", "xlsx", "mapped"])
def test_every_path_gives_the_same_protected_row(bench: Bench, container: str):
    line = LINE | {"site": f"Mme {NAME}", "sexe": "femme"}
    if container == "parquet":
        cells = {column: pa.array([line.get(column)], pa.string()) for column in FIELD}
        parquet.write_table(pa.table(cells), bench.inputs / "a.parquet")
    elif container == "xlsx":
        bench.workbook("a.xlsx", A=[list(FIELD), [line.get(column) for column in FIELD]])
    else:
        titles = [LOG.headers[FIELD[column]][0] for column in FIELD]
        header = titles if container == "mapped" else list(FIELD)
        bench.put("a.csv", table([line]).replace(";".join(FIELD), ";".join(header), 1))
    bench.stage()
    [row] = log(bench)
    assert (row["site"], row["sex"], row["age_band"]) == (
        f"Mme {REMOVED}",
        "femme",
        "De 26 à 40 ans",
    )
    assert len(row["person_id"]) == 32
    assert_no_marker(everything_written(bench))


def test_an_empty_log_has_its_columns_and_no_row(bench: Bench):
    bench.put("a.csv", table([]))
    bench.stage()
    assert log(bench) == []
    assert "input_no_record" in {row["rule"] for row in bench.rows("quality.findings")}


# --- ages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("birth", "band"),
    [
        ("2000", "1_under_26"),
        ("1999", "2_26_40"),
        ("1985", "2_26_40"),
        ("1984", "3_41_50"),
        ("1975", "3_41_50"),
        ("1974", "4_over_50"),
        ("17/12/1985", "2_26_40"),
        ("1985-12-17T00:00:00", "2_26_40"),
        ("17/12/85", "2_26_40"),
        ("03/02/04", "1_under_26"),
        ("1985.0", "2_26_40"),
        ("le 17 décembre 1985", "2_26_40"),
        ("2015", None),
        ("1890", None),
        ("inconnue", None),
        ("", None),
    ],
)
def test_the_band_is_of_the_age_reached_in_the_year(birth: str, band: str | None):
    assert age_band(birth, 2025) == band


@given(st.integers(1930, 2011), st.integers(2018, 2025))
def test_a_date_and_its_year_give_the_same_band(born: int, year: int):
    assert age_band(f"01/02/{born}", year) == age_band(str(born), year)


def test_a_given_band_is_kept_and_the_year_of_the_month_decides(bench: Bench):
    bench.put(
        "a.csv",
        table(
            [
                LINE | {"annee_naissance": "1999", "periode": "2024-12"},
                LINE | {"annee_naissance": "1999", "periode": "2025-01"},
                LINE | {"annee_naissance": "1960", "tranche_age": "moins de 26 ans"},
                LINE | {"annee_naissance": "inconnue"},
                LINE | {"annee_naissance": ""},
            ]
        ),
    )
    bench.stage()
    assert [row["age_band"] for row in log(bench)] == [
        "Moins de 26 ans",
        "De 26 à 40 ans",
        "moins de 26 ans",
        None,
        None,
    ]
    assert found(bench, "people_birth_unreadable") == [(None, "birth_year", "1")]


# --- ids ----------------------------------------------------------------------------------------


def test_refused_ids_are_counted_once_a_rule_and_never_repeated(bench: Bench):
    ids = ["", SOCIAL, "2 85 12 75 116 234 89", BORN, NAME, f"{NAME}.{FIRST}", "0612345678", "B-1"]
    bench.put("a.csv", table([LINE | {"beneficiaire_id": one} for one in ids]))
    bench.stage()
    counts = {
        row["rule"]: row["detail"]
        for row in bench.rows("quality.findings")
        if row["rule"].startswith("person_id")
    }
    assert counts == {
        "person_id_missing": "1",
        "person_id_social_number": "2",
        "person_id_birth_date": "1",
        "person_id_name": "2",
        "person_id_telephone": "1",
    }
    assert [row["person_id"] is None for row in log(bench)] == [True] * 7 + [False]
    assert_no_marker(everything_written(bench))


# --- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("École Jean-Exemple", "École Jean-Exemple"),
        (f"M. {NAME}, gardien", f"M. {REMOVED}, gardien"),
        (f"Madame de {NAME} et Mlle {FIRST}", f"Madame {REMOVED} et Mlle {REMOVED}"),
        (f"écrire à {MAIL} vite", f"écrire à {REMOVED} vite"),
        (f"tél. {PHONE}", f"tél. {REMOVED}"),
        ("+33 6 12 34 56 78", REMOVED),
        (SOCIAL, REMOVED),
        ("2 85 12 75 116 234", REMOVED),
        (f"né le {BORN} à Exempleville", REMOVED),
        ("SIRET 00030001200010", "SIRET 00030001200010"),
        ("suivi 17/12/85", f"suivi {REMOVED}"),
        ("Chantier 2025-03, avenant du 12/03/24", "Chantier 2025-03, avenant du 12/03/24"),
    ],
)
def test_what_names_a_person_leaves_a_free_text(text: str, kept: str):
    assert without_persons(text) == kept


@pytest.mark.parametrize(
    "reference", ["2021000000001", "202100000000100", "0102030405", "2019S00001", "M-2025-01"]
)
def test_the_digits_of_a_contract_stay(reference: str):
    assert reference_without_persons(reference) == reference


@pytest.mark.parametrize("text", [SOCIAL, "0612345678", "01 02 03 04 05", f"Mme {NAME}", MAIL])
def test_a_person_in_the_place_of_a_contract_does_not(text: str):
    assert REMOVED in reference_without_persons(text)


@given(st.text(max_size=60), st.sampled_from([SOCIAL, MAIL, PHONE]))
def test_a_marker_between_blanks_is_always_found(around: str, marker: str):
    assert marker not in without_persons(f"{around} {marker} {around}")


@pytest.mark.parametrize("text", ["Mme " + "de" * 20_000, "0" * 50_000, "a" * 50_000 + "@"])
def test_a_text_too_long_to_be_a_name_is_removed_at_once(text: str):
    assert without_persons(text) == reference_without_persons(text) == REMOVED


@given(st.text(max_size=200))
def test_a_text_cleaned_once_is_clean(text: str):
    once = without_persons(text)
    assert REMOVED in once or once == text


# --- planted markers ----------------------------------------------------------------------------


def planted_rows() -> list[Row]:
    rows = []
    for column, field in FIELD.items():
        is_text = CARDS.fields_of("hours")[field].kind == "text"
        rows += [LINE | {column: marker} for marker in (PLANTED if is_text else BARE)]
    return rows


def test_no_marker_of_a_log_reaches_any_byte(
    bench: Bench, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)
    rows = planted_rows()
    extra = [*FIELD, "Nom", "Téléphone", f"suivi de {NAME}"]
    rows.append(LINE | {"Nom": NAME, "Téléphone": PHONE, f"suivi de {NAME}": FIRST})
    bench.put("a.csv", table(rows, extra) + f"{NAME};{FIRST};trop court\n")
    bench.stage()
    assert len(log(bench)) == len(rows)
    assert_no_marker(everything_written(bench) + caplog.text + "".join(capfd.readouterr()))
    assert bench.balance() == (len(rows) + 1, len(rows), 1)
    assert [pointer for pointer, *_ in found(bench, "people_column_personal")] == ["AN", "AO"]
    assert found(bench, "people_column_unknown") == [("AP", None, "1")]
    unread = {field for _, field, _ in found(bench, "people_cell_unreadable")}
    assert {"sex", "criteria", "company_id", "eligible_from", "declared_hours"} <= unread


def test_no_marker_of_participants_reaches_any_byte(bench: Bench):
    columns = [str(column) for column in PARTICIPANTS.fields.values()]
    base = {column: LINE.get(column, "") for column in columns} | {"eligible_du": "2025-01-01"}
    fields = {str(column): field for field, column in PARTICIPANTS.fields.items()}
    rows = [
        base | {column: marker}
        for column in columns
        for marker in (
            PLANTED if CARDS.fields_of("participants")[fields[column]].kind == "text" else BARE
        )
    ]
    bench.put("a.csv", table(rows, columns))
    bench.stage()
    assert len(bench.staged("insertion_participants")) == len(rows)
    assert_no_marker(everything_written(bench))


def test_no_marker_of_a_workbook_reaches_any_byte(bench: Bench, tmp_path: Path):
    titles = [LOG.headers[field][0] for field in COLUMN]
    cells = [[row.get(COLUMN[field]) for field in COLUMN] for row in planted_rows()]
    marked = [*titles, "Prénom", f"Remarques {NAME}", None]
    records = [[*row, FIRST, PHONE, MAIL] for row in cells]
    bench.workbook(
        "a.xlsx",
        **{
            NAME: [[f"Suivi de {FIRST} {NAME}"], [], marked, *records, ["Total", None, 35]],
            "Contacts": [[NAME, FIRST, BORN, STREET], ["x", MAIL, "1985-12-17", PHONE]],
            "Notes": [[f"Appeler {NAME}"]],
        },
    )
    bench.stage()
    assert len(log(bench)) == len(records)
    assert log(bench)[0]["source_pointer"] == "feuille 1!4"
    text = everything_written(bench)
    assert_no_marker(text)
    assert {row["sheet"] for row in bench.rows("quality.mappings")} == {"feuille 1"}
    assert {row["samples"] for row in bench.rows("quality.mappings")} == {""}


def test_a_sheet_without_header_gives_no_cell_in_findings_nor_in_the_message(bench: Bench):
    path = bench.workbook(
        "a.xlsx",
        A=[[NAME, FIRST, MAIL, STREET], [f"{NAME}x", "Autre", "a@b.fr", "rue"]],
    )
    with pytest.raises(InputError) as raised:
        bench.stage()
    assert_no_marker(raised.value.fr + raised.value.en)
    bench.put("b.csv", table([LINE]))
    bench.stage()
    assert_no_marker(everything_written(bench))
    path.unlink()


def test_a_sheet_of_persons_beside_a_register_is_not_quoted(bench: Bench):
    register = [["N° de marché", "Objet", "Date de notification"], ["A", "Voirie", "2024-03-12"]]
    note = [[f"Appeler {MAIL}"], [None, None], [None, PHONE]]
    bench.workbook("a.xlsx", Marchés=register, Notes=note)
    bench.stage()
    assert_no_marker(everything_written(bench))


def test_a_header_with_a_name_in_it_is_read_but_not_repeated(bench: Bench):
    titles = ["N° de marché", "Mois", f"Heures réalisées {NAME}", "Heures"]
    row = dict(zip(titles, ["M1", "2025-03", "7", "8"], strict=True))
    bench.put("a.csv", table([row], titles))
    bench.stage()
    assert_no_marker(everything_written(bench))


def test_a_birth_date_in_a_column_of_dates_is_removed_whatever_the_age(bench: Bench):
    bench.put("a.csv", table([LINE | {"eligible_du": "17/12/2003"}]))
    bench.stage()
    assert log(bench)[0]["eligible_from"] == REMOVED


def test_an_open_quote_is_told_without_the_line(bench: Bench):
    bench.put("a.csv", table([LINE]) + f'"{NAME};{FIRST}\n{MAIL}\n')
    with pytest.raises(InputError) as raised:
        bench.stage()
    assert_no_marker(raised.value.fr + raised.value.en)


def test_a_line_too_long_is_set_aside_by_its_place_alone(bench: Bench):
    bench.put("a.csv", table([LINE]) + ";".join([NAME] * (len(FIELD) + 3)) + "\n")
    bench.stage()
    [row] = bench.rows("quality.findings")
    assert (row["rule"], row["source_pointer"], row["value"]) == ("row_too_long", "L3", None)
    assert_no_marker(everything_written(bench))


def test_spaser_map_writes_no_cell_nor_a_header_that_may_be_a_name(bench: Bench, tmp_path: Path):
    (tmp_path / "project/pipelines").mkdir(parents=True)
    (tmp_path / "project/assets").symlink_to(REPOSITORY / "assets")
    (tmp_path / "project/pipelines/essai.yml").write_text(
        'title: {fr: Essai, en: Trial}\nbuyers: [{id: "00020001400017", name: Exemple}]\n'
        "inputs: []\n",
        encoding="utf-8",
    )
    titles = ["N° de marché", "Mois", "Heures", "ID bénéficiaire", "Sexe", "Prénom", f"Chez {NAME}"]
    path = bench.put(
        "a.csv",
        table(
            [dict(zip(titles, ["M1", "2025-03", "7", "B-1", NAME, FIRST, MAIL], strict=True))],
            titles,
        ),
    )
    outcome = map_file(Project(tmp_path / "project"), "essai", path)
    [written] = outcome.files
    assert_no_marker(written.path.read_text(encoding="utf-8") + str(written.told))
    assert written.source == "insertion_log"
    assert "Prénom: null" in written.path.read_text(encoding="utf-8").replace('"', "")


# --- codes, mappings ----------------------------------------------------------------------------


def test_a_code_the_department_reviewed_is_kept_and_a_list_keeps_what_is_understood(bench: Bench):
    bench.put(
        "a.csv",
        table([LINE | {"sexe": "2", "publics": "RSA, Zorglub"}, LINE | {"sexe": "3"}]),
    )
    mapping = Mapping(
        name="outil",
        source="insertion_log",
        reviewed=True,
        columns={},
        values={"sex": {"2": "female"}},
    )
    files = [bench.inputs / "a.csv"]
    stage(files, bench.tables, bench.catalogue, bench.inputs, [mapping])
    first, second = log(bench)
    assert (first["sex"], second["sex"]) == ("2", REMOVED)
    labels = {row["code"]: row["label_fr"] for row in CARDS.reference("code_lists")}
    assert REMOVED in first["criteria"]
    assert "Zorglub" not in first["criteria"]
    assert any(label in first["criteria"] for label in labels.values())
    assert found(bench, "people_cell_unreadable") == [
        (None, "criteria", "1 ; L2"),
        (None, "sex", "1 ; L3"),
    ]


def test_findings_of_removed_cells_give_their_places(bench: Bench):
    rows = [LINE | {"site": f"chez {MAIL}"} for _ in range(7)]
    bench.put("a.csv", table(rows))
    bench.stage()
    assert found(bench, "people_text_removed") == [(None, "site", "7 ; L2, L3, L4, L5, L6, …")]


def test_lines_keep_their_order_and_numbers_over_many_batches(bench: Bench):
    rows = [LINE | {"heures_realisees": str(number % 150)} for number in range(40_000)]
    bench.put("a.csv", table(rows))
    bench.stage()
    staged = log(bench)
    assert [row["position"] for row in staged] == list(range(40_000))
    assert [row["declared_hours"] for row in staged] == [str(n % 150) for n in range(40_000)]


# --- the rest of the insertion half, and other files --------------------------------------------

FOLLOWED = ("insertion_commitments", "insertion_invoiced", "insertion_events")
ROWS = {
    "insertion_commitments": {"marche_id": "M1", "mode": "Volume fixe", "heures": "100"},
    "insertion_invoiced": {"marche_id": "M1", "date_facture": "2024-06-30", "montant_ht": "10"},
    "insertion_events": {"marche_id": "M1", "evenement": "Incident", "date": "2024-02-08"},
}
NOTES = {
    "Salarié concerné": f"{NAME} {FIRST}",
    "Commentaire": f"Mme {NAME} absente, tél. {PHONE}",
    "Heures du lot": NAME,
    f"Vu par {NAME}": FIRST,
}


def titled(source: str) -> list[str]:
    return [str(column) for column in CARDS.sources[f"sources/{source}"].fields.values()]


def put(bench: Bench, container: str, rows: Sequence[Row], header: Sequence[str]) -> None:
    """A file of a container, or a CSV of other titles (`mapped`)."""
    if container == "parquet":
        cells = {
            column: pa.array([row.get(column) for row in rows], pa.string()) for column in header
        }
        parquet.write_table(pa.table(cells), bench.inputs / "a.parquet")
    elif container == "xlsx":
        bench.workbook(
            "a.xlsx", **{NAME: [header, *([row.get(c) for c in header] for row in rows)]}
        )
    else:
        bench.put("a.csv", table(rows, header))


@pytest.mark.parametrize("container", ["csv", "parquet", "xlsx"])
@pytest.mark.parametrize("source", FOLLOWED)
def test_no_note_of_the_follow_up_is_kept_or_quoted(bench: Bench, source: str, container: str):
    put(bench, container, [ROWS[source] | NOTES], [*titled(source), *NOTES])
    bench.stage()
    [row] = bench.staged(source)
    assert (row["contract_reference"], row["other_fields"]) == ("M1", None)
    told = [(r["rule"], r["key"]) for r in bench.rows("quality.findings") if r["key"]]
    letter = column_letters(len(titled(source)) + len(NOTES))
    assert set(told) == {
        ("people_column_personal", "Commentaire"),
        ("people_column_personal", "Salarié concerné"),
        ("people_column_unknown", "Heures du lot"),
        ("people_column_unknown", letter),
    }
    assert_no_marker(everything_written(bench))


@pytest.mark.parametrize("source", FOLLOWED)
def test_no_marker_in_a_column_of_the_follow_up_reaches_any_byte(bench: Bench, source: str):
    card = CARDS.sources[f"sources/{source}"]
    kinds = CARDS.fields_of(card.feeds)
    rows = [
        ROWS[source] | {str(column): marker}
        for name, column in card.fields.items()
        for marker in (PLANTED if kinds[name].kind == "text" else BARE)
    ]
    bench.put("a.csv", table(rows, titled(source)))
    bench.stage()
    assert len(bench.staged(source)) == len(rows)
    assert_no_marker(everything_written(bench))


def test_the_follow_up_read_through_a_proposal_shows_no_cell(bench: Bench):
    titles = ["N° de marché", "Acheteur", "Événement", "Date", f"Vu par {NAME}"]
    row = dict(zip(titles, ["M1", "00020001400017", "Incident", "2024-02-08", NAME], strict=True))
    bench.workbook("a.xlsx", **{NAME: [titles, [row[title] for title in titles]]})
    bench.stage()
    assert bench.staged("insertion_events")[0]["source_pointer"] == "feuille 1!2"
    assert {row["samples"] for row in bench.rows("quality.mappings")} == {""}
    assert_no_marker(everything_written(bench))


def test_figures_of_a_commitment_stay_as_received(bench: Bench):
    schedule = " ; ".join(f"{2020 + n // 12}-{1 + n % 12:02d}-28 = {n}" for n in range(72))
    row = {
        "engagement_id": "21750001600019-2024-001",
        "marche_id": "2024-001 ; 2024-002",
        "mode": "Part de main-d'œuvre",
        "date_effet": "01/03/2024",
        "heures": "1 200,5",
        "montant_ht": "1 234 567,89 €",
        "part_main_oeuvre": "40 %",
        "personnes": "3",
        "cdi_mois": "12",
        "echeancier": schedule,
    }
    bench.put("a.csv", table([row], titled("insertion_commitments")))
    bench.stage()
    [staged] = bench.staged("insertion_commitments")
    card = CARDS.sources["sources/insertion_commitments"]
    kept = {str(column): staged[field] for field, column in card.fields.items()}
    assert len(schedule) > 1000
    assert {name: text for name, text in kept.items() if text is not None} == row
    assert bench.findings() == []


HIRES = ["N° de marché", "Acheteur", "Entreprise", "Salarié", "Date embauche", "Montant"]


@pytest.mark.parametrize("container", ["csv", "xlsx"])
@pytest.mark.parametrize("mapped", [True, False])
def test_a_list_of_hires_read_as_a_register_keeps_no_person(
    bench: Bench, container: str, mapped: bool
):
    cells = ["M1", "00020001400017", "Bâtir", f"{NAME} {FIRST}", "2024-01-03", "350"]
    put(bench, container, [dict(zip(HIRES, cells, strict=True))], HIRES)
    mapping = Mapping(
        name="a",
        source="department_register",
        columns={"N° de marché": "contract_id", "Montant": "amount", "Entreprise": "holder_name"},
    )
    files = sorted(bench.inputs.iterdir())
    stage(files, bench.tables, bench.catalogue, bench.inputs, [mapping] if mapped else [])
    [row] = bench.staged("department_register")
    assert row["amount"] == "350"
    assert f"{NAME} {FIRST}" not in str(row)
    [(place, _, count)] = found(bench, "column_personal")
    assert (place.rpartition("!")[2], count) == ("D", "1")
    samples = {row["header"]: row["samples"] for row in bench.rows("quality.mappings")}
    assert (samples["Salarié"], samples["Montant"]) == ("", "350")


def test_a_known_register_keeps_no_column_of_a_person(bench: Bench):
    card = CARDS.sources["sources/data_economie_csv"]
    header = [str(column) for column in card.recognise[0].all_of]
    row = dict.fromkeys(header, "1") | {"Téléphone": PHONE, "Prénom": FIRST, "Code interne": MAIL}
    bench.put("a.csv", table([row], [*header, "Téléphone", "Prénom", "Code interne"]))
    bench.stage()
    text = "".join(str(row) for row in bench.rows("quality.findings"))
    assert_no_marker(text)
    staged = bench.staged("data_economie_csv")[0]["other_fields"]
    assert FIRST not in staged
    assert PHONE not in staged
    assert [key for _, _, key in found(bench, "column_personal")] == ["1", "1"]


@pytest.mark.parametrize(
    "header",
    ["Nom", "PRENOM", "Tél.", "Salarié concerné", "Nom (bénéficiaire)", "Identité / Nom", "Mail",
     "Date de naissance", "Année de naissance", "N° participant", "Adresse", "Observations"],
)  # fmt: skip
def test_a_title_of_a_persons_data_is_known(header: str):
    assert Proposer(CARDS).is_personal(header)


@pytest.mark.parametrize(
    "header",
    ["Nom de l'opération", "Nombre de salariés", "Effectif salarié", "Titulaire", "Clause sociale",
     "Nb de bénéficiaires", "Date de notification", "Objet", "acheteur.nom", "Montant"],
)  # fmt: skip
def test_a_title_of_a_contract_is_no_persons(header: str):
    assert not Proposer(CARDS).is_personal(header)


REGISTER = [
    ["N° de marché", "Objet", "Acheteur", "Date de notification", "Montant HT"],
    ["M2", "Travaux", "00020001400017", "2024-03-01", 1000],
]


def test_a_side_sheet_of_persons_is_told_by_its_number(bench: Bench):
    people = [["Nom", "Prénom", "Tél"], [NAME, FIRST, PHONE]]
    bench.workbook("a.xlsx", **{f"{NAME} {FIRST}": people, "Registre": REGISTER})
    bench.stage()
    assert [place for place, *_ in found(bench, "sheet_not_recognised")] == ["feuille 1"]
    assert bench.staged("department_register")[0]["source_pointer"] == "Registre!2"
    assert_no_marker(everything_written(bench))


def test_a_register_in_a_sheet_named_after_a_person_is_told_by_its_number(bench: Bench):
    bench.workbook("a.xlsx", **{f"Mme {NAME}": REGISTER})
    bench.stage()
    assert bench.staged("department_register")[0]["source_pointer"] == "feuille 1!2"
    assert_no_marker(everything_written(bench))


def test_a_side_sheet_of_no_person_keeps_its_name(bench: Bench):
    bench.workbook(
        "a.xlsx", Registre=REGISTER, Codes=[["Couleur", "Sens", "Rang"], ["rouge", "clos", 1]]
    )
    bench.stage()
    assert [place for place, *_ in found(bench, "sheet_not_recognised")] == ["Codes"]


def test_an_empty_sheet_of_a_log_is_not_named(bench: Bench):
    path = bench.workbook("a.xlsx", Mars=[list(FIELD), [LINE.get(column) for column in FIELD]])
    book = openpyxl.load_workbook(path)
    book.create_sheet(f"{NAME} {FIRST}").row_dimensions[2].hidden = True
    book.save(path)
    bench.stage()
    assert_no_marker(everything_written(bench))


def test_files_named_after_persons_are_to_be_renamed(bench: Bench):
    for name in ("a/releve_Mme_Zerbi.csv", "a/M. Zerbi.csv", "Mme Zerbi/x.csv", "b/mars.csv"):
        bench.put(name, table([LINE | {"beneficiaire_id": name[:4]}]))
    bench.stage()
    told = [r for r in bench.rows("quality.findings", "key") if r["rule"] == "people_file_named"]
    assert [(row["key"], row["detail"]) for row in told] == [(f"Mme {REMOVED}", "1"), ("a", "2")]
    assert not any("Zerbi" in str(row) for row in told)


def test_a_register_may_have_any_file_name(bench: Bench):
    bench.workbook("Mme Zerbi.xlsx", Registre=REGISTER)
    bench.stage()
    assert found(bench, "people_file_named") == []


# --- retention ----------------------------------------------------------------------------------


def test_lines_settled_by_a_purge_are_read_again_without_the_person(bench: Bench):
    bench.put("a.csv", table([LINE, LINE | {"periode": "2025-04"}]))
    with duckdb.connect() as connection:
        bench.tables.write(connection, "privacy.settled", "select 'a.csv L2' as line_id")
    bench.stage()
    settled, open_line = log(bench)
    assert (settled["person_id"], settled["age_band"], settled["criteria"]) == (None, None, None)
    assert (settled["declared_hours"], settled["contract_reference"]) == ("35", "2025-01")
    assert len(open_line["person_id"]) == 32
    assert open_line["criteria"] == "RSA"
    assert found(bench, "people_lines_settled") == [(None, None, "1")]


def test_rows_a_purge_erased_stay_blank_in_a_file_renamed(bench: Bench):
    columns = [str(column) for column in PARTICIPANTS.fields.values()]
    person = {column: LINE.get(column, "") for column in columns} | {"eligible_du": "2025-01-01"}
    path = bench.put("a.csv", table([person, person | {"beneficiaire_id": "B-2"}], columns))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with duckdb.connect() as connection:
        bench.tables.write(
            connection,
            "privacy.settled_rows",
            f"select 'old.csv' as source_file, 'L2' as source_pointer, '{digest}' as file_sha256",
        )
    bench.stage()
    erased, kept = bench.staged("insertion_participants")
    assert (erased["person_id"], erased["eligible_from"], erased["facilitator"]) == (
        None,
        None,
        "PLIE d'Exemple",
    )
    assert len(kept["person_id"]) == 32


def test_staged_tables_of_persons_have_no_birth_field():
    kinds = {field.kind for feeds in PEOPLE_FEEDS for field in CARDS.staged_fields(feeds).values()}
    assert "birth_year" not in kinds
