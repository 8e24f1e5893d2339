"""Commands of the department: say what a register's columns mean, correct it, audit a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spaser.cli.face import SESSION, app, print_table, say, scheme_of, shown
from spaser.project import find_project

if TYPE_CHECKING:
    from spaser.ingest.mapfile import MapFile, ToldColumn

SchemeOption = Annotated[
    str | None, typer.Option("--scheme", help="Schéma (défaut : le seul). / Scheme.")
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
