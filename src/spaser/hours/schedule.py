"""How far the hours should be on a day, and the alert when they are not.

Without a schedule in the contract the hours are spread evenly from its first day to its last. A
given schedule says the hours to reach by each of its days; between two days the earlier one holds.
A clause per tranche or per order needs none: what is due follows what is invoiced or ordered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from spaser.errors import InputError
from spaser.hours.parameters import half_up
from spaser.hours.words import Words, number
from spaser.values import read_date, read_decimal


@dataclass(frozen=True)
class Linear:
    """Hours spread evenly over the days from `start` to `end`, both included; null: not known."""

    start: date | None
    end: date | None


@dataclass(frozen=True)
class Milestones:
    """Hours to have reached on given days: (day, hours since the beginning), days ascending."""

    points: tuple[tuple[date, Decimal], ...]


Schedule = Linear | Milestones


@dataclass(frozen=True)
class Progress:
    """Where a commitment stands on a day.

    expected: whole hours, null if unknown. shortfall: expected less validated, never below zero.
    rate: validated ÷ expected, six decimals, null where nothing is expected yet. alert: whether
    hours are missing (null: unknown). words: the sentence of the alert sheet.
    """

    at: date
    expected: Decimal | None
    validated: Decimal
    shortfall: Decimal | None
    rate: Decimal | None
    alert: bool | None
    words: Words


def expected_hours(schedule: Schedule | None, due: Decimal | None, at: date) -> Decimal | None:
    """The hours that a schedule asks for by a day, whole, half up; null if they are unknown.

    `due`: all the commitment owes. Without schedule all that is due is expected. After the last day
    of a schedule so is all that is due, even where its last line says otherwise.
    """
    if due is None:
        return None
    if schedule is None:
        return half_up(due)
    if isinstance(schedule, Milestones):
        return _milestone(schedule, due, at)
    return _linear(schedule, due, at)


def _linear(schedule: Linear, due: Decimal, at: date) -> Decimal | None:
    start, end = schedule.start, schedule.end
    if start is not None and at < start:
        return Decimal(0)
    if end is not None and at >= end:
        return half_up(due)
    if start is None or end is None or end < start:
        return None
    elapsed = Fraction((at - start).days + 1, (end - start).days + 1)
    return half_up(elapsed * Fraction(due))


def _milestone(schedule: Milestones, due: Decimal, at: date) -> Decimal | None:
    if not schedule.points:
        return None
    if at >= schedule.points[-1][0]:
        return half_up(due)
    reached = [hours for day, hours in schedule.points if day <= at]
    return half_up(min(reached[-1], due)) if reached else Decimal(0)


def differs(schedule: Schedule | None, due: Decimal | None) -> bool:
    """Whether a given schedule ends on other hours than those due: a revision did not reach it."""
    return (
        isinstance(schedule, Milestones)
        and bool(schedule.points)
        and due is not None
        and schedule.points[-1][1] != due
    )


def progress(
    schedule: Schedule | None, due: Decimal | None, validated: Decimal, at: date
) -> Progress:
    """Validated hours against the schedule; only validated hours count."""
    expected = expected_hours(schedule, due, at)
    if expected is None:
        return Progress(at, None, validated, None, None, None, _UNKNOWN)
    short = max(Decimal(0), expected - validated)
    rate = half_up(Fraction(validated) / Fraction(expected), 6) if expected else None
    words = Words(
        f"{number(validated, 'fr')}\u00a0h validées pour {number(expected, 'fr')}\u00a0h attendues "
        f"au {at:%d/%m/%Y} : {_missing(short).fr}.",
        f"{number(validated, 'en')} h validated for {number(expected, 'en')} h expected by "
        f"{at:%Y-%m-%d}: {_missing(short).en}.",
    )
    return Progress(at, expected, validated, short, rate, short > 0, words)


def _missing(short: Decimal) -> Words:
    if not short:
        return Words("aucune ne manque", "none is missing")
    return Words(f"il manque {number(short, 'fr')}\u00a0h", f"{number(short, 'en')} h are missing")


_UNKNOWN = Words(
    "Avancement inconnu : il manque les heures dues, ou les dates d'exécution.",
    "Progress unknown: the hours due or the dates of performance are missing.",
)


def read_schedule(text: str) -> Milestones:
    """A schedule as a sheet writes it: `30/06/2025 = 400 ; 31/12/2025 = 833`.

    Raises:
        InputError: a part that is not `date = hours`, days that do not ascend, hours that descend.
    """
    points = [_point(part, text) for part in text.split(";") if part.strip()]
    for (day, hours), (next_day, next_hours) in pairwise(points):
        if next_day <= day or next_hours < hours:
            raise _unreadable(text)
    if not points:
        raise _unreadable(text)
    return Milestones(tuple(points))


def _point(part: str, text: str) -> tuple[date, Decimal]:
    day_text, _, hours_text = part.partition("=")
    day = read_date(day_text.strip()).value
    hours = read_decimal(hours_text.strip().removesuffix("h").strip()).value
    if day is None or hours is None or not hours.is_finite() or hours < 0:
        raise _unreadable(text)
    return day, hours


def _unreadable(text: str) -> InputError:
    return InputError(
        f"L'échéancier « {text} » n'est pas lisible. Écrivez des dates croissantes et des heures "
        "cumulées : « 30/06/2025 = 400 ; 31/12/2025 = 833 ».",
        f"The schedule “{text}” cannot be read. Write ascending dates and cumulative hours: "
        "“30/06/2025 = 400 ; 31/12/2025 = 833”.",
    )


def schedule_of(
    start: date | None, end: date | None, points: Sequence[tuple[date, Decimal]] = ()
) -> Schedule:
    """The contract's schedule if it gives one, else the hours spread evenly."""
    return Milestones(tuple(points)) if points else Linear(start, end)
