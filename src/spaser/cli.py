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
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Abort, TyperException

from spaser import __version__
from spaser.errors import InputError, SpaserError
from spaser.project import Project, find_project, is_packaged

if TYPE_CHECKING:
    from spaser.defs.run import RunOutcome
    from spaser.scheme import Scheme

DONE, JUDGED_NO, UNREADABLE, BLOCKED = 0, 1, 2, 3
INTERRUPTED = 130
"""What Typer makes of Ctrl-C during a command."""
DEMO_FOLDER = Path("spaser-demo")


class Session:
    """What the options before the command say."""

    language = "fr"
    debug = False
    project: Path | None = None


SESSION = Session()


def say(fr: str, en: str) -> None:
    """Print a line in the user's language."""
    typer.echo(en if SESSION.language == "en" else fr)


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


@app.command()
def demo(
    year: YearOption = None, as_of: AsOfOption = None, report_lang: ReportLanguageOption = None
) -> None:
    """Construit le rapport de démonstration. / Builds the demonstration report."""
    from spaser.scheme import load_scheme

    project = _writable_project()
    _publish(project, load_scheme(project, "demo"), _years(year), as_of, report_lang, None)


@app.command()
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DOSSIER", help="Dossier à créer. / Folder.")
    ],
) -> None:
    """Crée un projet : cartes, modèles, démonstration. / Creates a project."""
    from spaser.scaffold import create_project

    created = create_project(directory)
    say(
        f"Projet créé : {created}\n"
        f"  1. cd {directory} puis « spaser demo » pour voir un rapport ;\n"
        "  2. déposez vos registres (DECP, CSV…) dans data/raw/ ;\n"
        "  3. décrivez votre schéma dans pipelines/mon-schema.yml, puis « spaser run mon-schema ».",
        f"Project created: {created}\n"
        f"  1. cd {directory}, then `spaser demo` to see a report;\n"
        "  2. put your registers (DECP, CSV…) in data/raw/;\n"
        "  3. describe your scheme in pipelines/mon-schema.yml, then `spaser run mon-schema`.",
    )


@app.command("try")
def try_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FICHIER…", help="Registres ou dossiers. / Registers.")
    ],
    year: YearOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DOSSIER", help="Où écrire. / Where to write.")
    ] = Path("spaser-essai"),
    as_of: AsOfOption = None,
    report_lang: ReportLanguageOption = None,
) -> None:
    """Essaie des registres, sans schéma ni réglage. / Tries registers, without any scheme."""
    from spaser.scheme import scheme_for_files

    for file in files:
        if not file.exists():
            raise InputError(
                f"Fichier introuvable : {file}. Vérifiez le chemin.",
                f"File not found: {file}. Check the path.",
            )
    scheme = scheme_for_files(tuple(files))
    _publish(find_project(SESSION.project), scheme, _years(year), as_of, report_lang, out)


@app.command("run")
def run_scheme_command(
    scheme: SchemeArgument,
    year: YearOption = None,
    as_of: AsOfOption = None,
    report_lang: ReportLanguageOption = None,
) -> None:
    """Exécute un schéma et publie ses rapports. / Runs a scheme and publishes its reports."""
    from spaser.scheme import load_scheme

    project = find_project(SESSION.project)
    _publish(project, load_scheme(project, scheme), _years(year), as_of, report_lang, None)


@app.command()
def check(scheme: SchemeArgument, as_of: AsOfOption = None) -> int:
    """Contrôle les registres d'un schéma sans publier. / Checks the registers of a scheme."""
    from spaser.defs.run import check_scheme
    from spaser.scheme import load_scheme

    project = find_project(SESSION.project)
    with _progress() as told:
        outcome = check_scheme(project, load_scheme(project, scheme), _day(as_of), told)
    rows = [
        (
            finding.severity,
            finding.title.get(SESSION.language),
            str(finding.count),
            finding.action.get(SESSION.language),
        )
        for finding in outcome.findings
    ]
    headers = (
        ("Gravité", "Constat", "Nombre", "Que faire")
        if SESSION.language == "fr"
        else ("Severity", "Finding", "Number", "What to do")
    )
    _print_table(headers, rows)
    for table, text, count in outcome.warnings:
        say(
            f"Contrôle ({table}) : {text.fr} {count} ligne(s).",
            f"Check ({table}): {text.en} {count} row(s).",
        )
    errors = sum(f.count for f in outcome.findings if f.severity == "error")
    if errors:
        say(f"{errors} erreur(s) à corriger.", f"{errors} error(s) to correct.")
        return JUDGED_NO
    say("Aucune erreur.", "No error.")
    return DONE


