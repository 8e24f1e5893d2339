"""What a contract owes: from the terms of a clause to the hours due on any day.

A commitment holds for one contract, or for several that pool their hours. Its terms are dated: a
revision (amendment) replaces the terms before it, an order adds its own. Conventions (DOMAIN §9):
hours of a formula are rounded half up to whole hours, order by order; in "1 h per N €" clauses only
completed tranches count, over the trigger, on what is invoiced without VAT since the beginning.
Both are parameters and are printed with the figure. What is missing leaves the due unknown, with
its reason: it is never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    `completed_tranches`: false counts the part of a tranche too.
    """

    valid_from: date
    mode: Mode
    order_id: str | None = None
    hours: Decimal | None = None
    amount_eur: Decimal | None = None
    labour_share: Decimal | None = None
    insertion_rate: Decimal | None = None
    hourly_cost_eur: Decimal | None = None
    trigger_eur: Decimal | None = None
    tranche_eur: Decimal | None = None
    hours_per_tranche: Decimal | None = None
    people: int | None = None
    hours_per_person: Decimal | None = None
    completed_tranches: bool = True


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


def commitments_of(rows: Iterable[Mapping[str, Any]], settings: Settings) -> tuple[Commitment, ...]:
    """Commitments from the rows of a table, by their id.

    Grain of the rows: one per commitment, order and version. Columns: commitment_id, contract_uids
    (list: the contracts that share the hours), commitment_mode (null or unknown: the row has no
    terms), valid_from, and the fields of `commitments_fields.csv` that a mode reads. A trade stands
    for the labour share of the settings on that day where no share is written. The contracts of a
    pool are those of all its versions.
    """
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["commitment_id"], []).append(row)
    return tuple(
        Commitment(
            name,
            tuple(sorted({uid for row in versions for uid in row["contract_uids"] or ()})),
            tuple(_terms(row, settings) for row in versions if _is_complete(row)),
        )
        for name, versions in sorted(grouped.items())
    )


_MODES = {mode.value for mode in Mode}
_COLUMNS = {
    "order_id": "order_id",
    "committed_hours": "hours",
    "amount": "amount_eur",
    "labour_share": "labour_share",
    "insertion_rate": "insertion_rate",
    "hourly_cost": "hourly_cost_eur",
    "trigger_amount": "trigger_eur",
    "tranche_amount": "tranche_eur",
    "hours_per_tranche": "hours_per_tranche",
    "people_count": "people",
    "hours_per_person": "hours_per_person",
}
"""Column of the table → field of the terms."""


def _is_complete(row: Mapping[str, Any]) -> bool:
    return row["commitment_mode"] in _MODES and row["valid_from"] is not None


def _terms(row: Mapping[str, Any], settings: Settings) -> Terms:
    values: dict[str, Any] = {field: row.get(column) for column, field in _COLUMNS.items()}
    if values["labour_share"] is None and row.get("trade"):
        share = settings.at("labour_share", row["trade"], row["valid_from"])
        values["labour_share"] = share.value if share else None
    return Terms(row["valid_from"], Mode(row["commitment_mode"]), **values)


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
    fault = _fault(terms)
    if fault is not None:
        return _unknown(fault)
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
}


def _fault(terms: Terms) -> Words | None:
    """Why the terms cannot be computed, or null."""
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
