"""`spaser map`: a mapping is written once, then only added to; what is missing is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.cards import catalogue
from spaser.errors import InputError
from spaser.ingest.mapfile import MapFile, map_file
from spaser.mappings import load_mappings, spellings_of
from spaser.project import Project
from tests.ingest.conftest import REPOSITORY

BUYER = "00020003000013"
HEADER = "N° de marché;Objet;Date de notification;Montant HT;Procédure;Obs."
ROWS = "A;Toiture;12/03/2024;14 700,00;MAPA;x\nB;Peinture;13/03/2024;5;Appel d'ofres ouvert;\n"
SCHEME = f'title: Ville\nbuyers: [{{id: "{BUYER}", name: Ville}}]\ninputs: [data/**]\n'


def made(root: Path) -> Project:
    (root / "assets").symlink_to(REPOSITORY / "assets")
    (root / "pipelines").mkdir()
    (root / "pipelines" / "ville.yml").write_text(SCHEME, encoding="utf-8")
    return Project(root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path)


def put(project: Project, text: str, name: str = "Registre 2024.csv") -> Path:
    path = project.root / name
    path.write_text(text, encoding="utf-8")
    return path


def written(project: Project, text: str = f"{HEADER}\n{ROWS}", **more: str) -> MapFile:
    [file] = map_file(project, "ville", put(project, text), **more).files
    return file


def test_the_first_mapping_is_written_and_can_be_loaded(project: Project):
    file = written(project)
    assert file.path == project.pipelines / "ville" / "mappings" / "registre-2024.yml"
    assert (file.is_new, file.reviewed, file.tax_basis) == (True, False, "ht")
    [mapping] = load_mappings(project, "ville")
    assert mapping.columns == {
        "N° de marché": "contract_id",
        "Objet": "object",
        "Date de notification": "notified_date",
        "Montant HT": "amount",
        "Procédure": "procedure",
        "Obs.": None,
    }
    assert mapping.constants == {"buyer_id": BUYER}
    assert mapping.values == {"procedure": {"Appel d'ofres ouvert": "open"}}
    text = file.path.read_text(encoding="utf-8")
    assert '"Objet": object # Objet ; 1.00 ; Toiture | Peinture' in text
    assert '"Obs.": null # non comprise ; x' in text
    assert "# true quand vous l'avez relu" in text


def test_what_is_told_says_what_is_understood_and_what_is_missing(project: Project):
    told = written(project).told
    [procedure] = [column for column in told.columns if column.header == "Procédure"]
    assert (procedure.field, procedure.letter) == ("procedure", "E")
    assert procedure.label is not None
    assert procedure.label.en == "Procedure"
    assert [column.header for column in told.not_understood] == ["Obs."]
    assert [(value.text, value.code) for value in told.values] == [("Appel d'ofres ouvert", "open")]
    missing = " / ".join(text.fr for text in told.missing)
    assert "Considérations sociales : GEN-04, SOC-01, SOC-02" in missing
    assert "Considérations environnementales : ENV-01" in missing
    assert "notification" not in missing
    assert "acheteur" not in missing
    assert "ville/mappings/registre-2024.yml" in told.next.fr


def test_the_key_fields_that_are_missing_come_first(project: Project):
    (project.pipelines / "ville.yml").write_text(
        SCHEME.replace(f'[{{id: "{BUYER}", name: Ville}}]', "all"), encoding="utf-8"
    )
    told = written(project, "Objet;Montant\nToiture;5\nPeinture;6\n").told
    said = [text.en for text in told.missing[:4]]
    assert [text.split(":")[0].split(" (")[0] for text in said] == [
        "the contract id",
        "the buyer's SIRET",
        "the notification date",
        "the basis of the amount",
    ]


def test_the_buyer_asked_for_is_written(project: Project):
    written(project, buyer="00020001400017")
    [mapping] = load_mappings(project, "ville")
    assert mapping.constants == {"buyer_id": "00020001400017"}


def test_a_second_time_nothing_is_written(project: Project):
    path = written(project).path
    before = path.read_bytes(), path.stat().st_mtime_ns
    again = written(project)
    assert (again.is_new, again.added) == (False, 0)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_what_was_reviewed_stays_and_the_new_is_only_proposed(project: Project):
    path = written(project).path
    reviewed = (
        path.read_text(encoding="utf-8")
        .replace("reviewed: false", "reviewed: true")
        .replace('"Obs.": null', '"Obs.": directorate')
        .replace('"Objet": object', '# relu avec la DGA\n  "Objet": lot_title')
    )
    path.write_text(reviewed, encoding="utf-8")
    more = "C;Voirie;14/03/2024;7;Procédure adaptéee;;Exemple SARL\n"
    file = written(project, f"{HEADER};Titulaire\n" + ROWS.replace(";x\n", ";x;\n") + more)
    assert (file.is_new, file.added, file.reviewed) == (False, 2, True)
    text = path.read_text(encoding="utf-8")
    assert "# relu avec la DGA" in text
    assert re.search('"Titulaire": null +# nouvelle ; proposé : holder_name', text)
    [mapping] = load_mappings(project, "ville")
    assert mapping.columns["Objet"] == "lot_title"
    assert mapping.columns["Obs."] == "directorate"
    assert mapping.columns["Titulaire"] is None
    assert mapping.values["procedure"]["Procédure adaptéee"] is None
    assert spellings_of([mapping], catalogue(project.assets)) == {
        "procedure": {"Appel d'ofres ouvert": "Appel d'offres ouvert"}
    }


def test_next_years_file_completes_the_same_mapping(project: Project):
    first = written(project).path
    [file] = map_file(
        project, "ville", put(project, f"{HEADER}\n{ROWS}", "Registre 2025.csv")
    ).files
    assert file.path == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]


@pytest.mark.parametrize(
    "header",
    ["yes", "2024", "Oui: non", "#", "- x", "'a\"b", "null", "{x}", "* a", "!b"],
)
def test_any_header_can_be_written_and_read_back(project: Project, header: str):
    cell = '"' + header.replace('"', '""') + '"'
    written(project, f"{HEADER};{cell}\n" + ROWS.replace("\n", ";# : oui\n"))
    [mapping] = load_mappings(project, "ville")
    assert header in mapping.columns


def test_what_needs_no_mapping_says_so(project: Project):
    header = "id_marche,date_notification,montant_marche,id_acheteur"
    known = put(project, f"{header}\nA,2024-01-02,5,1\n")
    outcome = map_file(project, "ville", known)
    assert outcome.files == ()
    assert [title.fr for title in outcome.known] == ["AWS à plat (CSV)"]
    with pytest.raises(InputError, match="JSON, XML ou Parquet"):
        map_file(project, "ville", put(project, '[{"id": "A", "ccag": ""}]', "a.json"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Lundi;Mardi;Jeudi\nPurée;Riz;Pois\nSoupe;Blé;Œufs\n", "colonne A, colonne B"),
        ("<!DOCTYPE html><html></html>", "page web"),
        ("", "vide"),
    ],
)
def test_what_cannot_be_mapped_is_refused_and_nothing_is_written(
    project: Project, text: str, says: str
):
    with pytest.raises(InputError) as error:
        map_file(project, "ville", put(project, text))
    assert error.value.fr.startswith("Registre 2024.csv :")
    assert says in error.value.fr
    assert not (project.pipelines / "ville").exists()


def test_a_file_or_a_scheme_that_is_not_there_is_named(project: Project):
    with pytest.raises(InputError, match="introuvable"):
        map_file(project, "ville", project.root / "absent.csv")
    with pytest.raises(InputError, match="autre"):
        map_file(project, "autre", put(project, f"{HEADER}\n{ROWS}"))


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp", "Zs")),
    min_size=1,
    max_size=20,
)


@settings(max_examples=25, deadline=None)
@given(header=TEXTS, cell=TEXTS)
def test_whatever_the_header_and_the_cell_the_file_written_is_the_mapping_read(
    tmp_path_factory: pytest.TempPathFactory, header: str, cell: str
):
    root = tmp_path_factory.mktemp("project")
    project = made(root)
    quoted = ['"' + text.replace('"', '""') + '"' for text in (f"Champ {header}", cell)]
    written(project, f"{HEADER};{quoted[0]}\n" + ROWS.replace("\n", f";{quoted[1]}\n"))
    [mapping] = load_mappings(project, "ville")
    assert f"Champ {header}" in mapping.columns
    assert written(project, f"{HEADER};{quoted[0]}\n{ROWS}").added == 0
