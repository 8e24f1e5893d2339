"""Reads the figures a page marks, and recomputes each from evidence joined to the facts alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from typing import Any

from spaser.cards import Catalogue, Method
from spaser.warehouse import Connection

SIX = Decimal("0.000001")


@dataclass(frozen=True)
class Mark:
    """A `<data>` element: its class, attributes and text."""

    kind: str
    data: dict[str, str]
    value: Decimal
    text: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.marks: list[Mark] = []
        self._open: dict[str, str] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "data":
            self._open, self._text = {name: value or "" for name, value in attrs}, ""

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "data" and self._open is not None:
            data = {
                name[5:]: value for name, value in self._open.items() if name.startswith("data-")
            }
            self.marks.append(
                Mark(self._open["class"], data, Decimal(self._open["value"]), self._text)
            )
            self._open = None


def marks(page: str) -> list[Mark]:
    """Every marked number of a page, in order."""
    reader = _Reader()
    reader.feed(page)
    return reader.marks


Row = dict[str, Any]


class Recomputer:
    """Figures from `indicators.evidence` joined to their facts, in plain Python.

    A line of spending is no contract: it has a buyer, and no dimension. Operations may have no
    weight in the evidence (secrecy): what they weigh is then in `facts.operations`.
    """

    def __init__(self, connection: Connection, cards: Catalogue) -> None:
        built = connection.execute(
            "select 1 from information_schema.tables where table_schema = 'facts' "
            "and table_name = 'operations'"
        ).fetchall()
        operations = (
            "facts.operations"
            if built
            else """(select null as operation_year_id, null as contract_type,
                null as commitment_mode, null as validated_hours, null as due_hours,
                null as missing_hours, null as penalty_notified_eur, null as penalty_waived_eur)"""
        )
        found = connection.execute(
            f"""select e.code, e.method, e.scope, e.measure, e.year, e.role, e.weight, e.reason,
                e.buyer_id as buyer, e.unit_id, c.cpv_division,
                coalesce(c.contract_type, o.contract_type) as contract_type, c.procedure_code,
                c.amount_band, c.department_code, o.commitment_mode, o.validated_hours, o.due_hours,
                o.missing_hours, o.penalty_notified_eur, o.penalty_waived_eur
            from indicators.evidence e left join facts.contracts c on c.uid = e.unit_id
            left join {operations} o on o.operation_year_id = e.unit_id"""
        )
        names = [column[0] for column in found.description or []]
        self.rows: dict[tuple[str, ...], list[Row]] = {}
        for values in found.fetchall():
            row = dict(zip(names, values, strict=True))
            key = (row["code"], row["method"], row["scope"], row["measure"], str(row["year"]))
            self.rows.setdefault(key, []).append(row)
        self.cards = {
            (card.id, method.name): (card, method)
            for card in cards.indicators.values()
            for method in card.methods
        }
        self.divisors = {
            row["item"]: Decimal(row["value"])
            for row in cards.reference("insertion_settings")
            if row["key"] == "fte_divisor"
        }

    def years(self) -> set[str]:
        """Years whose evidence is materialised."""
        return {key[4] for key in self.rows}

    def part(self, mark: dict[str, str]) -> Decimal | None:
        """The part of a figure that a mark names."""
        key = tuple(mark[name] for name in ("code", "method", "scope", "measure", "year"))
        card, method = self.cards[mark["code"], mark["method"]]
        if card.about == "people":
            rows = [row for row in self.rows.get(key, []) if _is_at(row, mark, method)]
            return _people(rows, mark["unit"], self.divisors.get(method.divisor or ""))[
                mark["part"]
            ]
        rows = [row for row in self.rows.get(key, []) if _concerns(row, mark)]
        if method.kind == "rate":
            return _rate(rows, method)[mark["part"]]
        if card.about == "companies":
            column = card.weight_of(method, mark["measure"]) or ""
            rows = [
                row | {"weight": row[column]} if row["reason"] == "secret" else row for row in rows
            ]
        compute = {"mean": _mean, "median": _median}.get(method.kind, _additive)
        return compute(rows, mark["unit"])[mark["part"]]


def wrong_figures(page: str, recomputer: Recomputer) -> list[str]:
    """What the figures of a page print otherwise than evidence gives."""
    return [
        f"{mark.data}: {mark.value} printed, {expected} recomputed"
        for mark in marks(page)
        if mark.kind == "figure"
        if (expected := recomputer.part(mark.data)) is None or expected != mark.value
    ]


def _is_at(row: Row, mark: dict[str, str], method: Method) -> bool:
    """Whether an aggregate on people is at the place of a figure: its buyer, axes and members."""
    place = dict(method.place)
    if mark["dimension"] != "*":
        place[mark["dimension"]] = mark["member"]
    axes = [*place, *([method.axis] if method.axis else [])]
    axis, _, member = row["unit_id"].partition("=")
    members = member.split("+")[: len(place)]
    same = axis == ("+".join(axes) or "*") and members == list(place.values())[: len(members)]
    return row["buyer"] == mark["buyer"] and same


def _people(rows: list[Row], unit: str, divisor: Decimal | None) -> dict[str, Decimal | None]:
    """A figure on people from published aggregates; in full-time equivalents, divided."""
    found = _additive(rows, unit)
    if divisor is None:
        return found
    divided = {
        part: _ratio(found[part] or Decimal(0), divisor) for part in ("value", "low", "high")
    }
    return found | divided | {"denominator": divisor}


def _concerns(row: Row, mark: dict[str, str]) -> bool:
    if mark["buyer"] not in {"*", row["buyer"]}:
        return False
    dimension = mark["dimension"]
    return dimension == "*" or (row[dimension] or "unknown") == mark["member"]


def _weigh(rows: Iterable[Row], keep: Callable[[Row], bool]) -> Decimal:
    return sum((row["weight"] for row in rows if keep(row)), Decimal(0))


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part / whole).quantize(SIX, ROUND_HALF_UP) if whole else None


def _rate(rows: list[Row], method: Method) -> dict[str, Decimal | None]:
    """Sum over sum of the units where both are known; no interval while one is unknown."""
    known = [row for row in rows if row["role"] == "numerator"]
    part, whole = (
        sum((row[name or ""] for row in known), Decimal(0)) for name in (method.part, method.whole)
    )
    unknown = sum(row["role"] == "unknown" for row in rows)
    value = _ratio(part, whole)
    bound = None if unknown else value
    return {
        "numerator": part,
        "denominator": whole,
        "unknown": Decimal(unknown),
        "excluded": Decimal(sum(row["role"] == "excluded" for row in rows)),
        "value": value,
        "low": bound,
        "high": bound,
    }


def _additive(rows: list[Row], unit: str) -> dict[str, Decimal | None]:
    true = _weigh(rows, lambda r: r["role"] == "numerator")
    known = true + _weigh(rows, lambda r: r["role"] == "denominator_only")
    unknown = [row for row in rows if row["role"] == "unknown"]

    def because(*reasons: str) -> Decimal:
        return _weigh(unknown, lambda r: r["reason"] in reasons)

    undecided = because("met_unknown", "membership_unknown_met_unknown")
    maybe_in_no = because("membership_unknown_not_met")
    maybe_in_yes = because("membership_unknown_met")
    best = true + undecided + maybe_in_yes
    share = unit == "share"
    return {
        "numerator": true,
        "denominator": known,
        "unknown": _weigh(unknown, lambda r: True),
        "excluded": Decimal(sum(row["role"] == "excluded" for row in rows)),
        "value": _ratio(true, known) if share else true,
        "low": _ratio(true, known + undecided + maybe_in_no) if share else true,
        "high": _ratio(best, known + undecided + maybe_in_yes) if share else best,
    }


def _mean(rows: list[Row], unit: str) -> dict[str, Decimal | None]:
    known = [row["weight"] for row in rows if row["role"] == "numerator"]
    unknown = sum(row["role"] == "unknown" for row in rows)
    value = _ratio(sum(known, Decimal(0)), Decimal(len(known)))
    return {
        "numerator": sum(known, Decimal(0)),
        "denominator": Decimal(len(known)),
        "unknown": Decimal(unknown),
        "excluded": Decimal(0),
        "value": value,
        "low": None if unknown else value,
        "high": None if unknown else value,
    }


def _median(rows: list[Row], unit: str) -> dict[str, Decimal | None]:
    known = sorted(row["weight"] for row in rows if row["role"] == "numerator")
    middle = len(known) // 2
    value = None
    if known:
        value = known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
    return {
        "denominator": Decimal(len(known)),
        "unknown": Decimal(sum(row["role"] == "unknown" for row in rows)),
        "excluded": Decimal(0),
        "value": value,
    }