@app.command()
def explain(
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="Indicateur, ex. SOC-01. / Indicator.")
    ],
    year: Annotated[int, typer.Option("--year", help="Année. / Year.")],
    scheme: Annotated[
        str | None, typer.Option("--scheme", help="Schéma (défaut : le seul). / Scheme.")
    ] = None,
    buyer: Annotated[
        str | None, typer.Option("--buyer", metavar="SIRET", help="Acheteur. / Buyer.")
    ] = None,
    scope: Annotated[
        str, typer.Option("--scope", help="all, floor, all_no_maxima, floor_no_maxima.")
    ] = "floor",
    measure: Annotated[str, typer.Option("--measure", help="count, value, fields.")] = "count",
    method: Annotated[
        str, typer.Option("--method", help="Méthode de la carte. / Method.")
    ] = "default",
    output: Annotated[Format, typer.Option("--format", help="Forme. / Form.")] = Format.table,
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="DOSSIER", help="Dossier d'un essai. / Folder of a trial."),
    ] = None,
) -> None:
    """D'où vient un chiffre : ses marchés. / Where a figure comes from: its contracts."""
    from spaser.explain import Question, explain_figure

    project = find_project(SESSION.project)
    database = folder / "spaser.duckdb" if folder else _database(project, scheme)
    question = Question(code, method, scope, measure, year, buyer or "*")
    answer = explain_figure(project, database, question)
    if output is Format.table:
        typer.echo(answer.summary(SESSION.language))
        _print_table(answer.headers(SESSION.language), answer.rows(SESSION.language))
    else:
        typer.echo(answer.as_csv() if output is Format.csv else answer.as_json())


@app.command()
def targets(
    scheme: SchemeArgument, year: Annotated[int, typer.Option("--year", help="Année. / Year.")]
) -> int:
    """Juge les objectifs d'une année ; code 1 si l'un est manqué. / Judges a year's targets."""
    from spaser.explain import read_verdicts

    project = find_project(SESSION.project)
    rows, missed = read_verdicts(_database(project, scheme), year, SESSION.language)
    headers = (
        (
            "Objectif",
            "Acheteur",
            "Valeur",
            "Intervalle",
            "Seuil",
            "Échéance",
            "Verdict",
            "À qualifier",
        )
        if SESSION.language == "fr"
        else ("Target", "Buyer", "Value", "Interval", "Threshold", "Due", "Verdict", "To qualify")
    )
    _print_table(headers, rows)
    return JUDGED_NO if missed else DONE


@new_app.command("indicator")
def new_indicator(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Ex. SOC-26.")],
) -> None:
    """Écrit la carte d'un nouvel indicateur. / Writes the card of a new indicator."""
    from spaser.scaffold import create_indicator

    path = create_indicator(find_project(SESSION.project), code)
    say(
        f"Carte écrite : {path}\n"
        "Décrivez ce qu'elle compte, changez `met` et l'exemple, puis « spaser doctor ».",
        f"Card written: {path}\n"
        "Say what it counts, change `met` and the example, then `spaser doctor`.",
    )


@app.command()
def doctor() -> int:
    """Vérifie l'installation : versions, cartes, schémas, droits. / Checks the installation."""
    from spaser.scaffold import examine

    findings = examine(find_project(SESSION.project))
    for sound, fr, en in findings:
        mark = "✓" if sound else "✗"
        say(f"{mark} {fr}", f"{mark} {en}")
    return DONE if all(sound for sound, _, _ in findings) else JUDGED_NO


def _writable_project() -> Project:
    """The project to work in; without one, a copy of the packaged one in the working folder."""
    project = find_project(SESSION.project)
    if not is_packaged(project):
        return project
    from spaser.scaffold import create_project

    if DEMO_FOLDER.exists():
        return find_project(DEMO_FOLDER)
    return Project(create_project(DEMO_FOLDER))


def _publish(
    project: Project,
    scheme: Scheme,
    years: list[int] | None,
    as_of: str | None,
    report_lang: ReportLanguage | None,
    out: Path | None,
) -> None:
    with _progress() as told:
        from spaser.defs.run import run_scheme

        language = report_lang.value if report_lang else None
        outcome = run_scheme(project, scheme, years, _day(as_of), language, out, told)
    _print_outcome(outcome)


def _print_outcome(outcome: RunOutcome) -> None:
    for table, text, count in outcome.warnings:
        say(
            f"À voir ({table}) : {text.fr} {count} ligne(s).",
            f"To look at ({table}): {text.en} {count} row(s).",
        )
    if outcome.as_of:
        say(f"Date d'arrêté : {outcome.as_of}", f"Reference date: {outcome.as_of}")
    if not outcome.reports:
        say(
            "Aucun marché n'a de date de notification : pas de rapport. Les concessions, les "
            "constats et les autres tables sont dans la base.",
            "No contract has a notification date: no report. Concessions, findings and the other "
            "tables are in the database.",
        )
    for year, folder in sorted(outcome.reports.items()):
        report = _shown(folder / "rapport.html")
        say(f"Rapport {year} : {report}", f"Report {year}: {report}")
        workbook = _shown(folder / "indicateurs.xlsx")
        say(f"Classeur {year} : {workbook}", f"Workbook {year}: {workbook}")
    say(f"Base : {_shown(outcome.database)}", f"Database: {_shown(outcome.database)}")


def _shown(path: Path) -> Path:
    """A path as the user would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _years(year: int | None) -> list[int] | None:
    return None if year is None else [year]


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"--as-of : « {text} » n'est pas une date. Écrivez AAAA-MM-JJ.",
            f"--as-of: “{text}” is no date. Write YYYY-MM-DD.",
        ) from None


def _database(project: Project, scheme: str | None) -> Path:
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


def _print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*headers, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False, markup=False).print(table)


class _progress:  # noqa: N801 (used as a context manager, like a function)
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


if __name__ == "__main__":
    main()
