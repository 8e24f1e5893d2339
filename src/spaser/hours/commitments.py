"""What a contract owes: from the terms of a clause to the hours due on any day.

A commitment holds for one contract, or for several that pool their hours. Its terms are dated: a
revision (amendment) replaces the terms that it gives and keeps the others of the version before it;
an order adds its own, at the rates of the contract unless it gives others. Conventions (DOMAIN §9):
hours of a formula are rounded half up to whole hours, order by order; in "1 h per N €" clauses only
completed tranches count, over the trigger, on what is invoiced without VAT since the beginning.
Both are parameters and are printed with the figure. What is missing leaves the due unknown, with
its reason: it is never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from spaser.hours import size
from spaser.hours.parameters import Settings, half_up, whole_tranches
from spaser.hours.words import Words, euros, number


class Mode(StrEnum):
    """How the hours of a clause are fixed (DOMAIN §2.1)."""

    FIXED = "fixed"
    PER_TRANCHE = "per_tranche"
    LABOUR_SHARE = "labour_share"
    PEOPLE = "people"
    PER_ORDER = "per_order"


@dataclass(frozen=True)
class Terms:
    """One dated version of what is owed, by the contract or by one order of it.

    Of each mode: `fixed` reads hours; `per_tranche` trigger_eur, tranche_eur, hours_per_tranche;
    `labour_share` amount_eur, labour_share, insertion_rate, hourly_cost_eur; `people` people, and
    hours_per_person where the contract gives it; `per_order` has one version per order, with its
    hours or what `labour_share` reads, and `order_id`. Amounts are without VAT; shares are 0–1.
    `trade`: the trade whose labour share it is. `completed_tranches`: false counts the part of a
    tranche too. `taken`: the terms that an earlier version gave, with the day of that version.
    `line_id`: the row that it comes from.
    """

    valid_from: date
    mode: Mode
    order_id: str | None = None
    hours: Decimal | None = None
    amount_eur: Decimal | None = None
    labour_share: Decimal | None = None
    trade: str | None = None
    insertion_rate: Decimal | None = None
    hourly_cost_eur: Decimal | None = None
    trigger_eur: Decimal | None = None
    tranche_eur: Decimal | None = None
    hours_per_tranche: Decimal | None = None
    people: int | None = None
    hours_per_person: Decimal | None = None
    completed_tranches: bool = True
    taken: tuple[tuple[str, date], ...] = ()
    line_id: str | None = None


@dataclass(frozen=True)
class Commitment:
    """The clause of one contract, or of several that pool their hours (`contracts`: uids)."""

    commitment_id: str
    contracts: tuple[str, ...]
    terms: tuple[Terms, ...]

    def in_force(self, at: date) -> tuple[Terms, ...]:
        """The last version of each part by a day: the contract's first, then orders by their id.

        Of two versions of one day, the one given last holds.
        """
        latest: dict[str, Terms] = {}
        for terms in sorted(self.terms, key=lambda terms: terms.valid_from):
            if terms.valid_from <= at:
                latest[terms.order_id or ""] = terms
        return tuple(latest[part] for part in sorted(latest))


Row = dict[str, Any]


def versions_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Row, ...]]:
    """The rows of each commitment by its id, oldest first, mode and order said in each.

    A row without a mode has that of the version before it of the same order, else of the contract.
    An order without a number is known by the day it was placed (of several of one day, with its
    rank), else, where it has hours or an amount, by its line: else it is a version of the contract.
    """
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["commitment_id"], []).append(row)
    return {name: tuple(_completed(grouped[name])) for name in sorted(grouped)}


def _completed(rows: Iterable[Mapping[str, Any]]) -> Iterable[Row]:
    modes: dict[str | None, str | None] = {}
    placed: Counter[tuple[date, date | None]] = Counter()
    for row in sorted(rows, key=lambda row: row["valid_from"] or date.min):
        order = row.get("order_id")
        mode = row["commitment_mode"] or modes.get(order) or modes.get(None)
        if order is None and mode == Mode.PER_ORDER:
            order = _unnumbered(row, placed)
        modes[order] = mode
        yield {**row, "commitment_mode": mode, "order_id": order}


def _unnumbered(row: Mapping[str, Any], placed: Counter[tuple[date, date | None]]) -> str | None:
    """What an order without a number is called; null for a version of the contract."""
    day = row.get("order_date")
    if day is None:
        has_volume = any(row.get(name) is not None for name in ("committed_hours", "amount"))
        return row.get("commitment_line_id") if has_volume else None
    placed[day, row["valid_from"]] += 1
    rank = placed[day, row["valid_from"]]
    return f"{day}" if rank == 1 else f"{day} ({rank})"


def commitments_of(rows: Iterable[Mapping[str, Any]], settings: Settings) -> tuple[Commitment, ...]:
    """Commitments from the rows of a table, by their id.

    Grain of the rows: one per commitment, order and version. Columns: commitment_id, contract_uids
    (list: the contracts that share the hours), commitment_mode (null or unknown: the row has no
    terms, unless a version before it gives the mode), valid_from, and the fields of
    `commitments_fields.csv` that a mode reads. What a version does not say stands as in the version
    before it of the same mode and part; what an order does not say of its rates, as in the
    contract's version. A trade stands for the labour share of the settings on that day where no
    share is known for it. The contracts of a pool are those of all its versions.
    """
    return tuple(
        Commitment(
            name,
            tuple(sorted({uid for row in versions for uid in row["contract_uids"] or ()})),
            tuple(_in_turn(filter(_is_complete, versions), settings)),
        )
        for name, versions in versions_of(rows).items()
    )


_MODES = {mode.value for mode in Mode}
_COLUMNS = {
    "order_id": "order_id",
    "committed_hours": "hours",
    "amount": "amount_eur",
    "labour_share": "labour_share",
    "trade": "trade",
    "insertion_rate": "insertion_rate",
    "hourly_cost": "hourly_cost_eur",
    "trigger_amount": "trigger_eur",
    "tranche_amount": "tranche_eur",
    "hours_per_tranche": "hours_per_tranche",
    "people_count": "people",
    "hours_per_person": "hours_per_person",
}
"""Column of the table → field of the terms."""

_KEPT = tuple(name for name in _COLUMNS.values() if name != "order_id")
_RATES = tuple(name for name in _KEPT if name not in ("hours", "amount_eur"))
"""What a version keeps of the one before it; what an order has of the contract: not its volume."""

_FOLLOWS: dict[Mode, dict[str, str]] = {
    Mode.LABOUR_SHARE: {"labour_share": "trade"},
    Mode.PER_ORDER: {"labour_share": "trade", "hours": "amount_eur"},
}
"""A term that holds for another only: a version that changes the latter does not keep it."""


def _is_complete(row: Mapping[str, Any]) -> bool:
    return row["commitment_mode"] in _MODES and row["valid_from"] is not None


def _in_turn(rows: Iterable[Row], settings: Settings) -> Iterable[Terms]:
    """The terms of one commitment's rows (oldest first), each with what it keeps."""
    latest: dict[tuple[Mode, str | None], Terms] = {}
    for row in rows:
        values: dict[str, Any] = {field: row.get(column) for column, field in _COLUMNS.items()}
        mode, line = Mode(row["commitment_mode"]), row.get("commitment_line_id")
        terms = Terms(row["valid_from"], mode, line_id=line, **values)
        terms = _keeping(terms, latest.get((terms.mode, terms.order_id)), _KEPT)
        if terms.order_id is not None:
            terms = _keeping(terms, latest.get((terms.mode, None)), _RATES)
        if terms.labour_share is None and terms.trade is not None:
            share = settings.at("labour_share", terms.trade, terms.valid_from)
            terms = replace(terms, labour_share=share.value if share else None)
        latest[terms.mode, terms.order_id] = terms
        yield terms


