"""Sheets of the workbook on the register: to do, completeness, matching, corrections and others.

A sheet is there only where its table has rows; one that would be too long says where the rest is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from spaser.office import EURO, PERCENT, Cell, Column, Number
from spaser.publish.annexes import (
    Action,
    Annexes,
    Correction,
    Filled,
    MappedColumn,
    Match,
    Suspicion,
)
from spaser.publish.context import WHOLE, Context
from spaser.publish.quality_view import field_names

MAX_ROWS = 20_000
_SCORE = "0.00"
_WRAPPED = 40
"""Columns that wide hold sentences: they wrap."""

Row = TypeVar("Row")
Heads = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Sheet:
    """A sheet to add: its title, its columns and its rows."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]


def annex_sheets(context: Context, annexes: Annexes) -> list[Sheet]:
    """The sheets that have rows, in the order of the report."""
    limit = MAX_ROWS + 1
    return [
        *_sheet(context, "workbook.todo", _ACTIONS, annexes.actions(), _action),
        *_sheet(context, "workbook.completeness", _FILLED, annexes.completeness(), _filled),
        *_sheet(context, "workbook.matching", _MATCHES, annexes.to_look_at(limit), _match),
        *_sheet(context, "corrections.title", _CORRECTIONS, annexes.corrections(), _correction),
        *_sheet(context, "workbook.columns", _MAPPINGS, annexes.mappings(), _mapped),
        *_sheet(context, "suspicions.title", _SUSPICIONS, annexes.suspicions(limit), _suspicion),
    ]


def _sheet(
    context: Context,
    title: str,
    heads: Heads,
    found: Sequence[Row],
    line: Callable[[Context, Row], tuple[Cell, ...]],
) -> list[Sheet]:
    if not found:
        return []
    t = context.labels
    rows: list[Sequence[Cell]] = [line(context, row) for row in found[:MAX_ROWS]]
    if len(found) > MAX_ROWS:
        rows.append((t("workbook.cut"), *[None] * (len(heads) - 1)))
    columns = [Column(t(head), width, wrap=width >= _WRAPPED) for head, width in heads]
    return [Sheet(t(title), columns, rows)]


_ACTIONS: Heads = (
    ("actions.what", 60),
    ("workbook.field", 30),
    ("actions.gain", 60),
    ("actions.buyer", 30),
    ("parts.year", 8),
    ("actions.count", 10),
    ("actions.contracts", 10),
    ("actions.amount", 18),
    ("actions.severity", 14),
    ("workbook.decides", 24),
)


def _action(context: Context, action: Action) -> tuple[Cell, ...]:
    return (
        context.text(action.action_fr, action.action_en),
        field_names(context, action.field),
        context.text(action.gain_fr, action.gain_en),
        context.buyer(action.buyer_id or WHOLE),
        action.year,
        Number(action.count),
        Number(action.contracts),
        Number(action.amount_eur, EURO),
        context.labels.code("quality.severities", action.severity),
        ", ".join(action.decides or ()),
    )


_FILLED: Heads = (
    ("quality.field", 36),
    ("actions.buyer", 30),
    ("dimensions.directorate", 30),
    ("parts.year", 8),
    ("quality.filled", 10),
    ("quality.required", 10),
    ("quality.share", 10),
)


def _filled(context: Context, row: Filled) -> tuple[Cell, ...]:
    whole = row.directorate == WHOLE
    return (
        context.field(row.field),
        context.buyer(row.buyer_id),
        context.labels("members.every")
        if whole
        else context.member("directorate", row.directorate),
        row.year,
        Number(row.filled),
        Number(row.required),
        Number(row.share, PERCENT),
    )


_MATCHES: Heads = (
    ("register.own_uid", 32),
    ("register.decp_uid", 32),
    ("register.level", 26),
    ("register.score", 12),
    ("actions.buyer", 30),
    ("register.differing", 40),
    ("register.own_values", 44),
    ("register.decp_values", 44),
    ("register.reason", 50),
)


def _match(context: Context, match: Match) -> tuple[Cell, ...]:
    return (
        match.own_uid,
        match.decp_uid,
        context.labels.code("register.levels", match.side),
        Number(match.score, _SCORE),
        context.buyer(match.buyer_id),
        ", ".join(context.field(field) for field in match.differences or ()),
        match.own_values if match.differences else None,
        match.decp_values if match.differences else None,
        context.text(match.reason_fr, match.reason_en),
    )


_CORRECTIONS: Heads = (
    ("corrections.key", 32),
    ("corrections.field", 28),
    ("corrections.old", 28),
    ("corrections.new", 28),
    ("corrections.found", 28),
    ("workbook.status", 40),
    ("corrections.reason", 44),
    ("corrections.evidence", 30),
    ("corrections.author", 24),
    ("corrections.date", 12),
)


def _correction(context: Context, correction: Correction) -> tuple[Cell, ...]:
    return (
        correction.key,
        context.field(correction.field),
        correction.old,
        correction.new,
        correction.found,
        context.labels.code("corrections.status", correction.status),
        correction.reason,
        correction.evidence,
        correction.author,
        correction.date,
    )


_MAPPINGS: Heads = (
    ("quality.file", 40),
    ("workbook.sheet", 18),
    ("mappings.letter", 9),
    ("mappings.header", 44),
    ("mappings.field", 40),
    ("mappings.confidence", 11),
    ("workbook.status", 30),
)


def _mapped(context: Context, column: MappedColumn) -> tuple[Cell, ...]:
    labels = context.labels
    return (
        column.source_file,
        column.sheet,
        column.column_letter,
        column.header,
        context.field(column.field)
        if column.field
        else labels("mappings.left" if column.reviewed else "mappings.unknown"),
        Number(column.confidence, PERCENT),
        labels("mappings.reviewed" if column.reviewed else "mappings.proposed"),
    )


_SUSPICIONS: Heads = (
    ("suspicions.rule", 44),
    ("dialog.uid", 32),
    ("dialog.buyer", 30),
    ("workbook.field", 28),
    ("workbook.value", 28),
    ("workbook.reference", 28),
    ("workbook.detail", 40),
    ("suspicions.amount", 18),
    ("dialog.source", 44),
)


def _suspicion(context: Context, found: Suspicion) -> tuple[Cell, ...]:
    rule = context.catalogue.rules.get(found.rule)
    return (
        context.text(rule.title_fr, rule.title_en) if rule else found.rule,
        found.uid,
        context.buyer(found.buyer_id) if found.buyer_id else None,
        context.field(found.field) if found.field else None,
        found.value,
        found.reference_value,
        found.detail,
        Number(found.amount_eur, EURO),
        " ".join(part for part in (found.source_file, found.source_pointer) if part),
    )
