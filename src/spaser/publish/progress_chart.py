"""The hours of an operation over time, as a drawing that needs no script: SVG.

Validated hours since the beginning are steps; beside them what the schedule expects (dashes) and
what is due (dots). Lines differ by form as well as by colour, and their names stand in the legend.
"""

from __future__ import annotations

import datetime as dt
import math
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup, escape

from spaser.publish.formats import Formats
from spaser.values import read_date, read_decimal

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 34
_STEPS = (1, 2, 5)
_TICKS = 5
_LABELS_APART = 110
"""Least distance between two dates of the axis."""

Curve = Sequence[tuple[dt.date, Decimal]]


@dataclass(frozen=True)
class Progress:
    """What is drawn: curves of (day, hours since the beginning), and the day of the report.

    `expected` is empty where nothing says what is expected when; `due` is null where unknown.
    """

    validated: Curve
    expected: Curve
    due: Decimal | None
    at: dt.date
    stepped: bool


def cumulated(months: Sequence[tuple[dt.date, Decimal]], start: dt.date | None) -> Curve:
    """Hours since the beginning on the last day of each month, from zero on."""
    if not months:
        return []
    first = min(months[0][0], start or months[0][0])
    total, curve = Decimal(0), [(first, Decimal(0))]
    for month, hours in months:
        total += hours
        last = month.replace(day=monthrange(month.year, month.month)[1])
        curve.append((max(last, first), total))
    return curve


def milestones(text: str | None) -> Curve:
    """The points of a written schedule, `30/06/2025 = 400 ; …`; none where it cannot be read.

    The finding on a schedule that cannot be read is written with the hours due.
    """
    points = []
    for part in (text or "").split(";"):
        day_text, _, hours_text = part.partition("=")
        day = read_date(day_text.strip()).value
        hours = read_decimal(hours_text.strip().removesuffix("h").strip()).value
        if day is None or hours is None:
            return []
        points.append((day, hours))
    return sorted(points)


def draw(progress: Progress, formats: Formats, names: dict[str, str]) -> Markup:
    """The drawing; `names` are those of the legend: validated, expected, due, at."""
    days = [day for curve in (progress.validated, progress.expected) for day, _ in curve]
    first, last = min([*days, progress.at]), max([*days, progress.at])
    values = [hours for curve in (progress.validated, progress.expected) for _, hours in curve]
    highest = max([*values, progress.due or Decimal(0), Decimal(1)])
    step = _nice(highest / _TICKS)
    frame = _Frame(first, last, math.ceil(highest / step) * step)
    parts = [*_grid(frame, step, formats), *_dates(frame, formats)]
    legend = []
    if progress.due is not None:
        parts.append(f'<path class="due" d="{frame.level(progress.due)}"/>')
        legend.append("due")
    if len(progress.expected) > 1:
        path = frame.steps if progress.stepped else frame.line
        parts.append(f'<path class="expected" d="{path(progress.expected)}"/>')
        legend.append("expected")
    if progress.validated:
        parts.append(f'<path class="validated" d="{frame.line(progress.validated)}"/>')
        parts += [
            f'<circle class="validated" cx="{frame.x(day)}" cy="{frame.y(hours)}" r="3"/>'
            for day, hours in progress.validated[1:]
        ]
        legend.append("validated")
    parts += _legend(legend, names)
    return Markup(
        f'<svg class="progress" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" '
        f'focusable="false">{"".join(parts)}</svg>'
    )


class _Frame:
    """Days and hours to places in the drawing."""

    def __init__(self, first: dt.date, last: dt.date, top: Decimal) -> None:
        self.first, self.last, self.top = first, max(last, first + dt.timedelta(days=1)), top

    def x(self, day: dt.date) -> str:
        share = Decimal((day - self.first).days) / Decimal((self.last - self.first).days)
        return _place(LEFT + share * (WIDTH - LEFT - RIGHT))

    def y(self, hours: Decimal) -> str:
        return _place(HEIGHT - BOTTOM - hours / self.top * (HEIGHT - TOP - BOTTOM))

    def line(self, curve: Curve) -> str:
        return "M" + "L".join(f"{self.x(day)} {self.y(hours)}" for day, hours in curve)

    def steps(self, curve: Curve) -> str:
        """Between two days of a schedule the earlier one holds."""
        start, *others = curve
        moves = "".join(f"H{self.x(day)}V{self.y(hours)}" for day, hours in others)
        return f"M{self.x(start[0])} {self.y(start[1])}{moves}H{self.x(self.last)}"

    def level(self, hours: Decimal) -> str:
        return f"M{LEFT} {self.y(hours)}H{WIDTH - RIGHT}"


def _grid(frame: _Frame, step: Decimal, formats: Formats) -> list[str]:
    ticks = [step * place for place in range(int(frame.top / step) + 1)]
    return [
        f'<path class="grid" d="{frame.level(tick)}"/>'
        f'<text x="{LEFT - 8}" y="{frame.y(tick)}" dy=".32em" text-anchor="end">'
        f"{escape(formats.trimmed(tick))}</text>"
        for tick in ticks
    ]


def _dates(frame: _Frame, formats: Formats) -> list[str]:
    """Every first of January, and the ends where there is room."""
    days = [frame.first]
    for day in [
        *(dt.date(year, 1, 1) for year in range(frame.first.year + 1, frame.last.year + 1)),
        frame.last,
    ]:
        if float(frame.x(day)) - float(frame.x(days[-1])) >= _LABELS_APART:
            days.append(day)
    anchors = {frame.first: "start", frame.last: "end"}
    return [
        f'<text x="{frame.x(day)}" y="{HEIGHT - 10}" '
        f'text-anchor="{anchors.get(day, "middle")}">{escape(formats.short_date(day))}</text>'
        for day in days
    ]


def _legend(shown: Sequence[str], names: dict[str, str]) -> list[str]:
    order = [name for name in ("validated", "expected", "due") if name in shown]
    parts, left = [], LEFT
    for name in order:
        parts.append(
            f'<path class="{name}" d="M{left} 14h28"/>'
            f'<text x="{left + 36}" y="14" dy=".32em">{escape(names[name])}</text>'
        )
        left += 36 + 8 * len(names[name]) + 24
    return parts


def _nice(value: Decimal) -> Decimal:
    """The least of 1, 2, 5, 10, 20… that is not below."""
    if value <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(value.adjusted())
    return next(
        (step * power for step in _STEPS if step * power >= value),
        10 * power,
    )


def _place(value: Decimal) -> str:
    return f"{value:.1f}"
