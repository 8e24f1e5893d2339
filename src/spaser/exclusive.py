"""One command at a time writes what belongs to a scheme, whichever process it is in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from spaser.errors import InputError
from spaser.project import Project


@contextmanager
def alone(project: Project, scheme: str) -> Iterator[None]:
    """Hold the scheme, or refuse at once.

    Raises:
        InputError: another command holds it.
    """
    history = project.history(scheme)
    history.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(history / "run.lock", timeout=0):
            yield
    except Timeout:
        raise InputError(
            f"Une exécution du schéma « {scheme} » est en cours. Attendez qu'elle finisse.",
            f"A run of the scheme “{scheme}” is in progress. Wait until it ends.",
        ) from None
