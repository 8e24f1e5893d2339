"""The first tutorial of CONTRIBUTING, run once: a project of its own with the demo published.

`tests/test_docs.py` checks what it shows, `tests/test_cli.py` asks its questions there.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spaser import cli
from spaser.cards import catalogue
from tests.curate.run import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Said:
    """What a command line gave."""

    command: str
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Tutorial:
    """A tutorial that has been run: its last folder, and what each command said."""

    folder: Path
    said: tuple[Said, ...]


def section(text: str, title: str) -> str:
    """A part of a page, from its heading to the next of the same level."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return str(found)


def spaser(*arguments: str, language: str = "fr") -> Said:
    """Run the command in this process, as a terminal in that language would."""
    out, err = io.StringIO(), io.StringIO()
    catalogue.cache_clear()  # a real command starts with nothing in mind
    cli.SESSION.language, cli.SESSION.debug, cli.SESSION.project = language, False, None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(arguments)
    return Said(shlex.join(arguments), code, out.getvalue(), err.getvalue())


def follow(text: str, folder: Path) -> Tutorial:
    """Do what a tutorial says: write its named blocks, run its console blocks, in their order."""
    said = []
    for language, name, content in FENCE.findall(text):
        if language == "console":
            for line in content.splitlines():
                words = shlex.split(line, comments=True)
                if words[0] == "cd":
                    folder = folder / words[1]
                    continue
                assert words[0] == "spaser", line
                with contextlib.chdir(folder):
                    said.append(spaser(*words[1:]))
        elif name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
    return Tutorial(folder, tuple(said))


@cache
def tutorial(title: str, folder: Path) -> Tutorial:
    """A tutorial of CONTRIBUTING, run once a session."""
    folder.mkdir(parents=True, exist_ok=True)
    return follow(section(CONTRIBUTING, title), folder)
