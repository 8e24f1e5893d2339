"""The XML of sheets, looked at with byte patterns: no entity is resolved and no tree is built.

A sheet of 100 000 rows is about 120 MB of XML, surveyed in one or two seconds. What is looked for
is what the reader of cells does not say: how far cells reach, hidden rows and columns, merged
ranges, formulas without a stored value, error values.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from itertools import groupby, pairwise
from pathlib import Path
from typing import BinaryIO

from spaser.ingest.containers import mapped
from spaser.ingest.surveys import (
    CELLS_CAP,
    COLUMN_GAP,
    DENSE_CAP,
    ROW_GAP,
    TEXT_CAP,
    Oversized,
    Squeeze,
    Survey,
    TooLarge,
)

_TRUE = rb"""=["'](?:1|true)["']"""
_HIDDEN = re.compile(rb"\bhidden" + _TRUE)
LAST_ROW = 1_048_576
LAST_COLUMN = 16_384
"""The last corner of a sheet, in Excel and in LibreOffice."""

_NUMBERED = re.compile(rb"\br\s*=")
_NUMBER = re.compile(rb"""\br=["'](\d{1,9})["']""")
_REFERENCE = re.compile(rb"""\br=["']([A-Za-z]{1,3})(\d{1,7})["']""")
_WIDTHS = re.compile(rb"""\b(min|max)=["'](\d{1,9})["']""")
_TEXT_RESULT = re.compile(rb"""\bt=["']str["']""")


def column_number(letters: str) -> int:
    """The 1-based place of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """The letters of a 1-based column: 1 is A, 27 is AA."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@dataclass(frozen=True)
class _Patterns:
    """The elements of a sheet, whose names may carry the prefix of their namespace."""

    row: re.Pattern[bytes]
    cell: bytes
    place: re.Pattern[bytes]
    misplaced: re.Pattern[bytes]
    filled: re.Pattern[bytes]
    cell_end: bytes
    any_formula: re.Pattern[bytes]
    formula: re.Pattern[bytes]
    error: re.Pattern[bytes]
    shared: re.Pattern[bytes]
    column: re.Pattern[bytes]
    merged: re.Pattern[bytes]
    data: re.Pattern[bytes]


@lru_cache
def _patterns(prefix: bytes) -> _Patterns:
    def compiled(pattern: bytes) -> re.Pattern[bytes]:
        return re.compile(pattern.replace(b"~", re.escape(prefix)), re.DOTALL)

    return _Patterns(
        row=compiled(rb"<~row\b([^<>]*)>"),
        cell=b"<" + prefix + b"c",
        place=compiled(rb"""<~c\s(?:[^<>]*?\s)??r=["']([A-Za-z]{1,3}\d{1,7})["']"""),
        misplaced=compiled(rb"""<~c\s(?:[^<>]*?\s)??r\s*=(?!["'][A-Za-z]{1,3}\d{1,7}["'])"""),
        filled=compiled(rb"<~c\b([^<>]*)(?<!/)>(?!\s*</~c>)"),
        cell_end=b"</" + prefix + b"c>",
        any_formula=compiled(rb"<~f[\s>/]"),
        formula=compiled(
            rb"<~c\s([^<>]*)>\s*<~f\b(?:[^<>]*/>|[^<>]*>[^<]*</~f>)\s*"
            rb"(?:<~v\s*/>|<~v>\s*</~v>)?\s*</~c>"
        ),
        error=compiled(
            rb"""<~c\s([^<>]*\bt=["']e["'][^<>]*)>\s*"""
            rb"(?:<~f\b(?:[^<>]*/>|[^<>]*>[^<]*</~f>)\s*)?<~v>([^<]*)</~v>"
        ),
        shared=compiled(rb"""<~c\s[^<>]*\bt=["']s["'][^<>]*>\s*<~v>(\d{1,9})</~v>"""),
        column=compiled(rb"<~col\s([^<>]*)>"),
        merged=compiled(
            rb"""<~mergeCell\s[^<>]*\bref=["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']"""
        ),
        data=compiled(rb"<~sheetData\s*>"),
    )


_SHARED_ITEM = re.compile(rb"<(?:\w+:)?si[\s>/]")
_SHARED_COUNT = re.compile(rb"""ount\s*=\s*["']\s*(\d+)""")


def text_sizes(part: Path) -> list[int]:
    """How long each shared text of an .xlsx is, in bytes, in order.

    Raises:
        Foreign: it says to hold more texts than it has bytes.
    """
    content = mapped(part)
    if content.find(b"<!DOCTYPE") >= 0:
        raise Foreign
    if any(int(count[:20]) > len(content) for count in _SHARED_COUNT.findall(content[:8192])):
        raise Foreign
    starts = [found.start() for found in _SHARED_ITEM.finditer(content)]
    return [end - start for start, end in pairwise([*starts, len(content)])]


class Foreign(Exception):
    """Written as no spreadsheet writes: what is surveyed may not be what would be read."""


def _foreign(prefix: bytes) -> re.Pattern[bytes]:
    other = rb"<(?!" + prefix + rb")(?:\w+:)?" if prefix else rb"<\w+:"
    return re.compile(other + rb"(?:c|row)[\s>/]")


def survey_xlsx(part: Path, texts: Sequence[int] = ()) -> Survey | None:
    """Survey a sheet of an .xlsx; None when it holds no cells (charts, dialogs).

    `texts` are the sizes of the shared texts.

    Raises:
        Foreign: it is not written as spreadsheets write.
        Oversized: its cells are so far apart that it must be squeezed first.
        TooLarge: it cannot be held.
    """
    content = mapped(part)
    root = re.search(rb"<(?:(\w+):)?(worksheet|chartsheet|dialogsheet)\b", content[:8192])
    if root is None or root[2] != b"worksheet":
        return None
    prefix = root[1] + b":" if root[1] else b""
    if content.find(b"<!DOCTYPE") >= 0 or _foreign(prefix).search(content):
        raise Foreign
    patterns = _patterns(prefix)
    survey = Survey()
    height, width = _extent(content, patterns, survey)
    _look(content, patterns, survey)
    _weigh(content, patterns, texts)
    if height * width > DENSE_CAP:
        _measure(content, patterns, survey)
    return survey


def _extent(content: mmap.mmap, patterns: _Patterns, survey: Survey) -> tuple[int, int]:
    """How far cells reach, formatted blanks included; notes the hidden rows on its way.

    Cells say their own place, which the reader of cells believes: so must this.
    """
    number = height = width = unplaced = 0
    shapes: set[bytes] = set()
    rows = patterns.row.finditer(content)
    row = next(rows, None)
    while row is not None:
        following = next(rows, None)
        given = _NUMBER.search(row[1])
        if given is None and _NUMBERED.search(row[1]):
            raise Foreign
        number = int(given[1]) if given else number + 1
        height = max(height, number)
        if b"hidden" in row[1] and _HIDDEN.search(row[1]):
            survey.hidden_rows.add(number)
        piece = content[row.end() : following.start() if following else len(content)]
        places = patterns.place.findall(piece)
        without = piece.count(patterns.cell) - len(places)
        if without and patterns.misplaced.search(piece):
            raise Foreign
        unplaced = max(unplaced, without)
        shape = b"".join([place + b" " for place in places]).replace(b"%d " % number, b" ")
        if shape not in shapes:  # most rows fill the columns that another one fills
            shapes.add(shape)
            for place in places:
                letters = place.rstrip(b"0123456789")
                height = max(height, int(place[len(letters) :]))
                width = max(width, column_number(letters.decode()))
        row = following
    width += unplaced
    if height > LAST_ROW or width > LAST_COLUMN:
        raise Foreign
    return height, width


def _look(content: mmap.mmap, patterns: _Patterns, survey: Survey) -> None:
    data = patterns.data.search(content)
    head = content[: data.start()] if data else content[:]
    for column in patterns.column.finditer(head):
        if _HIDDEN.search(column[1]):
            bounds = {name: int(value) for name, value in _WIDTHS.findall(column[1])}
            first, last = bounds.get(b"min", 1), bounds.get(b"max", 0)
            survey.hidden_columns.update(range(first, min(last, LAST_COLUMN) + 1))
    if patterns.any_formula.search(content):
        for cell in patterns.formula.finditer(content):
            place = _place(cell[1])
            if place and not _TEXT_RESULT.search(cell[1]):  # a text may be empty
                survey.uncached.append(place)
    if content.find(b't="e"') >= 0 or content.find(b"t='e'") >= 0:
        for cell in patterns.error.finditer(content):
            if place := _place(cell[1]):
                survey.errors.append((*place, unescape(cell[2].decode("utf-8", "replace"))))
    tail = max(content.rfind(b"sheetData"), 0)
    for merged in patterns.merged.finditer(content, tail):
        first_column, first_row, last_column, last_row = (
            found.decode() for found in merged.groups()
        )
        survey.merged.append(
            (int(first_row), column_number(first_column), int(last_row), column_number(last_column))
        )


def _place(attributes: bytes) -> tuple[int, int] | None:
    reference = _REFERENCE.search(attributes)
    return reference and (int(reference[2]), column_number(reference[1].decode()))


def _weigh(content: mmap.mmap, patterns: _Patterns, texts: Sequence[int]) -> None:
    """Refuse shared texts that the cells of a sheet multiply beyond what is held.

    Exact sizes are only counted where the longest text in every cell would be too much.
    """
    longest = max(texts, default=0)
    if longest * (len(content) // len(b'<c t="s"><v>0</v></c>')) <= TEXT_CAP:
        return
    total = 0
    for cell in patterns.shared.finditer(content):
        place = int(cell[1])
        total += texts[place] if place < len(texts) else 0
        if total > TEXT_CAP:
            raise TooLarge(text=total)


def _measure(content: mmap.mmap, patterns: _Patterns, survey: Survey) -> None:
    """Where a large sheet really holds something; formatted blanks do not count.

    Raises:
        Oversized: it must be squeezed.
    """
    rows: set[int] = set()
    columns: set[int] = set()
    count = 0
    for cell in patterns.filled.finditer(content):
        place = _place(cell[1])
        if place is None:  # it is where the cell before it ends: nothing can be left out
            raise TooLarge(cells=DENSE_CAP)
        rows.add(place[0] - 1)
        columns.add(place[1] - 1)
        count += 1
    area = (max(rows, default=-1) + 1) * (max(columns, default=-1) + 1)
    if area <= max(DENSE_CAP, 2 * count) and area <= CELLS_CAP:
        return
    survey.rows = Squeeze.of(rows, ROW_GAP)
    survey.columns = Squeeze.of(columns, COLUMN_GAP)
    area = (survey.rows.read_place(max(rows)) + 1) * (survey.columns.read_place(max(columns)) + 1)
    if area > CELLS_CAP:
        raise TooLarge(cells=area)
    raise Oversized(survey)


def squeeze_xlsx(part: Path, target: Path, survey: Survey) -> Survey:
    """Write a sheet again with its filled cells only, long blanks left out."""
    content = mapped(part)
    root = re.search(rb"<(?:(\w+):)?worksheet\b", content[:8192])
    prefix = root[1] + b":" if root and root[1] else b""
    patterns = _patterns(prefix)
    data = patterns.data.search(content)
    with target.open("wb") as out:
        out.write(content[: data.end()] if data else b"")
        current = 0
        for cell in patterns.filled.finditer(content):
            place = _place(cell[1])
            if place is None:
                continue
            row = survey.rows.read_place(place[0] - 1) + 1
            column = column_letters(survey.columns.read_place(place[1] - 1) + 1)
            if row != current:
                out.write(b"</%brow>" % prefix if current else b"")
                out.write(b'<%brow r="%d">' % (prefix, row))
                current = row
            end = content.find(patterns.cell_end, cell.end())
            if end < 0:
                raise Foreign
            attributes = _REFERENCE.sub(b'r="%b%d"' % (column.encode(), row), cell[1])
            out.write(b"<%bc %b>" % (prefix, attributes.strip()))
            out.write(content[cell.end() : end + len(patterns.cell_end)])
        out.write(b"</%brow>" % prefix if current else b"")
        out.write(b"</%bsheetData></%bworksheet>" % (prefix, prefix))
    return survey


_ODS = re.compile(
    rb"<table:(table|table-column|table-row|table-cell|covered-table-cell)(?=[\s/>])"
    rb"""((?:[^<>"']++|"[^<"]*+"|'[^<']*+')*+)>"""
)
"""A tag with its attributes; `<` never stands in them, so that no search runs far."""

_ODS_NAME = re.compile(rb"""\btable:name=(?:"([^"]*)"|'([^']*)')""")
_ODS_REPEATED = re.compile(rb"""\btable:number-(?:rows|columns)-repeated=["'](\d{1,18})["']""")
_ODS_SPANNED = re.compile(rb"""\btable:number-(rows|columns)-spanned=["'](\d{1,9})["']""")
_ODS_HIDDEN = re.compile(rb"""\btable:visibility=["'](?:collapse|filter)["']""")
_ODS_ERROR = re.compile(rb"<text:p[^>]*>((?:#|Err:)[^<]*)</text:p>")
_ODS_BLANK_ROWS = (
    b'<table:table-row table:number-rows-repeated="%d"><table:table-cell/></table:table-row>'
)
_ODS_BLANK_CELLS = b'<table:table-cell table:number-columns-repeated="%d"/>'


@dataclass(frozen=True)
class _OdsCell:
    """A filled cell of an .ods: the place of its sheet from 0, then places from 1."""

    sheet: int
    row: int
    rows: int
    column: int
    columns: int
    attributes: bytes
    content: bytes


@dataclass
class _OdsReach:
    """How far the filled cells of a sheet reach, how many they are and how much they say."""

    height: int = 0
    width: int = 0
    count: int = 0
    text: int = 0


def survey_ods(part: Path) -> list[Survey]:
    """Survey the sheets of an .ods, in order.

    Raises:
        Foreign: cells lie beyond the last corner of a sheet.
        Oversized: a sheet must be squeezed first.
        TooLarge: a sheet repeats its cells beyond what is ever held.
    """
    content = mapped(part)
    surveys: list[Survey] = []
    reaches: dict[int, _OdsReach] = {}
    for cell in _ods_cells(content, surveys):
        reach = reaches.setdefault(cell.sheet, _OdsReach())
        reach.height = max(reach.height, cell.row + cell.rows - 1)
        reach.width = max(reach.width, cell.column + cell.columns - 1)
        reach.count += cell.rows * cell.columns
        reach.text += cell.rows * cell.columns * len(cell.content)
        if reach.height > LAST_ROW or reach.width > LAST_COLUMN:
            raise Foreign
        if reach.count > CELLS_CAP:
            raise TooLarge(surveys[cell.sheet].name, reach.count)
        if reach.text > TEXT_CAP:
            raise TooLarge(surveys[cell.sheet].name, text=reach.text)
        _note(cell, surveys[cell.sheet])
    for sheet, reach in reaches.items():
        area = reach.height * reach.width
        if area > max(DENSE_CAP, 2 * reach.count) or area > CELLS_CAP:
            raise Oversized(surveys[sheet])
    return surveys


def _ods_cells(content: mmap.mmap, surveys: list[Survey]) -> Iterator[_OdsCell]:
    """The filled cells of every sheet; adds a survey a sheet, with what it hides, on its way."""
    row, rows, column = 1, 0, 1
    for token in _ODS.finditer(content):
        kind, attributes = token.groups()
        if kind == b"table":
            name = _ODS_NAME.search(attributes)
            text = (name[1] or name[2] or b"") if name else b""
            surveys.append(Survey(unescape(text.decode("utf-8", "replace"))))
            row, rows, column = 1, 0, 1
        elif not surveys:
            raise Foreign  # rows or cells before any table
        elif kind == b"table-column":
            repeated = _repeated(attributes)
            if _ODS_HIDDEN.search(attributes):
                last = min(column + repeated - 1, LAST_COLUMN)
                surveys[-1].hidden_columns.update(range(column, last + 1))
            column += repeated
        elif kind == b"table-row":
            row, rows, column = row + rows, _repeated(attributes), 1
            if _ODS_HIDDEN.search(attributes) and rows < ROW_GAP:
                surveys[-1].hidden_rows.update(range(row, row + rows))
        else:
            columns = _repeated(attributes)
            closed = attributes.endswith(b"/")
            inner = b"" if closed else _inner(content, token.end(), kind)
            attributes = attributes.removesuffix(b"/")
            if b"office:value-type" in attributes or b"<text:" in inner:
                yield _OdsCell(len(surveys) - 1, row, rows, column, columns, attributes, inner)
            elif b"table:formula" in attributes:
                surveys[-1].uncached.append((row, column))
            column += columns


def _repeated(attributes: bytes) -> int:
    found = _ODS_REPEATED.search(attributes) if b"-repeated" in attributes else None
    return int(found[1]) if found else 1


def _inner(content: mmap.mmap, start: int, kind: bytes) -> bytes:
    end = content.find(b"</table:" + kind + b">", start)
    if end < 0:
        raise Foreign
    return content[start:end].strip()


def _note(cell: _OdsCell, survey: Survey) -> None:
    if b"-spanned" in cell.attributes:
        spans = {name: int(size) for name, size in _ODS_SPANNED.findall(cell.attributes)}
        height, width = spans.get(b"rows", 1), spans.get(b"columns", 1)
        if height * width > 1:
            last = (cell.row + height - 1, cell.column + width - 1)
            survey.merged.append((cell.row, cell.column, *last))
    is_error = b'value-type="error"' in cell.attributes or b"formula=" in cell.attributes
    if is_error and (error := _ODS_ERROR.search(cell.content)):
        text = unescape(error[1].decode("utf-8", "replace"))
        survey.errors.append((cell.row, cell.column, text))


def squeeze_ods(part: Path, target: Path) -> list[Survey]:
    """Write the sheets again with their filled cells only, long blanks left out.

    Raises:
        TooLarge: a sheet is too large even so.
    """
    content = mapped(part)
    surveys: list[Survey] = []
    places: dict[int, tuple[set[int], set[int]]] = {}
    for cell in _ods_cells(content, surveys):
        rows, columns = places.setdefault(cell.sheet, (set(), set()))
        rows.update(range(cell.row - 1, cell.row - 1 + cell.rows))
        columns.update(range(cell.column - 1, cell.column - 1 + cell.columns))
        _note(cell, surveys[cell.sheet])
    for sheet, (rows, columns) in places.items():
        survey = surveys[sheet]
        survey.rows, survey.columns = Squeeze.of(rows, ROW_GAP), Squeeze.of(columns, COLUMN_GAP)
        height = survey.rows.read_place(max(rows)) + 1
        width = survey.columns.read_place(max(columns)) + 1
        if height * width > CELLS_CAP:
            raise TooLarge(survey.name, height * width)
    with target.open("wb") as out:
        _write_ods(content, surveys, out)
    return surveys


def _write_ods(content: mmap.mmap, surveys: Sequence[Survey], out: BinaryIO) -> None:
    start = content.find(b"<office:spreadsheet")
    out.write(content[: content.find(b">", start) + 1])
    filled = groupby(_ods_cells(content, []), key=lambda cell: cell.sheet)
    sheet, cells = next(filled, (-1, iter(())))
    for number, survey in enumerate(surveys):
        out.write(b'<table:table table:name="%b">' % escape(survey.name).encode())
        if number == sheet:
            _write_ods_rows(cells, survey, out)
            sheet, cells = next(filled, (-1, iter(())))
        out.write(b"</table:table>")
    out.write(b"</office:spreadsheet></office:body></office:document-content>")


def _write_ods_rows(cells: Iterator[_OdsCell], survey: Survey, out: BinaryIO) -> None:
    next_row = 1
    for number, row in groupby(cells, key=lambda cell: cell.row):
        place = survey.rows.read_place(number - 1) + 1
        if place > next_row:
            out.write(_ODS_BLANK_ROWS % (place - next_row))
        next_row = place + _write_ods_row(row, survey, out)


def _write_ods_row(cells: Iterator[_OdsCell], survey: Survey, out: BinaryIO) -> int:
    """Write a row, and say for how many rows it stands."""
    rows, next_column = 0, 1
    for cell in cells:
        if not rows:
            rows = cell.rows
            out.write(b'<table:table-row table:number-rows-repeated="%d">' % rows)
        place = survey.columns.read_place(cell.column - 1) + 1
        if place > next_column:
            out.write(_ODS_BLANK_CELLS % (place - next_column))
        out.write(b"<table:table-cell%b>%b</table:table-cell>" % (cell.attributes, cell.content))
        next_column = place + cell.columns
    out.write(b"</table:table-row>")
    return rows
