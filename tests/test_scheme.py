"""Scheme files: what is optional, what is refused, which files are read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from spaser.errors import InputError
from spaser.project import Project
from spaser.scheme import Scheme, input_files, load_scheme, scheme_for_files
from tests.curate.run import BUYER, OTHER_BUYER, ROOT

MINIMAL: dict[str, Any] = {
    "title": {"fr": "SPASER de Fiction", "en": "SPASER of Fiction"},
    "buyers": [{"id": BUYER, "name": "Métropole de Fiction"}],
    "inputs": ["data/**"],
}
TARGET: dict[str, Any] = {"indicator": "SOC-01", "year": 2026, "at_least": 0.3}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pipelines").mkdir()
    return Project(tmp_path)


def load(project: Project, content: Any, name: str = "fiction") -> Scheme:
    path = project.pipelines / f"{name}.yml"
    text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return load_scheme(project, name)


def refused(project: Project, content: Any) -> InputError:
    with pytest.raises(InputError) as error:
        load(project, content)
    assert "pipelines/fiction.yml" in error.value.fr.replace("\\", "/")
    assert "Corrigez" in error.value.fr
    assert "orrect" in error.value.en
    return error.value


def with_target(**changes: Any) -> dict[str, Any]:
    target = {k: v for k, v in (TARGET | changes).items() if v is not ...}
    return MINIMAL | {"targets": [target]}


def test_only_title_buyers_and_inputs_are_needed(project):
    scheme = load(project, MINIMAL)
    assert (scheme.name, scheme.floor_eur, scheme.targets) == ("fiction", Decimal(40000), ())
    assert scheme.report.languages == ("fr",)
    assert scheme.buyer_names() == {BUYER: "Métropole de Fiction"}


@pytest.mark.parametrize("key", ["title", "buyers", "inputs"])
def test_a_missing_key_is_named(project, key):
    error = refused(project, {k: v for k, v in MINIMAL.items() if k != key})
    assert f"« {key} »" in error.fr


def test_one_language_of_the_title_is_enough(project):
    assert load(project, MINIMAL | {"title": "SPASER"}).title.en == "SPASER"
    assert load(project, MINIMAL | {"title": {"fr": "Essai"}}).title.en == "Essai"


def test_a_target_bears_on_the_share_in_number_from_the_floor_up(project):
    (target,) = load(project, with_target()).numbered_targets()
    assert (target.id, target.scope, target.measure, target.unit) == (
        "T01", "floor", "count", "share",
    )  # fmt: skip
    assert (target.buyer, target.direction, target.at_least) == ("*", "up", Decimal("0.3"))
    (down,) = load(project, with_target(at_least=..., at_most=0.2)).targets
    assert down.direction == "down"


def test_targets_without_id_are_numbered_in_the_order_of_the_file(project):
    content = MINIMAL | {"targets": [TARGET, TARGET | {"id": "mine"}, TARGET]}
    found = [target.id for target in load(project, content).numbered_targets()]
    assert found == ["T01", "mine", "T03"]


@pytest.mark.parametrize(
    ("content", "unknown", "near"),
    [
        (MINIMAL | {"floor": 40000}, "floor", "floor_eur"),
        (MINIMAL | {"buyer": []}, "buyer", "buyers"),
        (with_target(at_leest=0.3), "targets.0.at_leest", "at_least"),
        (MINIMAL | {"report": {"langages": ["fr"]}}, "report.langages", "languages"),
        (MINIMAL | {"period": {"from": 2024, "too": 2029}}, "period.too", "to"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(project, content, unknown, near):
    assert f"« {unknown} » (vouliez-vous dire « {near} » ?)" in refused(project, content).fr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_target(at_least=...), "exactly one of at_least"),
        (with_target(at_most=0.2), "exactly one of at_least"),
        (with_target(at_least=..., times_baseline=3), "needs baseline_year"),
        (with_target(buyer=OTHER_BUYER), "unknown buyer"),
        (with_target(year="bientôt"), "targets.0.year"),
        (MINIMAL | {"buyers": [{"id": "123", "name": "Court"}]}, "14"),
        (MINIMAL | {"buyers": [{"id": 12345678900011, "name": "Sans guillemets"}]}, "buyers"),
        (MINIMAL | {"buyers": "some"}, "buyers"),
        (MINIMAL | {"floor_eur": "beaucoup"}, "floor_eur"),
        (MINIMAL | {"report": {"languages": ["de"]}}, "report.languages"),
    ],
)
def test_what_is_wrong_is_said(project, content, says):
    assert says in refused(project, content).en


def test_a_file_that_is_no_yaml_is_said_with_its_place(project):
    with pytest.raises(InputError, match=r"fiction\.yml"):
        load(project, "title: [")


def test_an_unknown_scheme_names_those_present(project):
    load(project, MINIMAL, "un")
    load(project, MINIMAL, "deux")
    with pytest.raises(InputError) as error:
        load_scheme(project, "trois")
    assert "deux, un" in error.value.fr


def test_every_scheme_shipped_meets_the_json_schema():
    for path in sorted((ROOT / "pipelines").glob("*.yml")):
        content = {"name": path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))}
        schema = Scheme.model_json_schema()
        jsonschema.validate(content, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content | {"unknown": 1}, schema)


# Which files are read


def scheme_reading(*inputs: str) -> Scheme:
    return Scheme.model_validate(MINIMAL | {"name": "fiction", "inputs": inputs})


def names(root: Path, *inputs: str) -> list[str]:
    found = input_files(scheme_reading(*inputs), root)
    return [file.relative_to(root).as_posix() for file in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("z/a.json", "a/b.json", "a/.cache", "a/.git/c.json", "a/~$d.xlsx", "LISEZMOI.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("pattern", ["**", ".", "*", "**/*.json"])
def test_files_are_sorted_by_name_hidden_ones_and_notes_left(folder, pattern):
    assert names(folder, pattern) == ["z/a.json", "a/b.json"]


def test_a_file_named_twice_is_read_once(folder):
    assert names(folder, "a/b.json", "a/**", str(folder / "a" / "b.json")) == ["a/b.json"]


def test_a_folder_whose_name_holds_brackets_is_opened(folder):
    path = folder / "lots [2024]" / "x.json"
    path.parent.mkdir()
    path.write_text("{}", encoding="utf-8")
    assert names(folder, "lots [2024]") == ["lots [2024]/x.json"]


@pytest.mark.parametrize("pattern", ["nothing/**", "absent.json", "empty"])
def test_no_file_at_all_is_said_with_what_to_do(folder, pattern):
    (folder / "empty").mkdir()
    with pytest.raises(InputError) as error:
        names(folder, pattern)
    assert pattern in error.value.fr
    assert "Déposez" in error.value.fr


def test_a_trial_reads_files_for_every_buyer_without_target(tmp_path):
    scheme = scheme_for_files((tmp_path / "a.json",))
    assert (scheme.buyers, scheme.targets) == ("all", ())
    assert scheme.inputs == (str((tmp_path / "a.json").resolve()),)
