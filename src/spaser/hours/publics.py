"""Who works in an operation, counted for its internal sheet: `curated.operation_people`.

Not suppressed, and therefore restricted: the sheet stays with the buyer and the facilitator, and
its public form reads `indicators.figures` alone.
"""

from __future__ import annotations

from datetime import date

from spaser.cards import Catalogue
from spaser.hours.report_day import COUNTED, reference_day, register_lines
from spaser.warehouse import Connection, Tables

AXES = {
    "sex": "sex",
    "age_band": "age_band",
    "criterion": "main_criterion",
    "qpv": "case when is_qpv then 'yes' when not is_qpv then 'no' end",
    "training_level": "training_level",
    "exit_status": "exit_status",
    "exit_status_6_months": "exit_status_6_months",
    "exit_status_12_months": "exit_status_12_months",
}
"""Axis → what it is in `curated.people`."""

ERASED = "erased"
"""Axis and member of the one row of an operation that has lost persons to a purge.

Who is left is not broken down: it would not add up to the persons of the operation, and the
difference with an earlier sheet would tell who was erased.
"""

SETTLED_PEOPLE = "privacy.settled_people"


def build_operation_people(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """Write `curated.operation_people`: people and their hours by operation, axis and member.

    Each person counts once in an operation, as known in the last year worked there, by the day of
    the report. Hours in hours; what is not known is the member `unknown`. An operation of which a
    purge erased persons has one row, `ERASED`: how many they were, their hours null.
    """
    del catalogue
    at = reference_day(connection, tables)
    register_lines(connection, at)
    selects = " union all ".join(
        f"select operation_id, '{axis}' as axis, coalesce({column}, 'unknown') as member, "
        "count(*) as people, cast(sum(hours) as decimal(18,2)) as hours from known group by all"
        for axis, column in AXES.items()
    )
    query = f"""
with worked as (
    select commitment_id as operation_id, pseudonym, max(year) as year,
        sum(hours_validated) as hours
    from ({COUNTED})
    where commitment_id is not null and pseudonym is not null group by all
), known as (
    select worked.operation_id, worked.hours, people.* exclude (year)
    from worked join curated.people using (pseudonym, year)
), erased as (
    select commitment_id as operation_id, '{ERASED}' as axis, '{ERASED}' as member,
        cast(sum(people) as bigint) as people, cast(null as decimal(18,2)) as hours
    from {_erased(tables, at)} where commitment_id is not null group by all
)
select * from (
    select * from ({selects}) anti join erased using (operation_id) union all from erased
) order by operation_id, axis, member"""
    return tables.write(connection, "curated.operation_people", query)


def _erased(tables: Tables, at: date | None) -> str:
    """The persons that purges erased, with a validated hour by the year of the report."""
    if not tables.exists(SETTLED_PEOPLE):
        return "(select null::varchar as commitment_id, null::bigint as people limit 0)"
    known = "" if at is None else f"where year <= {at.year}"
    return f"(select commitment_id, people from {tables.scan(SETTLED_PEOPLE)} {known})"