def _keeping(terms: Terms, before: Terms | None, names: Iterable[str]) -> Terms:
    """Terms with those that they do not give and that a version before them gave."""
    if before is None:
        return terms
    follows = _FOLLOWS.get(terms.mode, {})
    kept = {
        name: getattr(before, name)
        for name in names
        if getattr(terms, name) is None
        and getattr(before, name) is not None
        and (name not in follows or _is_same(follows[name], terms, before))
    }
    given_on = dict(before.taken)
    taken = tuple((name, given_on.get(name, before.valid_from)) for name in kept)
    return replace(terms, **kept, taken=terms.taken + taken)


def _is_same(name: str, terms: Terms, before: Terms) -> bool:
    return getattr(terms, name) in (None, getattr(before, name))


@dataclass(frozen=True)
class Invoice:
    """What was invoiced on a contract, without VAT: one amount, or the sum up to that day."""

    contract: str
    invoiced_on: date
    amount_eur: Decimal | None = None
    to_date_eur: Decimal | None = None


class Invoiced:
    """Amounts invoiced by contract, at any day."""

    def __init__(self, invoices: Iterable[Invoice]) -> None:
        self._by_contract: dict[str, list[Invoice]] = {}
        for invoice in sorted(invoices, key=lambda invoice: invoice.invoiced_on):
            self._by_contract.setdefault(invoice.contract, []).append(invoice)

    def to_date(self, contract: str, at: date) -> Decimal | None:
        """Euros without VAT invoiced by a day; null if nothing is known of the contract.

        The last sum to date by that day, plus the invoices after it. An invoice without any amount
        leaves the sum unknown from its day until the next sum to date.
        """
        known = self._by_contract.get(contract)
        if known is None:
            return None
        seen = [invoice for invoice in known if invoice.invoiced_on <= at]
        total, since = Decimal(0), date.min
        for invoice in seen:
            if invoice.to_date_eur is not None:
                total, since = invoice.to_date_eur, invoice.invoiced_on
        later = [i for i in seen if i.to_date_eur is None and i.invoiced_on > since]
        amounts = [invoice.amount_eur for invoice in later]
        if None in amounts:
            return None
        return sum((amount for amount in amounts if amount is not None), total)


