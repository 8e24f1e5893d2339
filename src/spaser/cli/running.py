"""Commands that build: demo, init, try, run, check, new, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spaser.cli.face import (
    DONE,
    JUDGED_NO,
    SESSION,
    AsOfOption,
    ReportLanguage,
    ReportLanguageOption,
    SchemeArgument,
    YearOption,
    app,
    day_of,
    new_app,
    print_table,
    progress,
    say,
    shown,
    years_of,
)
from spaser.errors import InputError
from spaser.project import Project, find_project, is_packaged

if TYPE_CHECKING:
    from spaser.defs.run import RunOutcome
    from spaser.scheme import Scheme

DEMO_FOLDER = Path("spaser-demo")


@app.command()
def demo(
    year: YearOption = None, as_of: AsOfOption = None, report_lang: ReportLanguageOption = None
) -> None:
    """Construit le rapport de démonstration. / Builds the demonstration report."""
    from spaser.scheme import load_scheme

    project = _writable_project()
    _publish(project, load_scheme(project, "demo"), years_of(year), as_of, report_lang, None)


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
    buyer: Annotated[
        str | None,
        typer.Option(
            "--buyer",
            metavar="SIRET",
            help="Acheteur d'un registre qui ne le dit pas. / Buyer of a register without one.",
        ),
    ] = None,
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
    scheme = scheme_for_files(tuple(files), buyer)
    _publish(find_project(SESSION.project), scheme, years_of(year), as_of, report_lang, out)


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
    _publish(project, load_scheme(project, scheme), years_of(year), as_of, report_lang, None)


@app.command()
def check(scheme: SchemeArgument, as_of: AsOfOption = None) -> int:
    """Contrôle les registres d'un schéma sans publier. / Checks the registers of a scheme."""
    from spaser.cards import catalogue
    from spaser.defs.run import check_scheme
    from spaser.scheme import load_scheme
    from spaser.summary import summary

    project = find_project(SESSION.project)
    with progress() as told:
        outcome = check_scheme(project, load_scheme(project, scheme), day_of(as_of), told)
    found = summary(outcome.tables, catalogue(project.assets), SESSION.language)
    for sentence in found.deciding:
        typer.echo(sentence)
    print_table(found.todo_headers(), found.todo_rows())
    if found.more:
        say(f"… et {found.more} autres lignes.", f"… and {found.more} more lines.")
    if found.completeness:
        print_table(found.completeness_headers(), found.completeness_rows())
    for table, text, count in outcome.warnings:
        say(
            f"Contrôle ({table}) : {text.fr} {count} ligne(s).",
            f"Check ({table}): {text.en} {count} row(s).",
        )
    if found.errors:
        say(f"{found.errors} erreur(s) à corriger.", f"{found.errors} error(s) to correct.")
        return JUDGED_NO
    say("Aucune erreur.", "No error.")
    return DONE


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


_TEMPLATES = (
    "register, spend, suppliers, commitments, hours, participants, invoiced, clause_events."
)


@new_app.command("template")
def new_template(
    feeds: Annotated[str, typer.Argument(metavar="MODÈLE", help=_TEMPLATES)],
    out: Annotated[
        Path, typer.Option("--out", metavar="CLASSEUR", help="Où écrire. / Where to write.")
    ] = Path(),
) -> None:
    """Écrit un classeur à remplir. / Writes a workbook to fill in."""
    from spaser.scaffold import write_template

    path = write_template(find_project(SESSION.project), feeds, out)
    say(f"Modèle écrit : {shown(path)}", f"Template written: {shown(path)}")


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
    with progress() as told:
        from spaser.defs.run import run_scheme

        language = report_lang.value if report_lang else None
        outcome = run_scheme(project, scheme, years, day_of(as_of), language, out, told)
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
        report = shown(folder / "rapport.html")
        say(f"Rapport {year} : {report}", f"Report {year}: {report}")
        workbook = shown(folder / "indicateurs.xlsx")
        say(f"Classeur {year} : {workbook}", f"Workbook {year}: {workbook}")
    say(f"Base : {shown(outcome.database)}", f"Database: {shown(outcome.database)}")
