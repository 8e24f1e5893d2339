"""Commands that answer: where a figure comes from, whether a target is met."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spaser.cli.face import (
    DONE,
    JUDGED_NO,
    SESSION,
    Format,
    SchemeArgument,
    app,
    database_of,
    print_table,
)
from spaser.project import find_project


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
        str | None,
        typer.Option(
            "--scope",
            help="all, floor, all_no_maxima, floor_no_maxima (défaut : floor pour des marchés, "
            "sinon all). / (default: floor for contracts, else all).",
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            "--measure",
            help="count, value, fields, hours, people… (défaut : la première de la carte). / "
            "(default: the first of the card).",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="Méthode de la carte. / Method.")
    ] = "default",
    output: Annotated[Format, typer.Option("--format", help="Forme. / Form.")] = Format.table,
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="DOSSIER", help="Dossier d'un essai. / Folder of a trial."),
    ] = None,
) -> None:
    """D'où vient un chiffre : ses marchés, opérations ou agrégats. / Where a figure comes from."""
    from spaser.explain import Question, explain_figure

    project = find_project(SESSION.project)
    database = folder / "spaser.duckdb" if folder else database_of(project, scheme)
    question = Question(code, method, scope, measure, year, buyer or "*")
    answer = explain_figure(project, database, question)
    if output is Format.table:
        typer.echo(answer.summary(SESSION.language))
        print_table(answer.headers(SESSION.language), answer.rows(SESSION.language))
    elif output is Format.csv:
        # Beside the file, which holds lines only.
        for note in answer.notes:
            typer.echo(note.get(SESSION.language), err=True)
        typer.echo(answer.as_csv())
    else:
        typer.echo(answer.as_json())


@app.command()
def targets(
    scheme: SchemeArgument, year: Annotated[int, typer.Option("--year", help="Année. / Year.")]
) -> int:
    """Juge les objectifs d'une année ; code 1 si l'un est manqué. / Judges a year's targets."""
    from spaser.explain import read_verdicts

    project = find_project(SESSION.project)
    rows, missed = read_verdicts(database_of(project, scheme), year, SESSION.language)
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
    print_table(headers, rows)
    return JUDGED_NO if missed else DONE
