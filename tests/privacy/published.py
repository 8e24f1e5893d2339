"""What a reader derives from the tables that a scheme publishes: nothing that is hidden.

`attack(tables)` has what readers have: the published rows of `indicators.figures`, the results
computed from them, and the editions sealed before. It is made stronger than any reader: of the
table before suppression it knows how many people are counted twice and how figures were corrected.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from spaser.privacy import Key
from spaser.warehouse import Tables, session
from tests.privacy.attacker import Attacker, Insider, Interval, Printed

SENSITIVE = {
    *("RSA", "ASS", "AAH", "MINIMA", "AUTRE_MINIMA", "VEUVAGE"),
    *("TH", "INVALIDITE", "DETENTION_MJ", "REF_DA", "RS_PS_DA"),
}
SENSITIVE_STRUCTURES = {"EA", "EATT", "ESAT", "SEP"}
"""Whoever works there is disabled, or in prison."""


@dataclass
class Told:
    """One edition of one year: what it printed (nothing where it printed « s »), what was true."""

    printed: dict[Key, Decimal | None] = field(default_factory=dict)
    truth: dict[Key, Decimal] = field(default_factory=dict)


def attack(tables: Tables) -> list[str]:
    """What can be derived of hidden figures, of every year; empty is right."""
    found = [*_loose(tables), *_results(tables)]
    now = _now(tables)
    for year in sorted(now):
        found += derived([*_before(tables, year), now[year]])
    return found


def demanded(key: Key, value: Decimal) -> float:
    """How wide a hidden figure must stay: DOMAIN §5 by hand, apart from the program's own table."""
    at = dict(key[1])
    delicate = at.get("criterion") in SENSITIVE or at.get("structure_kind") in SENSITIVE_STRUCTURES
    people = 11 if delicate else 5
    return people if key[0] == "people" else max(people * 35, float(value) * 0.15)


def partial(truth: Mapping[Key, Decimal]) -> frozenset[tuple[Key, str]]:
    """The breakdowns whose printed parts are fewer than their total, and crossings of operations.

    These list programmes only: nobody knows that an operation left out has nobody to count.
    """
    sums: dict[tuple[Key, str], Decimal] = defaultdict(Decimal)
    for (measure, place), value in truth.items():
        for axis, _ in place:
            whole = (measure, tuple(pair for pair in place if pair[0] != axis))
            sums[whole, axis] += value
    crossed = {
        (total, axis)
        for total, axis in sums
        if axis == "operation" and {name for name, _ in total[1]} - {"year", "buyer"}
    }
    return frozenset(
        name for name, value in sums.items() if value < truth.get(name[0], 0) or name in crossed
    )


def derived(editions: list[Told]) -> list[str]:
    """The figures of editions of one year that a reader of all of them knows too well."""
    printed = [Printed(told.printed, partial=partial(told.truth)) for told in editions]
    attacker = Attacker(printed, Insider(tuple(told.truth for told in editions)))
    wanted = {
        (number, key): demanded(key, told.truth[key]) - 1e-4
        for number, told in enumerate(editions)
        for key, value in told.printed.items()
        if value is None
    }
    found = attacker.narrow(wanted)
    return [_said(number, key, found[number, key]) for number, key in sorted(found)]


def _said(number: int, key: Key, interval: Interval) -> str:
    measure, place = key
    at = ", ".join(f"{axis}={member}" for axis, member in place)
    return f"edition {number + 1}: {measure} {at}: between {interval.low:g} and {interval.high:g}"


# --- what is published --------------------------------------------------------------------------


def _rows(tables: Tables, query: str, *names: str) -> list[tuple[Any, ...]]:
    """The rows of a query that names its tables as `{0}`, `{1}`; none where one is not built."""
    if not all(tables.exists(name) for name in names):
        return []
    with session() as connection:
        found = connection.execute(query.format(*(tables.scan(name) for name in names)))
        return found.fetchall()


