"""Charts with their title, text alternative, notes and data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup

from spaser.cards import IndicatorCard, Method
from spaser.cards import Result as ResultKind
from spaser.publish import charts
from spaser.publish.context import SECRET, WHOLE, Context
from spaser.publish.model import (
    ChartView,
    Figures,
    FigureTable,
    Row,
    anchor,
    kinds_of,
    member_of,
)
from spaser.publish.reading import Result
from spaser.publish.wording import Wording, is_secret, lower_first, main_scope
from spaser.scheme import Target

TREND_YEARS = 6
TABLE_ROWS = 40
CHART_BARS = 12
NAMED_IN_TEXT = 3
_ORDERED = frozenset({"amount_band", "age_band", "training_level"})
"""Dimensions whose codes are in an order of their own."""


class ChartBuilder(Wording):
    """Builds the charts of one report."""

    def __init__(
        self,
        context: Context,
        figures: Figures,
        targets: Sequence[Target],
        *,
        openable: bool,
        accent: str,
    ) -> None:
        super().__init__(context, figures, openable=openable)
        self.targets = targets
        self.accent = accent

    @property
    def separators(self) -> str:
        """Of decimals and of thousands, for the axes."""
        return {"fr": ",\u202f", "en": ".,"}[self.context.language]

    def trends(self, card: IndicatorCard, title: str) -> tuple[ChartView, ...]:
        """One chart per unit and perimeter: its series are the methods and measures of both."""
        units: dict[tuple[str, str], list[tuple[Method, ResultKind]]] = {}
        for method, kind in kinds_of(card):
            scope = main_scope(self.context.scopes(card, method))
            units.setdefault((kind.unit, scope), []).append((method, kind))
        views = (
            self.trend(card, title, unit, scope, kinds) for (unit, scope), kinds in units.items()
        )
        return tuple(view for view in views if view is not None)

    def trend(
        self,
        card: IndicatorCard,
        title: str,
        unit: str,
        scope: str,
        kinds: list[tuple[Method, ResultKind]],
    ) -> ChartView | None:
        """A chart over the years."""
        rows: list[Row] = []
        series: list[charts.Series] = []
        alternatives: list[Markup] = []
        broken: dict[int, str] = {}
        secret: set[int] = set()
        perimeter = ""
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
            perimeter = self.perimeter(results[0])
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
                if is_secret(result):
                    secret.add(result.year)
                elif result.status != "computed":
                    broken.setdefault(result.year, self.why(result))
        if not series:
            return None
        notes = self.break_notes(broken) + self.target_notes(card, unit, scope)
        if any(point.low != point.high for item in series for point in item.points):
            notes = (*notes, self.labels("charts.error"))
        spent = self.context.ground(card.id, kinds[0][0].name) == "spend"
        identifier = f"{anchor(card.id)}-trend-{unit}" + ("-spend" if spent else "")
        spec = charts.trend(
            series,
            percent=unit == "share",
            broken={
                str(year): SECRET if year in secret else self.labels("charts.break_label")
                for year in sorted({*broken, *secret})
            },
            targets=self.target_lines(card, unit, scope),
            accent=self.accent,
            separators=self.separators,
        )
        leads = unit == "share" and kinds[0] == kinds_of(card)[0]
        named = len(series) == 1 and not leads
        what = f"{title} ({lower_first(series[0].label)})" if named else title
        caption = self.labels.html("tables.trend", title=what, scope=perimeter)
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
            return charts.Point(name, None, None, None, self.reason(result), is_secret(result))
        text = self.context.value(result.unit, value)
        if result.low is not None and result.high is not None and result.low != result.high:
            low, high = (self.context.value(result.unit, v) for v in (result.low, result.high))
            text = f"{text} ({self.labels('interval.range', low=low, high=high)})"
        return charts.Point(name, value, result.low, result.high, text)

    def year_value(self, result: Result) -> Markup:
        """`31,0 % en 2025`."""
        value = self.context.figure(result, "value")
        if is_secret(result):
            return self.labels.html("charts.trend_secret", year=result.year)
        if result.status != "computed" or value is None:
            return self.labels.html("charts.trend_none", year=result.year)
        low, high = (self.context.figure(result, part) for part in ("low", "high"))
        if result.unit == "share" and None not in (low, high) and self._is_open(result):
            words = {"value": value, "year": result.year, "low": low, "high": high}
            return self.labels.html("charts.trend_open", **words)
        return self.labels.html("charts.trend_value", value=value, year=result.year)

    def _is_open(self, result: Result) -> bool:
        """Whether more is unknown than known: the share alone would mislead."""
        return (result.unknown or 0) > (result.denominator or 0)

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

    def breakdown_views(self, card: IndicatorCard, title: str, group: str) -> list[ChartView]:
        """The members of a dimension: a chart for the card's first result and its counterpart.

        About people and operations each method and unit has its own: people, then hours.
        """
        method, first = kinds_of(card)[0]
        if self.context.ground(card.id, method.name) in {"contracts", "spend"}:
            kinds = [
                kind
                for kind in method.results
                if kind == first or (first.unit, kind.unit) == ("share", "share")
            ]
            view = self.breakdown(card, title, group, method, kinds, "")
            return [] if view is None else [view]
        units: dict[tuple[str, str], tuple[Method, list[ResultKind]]] = {}
        for method, kind in kinds_of(card):
            units.setdefault((method.name, kind.unit), (method, []))[1].append(kind)
        views = (
            self.breakdown(card, title, group, method, kinds, "-".join(key) if place else "")
            for place, (key, (method, kinds)) in enumerate(units.items())
        )
        return [view for view in views if view is not None]

    def breakdown(
        self,
        card: IndicatorCard,
        title: str,
        group: str,
        method: Method,
        kinds: Sequence[ResultKind],
        suffix: str,
    ) -> ChartView | None:
        """The members of a dimension for some results of a method; None below two members."""
        first = kinds[0]
        scope = main_scope(self.context.scopes(card, method))
        leading = self.figures.breakdown(card, method.name, first, scope, group, self.context.year)
        # Where no member is computed, the figure itself has said why.
        if len(leading) < 2 or all(result.status == "not_computable" for result in leading):
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
                (r for r in results if member_of(r, group) in order),
                key=lambda r: order[member_of(r, group)],
            )
            label = self.context.result_label(card, method, kind.measure, kind.unit)
            for result in results:
                head = self.context.member(group, member_of(result, group))
                rows.append(
                    (place, order[member_of(result, group)], self.row(card, method, result, head))
                )
            shown = [r for r in results if order[member_of(r, group)] < CHART_BARS]
            points = tuple(
                self.point(r, self.context.member(group, member_of(r, group))) for r in shown
            )
            series.append(charts.Series(label, points))
            alternatives.append(self.breakdown_alternative(label, results, group))
        rows = sorted(rows, key=lambda item: item[:2])
        kept = [row for _, place, row in rows if place < TABLE_ROWS]
        by = self.context.dimension(group, "by")
        if suffix:
            title = f"{title} ({lower_first(series[0].label)})"
        caption = self.labels.html(
            "tables.breakdown",
            title=title,
            by=by,
            scope=self.perimeter(leading[0]),
            year=self.context.year,
        )
        limited = len(order) > CHART_BARS
        notes = (self.labels("charts.limited", shown=CHART_BARS),) if limited else ()
        return ChartView(
            "-".join((anchor(card.id), anchor(group), *([suffix] if suffix else []))),
            tuple(alternatives),
            notes,
            FigureTable(
                caption,
                self.context.dimension(group),
                tuple(kept),
                max(0, len(order) - TABLE_ROWS),
            ),
            charts.bars(
                series,
                percent=first.unit == "share",
                accent=self.accent,
                separators=self.separators,
            ),
            " – ".join((self.context.dimension(group), *([series[0].label] if suffix else []))),
        )

    def _member_order(self, results: list[Result], group: str) -> dict[str, int]:
        """Bands and types keep their own order, others go by size; the unknown comes last."""
        if group in _ORDERED:
            ordered = sorted(results, key=lambda r: (r.member == "unknown", r.member))
        else:
            ordered = sorted(
                results,
                key=lambda r: (
                    r.member == "unknown",
                    -(r.denominator or Decimal(0)) - (r.unknown or Decimal(0)),
                    member_of(r, group),
                ),
            )
        return {member_of(result, group): place for place, result in enumerate(ordered)}

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
        member = self.context.member(group, member_of(result, group))
        value = self.context.figure(result, "value")
        if is_secret(result):
            return self.labels.html("charts.member_secret", member=member)
        if result.status != "computed" or value is None:
            return self.labels.html("charts.member_none", member=member)
        return self.labels.html("charts.member_value", member=member, value=value)
