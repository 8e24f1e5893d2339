"""The three-valued semantics in plain Python, from ARCHITECTURE §2 rule 1 and not from the SQL.

A unit is a dictionary of facts; true, false and None (unknown). Every figure of
`indicators.results` is computed again, one unit at a time.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlglot
from sqlglot import exp

from spaser.cards import IndicatorCard, Method, TableCard
from spaser.scheme import Scheme
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS

import pyarrow as pa  # isort: skip

Truth = bool | None
Unit = Mapping[str, Any]
Key = tuple[str, ...]
"""code, method, measure, unit, scope, buyer_id, dimension, member."""

FACTS = CARDS.tables["facts/contracts"]
SPEND = "facts.spend"
OPERATIONS = "facts.operations"
COUNTED = [card for card in CARDS.indicators.values() if card.about != "people"]
"""The cards that count units of a fact table; those about people read aggregates."""
SCOPES = ("all", "floor", "all_no_maxima", "floor_no_maxima")
SIX = Decimal("0.000001")
DEFAULTS: dict[str, Any] = {
    "buyer_id": BUYER,
    "year": 2024,
    "framework_role": "none",
    "at_floor": True,
    "is_maximum": False,
    "required_fields": 25,
    "filled_fields": 25,
}


def write_facts(tables: Tables, units: Iterable[Unit], buyers: Sequence[str], named: bool) -> None:
    """`facts.contracts` and `curated.buyers` as the pipeline writes them.

    A unit with a `fact_table` is one of another fact table, which is then written too.
    """
    listed_units = list(units)
    others = {unit["fact_table"] for unit in listed_units if "fact_table" in unit}
    for table in (FACTS.table, *sorted(others)):
        card = CARDS.tables[table.replace(".", "/")]
        own = [unit for unit in listed_units if unit.get("fact_table", FACTS.table) == table]
        write_units(tables, card, own)
    with session() as connection:
        listed = ", ".join(f"('{buyer}', null, {named}, true)" for buyer in buyers)
        tables.write(
            connection,
            "curated.buyers",
            f"select * from (values {listed}) b(buyer_id, buyer_name, named_in_scheme, in_scheme)",
        )


def write_units(tables: Tables, card: TableCard, units: Sequence[Unit]) -> None:
    """A fact table of a few units, whose grain is numbered."""
    given = [{card.grain[0]: f"u{n}", **DEFAULTS, **unit} for n, unit in enumerate(units)]
    columns = {
        name: pa.array(
            [None if (value := unit.get(name)) is None else str(value) for unit in given],
            pa.string(),
        )
        for name in card.columns
    }
    casts = ", ".join(f"cast({name} as {c.type}) as {name}" for name, c in card.columns.items())
    with session() as connection:
        connection.register("given", pa.table(columns))
        tables.write(connection, card.table, f"select {casts} from given")


# Three-valued expressions


def conjunction(*truths: Truth) -> Truth:
    return False if False in truths else None if None in truths else True


def negation(truth: Truth) -> Truth:
    return None if truth is None else not truth


_COMPARE: dict[type[exp.Expression], Callable[[Any, Any], bool]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
}


def evaluate(node: exp.Expression, unit: Unit) -> Any:
    """The value of a parsed predicate for one unit."""
    if isinstance(node, exp.Paren):
        return evaluate(node.this, unit)
    if isinstance(node, exp.And):
        return conjunction(evaluate(node.left, unit), evaluate(node.right, unit))
    if isinstance(node, exp.Or):
        left, right = negation(evaluate(node.left, unit)), negation(evaluate(node.right, unit))
        return negation(conjunction(left, right))
    if isinstance(node, exp.Not):
        return negation(evaluate(node.this, unit))
    if isinstance(node, exp.Is):
        same = evaluate(node.this, unit) is evaluate(node.expression, unit)
        return same is not bool(node.args.get("negate"))
    if isinstance(node, exp.In):
        one = evaluate(node.this, unit)
        return None if one is None else one in [evaluate(x, unit) for x in node.expressions]
    if isinstance(node, exp.Between):
        one = evaluate(node.this, unit)
        low, high = evaluate(node.args["low"], unit), evaluate(node.args["high"], unit)
        return None if one is None else low <= one <= high
    if isinstance(node, exp.Column):
        return unit.get(node.name)
    if isinstance(node, exp.Boolean):
        return node.this
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Literal):
        return node.this if node.is_string else Decimal(node.this)
    for kind, compare in _COMPARE.items():
        if isinstance(node, kind):
            left, right = evaluate(node.left, unit), evaluate(node.right, unit)
            return None if left is None or right is None else compare(left, right)
    msg = f"the reference does not know {type(node).__name__}: teach it before a card uses it"
    raise TypeError(msg)


def truth_of(text: str, unit: Unit) -> Truth:
    (tree,) = sqlglot.parse(text, dialect="postgres")
    assert tree is not None
    answer: Truth = evaluate(tree, unit)
    return answer


# Figures


@dataclass
class Tally:
    """Weights of members by state, of units that may be members, and the number excluded."""

    t: Decimal = Decimal(0)
    f: Decimal = Decimal(0)
    u: Decimal = Decimal(0)
    mt: Decimal = Decimal(0)
    mf: Decimal = Decimal(0)
    mu: Decimal = Decimal(0)
    excluded: int = 0
    numbers: list[Decimal] = field(default_factory=list)
    unknowns: int = 0

    @property
    def is_empty(self) -> bool:
        weights = (self.t, self.f, self.u, self.mt, self.mf, self.mu)
        return not any(weights) and not self.excluded and not self.numbers and not self.unknowns


def membership(card: IndicatorCard, method: Method, scope: str, unit: Unit) -> Truth:
    """Population and scope: a unit whose membership is unknown may be out.

    Neither the floor nor maxima bound spend and operations.
    """
    parts: list[Truth] = [truth_of(method.population or card.population, unit)]
    if card.table_of(method) != FACTS.table:
        return conjunction(*parts)
    if scope.startswith("floor"):
        parts.append(unit.get("at_floor"))
    if scope.endswith("_no_maxima"):
        parts.append(negation(unit.get("is_maximum")))
    return conjunction(*parts)


def add(
    tally: Tally, card: IndicatorCard, method: Method, measure: str, unit: Unit, m: Truth
) -> None:
    """Count one unit that is or may be a member."""
    if method.kind in {"mean", "median"}:
        number = unit.get(str(method.of))
        if m and number is not None:
            tally.numbers.append(Decimal(number))
        else:
            tally.unknowns += 1
        return
    if method.kind == "ratio":
        part, whole = unit.get(str(method.part)), unit.get(str(method.whole))
        if part is None or whole is None:
            amount = Decimal(whole or 0)
            tally.u += amount if m else 0
            tally.mu += 0 if m else amount
        elif m:
            tally.t += Decimal(part)
            tally.f += Decimal(whole) - Decimal(part)
        else:
            tally.mt += Decimal(part)
            tally.mf += Decimal(whole) - Decimal(part)
        return
    if method.kind == "rate":
        part, whole = unit.get(str(method.part)), unit.get(str(method.whole))
        if m and part is not None and whole is not None:
            tally.t += Decimal(part)
            tally.f += Decimal(whole) - Decimal(part)
        else:
            tally.u += 1
        return
    column = card.weight_of(method, measure)
    weight = Decimal(1) if column is None else unit.get(column)
    if weight is None:
        tally.excluded += 1
        return
    state = {True: "t", False: "f", None: "u"}[truth_of(method.met, unit)]
    name = state if m else f"m{state}"
    setattr(tally, name, getattr(tally, name) + Decimal(weight))


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """Half up, six decimals."""
    return None if not whole else (part / whole).quantize(SIX, ROUND_HALF_UP)


def figure(method: Method, unit: str, tally: Tally, *, missing: bool = False) -> dict[str, Any]:
    """What `indicators.results` must say of a tally; nothing is known where data is missing."""
    found = figure_of_known(method, unit, tally)
    return found | {"value": None, "low": None, "high": None} if missing else found


def figure_of_known(method: Method, unit: str, tally: Tally) -> dict[str, Any]:
    """What `indicators.results` must say of a tally when every buyer gave its data."""
    t, f, u = tally.t, tally.f, tally.u
    mt, mf, mu = tally.mt, tally.mf, tally.mu
    if method.kind in {"mean", "median"}:
        known = sorted(tally.numbers)
        total, number = sum(known, Decimal(0)), Decimal(len(known))
        value = share(total, number) if method.kind == "mean" else middle(known)
        bound = value if method.kind == "mean" and not tally.unknowns else None
        return {
            "numerator": total if method.kind == "mean" else None,
            "denominator": number,
            "unknown": Decimal(tally.unknowns),
            "excluded": 0,
            "value": value,
            "low": bound,
            "high": bound,
        }
    common = {
        "numerator": t,
        "denominator": t + f,
        "unknown": u + mt + mf + mu,
        "excluded": tally.excluded,
    }
    if method.kind == "rate":
        value = share(t, t + f)
        bound = None if common["unknown"] else value
        return common | {"value": value, "low": bound, "high": bound}
    if unit == "share":
        return common | {
            "value": share(t, t + f),
            "low": share(t, t + f + u + mf + mu),
            "high": share(t + u + mt + mu, t + f + u + mt + mu),
        }
    nothing_known = not t + f and bool(u + mt + mf + mu + tally.excluded)
    return common | {"value": None if nothing_known else t, "low": t, "high": t + u + mt + mu}


def middle(known: Sequence[Decimal]) -> Decimal | None:
    """The median of sorted numbers."""
    if not known:
        return None
    half = len(known) // 2
    pair = (known[half], known[half] if len(known) % 2 else known[half - 1])
    return ((pair[0] + pair[1]) / 2).quantize(SIX, ROUND_HALF_UP)


def results_of(
    all_units: Sequence[Unit], scheme: Scheme, buyers: Sequence[str], year: int
) -> dict[Key, dict[str, Any]]:
    """Every row of `indicators.results` of a year; a unit of spend has its `fact_table`."""
    of_year = [unit for unit in all_units if unit["year"] == year]
    spenders = {unit["buyer_id"] for unit in of_year if unit.get("fact_table") == SPEND}
    silent = {buyer for buyer in buyers if buyer not in spenders}
    found: dict[Key, dict[str, Any]] = {}
    for card in COUNTED:
        for method, scope in itertools.product(card.methods, SCOPES):
            table = card.table_of(method)
            units = [unit for unit in of_year if unit.get("fact_table", FACTS.table) == table]
            dimensions = card.dimensions_of(method)
            missing = (silent | {"*"} if silent or not spenders else set()) & (
                {"*", *buyers} if table == SPEND else set()
            )
            if table == OPERATIONS:  # the scheme's total is that of the buyers that are followed
                missing = {*buyers, *(() if units else "*")} - {unit["buyer_id"] for unit in units}
            members = [(unit, membership(card, method, scope, unit)) for unit in units]
            for measure in {result.measure for result in method.results}:
                cells: dict[tuple[str, str, str], Tally] = defaultdict(Tally)
                for buyer in ("*", *buyers):
                    cells[buyer, "*", "*"] = Tally()
                for unit, m in members:
                    if m is False:
                        continue
                    for cell in cells_of(unit, dimensions, scheme):
                        add(cells[cell], card, method, measure, unit, m)
                for cell, tally in cells.items():
                    if cell[1] != "*" and tally.is_empty:
                        continue
                    for result in method.results:
                        if result.measure == measure:
                            key = (card.id, method.name, measure, result.unit, scope, *cell)
                            lacks = cell[0] in missing
                            found[key] = figure(method, result.unit, tally, missing=lacks)
    return found


def cells_of(
    unit: Unit, dimensions: Sequence[str], scheme: Scheme
) -> Iterable[tuple[str, str, str]]:
    """The cells a unit belongs to: scheme and buyer, alone and by member of each dimension."""
    yield "*", "*", "*"
    yield unit["buyer_id"], "*", "*"
    for name in dimensions:
        member = unit.get(name) or "unknown"
        yield "*", name, member
        if scheme.buyers != "all":
            yield unit["buyer_id"], name, member


# The interval, by trying every reading


def extreme_shares(units: Sequence[tuple[Truth, Truth, Decimal]]) -> tuple[Decimal, Decimal] | None:
    """Least and greatest share over every way to settle what is unknown (member, met, weight)."""
    readings = [
        [
            (weight if is_met else Decimal(0), weight) if inside else (Decimal(0), Decimal(0))
            for inside in ([True, False] if member is None else [member])
            for is_met in ([True, False] if met is None else [met])
        ]
        for member, met, weight in units
    ]
    shares = [
        sum((part for part, _ in reading), Decimal(0)) / whole
        for reading in itertools.product(*readings)
        if (whole := sum((w for _, w in reading), Decimal(0)))
    ]
    return (min(shares), max(shares)) if shares else None
