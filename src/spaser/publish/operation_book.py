"""`operations.xlsx`, an index and a sheet an operation; `suivi-facilitateurs.xlsx`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spaser.office import Cell, Column, Number, add_sheet, new_book, save_book
from spaser.publish.clauses import MAX_TASKS, Task, grouped
from spaser.publish.clauses_view import kind_names
from spaser.publish.context import Context
from spaser.publish.fiche import Fiches, cell_of
from spaser.publish.operation_view import SheetBuilder
from spaser.publish.reading import Run
from spaser.publish.sheet import Sheet

MAX_TITLE = 31
"""Characters of a sheet's name."""

_FORBIDDEN = dict.fromkeys(map(ord, "[]:*?/\\'"), " ")


def write_operations(
    path: Path, context: Context, run: Run, builder: SheetBuilder, sheets: Sequence[Sheet]
) -> None:
    """Write the workbook of the operations of a year: the list, then a sheet an operation.

    The sheet of an operation begins with its number in the list.
    """
    t = context.labels
    title = context.text(run.title_fr, run.title_en)
    book = new_book(t("operation.document", year=context.year, title=title))
    names = sheet_titles(
        [t("operation.index"), *(f"{n:03d} {s.title}" for n, s in enumerate(sheets, start=1))]
    )
    widths = (22, 20, 11, 12, 12, 11, 12, 11, 13)
    columns = [
        Column(t("operation.number"), 6, wrap=True),
        Column(t("operation.name"), 42, wrap=True),
        Column(t("operation.facilitator"), 22, wrap=True),
        *(
            Column(text, width, wrap=True)
            for (text, _), width in zip(builder.index_heads(), widths, strict=True)
        ),
        Column(t("operation.alert"), 18, wrap=True),
    ]
    rows = [
        (number, sheet.title, sheet.group, *map(cell_of, sheet.row), _alert(context, sheet))
        for number, sheet in enumerate(sheets, start=1)
    ]
    add_sheet(book, names[0], columns, rows)
    fiches = Fiches(book, context)
    for name, sheet in zip(names[1:], sheets, strict=True):
        fiches.add(name, sheet, t("operation.eyebrow.internal"))
    save_book(book, path, run.as_of)


def _alert(context: Context, sheet: Sheet) -> str | None:
    """`Heures en manque`, where the operation lacks hours."""
    late = sheet.alert is not None and sheet.alert[0] == "late"
    return context.labels("operation.alert_late").rstrip(".") if late else None


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
        Column(t("quality.severity"), 15, wrap=True),
        Column(t("follow_up.kind"), 24, wrap=True),
        Column(t("follow_up.message"), 58, wrap=True),
        Column(t("quality.action"), 46, wrap=True),
        Column(t("operation.hours"), 10, wrap=True),
        Column(t("operation.lines"), 8, wrap=True),
        Column(t("operation.id"), 18, wrap=True),
        Column(t("operation.contract"), 22, wrap=True),
        Column(t("operation.buyer"), 20, wrap=True),
        Column(t("operation.company"), 16, wrap=True),
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
