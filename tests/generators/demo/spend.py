"""Spend ledgers of the three buyers, and whether they are bound to have a SPASER.

Spend of a year under contracts, Book V apart, without VAT, strictly above 50 M€ (CCP art. L2111-3,
D2111-3). The metropolis is bound, the centre is not; the town is not in 2024, and its ledger of
2025, with VAT and no rate, decides nothing.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.generators.demo.registers import (
    BUILDERS,
    BUYERS,
    INCLUSIVE,
    PROVIDERS,
    SEED,
    TRADERS,
    TRADES,
    VILLE,
    Buyer,
    Holder,
    Record,
)

FILES = {2024: "depenses-2024.csv", 2025: "depenses-2025.csv"}
THRESHOLD_EUR = Decimal(50_000_000)
TOTALS_EUR = {
    ("metropole", 2024): 71_000_000, ("metropole", 2025): 68_000_000,
    ("ville", 2024): 29_000_000, ("ville", 2025): 31_000_000,
    ("ccas", 2024): 5_200_000, ("ccas", 2025): 5_600_000,
}  # fmt: skip
LINES = {"metropole": 210, "ville": 140, "ccas": 70}
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """A line of a ledger; `is_under_contract` is None where the cell is blank."""

    buyer: Buyer
    year: int
    voucher: str
    paid: date
    supplier: Holder | None
    category: str
    account: str
    reference: str
    amount: Decimal
    basis: str
    rate: Decimal | None
    is_under_contract: bool | None
    is_book_v: bool

    @property
    def usable(self) -> Decimal | None:
        """Without VAT: as stated, or through the rate of the line."""
        if self.basis == "HT":
            return self.amount
        if self.rate is None:
            return None
        return (self.amount / (1 + self.rate)).quantize(CENT, ROUND_HALF_UP)

    @property
    def counts(self) -> bool | None:
        """Whether it is spend under a contract, Book V apart."""
        if self.is_book_v:
            return False
        return self.is_under_contract


def lines() -> list[Line]:
    """Every line of both years."""
    rng = random.Random(SEED + 1)
    return [line for year in FILES for buyer in BUYERS for line in _lines_of(buyer, year, rng)]


def _lines_of(buyer: Buyer, year: int, rng: random.Random) -> list[Line]:
    count = LINES[buyer.slug]
    weights = [rng.lognormvariate(0, 1.2) for _ in range(count)]
    unit = Decimal(TOTALS_EUR[buyer.slug, year]) / Decimal(sum(int(w * 1000) for w in weights))
    return [
        _line(buyer, year, number, (unit * int(weight * 1000)).quantize(CENT), rng)
        for number, weight in enumerate(weights, 1)
    ]


def _line(buyer: Buyer, year: int, number: int, amount: Decimal, rng: random.Random) -> Line:
    trade = rng.choice(TRADES)
    pool = {"works": BUILDERS, "supplies": TRADERS, "services": PROVIDERS}[trade.kind]
    supplier = rng.choice(INCLUSIVE) if rng.random() < 0.06 else rng.choice(pool)
    drawn = rng.random()
    under = None if number % 47 == 0 else drawn < 0.86
    credit = number % 41 == 0
    with_tax = (buyer is VILLE and year == 2025) or (year == 2025 and number % 53 == 0)
    return Line(
        buyer=buyer,
        year=year,
        voucher=f"{year}-{buyer.slug[:3].upper()}-{number:04d}",
        paid=date(year, 1, 10) + timedelta(days=rng.randrange(350)),
        supplier=None if number % 61 == 0 else supplier,
        category=trade.objects[0].split(" {")[0].split(",")[0],
        account={"works": "2315", "supplies": "6068", "services": "611"}[trade.kind],
        reference=buyer.contract_id(year, rng.randint(1, 25)) if under else "",
        amount=(-amount / 10).quantize(CENT) if credit else amount,
        basis="TTC" if with_tax else "HT",
        rate=Decimal("0.2") if with_tax and buyer is not VILLE else None,
        is_under_contract=under,
        is_book_v=bool(under) and drawn < 0.02,
    )


HEADER = (
    "Exercice", "N° de mandat", "Date de mandatement", "SIRET acheteur", "Acheteur",
    "SIRET fournisseur", "Fournisseur", "Famille d'achat", "Compte", "N° de marché", "Montant (€)",
    "HT/TTC", "Taux de TVA", "Sous marché", "Livre V",
)  # fmt: skip


def _written(line: Line) -> tuple[object, ...]:
    under = {True: "oui", False: "non", None: ""}[line.is_under_contract]
    return (
        line.year, line.voucher, f"{line.paid:%d/%m/%Y}", line.buyer.siret, line.buyer.name,
        line.supplier.siret if line.supplier else "",
        line.supplier.name if line.supplier else "Fournisseurs divers", line.category,
        line.account, line.reference, f"{line.amount:,.2f}".replace(",", " ").replace(".", ","),
        line.basis, "20 %" if line.rate else "", under, "oui" if line.is_book_v else "non",
    )  # fmt: skip


def ledger(entries: Iterable[Line], year: int) -> bytes:
    """The ledger of a year: that of 2024 in the encoding of an old accounting software."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(_written(line) for line in entries if line.year == year)
    return out.getvalue().encode("cp1252" if year == min(FILES) else "utf-8-sig")


