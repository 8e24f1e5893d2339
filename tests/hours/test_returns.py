"""Returns expected by month or quarter, those that came, late ones and missing ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.hours.returns import (
    Frequency,
    Received,
    Reporter,
    State,
    expected_returns,
    follow,
    missing,
    unexpected,
)

CCAP = Reporter("A", "E1", date(2025, 2, 10), date(2025, 11, 20), Frequency.QUARTERLY)


def test_the_ccap_calendar_of_quarters():
    found = expected_returns(CCAP, date(2026, 6, 1))
    assert [(item.first_day, item.last_day, item.due_before) for item in found] == [
        (date(2025, 2, 10), date(2025, 3, 31), date(2025, 4, 15)),
        (date(2025, 4, 1), date(2025, 6, 30), date(2025, 7, 15)),
        (date(2025, 7, 1), date(2025, 9, 30), date(2025, 10, 15)),
        (date(2025, 10, 1), date(2025, 11, 20), date(2026, 1, 15)),
    ]


def test_a_running_contract_owes_the_periods_begun():
    running = replace(CCAP, end=None, frequency=Frequency.MONTHLY)
    found = expected_returns(running, date(2025, 4, 1))
    assert [item.last_day for item in found] == [
        date(2025, 2, 28),
        date(2025, 3, 31),
        date(2025, 4, 30),
    ]


def test_before_the_15th_means_that_the_15th_is_late():
    came = [Received("A", "E1", date(2025, 3, 1), date(2025, 4, 14))]
    late = [Received("A", "E1", date(2025, 3, 1), date(2025, 4, 15))]
    assert follow([CCAP], came, date(2025, 5, 1))[0].state is State.ON_TIME
    found = follow([CCAP], late, date(2025, 5, 1))[0]
    assert (found.state, found.days_late) == (State.LATE, 1)
    assert missing([CCAP], [], date(2025, 4, 14)) == ()
    assert [item.days_late for item in missing([CCAP], [], date(2025, 4, 20))] == [6]


def test_returns_not_received_by_company_and_contract():
    reporters = [CCAP, replace(CCAP, company="E2"), replace(CCAP, contract="B")]
    received = [
        Received("A", "E1", date(2025, 2, 1), date(2025, 4, 2)),
        Received("A", "E1", date(2025, 5, 1)),
        Received("A", "E2", date(2025, 3, 1), date(2025, 8, 1)),  # not there yet
    ]
    found = missing(reporters, received, date(2025, 7, 20))
    keys = [(i.expected.contract, i.expected.company, i.expected.last_day.month) for i in found]
    assert keys == [("A", "E2", 3), ("A", "E2", 6), ("B", "E1", 3), ("B", "E1", 6)]
    states = [item.state for item in follow([CCAP], received, date(2025, 7, 20))]
    assert states == [State.ON_TIME, State.RECEIVED_UNDATED, State.NOT_DUE]


def test_a_return_that_no_contract_asks_for_is_listed():
    odd = [
        Received("A", "E9", date(2025, 3, 1), date(2025, 4, 2)),
        Received("A", "E1", date(2026, 3, 1), date(2026, 4, 2)),
    ]
    assert unexpected([CCAP], odd, date(2026, 6, 1)) == tuple(odd)


def test_a_day_that_not_every_month_has_is_refused():
    with pytest.raises(ValueError, match="1 to 28"):
        expected_returns(replace(CCAP, before_day=31), date(2026, 1, 1))


@given(
    st.dates(date(2020, 1, 1), date(2024, 12, 31)),
    st.integers(0, 900),
    st.sampled_from(Frequency),
)
def test_the_returns_cover_every_day_of_a_contract_once(
    start: date, length: int, frequency: Frequency
):
    end = date.fromordinal(start.toordinal() + length)
    found = expected_returns(Reporter("A", "E1", start, end, frequency), date(2030, 1, 1))
    covered = [
        day
        for item in found
        for day in range(item.first_day.toordinal(), item.last_day.toordinal() + 1)
    ]
    assert covered == list(range(start.toordinal(), end.toordinal() + 1))
    assert all(item.due_before > item.last_day for item in found)
