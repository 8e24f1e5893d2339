"""Runs the job of a scheme in this process: the same graph as the web page's, and no other way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from spaser.cards import Text, catalogue
from spaser.defs.assets import Step
from spaser.defs.automation import JOB
from spaser.defs.graph import definitions, graph_steps
from spaser.defs.progress import OnStep, StepEvent
from spaser.defs.publishing import (
    publish_years,
    remove_leftovers,
    report_folder,
    working_folder,
)
from spaser.defs.resources import Run, run_of
from spaser.defs.years import WIDEST, range_tags, scheme_years
from spaser.errors import InputError
from spaser.exclusive import alone
from spaser.indicators import check_definitions
from spaser.project import Project
from spaser.scheme import Scheme
from spaser.warehouse import Connection, EngineError, Tables, session, writable

INSTANCE = "SPASER_INSTANCE"
"""Names the folder of the Dagster history in `dagster.yaml`."""


@dataclass(frozen=True)
class RunOutcome:
    """What a run published.

    years: the years with results. reports: the folder of the report of each year rendered.
    database: the published tables. as_of: the day that stood for today. warnings: what the checks
    of severity WARN found, as (table, description, rows).
    """

    scheme: str
    years: tuple[int, ...]
    reports: dict[int, Path]
    database: Path
    as_of: date | None
    warnings: tuple[tuple[str, Text, int], ...]


@dataclass(frozen=True)
class CheckOutcome:
    """Where what was checked lies, and what the checks of severity WARN found.

    tables: the scheme's, with findings, completeness and what is left to do.
    """

    tables: Tables
    warnings: tuple[tuple[str, Text, int], ...]


def check_scheme(
    project: Project, scheme: Scheme, as_of: date | None = None, on_step: OnStep | None = None
) -> CheckOutcome:
    """Execute the job but its last step: findings and what each repair brings; publish nothing.

    Raises:
        InputError: as `run_scheme`.
        Blocked: a blocking check failed.
    """
    _refuse_unwritable(project.root)
    with _readable_errors(), _place_of(project, scheme, None) as (instance, _):
        run = run_of(project, scheme).model_copy(
            update={"as_of": as_of.isoformat() if as_of else None}
        )
        return _Execution(project, run, instance, on_step or _silent).check()


def run_scheme(
    project: Project,
    scheme: Scheme,
    years: Sequence[int] | None = None,
    as_of: date | None = None,
    language: str | None = None,
    out: Path | None = None,
    on_step: OnStep | None = None,
) -> RunOutcome:
    """Execute the job of a scheme and publish.

    Results are computed for every year up to the latest one asked for, so that trends and baselines
    are there; reports are rendered for the years asked for. A scheme without period has the years
    found in its registers.

    Args:
        project: the installation.
        scheme: who reports.
        years: the years to report on; the latest one when not given.
        as_of: the day that stands for today, else the latest date found.
        language: language of the report, else the scheme's.
        out: folder of a trial: report and database go there, tables and history are dropped.
        on_step: told of each step that starts and ends.

    Raises:
        InputError: wrong input, a folder that cannot be written, a full disk, a run in progress.
        Blocked: a blocking check failed; what was published before is whole.
    """
    _refuse_unwritable(out or project.root)
    check_definitions(catalogue(project.assets), scheme)
    with _readable_errors(), _place_of(project, scheme, out) as (instance, tables_folder):
        run = run_of(project, scheme).model_copy(
            update={
                "as_of": as_of.isoformat() if as_of else None,
                "language": language,
                "out": str(out.resolve()) if out else None,
                "tables_folder": str(tables_folder) if tables_folder else None,
            }
        )
        return _Execution(project, run, instance, on_step or _silent).publish(years)


class _Execution:
    """One call of `run_scheme`: the job, and the runs of it."""

    def __init__(
        self, project: Project, run: Run, instance: dg.DagsterInstance, on_step: OnStep
    ) -> None:
        self.run = run
        self.instance = instance
        self.scheme = run.scheme
        self.steps = graph_steps(project, self.scheme)
        self.job = definitions(project, self.scheme, self.steps, on_step).resolve_job_def(JOB)

    def publish(self, asked: Sequence[int] | None) -> RunOutcome:
        period = scheme_years(self.scheme)
        if period is not None:
            plan(self.scheme, period, asked)  # a year the scheme never has is refused at once
        by_year = [step for step in self.steps if step.assets.partitions_def]
        self.execute([step for step in self.steps if step not in by_year], [])
        # Only now is it known up to which day the registers go.
        known = known_years(self.scheme, self.run.tables)
        if not known and period is None and not asked:
            # Registers of concessions, or without a readable date: tables and findings are worth
            # having, and there is no year to render.
            publish_years(self.run, [])
            return self.outcome([], [])
        results, reports = plan(self.scheme, known, asked)
        if results == reports:
            self.execute(by_year, reports)
        else:
            self.execute(by_year[:-1], results)
            self.execute(by_year[-1:], reports)
        return self.outcome(results, reports)

    def check(self) -> CheckOutcome:
        by_year = [step for step in self.steps if step.assets.partitions_def]
        self.execute([step for step in self.steps if step not in by_year], [])
        known = known_years(self.scheme, self.run.tables)
        if known:
            # Only results tell which repairs decide a target.
            self.execute(by_year[:-1], known)
        with session() as connection:
            self.run.tables.attach(connection, ["quality.checks"])
            return CheckOutcome(self.run.tables, self._warnings(connection))

    def _warnings(self, connection: Connection) -> tuple[tuple[str, Text, int], ...]:
        rows = connection.execute(
            "select table_name, description_fr, description_en, unexpected_count "
            "from quality.checks where not passed order by table_name, check_name"
        ).fetchall()
        return tuple((table, Text(fr=fr, en=en), count) for table, fr, en, count in rows)

    def execute(self, steps: Sequence[Step], years: Sequence[int]) -> None:
        """One run of the job: some of its steps, on a range of years."""
        self.job.execute_in_process(
            run_config={
                "resources": {"run": {"config": self.run.model_dump()}},
                "loggers": {"console": {}},
            },
            asset_selection=[key for step in steps for key in sorted(step.assets.keys)],
            tags=range_tags(years),
            instance=self.instance,
        )

    def outcome(self, results: Sequence[int], reports: Sequence[int]) -> RunOutcome:
        with session() as connection:
            self.run.tables.attach(connection, ["quality.run", "quality.checks"])
            days = connection.execute("select as_of from quality.run").fetchall()
            warnings = self._warnings(connection)
        return RunOutcome(
            scheme=self.scheme.name,
            years=tuple(results),
            reports={year: report_folder(self.run, reports, year) for year in reports},
            database=self.run.database,
            as_of=days[0][0] if days else None,
            warnings=warnings,
        )


def plan(
    scheme: Scheme, known: Sequence[int], asked: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    """The years of the results and the years of the reports: all up to the latest asked for.

    Raises:
        InputError: no year at all, or a year asked for that the scheme does not have.
    """
    if not known:
        raise InputError(
            "Aucun marché n'a de date de notification lisible : il n'y a aucune année à présenter. "
            "Complétez les dates dans les registres.",
            "No contract has a readable notification date: there is no year to report on. "
            "Fill in the dates in the registers.",
        )
    reports = sorted(set(asked)) if asked else [max(known)]
    absent = [str(year) for year in reports if year not in known]
    if absent:
        span = f"{min(known)}–{max(known)}"
        raise InputError(
            f"Année {', '.join(absent)} hors du schéma « {scheme.name} », qui couvre {span}. "
            "Choisissez-en une autre avec --year ou changez `period`.",
            f"Year {', '.join(absent)} is outside the scheme “{scheme.name}”, which covers {span}. "
            "Choose another with --year or change `period`.",
        )
    return list(range(min(known), max(reports) + 1)), list(range(min(reports), max(reports) + 1))


def known_years(scheme: Scheme, tables: Tables) -> list[int]:
    """The years of a scheme, or those of its contracts, up to the day that stands for today."""
    with session() as connection:
        tables.attach(connection, ["facts.contracts", "quality.run"])
        rows = connection.execute(
            "select distinct year from facts.contracts where year is not null order by year"
        ).fetchall()
        days = connection.execute("select as_of from quality.run").fetchall()
    found = [year for (year,) in rows if year in WIDEST]
    today: date | None = days[0][0] if days else None
    if today is None:  # no readable date at all: no year of the scheme can be told from another
        return []
    return [year for year in scheme_years(scheme) or found if year <= today.year]


def _silent(event: StepEvent) -> None:
    """Nobody asked to be told."""
    del event


@contextmanager
def _place_of(
    project: Project, scheme: Scheme, out: Path | None
) -> Iterator[tuple[dg.DagsterInstance, Path | None]]:
    """The history and the folder of the tables: kept for a scheme, dropped after a trial."""
    if out is not None:
        remove_leftovers(out)
        with working_folder(out) as tables, dg.DagsterInstance.ephemeral() as instance:
            yield instance, Path(tables)
        return
    history = project.history(scheme.name)
    with (
        alone(project, scheme.name),
        _environment(INSTANCE, str(history.resolve())),
        dg.DagsterInstance.from_config(str(project.root)) as instance,
    ):
        remove_leftovers(project.rendered(scheme.name))
        remove_leftovers(project.curated(scheme.name))
        yield instance, None


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _refuse_unwritable(folder: Path) -> None:
    if not writable(folder):
        raise InputError(
            f"Impossible d'écrire dans {folder}. Choisissez un autre dossier avec --out "
            "ou changez ses droits.",
            f"Cannot write in {folder}. Choose another folder with --out or change its rights.",
        )


@contextmanager
def _readable_errors() -> Iterator[None]:
    """A disk that refuses is the user's to mend: one message, no traceback.

    Raises:
        KeyboardInterrupt: in the place of Dagster's own error for it.
    """
    try:
        yield
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    except Exception as error:
        if not _is_about_the_disk(error):
            raise
        told = _without_working_paths(" ".join(str(getattr(error, "orig", error)).split()))
        raise InputError(
            f"Lecture ou écriture impossible : {told}. Vérifiez la place et les droits du disque, "
            "puis relancez ; le résultat précédent est gardé.",
            f"Cannot read or write: {told}. Check the disk's space and rights, then run again; "
            "the previous result is kept.",
        ) from error


_SQLITE_DISK = ("disk i/o error", "disk is full", "readonly database", "unable to open")
"""What SQLite, which keeps Dagster's history, says of a disk that refuses."""


def _is_about_the_disk(error: Exception) -> bool:
    if type(error).__name__ == "OperationalError":
        return any(words in str(error).lower() for words in _SQLITE_DISK)
    return isinstance(error, OSError) or (
        isinstance(error, EngineError) and type(error).__name__ == "IOException"
    )


def _without_working_paths(told: str) -> str:
    """A message without the paths of hidden working folders, which the user never made."""
    return re.sub(r"""\s*(->\s*)?:?\s*["'][^"']*/\.[^"']*["']""", "", told).rstrip(". ")
