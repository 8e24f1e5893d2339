"""Any spreadsheet as grids of text: .xlsx, .xlsm, .xls, .ods, and CSV of no known form.

A grid is a sheet as received: nothing is left out but blank edges, nothing is understood yet.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
    load_workbook,
)

from spaser.findings import Finding
from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.sheet_xml import column_letters
from spaser.ingest.surveys import Survey
from spaser.ingest.tabular import DELIMITERS
from spaser.ingest.workbook_forms import corrupt, protected
from spaser.ingest.workbooks import survey_workbook

if TYPE_CHECKING:
    from _csv import Reader

Cells = list[str | None]

ERROR_VALUE = re.compile(
    r"#(?:REF!|N/A|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|FIELD!|BLOCKED!"
    r"|VALEUR!|NOM\s?\?|NOMBRE!|NUL!)|Err:\d{3}"
)
"""Error values as spreadsheets print them, in English and in French."""

_SNIFFED_ROWS = 200
_END = "\x1fend"
_FORCED_TEXT = re.compile(r'="([^"]*)"')
_SEPARATOR_LINE = re.compile(r"sep=(.)")
_MEMO = 1 << 16


@dataclass(frozen=True)
class Grid:
    """One sheet, or one CSV, as received.

    Attributes:
        sheet: its name, None for a CSV.
        place: its 1-based place among the sheets of the workbook, None for a CSV.
        rows: cells as text, every row of the same width: numbers without exponent or trailing
            `.0`, dates ISO, booleans `true`/`false`, blanks None.
        first_row: 1-based row of `rows[0]` in the sheet (in a CSV: the row's number).
        first_column: 1-based column of `rows[0][0]`.
        hidden_rows: 1-based rows the sheet hides.
        hidden_columns: 1-based columns the sheet hides.
        hidden: the whole sheet is hidden.
        merged: merged ranges: first row, first column, last row, last column, 1-based.
    """

    sheet: str | None
    rows: list[Cells]
    first_row: int = 1
    first_column: int = 1
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    hidden: bool = False
    merged: tuple[tuple[int, int, int, int], ...] = ()
    place: int | None = None

    def pointer(self, row: int, column: int | None = None) -> str:
        """Where a row or a cell is, for a finding: `2024!12`, `2024!F12`, `L12` in a CSV."""
        if self.sheet is None:
            return f"L{row}"
        return f"{self.sheet}!{column_letters(column) if column else ''}{row}"


def read_grids(path: Path, container: str, work: Path) -> tuple[list[Grid], list[Finding]]:
    """Read every sheet of a workbook (container `workbook`), or a CSV (`csv`, already UTF-8).

    A sheet whose cells lie far apart gives several grids, one for each island of cells. Findings
    name the sheet and the cell; `source_file` is left to the caller.

    Raises:
        Damaged: truncated, protected, a bomb, an open quote.
        Unrecognised: no cell is filled, or the file is no workbook.
    """
    if container == "csv":
        return _read_csv(path)
    return _read_workbook(path, work / "workbook")


def cell_text(value: object) -> str | None:
    """A cell's value as text; blanks are None.

    A number is written with the 15 significant digits a spreadsheet keeps, whole numbers with all
    of theirs: `0.1 + 0.2` is `0.3`, a SIRET typed as a number has its 14 digits.
    """
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration_text(value)
    return None if value is None else str(value)


def _number_text(value: float) -> str:
    if value.is_integer():
        return str(int(value))
    return format(Decimal(f"{value:.15g}"), "f")


def _duration_text(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    return f"{'-' if seconds < 0 else ''}{hours}:{rest // 60:02}:{rest % 60:02}"


def _read_workbook(path: Path, work: Path) -> tuple[list[Grid], list[Finding]]:
    surveyed = survey_workbook(path, work)
    grids: list[Grid] = []
    findings = [Finding("workbook_macros")] if surveyed.has_macros else []
    try:
        with load_workbook(surveyed.path) as book:
            if len(book.sheets_metadata) != len(surveyed.sheets):
                raise corrupt()
            for place, survey in enumerate(surveyed.sheets):
                read, found = _read_sheet(book, place, survey)
                grids += read
                findings += found
    except PasswordError:
        raise protected() from None
    except CalamineError as error:
        raise _unreadable(str(error)) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # its reader gave up: no Exception, by name
            raise _unreadable(str(error)) from None
        raise
    if not grids:
        raise Unrecognised("input_empty")
    return grids, findings


def _read_sheet(
    book: CalamineWorkbook, place: int, survey: Survey | None
) -> tuple[list[Grid], list[Finding]]:
    sheet = book.sheets_metadata[place]
    if survey is None:
        return [], [Finding("sheet_skipped", value=sheet.name)]
    rows = _texts(book.get_sheet_by_index(place))
    is_hidden = sheet.visible is not SheetVisibleEnum.Visible
    grids = [
        replace(grid, place=place + 1) for grid in _islands(sheet.name, rows, survey, is_hidden)
    ]
    return grids, _sheet_findings(grids or [Grid(sheet.name, [])], survey)


def _sheet_findings(grids: Sequence[Grid], survey: Survey) -> list[Finding]:
    return [*_hidden(grids), *_uncached(grids[0], survey), *_without_errors(grids, survey)]


def _unreadable(said: str) -> Damaged:
    reason = " ".join(said.split())[:200]
    return Damaged(
        f"classeur illisible ({reason}). Ouvrez-le dans un tableur, qui proposera de le réparer, "
        "et enregistrez-le à nouveau.",
        f"unreadable workbook ({reason}). Open it in a spreadsheet, which will offer to repair it, "
        "and save it again.",
    )


def _texts(sheet: CalamineSheet) -> list[Cells]:
    """The cells of a sheet from A1 on, as text; a text met often is kept once."""
    memo: dict[object, str | None] = {}
    rows: list[Cells] = []
    before = sheet.start[1] if sheet.start else 0  # its rows begin at 1, its columns do not
    for row in sheet.iter_rows():
        cells: Cells = [None] * before
        if row.count("") == len(row):
            rows.append(cells + [None] * len(row))
            continue
        for value in row:
            if value == "":
                cells.append(None)
                continue
            key = (type(value), value)
            text = memo.get(key)
            if text is None:
                text = cell_text(value)
                if len(memo) < _MEMO:
                    memo[key] = text
            cells.append(text)
        rows.append(cells)
    return rows


def _islands(sheet: str, rows: list[Cells], survey: Survey, hidden: bool) -> Iterator[Grid]:
    """The sheet in as many grids as it had to be squeezed into, blank edges trimmed."""
    width = len(rows[0]) if rows else 0
    for top, bottom, row_place in survey.rows.blocks(len(rows)):
        for left, right, column_place in survey.columns.blocks(width):
            whole = left == 0 and right == width
            block = rows[top:bottom] if whole else [row[left:right] for row in rows[top:bottom]]
            first_row, first_column, block = _trimmed(block)
            if block:
                yield _grid(
                    sheet, block, row_place + first_row, column_place + first_column, survey, hidden
                )


def _grid(
    sheet: str, rows: list[Cells], row: int, column: int, survey: Survey, hidden: bool
) -> Grid:
    """A grid from the 0-based place of its first cell and what the survey knows of that part."""
    last_row, last_column = row + len(rows), column + len(rows[0])
    return Grid(
        sheet,
        rows,
        row + 1,
        column + 1,
        frozenset(number for number in survey.hidden_rows if row < number <= last_row),
        frozenset(number for number in survey.hidden_columns if column < number <= last_column),
        hidden,
        tuple(
            merged
            for merged in survey.merged
            if row < merged[0] <= last_row and column < merged[1] <= last_column
        ),
    )


def _trimmed(rows: list[Cells]) -> tuple[int, int, list[Cells]]:
    """Rows without blank edges, and how many rows and columns went before them."""
    filled = [number for number, row in enumerate(rows) if any(cell is not None for cell in row)]
    if not filled:
        return 0, 0, []
    kept = rows[filled[0] : filled[-1] + 1]
    columns = range(max(map(len, kept)))
    first = next(place for place in columns if _is_used(kept, place))
    last = next(place for place in reversed(columns) if _is_used(kept, place))
    if first == 0 and all(len(row) == last + 1 for row in kept):
        return filled[0], 0, kept
    padding: Cells = [None] * (last + 1)
    return filled[0], first, [(row + padding)[first : last + 1] for row in kept]


def _is_used(rows: list[Cells], place: int) -> bool:
    return any(len(row) > place and row[place] is not None for row in rows)


def _without_errors(grids: Sequence[Grid], survey: Survey) -> list[Finding]:
    """Blank the error values of a sheet; one finding for each run of them down a column."""
    errors = {(row, column): text for row, column, text in survey.errors}
    for grid in grids:
        errors |= _error_texts(grid)
        for row, column in errors:
            _blank(grid, row, column)
    return [
        Finding(
            "cell_error_value",
            source_pointer=_run(grids[0], run),
            value=text,
            detail=str(len(run)),
        )
        for text in sorted(set(errors.values()))
        for run in _runs(place for place, found in errors.items() if found == text)
    ]


def _error_texts(grid: Grid) -> dict[tuple[int, int], str]:
    """Error values that reached the cells as texts: in .ods, in CSV, or pasted."""
    return {
        (number, column): cell.strip()
        for number, row in enumerate(grid.rows, grid.first_row)
        for column, cell in enumerate(row, grid.first_column)
        if cell is not None and cell[0] in "#E" and ERROR_VALUE.fullmatch(cell.strip())
    }


def _blank(grid: Grid, row: int, column: int) -> None:
    line, place = row - grid.first_row, column - grid.first_column
    if 0 <= line < len(grid.rows) and 0 <= place < len(grid.rows[line]):
        grid.rows[line][place] = None


def _uncached(sheet: Grid, survey: Survey) -> list[Finding]:
    return [
        Finding("cell_formula_uncached", source_pointer=_run(sheet, run), detail=str(len(run)))
        for run in _runs(survey.uncached)
    ]


def _runs(places: Iterable[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Places (row, column) in runs down a column, so that a spoilt column is one finding."""
    runs: list[list[tuple[int, int]]] = []
    for column, row in sorted((column, row) for row, column in places):
        if runs and runs[-1][-1] == (row - 1, column):
            runs[-1].append((row, column))
        else:
            runs.append([(row, column)])
    return runs


def _run(grid: Grid, run: Sequence[tuple[int, int]]) -> str:
    first, last = grid.pointer(*run[0]), run[-1]
    if len(run) == 1:
        return first
    return f"{first}:{column_letters(last[1])}{last[0]}" if grid.sheet else f"{first}:L{last[0]}"


def _hidden(grids: Sequence[Grid]) -> list[Finding]:
    """What the sheet hides and that is read like the rest: one finding a sheet."""
    rows = sorted(
        number
        for grid in grids
        for number in grid.hidden_rows
        if any(cell is not None for cell in grid.rows[number - grid.first_row])
    )
    columns = sorted(
        number
        for grid in grids
        for number in grid.hidden_columns
        if _is_used(grid.rows, number - grid.first_column)
    )
    parts = [
        *(["*"] if grids[0].hidden else []),
        *(f"{first}:{last}" for first, last in _spans(rows)),
        *(f"{column_letters(first)}:{column_letters(last)}" for first, last in _spans(columns)),
    ]
    if not parts:
        return []
    shown = ", ".join(parts)
    return [Finding("sheet_hidden_parts", source_pointer=grids[0].sheet, value=shown[:500])]


def _spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans


def _read_csv(path: Path) -> tuple[list[Grid], list[Finding]]:
    delimiter, quote = _dialect(path)
    rows: list[Cells] = []
    starts: list[int] = []
    with path.open(encoding="utf-8", newline="") as lines:
        reader = _reader(chain(lines, ["\n", _END]), delimiter, quote)
        line = 1
        for row in reader:
            rows.append([_csv_cell(cell) for cell in row])
            starts.append(line)
            line = reader.line_num + 1
    if rows[-1] != [_END]:
        raise _open_quote(starts[-1])
    del rows[-1]
    if rows and _SEPARATOR_LINE.fullmatch(delimiter.join(cell or "" for cell in rows[0])):
        rows[0] = []  # says how to read the file, as spreadsheets do
    first_row, first_column, rows = _trimmed(rows)
    if not rows:
        raise Unrecognised("input_empty")
    grid = Grid(None, rows, first_row + 1, first_column + 1)
    return [grid], _without_errors([grid], Survey())


def _reader(lines: Iterable[str], delimiter: str, quote: str) -> Reader:
    csv.field_size_limit(1 << 27)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote)


