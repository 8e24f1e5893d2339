"""Thresholds below which a figure about people is hidden, from `suppression_rules.csv`.

A figure is a measure (`people`, `hours`) at a place: the members it has on some axes (buyer, year,
sex, criterion …); an axis it does not name is totalled. Of the rules that fit an axis the most
precise counts, of the axes of a figure the strictest.

Sources are in the table: Insee's practice (fewer than 5 employees, fewer than 11 persons in fiscal
data, 3 companies, 85 %), RGPD art. 9 and 10, CNIL 2023-005. They are the project's reading by
analogy where the status says `to_check`: a data protection officer confirms them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from spaser.errors import InputError

PEOPLE, HOURS = "people", "hours"
ANY = "*"

Place = tuple[tuple[str, str], ...]
"""Pairs (axis, member), sorted."""

Key = tuple[str, Place]
"""A figure: its measure and its place."""


def key_of(measure: str, at: Mapping[str, str]) -> Key:
    """The key of a figure; an axis whose member is `*` is totalled, as if not named."""
    return measure, tuple(sorted((axis, member) for axis, member in at.items() if member != ANY))


def named(key: Key) -> str:
    """A key in words, for messages."""
    measure, place = key
    return ", ".join([measure, *(f"{axis} = {member}" for axis, member in place)])


@dataclass(frozen=True)
class Rules:
    """The rules in force on one day."""

    below: Mapping[tuple[str, str], int]
    """(axis, member) → number of people from which a figure is published."""
    sensitive: frozenset[tuple[str, str]]
    partitions: frozenset[str]
    """Axes along which a person has one member, so that people add up (sex, main criterion). Along
    others (buyer, year, modality) a person may be counted at several members, once in the total."""
    partial: frozenset[str]
    """Axes whose crossings list a part of their members only (the operations that are programmes):
    readers know that each is a part of the total, not what they add up to."""
    min_companies: int
    max_company_share: Decimal
    hours_per_person: Decimal
    min_width_share: Decimal

    def _rule(self, axis: str, member: str) -> tuple[str, str]:
        choices = ((axis, member), (axis, ANY))
        return next((choice for choice in choices if choice in self.below), (ANY, ANY))

    def threshold(self, place: Place) -> int:
        """The fewest people that may be published at a place."""
        rules = [self._rule(axis, member) for axis, member in place]
        return max(self.below[rule] for rule in [(ANY, ANY), *rules])

    def sensitive_axes(self, place: Place) -> list[str]:
        """The axes of a place that say something sensitive of its people."""
        return [axis for axis, member in place if self._rule(axis, member) in self.sensitive]

    def width(self, key: Key, value: Decimal) -> Decimal:
        """How wide the interval that a reader can derive of a hidden figure must be, at least.

        Of people, the threshold. Of hours, `hours_per_person` for each person of the threshold, and
        `min_width_share` of the hours themselves: a company's own hours must stay uncertain.
        """
        measure, place = key
        threshold = Decimal(self.threshold(place))
        if measure == PEOPLE:
            return threshold
        return max(threshold * self.hours_per_person, value * self.min_width_share)


def rules_on(rows: Iterable[Mapping[str, str]], day: date) -> Rules:
    """The rules in force on a day, from the rows of `suppression_rules.csv`.

    Raises:
        InputError: a row cannot be read, or a rule is missing on that day.
    """
    below: dict[tuple[str, str], int] = {}
    sensitive: set[tuple[str, str]] = set()
    partitions: set[str] = set()
    partial: set[str] = set()
    single: dict[str, Decimal] = {}
    for line, row in enumerate(rows, start=2):
        try:
            first, last = row["valid_from"], row["valid_to"] or date.max.isoformat()
            if not date.fromisoformat(first) <= day <= date.fromisoformat(last):
                continue
            value, place = Decimal(row["value"]), (row["dimension"], row["member"])
            if row["rule"] in ("below", "sensitive_below"):
                below[place] = int(value)
            elif row["rule"] == "adds_up":
                partitions.add(row["dimension"])
            elif row["rule"] == "lists_part":
                partial.add(row["dimension"])
            else:
                single[row["rule"]] = value
        except (ArithmeticError, ValueError, KeyError) as fault:
            raise InputError(
                f"suppression_rules.csv, ligne {line} : illisible ({fault}). Corrigez la ligne.",
                f"suppression_rules.csv, line {line}: unreadable ({fault}). Correct the line.",
            ) from fault
        if row["rule"] == "sensitive_below":
            sensitive.add(place)
    wanted = ("min_companies", "max_company_share", "hours_per_person", "min_width_share")
    missing = [name for name in wanted if name not in single]
    missing += [] if (ANY, ANY) in below else ["people,*,*,below"]
    if missing:
        raise InputError(
            f"suppression_rules.csv : pas de règle {', '.join(missing)} au {day:%d/%m/%Y}. "
            "Ajoutez-la : sans seuil, rien ne peut être publié sur les personnes.",
            f"suppression_rules.csv: no rule {', '.join(missing)} on {day.isoformat()}. "
            "Add it: without a threshold nothing about people can be published.",
        )
    return Rules(
        below=below,
        sensitive=frozenset(sensitive),
        partitions=frozenset(partitions),
        partial=frozenset(partial),
        min_companies=int(single["min_companies"]),
        max_company_share=single["max_company_share"],
        hours_per_person=single["hours_per_person"],
        min_width_share=single["min_width_share"],
    )
