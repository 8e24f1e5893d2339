"""Figures computed again from `indicators.evidence` joined to the dimensions of the facts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from spaser.cards import Method
from spaser.warehouse import Tables
from tests.curate.run import CARDS, rows
from tests.indicators.reference import SPEND, Tally, figure

FIGURES = ("numerator", "denominator", "unknown", "excluded", "value", "low", "high")
DIMENSIONS = sorted({name for card in CARDS.indicators.values() for name in card.dimensions})

_WEIGHTS = f"""
with places as (
    {{spend}}
    select uid, '*' as dimension, '*' as member from facts.contracts
    {
    " ".join(
        f"union all select uid, '{name}', coalesce({name}, 'unknown') from facts.contracts"
        for name in DIMENSIONS
    )
}
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
"""


def recomputed(tables: Tables) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row of results, and the same figures from its evidence."""
    has_spend = tables.exists(SPEND)
    spend = f"select line_id as uid, '*' as dimension, '*' as member from {SPEND} union all"
    givers = rows(tables, f"select distinct year, buyer_id from {SPEND}") if has_spend else []
    given = {(row["year"], row["buyer_id"]) for row in givers}
    found = rows(tables, _WEIGHTS.format(spend=spend if has_spend else ""))
    buyers = {row["buyer_id"] for row in found} - {"*"}
    for row in found:
        asked = buyers if row["buyer_id"] == "*" else {row["buyer_id"]}
        silent = not asked or any((row["year"], buyer) not in given for buyer in asked)
        missing = silent and CARDS.indicators[row["code"]].table_of(method_of(row)) == SPEND
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
