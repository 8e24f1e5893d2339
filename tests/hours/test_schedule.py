"""Hours expected on a day, and the alert where they are missing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.errors import InputError
from spaser.hours.schedule import (
    Linear,
    Milestones,
    differs,
    expected_hours,
    progress,
    read_schedule,
    schedule_of,
)

D = Decimal
START, END = date(2025, 1, 1), date(2025, 12, 31)
YEAR = Linear(START, END)
GIVEN = Milestones(((date(2025, 6, 30), D(400)), (date(2025, 12, 31), D(833))))


@pytest.mark.parametrize(
    ("at", "hours"),
    [
        (date(2024, 12, 31), 0),
        (START, 1),  # 365 ÷ 365
        (date(2025, 7, 1), 182),  # 182 days of 365
        (END, 365),
        (date(2030, 1, 1), 365),
    ],
)
def test_hours_spread_evenly_over_the_days(at: date, hours: int):
    assert expected_hours(YEAR, D(365), at) == hours


def test_without_dates_what_is_expected_is_unknown():
    assert expected_hours(Linear(START, None), D(365), END) is None
    assert expected_hours(Linear(None, END), D(365), START) is None
    assert expected_hours(Linear(END, START), D(365), date(2025, 6, 1)) == 0
    assert progress(Linear(START, None), D(365), D(10), END).alert is None


def test_a_given_schedule_holds_from_one_of_its_days_to_the_next():
    assert expected_hours(GIVEN, D(833), date(2025, 6, 29)) == 0
    assert expected_hours(GIVEN, D(833), date(2025, 6, 30)) == 400
    assert expected_hours(GIVEN, D(833), date(2025, 12, 30)) == 400
    assert expected_hours(GIVEN, D(833), END) == 833


def test_a_schedule_that_a_revision_did_not_reach_is_said():
    assert differs(GIVEN, D(1000))
    assert not differs(GIVEN, D(833))
    assert not differs(YEAR, D(833))
    assert expected_hours(GIVEN, D(1000), END) == 1000
    assert expected_hours(GIVEN, D(300), date(2025, 7, 1)) == 300


def test_without_schedule_all_that_is_due_is_expected():
    assert expected_hours(None, D(150), START) == 150
    assert expected_hours(None, None, START) is None


def test_the_alert_says_how_many_hours_are_missing():
    found = progress(YEAR, D(365), D(130), date(2025, 7, 1))
    assert (found.shortfall, found.alert, found.rate) == (D(52), True, D("0.714286"))
    assert found.words.en.startswith("130 h validated for 182 h expected by 2025-07-01")
    assert "au 01/07/2025 : il manque 52\u00a0h" in found.words.fr


def test_ahead_of_schedule_there_is_no_alert_and_no_rate_before_anything_is_expected():
    found = progress(YEAR, D(365), D(183), date(2025, 7, 1))
    assert found.alert is False
    assert found.words.fr.endswith("au 01/07/2025 : aucune ne manque.")
    assert found.words.en.endswith("by 2025-07-01: none is missing.")
    assert progress(YEAR, D(365), D(5), date(2024, 1, 1)).rate is None


def test_a_schedule_is_read_as_a_sheet_writes_it():
    assert read_schedule("30/06/2025 = 400 ; 31/12/2025 = 833 h;") == GIVEN
    assert schedule_of(START, END, GIVEN.points) == GIVEN
    assert schedule_of(START, END) == YEAR


@pytest.mark.parametrize(
    "text",
    ["", "400", "30/06/2025 = beaucoup", "x = 4", "31/12/2025=1;30/06/2025=2",
     "30/06/2025=9;31/12/2025=8", "30/06/2025=-1"],
)  # fmt: skip
def test_a_schedule_that_cannot_be_read_is_refused(text: str):
    with pytest.raises(InputError, match="dates croissantes"):
        read_schedule(text)


days = st.dates(date(2020, 1, 1), date(2030, 12, 31))


@given(days, days, days, days, st.integers(0, 10**6))
def test_expected_hours_never_fall_and_end_at_what_is_due(
    start: date, end: date, first: date, second: date, due: int
):
    start, end = sorted((start, end))
    first, second = sorted((first, second))
    before, after = (expected_hours(Linear(start, end), D(due), at) for at in (first, second))
    assert before is not None
    assert after is not None
    assert 0 <= before <= after <= due
    assert expected_hours(Linear(start, end), D(due), end) == due
