"""Commands about persons: the key of pseudonyms, retention, what was published, the register."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spaser.cli.face import (
    SESSION,
    AsOfOption,
    ReportLanguageOption,
    SchemeArgument,
    app,
    print_table,
    say,
    shown,
)
from spaser.errors import InputError
from spaser.project import find_project

if TYPE_CHECKING:
    from spaser.privacy.inputs import Input
    from spaser.privacy.purge import Purge
    from spaser.privacy.retention import Retention

privacy_app = typer.Typer(
    no_args_is_help=True,
    help="Données personnelles : clé, durées, effacement, éditions, registre. / Personal data.",
)
app.add_typer(privacy_app, name="privacy")

YesOption = Annotated[
    bool, typer.Option("--yes", help="Sans demander confirmation. / Without asking.")
]
PurgeDayOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="AAAA-MM-JJ",
        help="Jour qui compte pour les durées (défaut : aujourd'hui). / "
        "Day that counts for the durations (default: today).",
    ),
]


@privacy_app.command("rotate-key")
def rotate_key(*, yes: YesOption = False) -> None:
    """Change la clé des pseudonymes : les liens sont rompus. / Replaces the key of pseudonyms."""
    from spaser import pseudonyms

    project = find_project(SESSION.project)
    path = pseudonyms.key_file()
    say(
        f"La clé {path} va être remplacée et l'ancienne détruite. Tous les pseudonymes changent, "
        "dans tous les schémas de ce poste : relancez « spaser run » pour chacun. Une personne "
        "dont le fichier a été supprimé ne pourra plus être reliée à ses anciennes lignes. Une "
        "copie de sauvegarde de l'ancienne clé, s'il y en a une, est à détruire aussi.",
        f"The key {path} will be replaced and the old one destroyed. Every pseudonym changes, in "
        "all the schemes of this computer: run `spaser run` for each. A person whose file was "
        "deleted can no longer be linked to earlier lines. A backup of the old key, if any, is to "
        "be destroyed too.",
    )
    _confirm(yes, "Changer la clé ?", "Replace the key?")
    key = pseudonyms.rotate_key(path, project.root)
    say(
        f"Nouvelle clé en place (empreinte {key.fingerprint}). Relancez « spaser run ».",
        f"New key in place (fingerprint {key.fingerprint}). Run `spaser run` again.",
    )


@privacy_app.command("retention")
def retention(scheme: SchemeArgument, on: PurgeDayOption = None) -> None:
    """Dit ce qui est à effacer, par année et fichier. / Says what is due for erasure."""
    from spaser.cards import catalogue
    from spaser.privacy.retention import retention as held_on
    from spaser.scheme import load_scheme
    from spaser.warehouse import Tables

    project = find_project(SESSION.project)
    name = load_scheme(project, scheme).name
    tables = Tables(project.curated(name))
    found = held_on(tables, catalogue(project.assets), _past_day(on))
    _say_rule(found)
    _print_held(found)
    say(
        f"Personnes : {found.people}, dont à effacer : {found.people_due}. Lignes à effacer : "
        f"{found.lines_due}. Lignes sans aucune date, jamais échues, à dater ou à retirer : "
        f"{found.undated}.",
        f"Persons: {found.people}, of whom to erase: {found.people_due}. Lines to erase: "
        f"{found.lines_due}. Lines without any date, never due, to be dated or removed: "
        f"{found.undated}.",
    )


@privacy_app.command("purge")
def purge(
    scheme: SchemeArgument,
    on: PurgeDayOption = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compte sans rien effacer. / Only counts.")
    ] = False,
    with_inputs: Annotated[
        bool,
        typer.Option(
            "--with-inputs",
            help="Supprime aussi les fichiers reçus dont toutes les lignes sont effacées. / "
            "Also deletes the input files whose every line is erased.",
        ),
    ] = False,
    yes: YesOption = False,
) -> None:
    """Efface les lignes des personnes dont la durée est échue. / Erases the lines that are due."""
    from spaser.cards import catalogue
    from spaser.privacy.purge import purge as erase
    from spaser.scheme import load_scheme

    project = find_project(SESSION.project)
    loaded, cards = load_scheme(project, scheme), catalogue(project.assets)
    day, today = _past_day(on), _today()

    def run(*, only_count: bool) -> Purge:
        return erase(
            project, cards, loaded, day, today, dry_run=only_count, with_inputs=with_inputs
        )

    counted = run(only_count=True)
    _say_counted(counted)
    if dry_run:
        _say_held(counted.held, with_inputs=with_inputs)
        return
    if not counted.is_empty:
        _confirm(yes, "Effacer, sans retour ?", "Erase, without return?")
    _say_done(run(only_count=False), with_inputs=with_inputs)


@privacy_app.command("register")
def register(
    scheme: SchemeArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FICHIER", help="Page .html ou document .docx. / File."),
    ] = None,
    on: AsOfOption = None,
    language: ReportLanguageOption = None,
) -> None:
    """Écrit la fiche du registre des traitements (RGPD art. 30). / Writes the register entry."""
    from spaser.cards import catalogue
    from spaser.privacy.documents import write_entry
    from spaser.privacy.processing import processing_entry
    from spaser.scheme import load_scheme

    project = find_project(SESSION.project)
    loaded = load_scheme(project, scheme)
    path = out or project.rendered(loaded.name) / "traitements.html"
    chosen = language.value if language else loaded.report.languages[0]
    cards = catalogue(project.assets)
    entry = processing_entry(project, cards, loaded, _past_day(on), chosen)
    write_entry(entry, project, path)
    count = entry.to_complete
    say(
        f"{shown(path)} (mentions à compléter par l'autorité : {count})",
        f"{shown(path)} (entries for the authority to complete: {count})",
    )


@privacy_app.command("seal")
def seal(
    scheme: SchemeArgument,
    year: Annotated[int, typer.Option("--year", help="Année publiée. / Year published.")],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="AAAA-MM-JJ",
            help="Jour de la publication (défaut : aujourd'hui). / "
            "Day of the publication (default: today).",
        ),
    ] = None,
) -> None:
    """Retient ce qui est publié et masqué d'une année. / Records what a year's edition tells."""
    from spaser.exclusive import alone
    from spaser.privacy.editions import require_printed, sealed
    from spaser.privacy.editions import seal as record
    from spaser.scheme import load_scheme
    from spaser.warehouse import Tables

    project = find_project(SESSION.project)
    name = load_scheme(project, scheme).name
    tables = Tables(project.curated(name))
    day = _past_day(on, "--on")
    with alone(project, name):
        require_printed(project, name, year)
        before = len(sealed(tables, year))
        path = record(tables, year, day)
        editions = sealed(tables, year)
    if path is None:
        raise InputError(
            f"Aucun chiffre sur des personnes pour {year} dans « {name} » : il n'y a rien à "
            f"sceller. Vérifiez --year, ou déposez les relevés d'heures et lancez « spaser run "
            f"{name} ».",
            f"No figure about people for {year} in “{name}”: there is nothing to seal. Check "
            f"--year, or add the hour logs and run `spaser run {name}`.",
        )
    figures, hidden = len(editions[-1].figures), len(editions[-1].hidden)
    if len(editions) == before:
        say(
            f"{shown(path)} : cette édition de {year} est déjà scellée (chiffres : {figures}, dont "
            f"masqués : {hidden}). Rien n'est écrit.",
            f"{shown(path)}: this edition of {year} is sealed already (figures: {figures}, of "
            f"which hidden: {hidden}). Nothing is written.",
        )
        return
    say(
        f"{shown(path)} : édition {len(editions)} de {year} scellée au {day.isoformat()} "
        f"(chiffres : {figures}, dont masqués : {hidden}). Sauvegardez ce dossier et ne le publiez "
        "jamais : il contient les chiffres masqués.",
        f"{shown(path)}: edition {len(editions)} of {year} sealed on {day.isoformat()} (figures: "
        f"{figures}, of which hidden: {hidden}). Back this folder up and never publish it: it "
        "holds the hidden figures.",
    )


def _today() -> date:
    """The day on this computer: erasing is done in real time, it is no output."""
    return datetime.now(tz=UTC).astimezone().date()


def _past_day(text: str | None, option: str = "--as-of") -> date:
    """The day asked for, else today.

    Raises:
        InputError: it is no date, or in the future: lines to be kept would be erased, and nothing
            is published yet.
    """
    today = _today()
    try:
        day = today if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{option} : « {text} » n'est pas une date. Écrivez AAAA-MM-JJ.",
            f"{option}: “{text}” is no date. Write YYYY-MM-DD.",
        ) from None
    if day > today:
        raise InputError(
            f"{option} : {day.isoformat()} est dans le futur. Donnez une date passée.",
            f"{option}: {day.isoformat()} is in the future. Give a past day.",
        )
    return day


def _confirm(yes: bool, fr: str, en: str) -> None:
    if not yes:
        typer.confirm(en if SESSION.language == "en" else fr, abort=True)


def _say_rule(found: Retention) -> None:
    rule, day = found.rule, found.as_of.isoformat()
    fr, en = ("à vérifier", "to check") if rule.status == "to_check" else ("vérifié", "verified")
    say(
        f"{rule.label_fr} : {rule.months} mois après – {rule.starts_fr}. Au {day}. "
        f"Source ({fr}) : {rule.source}.",
        f"{rule.label_en}: {rule.months} months after – {rule.starts_en}. On {day}. "
        f"Source ({en}): {rule.source}.",
    )


_KINDS = {"hours": ("heures", "hours"), "participants": ("fiches", "sheets")}


def _print_held(found: Retention) -> None:
    english = SESSION.language == "en"
    heads = (
        ("What", "Year", "File", "Lines", "To erase", "Undated")
        if english
        else ("Quoi", "Année", "Fichier", "Lignes", "À effacer", "Sans date")
    )
    rows = [
        (
            _KINDS[row.kind][english],
            "—" if row.year is None else str(row.year),
            row.source_file,
            str(row.lines),
            str(row.due),
            str(row.undated),
        )
        for row in found.held
    ]
    print_table(heads, rows)


def _say_counted(counted: Purge) -> None:
    if counted.is_empty:
        say(
            f"Rien à effacer au {counted.as_of.isoformat()} ({counted.months} mois).",
            f"Nothing to erase on {counted.as_of.isoformat()} ({counted.months} months).",
        )
        return
    years = ", ".join(map(str, counted.frozen_years)) or "—"
    say(
        f"À effacer au {counted.as_of.isoformat()} ({counted.months} mois) – personnes : "
        f"{counted.people} ; lignes d'heures : {counted.hour_lines} ; lignes de fichiers : "
        f"{counted.staged_rows}. Années dont les chiffres sur les personnes seront figés : "
        f"{years}.",
        f"To erase on {counted.as_of.isoformat()} ({counted.months} months) – persons: "
        f"{counted.people}; lines of hours: {counted.hour_lines}; rows of files: "
        f"{counted.staged_rows}. Years whose figures about people will be frozen: {years}.",
    )
    if counted.withdrawn:
        years = ", ".join(counted.withdrawn)
        say(
            f"Fiches d'opération internes à retirer des rapports : {years}.",
            f"Internal operation sheets to withdraw from the reports: {years}.",
        )
    for file in counted.deleted:
        say(f"Fichier à supprimer : {file.name}", f"File to delete: {file.name}")


def _say_done(done: Purge, *, with_inputs: bool) -> None:
    if done.tidied.removed:
        say(
            f"Restes d'exécutions interrompues retirés : {done.tidied.removed}.",
            f"Leftovers of killed runs removed: {done.tidied.removed}.",
        )
    if done.tidied.left:
        say(
            f"Dossiers de travail récents laissés, car une autre exécution peut s'en servir : "
            f"{done.tidied.left}. Relancez dans une heure.",
            f"Recent working folders left, because another run may be using them: "
            f"{done.tidied.left}. Run again in an hour.",
        )
    if done.history:
        say(
            "L'historique Dagster nommait un pseudonyme effacé : il a été retiré.",
            "The Dagster history named an erased pseudonym: it was dropped.",
        )
    if done.withdrawn:
        years = ", ".join(done.withdrawn)
        say(
            "Fiches d'opération internes retirées, car elles montraient les personnes effacées : "
            f"{years}. « spaser run --year ANNÉE » les refait sans elles. Les copies déjà "
            "transmises restent à effacer par vous.",
            "Internal operation sheets withdrawn, because they showed the erased persons: "
            f"{years}. `spaser run --year YEAR` makes them again without them. Copies sent "
            "already are yours to erase.",
        )
    if not done.is_empty:
        say(
            f"C'est fait. Personnes effacées : {done.people} ; fichiers supprimés : "
            f"{len(done.deleted)}. Journal : privacy/purges.csv dans les tables du schéma.",
            f"Done. Persons erased: {done.people}; files deleted: {len(done.deleted)}. Log: "
            "privacy/purges.csv in the tables of the scheme.",
        )
    _say_held(done.held, with_inputs=with_inputs)
    say(
        "Les essais (« spaser try ») ne gardent aucune ligne de personne. Les copies faites hors "
        "de ce programme (messagerie, sauvegardes, poste du facilitateur) restent à effacer par "
        "vous.",
        "Trials (`spaser try`) keep no line about a person. Copies made outside this program "
        "(mail, backups, the facilitator's computer) are yours to erase.",
    )


def _say_held(held: tuple[Input, ...], *, with_inputs: bool) -> None:
    for file in held:
        if file.is_spent:
            if not with_inputs:
                say(
                    f"{file.name} : toutes ses lignes sont effacées ; --with-inputs le supprime.",
                    f"{file.name}: all its lines are erased; --with-inputs deletes it.",
                )
            continue
        say(f"{file.name} : gardé, {_why(file, 0)}.", f"{file.name}: kept, {_why(file, 1)}.")


def _why(file: Input, language: int) -> str:
    reasons = (
        (file.changed, ("il a changé depuis sa lecture", "changed since it was read")),
        (file.lines, (f"lignes à garder : {file.lines}", f"lines to keep: {file.lines}")),
        (file.unread, (f"lignes non lues : {file.unread}", f"lines unread: {file.unread}")),
        (
            file.others,
            (
                f"lignes d'un autre registre : {file.others}",
                f"lines of another register: {file.others}",
            ),
        ),
    )
    return ", ".join(words[language] for there, words in reasons if there)