NOTHING_INVOICED = Invoiced(())


@dataclass(frozen=True)
class Due:
    """What is owed on a day.

    hours: whole hours, null if unknown. people: where the clause counts people. formula: the
    computation with its figures, one line a part. reason: why it is unknown, null where it is not.
    """

    hours: Decimal | None
    people: int | None
    formula: tuple[Words, ...]
    reason: Words | None = None


def hours_due(commitment: Commitment, at: date, invoiced: Invoiced = NOTHING_INVOICED) -> Due:
    """What a commitment owes on a day, by the terms in force and what is invoiced by then."""

    def amount(terms: Terms) -> Decimal | Words:
        del terms
        sums = {uid: invoiced.to_date(uid, at) for uid in commitment.contracts}
        unknown = sorted(uid for uid, value in sums.items() if value is None)
        if unknown or not sums:
            return _not_invoiced(unknown)
        return sum((value for value in sums.values() if value is not None), Decimal(0))

    return _owed(commitment, at, amount)


def hours_committed(commitment: Commitment, at: date) -> Due:
    """The volume engaged by a day, before anything is invoiced (SOC-11).

    As `hours_due`, but a clause per tranche is taken at the amount that its contract expects
    (`amount_eur`): an estimate, and unknown where the contract gives none.
    """

    def amount(terms: Terms) -> Decimal | Words:
        return _NO_ESTIMATE if terms.amount_eur is None else terms.amount_eur

    return _owed(commitment, at, amount)


_Amount = Callable[[Terms], Decimal | Words]
"""The euros that a clause per tranche counts, or why they are unknown."""


def carries_hours(commitment: Commitment) -> bool | None:
    """Whether some version or order asks for more than nothing, invoiced or not (SOC-03).

    Per tranche: hours for a tranche, whatever is invoiced. A number of people is more than nothing,
    also where it gives no hours. Null: no version says yes, and one at least cannot be computed.
    """
    return some(_asks(terms) for terms in commitment.terms if not _announces_orders(terms))


def some(answers: Iterable[bool | None]) -> bool | None:
    """Whether an answer is yes; null if none is and one is unknown, or if there is no answer."""
    known = set(answers) or {None}
    return True if True in known else None if None in known else False


def _asks(terms: Terms) -> bool | None:
    if fault_of(terms) is not None:
        return None
    # A trigger of zero makes no hours zero; nothing that divides can be.
    values = (getattr(terms, name) for name in _read(terms) if name != "trigger_eur")
    return all(value is None or value > 0 for value in values)


def lacking(commitment: Commitment) -> tuple[tuple[Terms, Words], ...]:
    """The versions whose hours cannot be computed, and why; invoices are not looked at.

    One that announces orders lacks them where no order is known at all.
    """
    orders = [terms for terms in commitment.terms if not _announces_orders(terms)]
    found = [(terms, fault_of(terms)) for terms in orders]
    if not orders:
        found = [(terms, _NO_ORDER) for terms in commitment.terms[-1:]]
    return tuple((terms, fault) for terms, fault in found if fault is not None)


def _owed(commitment: Commitment, at: date, amount: _Amount) -> Due:
    if not commitment.terms:
        return Due(None, None, (), _NO_TERMS)
    parts = commitment.in_force(at)
    if not parts:
        return Due(Decimal(0), None, (_NOT_BEGUN,))
    owing = [part for part in parts if not _announces_orders(part)]
    if not owing:
        ordered = any(not _announces_orders(terms) for terms in commitment.terms)
        return Due(Decimal(0), None, (_NO_ORDER_YET,)) if ordered else _unknown(_NO_ORDER)
    return _added([_of_part(part, amount) for part in owing])


