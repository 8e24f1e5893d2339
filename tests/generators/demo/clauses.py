"""The insertion clauses of the demo: about three hundred operations on contracts of its registers.

An operation is a commitment: one contract, or several that pool their hours. What it commits is
computed here in plain Python, while its terms are written; the hours are in `hours.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from tests.generators.demo.people import (
    LAST_MONTH,
    MDE,
    PLIE,
    PROGRAMME_PEOPLE,
    add_months,
    last_day,
)
from tests.generators.demo.registers import CCAS, CLAUSE, METROPOLE, VILLE, Buyer, Contract, Holder

SEED = 20260304
AS_OF = date(2026, 3, 2)

SECTORS = {
    "45233140": "construction", "45214200": "construction", "45231300": "construction",
    "45331000": "construction", "45442100": "construction", "45316110": "construction",
    "45112700": "green_spaces", "77310000": "green_spaces", "90910000": "cleaning",
    "98310000": "cleaning", "90511000": "waste", "55520000": "catering", "60130000": "transport",
    "85312000": "social_care", "79710000": "other", "79810000": "other", "15800000": "transport",
    "34144000": "transport", "30213100": "office_it", "72267000": "office_it",
    "71221000": "office_it", "71241000": "office_it",
}  # fmt: skip
"""Sector of activity by CPV; any other is another sector."""
USUAL = {
    *("45233140", "45214200", "45231300", "45331000", "45442100", "45316110", "45112700"),
    *("77310000", "90910000", "98310000", "90511000", "55520000", "60130000", "85312000"),
    *("79710000", "79810000"),
}
"""The trades where a clause is usual: those of the years whose format does not tell clauses."""
QUOTAS: Mapping[int, tuple[tuple[Buyer, int], ...]] = {
    2021: ((METROPOLE, 46), (VILLE, 22), (CCAS, 2)),
    2022: ((METROPOLE, 48), (VILLE, 23), (CCAS, 6)),
    2023: ((METROPOLE, 48), (VILLE, 25), (CCAS, 7)),
}
"""Operations of the years whose registers say nothing of clauses."""
WITHOUT_COMMITMENT = 12
"""Contracts of 2024 and 2025 with a social clause and nothing of it in the facilitators' files."""

PROGRAMME = (VILLE.siret, "21VDE0044")
"""One contract, many schools and associations."""
LOTS = {(METROPOLE.siret, "2024-MET-9010"): ("1", "4")}
"""Lots under one id that have a clause."""
SHARED_IDS = {"25VDE9010", "CCAS-25-910", "CCAS-25-960"}
POOLED = (2, 3, 2, 2)
"""Contracts of one holder and buyer under one commitment."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One commitment.

    contracts: with their lot where several share the id. committed: the hours of the first version,
    at the notification; None where its terms do not tell them. in_force: those of the last version.
    rows: the lines of the commitments file. silent: months without any return.
    """

    number: int
    name: str
    contracts: tuple[Contract, ...]
    lot: str
    facilitator: str
    sector: str
    mode: str
    start: date
    end: date
    committed: Decimal | None
    in_force: Decimal | None
    expected: Decimal
    monthly: bool
    return_day: int
    rows: tuple[dict[str, Any], ...] = ()
    given_id: str = ""
    penalty_per_hour: int | None = None
    silent: frozenset[date] = frozenset()
    sites: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @property
    def buyer(self) -> Buyer:
        """Whose contract it is."""
        return self.contracts[0].buyer

    @property
    def holder(self) -> Holder:
        """The company bound."""
        return self.contracts[0].holders[0]

    @property
    def notified(self) -> date:
        """The first notification of its contracts."""
        return min(contract.notified for contract in self.contracts if contract.notified)

    @property
    def commitment_id(self) -> str:
        """As given, else buyer, contract and lot."""
        lot = f"-{self.lot}" if self.lot else ""
        return self.given_id or f"{self.buyer.siret}-{self.contracts[0].contract_id}{lot}"

    @property
    def months(self) -> tuple[date, ...]:
        """The months in which hours may be worked, up to the last log."""
        found, month = [], self.start.replace(day=1)
        while month <= min(self.end, LAST_MONTH):
            found.append(month)
            month = add_months(month, 1)
        return tuple(found)

    @property
    def is_over(self) -> bool:
        """Whether it ended by the day of the export."""
        return self.end <= AS_OF


