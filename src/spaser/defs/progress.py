"""Tells a listener of each step, through the log of the run: there is no second account of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg

from spaser.cards import Text
from spaser.defs.assets import Step

Status = Literal["started", "done", "failed"]

_STATUSES: dict[str, Status] = {
    "STEP_START": "started",
    "STEP_SUCCESS": "done",
    "STEP_FAILURE": "failed",
}


@dataclass(frozen=True)
class StepEvent:
    """A step that starts or ends.

    position, total: its place among the steps that run, from 1. seconds: how long it took,
    null at its start.
    """

    name: str
    title: Text
    status: Status
    position: int
    total: int
    seconds: float | None = None


OnStep = Callable[[StepEvent], None]


def step_logger(steps: Sequence[Step], on_step: OnStep) -> dg.LoggerDefinition:
    """A logger that prints nothing and hands each step on."""
    # One handler for every run of the job: the places go on from one to the next.
    handler = _StepHandler(steps, on_step)

    def console(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("spaser.steps", level=logging.DEBUG)
        logger.addHandler(handler)
        return logger

    return dg.LoggerDefinition(console, description="Étapes seulement / Steps only.")


class _StepHandler(logging.Handler):
    """Reads the Dagster event that a log record carries."""

    def __init__(self, steps: Sequence[Step], on_step: OnStep) -> None:
        super().__init__()
        self.steps = {step.name: step for step in steps}
        self.started = 0
        self.on_step = on_step

    def emit(self, record: logging.LogRecord) -> None:
        event: dg.DagsterEvent | None = getattr(record, "dagster_event", None)
        status = _STATUSES.get(event.event_type_value) if event else None
        if event is None or status is None or event.step_key is None:
            return
        self.started += status == "started"
        step = self.steps[event.step_key]
        total = len(self.steps)
        self.on_step(StepEvent(step.name, step.title, status, self.started, total, _seconds(event)))


def _seconds(event: dg.DagsterEvent) -> float | None:
    if not event.is_step_success:
        return None
    return event.step_success_data.duration_ms / 1000
