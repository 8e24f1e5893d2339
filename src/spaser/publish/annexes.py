"""The annex tables of the report: what a scheme may not have, read aggregated.

`quality.actions`, `quality.completeness`, `quality.suspicions`, `quality.mappings`,
`quality.audits`, `indicators.duty`, `curated.reconciliation`, `curated.corrections`, and the tax
basis of `curated.contracts`. A table that was not built gives no row; `has` tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from spaser.publish.reading import Source
from spaser.warehouse import literal

MATCHED = ("id", "description", "decided")
"""Levels of `curated.reconciliation` that make two contracts one; `near` never does."""

_DEAREST = "amount_eur desc nulls last, uid, field, source_file, source_pointer, value, detail"

Row = TypeVar("Row")


@dataclass(frozen=True)
class Action:
    """A thing to do, and what it brings."""

    action_key: str
    rule: str | None
    field: str | None
    buyer_id: str | None
    year: int | None
    severity: str
    count: int
    contracts: int | None
    amount_eur: Decimal | None
    gain_fr: str | None
    gain_en: str | None
    action_fr: str | None
    action_en: str | None
    decides: list[str] | None


@dataclass(frozen=True)
class Filled:
    """How often a field is filled for a buyer, a directorate and a year; `*` is all."""

    buyer_id: str
    directorate: str
    year: int
    field: str
    required: int
    filled: int

    @property
    def share(self) -> Decimal | None:
        """The share filled, 0–1; null where nothing is expected."""
        return Decimal(self.filled) / Decimal(self.required) if self.required else None


@dataclass(frozen=True)
class SuspicionGroup:
    """The suspicions of one rule."""

    rule: str
    count: int
    contracts: int
    amount_eur: Decimal | None


@dataclass(frozen=True)
class Suspicion:
    """A thing to check, and never a repair."""

    rule: str
    uid: str | None
    buyer_id: str | None
    field: str | None
    value: str | None
    reference_value: str | None
    detail: str | None
    source_file: str | None
    source_pointer: str | None
    amount_eur: Decimal | None


@dataclass(frozen=True)
class TaxBasis:
    """The contracts whose amount is without VAT, with VAT, or of unknown basis."""

    tax_basis: str
    contracts: int
    usable: int
    usable_eur: Decimal | None


@dataclass(frozen=True)
class MappedColumn:
    """A column of a file, and the field it fills; null is not understood."""

    source_file: str
    sheet: str | None
    column_letter: str | None
    header: str | None
    field: str | None
    confidence: Decimal | None
    reviewed: bool


@dataclass(frozen=True)
class Audit:
    """A sample checked against the contract documents."""

    code: str
    year: int
    scope: str
    buyer_id: str
    declared_value: Decimal | None
    estimated_value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    sampled: int
    checked: int
    undetermined: int
    population: int
    declared_unknown: int
    unknown_checked: int
    unknown_found: int


@dataclass(frozen=True)
class Duty:
    """The test of D2111-3 for a buyer and a calendar year."""

    buyer_id: str
    year: int
    spend_low_eur: Decimal | None
    spend_high_eur: Decimal | None
    threshold_eur: Decimal | None
    threshold_source: str | None
    threshold_status: str | None
    status: str
    reason_fr: str | None
    reason_en: str | None


@dataclass(frozen=True)
class Matches:
    """How many pairs, and contracts of one side alone, at a level of the reconciliation."""

    level: str
    in_own: bool
    in_decp: bool
    decp_received: bool
    is_publication_due: bool
    count: int


@dataclass(frozen=True)
class Match:
    """A line of the reconciliation of the register with DECP."""

    own_uid: str | None
    decp_uid: str | None
    level: str
    score: Decimal | None
    buyer_id: str
    differences: list[str] | None
    own_values: str | None
    decp_values: str | None
    reason_fr: str | None
    reason_en: str | None
    decp_received: bool | None
    is_publication_due: bool | None

    @property
    def side(self) -> str:
        """The level of a pair, else which side the contract is on and what follows from it."""
        if self.own_uid is not None and self.decp_uid is not None:
            return self.level
        if self.own_uid is None:
            return "only_decp"
        return only_own(bool(self.decp_received), bool(self.is_publication_due))


def only_own(decp_received: bool, is_publication_due: bool) -> str:
    """Why a contract of the register is alone: its publication is late, not due, or not received.

    Where no DECP file of the buyer and year was read, nothing is missing in it.
    """
    if not decp_received:
        return "decp_not_received"
    return "due" if is_publication_due else "only_own"


@dataclass(frozen=True)
class Difference:
    """A field that differs between the register and DECP, in one pair."""

    field: str
    pairs: int
    own_uid: str
    own_values: str | None
    decp_values: str | None


@dataclass(frozen=True)
class Correction:
    """A line of the ledger, and what became of it."""

    key: str
    field: str
    old: str | None
    new: str | None
    reason: str | None
    evidence: str | None
    author: str | None
    date: str | None
    status: str
    found: str | None
    line: int | None


class Annexes:
    """The annex tables of a scheme, for the report of one year."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.year = source.year

    def has(self, table: str) -> bool:
        """Whether the table was built."""
        return self.source.offers(table)

    def actions(self) -> list[Action]:
        """Things to do: what decides an objective, then the gravest, by rank in the year."""
        return self._rows(
            Action,
            "quality.actions",
            "select {columns} from quality.actions order by len(coalesce(decides, [])) = 0, "
            "case severity when 'error' then 1 when 'warning' then 2 else 3 end, "
            "year desc nulls last, rank, action_key",
        )

    def completeness(self) -> list[Filled]:
        """Every field, by buyer, by directorate and as a whole, up to the report's year."""
        return self._rows(
            Filled,
            "quality.completeness",
            "select {columns} from quality.completeness "
            f"where year = {self.year} or year < {self.year} and buyer_id = '*' "
            "and directorate = '*' order by buyer_id, directorate, year, field",
        )

    def suspicion_groups(self) -> list[SuspicionGroup]:
        """Suspicions of the year, or of no year, by rule.

        A contract's amount counts once by rule; a case that puts contracts together has its own.
        """
        return self._rows(
            SuspicionGroup,
            "quality.suspicions",
            f"""with found as ({self._suspicions()}), amounts as (
                select rule, sum(amount) as amount_eur from (
                    select rule, max(amount_eur) as amount from found
                    where uid is not null group by rule, uid
                    union all
                    select rule, amount_eur from found where uid is null
                ) group by rule
            ), counted as (
                select rule, count(*) as count, count(distinct uid) as contracts
                from found group by rule
            )
            select c.rule, c.count, c.contracts, cast(a.amount_eur as decimal(38, 2)) as amount_eur
            from counted c left join amounts a on a.rule = c.rule
            order by c.count desc, c.rule""",
        )

    def suspicions(self, limit: int) -> list[Suspicion]:
        """Suspicions of the year, or of no year, by rule, the dearest first."""
        return self._rows(
            Suspicion,
            "quality.suspicions",
            f"select {{columns}} from ({self._suspicions()}) "
            f"order by rule, {_DEAREST} limit {limit}",
        )

    def suspicion_examples(self, each: int) -> list[Suspicion]:
        """The first suspicions of each rule."""
        return self._rows(
            Suspicion,
            "quality.suspicions",
            f"select {{columns}} from (select *, row_number() over (partition by rule order by "
            f"{_DEAREST}) as place from ({self._suspicions()})) where place <= {each} "
            "order by rule, place",
        )

    def _suspicions(self) -> str:
        return f"select * from quality.suspicions where year = {self.year} or year is null"

    def tax_bases(self) -> list[TaxBasis]:
        """Contracts of the scheme in the year by tax basis; a null basis is unknown."""
        return self._rows(
            TaxBasis,
            "curated.contracts",
            f"""with found as (
                select coalesce(c.tax_basis, 'unknown') as tax_basis, c.amount_usable_eur
                from curated.contracts c join curated.buyers b on b.buyer_id = c.buyer_id
                where b.in_scheme and c.year = {self.year} and c.amount_initial_eur is not null
            )
            select tax_basis, count(*) as contracts, count(amount_usable_eur) as usable,
                sum(amount_usable_eur) as usable_eur
            from found group by tax_basis
            order by case tax_basis when 'ht' then 1 when 'ttc' then 2 else 3 end, tax_basis""",
        )

    def mappings(self) -> list[MappedColumn]:
        """The columns of each file, in their order."""
        return self._rows(
            MappedColumn,
            "quality.mappings",
            "select {columns} from quality.mappings order by source_file, sheet, "
            "length(column_letter), column_letter",
        )

    def audits(self) -> list[Audit]:
        """The samples of the year that came back."""
        return self._rows(
            Audit,
            "quality.audits",
            "select code, year, scope, buyer_id, "
            + ", ".join(
                f"cast({name} as decimal(38, 6)) as {name}"
                for name in ("declared_value", "estimated_value", "low", "high")
            )
            + ", sampled, checked, undetermined, population, declared_unknown, unknown_checked, "
            f"unknown_found from quality.audits where year = {self.year} "
            "order by code, scope, buyer_id",
        )

    def duty(self) -> list[Duty]:
        """The duty test of each buyer, the latest year first."""
        return self._rows(
            Duty,
            "indicators.duty",
            f"select {{columns}} from indicators.duty where year <= {self.year} "
            "order by year desc, buyer_id",
        )

    def matches(self) -> list[Matches]:
        """Lines of the year's reconciliation by level and side."""
        return self._rows(
            Matches,
            "curated.reconciliation",
            "select level, own_uid is not null as in_own, decp_uid is not null as in_decp, "
            "coalesce(decp_received, false) as decp_received, "
            "coalesce(is_publication_due, false) as is_publication_due, "
            f"count(*) as count from curated.reconciliation where year = {self.year} "
            "group by all order by all",
        )

    def sides(self) -> set[str]:
        """Which of `own` and `decp` the reconciliation met, whatever the year."""
        if not self.has("curated.reconciliation"):
            return set()
        found = self.source.connection.execute(
            "select count(own_uid), count(decp_uid) from curated.reconciliation"
        ).fetchall()[0]
        return {side for side, count in zip(("own", "decp"), found, strict=True) if count}

    def differences(self, each: int) -> list[Difference]:
        """The first pairs that differ on each field, with the number of pairs that do."""
        return self._rows(
            Difference,
            "curated.reconciliation",
            f"""with differing as (
                select unnest(differences) as field, own_uid, decp_uid, own_values, decp_values
                from curated.reconciliation
                where year = {self.year} and level in ({_listed(MATCHED)})
                    and own_uid is not null and decp_uid is not null
            ), placed as (
                select *, count(*) over (partition by field) as pairs,
                    row_number() over (partition by field order by own_uid, decp_uid) as place
                from differing
            )
            select {{columns}} from placed where place <= {each}
            order by pairs desc, field, place""",
        )

    def near(self, limit: int | None = None) -> list[Match]:
        """Pairs that may be one contract, for someone to decide, the likeliest first."""
        return self._matches("level = 'near'", "score desc nulls last, ", limit)

    def to_look_at(self, limit: int) -> list[Match]:
        """Every line but the pairs that agree."""
        return self._matches("level in ('near', 'none') or len(differences) > 0", "level, ", limit)

    def _matches(self, where: str, order: str, limit: int | None) -> list[Match]:
        return self._rows(
            Match,
            "curated.reconciliation",
            f"select {{columns}} from curated.reconciliation where year = {self.year} "
            f"and ({where}) order by {order}own_uid nulls last, decp_uid"
            + ("" if limit is None else f" limit {limit}"),
        )

    def proposals(self) -> int:
        """Corrections proposed and not decided, whatever the year."""
        if not self.has("quality.proposals"):
            return 0
        found = self.source.connection.execute("select count(*) from quality.proposals").fetchall()
        return int(found[0][0])

    def corrections(self) -> list[Correction]:
        """The lines of the ledger, in their order."""
        return self._rows(
            Correction,
            "curated.corrections",
            "select key, field, old, new, reason, evidence, author, "
            "cast(date as varchar) as date, status, found, line from curated.corrections "
            "order by line, key, field",
        )

    def _rows(self, kind: type[Row], table: str, query: str) -> list[Row]:
        return self.source.rows(kind, query) if self.has(table) else []


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(literal(name) for name in names)
