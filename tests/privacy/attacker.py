"""A reader who tries to derive what was hidden: he has what is printed, and solves for the rest.

Written apart from the suppression it attacks: of the program he uses the names of figures and
nothing else. He knows how the tables are made (what adds up along which axis, that nobody is
counted without an hour nor works more than 200 in a month) and, where a test makes him strong, more
than any reader would: how many people are counted twice, which figures were corrected and in which
direction, that a zero is always printed.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from spaser.privacy import Key

ADD_UP = {"sex", "age_band", "qpv", "criterion"}
HOURS_A_YEAR = 2400
WHOLE_UP_TO = 40
"""Hidden cells up to which the attacker also solves in whole numbers."""

System = tuple[csr_array, np.ndarray] | None
"""Coefficients of the unknowns, and right-hand sides; nothing where no row holds."""


@dataclass(frozen=True)
class Printed:
    """One edition as printed: a number or nothing (« s »), and percentages with one decimal."""

    values: Mapping[Key, Decimal | None]
    percentages: Mapping[tuple[Key, Key], Decimal] = field(default_factory=dict)
    sums: tuple[tuple[Key, tuple[Key, ...]], ...] = ()
    partial: frozenset[tuple[Key, str]] = frozenset()
    """Totals and axes of which the table says that it lists a part only (“of which …”)."""
    years: int = 1


@dataclass(frozen=True)
class Insider:
    """What a reader may have learnt elsewhere."""

    truth: tuple[Mapping[Key, Decimal], ...] = ()
    """Of each edition, used only for: people counted twice, which figures changed, zeros."""


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


class Attacker:
    def __init__(self, editions: list[Printed], insider: Insider | None = None) -> None:
        self.editions, self.insider = editions, insider
        self.variables: dict[tuple[int, Key], int] = {}
        self.known: dict[int, float] = {}
        self.floor: list[float] = []
        self.equal: list[tuple[dict[int, float], float]] = []
        self.at_most: list[tuple[dict[int, float], float]] = []
        self.systems: dict[tuple[int, ...], tuple[System, System]] = {}
        self.seen: dict[int, tuple[float, float]] = {}
        self._name_variables()
        for number in range(len(editions)):
            self._read(number)

    # --- what is known --------------------------------------------------------------------------

    def _truth(self, number: int, key: Key) -> Decimal | None:
        return self.insider.truth[number].get(key) if self.insider else None

    def _name_variables(self) -> None:
        for number, edition in enumerate(self.editions):
            for key, value in edition.values.items():
                before = self.variables.get((number - 1, key))
                truth = self._truth(number, key)
                same = truth is not None and truth == self._truth(number - 1, key)
                if number and before is not None and same:
                    variable = before
                else:
                    variable = len(self.floor)
                    self.floor.append(1.0 if key[0] == "people" and truth else 0.0)
                    if number and before is not None and truth is not None:
                        self._knows_direction(number, key, before, variable)
                self.variables[number, key] = variable
                if value is not None:
                    self.known[variable] = float(value)

    def _knows_direction(self, number: int, key: Key, before: int, after: int) -> None:
        grew = self._truth(number, key) > self._truth(number - 1, key)
        less, more = (before, after) if grew else (after, before)
        self.at_most.append(({less: 1.0, more: -1.0}, 0.0))

    def _read(self, number: int) -> None:
        edition = self.editions[number]
        split: dict[tuple[Key, str], list[Key]] = defaultdict(list)
        for measure, place in edition.values:
            for axis, _ in place:
                rest = (measure, tuple(pair for pair in place if pair[0] != axis))
                split[rest, axis].append((measure, place))
        for (total, axis), parts in split.items():
            self._adds_up(number, total, axis, parts)
        for (total, axis), parts in self._periods(number, split).items():
            self._adds_up(number, total, axis, parts, carried=True)
        for total, parts in edition.sums:
            self._adds_up(number, total, "year", list(parts), carried=True)
        for measure, place in edition.values:
            if measure == "hours" and ("people", place) in edition.values:
                people, hours = (self.variables[number, (m, place)] for m in ("people", "hours"))
                most = HOURS_A_YEAR * edition.years
                counted, worked = (self._truth(number, (m, place)) for m in ("people", "hours"))
                if counted is None or counted <= worked:
                    self.at_most.append(({people: 1.0, hours: -1.0}, 0.0))
                if counted is None or worked <= most * counted:
                    self.at_most.append(({hours: 1.0, people: -float(most)}, 0.0))
        for (part, whole), printed in edition.percentages.items():
            inner, outer = self.variables[number, part], self.variables[number, whole]
            low, high = (float(printed) + step for step in (-0.0501, 0.0501))
            self.at_most.append(({inner: 100.0, outer: -high}, 0.0))
            self.at_most.append(({inner: -100.0, outer: low}, 0.0))

    def _periods(self, number: int, split: Mapping) -> dict[tuple[Key, str], list[Key]]:
        """Periods printed now, whose first years only earlier editions printed."""
        found = {}
        for (total, axis), parts in split.items():
            if axis == "year" and total in self.editions[number].values:
                older = {
                    (measure, place)
                    for edition in self.editions[:number]
                    for measure, place in edition.values
                    if measure == total[0] and any(pair[0] == "year" for pair in place)
                    if tuple(pair for pair in place if pair[0] != "year") == total[1]
                }
                if older - set(parts):
                    found[total, axis] = sorted(older | set(parts))
        return found

    def _latest(self, number: int, key: Key) -> tuple[int, Decimal | None]:
        """The unknown of a figure and its truth, as the newest edition that prints it has them."""
        last = next(n for n in range(number, -1, -1) if (n, key) in self.variables)
        return self.variables[last, key], self._truth(last, key)

    def _adds_up(
        self, number: int, total: Key, axis: str, parts: list[Key], *, carried: bool = False
    ) -> None:
        hidden_total = (number, total) not in self.variables
        partial = (total, axis) in self.editions[number].partial and not carried
        exact = (total[0] == "hours" or axis in ADD_UP) and not partial
        if hidden_total:
            if not exact:
                return
            self.variables[number, total] = len(self.floor)
            self.floor.append(0.0)
        whole = self.variables[number, total]
        unknowns = [self._latest(number, part) for part in parts]
        row = {index: 1.0 for index, _ in unknowns} | {whole: -1.0}
        if exact:
            self.equal.append((row, 0.0))
            return
        truths = [self._truth(number, total), *(truth for _, truth in unknowns)]
        if not partial and None not in truths:
            self.equal.append((row, float(sum(truths[1:]) - truths[0])))
        if not partial:
            self.at_most.append(({index: -value for index, value in row.items()}, 0.0))
        self.at_most += [({index: 1.0, whole: -1.0}, 0.0) for index, _ in unknowns]

    # --- what follows ---------------------------------------------------------------------------

    def intervals(self) -> dict[tuple[int, Key], Interval]:
        """Of each hidden figure of each edition, what it can be."""
        hidden = {
            (number, key): self.variables[number, key]
            for number, edition in enumerate(self.editions)
            for key, value in edition.values.items()
            if value is None
        }
        solved = {
            variable: self._interval(variable, whole=key[0] == "people")
            for (_, key), variable in hidden.items()
        }
        return {name: solved[variable] for name, variable in hidden.items()}

    def narrow(self, wanted: Mapping[tuple[int, Key], float]) -> dict[tuple[int, Key], Interval]:
        """The hidden figures whose interval is narrower than wanted, or does not reach it.

        A figure that solutions already found make wide enough is not solved for again.
        """
        chance = random.Random(0)
        names = {name: self.variables[name] for name in wanted}
        unknown = sorted({variable for variable in names.values() if variable not in self.known})
        for reach in sorted({self._reach(variable) for variable in unknown}):
            for _ in range(4 if len(reach) > WHOLE_UP_TO else 0):
                cost = np.array([chance.uniform(-1, 1) for _ in reach])
                self._solve(cost, reach, capped=True)
        solved: dict[int, Interval] = {}
        found = {}
        for name, variable in names.items():
            low, high = self.seen.get(variable, (0.0, 0.0))
            if high - low >= wanted[name] + 1 and high >= wanted[name]:
                continue
            if variable not in solved:
                solved[variable] = self._interval(variable, whole=name[1][0] == "people")
            interval = solved[variable]
            if interval.high - interval.low < wanted[name] or interval.high < wanted[name]:
                found[name] = interval
        return found

    def _interval(self, variable: int, *, whole: bool) -> Interval:
        if variable in self.known:
            return Interval(self.known[variable], self.known[variable])
        reach = self._reach(variable)
        high = self._extreme(variable, -1, reach)
        low = self.floor[variable] if high == math.inf else self._extreme(variable, 1, reach)
        if whole:
            low, high = math.ceil(low - 1e-6), high if high == math.inf else math.floor(high + 1e-6)
        return Interval(float(low), float(high))

    def _reach(self, variable: int) -> tuple[int, ...]:
        """The unknowns that have to do with one."""
        for reach in self.systems:
            if variable in reach:
                return reach
        rows = [set(row) - self.known.keys() for row, _ in self.equal + self.at_most]
        found, before = {variable}, set()
        while found != before:
            before = set(found)
            found = found.union(*(row for row in rows if row & found))
        reach = tuple(sorted(found))
        columns = {index: column for column, index in enumerate(reach)}
        self.systems[reach] = self._system(self.equal, columns), self._system(self.at_most, columns)
        return reach

    def _system(self, rows: list, columns: dict[int, int]) -> System:
        lines, places, values, sides = [], [], [], []
        for row, side in rows:
            unknown = {index: value for index, value in row.items() if index in columns}
            if not unknown:
                continue
            known = sum(value * self.known[i] for i, value in row.items() if i not in columns)
            for index, value in unknown.items():
                lines.append(len(sides))
                places.append(columns[index])
                values.append(value)
            sides.append(side - known)
        if not sides:
            return None
        return csr_array((values, (lines, places)), (len(sides), len(columns))), np.array(sides)

    def _extreme(self, variable: int, sign: int, reach: tuple[int, ...]) -> float:
        cost = np.zeros(len(reach))
        cost[reach.index(variable)] = sign
        if len(reach) <= WHOLE_UP_TO:
            equal, at_most = self.systems[reach]
            floors = np.array([self.floor[index] for index in reach])
            return sign * self._whole(cost, equal, at_most, floors, reach)
        solved = self._solve(cost, reach)
        if solved.status == 3:
            return sign * -math.inf
        assert solved.status == 0, solved.message
        return sign * solved.fun

    def _solve(self, cost: np.ndarray, reach: tuple[int, ...], *, capped: bool = False):
        """The values of all the unknowns of one reach that make the cost least."""
        equal, at_most = self.systems[reach]
        top = 1e6 if capped else None
        for presolve in (True, False):  # on rare numbers one of the two stumbles
            solved = linprog(
                cost,
                A_eq=equal[0] if equal else None,
                b_eq=equal[1] if equal else None,
                A_ub=at_most[0] if at_most else None,
                b_ub=at_most[1] if at_most else None,
                bounds=[(self.floor[index], top) for index in reach],
                options={"presolve": presolve},
            )
            if solved.status in (0, 3):
                break
        if solved.status == 0:
            for index, value in zip(reach, solved.x, strict=True):
                low, high = self.seen.get(index, (value, value))
                self.seen[index] = min(low, value), max(high, value)
        return solved

    def _whole(self, cost, equal, at_most, floors, reach) -> float:
        people = {index for (_, key), index in self.variables.items() if key[0] == "people"}
        constraints = [LinearConstraint(equal[0], equal[1], equal[1])] if equal else []
        if at_most:
            constraints.append(LinearConstraint(at_most[0], -np.inf, at_most[1]))
        solved = milp(
            cost,
            integrality=np.array([index in people for index in reach], dtype=int),
            bounds=Bounds(floors, np.inf),
            constraints=constraints,
        )
        if solved.status in (3, 4) and solved.x is None:
            return -math.inf
        assert solved.status == 0, solved.message
        return solved.fun
