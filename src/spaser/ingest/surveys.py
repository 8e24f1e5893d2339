"""What is known of a sheet before its cells are read, and how a sheet with deserts is squeezed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

CELLS_CAP = 40_000_000
"""Cells of one sheet, blanks between them included, that are ever held at once."""

DENSE_CAP = 8_000_000
"""Cells, blanks included, below which a sheet is read as it is: about 256 MB while it lasts."""

TEXT_CAP = 1 << 30
"""Bytes of text of one sheet: a text stored once and shown by a million cells is as many copies."""

ROW_GAP = 1_000
COLUMN_GAP = 100
"""Blank rows or columns beyond which, in an oversized sheet, what follows is read apart."""

Place = tuple[int, int]


@dataclass(frozen=True)
class Squeeze:
    """Rows (or columns) once long blanks are left out, and where each block came from.

    `starts` holds pairs in order: 0-based place in what is read, 0-based place in the sheet.
    """

    starts: tuple[Place, ...] = ((0, 0),)

    @classmethod
    def of(cls, used: Iterable[int], gap: int) -> Squeeze:
        """Leave out every blank longer than `gap` between the used places (0-based)."""
        starts: list[Place] = []
        read, last = 0, -gap - 2
        for place in sorted(used):
            if place - last > gap + 1 or not starts:
                starts.append((read, place))
            else:
                read += place - last - 1
            read, last = read + 1, place
        return cls(tuple(starts) or ((0, 0),))

    def read_place(self, place: int) -> int:
        """Where a used place of the sheet is in what is read."""
        start, origin = self.starts[bisect_right(self.starts, place, key=lambda pair: pair[1]) - 1]
        return start + place - origin

    def blocks(self, size: int) -> Iterator[tuple[int, int, int]]:
        """Each block: from, to (excluded) in what is read, and its 0-based place in the sheet."""
        ends = [start for start, _ in self.starts[1:]] + [size]
        for (start, place), end in zip(self.starts, ends, strict=True):
            if start < min(end, size):
                yield start, min(end, size), place


@dataclass
class Survey:
    """A sheet before its cells are read; places are (row, column), 1-based, as in the sheet.

    Attributes:
        name: the sheet's name, where its file says it.
        hidden_rows: rows the sheet hides (filters included).
        hidden_columns: columns the sheet hides.
        uncached: cells whose formula has no stored value.
        errors: cells that hold an error value, and which.
        merged: merged ranges: first row, first column, last row, last column.
        rows: the rows of the file that is read, where long blanks were left out.
        columns: likewise for columns.
    """

    name: str = ""
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    uncached: list[Place] = field(default_factory=list)
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    rows: Squeeze = field(default_factory=Squeeze)
    columns: Squeeze = field(default_factory=Squeeze)


class Oversized(Exception):
    """A few cells far apart: read as it is, the sheet would fill the memory with blanks."""

    def __init__(self, survey: Survey) -> None:
        super().__init__()
        self.survey = survey


class TooLarge(Exception):
    """A sheet that no squeezing makes small enough.

    Attributes:
        sheet: its name, empty when only the caller knows it.
        cells: how many places its cells spread over.
        text: how many bytes of text they show, where that is what is too much.
    """

    def __init__(self, sheet: str = "", cells: int = 0, text: int = 0) -> None:
        super().__init__(sheet, cells, text)
        self.sheet, self.cells, self.text = sheet, cells, text
