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
    `fixed` plus the room of those hidden (the dual of the linear program). `moved` are the cells
    that move with it: while these are hidden, the distance stays possible.
    """

    distance: float
    moved: frozenset[int]
    room: Mapping[int, float]
    fixed: float


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
        self._known: dict[tuple[int, int, frozenset[int]], Move] = {}

    def down(self, index: int) -> float:
        """How far a cell can go down at most."""
        return self.true[index] - (1 if self.system.cells[index].whole else 0)

    def group(self, index: int, hidden: Set[int]) -> frozenset[int]:
        """The hidden cells that can move with one."""
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
        if asked not in self._known:
            self._known[asked] = self._solve(index, way, group)
        return self._known[asked]

    def _solve(self, index: int, way: int, group: frozenset[int]) -> Move:
        columns = {cell: column for column, cell in enumerate(sorted(group))}
        numbers = sorted({number for cell in group for number in self.rows_of[cell]})
        equal = [number for number in numbers if self.rows[number][1] is None]
        bounded = [number for number in numbers if self.rows[number][1] is not None]
        slacks = [self.rows[number][1] or 0.0 for number in bounded]
        cost = np.zeros(len(columns))
        cost[columns[index]] = -way
        top = float(self.system.cells[index].width)
        bounds = [(-max(self.down(cell), 0.0), top if cell == index else None) for cell in columns]
        solved = self._optimum(
            index,
            c=cost,
            A_ub=self._matrix(bounded, columns) if bounded else None,
            b_ub=slacks if bounded else None,
            A_eq=self._matrix(equal, columns) if equal else None,
            b_eq=np.zeros(len(equal)) if equal else None,
            bounds=bounds,
        )
        prices = dict(zip(equal, solved.eqlin.marginals, strict=True)) if equal else {}
        if bounded:
            prices |= dict(zip(bounded, solved.ineqlin.marginals, strict=True))
        distance = -float(solved.fun)
        if self.system.cells[index].whole:
            distance = float(floor(distance + TOLERANCE))
        fixed = sum(-prices[number] * slack for number, slack in zip(bounded, slacks, strict=True))
        moved = frozenset(
            cell for cell, step in zip(columns, solved.x, strict=True) if abs(step) > TOLERANCE
        )
        return Move(distance, moved, self._room(index, way, prices), float(fixed))

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
