"""What readers can compute from published figures: which add up to which, and across editions.

Everything becomes one `System`: cells, and rows that every reader knows to hold between them.

- Along an axis, figures add up to the figure that does not name it. Where the total has more, the
  rest is a cell of its own, published by nobody but easily computed (a metropolis less its main
  city). Where the parts have more, people were counted at several of them: the reader is taken to
  know how many, which protects better than supposing that he does not.
- A total that no table prints but two breakdowns share (sexes and criteria of the same people) is
  a cell too.
- An edition published before is known for ever. A figure it printed that has not changed is no
  secret; one it hid stays hidden; for one that changed, the change itself is a figure.
- A figure that is its total's only part along an axis (an operation of one buyer) is the same
  number: one cell.
- Nobody is counted without an hour, and nobody works more than 200 hours a month (more is
  quarantined): people and hours of one place bound each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal

from spaser.errors import InputError
from spaser.privacy.rules import HOURS, PEOPLE, Key, Rules, named

PERIMETER = frozenset({"year", "buyer"})
"""Axes that say whose figures these are: a breakdown inside a perimeter is no crossing."""

HOURS_A_MONTH = 200
"""Hours of one person in one month above which a line is quarantined: never published."""


@dataclass(frozen=True)
class Figure:
    """One figure about people, as the tables to publish have it.

    `value` is a number of people or of hours; `shown` false for a number that no table prints but
    the rules ask about (the people behind published hours). Of hours, `companies` is the number of
    companies that declared them and `largest_company` the hours of the first of them (null:
    unknown); `months` is how many months the figure covers.
    """

    key: Key
    value: Decimal
    shown: bool = True
    companies: int | None = None
    largest_company: Decimal | None = None
    months: int = 12


@dataclass(frozen=True)
class Sum:
    """A total that axes do not tell: a figure over several years, a wider perimeter."""

    total: Key
    parts: tuple[Key, ...]


@dataclass(frozen=True)
class Share:
    """A ratio printed in an edition, as the bounds that its rounding leaves."""

    numerator: Key
    denominator: Key
    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class Edition:
    """What one publication printed: its figures, those it hid, sums and ratios beside the axes."""

    figures: tuple[Figure, ...]
    hidden: frozenset[Key] = frozenset()
    sums: tuple[Sum, ...] = ()
    shares: tuple[Share, ...] = ()


@dataclass
class Cell:
    """A number that somebody might want to know.

    `open`: this edition may print it. `known`: an earlier one did. `secret`: an earlier one hid it.
    With none of the three nobody prints it; `guarded` says that it must stay uncertain all the
    same.
    """

    name: str
    value: Decimal
    width: Decimal
    whole: bool
    open: bool = False
    known: bool = False
    secret: bool = False
    guarded: bool = False

    def takes_in(self, other: Cell) -> None:
        """Stand for another cell that is the same number."""
        self.width = max(self.width, other.width)
        self.open |= other.open
        self.known |= other.known
        self.secret |= other.secret
        self.guarded |= other.guarded
        other.open = other.known = other.secret = other.guarded = False


@dataclass(frozen=True)
class Row:
    """Σ coefficient × cell = constant, or ≤ constant by `slack` (null for an equality)."""

    terms: tuple[tuple[int, int | Decimal], ...]
    slack: Decimal | None = None


@dataclass
class System:
    """Cells, what holds between them, and where each figure of this edition is."""

    cells: list[Cell] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    places: dict[Key, int] = field(default_factory=dict)
    breakdowns: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    """Of this edition: a total and the parts that exhaust it, each person in one of them."""
    parts_of: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Of this edition: a total and everything that adds up to it, along any axis."""

    def put_together(self, same: Mapping[int, int]) -> None:
        """Make one cell of those that are the same number: cell → the one that stands for it."""

        def of(index: int) -> int:
            while index in same:
                index = same[index]
            return index

        for index in sorted(same):
            self.cells[of(index)].takes_in(self.cells[index])
        rows = dict.fromkeys(_renamed(row, of) for row in self.rows)
        self.rows = [row for row in rows if row.terms]
        self.places = {key: of(index) for key, index in self.places.items()}
        self.breakdowns = [
            (of(total), tuple(of(part) for part in parts)) for total, parts in self.breakdowns
        ]
        joined: dict[int, set[int]] = defaultdict(set)
        for total, parts in self.parts_of.items():
            joined[of(total)] |= {of(part) for part in parts} - {of(total)}
        self.parts_of = joined


