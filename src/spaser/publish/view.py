"""The view model: everything the template prints, worded, formatted and in order.

The template does no arithmetic; what it prints of a result is a `Figure`.
"""

from __future__ import annotations

from functools import cached_property

from markupsafe import Markup

from spaser.cards import IndicatorCard, Method
from spaser.cards import Result as ResultKind
from spaser.publish.chart_views import ChartBuilder
from spaser.publish.context import REGISTER
from spaser.publish.model import (
    FigureTable,
    IndicatorView,
    KeyFigure,
    MethodCard,
    anchor,
    band,
    kinds_of,
)
from spaser.publish.reading import DIMENSIONS

HEADLINES = ("SOC-01", "ENV-01", "SOC-05", "ECO-09", "ECO-08", "GOV-05")
"""Indicators of the key figures, in order; those the catalogue lacks are left out."""

AXES = ("general", "social", "environment", "economy", "ethics", "governance")


class Builder(ChartBuilder):
    """Builds the indicators of one report."""

    @cached_property
    def codes(self) -> set[str]:
        """Indicators that have results."""
        return {result.code for result in self.figures.all}

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
        for method, kind in kinds_of(card):
            for scope in self.context.scopes(card, method):
                result = self.figures.get(card, method.name, kind, scope, self.context.year)
                if result is not None:
                    rows.append(self.row(card, method, result, self.context.scope_of(result)))
        caption = self.labels.html("tables.figures", title=title, year=self.context.year)
        return FigureTable(caption, self.labels("parts.scope"), tuple(rows))

    def method_card(self, card: IndicatorCard) -> MethodCard:
        """Unit, floor, perimeter, numerator, denominator, unknown, excluded, version, sources."""
        text, labels = self.context.card_text, self.labels
        kinds = dict.fromkeys(method.kind for method in card.methods)
        units = dict.fromkeys(labels.code("units", kind.unit) for _, kind in kinds_of(card))
        entries: list[tuple[str, tuple[str, ...]]] = [
            (labels("method.counts"), (text(card.counts),)),
            (labels("method.kinds"), tuple(labels.code("method.kind", kind) for kind in kinds)),
            (labels("method.unit"), (*self.unit_texts(card), ", ".join(units))),
            *self.bounds(card),
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

    def unit_texts(self, card: IndicatorCard) -> list[str]:
        """What the methods of a card count: contracts, lines of spending, or both."""
        tables = [table == REGISTER for table in card.fact_tables]
        return [
            self.labels(f"method.{name}")
            for name, present in (
                ("unit_text", any(tables)),
                ("spend_text", not all(tables)),
            )
            if present
        ]

    def bounds(self, card: IndicatorCard) -> list[tuple[str, tuple[str, ...]]]:
        """Perimeter, and what numerator, denominator and the rest are; spending has no floor."""
        labels = self.labels
        perimeter = (
            labels("method.perimeter"),
            (self.context.card_text(card.population_text),),
        )
        parts = ("numerator", "denominator", "unknown", "excluded", "interval", "maxima")
        if REGISTER not in card.fact_tables:
            return [
                perimeter,
                *(
                    (labels(f"method.{part}"), (labels(f"method.{part}_spend"),))
                    for part in parts[:4]
                ),
                (labels("method.interval"), (labels("method.interval_text"),)),
            ]
        return [
            (labels("method.floor"), (labels("method.floor_text", floor=self.context.floor),)),
            perimeter,
            *((labels(f"method.{part}"), (labels(f"method.{part}_text"),)) for part in parts),
        ]

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
            else band(result.unit, result.value, result.low, result.high, None),
        )


def _headline(card: IndicatorCard) -> tuple[Method, ResultKind]:
    """The share in number where the card has one, else its first result."""
    kinds = kinds_of(card)
    return next(
        (pair for pair in kinds if (pair[1].unit, pair[1].measure) == ("share", "count")), kinds[0]
    )
