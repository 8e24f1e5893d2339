"""Indicators about people: published aggregates → results and evidence.

They are computed from `indicators.figures` alone, where figures are null under statistical secrecy:
a result that needs a hidden figure is `suppressed`, and nothing here ever sees a person, nor what
is hidden. A figure that no table holds is zero where its buyer has figures that year.

The evidence of a result is the figures it is computed from, `axis=member` (`sex=female`,
`left_6_months+exit_6_months=yes+sustainable`; the member `*` is all the other known ones), so that
numerator = Σ numerator, denominator = numerator + Σ denominator_only, unknown = Σ unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa

from spaser.cards import PEOPLE_TABLE, Catalogue, IndicatorCard, Method
from spaser.errors import InputError
from spaser.indicators.compiled import ALL, UNKNOWN_MEMBER
from spaser.warehouse import Connection, Tables

SECRET_FR = (
    "s : secret statistique. Chiffre masqué pour protéger des personnes ou des entreprises, ou "
    "parce qu'il permettrait de déduire un chiffre masqué."
)
SECRET_EN = (
    "s: statistical secrecy. Figure hidden to protect people or companies, or because a hidden "
    "figure could be derived from it."
)
SECRET = "secret"
"""Why a piece of evidence has no weight."""

NOTHING_FR = "aucune heure d'insertion dans les relevés fournis pour cette année"
NOTHING_EN = "no insertion hour in the logs given for that year"
NOBODY_FR = "aucune personne ni heure dont l'information soit connue"
NOBODY_EN = "no person nor hour whose information is known"

EXHAUSTIVE = ("sex", "age_band", "qpv", "criterion", "training_level")
"""Axes on which a person has one member, as on exits: shares of people add up on no other."""

MEASURES = ("people", "hours", "work_contracts", "contracts", "pending_hours")

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_SIX, _CENT = Decimal("0.000001"), Decimal("0.01")
_ZERO = Decimal(0)

Place = tuple[tuple[str, str], ...]
"""Axes and members that a figure crosses; none: everybody."""


# --- cards ----------------------------------------------------------------------------------------


def check_card(catalogue: Catalogue, card: IndicatorCard) -> None:
    """Refuse a card about people that asks for what the figures have not.

    Raises:
        InputError: an axis, a measure or a divisor that does not exist, or a share of people along
            an axis on which one person has several members.
    """
    for method in card.methods:
        for dimension in (None, *card.dimensions_of(method)):
            place = _place(method, dimension, "")
            for name in (_axis(place), _axis((*place, *_own(method)))):
                _must_be(card, name, ("axe", "axis"), axes(catalogue))
        for result in method.results:
            _must_be(card, result.measure, ("mesure", "measure"), MEASURES)
            adds_up = method.axis in EXHAUSTIVE or str(method.axis).startswith("exit_")
            if method.kind != "total" and result.measure != "hours" and not adds_up:
                allowed = (*EXHAUSTIVE, "exit_6_months", "exit_12_months")
                _must_be(card, str(method.axis), ("axe de personnes", "axis of people"), allowed)
        if method.divisor is not None:
            items = [row["item"] for row in _divisors(catalogue)]
            _must_be(card, method.divisor, ("diviseur", "divisor"), items)


def axes(catalogue: Catalogue) -> tuple[str, ...]:
    """The axes and crossings that figures about people have."""
    return catalogue.tables["facts/people_figures"].columns["axis"].codes


def _must_be(card: IndicatorCard, given: str, what: tuple[str, str], known: Sequence[str]) -> None:
    if given not in known:
        listed = ", ".join(known)
        raise InputError(
            f"assets/{card.key}.yml : {what[0]} inconnu(e) « {given} » (il existe : {listed}). "
            "Corrigez la carte.",
            f"assets/{card.key}.yml: unknown {what[1]} “{given}” (there are: {listed}). "
            "Correct the card.",
        )


def divisor_on(catalogue: Catalogue, item: str, day: date) -> Decimal:
    """Hours of a full-time equivalent on a day (`insertion_settings.csv`).

    Raises:
        InputError: no value is in force on that day.
    """
    for row in _divisors(catalogue):
        first, last = row["valid_from"] or str(date.min), row["valid_to"] or str(date.max)
        if row["item"] == item and first <= str(day) <= last:
            return Decimal(row["value"])
    raise InputError(
        f"insertion_settings.csv : pas de diviseur « {item} » au {day:%d/%m/%Y}. Ajoutez-le.",
        f"insertion_settings.csv: no divisor “{item}” on {day.isoformat()}. Add it.",
    )


def _divisors(catalogue: Catalogue) -> list[dict[str, str]]:
    rows = catalogue.reference("insertion_settings")
    return [row for row in rows if row["key"] == "fte_divisor"]


def _own(method: Method) -> Place:
    return () if method.axis is None else ((method.axis, ""),)


def _place(method: Method, dimension: str | None, member: str) -> Place:
    return method.place if dimension is None else (*method.place, (dimension, member))


def _axis(place: Place) -> str:
    return "+".join(axis for axis, _ in place) or ALL


# --- figures --------------------------------------------------------------------------------------


class Figures:
    """The published figures of one year."""

    def __init__(self, rows: Iterable[tuple[str, str, str, str, Decimal | None]]) -> None:
        """From (buyer_id, axis, member, measure, value), a value null under secrecy."""
        self.values = {tuple(row[:4]): row[4] for row in rows}
        self.buyers = {buyer for buyer, axis, *_ in self.values if axis == ALL}
        members: dict[tuple[str, str], dict[str, None]] = {}
        for buyer, axis, member, _ in sorted(self.values):
            members.setdefault((buyer, axis), {})[member] = None
        self._members = {key: tuple(found) for key, found in members.items()}

    @property
    def found(self) -> set[str]:
        """The buyers that have figures, apart from the whole and from lines that name no buyer."""
        return self.buyers - {ALL, UNKNOWN_MEMBER}

    def value(self, buyer: str, place: Place, measure: str) -> Decimal | None:
        """A figure: null under secrecy, zero where the buyer has no such figure."""
        member = "+".join(member for _, member in place) or ALL
        return self.values.get((buyer, _axis(place), member, measure), _ZERO)

    def members(self, buyer: str, place: Place, dimension: str) -> tuple[str, ...]:
        """The members of a dimension that a buyer has inside a place."""
        prefix = "".join(f"{member}+" for _, member in place)
        found = self._members.get((buyer, _axis((*place, (dimension, "")))), ())
        return tuple(name.removeprefix(prefix) for name in found if name.startswith(prefix))


def read_figures(connection: Connection, tables: Tables, year: int) -> Figures:
    """The figures of a year; none when the table was not built."""
    if not tables.exists(PEOPLE_TABLE):
        return Figures([])
    rows = connection.execute(
        f"select buyer_id, axis, member, measure, value from {tables.scan(PEOPLE_TABLE)} "
        "where year = ?",
        [year],
    ).fetchall()
    return Figures(rows)


@dataclass(frozen=True)
class Part:
    """A published figure that a result is computed from; its weight is null under secrecy."""

    place: Place
    role: str
    weight: Decimal | None


def parts_of(
    figures: Figures, method: Method, measure: str, buyer: str, place: Place
) -> list[Part]:
    """What a result of a method is computed from, at a place."""
    whole = figures.value(buyer, place, measure)
    if method.axis is None:
        return [Part(place, "numerator", whole)]

    def at(member: str) -> Place:
        return (*place, (str(method.axis), member))

    unknown = figures.value(buyer, at(UNKNOWN_MEMBER), measure)
    if method.kind == "known":
        return [
            Part(at(ALL), "numerator", _less(whole, [unknown])),
            Part(at(UNKNOWN_MEMBER), "denominator_only", unknown),
        ]
    named_role, rest_role = "numerator", "denominator_only"
    if method.other_than:
        named_role, rest_role = rest_role, named_role
    named = [
        Part(at(member), named_role, figures.value(buyer, at(member), measure))
        for member in (method.other_than or method.member)
    ]
    rest = _less(whole, [unknown, *(part.weight for part in named)])
    return [
        *named,
        Part(at(ALL), rest_role, rest),
        Part(at(UNKNOWN_MEMBER), "unknown", unknown),
    ]


def _less(whole: Decimal | None, parts: Sequence[Decimal | None]) -> Decimal | None:
    """What the parts leave of the whole; null as soon as one of them is hidden."""
    if whole is None:
        return None
    left = whole
    for part in parts:
        if part is None:
            return None
        left -= part
    return left


def figure_of(
    parts: Sequence[Part], kind: str, unit: str, divisor: Decimal | None
) -> dict[str, Any]:
    """The columns of a result: the figure, its interval, its status and reason."""
    if any(part.weight is None for part in parts):
        return _without("suppressed", SECRET_FR, SECRET_EN)
    sums = dict.fromkeys(("numerator", "denominator_only", "unknown"), _ZERO)
    for part in parts:
        sums[part.role] += part.weight or _ZERO
    numerator, unknown = sums["numerator"], sums["unknown"]
    denominator = numerator + sums["denominator_only"]
    told: dict[str, Any] = {
        "numerator": numerator,
        "denominator": denominator if divisor is None else divisor,
        "unknown": unknown,
        "excluded": 0,
        "status": "computed",
        "reason_fr": None,
        "reason_en": None,
    }
    # A total of which nothing is known is unknown, not zero.
    if kind == "total" and (denominator or not unknown):
        by = divisor or Decimal(1)
        low, high = _ratio(numerator, by), _ratio(numerator + unknown, by)
        return told | {"value": low, "low": low, "high": high}
    every = Decimal(1) if kind == "total" else denominator + unknown
    bounds = {
        "low": _ratio(numerator, every) if every else None,
        "high": _ratio(numerator + unknown, every) if every else None,
    }
    if not denominator:
        return (
            told
            | bounds
            | {
                "value": None,
                "status": "not_computable",
                "reason_fr": NOBODY_FR,
                "reason_en": NOBODY_EN,
            }
        )
    return told | bounds | {"value": _ratio(numerator, denominator)}


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    """Half up, six decimals."""
    return _EXACT.divide(part, whole).quantize(_SIX, context=_EXACT)


def _without(status: str, reason_fr: str, reason_en: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("numerator", "denominator", "unknown", "value", "low", "high"))
    told = {"excluded": 0, "status": status, "reason_fr": reason_fr, "reason_en": reason_en}
    return nothing | told


# --- tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What is computed: the cards about people, for which buyers, of one year."""

    catalogue: Catalogue
    scheme: str
    year: int
    buyers: Sequence[str]
    buyer_dimensions: bool

    def places(
        self, figures: Figures, method: Method, card: IndicatorCard, buyer: str
    ) -> Iterator[tuple[str, str, Place]]:
        """Each dimension and member that is printed, `*` for the total, and its place."""
        yield ALL, ALL, method.place
        if buyer != ALL and not self.buyer_dimensions:
            return
        for dimension in card.dimensions_of(method):
            for member in figures.members(buyer, method.place, dimension):
                yield dimension, member, _place(method, dimension, member)


