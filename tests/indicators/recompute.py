"""Figures computed again from `indicators.evidence` joined to the dimensions of the facts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from spaser.cards import Method
from spaser.warehouse import Tables
from tests.curate.run import CARDS, rows
from tests.indicators.reference import COUNTED, OPERATIONS, SPEND, Tally, figure

FIGURES = ("numerator", "denominator", "unknown", "excluded", "value", "low", "high")
DIMENSIONS = {
    table: sorted({n for card in COUNTED if card.fact_table == table for n in card.dimensions})
    for table in ("facts.contracts", OPERATIONS)
}

_WEIGHTS = """
with places as (
    {places}
), placed as (
    select e.* exclude (buyer_id), unnest(['*', e.buyer_id]) as buyer_id, dimension, member
    from indicators.evidence e join places on uid = unit_id
), tallies as (
    select code, method, scope, measure, year, buyer_id, dimension, member,
        sum(weight) filter (where role = 'numerator') as t,
        sum(weight) filter (where role = 'denominator_only') as f,
        sum(weight) filter (where reason = 'met_unknown') as u,
        sum(weight) filter (where reason = 'membership_unknown_met') as mt,
        sum(weight) filter (where reason = 'membership_unknown_not_met') as mf,
        sum(weight) filter (where reason = 'membership_unknown_met_unknown') as mu,
        count(*) filter (where role = 'excluded') as excluded,
        count(*) filter (where role = 'unknown') as unknowns,
        list(weight) filter (where role = 'numerator') as numbers
    from placed group by all
)
select r.*, t, f, u, mt, mf, mu, coalesce(tallies.excluded, 0) as excluded_units, unknowns, numbers
from indicators.results r left join tallies
    using (code, method, scope, measure, year, buyer_id, dimension, member)
where code in ({codes})
"""


def places(tables: Tables) -> str:
    """The units of every fact table built, with the members they have on its dimensions."""
    selects = []
    for table, unit in (
        ("facts.contracts", "uid"),
        (SPEND, "line_id"),
        (OPERATIONS, "operation_year_id"),
    ):
        if not tables.exists(table):
            continue
        selects.append(f"select {unit} as uid, '*' as dimension, '*' as member from {table}")
        selects += [
            f"select {unit}, '{name}', coalesce({name}, 'unknown') from {table}"
            for name in DIMENSIONS.get(table, ())
        ]
    return " union all ".join(selects)


def recomputed(tables: Tables) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row of results, and the same figures from its evidence."""
    has_spend = tables.exists(SPEND)
    givers = rows(tables, f"select distinct year, buyer_id from {SPEND}") if has_spend else []
    given = {(row["year"], row["buyer_id"]) for row in givers}
    codes = ", ".join(f"'{card.id}'" for card in COUNTED)
    found = rows(tables, _WEIGHTS.format(places=places(tables), codes=codes))
    followed = (
        {(r["year"], r["buyer_id"]) for r in rows(tables, f"from {OPERATIONS}")}
        if tables.exists(OPERATIONS)
        else set()
    )
    buyers = {row["buyer_id"] for row in found} - {"*"}
    for row in found:
        asked = buyers if row["buyer_id"] == "*" else {row["buyer_id"]}
        silent = not asked or any((row["year"], buyer) not in given for buyer in asked)
        table = CARDS.indicators[row["code"]].table_of(method_of(row))
        missing = silent and table == SPEND
        if table == OPERATIONS:
            of_year = {buyer for year, buyer in followed if year == row["year"]}
            missing = not of_year if row["buyer_id"] == "*" else row["buyer_id"] not in of_year
        if row["status"] == "suppressed":  # says nothing, and its evidence has no weight
            continue
        yield row, figure(method_of(row), row["unit"], tally_of(row), missing=missing)


def method_of(row: dict[str, Any]) -> Method:
    methods = {method.name: method for method in CARDS.indicators[row["code"]].methods}
    return methods[row["method"]]


def tally_of(row: dict[str, Any]) -> Tally:
    weights = {name: row[name] or Decimal(0) for name in ("t", "f", "u", "mt", "mf", "mu")}
    return Tally(
        **weights,
        excluded=row["excluded_units"],
        numbers=row["numbers"] or [],
        unknowns=row["unknowns"] or 0,
    )


def mistakes(tables: Tables) -> list[str]:
    """Rows of results that their evidence does not explain."""
    return [
        f"{[row[k] for k in ('code', 'method', 'measure', 'unit', 'scope', 'year', 'buyer_id')]} "
        f"{row['dimension']}={row['member']}: {name} is {row[name]}, evidence says {again[name]}"
        for row, again in recomputed(tables)
        for name in FIGURES
        if row[name] != again[name]
    ]
