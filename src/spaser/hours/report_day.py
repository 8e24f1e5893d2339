"""The hour lines that count on the day of a report: a month that begins later is not there yet.

One definition for every table that describes operations on that day. A line whose month cannot be
read stays: it is set apart, and its balance says so.
"""

from __future__ import annotations

from datetime import date

from spaser.hours.lines import published_sql
from spaser.warehouse import Connection, Tables

LINES = "lines_by_day"
"""The lines of `curated.hours` by the day of the report: a view that `register_lines` makes."""

COUNTED = published_sql(LINES)
"""Those of them that figures count."""


def register_lines(connection: Connection, at: date | None) -> None:
    """Make `LINES` readable; without a day, every line counts."""
    known = "" if at is None else f"where month is null or month <= date '{at}'"
    connection.execute(
        f"create or replace temp view {LINES} as select * from curated.hours {known}"
    )


def reference_day(connection: Connection, tables: Tables) -> date | None:
    """The day that stands for today: `as_of` of the run; null where nothing says it."""
    if not tables.exists("quality.run"):
        return None
    found = connection.execute(f"select max(as_of) from {tables.scan('quality.run')}").fetchall()
    day: date | None = found[0][0]
    return day
