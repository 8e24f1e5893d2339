"""What the report reads of insertion clauses: operations, their log, and the published figures.

Of persons it reads `indicators.figures` alone, where suppression has been applied. Hours come from
`curated.hours` summed by operation, without any of its columns about persons.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from spaser.publish.reading import Source

AXES = ("modality", "structure_kind", "activity_sector", "hour_kind", "company_role")
"""What validated hours of an operation are split by."""

MAX_TASKS = 20_000
"""Things to do of one facilitator that a sheet holds; `quality.follow_up` has them all."""

_OPERATIONS = "curated.operations"
_YEARS = "facts.operations"
_LINES = f"""(select h.* from curated.hours h
    join {_OPERATIONS} o on o.operation_id = h.commitment_id
    where h.month is null or h.month <= o.at_date)"""
"""The lines of the operations on the day that describes them: those that their sums count."""


@dataclass(frozen=True)
class Operation:
    """A row of `curated.operations`: a commitment, described on `at_date`."""

    operation_id: str
    operation: str | None
    buyer_id: str | None
    contract_uids: list[str] | None
    facilitator: str | None
    company_id: str | None
    company_name: str | None
    commitment_mode: str | None
    contract_type: str | None
    notified_date: dt.date | None
    start_date: dt.date | None
    end_date: dt.date | None
    at_date: dt.date | None
    is_closed: bool | None
    committed_hours: Decimal | None
    committed_formula_fr: str | None
    committed_formula_en: str | None
    people_committed: int | None
    due_hours: Decimal | None
    due_formula_fr: str | None
    due_formula_en: str | None
    due_reason_fr: str | None
    due_reason_en: str | None
    scheduled_hours: Decimal | None
    declared_hours: Decimal | None
    validated_hours: Decimal | None
    corrected_away_hours: Decimal | None
    rejected_hours: Decimal | None
    pending_hours: Decimal | None
    quarantined_hours: Decimal | None
    training_hours: Decimal | None
    carried_in_hours: Decimal | None
    carried_out_hours: Decimal | None
    people: int | None
    companies: int | None
    missing_hours: Decimal | None
    computed_penalty_eur: Decimal | None
    penalty_words_fr: str | None
    penalty_words_en: str | None
    notified_penalty_eur: Decimal | None
    waived_penalty_eur: Decimal | None
    returns_missing: int | None
    alert: str | None
    alert_fr: str | None
    alert_en: str | None


@dataclass(frozen=True)
class OperationYear:
    """A row of `facts.operations`: an operation at the end of a year in which it runs."""

    operation_id: str
    year: int
    at_date: dt.date | None
    due_hours: Decimal | None
    validated_hours: Decimal | None
    missing_hours: Decimal | None
    penalty_notified_eur: Decimal | None
    penalty_waived_eur: Decimal | None


@dataclass(frozen=True)
class Version:
    """A row of `curated.commitments`: a dated version of a commitment, or one of its orders."""

    commitment_id: str
    commitment_mode: str | None
    valid_from: dt.date | None
    revision_reason: str | None
    order_id: str | None
    order_date: dt.date | None
    lot_number: str | None
    contract_reference: str | None
    committed_hours: Decimal | None
    amount: Decimal | None
    labour_share: Decimal | None
    insertion_rate: Decimal | None
    hourly_cost: Decimal | None
    trigger_amount: Decimal | None
    tranche_amount: Decimal | None
    hours_per_tranche: Decimal | None
    people_count: int | None
    hours_per_person: Decimal | None
    schedule: str | None


@dataclass(frozen=True)
class Event:
    """A row of `curated.clause_events`."""

    commitment_id: str
    company_name: str | None
    period: dt.date | None
    event: str | None
    event_date: dt.date | None
    event_reason: str | None
    channel: str | None
    amount_eur: Decimal | None
    hours: Decimal | None


@dataclass(frozen=True)
class Return:
    """A row of `curated.returns`: a return expected of a company for a period."""

    commitment_id: str
    company_id: str | None
    company_name: str | None
    first_day: dt.date | None
    last_day: dt.date | None
    due_before: dt.date | None
    state: str
    received_on: dt.date | None
    days_late: int | None
    reminders: int | None
    last_reminder: dt.date | None
    formal_notice: dt.date | None


@dataclass(frozen=True)
class Month:
    """Hours of an operation in a month."""

    commitment_id: str
    month: dt.date
    validated: Decimal
    pending: Decimal


@dataclass(frozen=True)
class Part:
    """Hours of an operation along an axis: validated by modality, set apart by reason."""

    commitment_id: str
    axis: str
    member: str | None
    lines: int
    hours: Decimal | None


@dataclass(frozen=True)
class Public:
    """People of an operation along an axis, not suppressed: for its internal sheet alone.

    Along the axis `erased`: those that a purge erased, of whom the hours are not known.
    """

    operation_id: str
    axis: str
    member: str
    people: int
    hours: Decimal | None


@dataclass(frozen=True)
class Contract:
    """What the register says of a contract: public facts."""

    uid: str
    contract_id: str | None
    lot_number: str | None
    buyer_id: str | None
    object: str | None
    notified_date: dt.date | None
    contract_type: str | None
    duration_months: int | None
    holders: list[str] | None


@dataclass(frozen=True)
class Published:
    """A row of `indicators.figures`: a figure about people, after suppression."""

    year: int
    buyer_id: str
    axis: str
    member: str
    measure: str
    value: Decimal | None
    is_published: bool


@dataclass(frozen=True)
class Task:
    """A row of `quality.follow_up`."""

    item_id: str
    facilitator: str | None
    kind: str
    severity: str
    commitment_id: str | None
    contract_uid: str | None
    buyer_id: str | None
    company_id: str | None
    hours: Decimal | None
    line_count: int | None
    message_fr: str | None
    message_en: str | None
    action_fr: str | None
    action_en: str | None


Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """Rows by a key, in the order they come."""
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


class Clauses:
    """The tables on insertion clauses; one that was not built gives no row."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def operations(self) -> list[Operation]:
        """The operations that run in the report's year, by name."""
        if not (self.source.offers(_OPERATIONS) and self.source.offers(_YEARS)):
            return []
        return self.source.rows(
            Operation,
            f"select {{columns}} from {_OPERATIONS} where operation_id in "
            f"(select operation_id from {_YEARS} where year = {self.source.year}) "
            "order by operation, operation_id",
        )

    def years(self) -> dict[str, list[OperationYear]]:
        """Each operation at the end of each of its years, up to the report's."""
        if not self.source.offers(_YEARS):
            return {}
        rows = self.source.rows(
            OperationYear,
            f"select {{columns}} from {_YEARS} where year <= {self.source.year} "
            "order by operation_id, year",
        )
        return grouped(rows, lambda row: row.operation_id)

    def versions(self) -> dict[str, list[Version]]:
        """Dated versions of the commitments, and their orders."""
        return self._by_commitment(
            Version, "curated.commitments", "valid_from nulls first, order_date, commitment_line_id"
        )

    def events(self) -> dict[str, list[Event]]:
        """What was logged of each commitment, the oldest first."""
        return self._by_commitment(
            Event, "curated.clause_events", "event_date nulls first, event_id"
        )

    def returns(self) -> dict[str, list[Return]]:
        """The returns expected of each commitment."""
        return self._by_commitment(
            Return, "curated.returns", "first_day, company_name, company_id, return_id"
        )

    def _by_commitment(self, kind: type[Row], table: str, order: str) -> dict[str, list[Row]]:
        if not self.source.offers(table):
            return {}
        rows = self.source.rows(
            kind,
            f"select {{columns}} from {table} where commitment_id is not null "
            f"order by commitment_id, {order}",
        )
        return grouped(rows, lambda row: str(getattr(row, "commitment_id")))  # noqa: B009

    @property
    def _has_lines(self) -> bool:
        return self.source.offers("curated.hours") and self.source.offers(_OPERATIONS)

    def months(self) -> dict[str, list[Month]]:
        """Validated and pending hours of each commitment by month."""
        if not self._has_lines:
            return {}
        rows = self.source.rows(
            Month,
            "select commitment_id, month, sum(coalesce(hours_validated, 0)) as validated, "
            f"sum(coalesce(hours_pending, 0)) as pending from {_LINES} where month is not null "
            "group by commitment_id, month having validated <> 0 or pending <> 0 "
            "order by commitment_id, month",
        )
        return grouped(rows, lambda row: row.commitment_id)

    def parts(self) -> dict[str, list[Part]]:
        """Validated hours along each axis, the larger first; hours refused or set apart by reason.

        A line with two reasons of quarantine counts under each.
        """
        if not self._has_lines:
            return {}
        validated = " union all ".join(
            f"select commitment_id, '{axis}' as axis, {axis} as member, count(*) as lines, "
            f"sum(hours_validated) as hours from lines where hours_validated > 0 "
            f"group by commitment_id, {axis}"
            for axis in AXES
        )
        rows = self.source.rows(
            Part,
            f"""with lines as {_LINES}
            select {{columns}} from ({validated}
            union all
            select commitment_id, 'company' as axis, coalesce(min(company_name), company_id),
                count(*), sum(hours_validated) from lines where hours_validated > 0
            group by commitment_id, company_id
            union all
            select commitment_id, 'outcome', outcome, count(*), null from lines
            group by commitment_id, outcome
            union all
            select commitment_id, 'rejected', decision_reason, count(*), sum(hours_rejected)
            from lines where outcome = 'rejected'
            group by commitment_id, decision_reason
            union all
            select commitment_id, 'quarantined', reason, count(*), sum(hours_quarantined)
            from (select commitment_id, hours_quarantined, unnest(quarantine_reasons) as reason
                from lines where outcome = 'quarantined')
            group by commitment_id, reason)
            order by commitment_id, axis, hours desc nulls last, member nulls last""",
        )
        return grouped(rows, lambda row: row.commitment_id)

    def publics(self) -> dict[str, list[Public]]:
        """People of each operation by sex, age, criterion…, the larger members first."""
        if not self.source.offers("curated.operation_people"):
            return {}
        rows = self.source.rows(
            Public,
            "select {columns} from curated.operation_people "
            "order by operation_id, axis, member = 'unknown', people desc, member",
        )
        return grouped(rows, lambda row: row.operation_id)

    def contracts(self) -> dict[str, Contract]:
        """The contracts of the register that operations are on, with their holders."""
        if not (self.source.offers(_OPERATIONS) and self.source.offers("curated.contracts")):
            return {}
        holders = "null::varchar[]"
        join = ""
        if self.source.offers("curated.holders"):
            holders = "h.holders"
            join = (
                "left join (select uid, list(distinct coalesce(holder_name, holder_id) "
                "order by coalesce(holder_name, holder_id)) as holders from curated.holders "
                "where coalesce(holder_name, holder_id) is not null group by uid) h using (uid)"
            )
        rows = self.source.rows(
            Contract,
            f"select c.* exclude (holders), {holders} as holders from (select "
            "uid, contract_id, lot_number, buyer_id, object, notified_date, contract_type, "
            "duration_months, null as holders from curated.contracts where uid in "
            f"(select unnest(contract_uids) from {_OPERATIONS})) c {join} order by uid",
        )
        return {row.uid: row for row in rows}

    def published(self, condition: str) -> list[Published]:
        """Figures about people up to the report's year, after suppression."""
        if not self.source.offers("indicators.figures"):
            return []
        return self.source.rows(
            Published,
            f"select {{columns}} from indicators.figures where year <= {self.source.year} "
            f"and ({condition}) order by year, buyer_id, axis, member, measure",
        )

    def operation_figures(self) -> dict[str, list[Published]]:
        """The published figures of each operation, its crossings included.

        The same figure may stand under its buyer and under the whole scheme: it is hidden as soon
        as one of the two is.
        """
        rows = self.published("axis = 'operation' or axis like 'operation+%'")
        merged: dict[tuple[int, str, str, str], Published] = {}
        for row in rows:
            key = (row.year, row.axis, row.member, row.measure)
            if key not in merged or not row.is_published:
                merged[key] = row
        return grouped(merged.values(), lambda row: row.member.split("+", 1)[0])

    def totals(self) -> list[Published]:
        """The published totals of each year: the whole scheme and each buyer."""
        return self.published("axis = '*' and member = '*'")

    def tasks(self) -> list[Task]:
        """The work list, the gravest first."""
        if not self.source.offers("quality.follow_up"):
            return []
        return self.source.rows(
            Task,
            "select {columns} from quality.follow_up order by facilitator nulls last, "
            "case severity when 'error' then 1 when 'warning' then 2 else 3 end, kind, "
            "commitment_id nulls last, contract_uid nulls last, company_id nulls last, item_id",
        )

    def task_counts(self) -> list[tuple[str, str, int]]:
        """Things to do by severity and kind, the gravest first."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for task in self.tasks():
            counts[task.severity, task.kind] += 1
        order = ("error", "warning", "info")
        ranked: Sequence[tuple[str, str]] = sorted(
            counts, key=lambda key: (order.index(key[0]), -counts[key], key[1])
        )
        return [(severity, kind, counts[severity, kind]) for severity, kind in ranked]