def _renamed(row: Row, of: Callable[[int], int]) -> Row:
    terms: dict[int, int | Decimal] = defaultdict(int)
    for index, coefficient in row.terms:
        terms[of(index)] += coefficient
    return Row(tuple(sorted((i, c) for i, c in terms.items() if c)), row.slack)


def build(edition: Edition, earlier: Sequence[Edition], rules: Rules) -> System:
    """The system that readers of an edition, and of all those before it, can solve.

    Raises:
        InputError: a figure is given twice, negative, no whole number of people, or its parts
            contradict it.
    """
    builder = _Builder(rules)
    for past in earlier:
        builder.read(past, last=False)
    builder.read(edition, last=True)
    builder.system.put_together(builder.same)
    builder.drop_free()
    return builder.system


class _Builder:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.system = System()
        self.latest: dict[Key, int] = {}
        self.seen: set[Row] = set()
        self.rests: dict[tuple[int, ...], int] = {}
        self.same: dict[int, int] = {}

    # --- cells ----------------------------------------------------------------------------------

    def read(self, edition: Edition, *, last: bool) -> None:
        """Add one edition: its cells, then the rows between them."""
        figures = _checked(edition.figures)
        totals = dict(_missing_totals(figures, self.rules.partitions))
        for key in sorted(figures):
            figure = figures[key]
            cell = self.system.cells[self._place(key, figure.value)]
            if not figure.shown:
                cell.guarded |= self._is_small(key, figure.value)
            elif last:
                cell.open = True
            elif key in edition.hidden:
                cell.secret = True
            else:
                cell.known = True
        for key, value in totals.items():
            self._place(key, value)
        if last:
            self.system.places = {key: self.latest[key] for key in figures}
        for total, parts, axis in _groups(figures.keys() | totals.keys()):
            self._add_sum(total, parts, axis, last=last)
        self._add_carried(figures.keys() | totals.keys())
        for extra in edition.sums:
            self._add_sum(extra.total, self._present(extra), None, last=last)
        for share in edition.shares:
            self._add_share(share)
        for figure in figures.values():
            self._link_hours(figure)

    def _place(self, key: Key, value: Decimal) -> int:
        """The cell of a figure: the one an earlier edition had, unless the figure has changed."""
        before = self.latest.get(key)
        if before is not None and self.system.cells[before].value == value:
            return before
        index = self._new(named(key), value, self.rules.width(key, value), key[0] == PEOPLE)
        self.latest[key] = index
        if before is not None:
            self._add_change(key, before, index)
        return index

    def _new(self, name: str, value: Decimal, width: Decimal, whole: bool) -> int:
        self.system.cells.append(Cell(name, value, width, whole))
        return len(self.system.cells) - 1

    def _is_small(self, key: Key, value: Decimal) -> bool:
        return key[0] == PEOPLE and 0 < value < self.rules.threshold(key[1])

    def _add_change(self, key: Key, before: int, after: int) -> None:
        """What a correction added or took away, as a cell; the reader is taken to know which."""
        old, new = self.system.cells[before].value, self.system.cells[after].value
        change = abs(new - old)
        index = self._new(f"change of {named(key)}", change, self.rules.width(key, change), False)
        self.system.cells[index].whole = key[0] == PEOPLE
        self.system.cells[index].guarded = self._is_small(key, change)
        sign = 1 if new > old else -1
        self._add_row([(after, 1), (before, -1), (index, -sign)])

    # --- rows -----------------------------------------------------------------------------------

    def _add_row(
        self, terms: list[tuple[int, int | Decimal]], slack: Decimal | None = None
    ) -> None:
        row = Row(tuple(sorted(terms)), slack)
        if row not in self.seen:
            self.seen.add(row)
            self.system.rows.append(row)

    def _value(self, key: Key) -> Decimal:
        return self.system.cells[self.latest[key]].value

    def _add_sum(self, total: Key, parts: Sequence[Key], axis: str | None, *, last: bool) -> None:
        rest = self._value(total) - sum((self._value(part) for part in parts), Decimal())
        apart = total[0] == HOURS or axis in self.rules.partitions
        if rest < 0 and apart:
            raise _contradiction(total, parts, self._value(total), rest)
        if self._lists_part(total, axis) and rest <= 0:
            for part in parts:
                self._add_at_most(self.latest[part], self.latest[total], 1)
            return
        terms: list[tuple[int, int | Decimal]] = [(self.latest[part], 1) for part in parts]
        if rest > 0:
            terms.append((self._rest(total, parts, rest), 1))
        elif rest < 0:
            for part in parts:
                self._add_at_most(self.latest[part], self.latest[total], 1)
        if rest == 0 and len(parts) == 1 and axis not in self.rules.partitions:
            self._are_same(self.latest[parts[0]], self.latest[total])
        self._add_row([(self.latest[total], -1), *terms])
        if last:
            self.system.parts_of[self.latest[total]] |= {self.latest[part] for part in parts}
            if apart and rest == 0 and total[0] == PEOPLE:
                indices = tuple(self.latest[part] for part in parts)
                self.system.breakdowns.append((self.latest[total], indices))

    def _lists_part(self, total: Key, axis: str | None) -> bool:
        """Whether a breakdown shows a part of its members only: a crossing of such an axis."""
        crossed = {name for name, _ in total[1]} - PERIMETER
        return axis in self.rules.partial and bool(crossed)

    def _are_same(self, one: int, other: int) -> None:
        while one in self.same:
            one = self.same[one]
        while other in self.same:
            other = self.same[other]
        if one != other:
            self.same[max(one, other)] = min(one, other)

    def _add_carried(self, now: Set[Key]) -> None:
        """The sums that figures of earlier editions, not printed again, complete.

        A period whose first years were printed before, a metropolis after its main city. What an
        old figure contradicts was corrected since, and tells nothing exact.
        """
        for total, parts, axis in _groups(self.latest.keys()):
            if total in now and not now >= set(parts):
                rest = self._value(total) - sum((self._value(part) for part in parts), Decimal())
                if rest >= 0 or not (total[0] == HOURS or axis in self.rules.partitions):
                    self._add_sum(total, parts, axis, last=False)

    def _present(self, extra: Sum) -> tuple[Key, ...]:
        for key in (extra.total, *extra.parts):
            if key not in self.latest:
                raise InputError(
                    f"Une somme cite « {named(key)} », qui n'est dans aucune table. Ajoutez-le.",
                    f"A sum names “{named(key)}”, which is in no table. Add it.",
                )
        return extra.parts

    def _rest(self, total: Key, parts: Sequence[Key], rest: Decimal) -> int:
        """The cell of those in a total and in none of its parts, as strictly held as the parts."""
        between = (self.latest[total], *(self.latest[part] for part in parts))
        if between in self.rests:
            return self.rests[between]
        strictest = max(parts, key=lambda part: self.rules.threshold(part[1]))
        width = self.rules.width(strictest, rest)
        index = self._new(f"rest of {named(total)}", rest, width, total[0] == PEOPLE)
        people = rest if total[0] == PEOPLE else self._people_of_rest(total, parts)
        self.system.cells[index].guarded = self._is_small((PEOPLE, strictest[1]), people)
        self.rests[between] = index
        return index

    def _people_of_rest(self, total: Key, parts: Sequence[Key]) -> Decimal:
        """How many people worked the hours in a total and in none of its parts; 0 where unknown."""
        keys = [(PEOPLE, place) for _, place in (total, *parts)]
        if not all(key in self.latest for key in keys):
            return Decimal()
        return self._value(keys[0]) - sum((self._value(key) for key in keys[1:]), Decimal())

    def _add_at_most(self, part: int, whole: int, times: int) -> None:
        """The part is at most so many times the whole, if it is."""
        slack = times * self.system.cells[whole].value - self.system.cells[part].value
        if slack >= 0:
            self._add_row([(part, 1), (whole, -times)], slack)

    def _add_share(self, share: Share) -> None:
        """The numerator lies between `low` and `high` times the denominator."""
        if share.numerator not in self.latest or share.denominator not in self.latest:
            return
        part, whole = self.latest[share.numerator], self.latest[share.denominator]
        above = share.high * self._value(share.denominator) - self._value(share.numerator)
        under = self._value(share.numerator) - share.low * self._value(share.denominator)
        if min(above, under) >= 0:
            self._add_row([(part, 1), (whole, -share.high)], above)
            self._add_row([(part, -1), (whole, share.low)], under)

    def _link_hours(self, figure: Figure) -> None:
        measure, place = figure.key
        people = self.latest.get((PEOPLE, place))
        if measure == HOURS and people is not None:
            hours = self.latest[figure.key]
            self._add_at_most(people, hours, 1)
            self._add_at_most(hours, people, HOURS_A_MONTH * figure.months)

    def drop_free(self) -> None:
        """Take out rows that say nothing: those with a cell nobody prints, guards or meets again.

        Smaller systems are solved faster, and what can be derived stays the same.
        """
        rows: list[Row] = []
        kept = self.system.rows
        while len(kept) != len(rows):
            rows = kept
            met = Counter(index for row in rows for index, _ in row.terms)
            kept = [row for row in rows if not self._says_nothing(row, met)]
        self.system.rows = rows

    def _says_nothing(self, row: Row, met: Mapping[int, int]) -> bool:
        """Whether a row only defines a total that nobody prints, guards or meets elsewhere."""
        totals = [index for index, coefficient in row.terms if coefficient < 0]
        if len(totals) != 1 or met[totals[0]] > 1:
            return False
        cell = self.system.cells[totals[0]]
        return not (cell.open or cell.known or cell.secret or cell.guarded)


