"""Fictional years of a scheme, as the rows of `facts.people_figures` that they make.

Written from what the table says of itself (distinct people, hours, companies of every member of
every axis), without the program's own builder: suppression is tested whatever made the rows.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from spaser.warehouse import Tables

CRITERIA = ("RSA", "ASS", "TH", "DETLD", "JEUNE", "SENIOR", "unknown")
BY_PERSON = {
    "sex": ("female", "male"),
    "age_band": ("1_under_26", "2_26_40", "3_41_50", "4_over_50"),
    "qpv": ("yes", "no", "unknown"),
    "training_level": ("1", "2", "3", "4"),
}
BY_LINE = {
    "modality": ("direct_hire", "loan", "subcontracting"),
    "structure_kind": ("ETTI", "EI", "ESAT", "unknown"),
    "activity_sector": ("building", "cleaning", "green_spaces", "catering", "other"),
    "hour_kind": ("work", "work", "work", "training"),
    "work_contract_type": ("fixed_term", "temporary", "permanent"),
    "contract_type": ("works", "services"),
}
EXITS = ("sustainable", "transition", "none", "unknown")


@dataclass(frozen=True)
class Worked:
    """Validated hours of one person, and everything they are counted by."""

    person: int
    year: int
    buyer: str
    company: str
    hours: Decimal
    of: Mapping[str, str] = field(hash=False)
    pending: Decimal = Decimal()


@dataclass(frozen=True)
class Size:
    people: int
    buyers: int
    operations: int
    programmes: int = 0
    years: tuple[int, ...] = (2025,)
    lines: int = 3


def draw(seed: int, size: Size | None = None) -> list[Worked]:
    """The hours of a scheme drawn at random."""
    chance = random.Random(seed)
    size = size or Size(
        chance.choice((12, 30, 60, 150)), chance.randint(1, 3), chance.randint(1, 8), 1
    )
    weights = [chance.choice((1, 2, 5, 20)) for _ in CRITERIA]
    return [
        _line(chance, person, year, fixed, size)
        for year in size.years
        for person in range(size.people)
        for fixed in [_person(chance, weights)]
        for _ in range(chance.randint(1, size.lines))
    ]


def _person(chance: random.Random, weights: list[int]) -> dict[str, str]:
    drawn = {axis: chance.choice(members) for axis, members in BY_PERSON.items()}
    drawn["criterion"] = chance.choices(CRITERIA, weights)[0]
    for months in ("6", "12"):
        drawn[f"left_{months}_months"] = chance.choice(("yes", ""))
        drawn[f"exit_{months}_months"] = chance.choice(EXITS)
    return drawn


def _line(
    chance: random.Random, person: int, year: int, fixed: dict[str, str], size: Size
) -> Worked:
    number = chance.randrange(size.operations)
    drawn = fixed | {axis: chance.choice(members) for axis, members in BY_LINE.items()}
    drawn["operation"] = f"op {number}"
    drawn["contract_type"] = BY_LINE["contract_type"][number % 2]
    if number < size.programmes:
        drawn["site"] = f"site {chance.randrange(12)}"
        drawn["host_structure"] = f"host {chance.randrange(4)}"
    other = chance.random() < 0.5 ** (1 + number % 2)
    company = f"company {(number + (chance.randrange(6) if other else 0)) % 40}"
    hours = Decimal(chance.randint(100, 30000)) / 100
    pending = Decimal(chance.choice((0, 0, 0, 35)))
    buyer = f"0002000{number % size.buyers}000000"
    return Worked(person, year, buyer, company, hours, drawn, pending)


SIMPLE = ("sex", "age_band", "qpv", "criterion", "training_level", *BY_LINE, "operation")
CROSSED = ("activity_sector+sex",)
OF_PROGRAMMES = ("operation+site", "operation+host_structure", "operation+criterion")
OF_EXITS = tuple(
    axis
    for months in ("6", "12")
    for axis in (f"left_{months}_months", f"left_{months}_months+exit_{months}_months")
)


def rows(lines: Iterable[Worked]) -> list[dict[str, object]]:
    """The rows of `facts.people_figures`."""
    groups: dict[tuple[int, str, str, str], list[Worked]] = defaultdict(list)
    for line in lines:
        for axis, member in _members(line):
            for buyer in ("*", line.buyer):
                groups[line.year, buyer, axis, member].append(line)
    return [_row(key, groups[key]) for key in sorted(groups)]


def _members(line: Worked) -> Iterable[tuple[str, str]]:
    yield "*", "*"
    for axis in (*SIMPLE, *CROSSED):
        yield axis, "+".join(line.of[name] for name in axis.split("+"))
    if "site" in line.of:
        for axis in OF_PROGRAMMES:
            yield axis, "+".join(line.of[name] for name in axis.split("+"))
    for axis in OF_EXITS:
        if line.of[axis.split("+")[0]]:
            yield axis, "+".join(line.of[name] for name in axis.split("+"))


def _row(key: tuple[int, str, str, str], lines: list[Worked]) -> dict[str, object]:
    companies: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        companies[line.company] += line.hours
    return {
        "year": key[0],
        "buyer_id": key[1],
        "axis": key[2],
        "member": key[3],
        "people": len({line.person for line in lines}),
        "hours": sum(companies.values(), Decimal()),
        "companies": len(companies),
        "largest_company_hours": max(companies.values()),
        "work_contracts": len({(line.person, line.company) for line in lines}),
        "contracts": len({line.of["operation"] for line in lines}),
        "pending_hours": sum((line.pending for line in lines), Decimal()),
    }


SCHEMA = pa.schema(
    [
        ("year", pa.int32()),
        ("buyer_id", pa.string()),
        ("axis", pa.string()),
        ("member", pa.string()),
        ("people", pa.int64()),
        ("hours", pa.decimal128(18, 2)),
        ("companies", pa.int64()),
        ("largest_company_hours", pa.decimal128(18, 2)),
        ("work_contracts", pa.int64()),
        ("contracts", pa.int64()),
        ("pending_hours", pa.decimal128(18, 2)),
    ]
)


def write(root: Path, found: list[dict[str, object]]) -> Tables:
    """A scheme's tables with these rows of `facts.people_figures`."""
    tables = Tables(root)
    target = tables.folder("facts.people_figures") / "part.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(found, schema=SCHEMA), target)
    return tables
