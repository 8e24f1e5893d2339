"""`operations.xlsx`, an index and a sheet an operation; `suivi-facilitateurs.xlsx`, the work list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spaser.office import Cell, Column, Number, add_sheet, new_book, save_book
from spaser.publish.clauses import MAX_TASKS, Task, grouped
from spaser.publish.clauses_view import kind_names
from spaser.publish.context import Context
from spaser.publish.operation_view import SheetBuilder
from spaser.publish.reading import Run
from spaser.publish.sheet import Item, Sheet, Table

MAX_TITLE = 31
"""Characters of a sheet's name."""

_FORBIDDEN = dict.fromkeys(map(ord, "[]:*?/\\'"), " ")
VALUES = 6
"""Columns of values in the sheet of an operation: the widest of its tables has no more."""


def write_operations(
    path: Path, context: Context, run: Run, builder: SheetBuilder, sheets: Sequence[Sheet]
) -> None:
    """Write the workbook of the operations of a year."""
    t = context.labels
    title = context.text(run.title_fr, run.title_en)
    book = new_book(t("operation.document", year=context.year, title=title))
    names = sheet_titles(
        [t("operation.index"), *(f"{n:03d} {s.title}" for n, s in enumerate(sheets, start=1))]
    )
    heads = [Column(t("operation.sheet"), 32), Column(t("operation.name"), 44, wrap=True)]
    heads += [Column(t("operation.facilitator"), 28, wrap=True)]
    heads += [
        Column(text, 14 if is_number else 24, wrap=not is_number)
        for text, is_number in builder.index_heads()
    ]
    heads.append(Column(t("operation.alert"), 60, wrap=True))
    add_sheet(
        book,
        names[0],
        heads,
        [
            (name, sheet.title, sheet.group, *map(cell, sheet.row), (sheet.alert or ("", ""))[1])
            for name, sheet in zip(names[1:], sheets, strict=True)
        ],
    )
    columns = [
        Column(t("operation.part"), 30, wrap=True),
        Column(t("operation.line"), 34, wrap=True),
        Column(t("operation.value", n=1), 44, wrap=True),
        *(Column(t("operation.value", n=n), 18, wrap=True) for n in range(2, VALUES + 1)),
    ]
    for name, sheet in zip(names[1:], sheets, strict=True):
        add_sheet(book, name, columns, operation_rows(context, sheet))
    save_book(book, path, run.as_of)


def cell(item: Item) -> Cell:
    """What a workbook holds of an item: its number or date, else what the page prints."""
    return item.text if item.cell is None else item.cell


def operation_rows(context: Context, sheet: Sheet) -> Iterator[Sequence[Cell]]:
    """The sheet of an operation, section by section, every row of the same width."""
    t = context.labels
    name = t("operation.name")
    yield _row(name, sheet.title, [sheet.summary])
    if sheet.alert is not None:
        yield _row(name, t("operation.alert"), [sheet.alert[1]])
    for section in sheet.sections:
        for text in section.lead:
            yield _row(section.title, t("operation.note"), [text])
        for label, item in section.entries:
            yield _row(section.title, label, [cell(item)])
        if section.chart is not None:
            yield _row(section.title, section.chart.title, [section.chart.alternative])
        for table in section.tables:
            yield from table_rows(context, section.title, table)
        for text in section.notes:
            yield _row(section.title, t("operation.note"), [text])


def table_rows(context: Context, part: str, table: Table) -> Iterator[Sequence[Cell]]:
    """A table of the sheet: its caption with its heads, its rows, the note on secrecy."""
    if not table.rows:
        if table.empty:
            yield _row(part, table.caption, [table.empty])
        return
    yield _row(part, f"{table.caption} – {table.heads[0][0]}", [head for head, _ in table.heads[1:]])
    for first, *others in table.rows:
        yield _row(part, cell(first), [cell(item) for item in others])
    if table.has_secret:
        yield _row(part, context.labels("operation.note"), [context.labels("secret.note")])


def _row(part: str, line: Cell, values: Sequence[Cell]) -> Sequence[Cell]:
    return (part, line, *values, *[None] * (VALUES - len(values)))


def sheet_titles(names: Iterable[str]) -> list[str]:
    """Names that a workbook takes for sheets: short, without its marks, no two alike."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        clean = " ".join(name.translate(_FORBIDDEN).split()) or "—"
        title, place = clean[:MAX_TITLE].strip(), 1
        while title.casefold() in taken:
            place += 1
            mark = f" ({place})"
            title = f"{clean[: MAX_TITLE - len(mark)].strip()}{mark}"
        taken.add(title.casefold())
        found.append(title)
    return found


def write_tasks(path: Path, context: Context, run: Run, tasks: Sequence[Task]) -> None:
    """Write the work list: one sheet a facilitator, the gravest things first."""
    t = context.labels
    title = context.text(run.title_fr, run.title_en)
    book = new_book(t("follow_up.document", title=title))
    columns = [
        Column(t("quality.severity"), 15),
        Column(t("follow_up.kind"), 26, wrap=True),
        Column(t("follow_up.message"), 62, wrap=True),
        Column(t("quality.action"), 50, wrap=True),
        Column(t("operation.hours"), 12),
        Column(t("operation.lines"), 10),
        Column(t("operation.id"), 26),
        Column(t("operation.contract"), 32),
        Column(t("operation.buyer"), 28),
        Column(t("operation.company"), 20),
    ]
    found = grouped(tasks, lambda task: task.facilitator or t("operation.unattributed"))
    names = sheet_titles(found)
    kinds = kind_names(context)
    for name, rows in zip(names, found.values(), strict=True):
        add_sheet(book, name, columns, _tasks(context, kinds, rows))
    if not found:
        add_sheet(book, t("follow_up.title"), columns, [])
    save_book(book, path, run.as_of)


def _tasks(
    context: Context, kinds: dict[str, str], tasks: Sequence[Task]
) -> Iterator[Sequence[Cell]]:
    t = context.labels
    for task in tasks[:MAX_TASKS]:
        yield (
            t.code("quality.severities", task.severity),
            kinds.get(task.kind, task.kind),
            context.text(task.message_fr, task.message_en),
            context.text(task.action_fr, task.action_en),
            Number(task.hours, "#,##0.##"),
            Number(task.line_count),
            task.commitment_id,
            task.contract_uid,
            None if task.buyer_id is None else context.buyer(task.buyer_id),
            task.company_id,
        )
    if len(tasks) > MAX_TASKS:
        more = t("follow_up.more", count=context.formats.number(len(tasks) - MAX_TASKS))
        yield (None, None, more, *[None] * 7)
