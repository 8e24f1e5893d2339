"""Figures that tell what companies had validated (`about: companies`): hidden where rules say so.

A row of such a card is hidden where the operations behind it (those of its population) have too few
companies or people, or one that makes nearly all of the hours, or where the year's hours or people
are hidden at the same place in the published figures. So that no subtraction gives it back:

- where a buyer's row is hidden, the scheme's is, and every breakdown of the year;
- where one row of a breakdown is hidden, all rows of that breakdown are, for every buyer;
- in the evidence, the operations of a buyer have no weight where one of its rows is hidden, or one
  of its operations would be if it were a row of its own.

What this does not protect: a company that is first in several operations, or a person who worked in
several, is counted in each; and as hours go back to the start of an operation, a reader who
subtracts one year's figures from the next's may learn those of the operations that ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.indicators.compiled import ALL, UNKNOWN_MEMBER, Compiled, Measured
from spaser.indicators.people import SECRET, SECRET_EN, SECRET_FR, Figures, Place
from spaser.warehouse import Connection, literal

Cell = tuple[str, str, str]
"""Buyer, dimension, member."""

COUNTED = ("companies", "largest_company_hours", "people", "validated_hours")
"""The columns that a fact table of a card about companies has."""


@dataclass(frozen=True)
class Rule:
    """The strictest thresholds of `suppression_rules.csv`, whatever their dates."""

    people: int
    companies: int
    share: Decimal

    @classmethod
    def of(cls, catalogue: Catalogue) -> Rule:
        """From the rows that hold for every axis."""
        values: dict[str, list[Decimal]] = {}
        for row in catalogue.reference("suppression_rules"):
            if row["dimension"] == row["member"] == ALL:
                values.setdefault(row["rule"], []).append(Decimal(row["value"]))
        return cls(
            int(max(values["below"])),
            int(max(values["min_companies"])),
            min(values["max_company_share"]),
        )

    def hides(self, companies: int | None, largest: Decimal | None, hours: Decimal | None) -> bool:
        """Whether hours tell too much of a company; what is not known of companies does."""
        if companies is None or largest is None or hours is None:
            return True
        return companies < self.companies or largest > self.share * hours

    def tells_too_much(
        self,
        people: int | None,
        companies: int | None,
        largest: Decimal | None,
        hours: Decimal | None,
    ) -> bool:
        """Whether too few people are counted, or `hides` says so."""
        few = people is not None and people < self.people
        return few or self.hides(companies, largest, hours)


def register(
    connection: Connection,
    catalogue: Catalogue,
    compiled: Iterable[Compiled],
    figures: Figures,
    year: int,
) -> pa.Table:
    """Create `hidden_cells` and `closed_buyers`; returns the former.

    `hidden_cells`: a row per card, method, buyer, dimension and member to hide. `closed_buyers`: a
    row per card, method and buyer whose operations have no weight. The fact tables are there under
    their names in the portable SQL.
    """
    rule = Rule.of(catalogue)
    cells: list[tuple[str, ...]] = []
    closed: list[tuple[str, ...]] = []
    for one in compiled:
        for (code, method), measures in sorted(_guarded(one).items()):
            hidden = _hidden(connection, one, measures, figures, rule, year)
            alone = _buyers_with_hidden_operations(connection, one, measures, figures, rule, year)
            cells += [(code, method, *cell) for cell in sorted(hidden)]
            buyers = {buyer for buyer, *_ in hidden} | alone
            closed += [(code, method, buyer) for buyer in sorted(buyers)]
    connection.register("closed_buyers", _keyed(closed, _KEY[:3]))
    found = _keyed(cells, _KEY)
    connection.register("hidden_cells", found)
    return found


_KEY = ("code", "method", "buyer_id", "dimension", "member")


def _keyed(rows: Iterable[tuple[str, ...]], names: Sequence[str]) -> pa.Table:
    schema = pa.schema([(name, pa.string()) for name in names])
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


def _guarded(compiled: Compiled) -> Mapping[tuple[str, str], Sequence[Measured]]:
    found: dict[tuple[str, str], list[Measured]] = {}
    for measured in compiled.measured:
        if measured.card.about == "companies":
            found.setdefault((measured.card.id, measured.method.name), []).append(measured)
    return found


def _hidden(
    connection: Connection,
    compiled: Compiled,
    measures: Sequence[Measured],
    figures: Figures,
    rule: Rule,
    year: int,
) -> set[Cell]:
    cells: set[Cell] = set()
    small: set[Cell] = set()
    for query in _counts_sql(compiled, measures, year):
        for buyer, dimension, member, people, *hours in connection.execute(query).fetchall():
            cell = (buyer, dimension, member)
            cells.add(cell)
            if rule.tells_too_much(people, *hours) or not _is_open(figures, cell, people):
                small.add(cell)
    return _completed(cells, small)


def _buyers_with_hidden_operations(
    connection: Connection,
    compiled: Compiled,
    measures: Sequence[Measured],
    figures: Figures,
    rule: Rule,
    year: int,
) -> set[str]:
    """The buyers of the operations that could not be a row of their own."""
    query = " union ".join(
        f"""select coalesce(buyer_id, '{UNKNOWN_MEMBER}'),
            coalesce(operation_id, '{UNKNOWN_MEMBER}'), people, companies,
            largest_company_hours, validated_hours
        from {compiled.relation}
        where year = {year} and ({population}) is distinct from false
            and validated_hours is distinct from 0"""
        for population in _populations(compiled, measures)
    )
    return {
        buyer
        for buyer, operation, people, *hours in connection.execute(query).fetchall()
        if rule.tells_too_much(people, *hours)
        or not _is_open(figures, (buyer, "operation", operation), people)
    }


def _counts_sql(compiled: Compiled, measures: Sequence[Measured], year: int) -> Iterator[str]:
    """Of each population and breakdown: people, companies, hours of the first one, and of all."""
    dimensions = dict.fromkeys(name for measured in measures for name in measured.dimensions)
    for population in _populations(compiled, measures):
        for dimension in (None, *dimensions):
            label = ALL if dimension is None else dimension
            member = (
                literal(ALL) if dimension is None else f"coalesce({dimension}, '{UNKNOWN_MEMBER}')"
            )
            yield f"""
                select case when grouping(buyer_id) = 0 then buyer_id else '{ALL}' end,
                    '{label}', member,
                    {_all_known("sum", "people")}, {_all_known("sum", "companies")},
                    {_all_known("max", "largest_company_hours")},
                    {_all_known("sum", "validated_hours")}
                from (
                    select *, {member} as member from {compiled.relation}
                    where year = {year} and ({population}) is distinct from false
                        and validated_hours is distinct from 0)
                group by grouping sets ((member), (member, buyer_id))"""


def _populations(compiled: Compiled, measures: Sequence[Measured]) -> list[str]:
    """The conditions of the populations that the measures are of, each once."""
    return [
        compiled.populations[int(name.removeprefix("population_"))]
        for name in dict.fromkeys(measured.population for measured in measures)
    ]


def _all_known(aggregate: str, column: str) -> str:
    """An aggregate that is null as soon as one of its values is."""
    return f"case when bool_and({column} is not null) then {aggregate}({column}) end"


def _is_open(figures: Figures, cell: Cell, people: int | None) -> bool:
    """Whether the year's people and hours at the same place are published, or there are none.

    Where the people of the operations were purged, only the published figures can tell.
    """
    buyer, dimension, member = cell
    if buyer not in figures.buyers:
        return people is not None
    place: Place = () if dimension == ALL else ((dimension, member),)
    return all(figures.value(buyer, place, measure) is not None for measure in ("people", "hours"))


def _completed(cells: set[Cell], small: set[Cell]) -> set[Cell]:
    """The cells to hide, with those that would give a hidden one back by subtraction."""
    if not small:
        return set()
    hidden = set(small)
    totals = any(dimension == ALL for _, dimension, _ in small)
    if totals:
        hidden.add((ALL, ALL, ALL))
    broken = {dimension for _, dimension, _ in small if dimension != ALL}
    hidden |= {cell for cell in cells if cell[1] != ALL and (totals or cell[1] in broken)}
    return hidden


def guarded_sql(rows: str, hidden: pa.Table) -> str:
    """The query of result rows (parenthesised) with the cells of `hidden_cells` suppressed."""
    if not hidden.num_rows:
        return rows
    nulls = ("numerator", "denominator", "unknown", "value", "low", "high")
    replaced = [
        *(f"case when h.code is null then r.{name} end as {name}" for name in nulls),
        "case when h.code is null then r.excluded else 0 end as excluded",
        "case when h.code is null then r.status else 'suppressed' end as status",
        *(
            f"case when h.code is null then r.reason_{language} else {literal(text)} end "
            f"as reason_{language}"
            for language, text in (("fr", SECRET_FR), ("en", SECRET_EN))
        ),
    ]
    return f"""(select r.* replace ({", ".join(replaced)})
        from {rows} r left join hidden_cells h
            on {" and ".join(f"h.{name} = r.{name}" for name in _KEY)}
        order by r.code, r.method, measure, unit, scope, r.buyer_id, r.dimension, r.member)"""


def guarded_evidence(connection: Connection, rows: pa.Table) -> pa.Table:
    """Evidence without the weights of `closed_buyers`."""
    connection.register("evidence_rows", rows)
    return connection.sql(
        f"""select r.* replace (
            case when h.code is null then r.weight end as weight,
            case when h.code is null then r.reason else '{SECRET}' end as reason)
        from evidence_rows r
        left join closed_buyers h
            on h.code = r.code and h.method = r.method
            and h.buyer_id = coalesce(r.buyer_id, '{UNKNOWN_MEMBER}')
        order by r.code, r.method, scope, measure, unit_id, role"""
    ).to_arrow_table()
