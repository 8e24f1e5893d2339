"""What the template prints, as data: worded, formatted and in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from spaser.cards import IndicatorCard, Method
from spaser.cards import Result as ResultKind
from spaser.publish.context import WHOLE
from spaser.publish.marks import Figure
from spaser.publish.reading import Result


@dataclass(frozen=True)
class Row:
    """A line of a table of figures."""

    head: str
    measure: str
    value: Figure | None
    reason: str
    numerator: Figure | None
    denominator: Figure | None
    unknown: Figure | None
    low: Figure | None
    high: Figure | None
    excluded: Figure | None
    lines: dict[str, str] | None
    link: tuple[str, str] | None = None
    secret: bool = False

    @property
    def open_interval(self) -> bool:
        """Whether unknowns leave more than one possible value."""
        return self.low is not None and self.high is not None and self.low.raw != self.high.raw


@dataclass(frozen=True)
class FigureTable:
    """A table of figures."""

    caption: Markup
    head: str
    rows: tuple[Row, ...]
    hidden: int = 0

    @property
    def has_secret(self) -> bool:
        """Whether a figure is under statistical secrecy: the note then stands under the table."""
        return any(row.secret for row in self.rows)

    @property
    def linked(self) -> str | None:
        """What the last column opens, where it holds links and no lists of contracts."""
        return next((row.link[1] for row in self.rows if row.link), None)

    @property
    def groups(self) -> list[tuple[str, list[Row]]]:
        """Rows by measure, in the order the measures first come."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.measure, []).append(row)
        return list(groups.items())


@dataclass(frozen=True)
class ChartView:
    """A chart with its title, its text alternative and its data."""

    id: str
    alternative: tuple[Markup, ...]
    notes: tuple[str, ...]
    table: FigureTable
    spec: dict[str, Any] | None
    summary: str = ""


@dataclass(frozen=True)
class MethodCard:
    """What stands under every figure."""

    entries: tuple[tuple[str, tuple[str, ...]], ...]
    legal: tuple[tuple[str, str, str], ...]
    changelog: tuple[str, ...]
    version: int


@dataclass(frozen=True)
class Aggregate:
    """A published aggregate behind figures about people: what it is, its part, its weight."""

    method: str
    what: str
    role: str
    weight: str | None


@dataclass(frozen=True)
class IndicatorView:
    """One indicator; `counts`: what it counts, where its title does not tell it (hours, people)."""

    code: str
    anchor: str
    title: str
    sentences: tuple[Markup, ...]
    table: FigureTable
    trends: tuple[ChartView, ...]
    main_breakdown: ChartView | None
    breakdowns: tuple[ChartView, ...]
    card: MethodCard
    aggregates: tuple[Aggregate, ...] = ()
    counts: str = ""


@dataclass(frozen=True)
class KeyFigure:
    """A card of the first section."""

    code: str
    anchor: str
    title: str
    value: Figure | None
    reason: str
    label: str
    beside: Markup
    sentence: tuple[Markup, ...]
    band: dict[str, str] | None
    secret: bool = False


@dataclass(frozen=True)
class Objective:
    """A target and its verdict."""

    label: str
    anchor: str
    scope: str
    buyer: str
    threshold: Markup
    baseline: Markup | str
    due_year: int
    value: Figure | None
    low: Figure | None
    high: Figure | None
    verdict: str
    verdict_text: str
    trajectory: str
    trajectory_text: str
    to_qualify: Markup | str | None
    lines: dict[str, str] | None
    band: dict[str, str] | None
    secret: bool = False


class Figures:
    """Results found by their key."""

    def __init__(self, results: Iterable[Result]) -> None:
        self.all = tuple(results)
        self.groups: dict[tuple[str, str, str, str, str, str], list[Result]] = {}
        for result in self.all:
            group = "buyer" if _is_buyer(result) else result.dimension
            key = (result.code, result.method, result.measure, result.unit, result.scope, group)
            self.groups.setdefault(key, []).append(result)

    def get(
        self, card: IndicatorCard, method: str, kind: ResultKind, scope: str, year: int
    ) -> Result | None:
        """The whole scheme's result."""
        group = self.groups.get((card.id, method, kind.measure, kind.unit, scope, WHOLE), [])
        return next((result for result in group if result.year == year), None)

    def breakdown(
        self, card: IndicatorCard, method: str, kind: ResultKind, scope: str, group: str, year: int
    ) -> list[Result]:
        """The members of a dimension, or the buyers."""
        found = self.groups.get((card.id, method, kind.measure, kind.unit, scope, group), [])
        return [result for result in found if result.year == year]


def _is_buyer(result: Result) -> bool:
    return result.dimension == WHOLE and result.buyer_id != WHOLE


def anchor(code: str) -> str:
    """`SOC-01` → `soc-01`."""
    return "".join(char if char.isalnum() else "-" for char in code.lower())


def kinds_of(card: IndicatorCard) -> list[tuple[Method, ResultKind]]:
    """Every (method, result) of a card, in the card's order."""
    return [(method, kind) for method in card.methods for kind in method.results]


def member_of(result: Result, group: str) -> str:
    """The member of a dimension, or the buyer."""
    return result.buyer_id if group == "buyer" else result.member


def band(
    unit: str,
    value: Decimal | None,
    low: Decimal | None,
    high: Decimal | None,
    threshold: Decimal | None,
) -> dict[str, str] | None:
    """Lengths of the little bar beside a share, as CSS percentages."""
    if unit != "share" or low is None or high is None or value is None:
        return None
    percent = {"low": low, "open": high - low, "value": value}
    if threshold is not None:
        percent["target"] = threshold
    return {name: f"{min(share, Decimal(1)) * 100:.2f}%" for name, share in percent.items()}