def half_up(value: Fraction | Decimal | int) -> Decimal:
    """Whole hours, half up."""
    exact = Fraction(value)
    quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return quotient.quantize(Decimal(1), ROUND_HALF_UP)


def make_operations(contracts: Sequence[Contract]) -> tuple[Operation, ...]:
    """Every operation, by notification; the same at every call."""
    rng = random.Random(SEED)
    groups = [*_with_lots(contracts), *_chosen(contracts, rng)]
    groups.sort(key=lambda group: (group[0].notified or AS_OF, group[0].uid, group[0].title))
    drafts = [_draft(number, group, rng) for number, group in enumerate(groups, 1)]
    return tuple(_terms(draft, rng) for draft in drafts)


# --- which contracts -----------------------------------------------------------------------------


def _fits(contract: Contract) -> bool:
    return (
        contract.notified is not None
        and contract.amount is not None
        and 20_000 <= contract.amount <= 14_000_000
        and bool(contract.holders)
        and all(holder.kind == "SIRET" for holder in contract.holders)
        and not contract.is_call_off
        and contract.contract_id not in SHARED_IDS
        and (contract.buyer.siret, contract.contract_id) not in LOTS
    )


def _with_lots(contracts: Sequence[Contract]) -> Iterator[tuple[Contract, ...]]:
    for contract in contracts:
        lots = LOTS.get((contract.buyer.siret, contract.contract_id), ())
        if any(f"Lot {lot} :" in contract.title for lot in lots):
            yield (contract,)


def _chosen(contracts: Sequence[Contract], rng: random.Random) -> Iterator[tuple[Contract, ...]]:
    """The programme, the pools, then one contract each."""
    fitting = [contract for contract in contracts if _fits(contract)]
    programme = next(c for c in fitting if (c.buyer.siret, c.contract_id) == PROGRAMME)
    yield (programme,)
    pools = list(_pools(fitting))
    yield from pools
    taken = {programme.uid, *(contract.uid for pool in pools for contract in pool)}
    free = [contract for contract in fitting if contract.uid not in taken]
    for year, quotas in QUOTAS.items():
        for buyer, count in quotas:
            usual = [
                c for c in free if c.buyer is buyer and c.year == year and c.trade.cpv in USUAL
            ]
            yield from ((contract,) for contract in rng.sample(usual, count))
    declared = [c for c in free if (c.year or 0) >= 2024 and CLAUSE in (c.social or ())]
    skipped = set(rng.sample(range(len(declared)), WITHOUT_COMMITMENT))
    yield from ((c,) for rank, c in enumerate(declared) if rank not in skipped)


def _pools(fitting: Iterable[Contract]) -> Iterator[tuple[Contract, ...]]:
    """Contracts of one holder and buyer, of one year and works or services."""
    alike: dict[tuple[str, str, int, str], list[Contract]] = {}
    for contract in fitting:
        year = contract.year or 0
        if year < 2024 and contract.buyer is METROPOLE and contract.trade.cpv in USUAL:
            key = (contract.buyer.siret, contract.holders[0].siret, year, contract.trade.kind)
            alike.setdefault(key, []).append(contract)
    left = [sorted(found, key=lambda c: c.uid) for _, found in sorted(alike.items())]
    for size in POOLED:
        pool = next(found for found in left if len(found) == size)
        left.remove(pool)
        yield tuple(pool)


# --- an operation --------------------------------------------------------------------------------


