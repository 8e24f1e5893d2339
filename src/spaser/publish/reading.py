"""What the report reads: `indicators.*`, `quality.*`, `curated.buyers`, `facts.contracts`.

The annex tables, which a scheme may not have, are read in `annexes`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, TypeVar

from spaser.errors import InputError
from spaser.warehouse import Connection, Tables

DIMENSIONS = ("contract_type", "procedure_code", "amount_band", "cpv_division", "department_code")
"""Breakdowns of the report, in the order they are shown (after the buyers)."""

NEEDED = (
    "indicators.results",
    "indicators.evidence",
    "indicators.verdicts",
    "facts.contracts",
    "curated.buyers",
    "quality.run",
    "quality.inputs",
    "quality.balances",
    "quality.findings",
    "quality.completeness",
    "quality.checks",
)
_OPTIONAL = ("indicators.verdicts", "quality.findings", "quality.checks")
"""Tables a scheme may have no row for: no target, nothing found, no check."""


@dataclass(frozen=True)
class Result:
    """A row of `indicators.results`."""

    code: str
    method: str
    method_version: int
    scope: str
    buyer_id: str
    year: int
    dimension: str
    member: str
    measure: str
    unit: str
    numerator: Decimal | None
    denominator: Decimal | None
    unknown: Decimal | None
    excluded: Decimal | None
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    status: str
    reason_fr: str | None
    reason_en: str | None


@dataclass(frozen=True)
class Verdict:
    """A row of `indicators.verdicts`."""

    target_id: str
    buyer_id: str
    year: int
    code: str
    method: str
    scope: str
    measure: str
    unit: str
    direction: str
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    threshold: Decimal | None
    due_year: int
    verdict: str
    trajectory: str | None
    to_qualify: int | None
    baseline_year: int | None
    baseline_value: Decimal | None
    label_fr: str | None
    label_en: str | None


@dataclass(frozen=True)
class Line:
    """A contract of the year, as the annex lists it."""

    uid: str
    buyer_id: str
    object: str | None
    notified_date: dt.date | None
    amount_initial_eur: Decimal | None
    amount_usable_eur: Decimal | None
    amount_exclusion_reason: str | None
    contract_type: str | None
    procedure_code: str | None
    amount_band: str | None
    cpv_division: str | None
    department_code: str | None
    source_file: str | None
    source_pointer: str | None


@dataclass(frozen=True)
class Role:
    """The part a contract plays in a figure; once per code, method, scope, measure and unit."""

    code: str
    method: str
    scope: str
    measure: str
    unit_id: str
    role: str
    weight: Decimal | None
    reason: str | None


@dataclass(frozen=True)
class Cell:
    """A published aggregate on people, `axis=member`, behind figures; no weight under secrecy."""

    code: str
    method: str
    measure: str
    unit_id: str
    role: str
    weight: Decimal | None


@dataclass(frozen=True)
class Buyer:
    """A buyer of the results."""

    buyer_id: str
    buyer_name: str | None
    named_in_scheme: bool


@dataclass(frozen=True)
class Run:
    """The one row of `quality.run`."""

    scheme: str
    title_fr: str
    title_en: str
    as_of: dt.date
    floor_eur: Decimal
    software_version: str


@dataclass(frozen=True)
class InputFile:
    """A file read."""

    source_file: str
    sha256: str | None
    source: str | None
    bytes: int | None
    records: int | None
    kept: int | None
    rejected: int | None
    recognised: bool


@dataclass(frozen=True)
class BalanceRow:
    """A step: in = kept + merged + rejected."""

    step: str
    records_in: int
    kept: int
    merged: int
    rejected: int


@dataclass(frozen=True)
class FindingGroup:
    """The findings of one rule."""

    rule: str
    severity: str
    count: int
    action: str | None
    action_en: str | None


@dataclass(frozen=True)
class FindingExample:
    """One finding."""

    rule: str
    source_file: str | None
    source_pointer: str | None
    key: str | None
    message_fr: str
    message_en: str


@dataclass(frozen=True)
class FindingRow:
    """One finding, whole."""

    rule: str
    severity: str
    source_file: str | None
    source_pointer: str | None
    key: str | None
    field: str | None
    value: str | None
    message_fr: str
    message_en: str
    action: str | None
    action_en: str | None


@dataclass(frozen=True)
class Completeness:
    """How often a field is filled, all buyers, in the year."""

    field: str
    required: int
    filled: int


@dataclass(frozen=True)
class CheckRow:
    """A check declared in a card, and its outcome."""

    check_name: str
    table_name: str
    severity: str
    passed: bool
    unexpected_count: int | None
    description_fr: str
    description_en: str


Row = TypeVar("Row")

NUMBERS = {
    "numerator",
    "denominator",
    "unknown",
    "excluded",
    "value",
    "low",
    "high",
    "weight",
    "threshold",
    "baseline_value",
}


class Source:
    """The tables of a scheme, open for the report of one year."""

    def __init__(self, connection: Connection, tables: Tables, year: int) -> None:
        missing = [name for name in NEEDED if name not in _OPTIONAL and not tables.exists(name)]
        if missing:
            raise InputError(
                f"Tables absentes de {tables.root} : {', '.join(missing)}. "
                "Lancez « spaser run » pour les construire.",
                f"Tables missing from {tables.root}: {', '.join(missing)}. "
                "Run `spaser run` to build them.",
            )
        self.connection = connection
        self.tables = tables
        self.year = year
        tables.attach(connection, [name for name in NEEDED if tables.exists(name)])

    def results(self) -> list[Result]:
        """Results of the year (every buyer, or every dimension) and the earlier years' totals."""
        return self.rows(
            Result,
            "select {columns} from indicators.results where "
            f"year = {self.year} and (buyer_id = '*' or dimension = '*') "
            f"or year < {self.year} and buyer_id = '*' and dimension = '*' "
            "order by code, method, measure, unit, scope, buyer_id, year, dimension, member",
        )

    def verdicts(self) -> list[Verdict]:
        """Verdicts of the year."""
        if not self.tables.exists("indicators.verdicts"):
            return []
        return self.rows(
            Verdict,
            f"select {{columns}} from indicators.verdicts where year = {self.year} "
            "order by target_id, buyer_id",
        )

    def lines(self, limit: int | None = None) -> list[Line]:
        """Contracts of the year."""
        return self.rows(
            Line,
            f"select {{columns}} from facts.contracts where year = {self.year} order by uid"
            + (f" limit {limit}" if limit is not None else ""),
        )

    def roles(self) -> list[Role]:
        """Contracts in the evidence of the year, once a figure whatever the buyers it is for."""
        return self.rows(
            Role,
            f"select distinct {{columns}} from indicators.evidence where year = {self.year} "
            f"and unit_id in (select uid from facts.contracts where year = {self.year}) "
            "order by code, method, measure, unit_id, scope, role, reason",
        )

    def cells(self, codes: Sequence[str]) -> list[Cell]:
        """The published aggregates of the whole scheme behind the figures of some indicators."""
        if not codes:
            return []
        listed = ", ".join(f"'{code}'" for code in codes)
        return self.rows(
            Cell,
            f"select distinct {{columns}} from indicators.evidence where year = {self.year} "
            f"and buyer_id = '*' and code in ({listed}) "
            "order by code, method, measure, role, unit_id",
        )

    def buyers(self) -> list[Buyer]:
        """Buyers, those the scheme names first."""
        return self.rows(
            Buyer,
            "select {columns} from curated.buyers order by named_in_scheme desc, buyer_id",
        )

    def run(self) -> Run:
        """What was run."""
        return self.rows(Run, "select {columns} from quality.run")[0]

    def inputs(self) -> list[InputFile]:
        """Files read."""
        return self.rows(InputFile, "select {columns} from quality.inputs order by source_file")

    def balances(self) -> list[BalanceRow]:
        """Balances of the steps."""
        return self.rows(BalanceRow, "select {columns} from quality.balances order by step")

    def findings(self) -> list[FindingGroup]:
        """Findings by rule, the gravest first."""
        if not self.tables.exists("quality.findings"):
            return []
        return self.rows(
            FindingGroup,
            "select rule, severity, count(*) as count, min(action) as action, "
            "min(action_en) as action_en from quality.findings group by rule, severity "
            "order by case severity when 'error' then 1 when 'warning' then 2 else 3 end, "
            "count desc, rule",
        )

    def finding_examples(self, each: int) -> list[FindingExample]:
        """The first findings of each rule."""
        if not self.tables.exists("quality.findings"):
            return []
        return self.rows(
            FindingExample,
            "select {columns} from (select *, row_number() over (partition by rule order by "
            "source_file, source_pointer, key, finding_id) as place from quality.findings) "
            f"where place <= {each} order by rule, place",
        )

    def all_findings(self, limit: int) -> list[FindingRow]:
        """Findings, the gravest first."""
        if not self.tables.exists("quality.findings"):
            return []
        return self.rows(
            FindingRow,
            "select {columns} from quality.findings order by case severity when 'error' then 1 "
            "when 'warning' then 2 else 3 end, rule, source_file, source_pointer, key, finding_id "
            f"limit {limit}",
        )

    def completeness(self) -> list[Completeness]:
        """Completeness by field, all buyers, in the year."""
        return self.rows(
            Completeness,
            "select {columns} from quality.completeness "
            f"where buyer_id = '*' and year = {self.year} order by field",
        )

    def checks(self) -> list[CheckRow]:
        """Checks, the failed ones first."""
        if not self.tables.exists("quality.checks"):
            return []
        return self.rows(
            CheckRow,
            "select {columns} from quality.checks order by passed, table_name, check_name",
        )

    def undated(self) -> int:
        """Contracts without a notification date: in no year."""
        return self._count("select count(*) from facts.contracts where year is null")

    def line_count(self) -> int:
        """Contracts of the year."""
        return self._count(f"select count(*) from facts.contracts where year = {self.year}")

    def _count(self, query: str) -> int:
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def offers(self, table: str) -> bool:
        """Whether a table that a scheme may not have was built; it can then be read."""
        if not self.tables.exists(table):
            return False
        self.tables.attach(self.connection, [table])
        return True

    def rows(self, kind: type[Row], query: str) -> list[Row]:
        """The rows of a query, as dataclasses: `{columns}` stands for their fields."""
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        found = self.connection.execute(query.replace("{columns}", ", ".join(names))).fetchall()
        exact = [name in NUMBERS and kind in _WITH_FIGURES for name in names]
        return [
            kind(
                *(
                    _exact(value) if number else value
                    for number, value in zip(exact, row, strict=True)
                )
            )
            for row in found
        ]


_WITH_FIGURES = {Result, Verdict, Role, Cell}


def _exact(value: Any) -> Any:
    """Figures are decimals whatever integer type the engine gave."""
    return None if value is None else Decimal(value)
