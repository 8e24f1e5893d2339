"""What spreadsheets are written with: cells that stay text, one style, the same bytes each time.

No text becomes a formula: one that begins so is stored as text, with the mark that keeps it so when
the cell is edited. openpyxl stamps the clock in two places of a workbook, which are rewritten.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from spaser.guards import is_risky, replace_file

EURO = '#,##0.00\\ "€"'
PERCENT = "0.0%"
WHOLE = "#,##0"
DECIMAL = "#,##0.00"
DATE = "dd/mm/yyyy"
TEXT = "@"
"""What is typed in such a cell stays as typed: no SIRET becomes a number, no date is turned."""

MAX_TEXT = 32_000
"""A cell holds 32 767 characters; a longer text ends with an ellipsis."""

MAX_CHOICES = 255
"""Characters of a list of choices written in the cell's rule (Excel's limit)."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ERRORS = frozenset(("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"))
_EPOCH = (1980, 1, 1, 0, 0, 0)

_HEAD_FONT = Font(bold=True, color="FFFFFFFF")
_HEAD_FILL = PatternFill("solid", fgColor="FF22303C")
_TO_FILL_HEAD = PatternFill("solid", fgColor="FF1F5F8B")
_SHADED = PatternFill("solid", fgColor="FFE9ECEF")
_WRAP = Alignment(vertical="top", wrap_text=True)
_TOP = Alignment(vertical="top")
_THIN = Side(style="thin", color="FFC8CDD2")
_FRAME = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)


@dataclass(frozen=True)
class Number:
    """A number and its format."""

    value: Decimal | int | None
    form: str = WHOLE


Cell = str | int | Decimal | dt.date | Number | None


@dataclass(frozen=True)
class Column:
    """A column: its head, its width in characters and, in a sheet to be filled in, its rules.

    `editable` is None in a sheet to read; in a sheet to fill in, False shades the column. `choices`
    are offered as a list, and anything else is refused by the spreadsheet. `form` is the number
    format of the column's cells.
    """

    head: str
    width: int
    wrap: bool = False
    editable: bool | None = None
    choices: tuple[str, ...] = ()
    form: str | None = None


def new_book(title: str) -> Workbook:
    """An empty workbook whose sheets are streamed."""
    book = Workbook(write_only=True)
    book.properties.creator = "spaser"
    book.properties.title = printable(title)
    return book


def save_book(book: Workbook, path: Path, as_of: dt.date) -> None:
    """Write a workbook in one step, dated by its data and not by the clock."""
    buffer = io.BytesIO()
    book.save(buffer)
    replace_file(path, without_clock(buffer.getvalue(), as_of))


def add_sheet(
    book: Workbook,
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    spare_rows: int = 0,
) -> None:
    """Add a sheet: heads, filter, frozen heads, and `spare_rows` rows left to fill in."""
    rules = [_choices(column) for column in columns]
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "B2"
    for place, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"
    sheet.row_dimensions[1].height = 15 * max(_lines(c.head, c.width) for c in columns)
    sheet.append([_head(sheet, column) for column in columns])
    pen = _Pen(sheet)
    count = 1
    for row in rows:
        if any(column.wrap for column in columns):
            sheet.row_dimensions[count + 1].height = _height(row, columns)
        sheet.append([pen.cell(value, column) for value, column in zip(row, columns, strict=True)])
        count += 1
    for _ in range(spare_rows):
        sheet.append([pen.cell(None, column) for column in columns])
    for place, rule in enumerate(rules, start=1):
        if rule is not None:
            letter = get_column_letter(place)
            rule.add(f"{letter}2:{letter}{max(2, count + spare_rows)}")
            sheet.data_validations.append(rule)
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count}"


def _choices(column: Column) -> DataValidation | None:
    """The rule of a cell that is filled from a list."""
    if not column.choices:
        return None
    listed = ",".join(column.choices)
    if len(listed) > MAX_CHOICES or any('"' in word or "," in word for word in column.choices):
        msg = f"choices of {column.head} do not fit a list"
        raise ValueError(msg)
    return DataValidation(
        type="list",
        formula1=f'"{listed}"',
        allow_blank=True,
        showErrorMessage=True,
        errorTitle=column.head[:32],
        error=" / ".join(column.choices)[:225],
    )


def _height(row: Sequence[Cell], columns: Sequence[Column]) -> int:
    """Height of a row of wrapped texts: not every reader of workbooks works it out."""
    lines = [
        _lines(value, column.width)
        for value, column in zip(row, columns, strict=True)
        if column.wrap and isinstance(value, str)
    ]
    return 15 * max(1, *lines, 1)


def _lines(text: str, width: int) -> int:
    """Lines of a text wrapped in so many characters, capitals and bold included."""
    return math.ceil(len(text) * 1.1 / width)


def _head(sheet: Any, column: Column) -> Any:
    cell = WriteOnlyCell(sheet, value=column.head)
    cell.font, cell.alignment = _HEAD_FONT, _WRAP
    cell.fill = _TO_FILL_HEAD if column.editable else _HEAD_FILL
    return cell


class _Pen:
    """Writes the cells of one sheet; a look is worked out once, because openpyxl hashes each."""

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet
        self._looks: dict[tuple[Column, str | None, bool], Any] = {}

    def cell(self, value: Cell, column: Column) -> Any:
        number = value if isinstance(value, Number) else None
        content = number.value if number else value
        form = number.form if number else column.form
        if column.editable is None:
            if content is None:
                return None
            if isinstance(content, str) and form is None and not column.wrap and _is_plain(content):
                return content
        if isinstance(content, str):
            content = printable(content)
        elif isinstance(content, dt.date):
            form = form or DATE
        cell = WriteOnlyCell(self._sheet, value=content)
        is_text = isinstance(content, str)
        if is_text:
            # What looks like a formula or an error is text too.
            cell.data_type = "s"
        cell._style = self._look(column, form, is_text and is_risky(str(content)))
        return cell

    def _look(self, column: Column, form: str | None, quoted: bool) -> Any:
        """The style of a column's cells; `quoted` keeps a text what it is when it is edited."""
        key = (column, form, quoted)
        if key not in self._looks:
            cell = WriteOnlyCell(self._sheet)
            if form:
                cell.number_format = form
            if quoted:
                cell.quotePrefix = True
            if column.wrap:
                cell.alignment = _WRAP
            elif column.editable is not None:
                cell.alignment = _TOP
            if column.editable is not None:
                cell.border = _FRAME
            if column.editable is False:
                cell.fill = _SHADED
            self._looks[key] = cell._style
        return self._looks[key]


def _is_plain(text: str) -> bool:
    """Whether a text may be written as it is, with no cell object around it."""
    return (
        len(text) <= MAX_TEXT
        and text not in _ERRORS
        and not is_risky(text)
        and _UNPRINTABLE.search(text) is None
    )


def printable(text: str) -> str:
    """What a workbook keeps of a text: the characters and the length that a cell may hold."""
    clean = _UNPRINTABLE.sub("\ufffd", text)
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - 1] + "…"


def without_clock(content: bytes, as_of: dt.date) -> bytes:
    """The same office file with the date of the data in place of the clock's."""
    stamp = f"{as_of.isoformat()}T00:00:00Z".encode()
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp, data)
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            new.writestr(entry, data)
    return target.getvalue()
