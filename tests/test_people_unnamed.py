"""No person in any output byte: markers planted where registers have them, then looked for.

One small project, every command that reads or tells about persons, and a search of all that was
written or said: files as bytes, Parquet and databases as values, archives and entities undone.
"""

from __future__ import annotations

import csv
import gzip
import html
import io
import itertools
import json
import logging
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pytest
from openpyxl.comments import Comment
from pyarrow import parquet

from spaser.cards import Catalogue
from spaser.pseudonyms import KEY_VARIABLE
from spaser.warehouse import literal
from tests.curate.run import ROOT
from tests.defs import small
from tests.published import Said, spaser

pytestmark = pytest.mark.faults

BUYER, COMPANY = "00020001400017", "00031057300019"
CARDS = Catalogue(ROOT / "assets")

# --- the markers: fictional, and in no file of a project without them -----------------------------

NAME = "ZZMARQUEUR"
PHONE, PHONE_SPACED = "0639984711", "06 39 98 47 11"
SOCIAL, SOCIAL_SPACED = "287119912399942", "2 87 11 99 123 999 42"
BORN, BORN_ISO = "23/11/1987", "1987-11-23"
ID = "PLIE-97731000"
"""How the facilitator's ids begin: good ids, but no output may have them."""

MARKER = re.compile(
    r"zzmarqueur\w*"
    r"|39[\s.-]?98[\s.-]?47[\s.-]?11"
    r"|87[\s.-]?11[\s.-]?99[\s.-]?123[\s.-]?999"
    r"|23\W{1,3}11\W{1,3}(?:19)?87|1987\W{1,3}11\W{1,3}23|19871123|23 novembre 1987"
    r"|97731000",
    re.IGNORECASE,
)


def named(place: str) -> str:
    """A name that says where it was planted."""
    return f"{NAME}{place.upper()}"


# --- the registers ------------------------------------------------------------------------------


def titled(source: str) -> list[str]:
    """The canonical header of a source."""
    return [str(column) for column in CARDS.sources[f"sources/{source}"].fields.values()]


