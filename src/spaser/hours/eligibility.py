"""Who may count: criteria, their proofs, how long they last, and the one criterion a person is in.

A person may meet several criteria and is counted once. The main criterion, for tables whose parts
add up, is by this rule: level 1 before level 2 before the criteria without a level, then the order
of `assets/references/eligibility_criteria.csv`. A code that is not in that table comes last, by its
text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import pyarrow as pa

from spaser.hours.parameters import Settings, plus_months
from spaser.warehouse import Connection


@dataclass(frozen=True)
class Criterion:
    """One eligibility criterion.

    order: its place in the rule of the main criterion, from 1. level: 1, 2 or null.
    proof_validity_months: how old the proof may be at hiring; null where only the proof's own
    validity counts. sensitive: benefit, health, prison or refugee status, hidden below a higher
    threshold.
    """

    code: str
    order: int
    level: int | None
    sensitive: bool
    proof_validity_months: int | None
    label_fr: str
    label_en: str
    source: str
    status: str


def criteria_of(rows: Iterable[Mapping[str, str]]) -> tuple[Criterion, ...]:
    """The criteria in the order of the main-criterion rule, from the reference table as text.

    Raises:
        ValueError: a code is there twice (a fault of the reference table).
    """
    table = list(rows)
    if len({row["code"] for row in table}) < len(table):
        msg = "eligibility_criteria: a code is there twice"
        raise ValueError(msg)
    ranked = sorted(table, key=lambda row: (row["level"] or "9", int(row["rank"])))
    return tuple(_criterion(row, order) for order, row in enumerate(ranked, 1))


def _criterion(row: Mapping[str, str], order: int) -> Criterion:
    texts = {name: row[name] for name in ("code", "label_fr", "label_en", "source", "status")}
    return Criterion(
        order=order,
        level=int(row["level"]) if row["level"] else None,
        sensitive=row["sensitive"] == "true",
        proof_validity_months=int(row["proof_validity_months"] or 0) or None,
        **texts,
    )


def main_criterion(codes: Iterable[str], criteria: Iterable[Criterion]) -> str | None:
    """The one criterion by which a person is counted; null for a person without any."""
    order = {criterion.code: criterion.order for criterion in criteria}
    return min(codes, key=lambda code: (order.get(code, len(order) + 1), code), default=None)


class Proof(StrEnum):
    """What the date of a proof says on the day of hiring."""

    VALID = "valid"
    EXPIRED = "expired"
    LATER = "later"
    UNDATED = "undated"
    DATELESS = "dateless"


def proof_state(criterion: Criterion, proof_date: date | None, hired_on: date) -> Proof:
    """Whether a proof was young enough at hiring.

    "Less than three months before": a proof of 15 January serves until 14 April. `dateless`: this
    criterion asks no age of its proof. `later`: it is dated after hiring.
    """
    if criterion.proof_validity_months is None:
        return Proof.DATELESS
    if proof_date is None:
        return Proof.UNDATED
    if proof_date > hired_on:
        return Proof.LATER
    end = plus_months(proof_date, criterion.proof_validity_months)
    return Proof.VALID if hired_on < end else Proof.EXPIRED


def register_criteria(connection: Connection, criteria: Iterable[Criterion]) -> None:
    """Make the criteria readable in SQL as `eligibility_criteria` (code, order_of_rule, sensitive).

    Grain: one row per criterion.
    """
    rows = [
        {"code": item.code, "order_of_rule": item.order, "sensitive": item.sensitive}
        for item in criteria
    ]
    schema = pa.schema(
        [("code", pa.string()), ("order_of_rule", pa.int32()), ("sensitive", pa.bool_())]
    )
    connection.register("eligibility_criteria", pa.Table.from_pylist(rows, schema=schema))


def main_criteria_sql(day: str = "date '9999-12-31'") -> str:
    """One row per person with a criterion: `pseudonym, main_criterion, criterion_count`.

    Reads `person_criteria` (one row per decision and criterion: pseudonym, criterion,
    eligible_from) and `eligibility_criteria`. Only decisions made by `day` (SQL) count, so that a
    year's figure does not move when a later decision adds a criterion; an undated one counts.
    """
    return f"""
select pseudonym,
    arg_min(criterion, (coalesce(order_of_rule, 2147483647), criterion)) as main_criterion,
    cast(count(distinct criterion) as integer) as criterion_count
from person_criteria
left join eligibility_criteria on code = criterion
where criterion is not null and pseudonym is not null
    and (eligible_from is null or eligible_from <= {day})
group by pseudonym
order by pseudonym
"""


def register_settings(connection: Connection, settings: Settings) -> None:
    """Make `eligibility_months` readable in SQL as `eligibility_limits` (one row per dated value).

    Columns: valid_from, valid_to (null: open), months.
    """
    rows = [
        {"valid_from": row.valid_from, "valid_to": row.valid_to, "months": int(row.value)}
        for row in settings.history("eligibility_months")
    ]
    schema = pa.schema(
        [("valid_from", pa.date32()), ("valid_to", pa.date32()), ("months", pa.int32())]
    )
    connection.register("eligibility_limits", pa.Table.from_pylist(rows, schema=schema))


PERIODS_SQL = """
select pseudonym, contract_uid, eligible_from, end_stated, end_by_rule,
    least(end_stated, end_by_rule) as ends_before
from (
    select decisions.pseudonym, decisions.contract_uid, decisions.eligible_from,
        -- The last day is included: what follows is not.
        decisions.eligible_to + 1 as end_stated,
        cast(decisions.eligible_from + to_months(limits.months) as date) as end_by_rule
    from eligibility_decisions as decisions
    left join eligibility_limits as limits
        on (limits.valid_from is null or limits.valid_from <= decisions.eligible_from)
        and (limits.valid_to is null or decisions.eligible_from <= limits.valid_to)
    where decisions.pseudonym is not null and decisions.eligible_from is not null
)
order by pseudonym, contract_uid, eligible_from, end_stated
"""
"""When each person may count: one row per dated eligibility decision.

Reads `eligibility_decisions` (pseudonym, contract_uid (null: any), eligible_from, eligible_to) and
`eligibility_limits`. Columns: the person and contract, `eligible_from`, `end_stated` and
`end_by_rule` (first day that does not count: after the end the facilitator gave; after the months
of the rule in force on the first day), `ends_before` (the earlier; null: no end known).
"""