def results(figures: Figures, cards: Iterable[IndicatorCard], asked: Asked) -> pa.Table:
    """The rows of `indicators.results` of the cards about people.

    Scope `all` only: neither floor nor maxima bound people. A row without dimension for the scheme
    (`*`) and each of its buyers; not computable where the year's logs have none of its hours.
    """
    day = date(asked.year, 12, 31)
    rows: list[dict[str, Any]] = []
    for card, method in _methods(cards):
        divisor = None
        if method.divisor is not None:
            divisor = divisor_on(asked.catalogue, method.divisor, day)
        for buyer in (ALL, *asked.buyers):
            for dimension, member, place in asked.places(figures, method, card, buyer):
                for result in method.results:
                    if buyer in figures.buyers:
                        parts = parts_of(figures, method, result.measure, buyer, place)
                        told = figure_of(parts, method.kind, result.unit, divisor)
                    else:
                        told = _without("not_computable", NOTHING_FR, NOTHING_EN)
                    rows.append(
                        {
                            "scheme": asked.scheme,
                            "code": card.id,
                            "method": method.name,
                            "method_version": card.method_version,
                            "scope": "all",
                            "buyer_id": buyer,
                            "year": asked.year,
                            "dimension": dimension,
                            "member": member,
                            "measure": result.measure,
                            "unit": result.unit,
                            "axis": card.axis,
                            **told,
                        }
                    )
    return _table(rows, _RESULTS)