def _draft(number: int, contracts: tuple[Contract, ...], rng: random.Random) -> Operation:
    first = contracts[0]
    starts = [_start(contract) for contract in contracts]
    ends = [last_day(add_months(_start(contract), contract.months - 1)) for contract in contracts]
    lots = LOTS.get((first.buyer.siret, first.contract_id), ())
    lot = next((lot for lot in lots if f"Lot {lot} :" in first.title), "")
    length = sum(contract.months for contract in contracts)
    operation = Operation(
        number=number,
        name=first.title.split(" - Lot")[0],
        contracts=contracts,
        lot=lot,
        facilitator=_facilitator(first, rng),
        sector=SECTORS.get(first.trade.cpv, "other"),
        mode="fixed",
        start=min(starts),
        end=max(ends),
        committed=None,
        in_force=None,
        expected=Decimal(0),
        monthly=length <= 12,
        return_day=rng.choice((10, 15, 15, 15)),
        given_id=f"ENG-{first.year}-{number:03d}"
        if len(contracts) > 1 or rng.random() < 0.4
        else "",
        penalty_per_hour=rng.choice((None, 50, 75, 100, 200)),
    )
    if (first.buyer.siret, first.contract_id) == PROGRAMME:
        return _as_programme(operation)
    return replace(operation, silent=_silence(operation, rng))


def _as_programme(operation: Operation) -> Operation:
    return replace(
        operation,
        name="Entretien des écoles avec les associations",
        given_id="ENG-2021-ECOLES",
        facilitator=MDE,
        sector="cleaning",
        monthly=False,
        penalty_per_hour=None,
        sites=tuple(f"École {name}" for name in SCHOOLS),
        hosts=tuple(f"Association Exemple {letter}" for letter in "ABCDEF"),
    )


SCHOOLS = (
    "des Acacias", "du Moulin", "des Tilleuls", "de la Gare", "du Lavoir", "des Deux-Ponts",
    "des Tanneurs", "de la Filature", "des Trois-Fontaines", "des Chênes", "du Halage",
    "des Coquelicots", "des Glycines", "des Peupliers", "du Verger", "de la Fontaine", "des Prés",
    "du Belvédère",
)  # fmt: skip


def _start(contract: Contract) -> date:
    """The first of the month that begins at least two weeks after the notification."""
    return add_months((contract.notified or AS_OF) + timedelta(days=14), 1)


def _facilitator(contract: Contract, rng: random.Random) -> str:
    if contract.buyer is CCAS:
        return MDE
    return PLIE if contract.buyer is METROPOLE or rng.random() < 0.5 else MDE


def _silence(operation: Operation, rng: random.Random) -> frozenset[date]:
    """One operation in fourteen owes a return that never came."""
    months = [m for m in operation.months if m < date(2025, 7, 1)]
    if rng.random() > 0.07 or len(months) < 5:
        return frozenset()
    month = rng.choice(months[1:-1])
    return frozenset(period_of(operation, month))


