"""Hours carried over from one contract to another: a debt that moves, and is owed once.

What is carried is hours still owed. The giver is relieved of them only where a followed commitment
takes them over, and of no more than it owed on the day they were carried (due less validated);
the taker owes exactly that. What does not move stays with the giver, and says why. So the sum of
what all operations owe is the same with and without the log's carry-overs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from spaser.hours.commitments import Commitment, Invoiced, hours_due
from spaser.hours.followed import Followed, read_rows
from spaser.hours.report_day import COUNTED
from spaser.warehouse import Connection

_NONE = Decimal(0)


@dataclass(frozen=True)
class CarryOver:
    """A carry-over of the log: hours, and ids of commitments (null: not followed)."""

    event_id: str
    day: date | None
    hours: Decimal | None
    giver: str | None
    taker: str | None


class Stays(StrEnum):
    """Why hours stay with the contract that was to hand them over."""

    HOURS_UNKNOWN = "hours_unknown"
    GIVER_NOT_FOLLOWED = "giver_not_followed"
    TAKER_NOT_FOLLOWED = "taker_not_followed"
    DUE_UNKNOWN = "due_unknown"
    OWED_LESS = "owed_less"


@dataclass(frozen=True)
class Move:
    """The hours that one carry-over moves; `stays`: why it does not move them all."""

    hours: Decimal
    stays: Stays | None = None


@dataclass(frozen=True)
class Settled:
    """What the carry-overs by a day move, by event, and what each commitment took and gave."""

    moves: Mapping[str, Move]
    taken: Mapping[str, Decimal]
    given: Mapping[str, Decimal]


class CarryOvers:
    """The carry-overs between commitments, oldest first; one without a date comes last."""

    def __init__(
        self,
        carry_overs: Sequence[CarryOver],
        commitments: Iterable[Commitment],
        invoiced: Invoiced,
        done: Mapping[str, Sequence[tuple[date, Decimal]]],
    ) -> None:
        """`done`: validated hours of each giver by month."""
        self._carry_overs = carry_overs
        self._commitments = {item.commitment_id: item for item in commitments}
        self._invoiced = invoiced
        self._done = done
        self._settled: dict[date, Settled] = {}

    def by(self, at: date) -> Settled:
        """What was carried by a day, each event on what the earlier ones left."""
        if at not in self._settled:
            self._settled[at] = self._settle(at)
        return self._settled[at]

    def _settle(self, at: date) -> Settled:
        moves: dict[str, Move] = {}
        taken: dict[str, Decimal] = {}
        given: dict[str, Decimal] = {}
        for item in self._carry_overs:
            if item.day is not None and item.day > at:
                continue
            so_far = taken.get(item.giver or "", _NONE) - given.get(item.giver or "", _NONE)
            move = self._move(item, so_far, at)
            moves[item.event_id] = move
            if move.hours and item.giver is not None and item.taker is not None:
                given[item.giver] = given.get(item.giver, _NONE) + move.hours
                taken[item.taker] = taken.get(item.taker, _NONE) + move.hours
        return Settled(moves, taken, given)

    def _move(self, item: CarryOver, so_far: Decimal, at: date) -> Move:
        if item.hours is None:
            return Move(_NONE, Stays.HOURS_UNKNOWN)
        if item.giver is None:
            return Move(_NONE, Stays.GIVER_NOT_FOLLOWED)
        if item.taker is None:
            return Move(_NONE, Stays.TAKER_NOT_FOLLOWED)
        day = item.day or at
        due, due_now = self._due(item.giver, day), self._due(item.giver, at)
        if due is None or due_now is None:
            return Move(_NONE, Stays.DUE_UNKNOWN)
        done = sum(
            (hours for month, hours in self._done.get(item.giver, ()) if month <= day), _NONE
        )
        # What a later revision took off the commitment can no longer be with another.
        owed = max(_NONE, min(due + so_far - done, due_now + so_far))
        return Move(item.hours) if item.hours <= owed else Move(owed, Stays.OWED_LESS)

    def _due(self, name: str, at: date) -> Decimal | None:
        return hours_due(self._commitments[name], at, self._invoiced).hours


def holder_of_contract(followed: Iterable[Followed]) -> dict[str, str]:
    """The commitment that holds a contract of the register: the first by id."""
    found: dict[str, str] = {}
    for item in followed:
        for uid in item.commitment.contracts:
            found.setdefault(uid, item.name)
    return found


def load_carry_overs(
    connection: Connection, followed: Sequence[Followed], invoiced: Invoiced
) -> CarryOvers:
    """The carry-overs of `curated.clause_events`; within one commitment nothing moves."""
    takers = holder_of_contract(followed)
    names = {item.name for item in followed}
    carry_overs = [
        CarryOver(
            row["event_id"],
            row["event_date"],
            row["hours"],
            row["commitment_id"] if row["commitment_id"] in names else None,
            takers.get(row["to_contract_uid"]),
        )
        for row in read_rows(connection, _EVENTS_SQL)
    ]
    done: dict[str, list[tuple[date, Decimal]]] = {}
    for row in read_rows(connection, _DONE_SQL):
        done.setdefault(row["commitment_id"], []).append((row["month"], row["hours"]))
    return CarryOvers(
        [item for item in carry_overs if item.giver is None or item.giver != item.taker],
        (item.commitment for item in followed),
        invoiced,
        done,
    )


_EVENTS_SQL = """
select event_id, commitment_id, to_contract_uid, event_date, hours from curated.clause_events
where event = 'carry_over' order by event_date nulls last, event_id
"""
_DONE_SQL = f"""
select commitment_id, month, sum(hours_validated) as hours from ({COUNTED})
where commitment_id in (select commitment_id from curated.clause_events where event = 'carry_over')
group by commitment_id, month order by commitment_id, month
"""
