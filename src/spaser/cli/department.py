"""Commands of the department: say what a register's columns mean, correct it, audit a figure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spaser.cli.face import (
    SESSION,
    SchemeArgument,
    app,
    audit_app,
    corrections_app,
    print_table,
    say,
    scheme_of,
    shown,
)
from spaser.project import Project, find_project

if TYPE_CHECKING:
    from spaser.ingest.mapfile import MapFile, ToldColumn
    from spaser.scheme import Scheme

SchemeOption = Annotated[
    str | None, typer.Option("--scheme", help="Schéma (défaut : le seul). / Scheme.")
]


OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="CLASSEUR", help="Où écrire. / Where to write.")
]
WorkbookArgument = Annotated[
    Path, typer.Argument(metavar="CLASSEUR", help="Classeur rempli. / Workbook filled in.")
]


@app.command("map")
def map_register(
    file: Annotated[
        Path, typer.Argument(metavar="FICHIER", help="Classeur ou CSV. / Workbook or CSV.")
    ],
    scheme: SchemeOption = None,
    buyer: Annotated[
        str | None,
        typer.Option("--buyer", metavar="SIRET", help="Acheteur des lignes. / Buyer of the rows."),
    ] = None,
) -> None:
    """Propose ce que veulent dire les colonnes d'un registre. / Proposes what columns mean."""
    from spaser.ingest.mapfile import map_file

    project = find_project(SESSION.project)
    outcome = map_file(project, scheme_of(project, scheme), file, buyer)
    for known in outcome.known:
        say(
            f"Déjà connu, sans correspondance à écrire : {known.fr}.",
            f"Already known, no mapping to write: {known.en}.",
        )
    for sheet, names in outcome.strangers:
        listed = ", ".join(names)[:200]
        say(
            f"Non reconnu ({sheet or file.name}) : {listed}",
            f"Not recognised ({sheet or file.name}): {listed}",
        )
    for mapping in outcome.files:
        _tell_mapping(mapping)


@corrections_app.command("export")
def export_corrections(scheme: SchemeArgument, out: OutOption = None) -> None:
    """Écrit le classeur des corrections proposées. / Writes the corrections workbook."""
    from spaser.quality.correction_book import export
    from spaser.warehouse import Tables

    project, loaded = _loaded(scheme)
    target = out or Path(f"corrections-{loaded.name}.xlsx")
    tables = Tables(project.curated(loaded.name))
    outcome = export(tables, project, loaded, target, SESSION.language)
    typer.echo(outcome.told(SESSION.language))


@corrections_app.command("import")
def import_corrections(
    scheme: SchemeArgument,
    file: WorkbookArgument,
    author: Annotated[
        str | None,
        typer.Option(
            "--author",
            metavar="QUI",
            help="Service ou fonction qui décide, si la ligne ne le dit pas. / Who decides.",
        ),
    ] = None,
) -> None:
    """Inscrit les corrections acceptées du classeur. / Records the accepted corrections."""
    from spaser.quality.correction_import import import_

    project, loaded = _loaded(scheme)
    # The day a person decides is the one date of the program that is today's.
    today = datetime.now(tz=UTC).date()
    typer.echo(import_(project, loaded, file, author, today).told(SESSION.language))


@audit_app.command("sample")
def sample_audit(
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="Indicateur, ex. SOC-01. / Indicator.")
    ],
    year: Annotated[int, typer.Option("--year", help="Année. / Year.")],
    scheme: SchemeOption = None,
    size: Annotated[
        int, typer.Option("--size", metavar="N", help="Marchés à tirer. / Contracts to draw.")
    ] = 60,
    buyer: Annotated[
        str, typer.Option("--buyer", metavar="SIRET", help="Acheteur. / Buyer.")
    ] = "*",
    scope: Annotated[
        str, typer.Option("--scope", help="all, floor, all_no_maxima, floor_no_maxima.")
    ] = "floor",
    seed: Annotated[
        str | None,
        typer.Option("--seed", metavar="TEXTE", help="Graine du tirage. / Seed of the draw."),
    ] = None,
    out: OutOption = None,
) -> None:
    """Tire des marchés à contrôler sur pièces. / Draws contracts to check against documents."""
    from spaser.quality.audit import sample
    from spaser.warehouse import Tables

    project, loaded = _loaded(scheme)
    outcome = sample(
        Tables(project.curated(loaded.name)),
        project,
        loaded,
        code,
        year,
        out or Path(f"controle-{code}-{year}.xlsx"),
        size=size,
        seed=seed,
        scope=scope,
        buyer=buyer,
        language=SESSION.language,
    )
    typer.echo(outcome.told(SESSION.language))


@audit_app.command("import")
def import_audit_sample(file: WorkbookArgument, scheme: SchemeOption = None) -> None:
    """Inscrit un contrôle sur pièces. / Records an audit."""
    from spaser.quality.audit import import_audit

    project, loaded = _loaded(scheme)
    typer.echo(import_audit(project, loaded, file).told(SESSION.language))


def _loaded(scheme: str | None) -> tuple[Project, Scheme]:
    from spaser.scheme import load_scheme

    project = find_project(SESSION.project)
    return project, load_scheme(project, scheme_of(project, scheme))


def _tell_mapping(mapping: MapFile) -> None:
    told = mapping.told
    headers = (
        ("Feuille", "Col.", "En-tête", "Champ", "Sûreté", "Exemples")
        if SESSION.language == "fr"
        else ("Sheet", "Col.", "Header", "Field", "Confidence", "Samples")
    )
    print_table(headers, [_column(column) for column in told.columns])
    for value in told.values:
        meant = value.code or "?"
        say(
            f"Valeur « {value.text} » ({value.field}, {value.count} fois) : {meant}",
            f"Value “{value.text}” ({value.field}, {value.count} times): {meant}",
        )
    for text in told.missing:
        say(text.fr, text.en)
    path = shown(mapping.path)
    if mapping.is_new:
        say(f"Correspondance écrite : {path}", f"Mapping written: {path}")
    elif mapping.added:
        say(
            f"Correspondance complétée ({mapping.added} ajouts) : {path}",
            f"Mapping completed ({mapping.added} additions): {path}",
        )
    else:
        say(f"Correspondance inchangée : {path}", f"Mapping unchanged: {path}")
    say(told.next.fr, told.next.en)


def _column(column: ToldColumn) -> tuple[str, ...]:
    if column.label is None:
        meant = "—" if column.is_kept else "?"
    else:
        meant = column.label.get(SESSION.language)
    sure = f"{column.confidence:.0%}" if column.field else ""
    return (column.sheet or "", column.letter, column.header, meant, sure, column.samples[:60])
