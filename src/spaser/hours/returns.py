"""The returns that companies owe, and those that did not come.

A company reports by month or by quarter: at 31/03, 30/06, 30/09 and 31/12 in CCAP 21_BAM_048 art.
1.4, and before the 15th of the next month. "Before" is taken at its word: the 15th is late. A
return without hours is a return; lines of hours without a dated return are one whose day of receipt
is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from spaser.hours.parameters import month_end, plus_months


class Frequency(StrEnum):
    """How often a company reports; `quarterly` follows the calendar's quarters."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


_MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3}


@dataclass(frozen=True)
class Reporter:
    """A company that reports on a contract from a day to another (null: still running)."""

    contract: str
    company: str
    start: date
    end: date | None
    frequency: Frequency
    before_day: int = 15


@dataclass(frozen=True)
class Expected:
    """One return: the days it covers within the contract, and the day before which it is due."""

    contract: str
    company: str
    first_day: date
    last_day: date
    due_before: date


@dataclass(frozen=True)
class Received:
    """A return that came: any day of the period it covers, and when it came (null: not known)."""

    contract: str
    company: str
    period: date
    received_on: date | None = None


class State(StrEnum):
    """Where a return stands on a day. `received_undated`: it came, nothing says when."""

    ON_TIME = "on_time"
    LATE = "late"
    RECEIVED_UNDATED = "received_undated"
    MISSING = "missing"
    NOT_DUE = "not_due"


@dataclass(frozen=True)
class Return:
    """One expected return on a day; `days_late` counts from the day before which it was due."""

    expected: Expected
    state: State
    received_on: date | None
    days_late: int


def expected_returns(reporter: Reporter, at: date) -> tuple[Expected, ...]:
    """Every return of a company whose period has begun by a day, oldest first.

    The first period holds the first day of the contract, the last one its last day.

    Raises:
        ValueError: `before_day` is no day that every month has (1 to 28).
    """
    if not 1 <= reporter.before_day <= 28:
        msg = f"a return is due before a day from 1 to 28, not {reporter.before_day}"
        raise ValueError(msg)
    return tuple(_periods(reporter, at))


def _periods(reporter: Reporter, at: date) -> Iterator[Expected]:
    months = _MONTHS[reporter.frequency]
    end = at if reporter.end is None else min(at, reporter.end)
    opening = _period_start(reporter.start, months)
    while opening <= end:
        closing = month_end(plus_months(opening, months - 1))
        yield Expected(
            reporter.contract,
            reporter.company,
            max(opening, reporter.start),
            closing if reporter.end is None else min(closing, reporter.end),
            (closing + timedelta(days=1)).replace(day=reporter.before_day),
        )
        opening = closing + timedelta(days=1)


def _period_start(day: date, months: int) -> date:
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def follow(
    reporters: Iterable[Reporter], received: Iterable[Received], at: date
) -> tuple[Return, ...]:
    """Every return expected by a day and where it stands, by contract, company and period.

    Of several returns of one period the first to come counts. One received after `at` has not come
    yet.
    """
    came: dict[tuple[str, str], list[Received]] = {}
    for item in received:
        if item.received_on is None or item.received_on <= at:
            came.setdefault((item.contract, item.company), []).append(item)
    returns = [
        _state(expected, came.get((reporter.contract, reporter.company), []), at)
        for reporter in dict.fromkeys(reporters)
        for expected in expected_returns(reporter, at)
    ]
    return tuple(sorted(returns, key=_order))


def _order(item: Return) -> tuple[str, str, date, date]:
    expected = item.expected
    return expected.contract, expected.company, expected.first_day, expected.last_day


def missing(
    reporters: Iterable[Reporter], received: Iterable[Received], at: date
) -> tuple[Return, ...]:
    """The returns due by a day that did not come: the list to remind."""
    return tuple(item for item in follow(reporters, received, at) if item.state is State.MISSING)


def _state(expected: Expected, received: Iterable[Received], at: date) -> Return:
    first = expected.first_day.replace(day=1)
    covering = [item for item in received if first <= item.period <= month_end(expected.last_day)]
    days = sorted(item.received_on for item in covering if item.received_on is not None)
    if days:
        late = (days[0] - expected.due_before).days + 1
        state = State.LATE if late > 0 else State.ON_TIME
        return Return(expected, state, days[0], max(0, late))
    if covering:
        return Return(expected, State.RECEIVED_UNDATED, None, 0)
    late = (at - expected.due_before).days + 1
    return Return(expected, State.MISSING if late > 0 else State.NOT_DUE, None, max(0, late))


def unexpected(
    reporters: Iterable[Reporter], received: Iterable[Received], at: date
) -> tuple[Received, ...]:
    """Returns that came and that no contract asks for: unknown company, or outside the contract."""
    asked = {
        (expected.contract, expected.company, month)
        for reporter in reporters
        for expected in expected_returns(reporter, at)
        for month in _months(expected)
    }
    return tuple(
        item
        for item in received
        if (item.contract, item.company, item.period.replace(day=1)) not in asked
    )


def _months(expected: Expected) -> Iterator[date]:
    month = expected.first_day.replace(day=1)
    while month <= expected.last_day:
        yield month
        month = plus_months(month, 1)