def _checked(figures: Iterable[Figure]) -> dict[Key, Figure]:
    """The figures by key."""
    found: dict[Key, Figure] = {}
    for figure in figures:
        name, value = named(figure.key), figure.value
        if figure.key in found:
            raise InputError(
                f"Le chiffre « {name} » est donné deux fois. Gardez-en un.",
                f"The figure “{name}” is given twice. Keep one.",
            )
        whole = figure.key[0] != PEOPLE or value == value.to_integral_value()
        if figure.key[0] not in (PEOPLE, HOURS) or value < 0 or not whole:
            raise InputError(
                f"Le chiffre « {name} » ({value}) n'est pas un nombre de personnes ou d'heures. "
                "Corrigez la table qui le donne.",
                f"The figure “{name}” ({value}) is no number of people or of hours. "
                "Correct the table that gives it.",
            )
        found[figure.key] = figure
    return found


def _without(key: Key, axis: str) -> Key:
    measure, place = key
    return measure, tuple(pair for pair in place if pair[0] != axis)


def _groups(keys: Set[Key]) -> Iterator[tuple[Key, list[Key], str]]:
    """Every total with the parts that an axis splits it into."""
    groups: dict[tuple[Key, str], list[Key]] = defaultdict(list)
    for key in sorted(keys):
        for axis, _ in key[1]:
            groups[_without(key, axis), axis].append(key)
    for (total, axis), parts in groups.items():
        if total in keys:
            yield total, parts, axis