def _now(tables: Tables) -> dict[int, Told]:
    """Each year as it would be published today; of figures apart, a value only where published."""
    query = (
        "select f.year, f.buyer_id, f.axis, f.member, f.measure, "
        "case when f.is_published then f.value end, "
        "case f.measure when 'people' then p.people else p.hours end "
        "from {0} f join {1} p using (year, buyer_id, axis, member) "
        "where f.measure in ('people', 'hours') order by all"
    )
    rows = _rows(tables, query, "indicators.figures", "facts.people_figures")
    operations = {(row[0], row[3]) for row in rows if row[2] == "operation"}
    same = _same_leavers(rows)
    years: dict[int, Told] = defaultdict(Told)
    for year, buyer, axis, member, measure, value, truth in rows:
        known = {name for of_year, name in operations if of_year == year}
        at = {"year": str(year), **({} if buyer == "*" else {"buyer": buyer})}
        at |= dict(_at(axis, member, known))
        if year in same:
            at = {axis.replace("left_12", "left_6"): name for axis, name in at.items()}
        key = measure, tuple(sorted(at.items()))
        years[year].printed[key] = years[year].printed.get(key) or value
        years[year].truth[key] = Decimal(truth)
    return years


def _same_leavers(rows: Iterable[tuple[Any, ...]]) -> set[int]:
    """The years of which every reader knows that all have been gone for twelve months too."""
    left: dict[str, dict[int, set[Any]]] = {"left_6_months": {}, "left_12_months": {}}
    for year, buyer, axis, _, measure, _, truth in rows:
        if axis in left:
            left[axis].setdefault(year, set()).add((buyer, measure, truth))
    six, twelve = left.values()
    return {year for year in six if six[year] == twelve.get(year)}


def _at(axis: str, member: str, operations: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The members that a row names, one by axis."""
    if axis == "*":
        return
    first, *second = axis.split("+")
    if not second:
        yield axis, member
        return
    fitting = [
        name for name in operations if first == "operation" and member.startswith(f"{name}+")
    ]
    left = max(fitting, key=len, default=member.split("+", 1)[0])
    yield first, left
    yield second[0], member[len(left) + 1 :]


def _before(tables: Tables, year: int) -> list[Told]:
    """The editions of a year sealed before, oldest first."""
    found = []
    files = (tables.root / "editions").glob(f"{year}-*.json")
    for path in sorted(files, key=lambda path: int(path.stem.split("-")[1])):
        told = Told()
        for line in json.loads(path.read_text(encoding="utf-8"))["figures"]:
            key = line["measure"], tuple(sorted(line["place"].items()))
            told.truth[key] = Decimal(line["value"])
            told.printed[key] = None if line["is_hidden"] else Decimal(line["value"])
        found.append(told)
    return found


# --- what needs no solving ----------------------------------------------------------------------


def _loose(tables: Tables) -> list[str]:
    """Figures without which others are printed, and hidden ones that have a value."""
    query = (
        "select year, buyer_id, axis, member, measure, value, is_published, "
        "bool_and(is_published) filter (where measure in ('people', 'hours')) "
        "over (partition by year, buyer_id, axis, member) from {0} order by all"
    )
    found = []
    for *place, measure, value, shown, of_row in _rows(tables, query, "indicators.figures"):
        if not shown and value is not None:
            found.append(f"a hidden figure has a value: {place} {measure}")
        if measure not in ("people", "hours") and shown and not of_row:
            found.append(f"printed beside hidden people or hours: {place} {measure}")
    return found


def _results(tables: Tables) -> list[str]:
    """Results computed from a figure that is hidden."""
    query = """
        select distinct r.code, r.method, r.year, r.buyer_id, e.unit_id
        from {0} r join {1} e using (scheme, code, method, scope, measure, year, buyer_id)
        join {2} f on f.year = e.year and f.buyer_id = e.buyer_id and f.measure = e.measure
            and f.axis || '=' || f.member = e.unit_id
        where not f.is_published
          and (e.weight is not null or r.status = 'computed' and r.dimension = '*'
               and e.unit_id = r.dimension || '=' || r.member)
        order by all"""
    names = ("indicators.results", "indicators.evidence", "indicators.figures")
    shown = """
        select r.code, r.method, r.year, r.buyer_id, r.dimension || '=' || r.member
        from {0} r join {1} f on f.year = r.year and f.buyer_id = r.buyer_id
            and f.measure = r.measure and f.axis = r.dimension and f.member = r.member
        where not f.is_published and r.status = 'computed' and r.unit in ('people', 'hours', 'fte')
          -- Hours committed are terms of contracts, nobody's hours; leavers and missing hours are
          -- other figures than the one of their place.
          and r.code not in ('SOC-11', 'SOC-20', 'SOC-21')
        order by all"""
    rows = _rows(tables, query, *names) + _rows(tables, shown, names[0], names[2])
    return [f"a result shows a hidden figure: {row}" for row in rows]
