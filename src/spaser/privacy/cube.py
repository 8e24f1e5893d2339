"""Rows of `facts.people_figures` as figures that suppression understands.

A row says (year, buyer, axis, member); a figure has a place, the members it has on some axes. The
row of a buyer and a crossing `operation+site` is the figure at {year, buyer, operation, site}: that
is how its site is known to be a part of the operation, of the buyer and of the year.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal

from spaser.privacy.rules import HOURS, PEOPLE, Key, key_of
from spaser.privacy.structure import Figure
from spaser.warehouse import Connection

Members = Mapping[str, Set[str]]
"""The members of each simple axis in one year."""

Alike = Mapping[str, str]
"""Axis → the axis that says the same of everybody, in one year."""

LEFT_6, LEFT_12 = "left_6_months", "left_12_months"


@dataclass(frozen=True, order=True)
class Row:
    """One row of `facts.people_figures` (units: people, hours, companies, contracts)."""

    year: int
    buyer_id: str
    axis: str
    member: str
    people: int
    hours: Decimal
    companies: int | None
    largest_company_hours: Decimal | None
    work_contracts: int | None
    contracts: int | None
    pending_hours: Decimal | None

    def keys(self, members: Members, alike: Alike) -> dict[str, Key]:
        """The figures of the row by measure: people and hours."""
        split = {alike.get(axis, axis): name for axis, name in self._split(members).items()}
        at = {"year": str(self.year), "buyer": self.buyer_id, **split}
        return {measure: key_of(measure, at) for measure in (PEOPLE, HOURS)}

    def _split(self, members: Members) -> dict[str, str]:
        """The member on each axis; of a name that holds `+` itself, as the simple axes have it."""
        axes = self.axis.split("+")
        if len(axes) == 1:
            return {self.axis: self.member}
        first, second = axes
        cuts = [place for place, letter in enumerate(self.member) if letter == "+"]
        known = [cut for cut in cuts if self.member[:cut] in members.get(first, ())]
        cut = max(known, default=cuts[0] if cuts else len(self.member))
        return {first: self.member[:cut], second: self.member[cut + 1 :]}

    def figures(self, members: Members, alike: Alike) -> tuple[Figure, Figure]:
        """What suppression decides on: people, and hours with the companies behind them."""
        keys = self.keys(members, alike)
        return (
            Figure(keys[PEOPLE], Decimal(self.people)),
            Figure(
                keys[HOURS],
                self.hours,
                companies=self.companies,
                largest_company=self.largest_company_hours,
            ),
        )


def read_years(connection: Connection, people_figures: str) -> dict[int, list[Row]]:
    """The rows of each year, sorted. `people_figures` is the SQL that reads the table."""
    rows = connection.execute(f"select {_COLUMNS} from {people_figures} order by all").fetchall()
    years: dict[int, list[Row]] = defaultdict(list)
    for values in rows:
        row = Row(*values)
        years[row.year].append(row)
    return dict(years)


def members_of(rows: Iterable[Row]) -> Members:
    """The members of the simple axes of one year."""
    members: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        members[row.axis].add(row.member)
    return members


def alike_of(rows: Iterable[Row]) -> Alike:
    """Once twelve months have passed, those gone for six months are those gone for twelve.

    Every reader knows it: two names of one number are one figure, hidden or shown together.
    """
    left: dict[str, dict[str, tuple[int, Decimal]]] = {LEFT_6: {}, LEFT_12: {}}
    for row in rows:
        if row.axis in left:
            left[row.axis][row.buyer_id] = (row.people, row.hours)
    return {LEFT_12: LEFT_6} if left[LEFT_6] == left[LEFT_12] else {}


_COLUMNS = ", ".join(Row.__dataclass_fields__)
