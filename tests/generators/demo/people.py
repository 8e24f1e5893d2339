"""The participants of the demo's insertion clauses: fictional, known by a number and nothing else.

Two facilitators' organisations, each with numbers of its own: `PLIE-00421` and `MDE-00421` are two
people. What is true of a person is drawn here once; `participants.csv` says it once per decision of
eligibility, and the hour logs name the number.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

SEED = 20260303
PLIE, MDE = "PLIE d'Exemple", "Maison de l'emploi d'Exemple"
"""The facilitators' organisations."""
PREFIXES = {PLIE: "PLIE", MDE: "MDE"}
COUNTS = {PLIE: 730, MDE: 340}
PROGRAMME_PEOPLE = 130
"""Beside those of `COUNTS`: taken on for one contract only, three in four at the RSA."""

FIRST_MONTH = date(2021, 1, 1)
LAST_MONTH = date(2025, 12, 1)
LAST_ASKED = date(2026, 2, 1)
"""Month until which the facilitators asked what became of people."""
MONTHS = tuple(date(year, month, 1) for year in range(2021, 2026) for month in range(1, 13))
ELIGIBILITY_MONTHS = 24

WOMEN = {
    "construction": 0.11, "cleaning": 0.71, "green_spaces": 0.19, "catering": 0.58, "waste": 0.16,
    "transport": 0.27, "social_care": 0.83, "office_it": 0.55, "other": 0.47,
}  # fmt: skip
"""Share of women among those who look for work in a sector."""
PREFERENCES = {
    "construction": 50, "cleaning": 20, "green_spaces": 12, "waste": 7, "catering": 4,
    "transport": 3, "social_care": 4, "office_it": 2, "other": 3,
}  # fmt: skip

CRITERIA_ORDER = (
    *("RSA", "ASS", "AAH", "DETLD"),
    *("CAP_BEP", "SENIOR", "JEUNE", "ASE", "DELD", "TH", "PI", "REF_DA", "QPV", "DETENTION_MJ"),
    *("PLIE", "AVIS_MOTIVE"),
)
"""The rule of the main criterion: level 1, level 2, then those without level, each in its order."""
LEVELS = ("Sans diplôme", "CAP/BEP", "Baccalauréat", "Bac+2 et plus")
EXITS = ("Emploi durable", "Emploi de transition", "Sortie positive", "Recherche d'emploi")


def add_months(day: date, months: int) -> date:
    """The first day of a month some months later."""
    total = day.year * 12 + day.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


def last_day(day: date) -> date:
    """The last day of a month."""
    return add_months(day, 1) - timedelta(days=1)


@dataclass(frozen=True)
class Decision:
    """One decision of eligibility: from a day on, for any contract or for one.

    months: those that it covers, by construction. until: written end, which is included.
    """

    eligible_from: date
    months: tuple[date, ...]
    criteria: tuple[str, ...]
    proof: date | None
    until: date | None = None
    for_programme: bool = False


@dataclass(frozen=True, eq=False)
class Person:
    """A participant: `sex`, `is_qpv` and `level` are None where nobody knows."""

    facilitator: str
    number: int
    sector: str
    sex: str | None
    birth_year: int
    level: str | None
    is_qpv: bool | None
    decisions: tuple[Decision, ...] = ()
    exits: tuple[str, str, str] = ("", "", "")
    bare: bool = False

    @property
    def person_id(self) -> str:
        """The number in the facilitator's tool; `bare`: from before it had a prefix."""
        prefix = "" if self.bare else f"{PREFIXES[self.facilitator]}-"
        return f"{prefix}{self.number:05d}"

    @property
    def months(self) -> tuple[date, ...]:
        """Every month in which hours may count."""
        return tuple(month for decision in self.decisions for month in decision.months)

    def main_criterion(self, year: int) -> str | None:
        """The one criterion of the person by the end of a year."""
        known = {
            code
            for decision in self.decisions
            if decision.eligible_from <= date(year, 12, 31)
            for code in decision.criteria
        }
        return min(known, key=CRITERIA_ORDER.index, default=None)


def make_people() -> tuple[Person, ...]:
    """Everybody, the same at every call: by facilitator, those of the programme last."""
    rng = random.Random(SEED)
    ordinary = [
        _person(facilitator, number, rng)
        for facilitator, count in COUNTS.items()
        for number in range(1, count + 1)
    ]
    programme = [_of_programme(1_001 + rank, rng) for rank in range(PROGRAMME_PEOPLE)]
    return (*ordinary, *programme)


def _person(facilitator: str, number: int, rng: random.Random) -> Person:
    sector = rng.choices(tuple(PREFERENCES), tuple(PREFERENCES.values()))[0]
    sex = "Femme" if rng.random() < WOMEN[sector] else "Homme"
    age = rng.choice((19, 22, 24, 27, 30, 33, 36, 39, 43, 47, 49, 52, 55, 59))
    # More people as the schemes grow: the first months are drawn towards 2023 and after.
    first = add_months(FIRST_MONTH, int(rng.triangular(-14, 56, 44)))
    is_qpv = None if rng.random() < 0.05 else rng.random() < 0.36
    decision = _decision(first, _criteria(age, is_qpv, rng), rng)
    decisions = [decision] if decision.months else []
    again = add_months(first, len(decision.months) + rng.randint(3, 8))
    if rng.random() < 0.12 and again < date(2025, 6, 1):
        decisions.append(_decision(again, _criteria(age + 2, is_qpv, rng), rng))
    return Person(
        facilitator,
        number,
        sector,
        None if rng.random() < 0.02 else sex,
        first.year - age,
        None if rng.random() < 0.08 else rng.choices(LEVELS, (44, 36, 14, 6))[0],
        is_qpv,
        tuple(decisions),
        _exits(rng),
    )


