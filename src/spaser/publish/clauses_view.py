"""The section of the report on insertion clauses: key figures, operations, work list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spaser.publish.clauses import Clauses, Operation
from spaser.publish.context import Context
from spaser.publish.model import KeyFigure
from spaser.publish.operation_view import LATE


@dataclass(frozen=True)
class TaskCount:
    """Things to do of one kind."""

    severity: str
    severity_text: str
    kind: str
    count: int


@dataclass(frozen=True)
class ClausesView:
    """What the section prints; `page` is where the operations are, from the report."""

    key_figures: Sequence[KeyFigure]
    operations: int
    running: int
    alerts: int
    tasks: Sequence[TaskCount]
    page: str | None


def kind_names(context: Context) -> dict[str, str]:
    """What each kind of the work list is called."""
    rows = context.catalogue.reference("follow_up_kinds")
    return {row["kind"]: context.text(row["title_fr"], row["title_en"]) for row in rows}


def clauses_view(
    context: Context,
    clauses: Clauses,
    operations: Sequence[Operation],
    key_figures: Sequence[KeyFigure],
) -> ClausesView | None:
    """The section; None for a scheme without any clause followed."""
    kinds = kind_names(context)
    tasks = [
        TaskCount(
            severity,
            context.labels.code("quality.severities", severity),
            kinds.get(kind, kind),
            count,
        )
        for severity, kind, count in clauses.task_counts()
    ]
    if not operations and not tasks:
        return None
    return ClausesView(
        key_figures,
        len(operations),
        sum(operation.is_closed is False for operation in operations),
        sum(operation.alert in LATE for operation in operations),
        tasks,
        context.operations_page,
    )