def evidence(figures: Figures, cards: Iterable[IndicatorCard], asked: Asked) -> pa.Table:
    """The rows of `indicators.evidence` of the cards about people: published figures only."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for card, method in _methods(cards):
        measures = dict.fromkeys(result.measure for result in method.results)
        for buyer in (ALL, *asked.buyers):
            if buyer not in figures.buyers:
                continue
            for _, _, place in asked.places(figures, method, card, buyer):
                for measure in measures:
                    for part in parts_of(figures, method, measure, buyer, place):
                        unit = f"{_axis(part.place)}={_member(part.place)}"
                        key = (card.id, method.name, measure, buyer, unit, part.role)
                        rows[key] = {
                            "scheme": asked.scheme,
                            "code": card.id,
                            "method": method.name,
                            "scope": "all",
                            "measure": measure,
                            "year": asked.year,
                            "buyer_id": buyer,
                            "unit_id": unit,
                            "role": part.role,
                            "weight": part.weight,
                            "reason": _reason(part),
                        }
    return _table([rows[key] for key in sorted(rows)], _EVIDENCE)


def _reason(part: Part) -> str | None:
    if part.weight is None:
        return SECRET
    return "met_unknown" if part.role == "unknown" else None


def _member(place: Place) -> str:
    return "+".join(member for _, member in place) or ALL


def _methods(cards: Iterable[IndicatorCard]) -> Iterator[tuple[IndicatorCard, Method]]:
    for card in cards:
        if card.about == "people":
            yield from ((card, method) for method in card.methods)


def _table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    scales = {field.name: field.type.scale for field in schema if pa.types.is_decimal(field.type)}
    exact = [
        {
            name: value
            if name not in scales or value is None
            else value.quantize(_CENT if scales[name] == 2 else _SIX, context=_EXACT)
            for name, value in row.items()
        }
        for row in rows
    ]
    return pa.Table.from_pylist(exact, schema=schema)


_AMOUNT, _VALUE = pa.decimal128(38, 2), pa.decimal128(38, 6)
_RESULTS = pa.schema(
    [
        *((name, pa.string()) for name in ("scheme", "code", "method")),
        ("method_version", pa.int32()),
        *((name, pa.string()) for name in ("scope", "buyer_id")),
        ("year", pa.int32()),
        *((name, pa.string()) for name in ("dimension", "member", "measure", "unit")),
        *((name, _AMOUNT) for name in ("numerator", "denominator", "unknown")),
        ("excluded", pa.int64()),
        *((name, _VALUE) for name in ("value", "low", "high")),
        *((name, pa.string()) for name in ("status", "reason_fr", "reason_en", "axis")),
    ]
)
_EVIDENCE = pa.schema(
    [
        *((name, pa.string()) for name in ("scheme", "code", "method", "scope", "measure")),
        ("year", pa.int32()),
        *((name, pa.string()) for name in ("buyer_id", "unit_id", "role")),
        ("weight", pa.decimal128(18, 2)),
        ("reason", pa.string()),
    ]
)
