"""Fictional schemes drawn at random: people, their hours, and the tables a report makes of them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from spaser.privacy import Edition, Figure, Key, key_of

CRITERIA = ("RSA", "ASS", "TH", "DETLD", "JEUNE", "SENIOR")
MODALITIES = ("direct_hire", "temp", "subcontract")


@dataclass(frozen=True)
class Line:
    """Validated hours of one person, for one buyer, in one year."""

    person: int
    sex: str
    qpv: str
    criterion: str
    buyer: str
    year: str
    modality: str
    company: str
    hours: Decimal


TABLES = (
    ("year",),
    ("year", "sex"),
    ("year", "qpv"),
    ("year", "criterion"),
    ("year", "modality"),
    ("year", "buyer"),
    ("year", "buyer", "sex"),
    ("year", "buyer", "criterion"),
    ("year", "sex", "criterion"),
)


def draw(seed: int) -> list[Line]:
    """Between ten and a few hundred people of one or two buyers over two years."""
    chance = random.Random(seed)
    buyers = [f"buyer {number}" for number in range(chance.randint(1, 2))]
    weights = [chance.choice((1, 2, 5, 20)) for _ in CRITERIA]
    lines = []
    for person in range(chance.choice((12, 30, 60, 150, 400))):
        fixed = (
            chance.choice("FM"),
            chance.choice(("yes", "no", "no")),
            chance.choices(CRITERIA, weights)[0],
        )
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            company = f"company {min(chance.randint(0, 9), chance.randint(0, 9))}"
            hours = Decimal(chance.randint(100, 90000)) / 100
            buyer, year = chance.choice(buyers), chance.choice(("2024", "2025"))
            modality = chance.choice(MODALITIES)
            lines.append(Line(person, *fixed, buyer, year, modality, company, hours))
    return lines


def late(lines: list[Line], seed: int) -> list[Line]:
    """The lines as they were before some returns arrived and one was corrected."""
    chance = random.Random(f"late {seed}")
    missing = set(chance.sample(range(len(lines)), k=min(len(lines) // 4, chance.randint(0, 9))))
    return [line for number, line in enumerate(lines) if number not in missing]


def figures(lines: Iterable[Line], tables: Iterable[tuple[str, ...]] = TABLES) -> list[Figure]:
    """People and hours of every cell of the tables, zeros of the breakdowns included."""
    lines = list(lines)
    members = {
        axis: sorted({getattr(line, axis) for line in lines})
        for axis in ("year", "buyer", "sex", "qpv", "modality")
    }
    members["criterion"] = list(CRITERIA)
    found: list[Figure] = []
    for axes in tables:
        places: dict[tuple[str, ...], list[Line]] = {(): []}
        for axis in axes:
            places = {(*place, member): [] for place in places for member in members[axis]}
        for line in lines:
            places[tuple(getattr(line, axis) for axis in axes)].append(line)
        for place, inside in places.items():
            found += _cell(dict(zip(axes, place, strict=True)), inside)
    return found


def _cell(at: dict[str, str], lines: list[Line]) -> list[Figure]:
    people = {line.person for line in lines}
    companies: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        companies[line.company] += line.hours
    return [
        Figure(key_of("people", at), Decimal(len(people))),
        Figure(
            key_of("hours", at),
            sum(companies.values(), Decimal()),
            companies=len(companies),
            largest_company=max(companies.values(), default=Decimal()),
        ),
    ]


def edition(lines: Iterable[Line], hidden: frozenset[Key] = frozenset()) -> Edition:
    return Edition(tuple(figures(lines)), hidden)
