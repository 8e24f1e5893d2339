"""What a reader can derive of a hidden cell, and why: linear programming over a `System`.

Cells move around their true values: `move = cell - true value`, so that every equality is zero at
the truth. Published cells do not move, hidden ones do down to what every reader knows (no number is
negative, and a number of people that is zero is printed: a hidden one is one at least).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from math import floor, inf
from typing import Any

import numpy as np
from scipy.optimize import linprog  # type: ignore[import-untyped]
from scipy.sparse import csr_array  # type: ignore[import-untyped]

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


@dataclass(frozen=True)
class Program:
    """The rows between hidden cells that can move together, as matrices over their moves."""

    columns: Mapping[int, int]
    equal: list[int]
    bounded: list[int]
    slacks: list[float]
    rows: Mapping[str, Any]


class Attacker:
    """A reader of every published table, who solves for what was hidden."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.true = [float(cell.value) for cell in system.cells]
        self.rows = [
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

    def down(self, index: int) -> float:
        """How far a cell can go down at most."""
        return self.true[index] - (1 if self.system.cells[index].whole else 0)

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

    def sway(self, signs: Mapping[int, int], group: frozenset[int]) -> dict[int, float]:
        """Moves of many cells at once, each as far as its width in the way of its sign."""
        program = self._program_of(group)
        cost = np.zeros(len(program.columns))
        widths = {cell: float(self.system.cells[cell].width) for cell in group}
        for cell, sign in signs.items():
            cost[program.columns[cell]] = -sign / max(widths[cell], 1.0)
        bounds = [
            (-min(max(self.down(cell), 0.0), widths[cell]), widths[cell])
            for cell in program.columns
        ]
        solved = self._optimum(min(group), c=cost, bounds=bounds, **program.rows)
        return _steps(program, solved)

    def _program_of(self, group: frozenset[int]) -> Program:
        if self._program is None or self._program[0] != group:
            self._program = group, self._written(group)
        return self._program[1]

    def _written(self, group: frozenset[int]) -> Program:
        columns = {cell: column for column, cell in enumerate(sorted(group))}
        numbers = sorted({number for cell in group for number in self.rows_of[cell]})
        equal = [number for number in numbers if self.rows[number][1] is None]
        bounded = [number for number in numbers if self.rows[number][1] is not None]
        slacks = [self.rows[number][1] or 0.0 for number in bounded]
        rows = {
            "A_ub": self._matrix(bounded, columns) if bounded else None,
            "b_ub": slacks if bounded else None,
            "A_eq": self._matrix(equal, columns) if equal else None,
            "b_eq": np.zeros(len(equal)) if equal else None,
        }
        return Program(columns, equal, bounded, slacks, rows)

    def _solve(self, index: int, way: int, group: frozenset[int]) -> Move:
        self.work += len(group)
        program = self._program_of(group)
        cost = np.zeros(len(program.columns))
        cost[program.columns[index]] = -way
        top = float(self.system.cells[index].width)
        bounds = [
            (-max(self.down(cell), 0.0), top if cell == index else None) for cell in program.columns
        ]
        solved = self._optimum(index, c=cost, bounds=bounds, **program.rows)
        equal, bounded, slacks = program.equal, program.bounded, program.slacks
        prices = dict(zip(equal, solved.eqlin.marginals, strict=True)) if equal else {}
        if bounded:
            prices |= dict(zip(bounded, solved.ineqlin.marginals, strict=True))
        distance = self.whole(index, -float(solved.fun))
        fixed = sum(-prices[number] * slack for number, slack in zip(bounded, slacks, strict=True))
        room = self._room(index, way, prices)
        return Move(distance, _steps(program, solved), room, float(fixed))

    def whole(self, index: int, distance: float) -> float:
        """A distance as the cell can have it: whole for a number of people."""
        if self.system.cells[index].whole:
            return float(floor(distance + TOLERANCE))
        return distance

    def _optimum(self, index: int, **program: Any) -> Any:
        """The solution, by whichever method finds it: on rare numbers one of them stumbles.

        There always is one: the truth satisfies every row, and the objective is bounded.
        """
        for method, presolve in (("highs-ds", True), ("highs-ds", False), ("highs-ipm", True)):
            solved = linprog(method=method, options={"presolve": presolve}, **program)
            if solved.status == 0:
                return solved
        name = self.system.cells[index].name
        raise Blocked(
            f"Secret statistique : l'attaque de « {name} » n'aboutit pas ({solved.message}). "
            "Rien n'est publié ; signalez-le avec la version du programme.",
            f"Suppression: the attack on “{name}” does not end ({solved.message}). Nothing is "
            "published; report it with the version of the program.",
        )

    def _matrix(self, numbers: list[int], columns: Mapping[int, int]) -> csr_array:
        entries = [
            (line, columns[cell], coefficient)
            for line, number in enumerate(numbers)
            for cell, coefficient in self.rows[number][0]
            if cell in columns
        ]
        lines, cells, values = zip(*entries, strict=True)
        return csr_array((values, (lines, cells)), shape=(len(numbers), len(columns)))

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
            elif cost > TOLERANCE and self.down(cell) > 0:
                room[cell] = cost * self.down(cell)
        return room


def _steps(program: Program, solved: Any) -> dict[int, float]:
    """The cells that a solution moves, and how far."""
    steps = zip(program.columns, solved.x, strict=True)
    return {cell: float(step) for cell, step in steps if abs(step) > TOLERANCE}
