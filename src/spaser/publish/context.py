"""What every part of the report shares: texts, formats, names of members and scopes, figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from spaser.cards import Catalogue, IndicatorCard, Method
from spaser.publish.formats import Formats
from spaser.publish.labels import Labels, typography
from spaser.publish.marks import Figure
from spaser.publish.reading import Result, Verdict

SCOPES = ("floor", "all", "floor_no_maxima", "all_no_maxima")
WHOLE = "*"


@dataclass(frozen=True)
class Context:
    """The report of one year in one language."""

    catalogue: Catalogue
    labels: Labels
    formats: Formats
    year: int
    as_of: dt.date
    floor_eur: Decimal
    buyer_names: Mapping[str, str]
    member_names: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """`fr` or `en`."""
        return self.labels.language

    @property
    def floor(self) -> str:
        """`40 000 €`."""
        return self.formats.whole_money(self.floor_eur)

    def text(self, french: str | None, english: str | None) -> str:
        """A text given in two languages."""
        chosen = english if self.language == "en" else french
        return typography(chosen or "", self.language)

    def card_text(self, text: object) -> str:
        """A `Text` of a card."""
        return typography(getattr(text, self.language), self.language)

    def scope(self, scope: str, family: str = "scopes") -> str:
        """`40 000 € HT et plus`."""
        key = f"{family}.{scope}"
        if key not in self.labels.texts:
            return scope
        return self.labels(key, floor=self.floor)

    def buyer(self, buyer_id: str) -> str:
        """A buyer's name, else its SIRET."""
        if buyer_id == WHOLE:
            return self.labels("members.whole")
        return self.buyer_names.get(buyer_id, buyer_id)

    def member(self, dimension: str, member: str) -> str:
        """The name of a member of a dimension, else its code."""
        if dimension == "buyer":
            return self.buyer(member)
        if member == "unknown":
            return self.labels("members.unknown")
        named = self.member_names.get((dimension, member))
        return named or self.labels.code(f"members.{dimension}", member)

    def result_label(self, card: IndicatorCard, method: Method, measure: str, unit: str) -> str:
        """`Part en nombre`; a method with labels of its own says more than its unit."""
        general = self.labels.code("results", f"{unit}.{measure}")
        unknown_pair = general == f"{unit}.{measure}"
        if method.labels is None:
            return self.labels.code("units", unit) if unknown_pair else general
        own = self.card_text(method.labels)
        several = len({(r.measure, r.unit) for r in method.results}) > 1
        return f"{own} – {general[0].lower()}{general[1:]}" if several and not unknown_pair else own

    def amount(self, measure: str, value: Decimal) -> str:
        """A numerator, denominator or unknown, in the unit of the measure."""
        return self.formats.money(value) if measure == "value" else self.formats.trimmed(value)

    def value(self, unit: str, value: Decimal) -> str:
        """The value of a result in its unit."""
        if unit == "share":
            return self.formats.percent(value)
        return self.formats.money(value) if unit == "eur" else self.formats.trimmed(value)

    def figure(self, result: Result, part: str, *, compact: bool = False) -> Figure | None:
        """A part of a result as a marked figure; null stays null."""
        raw: Decimal | None = getattr(result, part)
        if raw is None:
            return None
        if part in {"value", "low", "high"}:
            compact_money = compact and result.unit == "eur"
            text = (
                self.formats.compact_money(raw) if compact_money else self.value(result.unit, raw)
            )
        elif part == "excluded":
            text = self.formats.trimmed(raw)
        elif compact and result.measure == "value":
            text = self.formats.compact_money(raw)
        else:
            text = self.amount(result.measure, raw)
        return Figure(
            result.code,
            result.method,
            result.scope,
            result.measure,
            result.unit,
            result.buyer_id,
            result.year,
            result.dimension,
            result.member,
            part,
            raw,
            text,
        )

    def verdict_figure(self, verdict: Verdict, part: str) -> Figure | None:
        """A part of the result a verdict reads."""
        raw: Decimal | None = getattr(verdict, part)
        if raw is None:
            return None
        year = verdict.year
        if part == "baseline_value":
            part, year = "value", verdict.baseline_year or verdict.year
        return Figure(
            verdict.code,
            verdict.method,
            verdict.scope,
            verdict.measure,
            verdict.unit,
            verdict.buyer_id,
            year,
            WHOLE,
            WHOLE,
            part,
            raw,
            self.value(verdict.unit, raw),
        )


def member_names(catalogue: Catalogue, language: str) -> dict[tuple[str, str], str]:
    """Names of the members that the reference tables know."""
    label = f"label_{language}"
    fields = {"contract_type": "contract_type", "procedure": "procedure_code"}
    names = {
        (fields[row["field"]], row["code"]): typography(row[label], language)
        for row in catalogue.reference("code_lists")
        if row["field"] in fields
    }
    bands = {
        ("amount_band", row["code"]): typography(row[label], language)
        for row in catalogue.reference("amount_bands")
    }
    return names | bands
