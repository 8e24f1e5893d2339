"""Mappings of a scheme: read, checked against the cards, refused with the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaser.cards import catalogue
from spaser.errors import InputError
from spaser.mappings import Mapping, holder_part, load_mappings, slug, spellings_of
from spaser.project import Project

REPOSITORY = Path(__file__).resolve().parents[1]
CARDS = catalogue(REPOSITORY / "assets")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "assets").symlink_to(REPOSITORY / "assets")
    (tmp_path / "pipelines" / "ville" / "mappings").mkdir(parents=True)
    return Project(tmp_path)


def put(project: Project, name: str, text: str) -> None:
    (project.pipelines / "ville" / "mappings" / f"{name}.yml").write_text(text, encoding="utf-8")


def refused(project: Project) -> InputError:
    with pytest.raises(InputError) as error:
        load_mappings(project, "ville")
    return error.value


WHOLE = """\
source: department_register
reviewed: true
columns: {"N° du marché": contract_id, "Titulaire 2": holder_name_2, "Obs.": null}
constants: {buyer_id: "00020003000013"}
sheet_field: directorate
tax_basis: ht
values: {procedure: {"Appel d'ofres ouvert": open, "zzz": null}}
"""


def test_a_whole_mapping_is_read(project: Project):
    put(project, "registre-2024", WHOLE)
    [mapping] = load_mappings(project, "ville")
    assert (mapping.name, mapping.file) == ("registre-2024", "mappings/registre-2024.yml")
    assert mapping.read_columns() == ["N° du marché", "Titulaire 2"]
    assert spellings_of([mapping], CARDS) == {
        "procedure": {"Appel d'ofres ouvert": "Appel d'offres ouvert"}
    }


def test_a_scheme_without_mappings_has_none(project: Project):
    assert load_mappings(project, "autre") == ()


def test_values_of_a_mapping_nobody_reviewed_mean_nothing(project: Project):
    put(project, "a", WHOLE.replace("reviewed: true", "reviewed: false"))
    assert spellings_of(load_mappings(project, "ville"), CARDS) == {}


@pytest.mark.parametrize(
    ("wrong", "right", "fr", "en"),
    [
        (
            "reviewed: true",
            "revewed: true",
            "« revewed » (vouliez-vous dire « reviewed » ?)",
            "“revewed” (did you mean “reviewed”?)",
        ),
        (
            "source: department_register",
            "source: department_registre",
            "« department_registre » (vouliez-vous dire « department_register » ?)",
            "“department_registre” (did you mean “department_register”?)",
        ),
        (
            "source: department_register",
            "source: aws_flat",
            "source inconnu(e) « aws_flat »",
            "unknown source “aws_flat”",
        ),
        (
            ": contract_id",
            ": contrat_id",
            "champ inconnu(e) « contrat_id » (vouliez-vous dire « contract_id » ?)",
            "did you mean “contract_id”?",
        ),
        ("{buyer_id:", "{buyer:", "constants.buyer : champ", "constants.buyer: unknown field"),
        (": directorate", ": direction", "sheet_field", "sheet_field"),
        ("{procedure:", "{procedures:", "« procedure » ?", "“procedure”?"),
        (": open", ": opened", "(vouliez-vous dire « open » ?)", "unknown code “opened”"),
        ("{procedure:", "{object:", "liste inconnu(e) « object »", "unknown code list “object”"),
        ("tax_basis: ht", "tax_basis: net", "« tax_basis »", "“tax_basis”"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest_name(
    project: Project, wrong: str, right: str, fr: str, en: str
):
    assert wrong in WHOLE
    put(project, "registre-2024", WHOLE.replace(wrong, right))
    error = refused(project)
    assert error.fr.startswith("ville/mappings/registre-2024.yml :")
    assert fr in error.fr
    assert en in error.en
    assert "Corrigez le fichier" in error.fr


def test_a_year_as_header_must_be_quoted(project: Project):
    put(project, "a", "source: department_register\ncolumns: {2024: amount}\n")
    assert "columns" in refused(project).fr


def test_two_reviewed_mappings_may_not_disagree_on_a_text(project: Project):
    put(project, "a", WHOLE)
    put(project, "b", WHOLE.replace(": open", ": restricted").replace("Appel", "APPEL"))
    error = refused(project)
    assert "mappings/a.yml et mappings/b.yml" in error.fr
    put(project, "b", WHOLE.replace("reviewed: true", "reviewed: false").replace("open", "adapted"))
    assert len(load_mappings(project, "ville")) == 2


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("holder_id", ("id", 1)),
        ("holder_name_2", ("denominationSociale", 2)),
        ("holder_id_type_12", ("typeIdentifiant", 12)),
        ("holder_id_1", None),
        ("holder_id_0", None),
        ("buyer_id_2", None),
    ],
)
def test_columns_of_holders_are_numbered_from_the_second(field, part):
    assert holder_part(field) == part


def test_the_name_of_a_mapping_is_plain():
    assert slug("Registre 2024 (DGA Solidarités)") == "registre-2024-dga-solidarites"
    assert slug("…") == "registre"


def test_unknown_keys_of_the_model_are_errors():
    with pytest.raises(ValueError, match="extra"):
        Mapping.model_validate({"name": "a", "source": "b", "columns": {}, "other": 1})
