"""The demo attacked: all it publishes, and an edition published before a late return came."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from spaser import privacy
from spaser.scheme import Scheme, input_files
from spaser.warehouse import Tables
from tests.curate.run import CARDS, ROOT, one, run_files
from tests.privacy.published import attack

YEAR = 2025
LATE = "data/raw/demo/heures/releves/2025-T2.csv"
"""A company's return that came after the first edition."""


@pytest.mark.demo
def test_nothing_hidden_follows_from_what_the_demo_publishes(demo: Tables) -> None:
    hidden = one(
        demo,
        "select count(*) filter (where not is_published) as hidden, "
        "count(*) filter (where is_published) as shown from indicators.figures",
    )
    assert min(hidden.values()) > 1000
    assert attack(demo) == []


@pytest.mark.demo
def test_nothing_hidden_follows_from_an_edition_published_before_a_late_return(
    tmp_path: Path, demo_scheme: Scheme
) -> None:
    kept = [path.relative_to(ROOT).as_posix() for path in input_files(demo_scheme, ROOT)]
    assert LATE in kept
    kept.remove(LATE)
    before = demo_scheme.model_copy(update={"inputs": tuple(kept)})
    last = "facts/people_figures"
    tables = run_files(tmp_path, [], before, last=last)
    privacy.build(tables, CARDS)
    whole = f"select people, hours from facts.people_figures where year = {YEAR}"
    whole += " and axis = '*' and buyer_id = '*'"
    first = one(tables, whole)
    assert privacy.seal(tables, YEAR, date(2026, 3, 2)) is not None
    run_files(tmp_path, [], demo_scheme, last=last)
    assert one(tables, whole) != first
    privacy.build(tables, CARDS)
    assert attack(tables) == []
