"""The drawing of an operation's hours: everything inside the frame, the same each time."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from spaser.publish.formats import Formats
from spaser.publish.progress_chart import HEIGHT, WIDTH, Progress, cumulated, draw, milestones

FR = Formats("fr")
NAMES = {name: name for name in ("validated", "expected", "due")}
MONTHS = [dt.date(2024 + place // 12, place % 12 + 1, 1) for place in range(36)]


def test_hours_add_up_from_the_first_day_to_the_end_of_each_month() -> None:
    months = [(dt.date(2024, 2, 1), Decimal(30)), (dt.date(2024, 4, 1), Decimal("10.5"))]
    assert cumulated(months, dt.date(2024, 1, 15)) == [
        (dt.date(2024, 1, 15), Decimal(0)),
        (dt.date(2024, 2, 29), Decimal(30)),
        (dt.date(2024, 4, 30), Decimal("40.5")),
    ]
    assert cumulated([], dt.date(2024, 1, 15)) == []


def test_a_written_schedule_gives_its_points_and_an_unreadable_one_none() -> None:
    assert milestones("31/12/2025 = 833 ; 2025-06-30 = 400 h") == [
        (dt.date(2025, 6, 30), Decimal(400)),
        (dt.date(2025, 12, 31), Decimal(833)),
    ]
    assert milestones("au fil de l'eau") == milestones(None) == []


@given(
    st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=36),
    st.one_of(st.none(), st.decimals(0, 10**6, places=2)),
    st.decimals(0, 10**6, places=2),
    st.booleans(),
)
def test_everything_is_drawn_inside_the_frame(
    hours: list[Decimal], due: Decimal | None, goal: Decimal, stepped: bool
) -> None:
    validated = cumulated(list(zip(MONTHS, hours, strict=False)), dt.date(2023, 12, 15))
    expected = [(dt.date(2023, 12, 15), Decimal(0)), (dt.date(2026, 6, 30), goal)]
    progress = Progress(validated, expected, due, dt.date(2026, 1, 1), stepped)
    drawing = draw(progress, FR, NAMES)
    assert drawing == draw(progress, FR, NAMES)
    for path in re.findall(r'<path class="(?:validated|expected|due)" d="([^"]*)"', drawing):
        for move, numbers in re.findall(r"([MLHV])([\d. -]+)", path):
            x_or_y = [float(number) for number in numbers.split()]
            assert all(number >= 0 for number in x_or_y)
            assert x_or_y[-1] <= (WIDTH if move == "H" else HEIGHT)
    for height in re.findall(r'cy="([\d.-]+)"', drawing):
        assert 0 <= float(height) <= HEIGHT