def table(head: Sequence[str], rows: Iterable[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(head), delimiter=";", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def line(person: int, month: str, **cells: str) -> dict[str, str]:
    """A validated line of the log."""
    return {
        "operation": "Groupe scolaire d'Exemple",
        "marche_id": "M1",
        "maitre_ouvrage": BUYER,
        "facilitateur": "PLIE d'Exemple",
        "entreprise_siret": COMPANY,
        "entreprise": "Bâtir Exemple",
        "periode": month,
        "heures_realisees": "60",
        "heures_validees": "60",
        "etat": "Validée",
        "decide_par": "PLIE d'Exemple",
        "decide_le": f"{month}-28",
        "beneficiaire_id": f"{ID}{person:02d}",
        "modalite": "Embauche directe",
        "secteur": "Espaces verts",
        **cells,
    }


def contracts() -> str:
    """A register of two contracts with a social clause."""
    found = [
        small.contract(number, "2022-01-10") | {"id": f"M{number}", "dureeMois": 60}
        for number in (1, 2)
    ]
    return json.dumps({"marches": {"marche": found}})


def commitments() -> str:
    rows = [
        {
            "engagement_id": f"ENG-{one}",
            "operation": "Groupe scolaire d'Exemple",
            "marche_id": one,
            "maitre_ouvrage": BUYER,
            "facilitateur": "PLIE d'Exemple",
            "entreprise_siret": COMPANY,
            "entreprise": "Bâtir Exemple",
            "mode": "Volume fixe",
            "date_effet": "2022-01-10",
            "heures": "9000",
            "debut": "2022-02-01",
            "fin": "2026-12-31",
            "periodicite": "Mensuel",
            "jour_releve": "10",
        }
        for one in ("M1", "M2")
    ]
    wrong = [rows[0] | {str(column): text} for column, text in misplaced("insertion_commitments")]
    noted = [rows[0] | NOTES]
    return table([*titled("insertion_commitments"), *NOTES], [*rows, *wrong, *noted])


def invoiced() -> str:
    row = {
        "marche_id": "M1",
        "maitre_ouvrage": BUYER,
        "date_facture": "2024-06-30",
        "montant_ht": "1000",
        "base": "HT",
    }
    wrong = [row | {column: text} for column, text in misplaced("insertion_invoiced")]
    return table([*titled("insertion_invoiced"), *NOTES], [row | NOTES, *wrong])


def misplaced(source: str) -> Iterator[tuple[str, str]]:
    """Each column of a source, with what should not be there."""
    card = CARDS.sources[f"sources/{source}"]
    kinds = CARDS.fields_of(card.feeds)
    for name, column in card.fields.items():
        bare = () if kinds[name].kind == "text" else (named(name), SOCIAL, PHONE, BORN, BORN_ISO)
        for text in (*TEXTS, *bare):
            yield str(column), text


NOTES = {
    "Salarié concerné": f"{named('concerne')} Prénom",
    "Commentaire": f"Mme {named('commentaire')} absente, tél. {PHONE}",
    f"Vu par {named('vupar')}": named("note"),
}
"""What the follow-up of a contract has of persons, beside what is read."""


PERSONAL = {
    "Nom": named("nom"),
    "Prénom": named("prenom"),
    "Date de naissance": BORN,
    "Adresse": f"12 rue {named('rue')}",
    "NIR": SOCIAL,
    "Courriel": f"{named('courriel')}@exemple.fr",
    "Téléphone": PHONE_SPACED,
    f"Suivi par {named('entete')}": named("colonne"),
}
"""Columns that a facilitator's tool adds, beside those that are read."""


def participants() -> str:
    rows = [
        {
            "beneficiaire_id": f"{ID}{person:02d}",
            "facilitateur": "PLIE d'Exemple",
            "sexe": "Femme" if person % 2 else "Homme",
            "annee_naissance": BORN if person % 3 else BORN_ISO,
            "publics": "RSA" if person % 3 else f"RSA, {named('public')}",
            "residence_qpv": "oui",
            "eligible_du": "2023-12-15",
            **PERSONAL,
        }
        for person in range(16)
    ]
    rows += [
        rows[0] | {"beneficiaire_id": refused, "sexe": named("sexe"), "eligible_du": BORN}
        for refused in REFUSED_IDS
    ]
    return table([*titled("insertion_participants"), *PERSONAL], rows)


REFUSED_IDS = (named("identifiant"), f"{named('id')} 12", SOCIAL, SOCIAL_SPACED, BORN, PHONE)

TEXTS = (
    f"Mme {named('texte')} {named('suite')}, absente",
    f"né le {BORN} à Exempleville",
    f"habitant au 12 rue {named('adresse')}",
    f"écrire à {named('texte')}@exemple.fr",
    f"NIR {SOCIAL_SPACED}, tél. {PHONE_SPACED}",
    f"{PHONE} {SOCIAL} {BORN_ISO}",
)
"""In a free text a person is known by a shape; a bare name has none, and the guide says so."""


def log() -> str:
    """Hours of sixteen persons, and each column once with what should not be there."""
    early = {"eligible_du": "2022-01-15", "eligible_au": "2022-12-31"}
    rows = [line(person, f"2022-{3 + person % 3:02d}", **early) for person in range(8)]
    rows += [line(person, f"2024-{1 + person % 6:02d}") for person in range(16)]
    rows += [line(0, "2024-09", **PERSONAL), line(0, "2024-09", heures_realisees="250")]
    rows += [line(0, "2024-10", beneficiaire_id=refused) for refused in REFUSED_IDS]
    fields = CARDS.sources["sources/insertion_log"].fields
    kinds = CARDS.fields_of("hours")
    for name, column in fields.items():
        is_text = kinds[name].kind == "text"
        wrong = TEXTS if is_text else (named(name), *TEXTS, SOCIAL, PHONE, BORN, BORN_ISO)
        rows += [line(1, "2024-11") | {str(column): text} for text in wrong]
    head = [*titled("insertion_log"), *PERSONAL]
    broken = [
        f"{named('courte')};{named('ligne')};trop courte",
        ";".join([named("longue")] * (len(head) + 3)),
    ]
    return table(head, rows) + "\n".join(broken) + "\n"


def unfinished() -> str:
    """A log whose last line opens a quotation mark and never closes it."""
    rows = [line(person, "2025-03") for person in range(3)]
    return table(titled("insertion_log"), rows) + f'"{named("guillemet")};{SOCIAL};sans fin\n'


WIDE = ("N° de marché", "Mois", "N° participant", "Heures déclarées", "Heures validées", "Avis")


def companies(path: Path) -> None:
    """A workbook with a sheet a company; names in titles, comments, and what a tool writes."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.creator = named("auteur")
    for number, company in enumerate(("Bâtir Exemple", f"Mme {named('feuille')}")):
        sheet = book.create_sheet(company)
        sheet.append([f"Relevé tenu par {named('titre')}, tél. {PHONE_SPACED}"])
        sheet.append([])
        sheet.append([*WIDE, "Salarié", "Né le", f"Vu par {named('entete')}"])
        for month in (1, 2, 3):
            person = [f"{ID}{number:02d}", 30 + month, 30 + month, "Validée"]
            born = datetime(1987, 11, 23)  # noqa: DTZ001 a cell has no zone
            sheet.append(["M2", f"2024-{month:02d}", *person, named("salarie"), born, PHONE])
        sheet.append(["M2", named("mois"), named("id"), named("heures"), SOCIAL, named("avis")])
        sheet.append(["Total", None, None, 96, 96, f"signé {named('pied')}"])
        sheet["A4"].comment = Comment(f"appeler {named('bulle')}", named("auteur"))
    hidden = book.create_sheet(named("cachee"))
    hidden.sheet_state = "hidden"
    hidden.append(["Nom", "Prénom", "Téléphone"])
    hidden.append([named("nom"), named("prenom"), PHONE])
    book.save(path)


def as_parquet(path: Path) -> None:
    """The canonical log as a program exports it, with columns that nobody asked for."""
    rows = [line(2, "2025-01", site=TEXTS[0], sexe=named("sexe")) | PERSONAL]
    head = [*titled("insertion_log"), *PERSONAL]
    cells = {column: pa.array([row.get(column) for row in rows], pa.string()) for column in head}
    parquet.write_table(pa.table(cells), path)


def events() -> str:
    head = titled("insertion_events")
    row = {
        "marche_id": "M1",
        "maitre_ouvrage": BUYER,
        "entreprise_siret": COMPANY,
        "periode": "2024-01",
        "evenement": "Relevé reçu",
        "date": "2024-02-08",
    }
    wrong = [row | {column: text} for column, text in misplaced("insertion_events")]
    return table([*head, *NOTES], [row | NOTES, *wrong])


HIRES = table(
    ("N° de marché", "Acheteur", "Entreprise", "Salarié", "Date embauche", "Montant"),
    [
        {
            "N° de marché": "M8",
            "Acheteur": BUYER,
            "Entreprise": "Bâtir Exemple",
            "Salarié": f"{named('embauche')} Prénom",
            "Date embauche": "2024-01-03",
            "Montant": "350",
        }
    ],
)
"""A list of hires that reads as a register of contracts."""


def contacts(path: Path) -> None:
    """A register, and beside it a sheet of persons named after one."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = named("personne")
    sheet.append(["Nom", "Prénom", "Tél"])
    sheet.append([named("nom"), named("prenom"), PHONE])
    titled = book.create_sheet(f"Mme {named('onglet')}")
    titled.append(["N° de marché", "Objet", "Acheteur", "Date de notification", "Montant HT"])
    titled.append(["M9", "Travaux", BUYER, "2024-03-01", 1000])
    book.save(path)


STRANGER = table(
    ("Patronyme", "Mél", "Logement", f"Réf. {named('entete')}"),
    [{"Patronyme": named("nom"), "Mél": f"{NAME}@exemple.fr", "Logement": f"12 rue {NAME}"}],
)
"""A list of persons that no source knows."""

TOOL = table(
    [*WIDE, *PERSONAL],
    [
        dict(zip(WIDE, ("M1", "2025-02", f"{ID}03", "20", "20", "Validée"), strict=True))
        | PERSONAL,
        dict(zip(WIDE, ("M1", named("mois"), named("id"), "x", SOCIAL, BORN), strict=True)),
    ],
)
"""A tool's export: it is read through a mapping."""

SCHEME = f"""
title: {{fr: Personnes sans nom}}
period: {{from: 2022, to: 2026}}
buyers: [{{id: "{BUYER}", name: Métropole d'Exemple}}]
inputs: [data/raw/x/**]
"""


# --- the search -----------------------------------------------------------------------------------


def texts_of(content: bytes) -> Iterator[str]:
    """What bytes say, unpacked as often as they were packed."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name
                yield from texts_of(archive.read(name))
    elif content[:2] == b"\x1f\x8b":
        yield from texts_of(gzip.decompress(content))
    elif content[:1] == b"\x78":
        with suppress(zlib.error):
            yield from texts_of(zlib.decompress(content))
    for encoding in ("utf-8", "utf-16-le"):
        yield html.unescape(content.decode(encoding, "replace"))


def values_of(path: Path) -> Iterator[str]:
    """What a file of values decodes to: Parquet, DuckDB, SQLite."""
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            found = connection.execute(f"from read_parquet({literal(path.as_posix())})")
            yield from (str(row) for row in found.fetchall())
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            for schema, name in connection.execute(
                "select table_schema, table_name from information_schema.tables"
            ).fetchall():
                found = connection.execute(f'from "{schema}"."{name}"')
                yield from (str(row) for row in found.fetchall())
    elif path.read_bytes()[:6] == b"SQLite":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            for (name,) in connection.execute(
                "select name from sqlite_master where type = 'table'"
            ).fetchall():
                for row in connection.execute(f'select * from "{name}"'):
                    for cell in row:
                        if isinstance(cell, bytes):
                            yield from texts_of(cell)
                        else:
                            yield str(cell)


def hits(texts: Iterable[str], wanted: re.Pattern[str]) -> set[str]:
    return {found.group() for text in texts for found in wanted.finditer(text)}


def searched(root: Path, wanted: re.Pattern[str], beside: str | None = None) -> dict[str, set[str]]:
    """File under a folder → what it holds of what is looked for, its own name included.

    `beside`: a part of the folder that is not searched.
    """
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if beside and name.startswith(beside):
            continue
        texts: Iterable[str] = [name]
        if path.is_file():
            texts = itertools.chain([name], texts_of(path.read_bytes()), values_of(path))
        if seen := hits(texts, wanted):
            found[name] = seen
    return found


# --- the project, and all that is done with it ---------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A project after every command: where it is, its temporary folder, what was said and logged.

    `fresh`: what of the markers was in it before its registers.
    """

    root: Path
    temporary: Path
    fresh: dict[str, set[str]]
    said: tuple[Said, ...] = field(repr=False)
    logged: str = field(repr=False)

    @property
    def built(self) -> Path:
        """Its tables."""
        return self.root / "data/curated/x"

    def of(self, *words: str) -> Said:
        """The first command line with these words."""
        return next(one for one in self.said if all(word in one.command for word in words))


def registers(inputs: Path) -> None:
    inputs.mkdir(parents=True)
    for name, content in {
        "decp.json": contracts(),
        "engagements.csv": commitments(),
        "participants.csv": participants(),
        "suivi.csv": events(),
        "factures.csv": invoiced(),
        "embauches.csv": HIRES,
        "embauches-non-relues.csv": HIRES.replace("M8", "M7"),
        "heures.csv": log(),
        "casse.csv": unfinished(),
        "outil.csv": TOOL,
        "inconnu.csv": STRANGER,
    }.items():
        (inputs / name).write_text(content, encoding="utf-8")
    companies(inputs / "releves.xlsx")
    contacts(inputs / "registre.xlsx")
    as_parquet(inputs / "heures.parquet")


BEFORE: tuple[tuple[str, ...], ...] = (
    ("map", "{inputs}/outil.csv", "--scheme", "x"),
    ("map", "{inputs}/heures.csv", "--scheme", "x"),
    ("--debug", "map", "{inputs}/inconnu.csv", "--scheme", "x"),
    ("map", "{inputs}/casse.csv", "--scheme", "x"),
    ("map", "{inputs}/suivi.csv", "--scheme", "x"),
    ("map", "{inputs}/registre.xlsx", "--scheme", "x"),
    ("map", "{inputs}/embauches.csv", "--scheme", "x"),
)
PEOPLE = ("--year", "2022", "--scheme", "x", "--scope", "all", "--measure", "people")
HOURS = ("--year", "2022", "--scheme", "x", "--scope", "all", "--measure", "hours")
AFTER: tuple[tuple[str, ...], ...] = (
    ("--debug", "--lang", "en", "run", "x", "--year", "2022", "--as-of", "2026-06-01"),
    ("run", "x", "--as-of", "2026-06-01"),
    ("explain", "SOC-14", *PEOPLE),
    ("--debug", "explain", "SOC-14", *PEOPLE, "--format", "json"),
    ("explain", "SOC-13", *HOURS),
    ("explain", "SOC-03", "--year", "2022", "--scheme", "x"),
    ("map", "{inputs}/releves.xlsx", "--scheme", "x"),
    ("privacy", "retention", "x"),
    ("privacy", "purge", "x", "--dry-run", "--with-inputs"),
    ("privacy", "register", "x"),
    ("privacy", "register", "x", "--out", "{root}/registre.docx"),
    ("corrections", "export", "x", "--out", "{root}/corrections.xlsx"),
    ("--debug", "run", "x", "--as-of", "hier"),
    ("check", "x", "--as-of", "2026-06-01"),
)


def reviewed(mapping: Path) -> None:
    """The mapping as the department agrees to it, for the workbook too."""
    text = mapping.read_text(encoding="utf-8").replace("reviewed: false", "reviewed: true")
    text = text.replace('"Avis": null', '"Avis": line_state')
    text = text.replace("constants:\n", "constants:\n  facilitator: PLIE d'Exemple\n")
    mapping.write_text(text + "sheet_field: company_name\n", encoding="utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    ground = tmp_path_factory.mktemp("unnamed")
    root, temporary, logged = ground / "project", ground / "temporary", io.StringIO()
    temporary.mkdir()
    handler = logging.StreamHandler(logged)
    logger = logging.getLogger()
    level = logger.level
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, str(ground / "own" / "key"))
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        said = [spaser("init", str(root))]
        fresh = searched(root, MARKER, "data/raw/")
        registers(root / "data/raw/x")
        (root / "pipelines/x.yml").write_text(SCHEME, encoding="utf-8")

        def run(arguments: Sequence[str]) -> None:
            words = [word.format(inputs=root / "data/raw/x", root=root) for word in arguments]
            said.append(spaser("--project", str(root), *words))

        try:
            for arguments in BEFORE:
                run(arguments)
            reviewed(root / "pipelines/x/mappings/outil.yml")
            for arguments in AFTER:
                run(arguments)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
    return Done(root, temporary, fresh, tuple(said), logged.getvalue())


# --- what is found --------------------------------------------------------------------------------


def test_the_registers_hold_every_marker_and_a_new_project_none(done: Done) -> None:
    assert done.fresh == {}
    found = searched(done.root / "data/raw/x", MARKER).values()
    planted = {word.upper() for words in found for word in words}
    families = ("39 98 47 11", "39984711", "87 11 99 123 999", "871199123999", BORN, BORN_ISO)
    assert planted.issuperset({*families, ID.removeprefix("PLIE-")})
    assert len({word for word in planted if word.startswith(NAME)}) > 50


REFUSED = ("--as-of hier", "inconnu.csv")
"""What is in the commands that are answered by one message."""


def test_every_command_did_what_it_is_for(done: Done) -> None:
    for one in done.said:
        refused = any(words in one.command for words in REFUSED)
        judged = " check " in one.command
        assert one.code == (2 if refused else int(judged)), one


def test_no_marker_is_in_any_byte_of_the_project(done: Done) -> None:
    assert searched(done.root, MARKER, "data/raw/") == {}


def test_no_marker_is_left_in_the_temporary_folder(done: Done) -> None:
    assert searched(done.temporary, MARKER) == {}


def test_no_marker_is_said_or_logged(done: Done) -> None:
    for one in done.said:
        assert hits([one.out, one.err], MARKER) == set(), one.command
    assert hits([done.logged], MARKER) == set()


# --- pseudonyms -----------------------------------------------------------------------------------

RESTRICTED = (
    "staged/insertion_log",
    "staged/insertion_participants",
    "curated/hour_lines",
    "curated/participants",
    "curated/hours",
    "curated/people",
)
"""The tables that may have a line per person."""


def pseudonyms(done: Done) -> set[str]:
    """Every pseudonym that was given."""
    with duckdb.connect() as connection:
        return {
            person
            for name in ("insertion_log", "insertion_participants")
            for (person,) in connection.execute(
                "select distinct person_id from read_parquet("
                f"{literal((done.built / 'staged' / name / '**/*.parquet').as_posix())}) "
                "where person_id is not null"
            ).fetchall()
        }


def test_persons_were_read_and_figures_about_them_published(done: Done) -> None:
    people = pseudonyms(done)
    assert len(people) >= 16
    assert all(re.fullmatch("[0-9a-f]{32}", person) for person in people)
    with duckdb.connect(str(done.built / "spaser.duckdb"), read_only=True) as connection:
        [(published,)] = connection.execute(
            "select count(*) from indicators.figures "
            "where year = 2022 and axis = '*' and measure = 'people' and value = 8"
        ).fetchall()
        [(hidden,)] = connection.execute(
            "select count(*) from indicators.figures where not is_published"
        ).fetchall()
    assert published
    assert hidden


def test_pseudonyms_stay_in_the_restricted_tables(done: Done) -> None:
    wanted = re.compile("|".join(sorted(pseudonyms(done))))
    found = searched(done.root, wanted, "data/raw/")
    tables = {name: name.removeprefix("data/curated/x/") for name in found}
    assert [name for name, table in tables.items() if not table.startswith(RESTRICTED)] == []
    assert {part for part in RESTRICTED if part.startswith("curated/")} <= {
        part for part in RESTRICTED for table in tables.values() if table.startswith(part)
    }
    assert searched(done.temporary, wanted) == {}
    assert hits([done.logged, *(one.out + one.err for one in done.said)], wanted) == set()


def test_the_published_database_has_nothing_per_person(done: Done) -> None:
    hidden = {part.replace("/", ".") for part in RESTRICTED}
    assert {"curated.hours", "curated.people", "curated.participants"} <= hidden
    with duckdb.connect(str(done.built / "spaser.duckdb"), read_only=True) as connection:
        columns = connection.execute(
            "select table_schema || '.' || table_name, column_name from information_schema.columns"
        ).fetchall()
    tables = {table for table, _ in columns}
    assert "curated.operations" in tables
    assert tables & {*hidden, "facts.people_figures"} == set()
    assert [table for table in tables if table.startswith("privacy.")] == []
    # Counted operation by operation, nothing is suppressed yet.
    assert [(table, name) for table, name in columns if name in ("people", "companies")] == []
    assert [(table, name) for table, name in columns if name in ("pseudonym", "person_id")] == []


# --- the search itself ----------------------------------------------------------------------------


def _gz(path: Path) -> None:
    path.write_bytes(gzip.compress(f"x {NAME} x".encode()))


def _nested(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv.gz", gzip.compress(PHONE_SPACED.encode()))
    path.write_bytes(inner.getvalue())


def _workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["B2"] = named("cellule")
    book.save(path)


def _parquet(path: Path) -> None:
    lists = pa.array([[f"x{SOCIAL}x"]], pa.list_(pa.string()))
    parquet.write_table(pa.table({"a": lists}), path, compression="zstd", write_statistics=False)


def _duckdb(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema s")
        connection.execute(f"create table s.t as select date '{BORN_ISO}' as born")


def _sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t (body blob)")
        body = zlib.compress(f"x {NAME} x".encode())
        connection.execute("insert into t values (?)", [body])
        connection.commit()


PLACES: dict[str, Callable[[Path], object]] = {
    "a.txt": lambda path: path.write_text(f"Mme {NAME.lower()}", encoding="utf-8"),
    "a.html": lambda path: path.write_text("&#90;ZMARQUEUR", encoding="utf-8"),
    "a.bin": lambda path: path.write_bytes(b"\xff\x00" + ID.encode() + b"01\xff"),
    "utf16.txt": lambda path: path.write_bytes(BORN.encode("utf-16-le")),
    f"{NAME}.csv": lambda path: path.write_bytes(b""),
    "a.gz": _gz,
    "a.zip": _nested,
    "a.xlsx": _workbook,
    "a.parquet": _parquet,
    "a.duckdb": _duckdb,
    "a.db": _sqlite,
}


@pytest.mark.parametrize("name", PLACES)
def test_the_search_finds_a_planted_marker(tmp_path: Path, name: str) -> None:
    (tmp_path / "sous-dossier").mkdir()
    path = tmp_path / "sous-dossier" / name
    PLACES[name](path)
    assert list(searched(tmp_path, MARKER)) == [f"sous-dossier/{name}"]
    path.unlink()
    assert searched(tmp_path, MARKER) == {}
