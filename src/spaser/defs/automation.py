"""What starts a run without anybody asking: a schedule and a sensor, both off until switched on."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from spaser.defs.years import range_tags, scheme_years
from spaser.errors import InputError
from spaser.project import Project
from spaser.scheme import Scheme, input_files

WEEKLY = "0 6 * * 1"
"""Mondays at six: registers change at most daily, a report is read at most weekly."""

EVERY_SECONDS = 60

JOB = "spaser"
"""The one job."""


def weekly(scheme: Scheme) -> dg.ScheduleDefinition:
    """Runs every year of the scheme's period once a week."""

    @dg.schedule(
        name="weekly",
        description="Chaque lundi à six heures.\n\nEvery Monday at six.",
        cron_schedule=WEEKLY,
        execution_timezone="Europe/Paris",
        job_name=JOB,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=_years_until(scheme, context.scheduled_execution_time.year))

    return schedule


def raw_files(project: Project, scheme: Scheme) -> dg.SensorDefinition:
    """Runs when the files of the scheme have changed and have stopped changing."""

    @dg.sensor(
        name="raw_files",
        description="Fichiers ajoutés, changés ou retirés.\n\nFiles added, changed or removed.",
        job_name=JOB,
        minimum_interval_seconds=EVERY_SECONDS,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            files = input_files(scheme, project.root)
        except InputError as error:
            return dg.SkipReason(error.fr)
        key = fingerprint(files)
        if context.cursor != key:
            # A file still being copied differs at the next look: nothing starts before it is whole.
            context.update_cursor(key)
            return dg.SkipReason("Les fichiers viennent de changer / The files have just changed.")
        return dg.RunRequest(run_key=key, tags=_years_until(scheme, _year_of_latest(files)))

    return sensor


def _years_until(scheme: Scheme, last: int) -> dict[str, str]:
    """The period as far as it has come; its first year at least."""
    years = scheme_years(scheme) or []
    return range_tags([year for year in years if year <= last] or years[:1])


def _year_of_latest(files: list[Path]) -> int:
    """The year the newest file was written: no register knows later contracts."""
    newest = max(file.stat().st_mtime for file in files)
    return datetime.fromtimestamp(newest, tz=UTC).year


def fingerprint(files: list[Path]) -> str:
    """A digest of the names, sizes and times of some files; contents are not read."""
    stats = [(str(file), file.stat()) for file in files]
    listed = [f"{name}|{stat.st_size}|{stat.st_mtime_ns}" for name, stat in stats]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()
