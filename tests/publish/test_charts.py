"""What plotly is given: axes in whole numbers, and the « s » of a line where it belongs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from spaser.publish import charts
from spaser.publish.charts import Point, Series


def _point(year: str, value: str | None) -> Point:
    number = None if value is None else Decimal(value)
    return Point(year, number, number, number, value or "s", secret=value is None)


def _trend(*lines: Series, percent: bool = False) -> dict[str, Any]:
    return charts.trend(
        lines,
        percent=percent,
        broken={"2022": "s"} if any(p.secret for line in lines for p in line.points) else {},
        targets=[],
        accent="#1d5f8a",
        separators=",\u202f",
    )["layout"]


def test_a_year_hidden_on_one_line_only_keeps_its_ground_and_says_s_at_its_rank():
    told = Series("Taux", (_point("2022", "0.4"), _point("2023", "0.6")))
    hidden = Series("Clôture", (_point("2022", None), _point("2023", "0.7")))
    layout = _trend(told, hidden, percent=True)
    assert not layout.get("shapes")
    assert [(mark["x"], mark["text"]) for mark in layout["annotations"]] == [(0, "<b>s</b>")]


def test_a_year_hidden_on_every_line_stands_on_a_grey_ground():
    layout = _trend(Series("Heures", (_point("2022", None), _point("2023", "900"))))
    assert len(layout["shapes"]) == 1
    assert [mark["text"] for mark in layout["annotations"]] == ["s"]


def test_an_axis_counts_in_whole_numbers_below_a_million():
    hours = _trend(Series("Heures", (_point("2023", "198015"),)))
    euros = _trend(Series("Euros", (_point("2023", "2500000"),)))
    assert hours["yaxis"]["tickformat"] == ",~f"
    assert hours["separators"] == ",\u202f"
    assert euros["yaxis"]["tickformat"] == "~s"


def test_an_axis_of_zeros_has_no_thousandths():
    layout = _trend(Series("Pénalités", (_point("2023", "0"),)))
    assert layout["yaxis"]["tickvals"] == [0]
