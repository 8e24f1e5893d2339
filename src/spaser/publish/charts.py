"""Plotly figures from points that are already worded: same numbers and strings as their tables."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

INK = "#22303c"
GRID = "#d9dfe5"
SECOND = "#b4540a"
"""Colour of the second series: 4.9:1 on white, and told apart by form as well."""

THIRD = "#5b3f8c"
FOURTH = "#2f6b3a"
FONT = "Seravek, 'Gill Sans Nova', Ubuntu, Calibri, 'DejaVu Sans', source-sans-pro, sans-serif"
BAR_HEIGHT = 26
MILLION = 1_000_000
SECRET_MARK = "<b>s</b>"
"""What stands for a figure under statistical secrecy."""


@dataclass(frozen=True)
class Point:
    """A place on the axis, a value or none, its interval, and what hover says."""

    name: str
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    text: str
    secret: bool = False


@dataclass(frozen=True)
class Series:
    """A line, or bars of one colour."""

    label: str
    points: tuple[Point, ...]


def trend(
    series: Sequence[Series],
    *,
    percent: bool,
    broken: Mapping[str, str],
    targets: Sequence[tuple[Decimal, str]],
    accent: str,
    separators: str,
) -> dict[str, Any]:
    """Lines over years; a year without value is a visible gap on a grey ground that says why.

    `broken`: year → what stands on its ground, where no line has a value. `separators`: of decimals
    and of thousands.
    """
    scale = 100 if percent else 1
    years = sorted({point.name for item in series for point in item.points})
    told = {point.name for item in series for point in item.points if point.value is not None}
    runs = _runs({years.index(y): label for y, label in broken.items() if y not in told})
    highest = _highest(series)
    layout = _layout(320) | {
        "xaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": years,
            "range": [-0.5, len(years) - 0.5],
            "linecolor": GRID,
            "fixedrange": True,
        },
        "yaxis": _value_axis(percent, max([highest, *(threshold for threshold, _ in targets)])),
        "shapes": [
            *(_ground(first, last) for first, last, _ in runs),
            *(_target_line(threshold, scale) for threshold, _ in targets),
        ],
        "annotations": [
            *(_ground_label(first, last, label) for first, last, label in runs),
            *_secret_years(series, [years.index(name) for name in years if name in told], years),
            *(_target_label(threshold, scale, text) for threshold, text in targets),
        ],
    }
    lines = [_line(place, item, scale, accent) for place, item in enumerate(series)]
    return _json(lines, layout | {"separators": separators})


def bars(
    series: Sequence[Series], *, percent: bool, accent: str, separators: str
) -> dict[str, Any]:
    """Horizontal bars, members from top to bottom; the second series is hatched."""
    members = max((len(item.points) for item in series), default=0)
    layout = _layout(90 + members * (12 + BAR_HEIGHT * len(series)), wide=True) | {
        "barmode": "group",
        "bargap": 0.25,
        "separators": separators,
        "xaxis": {**_value_axis(percent, _highest(series)), "side": "bottom"},
        "yaxis": {
            "autorange": "reversed",
            "automargin": True,
            "fixedrange": True,
            "linecolor": GRID,
            "type": "category",
        },
        "showlegend": len(series) > 1,
        "annotations": [
            _secret_mark(point, place, len(series))
            for place, item in enumerate(series)
            for point in item.points
            if point.secret
        ],
    }
    scale = 100 if percent else 1
    return _json([_bar(place, item, scale, accent) for place, item in enumerate(series)], layout)


_FORMS = (
    ("circle", "solid"),
    ("diamond", "dash"),
    ("square", "dot"),
    ("triangle-up", "dashdot"),
)
"""Mark and stroke of each line: four are told apart without colour."""


def _line(place: int, item: Series, scale: int, accent: str) -> dict[str, Any]:
    symbol, dash = _FORMS[place % len(_FORMS)]
    colour = _colour(place, accent)
    return {
        "type": "scatter",
        "x": [point.name for point in item.points],
        "y": [_scaled(point.value, scale) for point in item.points],
        "error_y": _error(item.points, scale),
        "name": _plain(item.label),
        "customdata": [_plain(point.text) for point in item.points],
        "hovertemplate": "%{x}<br>%{customdata}<extra>%{fullData.name}</extra>",
        "mode": "lines+markers",
        "connectgaps": False,
        "line": {"color": colour, "width": 2.5, "dash": dash},
        "marker": {"symbol": symbol, "size": 9, "color": colour},
    }


def _bar(place: int, item: Series, scale: int, accent: str) -> dict[str, Any]:
    colour = _colour(place, accent)
    return {
        "type": "bar",
        "orientation": "h",
        "y": [_wrapped(point.name) for point in item.points],
        "x": [_scaled(point.value, scale) for point in item.points],
        "name": _plain(item.label),
        "customdata": [_plain(point.text) for point in item.points],
        "text": [_plain(point.text.split(" (")[0]) for point in item.points],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"size": 12},
        "hovertemplate": "%{y}<br>%{customdata}<extra>%{fullData.name}</extra>",
        "marker": {
            "color": colour if place == 0 else "#ffffff",
            "line": {"color": colour, "width": 1.5},
            "pattern": {
                "shape": "" if place == 0 else "/",
                "fgcolor": colour,
                "size": 6,
                "solidity": 0.25,
            },
        },
    }


def _secret_mark(point: Point, place: int, series: int) -> dict[str, Any]:
    """The « s » that stands in the place of a bar; hover says what the table says."""
    return {
        "x": 0,
        "y": _wrapped(point.name),
        "xref": "x",
        "yref": "y",
        "xanchor": "left",
        "xshift": 4,
        # Bars of one member stand one above the other, the first on top.
        "yshift": BAR_HEIGHT * ((series - 1) / 2 - place) / 2,
        "text": SECRET_MARK,
        "hovertext": f"{_wrapped(point.name)}<br>{_plain(point.text)}",
        "showarrow": False,
        "font": {"size": 14, "color": INK},
    }


def _secret_years(
    series: Sequence[Series], told: Sequence[int], years: Sequence[str]
) -> list[dict[str, Any]]:
    """The « s » of a line, in the order of the lines from the axis up, where another has a value.

    A year is placed by its rank: plotly would read its name as a number.
    """
    return [
        {
            "x": years.index(point.name),
            "y": 0,
            "yref": "paper",
            "yanchor": "bottom",
            "yshift": 14 * place,
            "text": SECRET_MARK,
            "hovertext": f"{point.name}<br>{_plain(item.label)}<br>{_plain(point.text)}",
            "showarrow": False,
            "font": {"size": 13, "color": INK},
        }
        for place, item in enumerate(series)
        for point in item.points
        if point.secret and years.index(point.name) in told
    ]


def _ground(first: int, last: int) -> dict[str, Any]:
    """The grey ground of years without value."""
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": first - 0.5,
        "x1": last + 0.5,
        "y0": 0,
        "y1": 1,
        "fillcolor": "#eceff2",
        "line": {"width": 0},
        "layer": "below",
    }


def _ground_label(first: int, last: int, text: str) -> dict[str, Any]:
    return {
        "x": (first + last) / 2,
        "y": 0,
        "yref": "paper",
        "yanchor": "bottom",
        "text": _plain(text),
        "showarrow": False,
        "font": {"size": 12, "color": "#4a5864"},
    }


def _target_line(threshold: Decimal, scale: int) -> dict[str, Any]:
    height = _scaled(threshold, scale)
    return {
        "type": "line",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"color": INK, "width": 1.5, "dash": "dashdot"},
    }


def _target_label(threshold: Decimal, scale: int, text: str) -> dict[str, Any]:
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": _scaled(threshold, scale),
        "yanchor": "bottom",
        "text": _plain(text),
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }


def _runs(places: Mapping[int, str]) -> list[tuple[int, int, str]]:
    """First, last and label of each run of neighbours with the same label."""
    runs: list[tuple[int, int, str]] = []
    for place, label in sorted(places.items()):
        if runs and runs[-1][1:] == (place - 1, label):
            runs[-1] = (runs[-1][0], place, label)
        else:
            runs.append((place, place, label))
    return runs


def _layout(height: int, *, wide: bool = False) -> dict[str, Any]:
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 56, "r": 56 if wide else 12, "t": 40, "b": 36},
        "font": {"family": FONT, "size": 14, "color": INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "hovermode": "closest",
        "showlegend": True,
    }


def _highest(series: Sequence[Series]) -> Decimal:
    """The highest value of a chart; zero where it has none."""
    values = (point.value for item in series for point in item.points)
    return max((value for value in values if value is not None), default=Decimal(0))


def _value_axis(percent: bool, highest: Decimal) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "rangemode": "tozero",
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "automargin": True,
        "fixedrange": True,
        "nticks": 6,
    }
    if not highest:
        # Of zeros alone plotly would make an axis of thousandths.
        axis |= {"range": [0, 1], "tickvals": [0]}
    if percent:
        return axis | {"ticksuffix": "\u00a0%"}
    # « M » is read in both languages; « k » is no French thousand.
    return axis | {"tickformat": ",~f" if highest < MILLION else "~s"}


def _colour(place: int, accent: str) -> str:
    return (accent, SECOND, THIRD, FOURTH)[place % 4]


def _error(points: Sequence[Point], scale: int) -> dict[str, Any]:
    """Vertical marks from low to high, where unknowns leave a choice."""
    up, down = [], []
    for point in points:
        if point.value is None or point.low is None or point.high is None:
            up.append(0.0)
            down.append(0.0)
        else:
            up.append(float((point.high - point.value) * scale))
            down.append(float((point.value - point.low) * scale))
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "thickness": 1.5,
        "width": 6,
        "visible": any(up) or any(down),
    }


def _scaled(value: Decimal | None, scale: int) -> float | None:
    return None if value is None else float(value * scale)


def _plain(text: str) -> str:
    """Plotly reads a few tags in its texts: none of ours are."""
    return html.escape(text, quote=False)


def _wrapped(text: str) -> str:
    return "<br>".join(_plain(line) for line in textwrap.wrap(text, 30)[:3]) or "—"


def _json(data: list[dict[str, Any]], layout: dict[str, Any]) -> dict[str, Any]:
    """What plotly.js draws; plotly refuses a name or a value that it does not know."""
    content: dict[str, Any] = go.Figure(data=data, layout=layout).to_plotly_json()
    content["layout"].pop("template", None)
    return {"data": content["data"], "layout": content["layout"]}
