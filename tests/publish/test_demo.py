"""The demo's report: every printed number is found again in the published database."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaser.cards import catalogue
from spaser.defs.run import run_scheme
from spaser.scheme import load_scheme
from spaser.warehouse import open_database
from tests.publish.builders import PROJECT
from tests.publish.marks import Recomputer, marks, wrong_figures

pytestmark = [pytest.mark.demo, pytest.mark.slow]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    run_scheme(PROJECT, load_scheme(PROJECT, "demo"), years=[2025], out=out)
    return out


def test_every_printed_number_is_recomputed_from_evidence(published: Path) -> None:
    page = (published / "rapport.html").read_text(encoding="utf-8")
    with open_database(published / "spaser.duckdb") as connection:
        recomputer = Recomputer(connection, catalogue(PROJECT.assets))
    printed = [mark for mark in marks(page) if mark.kind == "figure"]
    assert len(printed) > 5000
    assert {"2024", "2025"} <= {mark.data["year"] for mark in printed}
    assert wrong_figures(page, recomputer) == []


def test_verdicts_print_what_the_database_holds(published: Path) -> None:
    page = (published / "rapport.html").read_text(encoding="utf-8")
    printed = {
        (mark.data["target"], mark.data["part"]): mark.value
        for mark in marks(page)
        if mark.kind == "target-figure"
    }
    with open_database(published / "spaser.duckdb") as connection:
        rows = connection.execute(
            "select target_id, threshold, to_qualify from indicators.verdicts where year = 2025"
        ).fetchall()
    expected = {(target, "threshold"): value for target, value, _ in rows if value is not None}
    expected |= {(target, "to_qualify"): number for target, _, number in rows if number}
    assert printed == expected
    assert len(rows) > 5
