"""The view model: everything the template prints, worded, formatted and in order.

The template does no arithmetic; what it prints of a result is a `Figure`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from spaser.cards import IndicatorCard, Method
from spaser.cards import Result as ResultKind
from spaser.publish import charts
from spaser.publish.context import SCOPES, WHOLE, Context
from spaser.publish.marks import Figure, TargetFigure
from spaser.publish.reading import DIMENSIONS, Result, Verdict
from spaser.scheme import Target

HEADLINES = ("SOC-01", "ENV-01", "SOC-05", "ECO-09", "ECO-08", "GOV-05")
"""Indicators of the key figures, in order; those the catalogue lacks are left out."""

AXES = ("general", "social", "environment", "economy", "ethics", "governance")

TREND_YEARS = 6
TABLE_ROWS = 60
CHART_BARS = 12
NAMED_IN_TEXT = 3


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


@dataclass(frozen=True)
class MethodCard:
    """What stands under every figure."""

    entries: tuple[tuple[str, tuple[str, ...]], ...]
    legal: tuple[tuple[str, str, str], ...]
    changelog: tuple[str, ...]
    version: int


@dataclass(frozen=True)
class IndicatorView:
    """One indicator."""

    code: str
    anchor: str
    title: str
    sentences: tuple[Markup, ...]
    table: FigureTable
    trends: tuple[ChartView, ...]
    main_breakdown: ChartView | None
    breakdowns: tuple[ChartView, ...]
    card: MethodCard


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


Key = tuple[str, str, str, str, str, str, int, str, str]


class Figures:
    """Results found by their key."""

    def __init__(self, results: Iterable[Result]) -> None:
        self.all = tuple(results)
        self.by_key = {_key(result): result for result in self.all}
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


def _key(result: Result) -> Key:
    return (
        result.code,
        result.method,
        result.scope,
        result.measure,
        result.unit,
        result.buyer_id,
        result.year,
        result.dimension,
        result.member,
    )


class Builder:
    """Builds the views of one report."""

    def __init__(
        self,
        context: Context,
        figures: Figures,
        targets: Sequence[Target],
        openable: bool,
        accent: str,
    ) -> None:
        self.context = context
        self.labels = context.labels
        self.figures = figures
        self.targets = targets
        self.openable = openable
        self.accent = accent
        self.codes = {result.code for result in figures.all}

    # -- indicators -------------------------------------------------------------------------

    def axes(self) -> list[tuple[str, str, list[IndicatorView]]]:
        """Indicators by axis: key, title, views."""
        cards = [card for card in self.context.catalogue.indicators.values() if self._known(card)]
        found = []
        for axis in AXES:
            views = [self.indicator(card) for card in cards if card.axis == axis]
            if views:
                found.append((axis, self.labels(f"axes.{axis}"), views))
        return found

    def _known(self, card: IndicatorCard) -> bool:
        return card.id in self.codes

    def indicator(self, card: IndicatorCard) -> IndicatorView:
        """One indicator: figures by scope, trends, breakdowns, method."""
        title = self.context.card_text(card.labels)
        breakdowns = [
            view
            for group in ("buyer", *DIMENSIONS)
            if (view := self.breakdown(card, title, group)) is not None
        ]
        has_buyers = bool(breakdowns) and breakdowns[0].id.endswith("-buyer")
        return IndicatorView(
            card.id,
            anchor(card.id),
            title,
            self.sentences(card),
            self.scope_table(card, title),
            self.trends(card, title),
            breakdowns[0] if has_buyers else None,
            tuple(breakdowns[1:] if has_buyers else breakdowns),
            self.method_card(card),
        )

    def scope_table(self, card: IndicatorCard, title: str) -> FigureTable:
        """Every result of the year for the whole scheme, by scope."""
        rows = []
        for method, kind in _kinds(card):
            for scope in SCOPES:
                result = self.figures.get(card, method.name, kind, scope, self.context.year)
                if result is not None:
                    rows.append(self.row(card, method, result, self.context.scope(scope)))
        caption = self.labels.html("tables.figures", title=title, year=self.context.year)
        return FigureTable(caption, self.labels("parts.scope"), tuple(rows))

    def row(self, card: IndicatorCard, method: Method, result: Result, head: str) -> Row:
        """A result as a line of a table."""
        figure = self.context.figure
        label = self.context.result_label(card, method, result.measure, result.unit)
        return Row(
            head,
            label,
            figure(result, "value") if result.status == "computed" else None,
            self.reason(result),
            figure(result, "numerator"),
            figure(result, "denominator"),
            figure(result, "unknown"),
            figure(result, "low"),
            figure(result, "high"),
            figure(result, "excluded"),
            self.lines(result, f"{self.context.card_text(card.labels)}, {label}, {head}"),
        )

    def lines(self, result: Result | Verdict, what: str) -> dict[str, str] | None:
        """What the button that opens the contract lines carries; only this year's are embedded."""
        if not self.openable or result.year != self.context.year:
            return None
        dimension, member = WHOLE, WHOLE
        if isinstance(result, Result):
            dimension, member = result.dimension, result.member
        return {
            "key": "|".join((result.code, result.method, result.scope, result.measure)),
            "buyer": result.buyer_id,
            "dimension": dimension,
            "member": member,
            "what": what,
        }

    def reason(self, result: Result) -> str:
        """Why a result has no value."""
        if result.status == "computed":
            return ""
        status = self.labels.code("status", result.status)
        why = self.why(result)
        return f"{status}{'' if not why else self._colon() + why}"

    def why(self, result: Result) -> str:
        """The reason of a result, its long numbers grouped."""
        reason = self.context.text(result.reason_fr, result.reason_en)
        number = self.context.formats.number
        return re.sub(r"\d{5,}", lambda found: number(int(found[0])), reason).rstrip(".")

    def _colon(self) -> str:
        return "\u00a0: " if self.context.language == "fr" else ": "

    def sentences(self, card: IndicatorCard) -> tuple[Markup, ...]:
        """The finding in words: value, what it is of, what stays unknown, the year before."""
        method, kind = _kinds(card)[0]
        scope = "floor"
        result = self.figures.get(card, method.name, kind, scope, self.context.year)
        if result is None:
            return ()
        value = self.context.figure(result, "value", compact=True)
        if result.status != "computed" or value is None:
            why = self.why(result) or "—"
            return (self.labels.html("finding.not_computable", year=result.year, reason=why),)
        share = kind.unit == "share"
        counted = share and kind.measure == "count"
        family = "finding.scope" if counted else "finding.perimeter"
        words = {
            "value": value,
            "year": result.year,
            "unit_scope": self.context.scope(scope, family),
            "numerator": self.context.figure(result, "numerator"),
            "denominator": self.context.figure(result, "denominator"),
        }
        first = self.labels.html("finding.share" if share else "finding.number", **words)
        return tuple(
            sentence
            for sentence in (
                first,
                self.unknown_sentence(result),
                self.value_sentence(card, method, scope) if counted else None,
                self.previous_sentence(card, method, kind, scope),
            )
            if sentence is not None
        )

    def unknown_sentence(self, result: Result) -> Markup | None:
        """What unknowns leave open; nothing where there are none."""
        unknown = self.context.figure(result, "unknown")
        if unknown is None or unknown.raw == 0:
            return None
        low, high = self.context.figure(result, "low"), self.context.figure(result, "high")
        number = int(unknown.raw)
        if low is None or high is None:
            return self.labels.plural("finding.unknown_only", number, unknown=unknown)
        words = {"unknown": unknown, "low": low, "high": high}
        if result.measure != "count":
            return self.labels.html("finding.unknown_share_value", **words)
        family = "unknown_share" if result.unit == "share" else "unknown_number"
        return self.labels.plural(f"finding.{family}", number, **words)

    def value_sentence(self, card: IndicatorCard, method: Method, scope: str) -> Markup | None:
        """The share in value, beside the share in number."""
        kind = ResultKind(measure="value", unit="share")
        result = self.figures.get(card, method.name, kind, scope, self.context.year)
        if result is None or result.status != "computed":
            return None
        value, low, high = (self.context.figure(result, part) for part in ("value", "low", "high"))
        if low is None or high is None or low.raw == high.raw:
            return self.labels.html("finding.value_beside", value=value)
        return self.labels.html("finding.value_range", value=value, low=low, high=high)

    def previous_sentence(
        self, card: IndicatorCard, method: Method, kind: ResultKind, scope: str
    ) -> Markup | None:
        """The year before, for comparison."""
        previous = self.figures.get(card, method.name, kind, scope, self.context.year - 1)
        if previous is None:
            return None
        value = self.context.figure(previous, "value", compact=True)
        if previous.status != "computed" or value is None:
            return self.labels.html("finding.previous_none", year=previous.year)
        return self.labels.html("finding.previous", year=previous.year, value=value)

    # -- charts -----------------------------------------------------------------------------

    def trends(self, card: IndicatorCard, title: str) -> tuple[ChartView, ...]:
        """One chart per unit: its series are the methods and measures of that unit."""
        units: dict[str, list[tuple[Method, ResultKind]]] = {}
        for method, kind in _kinds(card):
            units.setdefault(kind.unit, []).append((method, kind))
        views = (self.trend(card, title, unit, kinds) for unit, kinds in units.items())
        return tuple(view for view in views if view is not None)

    def trend(
        self, card: IndicatorCard, title: str, unit: str, kinds: list[tuple[Method, ResultKind]]
    ) -> ChartView | None:
        """A chart over the years."""
        scope = "floor"
        rows: list[Row] = []
        series: list[charts.Series] = []
        alternatives: list[Markup] = []
        broken: dict[int, str] = {}
        for method, kind in kinds:
            results = [
                result
                for result in self.figures.groups.get(
                    (card.id, method.name, kind.measure, kind.unit, scope, WHOLE), []
                )
                if result.year > self.context.year - TREND_YEARS
            ]
            if len(results) < 2:
                continue
            label = self.context.result_label(card, method, kind.measure, kind.unit)
            rows += [self.row(card, method, result, str(result.year)) for result in results]
            series.append(charts.Series(label, tuple(self.point(r, str(r.year)) for r in results)))
            alternatives.append(
                self.labels.html(
                    "charts.trend_alt",
                    series=label,
                    values=Markup(", ").join(self.year_value(result) for result in results),
                )
            )
            for result in results:
                if result.status != "computed":
                    broken.setdefault(result.year, self.why(result))
        if not series:
            return None
        notes = self.break_notes(broken) + self.target_notes(card, unit, scope)
        if any(point.low != point.high for item in series for point in item.points):
            notes = (*notes, self.labels("charts.error"))
        identifier = f"{anchor(card.id)}-trend-{unit}"
        spec = charts.trend(
            series,
            percent=unit == "share",
            broken=sorted(str(year) for year in broken),
            break_label=self.labels("charts.break_label"),
            targets=self.target_lines(card, unit, scope),
            accent=self.accent,
        )
        what = title if unit == "share" else f"{title} ({series[0].label.lower()})"
        if len(series) > 1 and unit != "share":
            what = title
        caption = self.labels.html("tables.trend", title=what, scope=self.context.scope(scope))
        return ChartView(
            identifier,
            tuple(alternatives),
            notes,
            FigureTable(caption, self.labels("parts.year"), tuple(rows)),
            spec,
        )

    def point(self, result: Result, name: str) -> charts.Point:
        """A result as a chart sees it; hover says what the table says."""
        value = result.value if result.status == "computed" else None
        if value is None:
            return charts.Point(name, None, None, None, self.reason(result))
        text = self.context.value(result.unit, value)
        if result.low is not None and result.high is not None and result.low != result.high:
            low, high = (self.context.value(result.unit, v) for v in (result.low, result.high))
            text = f"{text} ({self.labels('interval.range', low=low, high=high)})"
        return charts.Point(name, value, result.low, result.high, text)

    def year_value(self, result: Result) -> Markup:
        """`31,0 % en 2025`."""
        value = self.context.figure(result, "value")
        if result.status != "computed" or value is None:
            return self.labels.html("charts.trend_none", year=result.year)
        return self.labels.html("charts.trend_value", value=value, year=result.year)

    def break_notes(self, broken: dict[int, str]) -> tuple[str, ...]:
        """One sentence per reason why years have no value."""
        reasons: dict[str, list[str]] = {}
        for year, reason in sorted(broken.items()):
            # The number of unknowns, in brackets, changes every year: the table says it.
            reasons.setdefault(re.sub(r" \([^()]*\)$", "", reason), []).append(str(year))
        return tuple(
            self.labels("charts.break", years=", ".join(years), reason=reason or "—")
            for reason, years in reasons.items()
        )

    def matching_targets(
        self, card: IndicatorCard, unit: str, scope: str
    ) -> list[tuple[Target, Decimal]]:
        """Absolute targets of the whole scheme on this unit and scope."""
        found = []
        for target in self.targets:
            threshold = target.at_least if target.at_least is not None else target.at_most
            same = (target.indicator, target.unit, target.scope, target.buyer) == (
                card.id,
                unit,
                scope,
                WHOLE,
            )
            if same and threshold is not None:
                found.append((target, threshold))
        return found

    def target_notes(self, card: IndicatorCard, unit: str, scope: str) -> tuple[str, ...]:
        """Targets drawn as lines, in words."""
        return tuple(
            self.labels(
                "charts.target", year=target.year, threshold=self.context.value(unit, threshold)
            )
            for target, threshold in self.matching_targets(card, unit, scope)
        )

    def target_lines(self, card: IndicatorCard, unit: str, scope: str) -> list[tuple[Decimal, str]]:
        """Targets as horizontal lines."""
        notes = self.target_notes(card, unit, scope)
        found = self.matching_targets(card, unit, scope)
        return [(threshold, note) for (_, threshold), note in zip(found, notes, strict=True)]

    def breakdown(self, card: IndicatorCard, title: str, group: str) -> ChartView | None:
        """The members of a dimension for the card's first result, and its value counterpart."""
        method, first = _kinds(card)[0]
        kinds = [
            kind
            for kind in method.results
            if kind == first or (first.unit, kind.unit) == ("share", "share")
        ]
        scope = "floor"
        leading = self.figures.breakdown(card, method.name, first, scope, group, self.context.year)
        if len(leading) < 2:
            return None
        order = self._member_order(leading, group)
        rows: list[tuple[int, int, Row]] = []
        series: list[charts.Series] = []
        alternatives: list[Markup] = []
        for place, kind in enumerate(kinds):
            results = self.figures.breakdown(
                card, method.name, kind, scope, group, self.context.year
            )
            results = sorted(
                (r for r in results if _member(r, group) in order),
                key=lambda r: order[_member(r, group)],
            )
            label = self.context.result_label(card, method, kind.measure, kind.unit)
            for result in results:
                head = self.context.member(group, _member(result, group))
                rows.append(
                    (place, order[_member(result, group)], self.row(card, method, result, head))
                )
            shown = [r for r in results if order[_member(r, group)] < CHART_BARS]
            points = tuple(
                self.point(r, self.context.member(group, _member(r, group))) for r in shown
            )
            series.append(charts.Series(label, points))
            alternatives.append(self.breakdown_alternative(label, results, group))
        rows = sorted(rows, key=lambda item: item[:2])
        kept = [row for _, place, row in rows if place < TABLE_ROWS]
        by = self.labels(f"by.{group}")
        caption = self.labels.html(
            "tables.breakdown",
            title=title,
            by=by,
            scope=self.context.scope(scope),
            year=self.context.year,
        )
        limited = len(order) > CHART_BARS
        notes = (self.labels("charts.limited", shown=CHART_BARS),) if limited else ()
        return ChartView(
            f"{anchor(card.id)}-{group}",
            tuple(alternatives),
            notes,
            FigureTable(
                caption,
                self.labels(f"dimensions.{group}"),
                tuple(kept),
                max(0, len(order) - TABLE_ROWS),
            ),
            charts.bars(series, percent=first.unit == "share", accent=self.accent),
        )

    def _member_order(self, results: list[Result], group: str) -> dict[str, int]:
        """Bands and types keep their own order, others go by size; the unknown comes last."""
        if group == "amount_band":
            ordered = sorted(results, key=lambda r: (r.member == "unknown", r.member))
        else:
            ordered = sorted(
                results,
                key=lambda r: (
                    r.member == "unknown",
                    -(r.denominator or Decimal(0)) - (r.unknown or Decimal(0)),
                    _member(r, group),
                ),
            )
        return {_member(result, group): place for place, result in enumerate(ordered)}

    def breakdown_alternative(self, label: str, results: list[Result], group: str) -> Markup:
        """The first members in words; the table says the rest."""
        named = [self.member_value(result, group) for result in results[:NAMED_IN_TEXT]]
        if len(results) > NAMED_IN_TEXT:
            last = self.member_value(results[-1], group)
            named.append(self.labels.html("charts.last", value=last))
        values = Markup(", ").join(named)
        return self.labels.html("charts.breakdown_alt", series=label, values=values)

    def member_value(self, result: Result, group: str) -> Markup:
        """`Travaux 31,0 %`."""
        member = self.context.member(group, _member(result, group))
        value = self.context.figure(result, "value")
        if result.status != "computed" or value is None:
            return self.labels.html("charts.member_none", member=member)
        return self.labels.html("charts.member_value", member=member, value=value)

    # -- cards ------------------------------------------------------------------------------

    def method_card(self, card: IndicatorCard) -> MethodCard:
        """Unit, floor, perimeter, numerator, denominator, unknown, excluded, version, sources."""
        text, labels = self.context.card_text, self.labels
        kinds = dict.fromkeys(method.kind for method in card.methods)
        units = dict.fromkeys(labels.code("units", kind.unit) for _, kind in _kinds(card))
        entries: list[tuple[str, tuple[str, ...]]] = [
            (labels("method.counts"), (text(card.counts),)),
            (labels("method.kinds"), tuple(labels.code("method.kind", kind) for kind in kinds)),
            (labels("method.unit"), (labels("method.unit_text"), ", ".join(units))),
            (labels("method.floor"), (labels("method.floor_text", floor=self.context.floor),)),
            (labels("method.perimeter"), (text(card.population_text),)),
            *(
                (labels(f"method.{part}"), (labels(f"method.{part}_text"),))
                for part in (
                    "numerator",
                    "denominator",
                    "unknown",
                    "excluded",
                    "interval",
                    "maxima",
                )
            ),
        ]
        if card.caveats:
            entries.append((labels("method.caveats"), tuple(text(item) for item in card.caveats)))
        return MethodCard(
            tuple(entries),
            tuple((text(item.text), item.source, item.status) for item in card.legal),
            tuple(
                f"{item.version} ({item.date})\u00a0: {text(item.text)}" for item in card.changelog
            ),
            card.method_version,
        )

    def key_figures(self) -> list[KeyFigure]:
        """The cards of the first section."""
        cards = self.context.catalogue.indicators
        return [
            self.key_figure(cards[code])
            for code in HEADLINES
            if code in cards and self._known(cards[code])
        ]

    def key_figure(self, card: IndicatorCard) -> KeyFigure:
        """The share in number, the share in value, the interval, a sentence."""
        method, kind = _headline(card)
        result = self.figures.get(card, method.name, kind, "floor", self.context.year)
        value = None
        reason = self.labels("status.not_computable")
        beside, sentence = Markup(""), []
        if result is not None:
            value = self.context.figure(result, "value") if result.status == "computed" else None
            reason = self.reason(result)
            if value is not None:
                sentence.append(
                    self.labels.html(
                        f"card.of_total.{'share' if kind.unit == 'share' else 'number'}",
                        numerator=self.context.figure(result, "numerator"),
                        denominator=self.context.figure(result, "denominator"),
                    )
                )
                beside = self.value_sentence(card, method, "floor") or Markup("")
                unknown = self.unknown_sentence(result)
                if unknown is not None:
                    sentence.append(unknown)
                previous = self.previous_sentence(card, method, kind, "floor")
                if previous is not None:
                    sentence.append(previous)
        return KeyFigure(
            card.id,
            anchor(card.id),
            self.context.card_text(card.labels),
            value,
            reason,
            self.context.result_label(card, method, kind.measure, kind.unit),
            beside,
            tuple(sentence),
            None
            if result is None or value is None
            else _band(result.unit, result.value, result.low, result.high, None),
        )

    # -- objectives -------------------------------------------------------------------------

    def objectives(self, verdicts: Iterable[Verdict]) -> list[Objective]:
        """Targets with their verdicts."""
        by_id = {target.id: target for target in self.targets}
        return [self.objective(verdict, by_id.get(verdict.target_id)) for verdict in verdicts]

    def objective(self, verdict: Verdict, target: Target | None) -> Objective:
        """One target: what was promised, what is, what can be said."""
        card = self.context.catalogue.indicators.get(verdict.code)
        own = self.context.text(verdict.label_fr, verdict.label_en)
        label = own or (self.context.card_text(card.labels) if card else verdict.code)
        trajectory = verdict.trajectory or "null"
        not_due = verdict.verdict == "not_due"
        unit = self.labels.code("results", f"{verdict.unit}.{verdict.measure}")
        return Objective(
            label,
            anchor(verdict.code),
            f"{unit} – {self.context.scope(verdict.scope)}",
            self.context.buyer(verdict.buyer_id),
            self.threshold(verdict),
            self.baseline(verdict, target),
            verdict.due_year,
            self.context.verdict_figure(verdict, "value"),
            self.context.verdict_figure(verdict, "low"),
            self.context.verdict_figure(verdict, "high"),
            verdict.verdict,
            self.labels.code("objectives", verdict.verdict),
            trajectory if not_due else "",
            self.labels.code("objectives", f"trajectory_{trajectory}") if not_due else "",
            self.to_qualify(verdict),
            self.lines(verdict, label),
            _band(verdict.unit, verdict.value, verdict.low, verdict.high, verdict.threshold),
        )

    def threshold(self, verdict: Verdict) -> Markup:
        """`au moins 30,0 %`."""
        if verdict.threshold is None:
            return Markup("—")
        figure = TargetFigure(
            verdict.target_id,
            verdict.buyer_id,
            verdict.year,
            "threshold",
            verdict.threshold,
            self.context.value(verdict.unit, verdict.threshold),
        )
        side = "at_least" if verdict.direction == "up" else "at_most"
        return self.labels.html(f"objectives.{side}", threshold=figure)

    def baseline(self, verdict: Verdict, target: Target | None) -> Markup | str:
        """`soit 3 fois 12 en 2023`."""
        if verdict.baseline_year is None or target is None or target.times_baseline is None:
            return ""
        value = self.context.verdict_figure(verdict, "baseline_value")
        if value is None:
            return self.labels("objectives.baseline_unknown", year=verdict.baseline_year)
        factor = self.context.formats.trimmed(target.times_baseline)
        return self.labels.html(
            "objectives.baseline", factor=factor, value=value, year=verdict.baseline_year
        )

    def to_qualify(self, verdict: Verdict) -> Markup | str | None:
        """How many contracts to qualify before the verdict can be given; none once it is."""
        if verdict.verdict == "undecidable" and verdict.threshold is None:
            return self.labels("objectives.no_threshold")
        if not verdict.to_qualify:
            return None
        figure = TargetFigure(
            verdict.target_id,
            verdict.buyer_id,
            verdict.year,
            "to_qualify",
            Decimal(verdict.to_qualify),
            self.context.formats.number(verdict.to_qualify),
        )
        return self.labels.plural("objectives.to_qualify", verdict.to_qualify, n=figure)


def anchor(code: str) -> str:
    """`SOC-01` → `soc-01`."""
    return "".join(char if char.isalnum() else "-" for char in code.lower())


def _kinds(card: IndicatorCard) -> list[tuple[Method, ResultKind]]:
    """Every (method, result) of a card, in the card's order."""
    return [(method, kind) for method in card.methods for kind in method.results]


def _headline(card: IndicatorCard) -> tuple[Method, ResultKind]:
    """The share in number where the card has one, else its first result."""
    kinds = _kinds(card)
    return next(
        (pair for pair in kinds if (pair[1].unit, pair[1].measure) == ("share", "count")), kinds[0]
    )


def _member(result: Result, group: str) -> str:
    return result.buyer_id if group == "buyer" else result.member


def _band(
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
