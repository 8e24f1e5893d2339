"""New projects, new cards, worked examples, the health of an installation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from spaser.cards import Catalogue, catalogue
from spaser.errors import InputError
from spaser.indicators.examples import example_faults
from spaser.project import Project, find_project, is_project
from spaser.scaffold import create_indicator, create_project, examine
from spaser.scheme import load_scheme
from tests.curate.run import CARDS


@pytest.fixture
def project(tmp_path: Path) -> Project:
    catalogue.cache_clear()
    return Project(create_project(tmp_path / "mon-spaser"))


def change(project: Project, code: str, **changes: object) -> Catalogue:
    """A card changed by hand, read again."""
    path = project.assets / "indicators" / f"{code}.yml"
    card = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
    path.write_text(yaml.safe_dump(card, allow_unicode=True), encoding="utf-8")
    return Catalogue(project.assets)


def faults(project: Project) -> list[str]:
    catalogue.cache_clear()
    return [fr for sound, fr, _ in examine(project) if not sound]


def test_a_new_project_is_found_from_its_folders_and_has_a_valid_starter(
    project: Project,
) -> None:
    assert is_project(project.root)
    assert find_project(start=project.root / "data" / "raw") == project
    starter = load_scheme(project, "mon-schema")
    assert (starter.buyers, starter.targets) == ("all", ())
    assert (project.root / "data/raw/registres").is_dir()
    assert load_scheme(project, "demo").buyers != "all"


def test_a_new_project_carries_no_result_of_the_one_it_is_copied_from(project: Project) -> None:
    assert not (project.root / "reports/rendered").exists()
    assert not (project.root / "data/curated").exists()


def test_an_empty_folder_can_become_a_project(tmp_path: Path) -> None:
    assert create_project(tmp_path) == tmp_path.resolve()


def test_a_folder_with_content_is_refused_and_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("à garder", encoding="utf-8")
    with pytest.raises(InputError) as told:
        create_project(tmp_path)
    assert str(tmp_path) in told.value.fr
    assert "n'est pas vide" in told.value.fr
    assert "is not empty" in told.value.en
    assert list(tmp_path.iterdir()) == [note]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="Choisissez un autre dossier"):
        create_project(tmp_path / "x")


def test_a_project_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="où vous pouvez écrire"):
        create_project(tmp_path / "x" / "y")


@pytest.mark.parametrize(
    ("code", "axis"), [("SOC-26", "social"), ("ENV-40", "environment"), ("GOV-100", "governance")]
)
def test_a_new_card_is_valid_and_its_example_right(project: Project, code: str, axis: str) -> None:
    path = create_indicator(project, code)
    cards = Catalogue(project.assets)
    assert path == project.assets / "indicators" / f"{code}.yml"
    assert cards.indicators[code].axis == axis
    assert example_faults(cards, code) == []


@pytest.mark.parametrize(
    "code", ["soc-26", "SOC26", "SOC-2", "SOC-1234", "ABC-12", "../SOC-12", ""]
)
def test_what_is_no_code_is_refused(project: Project, code: str) -> None:
    with pytest.raises(InputError, match="SOC-26"):
        create_indicator(project, code)


def test_an_existing_card_is_never_overwritten(project: Project) -> None:
    before = (project.assets / "indicators/SOC-01.yml").read_bytes()
    with pytest.raises(InputError, match="existe déjà"):
        create_indicator(project, "SOC-01")
    assert (project.assets / "indicators/SOC-01.yml").read_bytes() == before


@pytest.mark.parametrize("code", sorted(CARDS.indicators))
def test_the_example_of_every_card_is_what_the_program_computes(code: str) -> None:
    assert example_faults(CARDS, code) == []


def test_an_example_that_the_computation_contradicts_is_told(project: Project) -> None:
    create_indicator(project, "SOC-26")
    expected = [{"measure": "count", "unit": "share", "value": "0.6"}]
    example = {
        "text": {"fr": "x", "en": "x"},
        "rows": [{"uid": "A", "has_social_clause": True}, {"uid": "B", "has_social_clause": False}],
        "expected": expected,
    }
    (fault,) = example_faults(change(project, "SOC-26", example=example), "SOC-26")
    assert fault.fr == (
        "SOC-26 : default/count/share, value : l'exemple annonce 0.6, le calcul donne 0.5"
    )
    assert "the example says 0.6, computed 0.5" in fault.en


def test_an_example_of_a_result_that_the_card_does_not_compute_is_told(project: Project) -> None:
    example = CARDS.indicators["GOV-05"].example.model_dump()
    example["expected"] = [{"measure": "value", "unit": "eur", "value": "1"}]
    (fault,) = example_faults(change(project, "GOV-05", example=example), "GOV-05")
    assert "default/value/eur" in fault.fr


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"has_social_claus": True}, "has_social_clause"),
        ({"offers_received": "beaucoup"}, "ne convient pas à sa colonne"),
    ],
    ids=["unknown column: the nearest is named", "value of another type"],
)
def test_an_example_that_the_fact_table_cannot_hold_is_refused(
    project: Project, row: dict[str, object], told: str
) -> None:
    example = CARDS.indicators["SOC-02"].example.model_dump()
    example["rows"] = [row]
    with pytest.raises(InputError, match=told) as error:
        example_faults(change(project, "SOC-02", example=example), "SOC-02")
    assert error.value.fr.startswith("assets/indicators/SOC-02.yml : ")


def test_a_sound_project_has_no_fault(project: Project) -> None:
    assert faults(project) == []


def test_the_examination_names_the_wrong_example(project: Project) -> None:
    example = CARDS.indicators["SOC-02"].example.model_dump()
    example["expected"] = [{"measure": "count", "unit": "share", "value": "1"}]
    change(project, "SOC-02", example=example)
    (fault,) = faults(project)
    assert fault.startswith("SOC-02 : default/count/share, value")


def test_the_examination_names_the_wrong_scheme_and_the_others_still(project: Project) -> None:
    path = project.pipelines / "mon-schema.yml"
    path.write_text(path.read_text(encoding="utf-8") + "flor_eur: 1\n", encoding="utf-8")
    (fault,) = faults(project)
    assert "flor_eur" in fault
    assert "« floor_eur »" in fault


@pytest.mark.parametrize(
    "met",
    [
        "1",
        "count(*) > 1",
        "has_social_clause; drop table x",
        "uid in (select uid from facts_contracts)",
        "lower(uid) = 'a'",
        "amount_initial_eur",
        "no_such_column",
        "has_social_clause and",
    ],
)
def test_the_examination_names_the_card_whose_predicate_is_no_condition(
    project: Project, met: str
) -> None:
    results = [{"measure": "count", "unit": "share"}]
    change(project, "SOC-02", methods=[{"kind": "share", "met": met, "results": results}])
    (fault,) = faults(project)
    assert fault.startswith(f"assets/indicators/SOC-02.yml : l'expression « {met} » est refusée : ")
