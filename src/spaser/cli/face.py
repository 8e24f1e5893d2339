"""What every command shares: the language, the options, tables and progress on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from spaser.errors import InputError
from spaser.project import Project

DONE, JUDGED_NO, UNREADABLE, BLOCKED = 0, 1, 2, 3


class Session:
    """What the options before the command say."""

    language = "fr"
    debug = False
    project: Path | None = None


SESSION = Session()


def say(fr: str, en: str) -> None:
    """Print a line in the user's language."""
    typer.echo(en if SESSION.language == "en" else fr)


app = typer.Typer(
    name="spaser",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Des registres de marchés au rapport annuel du SPASER. / "
    "From procurement registers to the annual SPASER report.",
)
new_app = typer.Typer(no_args_is_help=True, help="Crée une carte. / Creates a card.")
app.add_typer(new_app, name="new")
corrections_app = typer.Typer(
    no_args_is_help=True, help="Corrections du service. / The department's corrections."
)
app.add_typer(corrections_app, name="corrections")
audit_app = typer.Typer(no_args_is_help=True, help="Contrôle sur pièces. / Audit on documents.")
app.add_typer(audit_app, name="audit")


class Format(StrEnum):
    """How lines are printed."""

    table = "table"
    csv = "csv"
    json = "json"


class ReportLanguage(StrEnum):
    """Language of the report."""

    fr = "fr"
    en = "en"


YearOption = Annotated[
    int | None, typer.Option("--year", help="Année du rapport. / Year of the report.")
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="AAAA-MM-JJ",
        help="Jour qui vaut aujourd'hui (défaut : la dernière date des registres). / "
        "Day that stands for today (default: the latest date of the registers).",
    ),
]
ReportLanguageOption = Annotated[
    ReportLanguage | None,
    typer.Option("--report-lang", help="Langue du rapport. / Language of the report."),
]
SchemeArgument = Annotated[
    str, typer.Argument(metavar="SCHÉMA", help="Nom dans pipelines/, ou chemin. / Name or path.")
]


def shown(path: Path) -> Path:
    """A path as the user would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def years_of(year: int | None) -> list[int] | None:
    """The years that `--year` asks for."""
    return None if year is None else [year]


def day_of(text: str | None) -> date | None:
    """The day that `--as-of` gives.

    Raises:
        InputError: it is no date.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"--as-of : « {text} » n'est pas une date. Écrivez AAAA-MM-JJ.",
            f"--as-of: “{text}” is no date. Write YYYY-MM-DD.",
        ) from None


def scheme_of(project: Project, scheme: str | None) -> str:
    """The name of a scheme; without one, of the only one there is beside the demo.

    Raises:
        InputError: there are several, or none.
    """
    if scheme is not None:
        return scheme
    known = sorted(file.stem for file in project.pipelines.glob("*.yml"))
    own = [name for name in known if name != "demo"] or known
    if len(own) == 1:
        return own[0]
    names = ", ".join(own) or "—"
    raise InputError(
        f"Précisez --scheme. Schémas présents : {names}.",
        f"Give --scheme. Schemes present: {names}.",
    )


def database_of(project: Project, scheme: str | None) -> Path:
    """The published database of a scheme; without a name, of the only one published."""
    if scheme is None:
        found = sorted((project.root / "data" / "curated").glob("*/spaser.duckdb"))
        if len(found) == 1:
            return found[0]
        names = ", ".join(path.parent.name for path in found) or "—"
        raise InputError(
            f"Précisez --scheme. Schémas publiés : {names}.",
            f"Give --scheme. Schemes published: {names}.",
        )
    path = project.curated(Path(scheme).stem if scheme.endswith((".yml", ".yaml")) else scheme)
    database = path / "spaser.duckdb"
    if not database.is_file():
        raise InputError(
            f"Le schéma « {scheme} » n'a pas encore de résultat. Lancez « spaser run {scheme} ».",
            f"The scheme “{scheme}” has no result yet. Run `spaser run {scheme}`.",
        )
    return database


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headers; without a terminal, 200 characters wide."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*headers, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False, markup=False).print(table)


class progress:  # noqa: N801 (used as a context manager, like a function)
    """A progress bar on a terminal, nothing elsewhere; gives the listener of steps."""

    def __enter__(self) -> Callable[[Any], None]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.bar.start()
        start = "Préparation" if SESSION.language == "fr" else "Preparing"
        self.task = self.bar.add_task(start, total=None)
        return self._told

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def _told(self, event: Any) -> None:
        title = event.title.get(SESSION.language)
        done = event.position if event.status == "done" else event.position - 1
        self.bar.update(self.task, description=title, total=event.total, completed=done)
