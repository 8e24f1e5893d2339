"""The last step: reports and database are made beside, then moved into place together."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from spaser.defs.resources import Run
from spaser.warehouse import restore_folders, swap_folder, write_database

BESIDE = ".spaser-"
"""Prefix of the working folders; a killed run may leave one, the next run removes it."""

AUDIENCE = "interne"
"""The report of the authority itself."""

PUBLIC = "public"
"""What of a year's report anyone may read, in a folder beside."""

PUBLIC_PART = "operations"
"""What there is in it; nothing else of that folder is ever touched."""


def publish_years(run: Run, years: Sequence[int]) -> list[Path]:
    """Render the reports of some years and the database; returns the folders of the reports."""
    from spaser.publish import render, render_public

    root = report_root(run)
    with working_folder(root) as name:
        beside = Path(name)
        for year in years:
            for position, language in enumerate(run.languages):
                for audience, write in ((AUDIENCE, render), (PUBLIC, render_public)):
                    folder = beside / audience / str(year) / (language if position else "")
                    folder.mkdir(parents=True)
                    write(run.tables, run.installation, run.scheme, year, folder, language)
        database = run.database.with_name(f"{BESIDE}{run.database.name}")
        database.parent.mkdir(parents=True, exist_ok=True)
        write_database(run.tables, database, left_out(run))
        folders = [report_folder(run, years, year) for year in years]
        for year, folder in zip(years, folders, strict=True):
            _place(beside / AUDIENCE / str(year), folder, whole=run.out is None)
            for language in ("", *run.languages[1:]):
                part = f"{language}/{PUBLIC_PART}" if language else PUBLIC_PART
                _place_public(beside / PUBLIC / str(year) / part, public_folder(run, folder) / part)
        database.replace(run.database)
    return folders


def left_out(run: Run) -> dict[str, Sequence[str]]:
    """What the published database has not: persons, and figures that are not suppressed yet."""
    settled = {table: () for table in run.tables.names() if table.startswith("privacy.")}
    return {**run.cards.restricted, **settled}


def report_root(run: Run) -> Path:
    """Where the reports of a run lie."""
    return Path(run.out) if run.out else run.installation.rendered(run.scheme.name)


def report_folder(run: Run, years: Sequence[int], year: int) -> Path:
    """The folder of a year's report; a trial puts its latest year directly into `--out`."""
    if run.out is None:
        return report_root(run) / str(year) / AUDIENCE
    return report_root(run) if year == max(years) else report_root(run) / str(year)


def public_folder(run: Run, report: Path) -> Path:
    """The folder of what anyone may read of a year, from that of its report."""
    return report.with_name(PUBLIC) if run.out is None else report / PUBLIC


def working_folder(root: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder on the same disk as `root`, so that moving from it is one step."""
    root.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=BESIDE, dir=root)


def remove_leftovers(root: Path) -> None:
    """Put back what a killed run had moved aside, and remove what else it left."""
    restore_folders(root)
    for leftover in root.glob(f"{BESIDE}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _place_public(beside: Path, target: Path) -> None:
    """Put the public pages in place; a year that has none keeps no older ones."""
    if beside.is_dir():
        swap_folder(beside, target)
    else:
        shutil.rmtree(target, ignore_errors=True)


def _place(beside: Path, target: Path, *, whole: bool) -> None:
    """Put a finished folder in place; in a folder of the user's, entry by entry."""
    if whole:
        swap_folder(beside, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(beside.iterdir()):
        if entry.is_dir():
            swap_folder(entry, target / entry.name)
        else:
            entry.replace(target / entry.name)
