"""A grid as tables: where the header is, what its columns are called, which rows are records.

People put titles, logos and notes around their register, headers on two lines, totals between the
rows. What is no record is set aside with a finding, never dropped; nothing is understood here of
what a column means: that is the mapping's work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise

from spaser.findings import Finding
from spaser.ingest.grids import Cells, Grid
from spaser.ingest.sheet_xml import column_letters
from spaser.ingest.wide import month_of, months_in_a_row

Score = Callable[[Sequence[str]], float]

LATER = 0.25
"""A header is near the top, and may be repeated: how much better (of 4.5) a later one must look."""

HEADING = 0.05
"""How much better known a name must be without the label above it for that to be a heading."""

SEARCHED_ROWS = 60
"""Filled rows among which a header is looked for: titles and legends are shorter."""

HEADER_LINES = 3

KNOWN_HEADER = 0.5
"""Below it, a row of texts in the middle of a table is a row of the table."""

USUAL = 0.8
"""The share of records that fill a column which a total or a note leaves blank."""

_LABEL_LENGTH = 200
_FIGURE_LENGTH = 40
_FIGURE = re.compile(r"[-+(\u2212]?\s*[\d\s.,']*\d[\d\s.,']*\)?\s*(?:k?€|%|eur(?:os?)?|k)?", re.I)
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}")
_TICKS = frozenset({"oui", "non", "x", "✓", "✔", "true", "false", "vrai", "faux", "o", "n"})
_TOTAL = re.compile(
    r"\W*(?:grand[\s-]+|sous[\s-]*)?(?:total|totaux|somme|cumul|moyenne|nombre)\b", re.I
)
_TOTAL_ALONE = re.compile(
    r"\W*(?:grand[\s-]+|sous[\s-]*)?(?:total|totaux)(?:\s+(?:g[ée]n[ée]ral|h\.?t\.?|ttc))*\s*:?",
    re.I,
)
_IDENTIFIER = re.compile(r"(?=\S*\d)\S{1,30}")
_COUNTED = re.compile(r"\d[\d\s]*(?:marchés?|contrats?|lots?|lignes?)", re.I)
_MONEY = re.compile(
    r"montant|prix|valeur|estim|budget|co[uû]t|d[ée]pense|engag|mandat[ée]|pay[ée]|factur|€|euro"
    r"|\bh\.?t\b|\bttc\b|\btva\b|minim|maxim|amount|value|price",
    re.I,
)


@dataclass(frozen=True)
class SheetTable:
    """A table of a sheet: one row per record, cells as text, None where blank.

    Attributes:
        sheet: the sheet's name, None for a CSV.
        names: the columns' names, distinct, white space made single. Empty when the grid holds no
            table: only `findings` then say what it holds.
        letters: the columns' letters in the sheet (A, B… in a CSV too).
        row_numbers: the 1-based row of each record.
        rows: the records; each has as many cells as `names`.
        findings: one for each filled row that is no record, and for what the header has of odd.
        set_aside: how many filled rows are no record; blank rows are not counted.
        place: the sheet's 1-based place in the workbook, None for a CSV.
        cells: the column's letter of each record, where a record is a cell and not a row.
    """

    sheet: str | None
    names: tuple[str, ...]
    letters: tuple[str, ...]
    row_numbers: list[int]
    rows: list[tuple[str | None, ...]]
    findings: list[Finding] = field(default_factory=list)
    set_aside: int = 0
    place: int | None = None
    cells: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Header:
    """The lines of a header in the rows of a grid, and the name each column has there."""

    first: int
    lines: int
    names: dict[int, str]
    points: float = 0.0

    @property
    def end(self) -> int:
        """The place of the first row below."""
        return self.first + self.lines


def find_tables(grid: Grid, score: Score) -> list[SheetTable]:
    """The tables of a grid, from top to bottom.

    `score` says how much a row of names looks like the header of a known source, from 0 to 1; shape
    (texts, distinct, rows of data below) decides with it. A second table below the first is found
    when its header looks known; rows are otherwise taken for rows of the first.
    """
    header = _find_header(grid, 0, score)
    if header is None:
        return [_no_table(grid)]
    tables = []
    start = 0
    while header is not None:
        following = _next_header(grid, header, score)
        stop = following.first if following else len(grid.rows)
        tables.append(_table(grid, header, start, stop))
        start, header = stop, following
    return tables


def _no_table(grid: Grid) -> SheetTable:
    """A legend, a title, a cell astray: told, so that nobody looks for it in the figures."""
    filled = [(number, row) for number, row in enumerate(grid.rows) if _texts(row)]
    number, row = filled[0] if filled else (0, [""])
    first = next(column for column, cell in enumerate(row) if cell is not None)
    place = grid.pointer(grid.first_row + number, grid.first_column + first)
    shown = " | ".join(text for _, row in filled[:5] for text in _texts(row))
    finding = Finding(
        "sheet_not_table", source_pointer=place, value=shown[:200], detail=str(len(filled))
    )
    return SheetTable(grid.sheet, (), (), [], [], [finding], len(filled), grid.place)


def _texts(row: Iterable[str | None]) -> list[str]:
    return [" ".join(cell.split()) for cell in row if cell is not None]


def _is_label(text: str) -> bool:
    """Whether a text may name a column: words, and no number, date or tick."""
    return (
        len(text) <= _LABEL_LENGTH
        and any(letter.isalpha() for letter in text)
        and text.casefold() not in _TICKS
        and not _is_figure(text)
        and not _DATED.match(text)
    )


def _is_figure(text: str) -> bool:
    return len(text) <= _FIGURE_LENGTH and _FIGURE.fullmatch(text) is not None


def _find_header(grid: Grid, start: int, score: Score) -> _Header | None:
    """The best header among the first filled rows from `start` on; a later one must do better."""
    filled = (place for place in range(start, len(grid.rows)) if _texts(grid.rows[place]))
    best: _Header | None = None
    for place in islice(filled, SEARCHED_ROWS):
        header = _header_at(grid, place, score)
        if header and (best is None or header.points > best.points + LATER):
            best = header
    return best


def _header_at(grid: Grid, place: int, score: Score) -> _Header | None:
    """The header that may begin at a row, with all the lines that belong together."""
    found: _Header | None = None
    for lines in range(1, HEADER_LINES + 1):
        band = grid.rows[place : place + lines]
        if len(band) < lines or not _may_be_header(band[-1], lines):
            break
        if lines > 1 and not _is_banded(grid, place, lines):
            continue
        header = _Header(place, lines, _names(grid, place, lines, score))
        points = _points(grid, header, score)
        if points is not None:
            found = replace(header, points=points)
    return found


def _may_be_header(row: Cells, line: int) -> bool:
    texts = _texts(row)
    labels = max(sum(map(_is_label, texts)), _labels_and_months(texts))
    return len(texts) >= (2 if line == 1 else 1) and labels >= 0.7 * len(texts)


def _labels_and_months(texts: Sequence[str]) -> int:
    """Labels, and months written in figures (`03/2025`) that follow one another."""
    others = [text for text in texts if month_of(text) is None]
    return sum(map(_is_label, others)) + months_in_a_row(texts)


def _points(grid: Grid, header: _Header, score: Score) -> float | None:
    """How much names and what is below look like a header and its table; None when not at all."""
    names = list(header.names.values())
    below = [row for row in grid.rows[header.end : header.end + 30] if _texts(row)]
    records = [row for row in below if len(_texts(row)) > 1]
    used = {place for row in records for place, cell in enumerate(row) if cell is not None}
    known = score(names)
    coverage = len(used & header.names.keys()) / len(used) if used else 1.0
    if len(names) < 2 or (known < 0.2 and (len(names) < 3 or not records or coverage < 0.4)):
        return None
    distinct = len(set(names)) / len(names)
    filled = [text for row in records for text in _texts(row)]
    contrast = sum(not _is_label(text) for text in filled) / len(filled) if filled else 0.0
    return (
        2 * known + coverage + 0.5 * distinct + 0.5 * min(1.0, 2 * contrast) + 0.5 * bool(records)
    )


def _merged_in(grid: Grid, place: int, lines: int) -> list[tuple[int, int, int, int]]:
    """Merged ranges that begin in some lines, as places in the rows of the grid."""
    row, column = grid.first_row, grid.first_column
    first, last = place + row, place + lines + row
    return [
        (merged[0] - row, merged[1] - column, merged[2] - row, merged[3] - column)
        for merged in grid.merged
        if first <= merged[0] < last
    ]


def _is_banded(grid: Grid, place: int, lines: int) -> bool:
    """Whether rows make one header together: a label above labels, or one that spans the lines."""
    band = grid.rows[place : place + lines]
    merged = _merged_in(grid, place, lines)
    if any(bottom >= place + lines for _, _, bottom, _ in merged):
        return False
    return all(
        _spans_columns(upper, lower, place + line, merged)
        or _gapped(grid, upper, lower, place + lines)
        for line, (upper, lower) in enumerate(pairwise(band))
    )


def _spans_columns(
    upper: Cells, lower: Cells, place: int, merged: Sequence[tuple[int, int, int, int]]
) -> bool:
    """Whether a merged label of a row stands above several labels of the next, and is no title."""
    used = [column for column, cell in enumerate(upper) if cell is not None]
    below = [column for column, cell in enumerate(lower) if cell is not None]
    for top, left, bottom, right in merged:
        if top == bottom == place and right > left:
            covered = [column for column in below if left <= column <= right]
            is_title = len(used) == 1 and (
                left <= min(below, default=0) or len(covered) > 0.6 * len(below)
            )
            if len(covered) > 1 and not is_title:
                return True
    return False


def _gapped(grid: Grid, upper: Cells, lower: Cells, end: int) -> bool:
    """The same without merged cells: each row is blank where the other is not, data below both."""
    alone_above = [c for c, cell in enumerate(upper) if cell is not None and lower[c] is None]
    alone_below = [c for c, cell in enumerate(lower) if cell is not None and upper[c] is None]
    if not alone_above or not alone_below or len(_texts(upper)) < 2:
        return False
    under_parent = all(any(cell is not None for cell in upper[:column]) for column in alone_below)
    below = [row for row in grid.rows[end : end + 10] if _texts(row)]
    filled = sum(row[column] is not None for row in below for column in alone_above)
    starts_above = upper[min(alone_above)] is not None and lower[alone_below[0] - 1] is not None
    return under_parent and starts_above and filled >= 0.5 * len(below) * len(alone_above) > 0


def _names(grid: Grid, place: int, lines: int, score: Score) -> dict[int, str]:
    """The name of each column: `Parent / Child`, or the child where the parent is but a heading."""
    parts = _parts(grid, place, lines)
    lasts = Counter(texts[-1] for texts in parts.values())
    families: dict[str, list[int]] = {}
    for column, texts in parts.items():
        families.setdefault(" / ".join(texts[:-1]), []).append(column)
    names = {}
    for parent, columns in families.items():
        children = {column: parts[column][-1] for column in columns}
        alone = parent and all(
            lasts[child] == 1 and _says_more(child, parent, score) for child in children.values()
        )
        for column, child in children.items():
            names[column] = child if alone or not parent else f"{parent} / {child}"
    return dict(sorted(names.items()))


def _says_more(child: str, parent: str, score: Score) -> bool:
    """Whether a name is known, and no longer so under its parent: `Holder / SIRET` stays whole."""
    return score([child] * 3) > score([f"{parent} / {child}"] * 3) + HEADING


def _parts(grid: Grid, place: int, lines: int) -> dict[int, list[str]]:
    """The labels of each column from top to bottom, those of merged cells given to all of them."""
    merged = _merged_in(grid, place, lines)
    parts: dict[int, list[str]] = {}
    for line in range(place, place + lines):
        row = list(grid.rows[line])
        for top, left, _, right in merged:
            if top == line and left < len(row):
                row[left : right + 1] = [row[left]] * (min(right, len(row) - 1) + 1 - left)
        if line < place + lines - 1 and not any(top == line for top, *_ in merged):
            row = _spread(row, grid.rows[line + 1])
        for column, cell in enumerate(row):
            if cell is not None:
                text = " ".join(cell.split())
                known = parts.setdefault(column, [])
                if not known or known[-1] != text:
                    known.append(text)
    return dict(sorted(parts.items()))


def _spread(upper: Cells, lower: Cells) -> Cells:
    """Labels given to the blanks on their right that have a label below."""
    spread: Cells = []
    for above, below in zip(upper, lower, strict=True):
        is_child = above is None and below is not None and spread
        spread.append(spread[-1] if is_child else above)
    return spread


def _next_header(grid: Grid, header: _Header, score: Score) -> _Header | None:
    """The header of another table below: known, other than the first, after a blank or a title."""
    for place in range(header.end + 1, len(grid.rows)):
        row = grid.rows[place]
        if row.count(None) > len(row) - 3 or len(_texts(grid.rows[place - 1])) > 1:
            continue
        if not all(map(_is_label, _texts(row))):
            continue
        if _is_repeated(row, grid, header):
            continue
        found = _header_at(grid, place, score)
        if found and score(list(found.names.values())) >= KNOWN_HEADER:
            return found
    return None


def _is_repeated(row: Cells, grid: Grid, header: _Header) -> bool:
    """Whether a row says a line of the header again, in the same columns."""
    cells = [(column, _folded(cell)) for column, cell in enumerate(row) if cell is not None]
    for line in grid.rows[header.first : header.end]:
        same = sum(_folded(line[column] or "") == text for column, text in cells)
        if len(cells) > 1 and same >= 0.8 * len(cells):
            return True
    return False


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _table(grid: Grid, header: _Header, start: int, stop: int) -> SheetTable:
    """A table from its header, the rows above it since `start` and those below until `stop`."""
    body, findings = _filled_down(grid, header, grid.rows[header.end : stop])
    columns = _columns(header, body)
    names, odd = _distinct_names(grid, header, columns, body)
    judge = _Judge(grid, header, body)
    above = [
        (place, row, "row_note") for place, row in enumerate(grid.rows[start : header.first], start)
    ]
    below = [(place, row, judge.rule(row)) for place, row in enumerate(body, header.end)]
    numbers: list[int] = []
    records: list[tuple[str | None, ...]] = []
    set_aside: list[Finding] = []
    for place, row, rule in [*above, *below]:
        number = grid.first_row + place
        if rule is None:
            numbers.append(number)
            records.append(tuple([row[column] for column in columns]))
        elif texts := _texts(row):
            text = " | ".join(texts)[:200]
            set_aside.append(Finding(rule, source_pointer=grid.pointer(number), value=text))
    letters = tuple(column_letters(grid.first_column + column) for column in columns)
    found = [*findings, *odd, *set_aside]
    aside = len(set_aside)
    return SheetTable(grid.sheet, names, letters, numbers, records, found, aside, grid.place)


def _columns(header: _Header, body: Sequence[Cells]) -> list[int]:
    """Columns with a name or with anything below."""
    width = len(body[0]) if body else 0
    return [
        column
        for column in range(max(width, max(header.names) + 1))
        if column in header.names or any(row[column] is not None for row in body)
    ]


def _distinct_names(
    grid: Grid, header: _Header, columns: Sequence[int], body: Sequence[Cells]
) -> tuple[tuple[str, ...], list[Finding]]:
    """A name a column: a second one of a name is marked ` (2)`, a blank one gets its letter."""
    places: dict[str, int] = {}
    findings = []
    for column in columns:
        raw = header.names.get(column) or f"colonne {column_letters(grid.first_column + column)}"
        name, again = raw, 1
        while name in places:
            again += 1
            name = f"{raw} ({again})"
        places[name] = column
        cell = _cell(grid, header, column)
        if again > 1:
            first = column_letters(grid.first_column + places[raw])
            findings.append(
                Finding(
                    "column_duplicate", source_pointer=cell, field=name, value=raw, detail=first
                )
            )
        elif column not in header.names:
            filled = sum(row[column] is not None for row in body)
            findings.append(
                Finding("column_unnamed", source_pointer=cell, field=name, detail=str(filled))
            )
    return tuple(places), findings


def _cell(grid: Grid, header: _Header, column: int) -> str:
    """Where the name of a column is."""
    return grid.pointer(grid.first_row + header.end - 1, grid.first_column + column)


def _filled_down(
    grid: Grid, header: _Header, body: Sequence[Cells]
) -> tuple[list[Cells], list[Finding]]:
    """One value merged over several rows is given to each, unless it may be an amount.

    An amount merged over the rows of several lots is their total as often as the amount of each:
    it stays on the first row, with a warning, and is unknown on the others.
    """
    rows = [*body]
    filled: list[str] = []
    findings = []
    for top, left, bottom, _ in _merged_in(grid, header.end, len(rows)):
        first, last = top - header.end, min(bottom - header.end, len(rows) - 1)
        value = rows[first][left] if left < len(rows[first]) else None
        covered = [place for place in range(first + 1, last + 1) if any(_texts(rows[place]))]
        if value is None or not covered:
            continue
        span = (
            f"{grid.pointer(top + grid.first_row, left + grid.first_column)}:"
            + column_letters(left + grid.first_column)
            + str(bottom + grid.first_row)
        )
        if _may_be_amount(value, header.names.get(left, "")):
            findings.append(Finding("merged_amount", source_pointer=span, value=value))
            continue
        for place in covered:
            rows[place] = [*rows[place][:left], value, *rows[place][left + 1 :]]
        filled.append(span)
    if filled:
        shown = ", ".join(span.rpartition("!")[2] for span in filled)[:500]
        findings.append(
            Finding(
                "cells_filled_down",
                source_pointer=grid.sheet,
                value=shown,
                detail=str(len(filled)),
            )
        )
    return rows, findings


def _may_be_amount(value: str, name: str) -> bool:
    text = value.strip()
    return _is_figure(text) and (not text.isdecimal() or _MONEY.search(name) is not None)


class _Judge:
    """Tells the rows of a table that are no record."""

    def __init__(self, grid: Grid, header: _Header, body: Sequence[Cells]) -> None:
        self.grid, self.header = grid, header
        self.labels = {
            text.casefold()
            for line in grid.rows[header.first : header.end]
            for text in _texts(line)
        }
        self.usual = _usual(body)

    def rule(self, row: Cells) -> str | None:
        """The rule that sets a row aside, `blank` where it is blank, None where it is a record."""
        count = len(row) - row.count(None)
        if not count:
            return "blank"
        first = next(cell for cell in row if cell is not None)
        if count > 3 and not _TOTAL.match(first) and _folded(first) not in self.labels:
            return None
        if _is_repeated(row, self.grid, self.header):
            return "row_repeated_header"
        if self._is_total(row):
            return "row_total"
        if self._is_note(row, count):
            return "row_note"
        return None

    def _is_total(self, row: Cells) -> bool:
        """A label of total, figures, and nothing in some column that records always fill."""
        texts = _texts(row)
        words = [text for text in texts if not _is_figure(text) and not _COUNTED.fullmatch(text)]
        if not any(_TOTAL.match(word) for word in words[:1]) and not any(
            map(_TOTAL_ALONE.fullmatch, words)
        ):
            return False
        missing = sum(row[column] is None for column in self.usual)
        first = next(column for column, cell in enumerate(row) if cell is not None)
        identified = not _TOTAL.match(texts[0]) and first in self.usual and not _is_label(texts[0])
        return missing > 0 and len(words) <= 2 and not identified

    def _is_note(self, row: Cells, count: int) -> bool:
        """A lone text, or two cells beside every column that records fill."""
        texts = _texts(row)
        if len(self.header.names) < 3 or count > 2:
            return False
        if count == 1:
            return not _is_figure(texts[0]) and not _IDENTIFIER.fullmatch(texts[0])
        beside = all(row[column] is None for column in self.usual)
        return bool(self.usual) and beside and any(map(_is_label, texts))


def _usual(body: Sequence[Cells]) -> frozenset[int]:
    """The columns that most records fill; what begins like a total has no say."""
    counts = [len(row) - row.count(None) for row in body]
    half = 0.5 * max(counts, default=0)
    full = [
        row
        for row, count in zip(body, counts, strict=True)
        if count > half and not _TOTAL.match(next(filter(None, row)))
    ]
    width = len(body[0]) if full else 0
    return frozenset(
        column
        for column in range(width)
        if sum(row[column] is not None for row in full) >= USUAL * len(full)
    )
