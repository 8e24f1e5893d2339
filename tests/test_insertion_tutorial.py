"""`docs/insertion.md` done as written: its files, its commands, and the results that it prints."""

from __future__ import annotations

import re

import pytest

from tests.curate.run import CARDS, ROOT
from tests.published import follow, section
from tests.test_registers_tutorial import Shown, Walk, results

PAGE = (ROOT / "docs/insertion.md").read_text(encoding="utf-8")
STEPS = [title for title in re.findall(r"^## (.+)$", PAGE, re.M) if title[0].isdigit()]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("insertion")
    said, shown = [], list[Shown]()
    for step in STEPS:
        text = section(PAGE, step)
        done = follow(text, folder)
        folder = done.folder
        said += done.said
        shown += results(folder, step, text)
    return Walk(folder, tuple(said), tuple(shown))


@pytest.mark.demo
def test_every_command_of_the_page_succeeds(walk: Walk) -> None:
    assert [(said.command, said.code, said.err) for said in walk.said] == [
        ("init mon-spaser", 0, ""),
        ("run ville", 0, ""),
    ]


@pytest.mark.demo
def test_every_result_is_the_one_that_the_page_prints(walk: Walk) -> None:
    assert len(walk.shown) == PAGE.count("<!-- sql:") > 5
    assert [(shown.query, shown.found) for shown in walk.shown] == [
        (shown.query, shown.page) for shown in walk.shown
    ]


@pytest.mark.demo
def test_the_outputs_that_the_page_names_are_there(walk: Walk) -> None:
    rendered = walk.folder / "reports/rendered/ville/2024"
    for name in ("interne/operations.xlsx", "interne/suivi-facilitateurs.xlsx"):
        assert (rendered / name).is_file()
    assert len(list((rendered / "interne/operations").glob("eng-*.html"))) == 2
    assert len(list((rendered / "public/operations").glob("0003*.html"))) == 2


def test_the_page_names_every_mode_and_every_reason() -> None:
    modes = CARDS.tables["curated/commitments"].columns["commitment_mode"].codes
    rules = [rule.removeprefix("hours_") for rule in CARDS.rules if rule.startswith("hours_")]
    reasons = [name for name in rules if f"`{name}`" in PAGE]
    assert all(f"`{mode}`" in PAGE for mode in modes)
    assert len(reasons) == 13
