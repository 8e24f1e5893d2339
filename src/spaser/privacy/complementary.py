"""Complementary suppression: what else to hide so that no hidden cell can be derived.

The rule for a hidden cell of width k: the interval that a reader derives is at least k wide and
reaches k. Which cells to hide is the classic problem of Fischetti and Salazar (2001, *Solving the
cell suppression problem on tabular data with linear constraints*): an attack that succeeds gives,
by duality, an inequality that every safe choice satisfies. Two ways to use these:

- exactly, a small integer program over all inequalities found so far, solved again after each new
  attack until none succeeds: the fewest figures, then the fewest people;
- greedily, hiding the cheapest cell that answers the attack, then showing again what proves
  needless: always ends, safe, on any size.

The program goes first; when that takes too long, greed completes what it began. Measured on
fictional years of 400 people, three buyers and 150 operations (some 750 rows): a second or two
each, the program's choice proved the cheapest. What makes it fast is that one solution of the
reader's program moves many cells: each is remembered as a proof for all of them, and most cells are
proved safe together before any is attacked alone. Few people under many buyers are the hard case.

A total costs as many figures as it has parts, since their shares go with it: it is withheld when
nothing cheaper protects. A zero is hidden to protect another zero at most, when nothing else does:
readers know that zeros are printed. No time limit and no chance enters: the same tables give the
same mask.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from random import Random

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[import-untyped]
from scipy.sparse import csr_array  # type: ignore[import-untyped]

from spaser.privacy.attack import TOLERANCE, Attacker
from spaser.privacy.structure import System

WORK = 60_000
"""Cells in the programs solved, per part, before greed takes over: a few seconds."""
BATCH = 25
"""Attacks that succeed, looked for before the next program: it may answer the others too."""
NODES = 2_000
SWAYS = 6
"""Rounds of proving cells safe together."""
FEW = 4
"""Cells left to prove that are sooner attacked one by one."""
ZERO_COST = 100
"""What showing a zero is worth, in figures."""


@dataclass(frozen=True)
class Cut:
    """If `cell` is hidden, the rooms of the hidden cells add up to `need` at least."""

    cell: int
    room: Mapping[int, float]
    need: float

    def met(self, hidden: Set[int]) -> float:
        """What the hidden cells give."""
        return sum(room for index, room in self.room.items() if index in hidden)


@dataclass
class Choice:
    """Cells hidden, and those that stay exposed however much is hidden."""

    hidden: set[int]
    exposed: set[int] = field(default_factory=set)


def complete(
    system: System, primary: Set[int], follows: Mapping[int, Set[int]], people: Mapping[int, float]
) -> Choice:
    """Hide what else must be hidden.

    Args:
        system: cells and the rows between them.
        primary: cells of this edition hidden by rule.
        follows: cells to hide with another (the hours of hidden people).
        people: how many people are behind a cell, to hide as few as possible.

    Returns:
        The cells hidden, those that no edition prints included, and the guarded ones that earlier
        editions expose whatever is hidden now.
    """
    suppressor = _Suppressor(system, primary, follows, people)
    total = Choice(set())
    for part in suppressor.parts():
        choice = suppressor.solve(part)
        total.hidden |= choice.hidden
        total.exposed |= choice.exposed
    return total


class _Proofs:
    """Moves found possible, kept as long as the cells that make them are hidden."""

    def __init__(self, attacker: Attacker) -> None:
        self.attacker = attacker
        self.moves: dict[int, list[tuple[float, frozenset[int]]]] = defaultdict(list)
        self.safe_with: dict[int, list[frozenset[int]]] = defaultdict(list)

    def add(self, steps: Mapping[int, float]) -> None:
        """Remember a solution: it moves other cells as well as the one that was attacked."""
        moved = frozenset(steps)
        for index, step in steps.items():
            self.moves[index].append((step, moved))

    def cover(self, index: int, hidden: Set[int]) -> bool:
        """Whether the moves known leave a cell wide enough, and able to be as large as that."""
        if any(cells <= hidden for cells in self.safe_with[index]):
            return True
        still: frozenset[int] = frozenset()
        up, down = (0.0, still), (0.0, still)
        for step, moved in self.moves[index]:
            if (step > up[0] or -step > down[0]) and moved <= hidden:
                up, down = (step, moved) if step > 0 else up, (-step, moved) if step < 0 else down
        width, true = float(self.attacker.system.cells[index].width), self.attacker.true[index]
        rise, fall = (min(self.attacker.whole(index, far), width) for far, _ in (up, down))
        if rise < width - true - TOLERANCE or rise + fall < width - TOLERANCE:
            return False
        self.safe_with[index].append(up[1] | down[1])
        return True


class _Suppressor:
    def __init__(
        self,
        system: System,
        primary: Set[int],
        follows: Mapping[int, Set[int]],
        people: Mapping[int, float],
    ) -> None:
        self.cells = system.cells
        self.attacker = Attacker(system)
        self.proofs = _Proofs(self.attacker)
        self.follows = follows
        forced = {index for index, cell in enumerate(self.cells) if not (cell.open or cell.known)}
        forced |= {index for index, cell in enumerate(self.cells) if cell.secret}
        forced |= set(primary)
        forced = {index for index in forced if not self.cells[index].known}
        self.forced = self._closed(forced)
        # A hidden zero is safe only if others are: then, and only then, zeros may protect.
        zeros = any(self.cells[index].value == 0 for index in self.forced if self._is_target(index))
        self.candidates = {
            index
            for index, cell in enumerate(self.cells)
            if cell.open and not cell.known and index not in self.forced
            if cell.value > 0 or zeros
        }
        self.cost = self._costs(system, people)

    def _costs(self, system: System, people: Mapping[int, float]) -> dict[int, float]:
        """What hiding a cell costs: itself, the shares of its parts, then the people behind it."""
        everybody = 1 + sum(people.get(index, 0) for index in self.candidates)
        cost: dict[int, float] = {}
        keys = Counter(system.places.values())
        for index in self.candidates:
            figures = keys[index] + len(system.parts_of.get(index, ()))
            dear = 0 if self.cells[index].value > 0 else ZERO_COST
            cost[index] = figures + dear + people.get(index, 0) / everybody
        return cost

    def _closed(self, hidden: Set[int]) -> set[int]:
        """The cells, and those that are hidden with them."""
        followers = {other for index in hidden for other in self.follows.get(index, ())}
        return set(hidden) | {index for index in followers if not self.cells[index].known}

    def parts(self) -> Iterator[set[int]]:
        """The cells that can have to do with each other, and hold one to protect."""
        movable = self.forced | self.candidates
        left = set(movable)
        while left:
            part = set(self.attacker.group(min(left), movable))
            pairs = {other for index in part for other in self.follows.get(index, ())} & left
            while not pairs <= part:
                for index in pairs - part:
                    part |= self.attacker.group(index, movable)
                pairs = {other for index in part for other in self.follows.get(index, ())} & left
            left -= part
            if any(self._is_target(index) for index in part & self.forced):
                yield part

    def _is_target(self, index: int) -> bool:
        cell = self.cells[index]
        return cell.open or cell.secret or cell.guarded

    # --- attacks --------------------------------------------------------------------------------

    def attacks(self, part: Set[int], hidden: Set[int], spared: Set[int]) -> Iterator[Cut]:
        """The inequalities that the hidden cells of a part violate, apart from those spared."""
        for index in sorted((hidden & part) - spared):
            if self._is_target(index):
                cut = self.attack(index, hidden & part, part)
                if cut:
                    yield cut

    def attack(self, index: int, hidden: Set[int], part: Set[int]) -> Cut | None:
        """What a reader's success against one cell demands, or nothing if he has none."""
        if self.proofs.cover(index, hidden):
            return None
        width, true = float(self.cells[index].width), self.attacker.true[index]
        up = self.attacker.move(index, 1, hidden)
        self.proofs.add(up.steps)
        if up.distance >= width - TOLERANCE:
            return None
        if up.distance < width - true - TOLERANCE:
            cut = Cut(index, up.room, width - true - up.fixed)
        else:
            down = self.attacker.move(index, -1, hidden)
            self.proofs.add(down.steps)
            if up.distance + down.distance >= width - TOLERANCE:
                return None
            both = {
                other: up.room.get(other, 0.0) + down.room.get(other, 0.0)
                for other in sorted(up.room.keys() | down.room.keys())
            }
            cut = Cut(index, both, width - up.fixed - down.fixed)
        if cut.met(hidden) < cut.need - TOLERANCE:
            return cut
        # Only whole numbers make it narrow: something more must be hidden.
        return Cut(index, dict.fromkeys(sorted((self.candidates & part) - hidden), inf), 1.0)

    def _prove_many(self, part: set[int]) -> None:
        """Prove most cells hidden by rule safe with a few programs, not two for each.

        Half of the cells left are pushed up and half down, then the other way round. What this does
        not prove is attacked one by one.
        """
        hidden = self.forced & part
        chance = Random(0)
        for _ in range(SWAYS):
            left = [
                index
                for index in sorted(hidden)
                if self._is_target(index) and not self.proofs.cover(index, hidden)
            ]
            if len(left) < FEW:
                return
            ways = {index: chance.choice((1, -1)) for index in left}
            for way in (1, -1):
                for group in sorted({self.attacker.group(i, hidden) for i in left}, key=min):
                    signs = {i: way * sign for i, sign in ways.items() if i in group}
                    self.proofs.add(self.attacker.sway(signs, group))

    # --- choices --------------------------------------------------------------------------------

    def solve(self, part: set[int]) -> Choice:
        """What to hide of one part."""
        cuts: list[Cut] = []
        self._prove_many(part)
        choice, safe = self._program_rounds(part, cuts)
        if safe:
            return choice
        # The program's unfinished choice is cheap but not safe: the greedy one completes it.
        completed = self._greedy(part, cuts, choice.hidden, choice.exposed)
        return Choice(self._reduced(part, completed, cuts), completed.exposed)

    def _greedy(
        self, part: set[int], cuts: list[Cut], start: Set[int], exposed: Set[int]
    ) -> Choice:
        forced = self.forced & part
        choice, given_up = Choice(set(start), set(exposed)), set[int]()
        while True:
            cut = self._known(cuts, choice) or next(
                self.attacks(part, choice.hidden, choice.exposed), None
            )
            if cut is None:
                return choice
            helpers = [
                index
                for index in cut.room
                if index in self.candidates and index not in choice.hidden | given_up
            ]
            if helpers:
                cuts.append(cut)
                choice.hidden |= self._closed({self._best(cut, helpers, choice.hidden)})
            elif cut.cell in forced:
                choice.exposed.add(cut.cell)
            else:
                # A helper that cannot be protected itself: start again without it.
                cuts.append(cut)
                given_up.add(cut.cell)
                choice.hidden = set(forced)

    def _known(self, cuts: list[Cut], choice: Choice) -> Cut | None:
        """An attack known to succeed, before looking for new ones."""
        hidden = choice.hidden - choice.exposed
        found = (cut for cut in cuts if cut.cell in hidden)
        return next((c for c in found if c.met(choice.hidden) < c.need - TOLERANCE), None)

    def _best(self, cut: Cut, helpers: list[int], hidden: Set[int]) -> int:
        """The cheapest cell that answers the attack alone, or the one that does most for it."""
        lacking = cut.need - cut.met(hidden)
        enough = [index for index in helpers if cut.room[index] >= lacking - TOLERANCE]
        if enough:
            return min(enough, key=lambda index: (self.cost[index], index))
        return max(helpers, key=lambda index: (cut.room[index] / self.cost[index], -index))

    def _reduced(self, part: set[int], choice: Choice, cuts: list[Cut]) -> set[int]:
        """The greedy choice without the cells that it can do without, dearest first."""
        hidden = set(choice.hidden)
        extra = hidden - self.forced
        most = self.attacker.work + WORK
        for index in sorted(extra, key=lambda index: (-self.cost[index], index)):
            tried = hidden - {index}
            whole = self._closed(tried) == tried
            if self.attacker.work > most:
                break
            if not whole or self._known(cuts, Choice(tried, choice.exposed)):
                continue
            cut = next(self.attacks(part, tried, choice.exposed), None)
            if cut is None:
                hidden = tried
            else:
                cuts.append(cut)
        return hidden

    def _program_rounds(self, part: set[int], cuts: list[Cut]) -> tuple[Choice, bool]:
        """The cheapest choice, and whether it is safe: not yet when it is taking too long."""
        choice = Choice(self.forced & part)
        most = self.attacker.work + WORK
        while self.attacker.work <= most:
            more = list(islice(self.attacks(part, choice.hidden, choice.exposed), BATCH))
            if not more:
                return choice, True
            choice.exposed |= {cut.cell for cut in more if self._is_hopeless(cut, part)}
            cuts[:] = [cut for cut in [*cuts, *more] if cut.cell not in choice.exposed]
            cheapest = self._program(part, cuts)
            if cheapest is None:
                break
            choice.hidden = cheapest
        return choice, False

    def _is_hopeless(self, cut: Cut, part: set[int]) -> bool:
        """Whether the attack succeeds however much is hidden: earlier editions told too much."""
        everything = (self.forced | self.candidates) & part
        return cut.cell in self.forced and cut.met(everything) < cut.need - TOLERANCE

    def _program(self, part: set[int], cuts: list[Cut]) -> set[int] | None:
        """The cheapest choice that satisfies the inequalities found so far."""
        forced, free = self.forced & part, sorted(self.candidates & part)
        if not free:
            return forced
        columns = {cell: column for column, cell in enumerate(free)}
        lines: list[dict[int, float]] = []
        least: list[float] = []
        for cut in cuts:
            need = cut.need - cut.met(forced)
            if need <= TOLERANCE:
                continue
            line = {
                columns[i]: min(room, need) / need for i, room in cut.room.items() if i in columns
            }
            if cut.cell in columns:
                line[columns[cut.cell]] = line.get(columns[cut.cell], 0.0) - 1.0
            lines.append(line)
            least.append(0.0 if cut.cell in columns else 1.0)
        for index in free:
            for other in sorted(self.follows.get(index, set()) & columns.keys()):
                lines.append({columns[other]: 1.0, columns[index]: -1.0})
                least.append(0.0)
        self.attacker.work += len(lines) * len(free) // 10
        solved = milp(
            [self.cost[index] for index in free],
            integrality=np.ones(len(free)),
            bounds=Bounds(0, 1),
            constraints=_constraints(lines, least, len(free)),
            options={"mip_rel_gap": 0.0, "node_limit": NODES},
        )
        if solved.status != 0:
            return None
        return forced | {index for index, value in zip(free, solved.x, strict=True) if value > 0.5}


def _constraints(
    lines: list[dict[int, float]], least: list[float], width: int
) -> list[LinearConstraint]:
    entries = [
        (number, column, value)
        for number, line in enumerate(lines)
        for column, value in line.items()
    ]
    if not entries:
        return []
    rows, columns, values = zip(*entries, strict=True)
    matrix = csr_array((values, (rows, columns)), shape=(len(lines), width))
    return [LinearConstraint(matrix, lb=np.array(least) - TOLERANCE)]
