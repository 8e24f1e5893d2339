"""Targets → `indicators.verdicts`. The interval alone decides."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.scheme import Scheme, Target
from spaser.warehouse import Connection, Tables, literal, session

Verdict = Literal["reached", "not_reached", "undecidable", "not_due"]
Trajectory = Literal["on_track", "late", "undecidable"]


@dataclass(frozen=True)
class Interval:
    """A figure as a target reads it; null bounds know nothing."""

    value: Decimal | None
    low: Decimal | None
    high: Decimal | None


UNKNOWN = Interval(None, None, None)

_ADDITIVE_UNITS = ("share", "contracts", "eur")
"""Of a mean or a median, one unknown contract leaves no bound to move."""


def met(
    interval: Interval, threshold: Decimal | None, direction: str
) -> Literal["yes", "no", "unknown"]:
    """Whether a figure meets a threshold.

    Upward: yes only if `low ≥ threshold`, no only if `high < threshold`; downward mirrored.
    """
    if threshold is None:
        return "unknown"
    low, high = interval.low, interval.high
    if direction == "down":
        low, high = (None if high is None else -high), (None if low is None else -low)
        threshold = -threshold
    if low is not None and low >= threshold:
        return "yes"
    if high is not None and high < threshold:
        return "no"
    return "unknown"


def verdict_of(year: int, target: Target, interval: Interval, threshold: Decimal | None) -> Verdict:
    """The verdict from the due year on; before it, `not_due`."""
    if year < target.year:
        return "not_due"
    answer = met(interval, threshold, target.direction)
    verdicts: dict[str, Verdict] = {"yes": "reached", "no": "not_reached", "unknown": "undecidable"}
    return verdicts[answer]


def trajectory_of(
    year: int,
    target: Target,
    interval: Interval,
    start: tuple[int, Decimal | None],
    threshold: Decimal | None,
) -> Trajectory | None:
    """Before the due year: is the figure where a straight line from the start would be?"""
    if year >= target.year:
        return None
    answer = met(interval, expected_at(year, target, start, threshold), target.direction)
    words: dict[str, Trajectory] = {"yes": "on_track", "no": "late", "unknown": "undecidable"}
    return words[answer]


def expected_at(
    year: int, target: Target, start: tuple[int, Decimal | None], threshold: Decimal | None
) -> Decimal | None:
    """The straight line from the start to the threshold; null when either is unknown."""
    first, base = start
    if (
        base is None
        or threshold is None
        or not first <= year <= target.year
        or first == target.year
    ):
        return None
    return base + (threshold - base) * (year - first) / (target.year - first)


def judge(tables: Tables, catalogue: Catalogue, scheme: Scheme, year: int) -> int:
    """Write the part of a year of `indicators.verdicts`; returns the number of rows.

    A target is read on the result of its indicator, method, measure, unit, scope and buyer.
    Baselines and starts of trajectories are read in the parts of their years.
    """
    with session() as connection:
        tables.attach(connection, ["indicators.results"])
        has_evidence = tables.exists("indicators.evidence")
        if has_evidence:
            tables.attach(connection, ["indicators.evidence"])
        codes = {target.indicator for target in scheme.targets}
        listed = ", ".join(literal(code) for code in sorted(codes)) or "null"
        # Each target reads a few figures: from a small table, not from the files again.
        connection.execute(
            f"""create temp table target_results as select * from indicators.results
            where dimension = '*' and code in ({listed})"""
        )
        rows = [
            _verdict_row(connection, catalogue, scheme, target, year, has_evidence)
            for target in scheme.numbered_targets()
        ]
        connection.register("verdict_rows", pa.Table.from_pylist(rows, schema=_SCHEMA))
        query = "select * from verdict_rows order by target_id"
        return tables.write(connection, "indicators.verdicts", query, f"year={year}")


def _verdict_row(
    connection: Connection,
    catalogue: Catalogue,
    scheme: Scheme,
    target: Target,
    year: int,
    has_evidence: bool,
) -> dict[str, Any]:
    row = _result(connection, target, year)
    interval = _interval(row)
    baseline = _interval(_result(connection, target, target.baseline_year))
    threshold = threshold_of(target, baseline.value)
    start = _start(connection, scheme, target)
    verdict = verdict_of(year, target, interval, threshold)
    to_qualify = None
    card = catalogue.indicators[target.indicator]
    # Of people and companies the evidence is aggregates or hours: there is no contract to qualify.
    additive = target.unit in _ADDITIVE_UNITS and card.about == "contracts"
    if verdict == "undecidable" and additive and row and has_evidence and threshold is not None:
        to_qualify = _to_qualify(connection, target, year, row, threshold)
    label = target.label or card.labels
    return {
        "scheme": scheme.name,
        "target_id": target.id,
        "buyer_id": target.buyer,
        "year": year,
        "code": target.indicator,
        "method": target.method,
        "scope": target.scope,
        "measure": target.measure,
        "unit": target.unit,
        "dimension": "*",
        "member": "*",
        "direction": target.direction,
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "threshold": _six(threshold),
        "due_year": target.year,
        "verdict": verdict,
        "trajectory": trajectory_of(year, target, interval, start, threshold),
        "to_qualify": to_qualify,
        "baseline_year": target.baseline_year,
        "baseline_value": baseline.value,
        "label_fr": label.fr,
        "label_en": label.en,
        # Why the figure is not there: not computable, or under statistical secrecy.
        "reason_fr": row["reason_fr"] if row else None,
        "reason_en": row["reason_en"] if row else None,
    }


def threshold_of(target: Target, baseline: Decimal | None) -> Decimal | None:
    """The threshold: absolute, or a multiple of the value published for the baseline year."""
    if target.times_baseline is not None:
        return None if baseline is None else baseline * target.times_baseline
    return target.at_least if target.at_least is not None else target.at_most


def _start(connection: Connection, scheme: Scheme, target: Target) -> tuple[int, Decimal | None]:
    """Where the trajectory begins: the baseline year, else the first year with a figure."""
    buyer_rows = connection.execute(
        f"""select year, value from target_results where {_KEY} and value is not null
        order by year""",
        _key(target),
    ).fetchall()
    first = scheme.period.first if scheme.period else 0
    for year, value in buyer_rows:
        if year >= first and target.baseline_year in {None, year}:
            return year, value
    return target.year, None


def _result(connection: Connection, target: Target, year: int | None) -> dict[str, Any] | None:
    if year is None:
        return None
    rows = connection.execute(
        f"""select numerator, denominator, unknown, value, low, high, reason_fr, reason_en
        from target_results
        where {_KEY} and year = ?""",
        [*_key(target), year],
    )
    names = [column[0] for column in rows.description or []]
    found = rows.fetchall()
    return dict(zip(names, found[0], strict=True)) if found else None


_KEY = """code = ? and method = ? and measure = ? and unit = ? and scope = ? and buyer_id = ?
    and dimension = '*'"""


def _key(target: Target) -> list[str]:
    return [
        target.indicator,
        target.method,
        target.measure,
        target.unit,
        target.scope,
        target.buyer,
    ]


def _interval(row: dict[str, Any] | None) -> Interval:
    """The interval of a figure; a median has none, but is exact when nothing is unknown."""
    if row is None:
        return UNKNOWN
    if row["low"] is None and row["unknown"] == 0:
        return Interval(row["value"], row["value"], row["value"])
    return Interval(row["value"], row["low"], row["high"])


def _to_qualify(
    connection: Connection, target: Target, year: int, row: dict[str, Any], threshold: Decimal
) -> int | None:
    """The least number of unknown contracts whose answer can decide the target.

    The heaviest unknown contracts are taken first: either enough of them answer yes to raise the
    low bound to the threshold, or enough answer no to bring the high bound below it. Exact when
    the unknowns are contracts of the scope whose fact is unknown.
    """
    buyer = "" if target.buyer == "*" else "and buyer_id = ?"
    weights = [
        weight or Decimal(0)
        for (weight,) in connection.execute(
            f"""select weight from indicators.evidence
            where code = ? and method = ? and measure = ? and scope = ? and year = ?
                and role = 'unknown' {buyer} order by weight desc, unit_id""",
            [target.indicator, target.method, target.measure, target.scope, year]
            + ([] if target.buyer == "*" else [target.buyer]),
        ).fetchall()
    ]
    if not weights or row["denominator"] is None:
        return None
    total = sum(weights, Decimal(0))
    whole = row["denominator"] + total if target.unit == "share" else Decimal(1)
    # At the threshold itself a target is met, upward or downward: the other way must pass it.
    upward = target.direction == "up"
    raised = _fewest(weights, threshold * whole - row["numerator"], strictly=not upward)
    above = row["numerator"] + total - threshold * whole
    lowered = _fewest(weights, above, strictly=upward)
    counts = [count for count in (raised, lowered) if count is not None]
    return min(counts) if counts else None


def _fewest(weights: list[Decimal], needed: Decimal, *, strictly: bool = False) -> int | None:
    reached = Decimal(0)
    for count, weight in enumerate(weights, start=1):
        reached += weight
        if reached > needed or (reached == needed and not strictly):
            return count
    return None


def _six(value: Decimal | None) -> Decimal | None:
    return None if value is None else round(value, 6)


_DECIMAL = pa.decimal128(38, 6)
_SCHEMA = pa.schema(
    [
        ("scheme", pa.string()),
        ("target_id", pa.string()),
        ("buyer_id", pa.string()),
        ("year", pa.int32()),
        ("code", pa.string()),
        ("method", pa.string()),
        ("scope", pa.string()),
        ("measure", pa.string()),
        ("unit", pa.string()),
        ("dimension", pa.string()),
        ("member", pa.string()),
        ("direction", pa.string()),
        ("value", _DECIMAL),
        ("low", _DECIMAL),
        ("high", _DECIMAL),
        ("threshold", _DECIMAL),
        ("due_year", pa.int32()),
        ("verdict", pa.string()),
        ("trajectory", pa.string()),
        ("to_qualify", pa.int32()),
        ("baseline_year", pa.int32()),
        ("baseline_value", _DECIMAL),
        ("label_fr", pa.string()),
        ("label_en", pa.string()),
        ("reason_fr", pa.string()),
        ("reason_en", pa.string()),
    ]
)
