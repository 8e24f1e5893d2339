"""The view model: everything the template prints, worded, formatted and in order.

The template does no arithmetic; what it prints of a result is a `Figure`.
"""

from __future__ import annotations

from functools import cached_property

from markupsafe import Markup

from spaser.cards import IndicatorCard, Method
from spaser.cards import Result as ResultKind
from spaser.publish.chart_views import ChartBuilder
from spaser.publish.context import WHOLE
from spaser.publish.model import (
    Aggregate,
    FigureTable,
    IndicatorView,
    KeyFigure,
    MethodCard,
    anchor,
    band,
    kinds_of,
)
from spaser.publish.reading import DIMENSIONS, Result
from spaser.publish.wording import is_secret, main_scope

HEADLINES = ("SOC-01", "ENV-01", "SOC-05", "SOC-12", "ECO-09", "ECO-08", "GOV-05")
"""Indicators of the key figures, in order; those the catalogue lacks are left out."""

CLAUSE_HEADLINES = ("SOC-11", "SOC-12", "SOC-13", "SOC-14", "SOC-15", "SOC-16", "SOC-17")
"""Indicators of the section on insertion clauses, in order."""

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
        own = [name for method in card.methods for name in card.dimensions_of(method)]
        about_hours = self.context.ground(card.id, card.methods[0].name) in {"people", "operations"}
        # A distribution leads with what it distributes, other indicators with the buyers.
        leads = own[0] if card.about == "people" and card.direction == "none" and own else "buyer"
        breakdowns = [
            view
            for group in dict.fromkeys((leads, "buyer", *DIMENSIONS, *own))
            for view in self.breakdown_views(card, title, group)
        ]
        has_lead = bool(breakdowns) and breakdowns[0].id == f"{anchor(card.id)}-{anchor(leads)}"
        return IndicatorView(
            card.id,
            anchor(card.id),
            title,
            self.sentences(card),
            self.scope_table(card, title),
            self.trends(card, title),
            breakdowns[0] if has_lead else None,
            tuple(breakdowns[1:] if has_lead else breakdowns),
            self.method_card(card),
            self.aggregates(card),
            self.context.card_text(card.counts) if about_hours else "",
        )

    def aggregates(self, card: IndicatorCard) -> tuple[Aggregate, ...]:
        """The published aggregates that figures about people open on; a hidden one has no weight.

        Those of the whole scheme: the file of evidence has those of each buyer as well.
        """
        return tuple(
            Aggregate(
                self._method_name(card, cell.method),
                self._cell(cell.unit_id),
                self.labels.code("roles", cell.role),
                None if cell.weight is None else self.context.amount(cell.measure, cell.weight),
            )
            for cell in self.cells.get(card.id, ())
        )

    def _method_name(self, card: IndicatorCard, name: str) -> str:
        found = self.context.method(card.id, name)
        named = None if found is None else found[1].labels
        return self.context.card_text(card.labels if named is None else named)

    def _cell(self, unit_id: str) -> str:
        """`Sexe : Femme` from `sex=female`."""
        axis, _, member = unit_id.partition("=")
        if axis == WHOLE:
            return self.labels("people.everyone")
        # The member `*` is all the other known ones.
        names = [
            self.labels("people.others") if name == WHOLE else self.context.member(part, name)
            for part, name in zip(axis.split("+"), member.split("+", axis.count("+")), strict=True)
        ]
        return self.labels(
            "people.cell", axis=self.context.dimension(axis), member=", ".join(names)
        )

    def scope_table(self, card: IndicatorCard, title: str) -> FigureTable:
        """Every result of the year for the whole scheme, by scope."""
        rows = []
        for method, kind in kinds_of(card):
            for scope in self.context.scopes(card, method):
                result = self.figures.get(card, method.name, kind, scope, self.context.year)
                if result is not None:
                    rows.append(self.row(card, method, result, self.context.scope_of(result)))
        grounds = {self.context.ground(card.id, method.name) for method in card.methods}
        family = "figures" if "contracts" in grounds else "figures_only"
        caption = self.labels.html(f"tables.{family}", title=title, year=self.context.year)
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
        """What the methods of a card count: contracts, lines of spending, operations, people."""
        names = {"contracts": "unit_text"}
        grounds = dict.fromkeys(self.context.ground(card.id, m.name) for m in card.methods)
        return [self.labels(f"method.{names.get(ground, f'{ground}_text')}") for ground in grounds]

    def bounds(self, card: IndicatorCard) -> list[tuple[str, tuple[str, ...]]]:
        """Perimeter, and what numerator, denominator and the rest are; spending has no floor."""
        labels = self.labels
        perimeter = (
            labels("method.perimeter"),
            (self.context.card_text(card.population_text),),
        )
        parts = ("numerator", "denominator", "unknown", "excluded", "interval", "maxima")
        grounds = {self.context.ground(card.id, method.name) for method in card.methods}
        if "contracts" not in grounds:
            ground = min(grounds)
            secret = [(labels("secret.title"), (labels("secret.note"),))]
            return [
                perimeter,
                *(
                    (labels(f"method.{part}"), (labels(f"method.{part}_{ground}"),))
                    for part in parts[:4]
                    if f"method.{part}_{ground}" in labels.texts
                ),
                *(secret if ground == "people" else []),
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

    def clause_figures(self) -> list[KeyFigure]:
        """The cards of the section on insertion clauses."""
        cards = self.context.catalogue.indicators
        return [
            self.key_figure(cards[code])
            for code in CLAUSE_HEADLINES
            if code in cards and self._known(cards[code])
        ]

    def key_figure(self, card: IndicatorCard) -> KeyFigure:
        """The share in number, the share in value, the interval, a sentence."""
        method, kind = _headline(card)
        scope = main_scope(self.context.scopes(card, method))
        result = self.figures.get(card, method.name, kind, scope, self.context.year)
        value = None
        reason = self.labels("status.not_computable")
        beside, sentence = Markup(""), []
        if result is not None:
            value = self.context.figure(result, "value") if result.status == "computed" else None
            reason = self.reason(result)
            if value is not None:
                sentence += self.total_sentence(card, method, kind, result)
                beside = self.value_sentence(card, method, scope) or Markup("")
                unknown = self.unknown_sentence(result)
                if unknown is not None:
                    sentence.append(unknown)
                previous = self.previous_sentence(card, method, kind, scope)
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
            result is not None and is_secret(result),
        )

    def total_sentence(
        self, card: IndicatorCard, method: Method, kind: ResultKind, result: Result
    ) -> list[Markup]:
        """What a headline is of: `12 marchés sur 40 dont l'information est connue`."""
        ground = self.context.ground(card.id, method.name)
        words = {part: self.context.figure(result, part) for part in ("numerator", "denominator")}
        share = kind.unit == "share"
        if ground in {"contracts", "spend"}:
            return [self.labels.html(f"card.of_total.{'share' if share else 'number'}", **words)]
        # A total of hours is no part of anything: its value has said it all.
        return [self.labels.html("card.of_total.number", **words)] if share else []


def _headline(card: IndicatorCard) -> tuple[Method, ResultKind]:
    """The share in number where the card has one, else its first result."""
    kinds = kinds_of(card)
    return next(
        (pair for pair in kinds if (pair[1].unit, pair[1].measure) == ("share", "count")), kinds[0]
    )