def _csv_cell(text: str) -> str | None:
    """A cell of a CSV; `="0012"` is how exports keep a spreadsheet from reading a number."""
    if not text or text.isspace():
        return None
    forced = _FORCED_TEXT.fullmatch(text) if text[0] == "=" else None
    return (forced[1].strip() or None) if forced else text


def _dialect(path: Path) -> tuple[str, str]:
    """The separator under which most rows have the same number of cells, the more the better."""
    with path.open(encoding="utf-8", newline="") as content:
        head = list(islice(content, _SNIFFED_ROWS))
    quote = "'" if head and head[0].startswith("'") else '"'
    stated = _SEPARATOR_LINE.fullmatch(head[0].strip().strip('"')) if head else None
    if stated and stated[1] in DELIMITERS:
        return stated[1], quote
    return max(DELIMITERS, key=lambda delimiter: _regularity(head, delimiter, quote)), quote


def _regularity(head: Sequence[str], delimiter: str, quote: str) -> float:
    widths = Counter(len(row) for row in _reader(head, delimiter, quote) if any(row))
    total = sum(widths.values())
    return max(
        (count / total * (1 - 1 / width) for width, count in widths.items() if width > 1),
        default=0.0,
    )


def _open_quote(line: int) -> Damaged:
    return Damaged(
        f"CSV illisible à partir de la ligne {line} : un guillemet ouvert n'est jamais refermé. "
        "Le fichier est peut-être coupé : téléchargez-le à nouveau, ou corrigez cette ligne.",
        f"unreadable CSV from line {line} on: a quote opens and never closes. "
        "The file may be cut: download it again, or correct this line.",
    )
