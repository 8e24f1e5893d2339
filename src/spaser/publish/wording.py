"""A result in words: a line of a table, a sentence, a reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from markupsafe import Markup

from spaser.cards import IndicatorCard, Method
from spaser.cards import Result as ResultKind
from spaser.publish.context import WHOLE, Context
from spaser.publish.marks import Figure
from spaser.publish.model import Figures, Row, anchor, kinds_of
from spaser.publish.reading import Cell, Result, Verdict

MAIN = "floor"
"""The scope of the sentences and the charts, where there is one."""


def main_scope(scopes: Sequence[str]) -> str:
    """The scope that a result is told in."""
    return MAIN if MAIN in scopes else scopes[0]


def lower_first(text: str) -> str:
    """The text inside a sentence: `Part en nombre` → `part en nombre`; sigles stay."""
    return text if text[1:2].isupper() else f"{text[:1].lower()}{text[1:]}"


def is_secret(result: Result) -> bool:
    """Whether a figure is under statistical secrecy: it is printed `s`, never zero nor blank."""
    return result.status == "suppressed"


class Wording:
    """Words the results of one report."""

    cells: Mapping[str, Sequence[Cell]] = MappingProxyType({})
    """The published aggregates on people behind each indicator."""

    def __init__(self, context: Context, figures: Figures, *, openable: bool) -> None:
        self.context = context
        self.labels = context.labels
        self.figures = figures
        self.openable = openable

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
            None if is_secret(result) else figure(result, "excluded"),
            self.lines(result, f"{self.context.card_text(card.labels)}, {label}, {head}"),
            self.link(card, result),
            is_secret(result),
        )

    def link(self, card: IndicatorCard, result: Result) -> tuple[str, str] | None:
        """Where a figure opens that is not made of contracts: its address, and what it is called.

        The lines of persons stay with the facilitator: a figure about people opens on the published
        aggregates it is computed from.
        """
        if result.year != self.context.year:
            return None
        ground = self.context.ground(result.code, result.method)
        if ground == "people" and card.id in self.cells:
            return f"#{anchor(card.id)}-agregats", self.labels("people.open")
        if ground == "operations" and self.context.operations_page is not None:
            return self.context.operations_page, self.labels("people.open_operations")
        return None

    def perimeter(self, result: Result) -> str:
        """The scope of a result as a caption says it, after other words."""
        scope = self.context.scope_of(result)
        ground = self.context.ground(result.code, result.method)
        return lower_first(scope) if ground in {"people", "operations"} else scope

    def lines(self, result: Result | Verdict, what: str) -> dict[str, str] | None:
        """What the button that opens the contract lines carries; only this year's are embedded."""
        if not self.openable or result.year != self.context.year:
            return None
        if not self.context.counts_contracts(result.code, result.method):
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
        if is_secret(result):
            return self.labels("secret.words")
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
        method, kind = kinds_of(card)[0]
        scope = main_scope(self.context.scopes(card, method))
        result = self.figures.get(card, method.name, kind, scope, self.context.year)
        if result is None:
            return ()
        value = self.context.figure(result, "value", compact=True)
        if is_secret(result):
            return (self.labels.html("finding.suppressed", year=result.year),)
        if result.status != "computed" or value is None:
            why = self.why(result) or "—"
            return (self.labels.html("finding.not_computable", year=result.year, reason=why),)
        share = kind.unit == "share"
        counted = share and kind.measure == "count"
        ground = self.context.ground(card.id, method.name)
        if ground in {"people", "operations"}:
            return self.hour_sentences(card, method, kind, result, value)
        family = (
            "finding.scope" if counted or (share and ground == "spend") else "finding.perimeter"
        )
        words = {
            "value": value,
            "year": result.year,
            "unit_scope": self.context.scope_of(result, family),
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

    def hour_sentences(
        self, card: IndicatorCard, method: Method, kind: ResultKind, result: Result, value: Figure
    ) -> tuple[Markup, ...]:
        """The finding about hours, people or operations: what it is, its value, the year before."""
        label = self.context.card_text(card.labels)
        if len(method.results) > 1 or (method.labels and len(kinds_of(card)) > 1):
            name = self.context.result_label(card, method, kind.measure, kind.unit)
            label = f"{label}, {lower_first(name)}"
        parts = [self.context.figure(result, part) for part in ("numerator", "denominator")]
        share = kind.unit == "share" and None not in parts
        words = {"label": label, "value": value, "year": result.year}
        words |= {"numerator": parts[0], "denominator": parts[1]} if share else {}
        first = self.labels.html(f"finding.hours_{'share' if share else 'number'}", **words)
        scope = main_scope(self.context.scopes(card, method))
        previous = self.previous_sentence(card, method, kind, scope)
        return (first, *(s for s in (self.unknown_sentence(result), previous) if s is not None))

    def unknown_sentence(self, result: Result) -> Markup | None:
        """What unknowns leave open; nothing where there are none."""
        unknown = self.context.figure(result, "unknown")
        if unknown is None or unknown.raw == 0:
            return None
        low, high = self.context.figure(result, "low"), self.context.figure(result, "high")
        number = int(unknown.raw)
        if low is None or high is None:
            ground = self.context.ground(result.code, result.method)
            family = "unknown_operations" if ground == "operations" else "unknown_only"
            return self.labels.plural(f"finding.{family}", number, unknown=unknown)
        words = {"unknown": unknown, "low": low, "high": high}
        if result.measure != "count":
            family = "unknown_share_value" if result.unit == "share" else "unknown_value"
            return self.labels.html(f"finding.{family}", **words)
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
        if is_secret(previous):
            return self.labels.html("finding.previous_secret", year=previous.year)
        if previous.status != "computed" or value is None:
            return self.labels.html("finding.previous_none", year=previous.year)
        return self.labels.html("finding.previous", year=previous.year, value=value)
