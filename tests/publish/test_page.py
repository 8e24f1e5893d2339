"""`rapport.html`: every figure recomputed, unknowns never zero, hostile text harmless."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path

import plotly.offline
import pytest

from spaser.cards import catalogue
from spaser.errors import InputError
from spaser.publish import lines, render
from spaser.publish import page as page_module
from spaser.publish.formats import Formats
from spaser.warehouse import Tables, session
from tests.publish import builders
from tests.publish.marks import Mark, Recomputer, marks, wrong_figures

FR = Formats("fr")


@pytest.fixture(scope="module")
def figures(page: str) -> list[Mark]:
    return marks(page)


@pytest.fixture(scope="module")
def recomputer(tables: Tables) -> Recomputer:
    with session() as connection:
        tables.attach(connection, ["indicators.evidence", "facts.contracts"])
        return Recomputer(connection, catalogue(builders.PROJECT.assets))


def describe(mark: Mark) -> str:
    return " ".join(f"{name}={value}" for name, value in mark.data.items())


def test_every_figure_is_recomputed_from_evidence(
    page: str, figures: list[Mark], recomputer: Recomputer
) -> None:
    printed = [mark for mark in figures if mark.kind == "figure"]
    assert len(printed) > 3000
    assert {mark.data["part"] for mark in printed} == {
        "value",
        "numerator",
        "denominator",
        "unknown",
        "low",
        "high",
        "excluded",
    }
    assert wrong_figures(page, recomputer) == []


def reads_as(mark: Mark) -> set[str]:
    """The ways a value may be printed."""
    part, unit, measure = (mark.data.get(name) for name in ("part", "unit", "measure"))
    if part == "excluded":
        return {FR.trimmed(mark.value)}
    weighed = {"value": "eur", "pending_hours": "hours"}.get(measure, measure)
    told = unit if part in {"value", "low", "high"} else weighed
    if told == "eur":
        return {FR.money(mark.value), FR.compact_money(mark.value)}
    if part == "unknown" and (measure, unit) == ("hours", "share"):
        # The unknown operations of a rate have no hours: they are counted.
        return {FR.trimmed(mark.value), FR.hours(mark.value)}
    words = {"share": FR.percent, "hours": FR.hours, "fte": FR.full_time}
    return {words.get(told, FR.trimmed)(mark.value)}


def test_what_is_printed_is_the_marked_value(figures: list[Mark]) -> None:
    wrong = [
        f"{describe(mark)}: {mark.text}"
        for mark in figures
        if mark.kind == "figure" and mark.text not in reads_as(mark)
    ]
    assert wrong == []


def test_thresholds_are_those_of_the_scheme(figures: list[Mark]) -> None:
    printed = {
        mark.data["target"]: mark.value
        for mark in figures
        if mark.kind == "target-figure" and mark.data["part"] == "threshold"
    }
    fixed = {
        target.id: threshold
        for target in builders.SCHEME.numbered_targets()
        if (threshold := target.at_least or target.at_most) is not None
    }
    assert {name: printed[name] for name in fixed} == fixed
    assert printed["reserves"] == 9, "three times the three of 2023"
    assert "sans-base" not in printed, "2021 is unknown, so is its triple"


def test_an_unknown_year_is_not_computable_and_never_zero(
    page: str, figures: list[Mark], recomputer: Recomputer
) -> None:
    unknown = [
        mark
        for mark in figures
        if mark.data.get("code") == "SOC-01" and mark.data["year"] == "2021"
        and mark.data["unit"] == "share" and mark.data["part"] == "value"
    ]  # fmt: skip
    assert unknown == []
    assert "2021" in recomputer.years()
    chart = charts(page)["soc-01-trend-share"]
    assert [line["y"][:2] for line in chart["data"]] == [[None, None], [None, None]]
    assert all(line["connectgaps"] is False for line in chart["data"])
    assert any(shape["type"] == "rect" for shape in chart["layout"]["shapes"])
    section = page.split('id="soc-01"')[1].split("</article>")[0]
    assert "Non calculable\u00a0: aucun marché dont l&#39;information soit connue" in section


def figure_of(page: str, name: str) -> str:
    start = f'<figure class="chart-figure" aria-labelledby="{name}-title">'
    return page.split(start)[1].split("</figure>")[0]


def charts(page: str) -> dict[str, dict]:
    found = re.search(
        r'<script type="application/json" id="charts-data">(.*?)</script>', page, re.S
    )
    assert found
    return json.loads(found[1])


def embedded(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="lines-data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_charts_draw_the_numbers_of_their_tables(page: str) -> None:
    checked = 0
    for name, chart in charts(page).items():
        table = figure_of(page, name)
        values = {
            FR.number(mark.value * 100, 4)
            if mark.data["unit"] == "share"
            else FR.number(mark.value, 4)
            for mark in marks(table)
            if mark.data["part"] == "value"
        }
        for series in chart["data"]:
            axis = series["x"] if series.get("orientation") == "h" else series["y"]
            for value in axis:
                if value is not None:
                    checked += 1
                    assert FR.number(Decimal(str(value)), 4) in values, (name, value)
    assert checked > 200


def test_every_chart_has_a_title_an_alternative_and_a_table(page: str) -> None:
    for name in charts(page):
        figure = figure_of(page, name)
        assert f'<figcaption id="{name}-title">' in figure
        assert 'role="img"' in figure
        assert "<strong>Lecture.</strong>" in figure
        assert "<caption>" in figure


def test_totals_of_the_embedded_lines_are_the_printed_figures(
    page: str, figures: list[Mark]
) -> None:
    content = embedded(page)
    column = content["contracts"]
    parts = content["parts"]
    checked = 0
    for mark in figures:
        if mark.data.get("part") != "numerator" or mark.data["year"] != "2025":
            continue
        key = "|".join(mark.data[name] for name in ("code", "method", "scope", "measure"))
        weights = content["weights"].get(key)
        total = Decimal(0)
        for place, letter in enumerate(content["roles"].get(key, "")):
            if letter == "." or parts[letter][0] != "numerator":
                continue
            buyer = column["buyer"]["codes"][column["buyer"]["at"][place]]
            dimension = mark.data["dimension"]
            if mark.data["buyer"] not in {"*", buyer}:
                continue
            if dimension != "*":
                coded = column["dimensions"][dimension]
                if coded["codes"][coded["at"][place]] != mark.data["member"]:
                    continue
            if weights == "one":
                total += 1
            elif weights == "amount":
                total += Decimal(column["usable"][place]) / 100
            else:
                total += Decimal(weights[place]) / 10**6
        assert total == mark.value, describe(mark)
        checked += 1
    assert checked > 500


def test_hostile_text_stays_text(page: str) -> None:
    assert "<img src=x" not in page
    assert builders.HOSTILE in embedded(page)["contracts"]["object"]
    assert page.count("</script>") == page.count("<script")


def test_the_page_asks_nothing_of_the_network(page: str) -> None:
    body = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', body)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"sha256-{digest}" in policy[1]
    assert len(scripts) == 2


def test_plotly_is_the_version_that_drew_the_figures() -> None:
    vendored = (builders.PROJECT.reports / "assets" / page_module.PLOTLY).read_text("utf-8")
    version = re.search(r"plotly\.js \(basic - minified\) v([\d.]+)", vendored)
    assert version
    assert version[1] == plotly.offline.get_plotlyjs_version()


@pytest.mark.parametrize("colour", ["#ffee00", "#1f5f8b", "#000000", "#ffffff", "#7fc97f"])
def test_the_accent_is_made_readable(colour: str) -> None:
    readable = page_module.readable_accent(colour)
    channels = [int(readable[place : place + 2], 16) for place in (1, 3, 5)]
    assert page_module.contrast_on_white(channels) >= 4.5


def test_a_dark_accent_is_left_as_it_is() -> None:
    assert page_module.readable_accent("#1f5f8b") == "#1f5f8b"


@pytest.mark.parametrize("colour", ["blue", "#12", "123456", "#gggggg"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(InputError, match=r"report\.accent"):
        page_module.readable_accent(colour)


def test_a_logo_that_is_absent_is_refused() -> None:
    with pytest.raises(InputError, match=r"absent\.svg"):
        page_module.logo_uri(builders.PROJECT, "reports/assets/absent.svg")


def test_the_english_page_has_no_french_interface(tables: Tables, tmp_path: Path) -> None:
    render(tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "en")
    page = (tmp_path / "rapport.html").read_text("utf-8")
    assert '<html lang="en">' in page
    assert "Key figures" in page
    assert "Chiffres clés" not in page
    assert "Non calculable" not in page
    assert any(mark.text == "47.1%" for mark in marks(page))


def test_a_year_with_too_many_contracts_points_to_the_csv(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINES", 10)
    render(tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "fr")
    page = (tmp_path / "rapport.html").read_text("utf-8")
    assert 'id="lines-data"' not in page
    assert 'class="lines"' not in page
    assert "donnees/preuves.csv" in page
