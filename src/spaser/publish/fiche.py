"""The sheet of an operation in a workbook: a page to print, landscape, one part under the other.

The cells are those that the page prints: numbers with their format, dates as dates. No text becomes
a formula. A text that needs room takes the columns that its row leaves empty.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter

from spaser.guards import is_risky
from spaser.office import DATE, Cell, Number, printable
from spaser.publish.context import Context
from spaser.publish.sheet import Item, Section, Sheet, Table

WIDTHS = (30, 17, 17, 17, 17, 17, 17)
"""Columns of every sheet, in characters; no table of a sheet has more."""

_LINE = 15
"""Points of a line of text."""

_DARK = PatternFill("solid", fgColor="FF22303C")
_SHADED = PatternFill("solid", fgColor="FFE9ECEF")
_RULE = Border(bottom=Side(style="thin", color="FFD3DAE0"))


@dataclass(frozen=True)
class Look:
    """How a cell looks."""

    bold: bool = False
    italic: bool = False
    size: int = 11
    colour: str = "FF000000"
    fill: PatternFill | None = None
    ruled: bool = False
    right: bool = False


TITLE = Look(bold=True, size=16)
PLAIN = Look()
QUIET = Look(italic=True, colour="FF55636F")
ALERT = Look(bold=True, colour="FF7A5200")
PART = Look(bold=True, size=12, colour="FFFFFFFF", fill=_DARK)
CAPTION = Look(bold=True)
HEAD = Look(bold=True, fill=_SHADED)
LABEL = Look(colour="FF55636F", ruled=True)
VALUE = Look(bold=True, ruled=True)
CELL = Look(ruled=True)


def cell_of(item: Item) -> Cell:
    """What a workbook holds of an item: its number or date, else what the page prints."""
    return item.text if item.cell is None else item.cell


class Fiches:
    """Writes the sheets of operations into a book; a look is worked out once for all of them."""

    def __init__(self, book: Workbook, context: Context) -> None:
        self.book = book
        self.context = context
        self._styles: dict[tuple[Look, str | None, bool], Any] = {}

    def add(self, title: str, sheet: Sheet, audience: str) -> None:
        """Add the sheet of an operation; `audience` stands on every printed page."""
        writer = _Writer(self, title, f"{audience} – {sheet.title}")
        writer.line(TITLE, sheet.title)
        writer.line(QUIET, sheet.summary)
        writer.line(QUIET, audience)
        if sheet.alert is not None:
            level, words = sheet.alert
            label = self.context.labels(f"operation.alert_{level}")
            writer.line(ALERT if level == "late" else PLAIN, f"{label} {words}")
        for section in sheet.sections:
            writer.section(section)

    def style(self, sheet: Any, look: Look, form: str | None, quoted: bool) -> Any:
        """The style of a look; `quoted` keeps a text what it is when it is edited."""
        key = (look, form, quoted)
        if key not in self._styles:
            cell = WriteOnlyCell(sheet)
            cell.font = Font(bold=look.bold, italic=look.italic, size=look.size, color=look.colour)
            horizontal = "right" if look.right else "left"
            cell.alignment = Alignment(horizontal=horizontal, vertical="top", wrap_text=True)
            if look.fill is not None:
                cell.fill = look.fill
            if look.ruled:
                cell.border = _RULE
            if form:
                cell.number_format = form
            if quoted:
                cell.quotePrefix = True
            self._styles[key] = cell._style
        return self._styles[key]


class _Writer:
    """Writes one sheet, row by row."""

    def __init__(self, fiches: Fiches, title: str, header: str) -> None:
        self.fiches = fiches
        self.labels = fiches.context.labels
        sheet: Any = fiches.book.create_sheet(title)
        for place, width in enumerate(WIDTHS, start=1):
            sheet.column_dimensions[get_column_letter(place)].width = width
        sheet.freeze_panes = "A2"
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = 9
        sheet.page_setup.fitToWidth = 1
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        sheet.print_title_rows = "1:1"
        # A header reads `&` as a code.
        sheet.oddHeader.left.text = printable(header).replace("&", "&&")[:200]
        sheet.oddFooter.right.text = "&P / &N"
        self.sheet = sheet
        self.rows = 0

    def line(self, look: Look, text: str) -> None:
        """A text over the whole width."""
        self.row([(look, text)])

    def row(self, cells: Sequence[tuple[Look, Cell]]) -> None:
        """A row; a text that ends it takes the columns that are left."""
        count = len(cells)
        look, last = cells[-1]
        spreads = count < len(WIDTHS) and isinstance(last, str) and not look.right
        widths = [*WIDTHS[: count - 1], sum(WIDTHS[count - 1 :]) if spreads else WIDTHS[count - 1]]
        heights = [
            _height(content, width, look)
            for (look, content), width in zip(cells, widths, strict=True)
        ]
        self.rows += 1
        self.sheet.row_dimensions[self.rows].height = max(heights)
        written = [self.cell(look, content) for look, content in cells]
        if spreads:
            if look.fill is not None or look.ruled:
                written += [self.cell(look, None) for _ in WIDTHS[count:]]
            first, end = get_column_letter(count), get_column_letter(len(WIDTHS))
            self.sheet.merged_cells.add(f"{first}{self.rows}:{end}{self.rows}")
        self.sheet.append(written)

    def cell(self, look: Look, content: Cell) -> Any:
        """A cell in its look."""
        form = None
        if isinstance(content, Number):
            form, content = content.form, content.value
        elif isinstance(content, dt.date):
            form = DATE
        text = printable(content) if isinstance(content, str) else None
        cell = WriteOnlyCell(self.sheet, value=text or content)
        if text is not None:
            # What looks like a formula or an error is text too.
            cell.data_type = "s"
        quoted = text is not None and is_risky(text)
        cell._style = self.fiches.style(self.sheet, look, form, quoted)
        return cell

    def section(self, section: Section) -> None:
        """A part: what introduces it, its entries, its tables."""
        self.row([(PLAIN, None)])
        self.line(PART, section.title)
        for text in section.lead:
            self.line(QUIET, text)
        for label, item in section.entries:
            # Beside its label a number reads as a text does.
            self.row([(LABEL, label), (VALUE, item.text)])
        if section.chart is not None:
            self.row([(LABEL, section.chart.title), (CELL, section.chart.alternative)])
        for table in section.tables:
            self.table(table)
        for text in section.notes:
            self.line(QUIET, text)

    def table(self, table: Table) -> None:
        """A table under its caption, or why it is empty."""
        if not table.rows:
            if table.empty:
                self.line(QUIET, table.empty)
            return
        self.line(CAPTION, table.caption)
        right = [is_number for _, is_number in table.heads]
        self.row([(_aligned(HEAD, is_number), text) for text, is_number in table.heads])
        for row in table.rows:
            self.row(
                [(_aligned(CELL, r), cell_of(item)) for r, item in zip(right, row, strict=True)]
            )
        if table.has_secret:
            self.line(QUIET, self.labels("secret.note"))


def _aligned(look: Look, right: bool) -> Look:
    return replace(look, right=right)


def _height(content: Cell, width: int, look: Look) -> float:
    if not isinstance(content, str):
        return _LINE
    lines = math.ceil(len(content) * 1.1 * look.size / 11 / width)
    return max(1, lines) * _LINE * look.size / 11
