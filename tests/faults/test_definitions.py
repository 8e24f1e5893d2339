"""Schemes and cards that are wrong: refused before any register is read, with what to write."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.defs.small import ROOT
from tests.faults.conftest import SCHEME, Ground

pytestmark = pytest.mark.faults

TARGET = "  - {indicator: SOC-01, year: 2024, at_least: 0.30}\n"


def yaml_bomb(levels: int = 12) -> str:
    """Each level holds ten times the one before."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    for n in range(1, levels):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")
    return "\n".join(lines) + "\n"


SCHEMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "unknown key": (
        SCHEME.replace("period:", "perod:"),
        ("pipelines/small.yml", "perod", "period", "clé inconnue", "unknown key"),
    ),
    "unknown key of a target": (
        SCHEME.replace("at_least", "atleast"),
        ("targets.0.atleast", "at_least"),
    ),
    "not yaml": ("title: [\n  buyers: {", ("small.yml", "YAML")),
    "a list": ("- 1\n- 2\n", ("small.yml", "clé")),
    "nothing": ("", ("small.yml",)),
    "binary": ("\x00\x01", ("small.yml", "YAML")),
    "without inputs": (
        SCHEME.replace("inputs: [data/raw/small/**]\n", ""),
        ("inputs", "obligatoire", "required"),
    ),
    "empty inputs": (SCHEME.replace("[data/raw/small/**]", "[]"), ("inputs",)),
    "a text for a number": (SCHEME.replace("from: 2023", "from: bientôt"), ("period.from",)),
    "a period that ends before it starts": (
        SCHEME.replace("to: 2024", "to: 2020"),
        ("period", "2023", "2020"),
    ),
    "a siret without quotes": (SCHEME.replace('"00020001400017"', "00020001400017"), ("buyers",)),
    "a siret of thirteen digits": (SCHEME.replace("00020001400017", "0002000140001"), ("14",)),
    "a python object": (
        'title: !!python/object/apply:os.system ["exit 1"]\n',
        ("small.yml", "YAML"),
    ),
    "aliases that multiply": (yaml_bomb() + SCHEME, ("small.yml", "a0")),
    "brackets without end": ("x: " + "[" * 100_000, ("small.yml",)),
    "indicator that does not exist": (
        SCHEME.replace("SOC-01", "SOC-99"),
        ("SOC-99", "T01", "SOC-01", "ENV-01", "pipelines/small.yml"),
    ),
    "method that does not exist": (
        SCHEME.replace("SOC-01,", "SOC-01, method: median,"),
        ("SOC-01", "median", "default"),
    ),
    "measure that does not exist": (
        SCHEME.replace("SOC-01,", "SOC-01, measure: hours,"),
        ("hours/share", "count/share", "value/share"),
    ),
    "unit that does not exist": (
        SCHEME.replace("SOC-01,", "SOC-01, unit: percent,"),
        ("count/percent", "count/share"),
    ),
    "scope that does not exist": (
        SCHEME.replace("SOC-01,", "SOC-01, scope: flor,"),
        ("flor", "floor_no_maxima", "« floor »", "“floor”"),
    ),
    "buyer of a target outside the scheme": (
        SCHEME.replace("SOC-01,", 'SOC-01, buyer: "00020003000013",'),
        ("00020003000013",),
    ),
    "two thresholds": (SCHEME.replace("0.30", "0.30, at_most: 0.5"), ("at_most",)),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_a_wrong_scheme_is_one_message(ground: Ground, name: str) -> None:
    text, words = SCHEMES[name]
    assert text != SCHEME, "the case changes nothing"
    ground.scheme.write_text(text, encoding="utf-8")
    ground.run().refuses(*words)


def test_every_wrong_target_is_named_at_once(ground: Ground) -> None:
    wrong = TARGET.replace("SOC-01", "XXX-01") + TARGET.replace("SOC-01,", "SOC-01, scope: wide,")
    ground.scheme.write_text(SCHEME.replace(TARGET, wrong), encoding="utf-8")
    ground.run().refuses("XXX-01", "wide", "T01", "T02")


def test_a_scheme_that_does_not_exist_names_those_that_do(ground: Ground) -> None:
    ground.run("run", "grand").refuses("grand", "small")


PREDICATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "subquery": ("exists (select 1 from facts.contracts)", ("Exists",)),
    "scalar subquery": ("offers_received > (select 1)", ("Subquery",)),
    "subquery in a list": ("offers_received in (select 1)", ()),
    "two statements": ("true; drop table x", ()),
    "function": ("length(object) > 3", ()),
    "function of the files": ("exists(select * from read_text('/etc/passwd'))", ()),
    "aggregate": ("count(*) > 1", ()),
    "window": ("row_number() over () > 1", ()),
    "number": ("1", ("condition",)),
    "text": ("'oui'", ("condition",)),
    "null": ("null", ("condition",)),
    "column that is no condition": ("offers_received", ("condition",)),
    "column that does not exist": ("has_unicorn", ("has_unicorn", "facts.contracts")),
    "arithmetic": ("offers_received + 1", ()),
    "not sql": ("((", ("SQL",)),
    "nothing": ("", ()),
    "comment": ("-- rien", ()),
}


@pytest.fixture
def cards(ground: Ground) -> Iterator[Path]:
    """The indicator cards of the installation, free to be spoilt."""
    assets = ground.root / "assets"
    assets.unlink()
    shutil.copytree(ROOT / "assets", assets)
    yield assets / "indicators"
    shutil.rmtree(assets)
    assets.symlink_to(ROOT / "assets")


@pytest.fixture(autouse=True)
def fresh_catalogue() -> Iterator[None]:
    """Cards are read once a process; these tests change them."""
    from spaser.cards import catalogue

    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


@pytest.mark.parametrize("name", PREDICATES)
def test_a_predicate_that_is_no_pure_condition_is_refused(
    ground: Ground, cards: Path, name: str
) -> None:
    text, words = PREDICATES[name]
    card = cards / "GOV-05.yml"
    good = card.read_text(encoding="utf-8")
    spoilt = good.replace('met: "published_on_time"', f'met: "{text}"')
    assert spoilt != good
    card.write_text(spoilt, encoding="utf-8")
    ground.run().refuses("assets/indicators/GOV-05.yml", text, *words)


CARDS: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "unknown key": (("direction:", "directon:"), ("directon", "direction")),
    "unknown key of a method": (("    kind: share", "    knd: share"), ("knd", "kind")),
    "not yaml": (("methods:", "methods: ["), ("YAML",)),
    "unknown axis": (("axis: governance", "axis: gouvernance"), ("axis", "governance")),
    "unknown fact table": (
        ("direction:", "fact_table: facts.dreams\ndirection:"),
        ("facts.dreams",),
    ),
    "unknown dimension": (("dimensions: [", "dimensions: [colour, "), ("colour",)),
}


@pytest.mark.parametrize("name", CARDS)
def test_a_wrong_card_is_one_message(ground: Ground, cards: Path, name: str) -> None:
    (before, after), words = CARDS[name]
    card = cards / "ECO-08.yml" if "method" in name else cards / "GOV-05.yml"
    good = card.read_text(encoding="utf-8")
    assert before in good
    card.write_text(good.replace(before, after, 1), encoding="utf-8")
    ground.run().refuses(f"indicators/{card.name}", *words)


def test_a_project_that_is_none(ground: Ground, tmp_path: Path) -> None:
    from tests.faults.conftest import command

    command("--project", str(tmp_path), "run", "small").refuses("spaser init", str(tmp_path))