# --- what is true ---------------------------------------------------------------------------------


def bounds(entries: Sequence[Line]) -> tuple[Decimal, Decimal | None]:
    """Least and most that was surely spent; None where nothing bounds it above.

    A line that may count is at worst a credit and at best a payment; without VAT, an amount with
    VAT lies between nothing and itself.
    """
    low = high = Decimal(0)
    is_open = False
    for line in entries:
        if line.counts is False:
            continue
        amount = line.usable
        if amount is None:
            low += min(line.amount, Decimal(0))
            is_open |= line.amount > 0
        elif line.counts:
            low, high = low + amount, high + amount
        else:
            low, high = low + min(amount, Decimal(0)), high + max(amount, Decimal(0))
    return low, None if is_open else high


def duties(entries: Sequence[Line]) -> list[Record]:
    """Buyer by buyer and year by year."""
    answers: list[Record] = []
    for year in FILES:
        for buyer in BUYERS:
            low, high = bounds([e for e in entries if e.buyer is buyer and e.year == year])
            is_bound, is_free = low > THRESHOLD_EUR, high is not None and high <= THRESHOLD_EUR
            status = "bound" if is_bound else "not_bound" if is_free else "undecidable"
            answers.append(
                {
                    "buyer_id": buyer.siret,
                    "year": year,
                    "status": status,
                    "spend_low_eur": str(low),
                    "spend_high_eur": None if high is None else str(high),
                }
            )
    return answers


def _group(line: Line) -> tuple[int, str, str]:
    return line.year, line.buyer.siret, line.basis.lower()


def by_basis(entries: Sequence[Line]) -> list[Record]:
    """Lines and usable euros of each buyer, year and tax basis."""
    groups = sorted({_group(e) for e in entries})
    answers: list[Record] = []
    for year, buyer, basis in groups:
        mine = [e for e in entries if _group(e) == (year, buyer, basis)]
        usable = [e.usable for e in mine if e.usable is not None]
        answers.append(
            {
                "year": year,
                "buyer_id": buyer,
                "tax_basis": basis,
                "lines": len(mine),
                "usable": len(usable),
                "usable_eur": str(sum(usable)) if usable else None,
            }
        )
    return answers


def under_contract(entries: Sequence[Line]) -> list[Record]:
    """GEN-01: what is known to be spent under contracts, Book V apart, without VAT."""
    answers: list[Record] = []
    for year in FILES:
        for buyer in (None, *BUYERS):
            mine = [
                e.usable
                for e in entries
                if e.year == year and buyer in (None, e.buyer) and e.counts and e.usable is not None
            ]
            answers.append(
                {
                    "year": year,
                    "buyer_id": buyer.siret if buyer else "*",
                    "eur": str(sum(mine, Decimal(0)).quantize(CENT)),
                }
            )
    return answers