def _announces_orders(terms: Terms) -> bool:
    """A version that only says that orders will fix the hours."""
    return terms.mode is Mode.PER_ORDER and terms.order_id is None


def _added(dues: Sequence[Due]) -> Due:
    """The sum of the parts: unknown if the hours of one are."""
    hours = [due.hours for due in dues]
    people = [due.people for due in dues if due.people is not None]
    reason = next((due.reason for due in dues if due.reason is not None), None)
    return Due(
        None if None in hours else sum((h for h in hours if h is not None), Decimal(0)),
        sum(people) if people else None,
        tuple(words for due in dues for words in due.formula),
        reason,
    )


def _unknown(reason: Words, people: int | None = None, *formula: Words) -> Due:
    return Due(None, people, formula, reason)


def _of_part(terms: Terms, amount: _Amount) -> Due:
    fault = fault_of(terms)
    if fault is not None:
        return _unknown(fault)
    due = _computed(terms, amount)
    return replace(due, formula=tuple(_with_origin(terms, words) for words in due.formula))


def _with_origin(terms: Terms, words: Words) -> Words:
    """A formula with the versions that gave the terms which this one does not repeat."""
    by_day: dict[date, list[Words]] = {}
    for name, day in terms.taken:
        if name in _read(terms):
            by_day.setdefault(day, []).append(_NAMES[name])
    for day, names in sorted(by_day.items()):
        fr, en = ", ".join(name.fr for name in names), ", ".join(name.en for name in names)
        words = Words(
            f"{words.fr} (reprend de la version du {day:%d/%m/%Y} : {fr})",
            f"{words.en} (as in the version of {day:%Y-%m-%d}: {en})",
        )
    return words


def _computed(terms: Terms, amount: _Amount) -> Due:
    mode = _formula_of(terms)
    if mode is Mode.PER_TRANCHE:
        return _per_tranche(terms, amount(terms))
    if mode is Mode.PEOPLE:
        return _people(terms)
    if mode is Mode.LABOUR_SHARE:
        return _labour_share(terms)
    return _fixed(terms)


def _formula_of(terms: Terms) -> Mode:
    """An order has its hours, or is computed from its amount."""
    if terms.mode is Mode.PER_ORDER:
        return Mode.LABOUR_SHARE if terms.hours is None else Mode.FIXED
    return terms.mode


def _read(terms: Terms) -> tuple[str, ...]:
    """The names of the terms that the formula reads, those that it can do without at the end."""
    return (*_NEEDS[_formula_of(terms)], *_MAY_READ.get(terms.mode, ()))


def _values(terms: Terms, mode: Mode) -> list[Decimal]:
    """What a mode reads, once it is known to be there."""
    return [getattr(terms, name) for name in _NEEDS[mode]]


def _fixed(terms: Terms) -> Due:
    hours = half_up(terms.hours or 0)
    of_order = f"{terms.order_id} : " if terms.order_id else ""
    given = Words(
        f"{of_order}{number(hours, 'fr')}\u00a0h fixées",
        f"{of_order.replace(' :', ':')}{number(hours, 'en')} h fixed",
    )
    return Due(hours, None, (given,))


def _labour_share(terms: Terms) -> Due:
    values = _values(terms, Mode.LABOUR_SHARE)
    words = size.formula(*values)
    if terms.order_id:
        words = Words(f"{terms.order_id} : {words.fr}", f"{terms.order_id}: {words.en}")
    return Due(half_up(size.labour_hours(*values)), None, (words,))


def _people(terms: Terms) -> Due:
    people = terms.people or 0
    each = terms.hours_per_person
    if each is None:
        return _unknown(_ONLY_PEOPLE, people, Words(f"{people} personnes", f"{people} people"))
    hours = half_up(Fraction(each) * people)
    words = Words(
        f"{people} personnes × {number(each, 'fr')}\u00a0h = {number(hours, 'fr')}\u00a0h",
        f"{people} people × {number(each, 'en')} h = {number(hours, 'en')} h",
    )
    return Due(hours, people, (words,))


def _per_tranche(terms: Terms, invoiced: Decimal | Words) -> Due:
    if isinstance(invoiced, Words):
        return _unknown(invoiced)
    trigger, tranche, each = _values(terms, Mode.PER_TRANCHE)
    above = max(Fraction(0), Fraction(invoiced) - Fraction(trigger)) / Fraction(tranche)
    counted = Fraction(whole_tranches(above)) if terms.completed_tranches else above
    hours = half_up(counted * Fraction(each))
    return Due(hours, None, (_tranche_words(terms, invoiced, counted, hours),))


