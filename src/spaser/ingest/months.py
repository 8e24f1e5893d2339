"""Sheets with a column a month: which headers are months, and the lines that their cells are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from spaser.findings import Finding
from spaser.ingest.sheets import SheetTable
from spaser.ingest.wide import month_of

MONTH, HOURS = "mois de la colonne", "cellule du mois"
"""Names of the two columns that take the place of the columns of months."""


def month_columns(names: Sequence[str], named: Iterable[str] = ()) -> dict[str, date]:
    """The headers that are months, in their order, those that a mapping names apart."""
    others = set(named)
    found = {name: month_of(name) for name in names if name not in others}
    return {name: month for name, month in found.items() if month is not None}


def unfolded(table: SheetTable, months: Mapping[str, date]) -> SheetTable:
    """One record per filled cell of a column of months; a row without any is set aside, and said.

    The columns of months give way to `MONTH` (`2025-03`) and `HOURS` (the cell).
    """
    kept = [place for place, name in enumerate(table.names) if name not in months]
    wide = [place for place, name in enumerate(table.names) if name in months]
    rows: list[tuple[str | None, ...]] = []
    numbers: list[int] = []
    cells: list[str] = []
    empty: list[Finding] = []
    for number, row in zip(table.row_numbers, table.rows, strict=True):
        fixed = tuple(row[place] for place in kept)
        filled = [place for place in wide if (row[place] or "").strip()]
        for place in filled:
            month = months[table.names[place]]
            rows.append((*fixed, f"{month:%Y-%m}", row[place]))
            numbers.append(number)
            cells.append(table.letters[place])
        if not filled:
            pointer = f"{table.sheet}!{number}" if table.sheet is not None else f"L{number}"
            empty.append(Finding("row_without_month", source_pointer=pointer))
    return replace(
        table,
        names=(*(table.names[place] for place in kept), MONTH, HOURS),
        letters=(*(table.letters[place] for place in kept), "", ""),
        row_numbers=numbers,
        rows=rows,
        findings=[*table.findings, *empty],
        set_aside=table.set_aside + len(empty),
        cells=cells,
    )
