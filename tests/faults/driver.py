"""Runs `spaser` in a process of its own and breaks the machine under it at a chosen moment.

    python -m tests.faults.driver MODE NUMBER DELAY FOLDER -- ARGUMENTS

Moments are counted in changes of files under FOLDER (open for writing, rename, remove, mkdir), so
that the same number is the same moment on a slow and on a fast machine. MODE is `count` (prints
how many there were), `kill` or `interrupt` (sends the signal DELAY milliseconds after change
NUMBER), `pause` (at change NUMBER says so and waits for a line), or `limit` (no file may pass
NUMBER bytes, as on a full disk).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"})
WRITES = os.O_WRONLY | os.O_RDWR


def main(mode: str, number: int, delay: int, folder: str, arguments: list[str]) -> int:
    """Run a command line of spaser; returns its exit code."""
    from spaser import cli

    seen = Counter(folder, number, ACTIONS[mode](delay) if mode in ACTIONS else None)
    if mode == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
    else:
        sys.addaudithook(seen)
    cli.SESSION.language = cli.language_of(arguments, os.environ.get)
    code = cli.run(arguments)
    if mode == "count":
        print(f"changes={seen.count}")
    return code


class Counter:
    """Counts the changes of files under a folder and acts at one of them."""

    def __init__(self, folder: str, number: int, act: Callable[[], None] | None) -> None:
        self.folder, self.number, self.act, self.count = folder, number, act, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" and event not in CHANGES:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITES):
            return
        if not _name(arguments[0]).startswith(self.folder):
            return
        self.count += 1
        if self.count == self.number and self.act:
            self.act()


def _name(argument: Any) -> str:
    return os.fsdecode(argument) if isinstance(argument, str | bytes | os.PathLike) else ""


def _signalling(which: signal.Signals) -> Callable[[int], Callable[[], None]]:
    def prepared(delay: int) -> Callable[[], None]:
        def act() -> None:
            if delay:
                threading.Timer(delay / 1000, os.kill, (os.getpid(), which)).start()
            else:
                os.kill(os.getpid(), which)

        return act

    return prepared


def _pausing(_: int) -> Callable[[], None]:
    def act() -> None:
        print("paused", flush=True)
        sys.stdin.readline()

    return act


ACTIONS: dict[str, Callable[[int], Callable[[], None]]] = {
    "kill": _signalling(signal.SIGKILL),
    "interrupt": _signalling(signal.SIGINT),
    "pause": _pausing,
}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
    told, chosen = sys.argv[1:5], sys.argv[6:]
    sys.exit(main(told[0], int(told[1]), int(told[2]), told[3], chosen))