def _tranche_words(terms: Terms, invoiced: Decimal, counted: Fraction, hours: Decimal) -> Words:
    trigger, tranche, each = _values(terms, Mode.PER_TRANCHE)
    if invoiced <= trigger:
        return Words(
            f"{euros(invoiced, 'fr')} facturés HT ne dépassent pas le seuil de "
            f"{euros(trigger, 'fr')} : 0\u00a0h",
            f"{euros(invoiced, 'en')} invoiced without VAT do not exceed the trigger of "
            f"{euros(trigger, 'en')}: 0 h",
        )
    kind_fr, kind_en = (
        ("tranches achevées", "completed tranches")
        if terms.completed_tranches
        else ("tranches, au prorata", "tranches, pro rata")
    )
    return Words(
        f"({euros(invoiced, 'fr')} facturés HT − {euros(trigger, 'fr')}) ÷ "
        f"{euros(tranche, 'fr')} = {number(counted, 'fr')} {kind_fr} × "
        f"{number(each, 'fr')}\u00a0h = {number(hours, 'fr')}\u00a0h",
        f"({euros(invoiced, 'en')} invoiced without VAT − {euros(trigger, 'en')}) ÷ "
        f"{euros(tranche, 'en')} = {number(counted, 'en')} {kind_en} × "
        f"{number(each, 'en')} h = {number(hours, 'en')} h",
    )


# --- what is missing or cannot be ----------------------------------------------------------------

_NEEDS: dict[Mode, tuple[str, ...]] = {
    Mode.FIXED: ("hours",),
    Mode.PER_TRANCHE: ("trigger_eur", "tranche_eur", "hours_per_tranche"),
    Mode.LABOUR_SHARE: ("amount_eur", "labour_share", "insertion_rate", "hourly_cost_eur"),
    Mode.PEOPLE: ("people",),
}
_MAY_READ: dict[Mode, tuple[str, ...]] = {Mode.PEOPLE: ("hours_per_person",)}
_DIVIDES = {"tranche_eur", "hourly_cost_eur"}
_SHARES = {"labour_share", "insertion_rate"}
_NAMES = {
    "hours": Words("heures engagées", "committed hours"),
    "amount_eur": Words("montant HT", "amount without VAT"),
    "labour_share": Words("part de main-d'œuvre", "labour share"),
    "insertion_rate": Words("taux d'insertion", "insertion rate"),
    "hourly_cost_eur": Words("coût horaire", "hourly cost"),
    "trigger_eur": Words("seuil de déclenchement", "trigger"),
    "tranche_eur": Words("montant de la tranche", "amount of a tranche"),
    "hours_per_tranche": Words("heures par tranche", "hours per tranche"),
    "people": Words("nombre de personnes", "number of people"),
    "hours_per_person": Words("heures par personne", "hours per person"),
}


def fault_of(terms: Terms) -> Words | None:
    """What is missing in the terms of a part, or cannot be; null if they can be computed."""
    needed = _NEEDS[_formula_of(terms)]
    missing = [_NAMES[name] for name in needed if getattr(terms, name) is None]
    if missing:
        return Words(
            f"il manque : {', '.join(name.fr for name in missing)}",
            f"missing: {', '.join(name.en for name in missing)}",
        )
    wrong = [_NAMES[name] for name in needed if not _possible(name, getattr(terms, name))]
    if wrong:
        return Words(
            f"valeur impossible : {', '.join(name.fr for name in wrong)}",
            f"impossible value: {', '.join(name.en for name in wrong)}",
        )
    return None


def _possible(name: str, value: Decimal | int) -> bool:
    if value < 0 or (name in _DIVIDES and value == 0):
        return False
    return name not in _SHARES or value <= 1


def _not_invoiced(contracts: Sequence[str]) -> Words:
    names = ", ".join(contracts) or "—"
    return Words(f"aucun montant facturé connu : {names}", f"no invoiced amount known: {names}")


_NO_TERMS = Words("l'engagement n'a pas de contenu", "the commitment has no terms")
_NOT_BEGUN = Words("l'engagement ne court pas encore : 0\u00a0h", "not yet in force: 0 h")
_NO_ORDER = Words("aucune commande connue", "no order known")
_NO_ORDER_YET = Words("aucune commande à cette date : 0\u00a0h", "no order by that day: 0 h")
_NO_ESTIMATE = Words(
    "les heures dépendent des factures, et le contrat n'en estime pas le montant",
    "the hours depend on invoices, and the contract does not estimate their amount",
)
_ONLY_PEOPLE = Words(
    "l'engagement compte des personnes et ne fixe pas d'heures",
    "the commitment counts people and fixes no hours",
)
