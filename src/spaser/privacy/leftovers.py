"""What killed runs left behind, and what the history of runs may have kept of a person."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spaser.project import Project
from spaser.warehouse import restore_folders

_LEFT_BEHIND = (".ingest", ".spaser-*", "*.tmp", ".*.spaser-old")
_SESSION = re.compile(r"spaser-[a-z0-9_]{8}")
_OF_A_SESSION = re.compile(
    r"duckdb_temp.*|typed|unpacked|transcoded|workbook|without_nan|part\d+\.xml|squeezed.*"
)
"""Folders of the engine's sessions and of files being read, and what they hold."""

_STILL_SECONDS = 3600
"""A run writes all the time: a working folder untouched for an hour belongs to none."""


@dataclass(frozen=True)
class Tidied:
    """Working folders and files of killed runs: removed, or left because another may use them."""

    removed: int
    left: int


def tidy(project: Project, scheme: str, temporary: Path | None = None) -> Tidied:
    """Remove what killed runs and trials left behind; no run of the scheme is in progress.

    Folders of trials in the project, and those of sessions in the system's temporary folder
    (`temporary`), may be in use by someone else: they go once they are still.
    """
    own: set[Path] = set()
    for place in (project.curated(scheme), project.rendered(scheme)):
        restore_folders(place)
        for pattern in _LEFT_BEHIND:
            own.update(place.rglob(pattern))
    trials = [path for path in project.root.glob("*/.spaser-*") if path.is_dir()]
    sessions = (temporary or Path(tempfile.gettempdir())).glob("spaser-*")
    others = [*trials, *(path for path in sessions if _is_session(path))]
    still = [path for path in others if _is_still(path)]
    removed = sum(_remove(path) for path in sorted(own | set(still)))
    return Tidied(removed, len(others) - len(still))


def _remove(path: Path) -> bool:
    """Outer folders come first: what they held is no longer there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def _is_session(folder: Path) -> bool:
    """Whether a folder holds nothing but what a session of this program writes."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:  # a file, or another user's folder
        return False
    ours = _SESSION.fullmatch(folder.name) and all(map(_OF_A_SESSION.fullmatch, names))
    return bool(names) and bool(ours)


def _is_still(folder: Path) -> bool:
    try:
        latest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:  # it is being emptied
        return False
    return time.time() - latest > _STILL_SECONDS


def forget_history(project: Project, scheme: str, pseudonyms: Iterable[bytes]) -> bool:
    """Drop the Dagster history of a scheme if a message in it holds an erased pseudonym.

    It is rebuilt by the next run; nothing that is published depends on it.
    """
    history = project.history(scheme)
    wanted = set(pseudonyms)
    if not wanted or not any(_holds(path, wanted) for path in _files(history)):
        return False
    for entry in sorted(history.iterdir()):
        if entry.name == "run.lock":
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return True


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


_PSEUDONYM = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


def _holds(path: Path, pseudonyms: set[bytes]) -> bool:
    return not pseudonyms.isdisjoint(_PSEUDONYM.findall(path.read_bytes()))