def _missing_totals(
    figures: Mapping[Key, Figure], partitions: Set[str]
) -> Iterator[tuple[Key, Decimal]]:
    """Totals that no figure gives but breakdowns imply, finest first.

    Only where parts add up, and not along an axis that every figure names (the year of yearly
    tables): their sums would meet no printed number. Breakdowns that cover different people imply
    different totals: the largest holds them all.
    """
    values = {key: figure.value for key, figure in figures.items()}
    axes = [{axis for axis, _ in place} for _, place in figures]
    everywhere = set.intersection(*axes) if axes else set()
    deepest = max((len(place) for _, place in values), default=0)
    for depth in range(deepest, 0, -1):
        sums: dict[tuple[Key, str], Decimal] = defaultdict(Decimal)
        for key, value in sorted(values.items()):
            for axis, _ in key[1] if len(key[1]) == depth else ():
                if axis not in everywhere and (key[0] == HOURS or axis in partitions):
                    sums[_without(key, axis), axis] += value
        implied: dict[Key, Decimal] = {}
        for (total, _), value in sums.items():
            if total not in values:
                implied[total] = max(value, implied.get(total, Decimal()))
        values |= implied
        yield from implied.items()


def _contradiction(total: Key, parts: Sequence[Key], value: Decimal, rest: Decimal) -> InputError:
    listed = " ; ".join(named(part) for part in parts)
    return InputError(
        f"« {named(total)} » vaut {value}, ses parties {value - rest} ({listed}). Une personne ne "
        "compte qu'une fois sur cet axe, une heure partout : corrigez la table.",
        f"“{named(total)}” is {value}, its parts {value - rest} ({listed}). A person counts once "
        "on this axis, an hour everywhere: correct the table.",
    )
