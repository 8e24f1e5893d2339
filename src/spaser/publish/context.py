"""What every part of the report shares: texts, formats, names of members and scopes, figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from spaser.cards import PEOPLE_FEEDS, Catalogue, Feeds, IndicatorCard, Method, RegisterField
from spaser.publish.formats import Formats
from spaser.publish.labels import Labels, typography
from spaser.publish.marks import Figure
from spaser.publish.reading import Result, Verdict

SCOPES = ("floor", "all", "floor_no_maxima", "all_no_maxima")
WHOLE = "*"
REGISTER = "facts.contracts"
"""The fact table whose units are contracts; the floor and the maxima are its own."""

Ground = Literal["contracts", "spend", "operations", "people"]
"""What the units of a result are: each has its words for numerator, perimeter and the rest."""

_GROUNDS: Mapping[str, Ground] = {REGISTER: "contracts", "facts.operations": "operations"}

SECRET = "s"
"""What is printed in the place of a figure under statistical secrecy; the note is in the labels."""

FEEDS: tuple[Feeds, ...] = (
    "register",
    "spend",
    "suppliers",
    "establishments",
    "commitments",
    "invoiced",
    "clause_events",
    *PEOPLE_FEEDS,
)

_LISTS = {
    "criterion": "criteria",
    "exit_6_months": "exit_status_6_months",
    "exit_12_months": "exit_status_12_months",
}
"""The code list of an axis, where it has not the axis' name."""


@dataclass(frozen=True)
class Context:
    """The report of one year in one language.

    `operations_page`: where the pages of the operations are, from the report; None without any.
    """

    catalogue: Catalogue
    labels: Labels
    formats: Formats
    year: int
    as_of: dt.date
    floor_eur: Decimal
    buyer_names: Mapping[str, str]
    member_names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    operations_page: str | None = None

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

    def method(self, code: str, name: str) -> tuple[IndicatorCard, Method] | None:
        """The card and the method of a result; None where the catalogue has them no more."""
        card = self.catalogue.indicators.get(code)
        methods = [] if card is None else [one for one in card.methods if one.name == name]
        return (card, methods[0]) if card is not None and methods else None

    def ground(self, code: str, name: str) -> Ground:
        """What the units of a result are."""
        found = self.method(code, name)
        if found is None:
            return "contracts"
        card, method = found
        return "people" if about_people(card) else _GROUNDS.get(card.table_of(method), "spend")

    def counts_contracts(self, code: str, name: str) -> bool:
        """Whether the units of a result are contracts, and not lines of spending or people."""
        return self.ground(code, name) == "contracts"

    def scopes(self, card: IndicatorCard, method: Method) -> tuple[str, ...]:
        """The scopes that differ: the floor and the maxima do not bound spending."""
        return SCOPES if self.counts_contracts(card.id, method.name) else ("all",)

    def scope_of(self, result: Result | Verdict, family: str = "scopes") -> str:
        """The scope of a result: `40 000 € HT et plus`, or spending."""
        if self.counts_contracts(result.code, result.method):
            return self.scope(result.scope, family)
        return self.labels(f"{family}.{self.ground(result.code, result.method)}")

    def kind_name(self, code: str, method: str, unit: str, measure: str) -> str:
        """What a result is: `Part en nombre`, `Part des dépenses`."""
        ground = self.ground(code, method)
        family = "results" if ground == "contracts" else f"{ground}_results"
        return self.labels.code(family, f"{unit}.{measure}")

    def buyer(self, buyer_id: str) -> str:
        """A buyer's name, else its SIRET."""
        if buyer_id == WHOLE:
            return self.labels("members.whole")
        return self.buyer_names.get(buyer_id, buyer_id)

    def field(self, name: str | None) -> str:
        """The name of a field, or of the column of a contract that it fills; else its code."""
        found = None if name is None else _fields(self.catalogue).get(name)
        if found is not None:
            return self.text(found.label_fr, found.label_en)
        return "—" if name is None else self.labels.code("fields", name)

    def code(self, field: str, code: str) -> str:
        """The name of a code of a list, else the text as it is."""
        found = _codes(self.catalogue).get((field, code))
        return code if found is None else typography(found[f"label_{self.language}"], self.language)

    def member(self, dimension: str, member: str) -> str:
        """The name of a member of a dimension, or of a crossing (`a+b`), else its code."""
        if dimension == "buyer":
            return self.buyer(member)
        if "+" in dimension:
            axis, rest = dimension.split("+", 1)
            first, _, others = member.partition("+")
            return f"{self.member(axis, first)}, {self.member(rest, others)}"
        if member == "unknown":
            return self.labels("members.unknown")
        named = self.member_names.get((dimension, member))
        listed = self.code(_LISTS.get(dimension, dimension), member)
        return named or self.labels.code(f"members.{dimension}", listed)

    def dimension(self, dimension: str, family: str = "dimensions") -> str:
        """`Acheteur`, or with the family `by`, `par acheteur`; a crossing names both."""
        join = {"by": " "}.get(family, " × ")
        return join.join(self.labels.code(family, axis) for axis in dimension.split("+"))

    def result_label(self, card: IndicatorCard, method: Method, measure: str, unit: str) -> str:
        """`Part en nombre`; a method with labels of its own says more than its unit."""
        general = self.kind_name(card.id, method.name, unit, measure)
        unknown_pair = general == f"{unit}.{measure}"
        if method.labels is None:
            return self.labels.code("units", unit) if unknown_pair else general
        own = self.card_text(method.labels)
        several = len({(r.measure, r.unit) for r in method.results}) > 1
        return f"{own} – {general[0].lower()}{general[1:]}" if several and not unknown_pair else own

    def amount(self, measure: str, value: Decimal) -> str:
        """A numerator, denominator or unknown, in the unit of the measure."""
        return self.value({"value": "eur", "pending_hours": "hours"}.get(measure, measure), value)

    def value(self, unit: str, value: Decimal) -> str:
        """The value of a result in its unit."""
        formats = {
            "share": self.formats.percent,
            "eur": self.formats.money,
            "hours": self.formats.hours,
            "fte": self.formats.full_time,
        }
        return formats.get(unit, self.formats.trimmed)(value)

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
        elif part == "excluded" or (part == "unknown" and self.is_rate(result)):
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

    def is_rate(self, result: Result) -> bool:
        """Whether a result is a rate: its unknown units have no hours, they are counted."""
        found = self.method(result.code, result.method)
        return found is not None and found[1].kind == "rate"

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


def about_people(card: IndicatorCard) -> bool:
    """Whether an indicator is computed from published aggregates on people, never from lines."""
    return card.about == "people"


@lru_cache(maxsize=4)
def _fields(catalogue: Catalogue) -> dict[str, RegisterField]:
    """Fields by name, then by the column they fill; those of the registers come first."""
    found: dict[str, RegisterField] = {}
    references = catalogue.assets / "references"
    lists = [
        list(catalogue.fields_of(feeds).values())
        for feeds in FEEDS
        if (references / f"{feeds}_fields.csv").is_file()
    ]
    for fields in lists:
        for item in fields:
            found.setdefault(item.field, item)
    for fields in lists:
        for item in fields:
            if item.contract_column:
                found.setdefault(item.contract_column, item)
    return found


@lru_cache(maxsize=4)
def _codes(catalogue: Catalogue) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["field"], row["code"]): row for row in catalogue.reference("code_lists")}


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
