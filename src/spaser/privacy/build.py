"""`facts.people_figures` → `indicators.figures` and `quality.suppression`: the only door.

Each year is masked by itself. No table prints a figure over several years, an hour is worked in one
year, and people are counted anew each year: nothing adds up across years, however many of the
people are the same. What a year is linked to are the editions of that same year published before
(`editions.py`): later returns, corrections, a wider perimeter.

Three measures have no threshold of their own and follow the people and hours of their row:

- clause contracts are public facts: printed where people and hours both are;
- employment contracts too, in years in which no row has fewer of them than people: then whatever
  moves leave the people of hidden rows uncertain leave their contracts uncertain as well;
- pending hours may be one person's, and how many people are behind them is not counted: they are
  printed of the whole scheme and of its buyers, never by axis, and of all its buyers or of none.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.findings import Finding, findings_table, write_findings
from spaser.privacy.cube import Row, alike_of, members_of, read_years
from spaser.privacy.editions import sealed
from spaser.privacy.rules import ANY, HOURS, PEOPLE, Rules, rules_on
from spaser.privacy.structure import Edition
from spaser.privacy.suppress import COMPLEMENTARY, PUBLISHED, REASONS, Decision, mask_edition
from spaser.warehouse import Connection, Tables, session

FIGURES, SUPPRESSION, FACTS = "indicators.figures", "quality.suppression", "facts.people_figures"

_SHOWN = Decision(PUBLISHED, "published")
_FOLLOWS = Decision(COMPLEMENTARY, "follows")

Line = tuple[Row, str, Decimal, Decision]
"""A row, a measure of it, its value and what was decided."""


@dataclass(frozen=True)
class Year:
    """The decisions of one year, and what earlier editions expose of it."""

    lines: tuple[Line, ...]
    exposed: tuple[str, ...]


def build(tables: Tables, catalogue: Catalogue) -> int:
    """Write `indicators.figures`, `quality.suppression` and the findings of suppression.

    The rules are those in force on the reference day (`as_of` of `quality.run`), the day the
    figures would be published; without one, those in force today and not ended.

    Returns:
        The number of rows of `indicators.figures`.

    Raises:
        InputError: rules or sealed editions that cannot be read, figures that contradict each
            other or cross two sensitive variables.
    """
    with session() as connection:
        found: dict[int, list[Row]] = {}
        if tables.exists(FACTS):
            found = read_years(connection, tables.scan(FACTS))
        rules = rules_on(catalogue.reference("suppression_rules"), _day(connection, tables))
        years = _decide_all({year: (found[year], sealed(tables, year)) for year in found}, rules)
        _write_findings(connection, catalogue, tables, years)
        lines = [line for year in years.values() for line in year.lines]
        connection.register("suppression_lines", _table(lines))
        tables.write(connection, SUPPRESSION, _SUPPRESSION_SQL)
        return tables.write(connection, FIGURES, _FIGURES_SQL)


PROCESSES = min(4, os.cpu_count() or 1)
"""Years are masked side by side; each is pure arithmetic of some seconds."""

FEW_ROWS = 300
"""Below so many rows of all years, a process would take longer to start than to work."""

Apart = tuple[Sequence[Row], Sequence[Edition]]
"""The rows of a year, and the editions of it published before."""


def _decide_all(years: Mapping[int, Apart], rules: Rules) -> dict[int, Year]:
    """`decide` for every year, in order."""
    ordered = sorted(years)
    few = sum(len(rows) for rows, _ in years.values()) < FEW_ROWS
    if few or PROCESSES == 1 or len(ordered) == 1:
        return {year: decide(*years[year], rules) for year in ordered}
    with ThreadPoolExecutor(PROCESSES) as pool:
        told = pool.map(lambda year: _decide_apart(*years[year], rules), ordered)
        return dict(zip(ordered, told, strict=True))


def _decide_apart(rows: Sequence[Row], earlier: Sequence[Edition], rules: Rules) -> Year:
    """`decide` in a Python of its own, which runs no line of the program that calls this one.

    It finds this program as this one does, and no module of the folder it is called from (`-P`).
    Where that is not possible, or fails, it is done here: a fault is then told as usual.
    """
    command = [sys.executable, "-P", "-m", "spaser.privacy.apart"]
    done = subprocess.run(
        command, input=pickle.dumps((rows, earlier, rules)), capture_output=True, check=False
    )
    told = _told(done.stdout) if done.returncode == 0 else None
    return decide(rows, earlier, rules) if told is None else told


def _told(answer: bytes) -> Year | None:
    """The year that a Python apart gave; none where something else wrote in its answer."""
    try:
        year = pickle.loads(answer)
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, ValueError):
        return None
    return year if isinstance(year, Year) else None


def decide(rows: Sequence[Row], earlier: Sequence[Edition], rules: Rules) -> Year:
    """What is printed of one year, of every measure of every row."""
    members, alike = members_of(rows), alike_of(rows)
    figures = {f.key: f for row in rows for f in row.figures(members, alike)}
    mask = mask_edition(Edition(tuple(figures.values())), rules, earlier)
    told = {
        row: {measure: mask.decisions[key] for measure, key in row.keys(members, alike).items()}
        for row in rows
    }
    return Year(tuple(_lines(told)), mask.exposed)


def _lines(told: Mapping[Row, Mapping[str, Decision]]) -> Iterator[Line]:
    """The five measures of every row; a number that is not known has no line."""
    shown = {row for row, of in told.items() if all(d.state == PUBLISHED for d in of.values())}
    enough = all(row.work_contracts is None or row.work_contracts >= row.people for row in told)
    pending = _shows_buyers_pending(told, shown)
    for row, decisions in told.items():
        yield row, PEOPLE, Decimal(row.people), decisions[PEOPLE]
        yield row, HOURS, row.hours, decisions[HOURS]
        is_shown = row in shown
        if row.work_contracts is not None:
            follows = is_shown and enough
            yield row, "work_contracts", Decimal(row.work_contracts), _follower(follows)
        if row.contracts is not None:
            yield row, "contracts", Decimal(row.contracts), _follower(is_shown)
        if row.pending_hours is not None:
            follows = is_shown and row.axis == ANY and (row.buyer_id == ANY or pending)
            yield row, "pending_hours", row.pending_hours, _follower(follows)


def _follower(is_shown: bool) -> Decision:
    return _SHOWN if is_shown else _FOLLOWS


def _shows_buyers_pending(told: Mapping[Row, object], shown: set[Row]) -> bool:
    """Whether pending hours are printed by buyer: no buyer's would follow from the others'."""
    buyers = [row for row in told if row.axis == ANY and row.buyer_id != ANY and row.pending_hours]
    return all(row in shown and row.people > 0 for row in buyers)


def _day(connection: Connection, tables: Tables) -> date:
    if tables.exists("quality.run"):
        query = f"select max(as_of) from {tables.scan('quality.run')}"
        [(day,)] = connection.execute(query).fetchall()
        if day is not None:
            found: date = day
            return found
    return date.max


def _write_findings(
    connection: Connection, catalogue: Catalogue, tables: Tables, years: Mapping[int, Year]
) -> None:
    """What earlier editions told for ever, named without any number."""
    findings = [
        Finding("suppression_exposed", table_name=FIGURES, key=name, detail=str(year))
        for year, decided in years.items()
        for name in decided.exposed
    ]
    connection.register("exposed_findings", findings_table(findings))
    write_findings(connection, catalogue, tables, "suppression", "select * from exposed_findings")


def _table(lines: Sequence[Line]) -> pa.Table:
    """One row per figure: its key, value, state and reason."""
    columns: dict[str, list[object]] = {
        "year": [row.year for row, *_ in lines],
        "buyer_id": [row.buyer_id for row, *_ in lines],
        "axis": [row.axis for row, *_ in lines],
        "member": [row.member for row, *_ in lines],
        "measure": [measure for _, measure, *_ in lines],
        "value": [value for _, _, value, _ in lines],
        "state": [told.state for *_, told in lines],
        "reason": [told.reason for *_, told in lines],
        "reason_fr": [REASONS[told.reason][0] for *_, told in lines],
        "reason_en": [REASONS[told.reason][1] for *_, told in lines],
    }
    arrays = [pa.array(columns[field.name], field.type) for field in _SCHEMA]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


_SCHEMA = pa.schema(
    [
        ("year", pa.int32()),
        ("buyer_id", pa.string()),
        ("axis", pa.string()),
        ("member", pa.string()),
        ("measure", pa.string()),
        ("value", pa.decimal128(18, 2)),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("reason_fr", pa.string()),
        ("reason_en", pa.string()),
    ]
)

_FIGURES_SQL = f"""
select year, buyer_id, axis, member, measure,
       case when state = '{PUBLISHED}' then value end as value,
       state = '{PUBLISHED}' as is_published
from suppression_lines
order by year, buyer_id, axis, member, measure
"""

_SUPPRESSION_SQL = """
select year, buyer_id, axis, member, measure, state, reason, reason_fr, reason_en
from suppression_lines
order by year, buyer_id, axis, member, measure
"""