def period_of(operation: Operation, month: date) -> tuple[date, ...]:
    """The months of the return that holds a month: itself, or its quarter."""
    if operation.monthly:
        return (month,)
    opening = date(month.year, (month.month - 1) // 3 * 3 + 1, 1)
    return tuple(add_months(opening, rank) for rank in range(3))


# --- what is committed ---------------------------------------------------------------------------

LABOUR_SHARES = {"45442100": ("Peinture", Decimal("0.70")), "45214200": ("", Decimal("0.50"))}
MODE_LABELS = {
    "fixed": "Volume fixe", "per_tranche": "Par tranche facturée",
    "labour_share": "Pourcentage de main-d'œuvre", "people": "Nombre de personnes",
    "per_order": "À la commande",
}  # fmt: skip


def _terms(draft: Operation, rng: random.Random) -> Operation:
    """The operation with its mode, its versions and what they commit."""
    if draft.sites:
        return _people(draft, rng, PROGRAMME_PEOPLE - 10, 420)
    first = draft.contracts[0]
    turn = rng.random()
    if len(draft.contracts) > 1:
        return _fixed(draft, rng)
    if first.is_framework and turn < 0.7:
        return _per_order(draft, rng)
    if first.trade.cpv in {"90511000", "45231300"} and turn < 0.5:
        return _per_tranche(draft, rng)
    if first.trade.kind == "works" and turn < 0.75:
        return _labour_share(draft, rng)
    if turn > 0.9:
        return _people(draft, rng, rng.randint(2, 6), rng.choice((300, 455, 600, None)))
    return _fixed(draft, rng)


def _row(operation: Operation, valid_from: date, **terms: Any) -> dict[str, Any]:
    return {"valid_from": valid_from, **terms}


def _usual_hours(operation: Operation, rng: random.Random) -> int:
    """A plausible volume: more months, more hours."""
    months = min(len(operation.months) + 2, 40)
    scale = 3.6 if operation.sector == "construction" else 1.0
    return max(int(months**0.75 * rng.uniform(182, 750) * scale) // 10 * 10, 60)


def _fixed(draft: Operation, rng: random.Random) -> Operation:
    hours = _usual_hours(draft, rng) * len(draft.contracts)
    rows = [_row(draft, draft.notified, committed_hours=hours)]
    revised = hours
    if rng.random() < 0.22 and len(draft.months) > 4:
        revised = int(hours * rng.choice((0.8, 0.9, 1.15, 1.3))) // 10 * 10
        day = draft.months[len(draft.months) // 2] + timedelta(days=9)
        reason = "Avenant n° 1" if revised > hours else "Avenant n° 1 : volume réduit"
        rows.append(_row(draft, day, committed_hours=revised, revision_reason=reason))
    if rng.random() < 0.1 and len(draft.months) > 6 and revised == hours:
        middle = last_day(draft.months[len(draft.months) // 2])
        points = f"{middle:%d/%m/%Y} = {hours * 3 // 10} ; {draft.end:%d/%m/%Y} = {hours}"
        rows[0]["schedule"] = points
    return _with(draft, "fixed", rows, Decimal(hours), Decimal(revised))


def _labour_share(draft: Operation, rng: random.Random) -> Operation:
    first = draft.contracts[0]
    amount = first.amount or Decimal(0)
    trade, share = LABOUR_SHARES.get(first.trade.cpv, ("", Decimal("0.40")))
    rate = Decimal(rng.choice(("0.05", "0.07", "0.10", "0.15")))
    cost = Decimal(rng.choice((26, 28, 30)))
    hours = half_up(Fraction(amount) * Fraction(share) * Fraction(rate) / Fraction(cost))
    row = _row(
        draft, draft.notified, amount=amount, insertion_rate=rate, hourly_cost=cost,
        **({"trade": trade} if trade else {}), **({} if trade else {"labour_share": share}),
    )  # fmt: skip
    return _with(draft, "labour_share", [row], hours, hours)


def _per_tranche(draft: Operation, rng: random.Random) -> Operation:
    amount = draft.contracts[0].amount or Decimal(0)
    trigger = Decimal(int(amount * Decimal("0.2")) // 1000 * 1000)
    tranche = Decimal(rng.choice((200, 250, 400)))
    hours = Decimal(int((amount - trigger) / tranche))
    row = _row(draft, draft.notified, trigger_amount=trigger, tranche_amount=tranche,
               hours_per_tranche=1)  # fmt: skip
    # One in five does not say what the contract is worth: nothing tells the hours in advance.
    if rng.random() < 0.8:
        return _with(draft, "per_tranche", [{**row, "amount": amount}], hours, hours)
    return _with(draft, "per_tranche", [row], None, hours)


def _people(draft: Operation, rng: random.Random, people: int, each: int | None) -> Operation:
    row = _row(draft, draft.notified, people_count=people)
    if each is None:
        expected = people * rng.randint(200, 500)
        return replace(_with(draft, "people", [row], None, None), expected=Decimal(expected))
    hours = Decimal(people * each)
    return _with(draft, "people", [{**row, "hours_per_person": each}], hours, hours)


def _per_order(draft: Operation, rng: random.Random) -> Operation:
    """A version that announces orders, then the orders; those of the year commit that year."""
    months = [month for month in draft.months[:-1] if month < date(2025, 11, 1)]
    count = min(rng.randint(2, 5), len(months))
    days = sorted(rng.sample(months, count))
    rows = [_row(draft, draft.notified)]
    total = of_the_year = Decimal(0)
    for rank, month in enumerate(days, 1):
        day = month + timedelta(days=rng.randint(2, 20))
        order: dict[str, Any] = {"order_id": f"BC-{rank:02d}", "order_date": day}
        if rng.random() < 0.3:
            amount = Decimal(rng.randint(20, 120) * 1000)
            order |= {"amount": amount, "labour_share": Decimal("0.50"),
                      "insertion_rate": Decimal("0.10"), "hourly_cost": Decimal(28)}  # fmt: skip
            ordered = half_up(Fraction(amount) * Fraction(1, 20) / 28)
        else:
            hours = rng.randint(8, 55) * 10
            order["committed_hours"] = hours
            ordered = Decimal(hours)
        total += ordered
        of_the_year += ordered if day.year == draft.notified.year else 0
        rows.append(_row(draft, day, **order))
    # Without any order nothing is known; with orders in later years only, it is zero.
    return _with(draft, "per_order", rows, of_the_year if days else None, total)


def _with(
    draft: Operation,
    mode: str,
    rows: Sequence[dict[str, Any]],
    committed: Decimal | None,
    in_force: Decimal | None,
) -> Operation:
    return replace(
        draft, mode=mode, rows=tuple(rows), committed=committed, in_force=in_force,
        expected=in_force or Decimal(0),
    )  # fmt: skip


# --- the file ------------------------------------------------------------------------------------

HEADER = (
    "engagement_id", "operation", "marche_id", "lot", "maitre_ouvrage", "facilitateur",
    "entreprise_siret", "entreprise", "mode", "date_effet", "motif_revision", "commande",
    "date_commande", "heures", "montant_ht", "part_main_oeuvre", "corps_etat", "taux_insertion",
    "cout_horaire", "seuil_declenchement", "tranche", "heures_par_tranche", "personnes",
    "heures_par_personne", "debut", "fin", "echeancier", "periodicite", "jour_releve", "cdi_mois",
    "penalite_heure", "penalite_jour",
)  # fmt: skip


@dataclass(frozen=True)
class Extra:
    """What a trap adds to the rows of a commitment: column of the file → text."""

    commitment_id: str
    columns: Mapping[str, object] = field(default_factory=dict)


def rows(
    operations: Iterable[Operation], extras: Mapping[str, Mapping[str, object]]
) -> Iterator[Sequence[object]]:
    """The commitments, one line per version and order. `extras`: by commitment, column → text."""
    for operation in operations:
        for terms in operation.rows:
            cells = {**_cells(operation, terms), **extras.get(operation.commitment_id, {})}
            yield [cells[name] for name in HEADER]


def percent(share: Decimal | None) -> str:
    """A share as the sheet writes it: `15 %`."""
    return "" if share is None else f"{share * 100:.0f} %"


def _cells(operation: Operation, terms: Mapping[str, Any]) -> dict[str, object]:
    def given(name: str) -> object:
        value = terms.get(name)
        return "" if value is None else value

    return {
        "engagement_id": operation.given_id,
        "operation": operation.name,
        "marche_id": ";".join(contract.contract_id for contract in operation.contracts),
        "lot": operation.lot,
        "maitre_ouvrage": operation.buyer.siret,
        "facilitateur": operation.facilitator,
        "entreprise_siret": operation.holder.siret,
        "entreprise": operation.holder.name,
        "mode": MODE_LABELS[operation.mode],
        "date_effet": terms["valid_from"].isoformat(),
        "motif_revision": given("revision_reason"),
        "commande": given("order_id"),
        "date_commande": given("order_date"),
        "heures": given("committed_hours"),
        "montant_ht": given("amount"),
        "part_main_oeuvre": percent(terms.get("labour_share")),
        "corps_etat": given("trade"),
        "taux_insertion": percent(terms.get("insertion_rate")),
        "cout_horaire": given("hourly_cost"),
        "seuil_declenchement": given("trigger_amount"),
        "tranche": given("tranche_amount"),
        "heures_par_tranche": given("hours_per_tranche"),
        "personnes": given("people_count"),
        "heures_par_personne": given("hours_per_person"),
        "debut": operation.start.isoformat(),
        "fin": operation.end.isoformat(),
        "echeancier": given("schedule"),
        "periodicite": "Mensuel" if operation.monthly else "Trimestriel",
        "jour_releve": operation.return_day,
        "cdi_mois": "",
        "penalite_heure": operation.penalty_per_hour or "",
        "penalite_jour": 75 if operation.penalty_per_hour else "",
    }
