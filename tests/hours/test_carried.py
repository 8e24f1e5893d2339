"""Carried hours: a debt moves between followed commitments, and their sum never changes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from spaser.hours.carried import CarryOver, CarryOvers, Move, Stays
from spaser.hours.commitments import Commitment, Mode, Terms, hours_due
from spaser.hours.commitments import Invoiced as Bills

START, AT = date(2024, 1, 1), date(2025, 6, 30)
NAMES = ("A", "B", "C")
HOURS = st.decimals(0, 2000, places=2)
DAYS = st.dates(date(2024, 1, 1), date(2025, 12, 31))


def fixed(name: str, *versions: tuple[date, int]) -> Commitment:
    terms = tuple(Terms(day, Mode.FIXED, hours=Decimal(hours)) for day, hours in versions)
    return Commitment(name, (f"uid {name}",), terms)


def carry(hours: int | None, giver: str | None = "A", taker: str | None = "B") -> CarryOver:
    return CarryOver(
        "e", date(2024, 6, 30), None if hours is None else Decimal(hours), giver, taker
    )


def moved(carry_over: CarryOver, done: int = 0, *versions: tuple[date, int]) -> Move:
    commitments = [fixed("A", *(versions or ((START, 100),))), fixed("B", (START, 50))]
    months = {"A": [(date(2024, 3, 1), Decimal(done)), (date(2024, 9, 1), Decimal(500))]}
    return CarryOvers([carry_over], commitments, Bills(()), months).by(AT).moves["e"]


def test_what_moves_is_what_is_owed_on_the_day_and_the_rest_says_why_it_stays():
    assert moved(carry(40), 30) == Move(Decimal(40))
    assert moved(carry(80), 30) == Move(Decimal(70), Stays.OWED_LESS)
    assert moved(carry(10), 130) == Move(Decimal(0), Stays.OWED_LESS)
    assert moved(carry(40, taker=None)) == Move(Decimal(0), Stays.TAKER_NOT_FOLLOWED)
    assert moved(carry(40, giver=None)) == Move(Decimal(0), Stays.GIVER_NOT_FOLLOWED)
    assert moved(carry(None)) == Move(Decimal(0), Stays.HOURS_UNKNOWN)


def test_hours_that_a_revision_takes_off_later_are_with_nobody():
    lowered = ((START, 100), (date(2024, 12, 1), 20))
    assert moved(carry(80), 0, *lowered) == Move(Decimal(20), Stays.OWED_LESS)


def test_a_debt_can_be_handed_on():
    events = [
        CarryOver("1", date(2024, 6, 1), Decimal(60), "A", "B"),
        CarryOver("2", date(2024, 7, 1), Decimal(90), "B", "C"),
    ]
    settled = CarryOvers(
        events,
        [fixed(name, (START, 100)) for name in NAMES],
        Bills(()),
        {"B": [(START, Decimal(80))]},
    ).by(AT)
    # B owes 100 and 60 received, less 80 done.
    assert settled.moves["2"] == Move(Decimal(80), Stays.OWED_LESS)
    assert (settled.taken, settled.given) == ({"B": 60, "C": 80}, {"A": 60, "B": 80})


@given(
    st.lists(
        st.tuples(*[st.lists(st.tuples(DAYS, st.integers(0, 1500)), max_size=3)] * 3), max_size=1
    ),
    st.lists(
        st.tuples(
            st.one_of(st.none(), DAYS),
            st.one_of(st.none(), HOURS),
            st.sampled_from([*NAMES, None]),
            st.sampled_from([*NAMES, None]),
        ),
        max_size=8,
    ),
    st.dictionaries(st.sampled_from(NAMES), st.lists(st.tuples(DAYS, HOURS), max_size=3)),
    DAYS,
)
def test_the_sum_of_what_is_due_is_the_same_with_and_without_carry_overs(terms, drawn, done, at):
    revised = terms[0] if terms else ([], [], [])
    commitments = [
        fixed(name, (START, 1000), *versions) for name, versions in zip(NAMES, revised, strict=True)
    ]
    events = [
        CarryOver(str(number), day, hours, giver, taker)
        for number, (day, hours, giver, taker) in enumerate(drawn)
        if giver is None or giver != taker
    ]
    settled = CarryOvers(events, commitments, Bills(()), done).by(at)
    before = {item.commitment_id: hours_due(item, at).hours or Decimal(0) for item in commitments}
    after = {
        name: due + settled.taken.get(name, Decimal(0)) - settled.given.get(name, Decimal(0))
        for name, due in before.items()
    }
    assert sum(after.values()) == sum(before.values())
    assert min(after.values()) >= 0
    for event in events:
        move = settled.moves.get(event.event_id)
        assert (move is None) == (event.day is not None and event.day > at)
        assert move is None or 0 <= move.hours <= (event.hours or 0)
        assert move is None or move.stays is not None or move.hours == event.hours
