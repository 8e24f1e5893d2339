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
"""The report of the authority itself; the public one has its own folder beside."""


def publish_years(run: Run, years: Sequence[int]) -> list[Path]:
    """Render the reports of some years and the database; returns the folders of the reports."""
    from spaser.publish import render

    root = report_root(run)
    with working_folder(root) as name:
        beside = Path(name)
        for year in years:
            for position, language in enumerate(run.languages):
                folder = beside / str(year) / (language if position else "")
                folder.mkdir(parents=True)
                render(run.tables, run.installation, run.scheme, year, folder, language)
        database = run.database.with_name(f"{BESIDE}{run.database.name}")
        database.parent.mkdir(parents=True, exist_ok=True)
        write_database(run.tables, database, run.cards.restricted)
        folders = [report_folder(run, years, year) for year in years]
        for year, folder in zip(years, folders, strict=True):
            _place(beside / str(year), folder, whole=run.out is None)
        database.replace(run.database)
    return folders


def report_root(run: Run) -> Path:
    """Where the reports of a run lie."""
    return Path(run.out) if run.out else run.installation.rendered(run.scheme.name)


def report_folder(run: Run, years: Sequence[int], year: int) -> Path:
    """The folder of a year's report; a trial puts its latest year directly into `--out`."""
    if run.out is None:
        return report_root(run) / str(year) / AUDIENCE
    return report_root(run) if year == max(years) else report_root(run) / str(year)


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
