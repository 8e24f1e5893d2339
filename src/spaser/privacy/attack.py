"""What a reader can derive of a hidden cell, and why: linear programming over a `System`.

One program serves all the cells that can move together: an attack changes its objective and a bound
or two, and starts from the solution of the one before. Thousands of attacks on a year then take as
long as some dozens written anew (`docs/performance.md`).

Cells move around their true values: `move = cell - true value`, so that every equality is zero at
the truth. Published cells do not move, hidden ones do down to what every reader knows (no number is
negative, and a number of people that is zero is printed: a hidden one is one at least).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import floor, inf

import highspy
import numpy as np

from spaser.errors import Blocked
from spaser.privacy.structure import System

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Move:
    """How far a cell can move one way while others are hidden, and what holds it there.

    `room` of another cell says how much hiding it could add (infinite where it is not bounded), and
    `fixed` what inequalities leave in any case: however many cells are hidden, the move is at most
    `fixed` plus the room of those hidden (the dual of the linear program). `steps` are the moves of
    all the cells that move with it: while these are hidden, each of these moves stays possible.
    """

    distance: float
    steps: Mapping[int, float]
    room: Mapping[int, float]
    fixed: float


class Program:
    """The rows between hidden cells that can move together, as a model over their moves.

    Attributes:
        columns: the place of each cell among the variables.
        slacks: what each row leaves: nothing for an equality.
    """

    def __init__(self, group: Set[int], rows: Mapping[int, Row], down: Sequence[float]) -> None:
        self.columns = {cell: column for column, cell in enumerate(sorted(group))}
        self.slacks = {number: slack or 0.0 for number, (_, slack) in rows.items()}
        self._places = np.arange(len(self.columns), dtype=np.int32)
        self._down = -np.array([max(down[cell], 0.0) for cell in self.columns])
        self._engine = highspy.Highs()  # type: ignore[no-untyped-call]
        self._engine.setOptionValue("output_flag", False)
        self._engine.setOptionValue("threads", 1)
        self._engine.passModel(_model(rows, self.columns))

    def best(self, gains: Mapping[int, float], reach: Mapping[int, float]) -> Optimum | None:
        """The moves that gain most, each cell as far as its reach, or None when none is found.

        There always is one: the truth satisfies every row, and what gains is bounded.
        """
        costs = np.zeros(len(self.columns))
        highest = np.full(len(self.columns), highspy.kHighsInf)
        for cell, gain in gains.items():
            costs[self.columns[cell]] = -gain
        for cell, far in reach.items():
            highest[self.columns[cell]] = far
        lowest = np.maximum(self._down, -highest)
        count = len(self.columns)
        self._engine.changeColsCost(count, self._places, costs)
        self._engine.changeColsBounds(count, self._places, lowest, highest)
        if not self._solved():
            return None
        solution = self._engine.getSolution()
        return Optimum(
            gain=-float(self._engine.getInfo().objective_function_value),
            steps={
                cell: float(step)
                for cell, step in zip(self.columns, solution.col_value, strict=True)
                if abs(step) > TOLERANCE
            },
            prices=dict(zip(self.slacks, map(float, solution.row_dual), strict=True)),
        )

    def _solved(self) -> bool:
        """Whether a solution is found: from the last one, else anew, else by another method."""
        for again, method in ((False, "simplex"), (True, "simplex"), (True, "ipm")):
            if again:
                self._engine.clearSolver()
            self._engine.setOptionValue("solver", method)
            self._engine.run()
            if self._engine.getModelStatus() == highspy.HighsModelStatus.kOptimal:
                return True
        return False


@dataclass(frozen=True)
class Optimum:
    """A solution: what it gains, the cells it moves and how far, the price of each row."""

    gain: float
    steps: Mapping[int, float]
    prices: Mapping[int, float]


Row = tuple[list[tuple[int, float]], float | None]
"""Cells with their coefficients, and what they may add up to: nothing when it is an equality."""


def _model(rows: Mapping[int, Row], columns: Mapping[int, int]) -> highspy.HighsLp:
    entries = [
        [(columns[cell], value) for cell, value in terms if cell in columns]
        for terms, _ in rows.values()
    ]
    flat = [entry for line in entries for entry in line]
    slacks = [slack for _, slack in rows.values()]
    free = highspy.kHighsInf
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(columns), len(rows)
    model.col_cost_ = np.zeros(len(columns))
    model.col_lower_ = np.zeros(len(columns))
    model.col_upper_ = np.zeros(len(columns))
    model.row_lower_ = np.array([0.0 if slack is None else -free for slack in slacks])
    model.row_upper_ = np.array([slack or 0.0 for slack in slacks])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.cumsum([0, *map(len, entries)], dtype=np.int32)
    model.a_matrix_.index_ = np.array([column for column, _ in flat], dtype=np.int32)
    model.a_matrix_.value_ = np.array([value for _, value in flat])
    return model


class Attacker:
    """A reader of every published table, who solves for what was hidden."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.true = [float(cell.value) for cell in system.cells]
        self.down = [
            true - (1 if cell.whole else 0)
            for true, cell in zip(self.true, system.cells, strict=True)
        ]
        """How far each cell can go down at most."""
        self.rows: list[Row] = [
            (
                [(index, float(coefficient)) for index, coefficient in row.terms],
                None if row.slack is None else float(row.slack),
            )
            for row in system.rows
        ]
        self.rows_of: dict[int, list[int]] = defaultdict(list)
        for number, (terms, _) in enumerate(self.rows):
            for index, _ in terms:
                self.rows_of[index].append(number)
        self.work = 0
        """Cells of all the programs solved so far: what this costs, told without a clock."""
        self._moves: dict[tuple[int, int, frozenset[int]], Move] = {}
        self._groups: tuple[Set[int], dict[int, frozenset[int]]] = frozenset(), {}
        self._program: tuple[frozenset[int], Program] | None = None

    def group(self, index: int, hidden: Set[int]) -> frozenset[int]:
        """The hidden cells that can move with one."""
        if self._groups[0] != hidden:
            self._groups = frozenset(hidden), {}
        known = self._groups[1]
        if index not in known:
            group = self._reached(index, hidden)
            known.update(dict.fromkeys(group & hidden | {index}, group))
        return known[index]

    def _reached(self, index: int, hidden: Set[int]) -> frozenset[int]:
        found, waiting = {index}, [index]
        while waiting:
            for number in self.rows_of[waiting.pop()]:
                for other, _ in self.rows[number][0]:
                    if other in hidden and other not in found:
                        found.add(other)
                        waiting.append(other)
        return frozenset(found)

    def move(self, index: int, way: int, hidden: Set[int]) -> Move:
        """How far a hidden cell can move: upwards (`way` 1) as far as its width, or down (-1)."""
        group = self.group(index, hidden)
        asked = (index, way, group)
        if asked not in self._moves:
            self._moves[asked] = self._solve(index, way, group)
        return self._moves[asked]

    def sway(self, signs: Mapping[int, int], group: frozenset[int]) -> Mapping[int, float]:
        """Moves of many cells at once, each as far as its width in the way of its sign."""
        widths = {cell: float(self.system.cells[cell].width) for cell in group}
        gains = {cell: sign / max(widths[cell], 1.0) for cell, sign in signs.items()}
        return self._optimum(min(group), group, gains, widths).steps

    def _program_of(self, group: frozenset[int]) -> Program:
        if self._program is None or self._program[0] != group:
            numbers = sorted({number for cell in group for number in self.rows_of[cell]})
            rows = {number: self.rows[number] for number in numbers}
            self._program = group, Program(group, rows, self.down)
        return self._program[1]

    def _solve(self, index: int, way: int, group: frozenset[int]) -> Move:
        self.work += len(group)
        top = float(self.system.cells[index].width)
        reach = {index: top} if way > 0 else {}
        found = self._optimum(index, group, {index: way}, reach)
        slacks = self._program_of(group).slacks
        fixed = sum(-price * slacks[number] for number, price in found.prices.items())
        distance = self.whole(index, found.gain)
        return Move(distance, found.steps, self._room(index, way, found.prices), fixed)

    def whole(self, index: int, distance: float) -> float:
        """A distance as the cell can have it: whole for a number of people."""
        if self.system.cells[index].whole:
            return float(floor(distance + TOLERANCE))
        return distance

    def _optimum(
        self,
        index: int,
        group: frozenset[int],
        gains: Mapping[int, float],
        tops: Mapping[int, float],
    ) -> Optimum:
        found = self._program_of(group).best(gains, tops)
        if found is not None:
            return found
        name = self.system.cells[index].name
        raise Blocked(
            f"Secret statistique : l'attaque de « {name} » n'aboutit pas. "
            "Rien n'est publié ; signalez-le avec la version du programme.",
            f"Suppression: the attack on “{name}” does not end. Nothing is published; report it "
            "with the version of the program.",
        )

    def _room(self, index: int, way: int, prices: Mapping[int, float]) -> dict[int, float]:
        """What each cell adds to the bound when it is hidden: its reduced cost times its reach."""
        reduced: dict[int, float] = defaultdict(float)
        reduced[index] = -way
        for number, price in prices.items():
            for cell, coefficient in self.rows[number][0]:
                reduced[cell] -= price * coefficient
        room: dict[int, float] = {}
        for cell, cost in reduced.items():
            if cost < -TOLERANCE:
                room[cell] = inf
            elif cost > TOLERANCE and self.down[cell] > 0:
                room[cell] = cost * self.down[cell]
        return room
