"""What a contract weighs in value figures, and what corrections do to it, year by year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from spaser.ledger import SAME_AS
from spaser.quality.field_values import CENT
from spaser.scheme import Precedence
from spaser.warehouse import Connection


@dataclass(frozen=True)
class Worth:
    """The fields in force that a contract's usable amount and its year come from."""

    amount: Decimal | None = None
    amount_with_tax: Decimal | None = None
    maximum_amount: Decimal | None = None
    tax_basis: str | None = None
    vat_rate: Decimal | None = None
    outcome: str | None = None
    notified_date: date | None = None

    @property
    def year(self) -> int | None:
        """The year the contract counts in."""
        return None if self.notified_date is None else self.notified_date.year

    def usable(self) -> Decimal:
        """The euros without VAT that enter value figures; 0 when none does.

        The rules are those of `curated.contracts`: without VAT, or made so with the row's rate; at
        least 1 € and not 1 € exactly, at most three billion, no typing figure (DGE/AIFE rules of
        aberrant amounts, DOMAIN §4.2). Tests hold both to the same answers.
        """
        if self.outcome not in (None, "awarded"):
            return Decimal(0)
        amount = self._without_tax()
        return Decimal(0) if amount is None or is_set_aside(amount) else amount

    def _without_tax(self) -> Decimal | None:
        declared, basis = self.amount, self.tax_basis
        if declared is None and self.amount_with_tax is not None:
            declared, basis = self.amount_with_tax, "ttc"
        elif declared is None:
            declared = self.maximum_amount
        if declared is None or basis == "ht":
            return declared
        if basis == "ttc" and self.vat_rate is not None:
            return (declared / (1 + self.vat_rate)).quantize(CENT, ROUND_HALF_UP)
        return None

    def changed(self, field: str, value: Any) -> Worth:
        """The same contract with another value of a field; fields of no weight change nothing."""
        return replace(self, **{field: value}) if field in WORTH_FIELDS else self


WORTH_FIELDS = (
    "amount",
    "amount_with_tax",
    "maximum_amount",
    "tax_basis",
    "vat_rate",
    "outcome",
    "notified_date",
)


def is_set_aside(amount: Decimal) -> bool:
    """Whether an amount without VAT is one that value figures leave out."""
    if amount <= 1 or amount > 3_000_000_000:
        return True
    if amount <= 100_000_000:
        return False
    digits = str(amount).removesuffix(".00")
    repeated = digits.isdigit() and max(digits.count(digit) for digit in "123456789") > 6
    return digits.startswith("123456789") or repeated


@dataclass(frozen=True)
class Contract:
    """What is in force of a contract that a change is about."""

    buyer_id: str
    object: str | None
    worth: Worth
    corrected: frozenset[str]
    decp_uid: str | None
    source_file: str | None
    source_pointer: str | None


def contracts_of(connection: Connection, keys: Iterable[str]) -> dict[str, Contract]:
    """The contracts of some keys, as `curated.entries` has them."""
    connection.register("asked_keys", pa.table({"uid": pa.array(sorted(keys), pa.string())}))
    rows = connection.sql(
        f"""select uid, buyer_id, object, {", ".join(WORTH_FIELDS[:-1])}, first_notified_date,
            corrected_fields, decp_uid, source_file, source_pointer
        from curated.entries semi join asked_keys using (uid) where record_kind = 'contract'"""
    ).to_arrow_table()
    return {row["uid"]: _contract(row) for row in rows.to_pylist()}


def _contract(row: dict[str, Any]) -> Contract:
    worth = {name: row[name] for name in WORTH_FIELDS[:-1]}
    return Contract(
        buyer_id=row["buyer_id"] or "",
        object=row["object"],
        worth=Worth(**worth, notified_date=row["first_notified_date"]),
        corrected=frozenset(row["corrected_fields"] or ()),
        decp_uid=row["decp_uid"],
        source_file=row["source_file"],
        source_pointer=row["source_pointer"],
    )


@dataclass(frozen=True)
class Published:
    """A DECP contract: its amount and date, and whether it is counted apart today."""

    worth: Worth
    is_counted: bool


def published_of(connection: Connection, uids: Iterable[str]) -> dict[str, Published]:
    """The DECP contracts of some uids."""
    connection.register("asked_decp", pa.table({"uid": pa.array(sorted(uids), pa.string())}))
    rows = connection.sql(
        """select p.uid, r.amount, coalesce(r.amount_tax, 'ht') as basis, r.outcome,
            p.notified_date, e.uid is not null as is_counted
        from curated.publications p join curated.records r using (record_number)
        semi join asked_decp on asked_decp.uid = p.uid
        left join curated.entries e
            on e.decp_uid = p.uid and e.origin = 'decp' and e.record_kind = 'contract'
        where p.role = 'retained' and p.origin = 'decp' and p.record_kind = 'contract'"""
    ).to_arrow_table()
    return {
        row["uid"]: Published(
            Worth(
                amount=row["amount"],
                tax_basis=row["basis"],
                outcome=row["outcome"],
                notified_date=row["notified_date"],
            ),
            row["is_counted"],
        )
        for row in rows.to_pylist()
    }


def joined(own: Worth, decp: Worth, precedence: Precedence) -> Worth:
    """What is in force of a contract of the register once it is joined with one of DECP."""
    has_own = any(v is not None for v in (own.amount, own.amount_with_tax, own.maximum_amount))
    amounts = own
    if decp.amount is not None and (not has_own or precedence.of("amount") == "decp"):
        amounts = decp
    day = own.notified_date or decp.notified_date
    if precedence.of("notified_date") == "decp":
        day = decp.notified_date or own.notified_date
    return replace(amounts, outcome=own.outcome or decp.outcome, notified_date=day)


class Effects:
    """What changes do to usable amounts, year by year, one after the other."""

    def __init__(
        self,
        contracts: Mapping[str, Contract],
        published: Mapping[str, Published],
        precedence: Precedence,
    ) -> None:
        self._worths = {key: contract.worth for key, contract in contracts.items()}
        self._apart = {uid: found for uid, found in published.items() if found.is_counted}
        self._published = published
        self._precedence = precedence

    def of(self, key: str, field: str, new: Any) -> dict[int | None, Decimal]:
        """What a change adds to the usable amount of each year; it is then in force."""
        before = self._worths[key]
        effect: dict[int | None, Decimal] = {}
        if field == SAME_AS:
            decp = self._published.get(new)
            after = joined(before, decp.worth, self._precedence) if decp else before
            alone = self._apart.pop(new, None)
            if alone is not None:
                effect[alone.worth.year] = -alone.worth.usable()
        else:
            after = before.changed(field, new)
        effect[before.year] = effect.get(before.year, Decimal(0)) - before.usable()
        effect[after.year] = effect.get(after.year, Decimal(0)) + after.usable()
        self._worths[key] = after
        return {year: euros for year, euros in effect.items() if euros}
