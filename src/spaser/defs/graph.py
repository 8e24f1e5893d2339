"""The whole graph of a scheme, as one set of definitions and one job."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import dagster as dg

from spaser.cards import catalogue
from spaser.defs.assets import Step, steps
from spaser.defs.automation import JOB, raw_files, weekly
from spaser.defs.progress import OnStep, step_logger
from spaser.defs.resources import run_of
from spaser.defs.years import partition_keys, scheme_years
from spaser.project import Project, find_project
from spaser.scheme import Scheme, load_scheme

DEMO = "demo"


def graph_steps(project: Project, scheme: Scheme) -> list[Step]:
    """The steps of the graph, in order."""
    return steps(catalogue(project.assets), partition_keys(scheme))


def definitions(
    project: Project,
    scheme: Scheme,
    ordered: Sequence[Step],
    on_step: OnStep | None = None,
) -> dg.Definitions:
    """The graph of a scheme.

    Args:
        project: the installation.
        scheme: who reports; a schedule and a sensor need its period.
        ordered: the steps of the graph.
        on_step: told of each step that starts and ends; the console then stays quiet.
    """
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description="Des registres au rapport annuel.\n\nFrom the registers to the annual report.",
        executor_def=dg.in_process_executor,
    )
    dated = scheme_years(scheme) is not None
    return dg.Definitions(
        assets=[step.assets for step in ordered],
        jobs=[job],
        schedules=[weekly(scheme)] if dated else [],
        sensors=[raw_files(project, scheme)] if dated else [],
        resources={"run": run_of(project, scheme)},
        executor=dg.in_process_executor,
        loggers={"console": step_logger(ordered, on_step)} if on_step else {},
    )


def current_definitions() -> dg.Definitions:
    """The graph Dagster's tools load: scheme `SPASER_SCHEME`, else the only one, else the demo.

    Raises:
        InputError: no such scheme.
    """
    project = find_project()
    scheme = load_scheme(project, scheme_name(project))
    return definitions(project, scheme, graph_steps(project, scheme))


def scheme_name(project: Project, environment: Callable[[str], str | None] = os.environ.get) -> str:
    """The scheme to load."""
    known = sorted(file.stem for file in project.pipelines.glob("*.yml"))
    return environment("SPASER_SCHEME") or (known[0] if len(known) == 1 else DEMO)