def _of_programme(number: int, rng: random.Random) -> Person:
    """Taken on for the programme: two years at most, three in four at the RSA."""
    first = add_months(date(2021, 4, 1), rng.randrange(0, 38))
    criteria = ("RSA",) if rng.random() < 0.75 else (rng.choice(("DETLD", "DELD", "SENIOR", "PI")),)
    decision = _decision(first, criteria, rng, for_programme=True)
    age = rng.choice((24, 31, 38, 44, 51, 57))
    sex = "Femme" if rng.random() < 0.68 else "Homme"
    return Person(
        MDE, number, "cleaning", sex, first.year - age, rng.choices(LEVELS, (52, 36, 9, 3))[0],
        rng.random() < 0.3, (decision,), _exits(rng),
    )  # fmt: skip


def _decision(
    first: date, criteria: tuple[str, ...], rng: random.Random, *, for_programme: bool = False
) -> Decision:
    """Twelve to twenty-four months, of which the last day is written one time in six."""
    length = rng.choice((12, 18, 20, 22, 24, 24, 24))
    eligible_from = first + timedelta(days=rng.randint(0, 24))
    months = tuple(add_months(first, rank) for rank in range(length))
    proof = eligible_from - timedelta(days=rng.randint(3, 80))
    return Decision(
        eligible_from,
        tuple(month for month in months if FIRST_MONTH <= month <= LAST_MONTH),
        criteria,
        None if rng.random() < 0.06 else proof,
        last_day(months[-1]) if rng.random() < 0.16 else None,
        for_programme,
    )


def _criteria(age: int, is_qpv: bool | None, rng: random.Random) -> tuple[str, ...]:
    """One to three criteria, those of the person's age and place among them."""
    drawn = rng.choices(
        ("RSA", "DETLD", "DELD", "CAP_BEP", "ASS", "AAH", "TH", "REF_DA", "DETENTION_MJ", "PI",
         "ASE", "PLIE"),
        (34, 16, 14, 12, 3, 2, 6, 3, 1, 4, 1, 6),
    )[0]  # fmt: skip
    found = {drawn}
    if age > 50 and rng.random() < 0.8:
        found.add("SENIOR")
    if age < 26 and rng.random() < 0.8:
        found.add("JEUNE")
    if is_qpv and rng.random() < 0.5:
        found.add("QPV")
    return tuple(sorted(found, key=CRITERIA_ORDER.index))


def _exits(rng: random.Random) -> tuple[str, str, str]:
    """At the end, after six and after twelve months; blank where nobody answered."""
    end = rng.choices(EXITS, (27, 24, 17, 32))[0]
    later = [rng.choices((*EXITS, ""), (24, 15, 10, 18, 33))[0] for _ in range(2)]
    return end, later[0], later[1] if later[0] else ""


HEADER = (
    "beneficiaire_id", "facilitateur", "marche_id", "maitre_ouvrage", "lot", "sexe",
    "annee_naissance", "tranche_age", "niveau_formation", "publics", "residence_qpv", "eligible_du",
    "eligible_au", "date_justificatif", "type_contrat", "date_debut", "date_fin", "sortie",
    "sortie_6m", "sortie_12m",
)  # fmt: skip

BANDS = ((26, "Moins de 26 ans"), (41, "26 à 40 ans"), (51, "41 à 50 ans"))


def band(age: int) -> str:
    """The age band as a tool writes it."""
    return next((name for below, name in BANDS if age < below), "51 ans et plus")


YES_NO = {True: "oui", False: "non", None: ""}


def rows(
    people: Iterable[Person], ended: dict[Person, date], programme: tuple[str, str]
) -> Iterable[Sequence[object]]:
    """One row per decision; exits are written on the last one, for who left.

    `ended`: the last month of hours of who has any. `programme`: contract and buyer.
    """
    for rank, person in enumerate(people):
        for decision in person.decisions:
            is_last = decision is person.decisions[-1]
            left = ended.get(person)
            exits = person.exits if is_last and left and left < date(2025, 11, 1) else ("", "", "")
            if left and add_months(left, 12) > LAST_ASKED:
                exits = (*exits[:2], "")
            if left and add_months(left, 6) > LAST_ASKED:
                exits = (exits[0], "", "")
            # One person in three is known by the band only, as in tools that keep no birth year.
            by_band = rank % 3 == 0
            year = person.birth_year
            contract, buyer = programme if decision.for_programme else ("", "")
            yield (
                person.person_id, person.facilitator, contract, buyer, "", person.sex or "",
                "" if by_band else year,
                band(decision.eligible_from.year - year) if by_band else "", person.level or "",
                ", ".join(decision.criteria), YES_NO[person.is_qpv],
                decision.eligible_from.isoformat(),
                decision.until.isoformat() if decision.until else "",
                decision.proof.isoformat() if decision.proof else "", "", "", "", *exits,
            )  # fmt: skip
