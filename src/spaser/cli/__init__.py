"""The terminal face. Imports the rest only when a command needs it: `spaser --help` is instant.

Exit codes: 0 done; 1 done, and a command whose purpose is to judge judged no; 2 wrong usage or
unreadable input; 3 stopped by a blocking check, nothing published.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer import Abort, TyperException

from spaser import __version__
from spaser.cli import answers, department, insertion, privacy, running
from spaser.cli.face import (
    BLOCKED,
    DONE,
    JUDGED_NO,
    SESSION,
    UNREADABLE,
    ReportLanguage,
    app,
)
from spaser.errors import SpaserError

__all__ = [
    "BLOCKED",
    "DONE",
    "JUDGED_NO",
    "SESSION",
    "UNREADABLE",
    "app",
    "language_of",
    "main",
    "run",
]

COMMANDS = (running, answers, department, insertion, privacy)
"""The modules whose commands `app` holds."""

INTERRUPTED = 130
"""What Typer makes of Ctrl-C during a command."""


def language_of(arguments: Sequence[str], environment: Callable[[str], str | None]) -> str:
    """`--lang`, else the locale; French unless English is asked for."""
    for position, argument in enumerate(arguments):
        if argument == "--lang" and position + 1 < len(arguments):
            return "en" if arguments[position + 1] == "en" else "fr"
        if argument.startswith("--lang="):
            return "en" if argument.removeprefix("--lang=") == "en" else "fr"
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment(name):
            return "en" if value.lower().startswith("en") else "fr"
    return "fr"


def main() -> None:
    """The command `spaser`: one message for each error, never a bare traceback."""
    # One run allocates much and frees little: at the default threshold most collections are vain.
    gc.set_threshold(200_000, 20, 20)
    arguments = sys.argv[1:]
    SESSION.language = language_of(arguments, os.environ.get)
    SESSION.debug = "--debug" in arguments
    sys.exit(run(arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit code."""
    try:
        code = app(args=list(arguments), prog_name="spaser", standalone_mode=False)
    except SpaserError as error:
        typer.echo(error.message(SESSION.language), err=True)
        if SESSION.debug:
            traceback.print_exc()
        return error.exit_code
    except TyperException as error:
        typer.echo(_usage_message(error.format_message()), err=True)
        return UNREADABLE
    except (Abort, KeyboardInterrupt):
        typer.echo("Interrompu. / Interrupted.", err=True)
        return UNREADABLE
    except Exception as error:
        if SESSION.debug:
            raise
        typer.echo(_fault_message(error), err=True)
        return BLOCKED
    if code == INTERRUPTED:
        typer.echo("Interrompu. / Interrupted.", err=True)
        return UNREADABLE
    return code if isinstance(code, int) else DONE


def _usage_message(told: str) -> str:
    if SESSION.language == "en":
        return f"Wrong command: {told} See `spaser --help`."
    return f"Commande mal formée : {told} Voyez « spaser --help »."


def _fault_message(error: Exception) -> str:
    told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if SESSION.language == "en":
        return (
            f"A fault of spaser, not of your data: {told}. Nothing was published, the last result "
            "is kept. Run again with --debug and report what it prints."
        )
    return (
        f"Un défaut de spaser, pas de vos données : {told}. Rien n'a été publié, le dernier "
        "résultat est gardé. Relancez avec --debug et signalez ce qui s'affiche."
    )


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    lang: Annotated[
        ReportLanguage | None,
        typer.Option("--lang", help="Langue des messages. / Language of messages."),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option("--project", help="Dossier du projet. / Project folder."),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Montre la trace d'une erreur. / Shows tracebacks.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Version.")] = False,
) -> None:
    """Options before the command."""
    SESSION.debug = SESSION.debug or debug
    SESSION.project = project
    if lang is not None:
        SESSION.language = lang.value
    if version:
        typer.echo(f"spaser {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
