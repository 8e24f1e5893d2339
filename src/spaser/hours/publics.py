"""Who works in an operation, counted for its internal sheet: `curated.operation_people`.

Not suppressed, and therefore restricted: the sheet stays with the buyer and the facilitator, and
its public form reads `indicators.figures` alone.
"""

from __future__ import annotations

from spaser.cards import Catalogue
from spaser.hours.lines import published_sql
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


def build_operation_people(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """Write `curated.operation_people`: people and their hours by operation, axis and member.

    Each person counts once in an operation, as known in the last year worked there. Hours in hours;
    what is not known is the member `unknown`.
    """
    del catalogue
    selects = " union all ".join(
        f"select operation_id, '{axis}' as axis, coalesce({column}, 'unknown') as member, "
        "count(*) as people, cast(sum(hours) as decimal(18,2)) as hours from known group by all"
        for axis, column in AXES.items()
    )
    query = f"""
with worked as (
    select commitment_id as operation_id, pseudonym, max(year) as year,
        sum(hours_validated) as hours
    from ({published_sql("curated.hours")})
    where commitment_id is not null and pseudonym is not null group by all
), known as (
    select worked.operation_id, worked.hours, people.* exclude (year)
    from worked join curated.people using (pseudonym, year)
)
select * from ({selects}) order by operation_id, axis, member"""
    return tables.write(connection, "curated.operation_people", query)
