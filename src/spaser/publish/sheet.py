"""An operation as a sheet of facts, told once for the page and for the workbook.

A sheet is a list of sections; a section holds entries (`label`, `item`) and tables. An item is a
text to print and a cell to write, so that a page and a workbook never say two things.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from spaser.office import DECIMAL, EURO, PERCENT, WHOLE, Cell, Number
from spaser.publish.context import SECRET, Context


@dataclass(frozen=True)
class Item:
    """A value: what is printed, and what a workbook holds in its place."""

    text: str
    cell: Cell
    is_number: bool = False
    is_secret: bool = False
    is_unknown: bool = False


@dataclass(frozen=True)
class Table:
    """A table: the heads, whether each column is numbers, and rows whose first item is their head.

    `empty` is said where there is no row. A folded table is opened by the reader.
    """

    caption: str
    heads: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[Item]]
    empty: str = ""
    folded: bool = False

    @property
    def has_secret(self) -> bool:
        """Whether a figure is under statistical secrecy: the note then stands under the table."""
        return any(item.is_secret for row in self.rows for item in row)


@dataclass(frozen=True)
class Section:
    """A part of a sheet: what introduces it, its entries, its chart and its tables."""

    anchor: str
    title: str
    lead: Sequence[str] = ()
    entries: Sequence[tuple[str, Item]] = ()
    tables: Sequence[Table] = ()
    chart: Chart | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Chart:
    """A drawing with its title and its text alternative."""

    title: str
    drawing: Markup
    alternative: str


@dataclass(frozen=True)
class Sheet:
    """An operation: its address, its name, its headline, its alert and its sections."""

    slug: str
    title: str
    group: str
    summary: str
    alert: tuple[str, str] | None
    headline: Sequence[tuple[str, Item, str]]
    sections: Sequence[Section]
    row: Sequence[Item]


class Teller:
    """Words values in one language."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.formats = context.formats
        self.labels = context.labels

    def text(self, text: str | None) -> Item:
        """A text; none is unknown."""
        return self.unknown() if text is None or not text.strip() else Item(text, text)

    def unknown(self) -> Item:
        """What no input says: unknown, and not zero."""
        return Item(self.labels("operation.unknown"), None, is_unknown=True)

    def blank(self) -> Item:
        """A cell that has no meaning here."""
        return Item("—", None)

    def secret(self) -> Item:
        """A figure under statistical secrecy."""
        return Item(SECRET, SECRET, is_number=True, is_secret=True)

    def hours(self, value: Decimal | None) -> Item:
        """`1 234 h`."""
        if value is None:
            return self.unknown()
        whole = value == value.to_integral_value()
        return Item(self.formats.hours(value), Number(value, WHOLE if whole else DECIMAL), True)

    def money(self, value: Decimal | None) -> Item:
        """`4 000,00 €`."""
        if value is None:
            return self.unknown()
        return Item(self.formats.money(value), Number(value, EURO), True)

    def number(self, value: int | None) -> Item:
        """`1 234`."""
        if value is None:
            return self.unknown()
        return Item(self.formats.number(value), Number(value), True)

    def percent(self, share: Decimal | None) -> Item:
        """`76,9 %`."""
        if share is None:
            return self.unknown()
        return Item(self.formats.percent(share), Number(share, PERCENT), True)

    def day(self, day: dt.date | None) -> Item:
        """`31/12/2025`."""
        return self.unknown() if day is None else Item(self.formats.short_date(day), day)

    def published(self, measure: str, value: Decimal | None, is_published: bool) -> Item:
        """A figure about people after suppression: its value, or `s`."""
        if not is_published:
            return self.secret()
        if measure.endswith("hours"):
            return self.hours(value)
        return self.number(None if value is None else int(value))

    def code(self, field: str, code: str | None) -> Item:
        """The name of a code."""
        return self.unknown() if code is None else self.text(self.context.code(field, code))
