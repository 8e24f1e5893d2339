"""Registers in, tables out: how the tests of the core call the stages, without Dagster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pyarrow as pa

from spaser import curate, hours, indicators, ingest, ledger, privacy
from spaser.cards import Catalogue, catalogue
from spaser.curate import Settings
from spaser.curate.typed import PROVENANCE
from spaser.mappings import load_mappings, spellings_of
from spaser.project import Project, definitions_root
from spaser.quality.audit import write_audits
from spaser.quality.proposals import write_proposals
from spaser.scheme import Scheme, input_files, scheme_for_files
from spaser.warehouse import Tables, session

ROOT = definitions_root()
PROJECT = Project(ROOT)
EVERYTHING = "everything"
CARDS: Catalogue = catalogue(ROOT / "assets")
BUYER = "00030001200010"
OTHER_BUYER = "00030002000013"


def stages(last: str | None = None) -> list[str]:
    """The keys of the tables that curate builds, in order, up to `last`.

    Without `last` all but those of quality and of the hours half, which few tests look at (but for
    what the others stand on); with `EVERYTHING` those too.
    """
    built = {
        key: card
        for key, card in CARDS.tables.items()
        if key.startswith(("curated/", "facts/"))
        or key in hours.BUILDERS
        or (CARDS.assets / f"{key}.sql").is_file()
    }
    needs = {
        key: {name.replace(".", "/") for name in card.depends_on} & set(built)
        for key, card in built.items()
    }
    order = list(TopologicalSorter(needs).static_order())
    if last == EVERYTHING:
        return order
    wanted: set[str] = set()
    waiting = [last] if last else [key for key in order if _is_core(key)]
    while waiting:
        key = waiting.pop()
        wanted.add(key)
        waiting += needs[key] - wanted
    return [key for key in order if key in wanted]


def _is_core(key: str) -> bool:
    return not key.startswith("quality/") and key not in hours.BUILDERS


def curate_all(
    tables: Tables, scheme: Scheme, last: str | None = None, settings: Settings | None = None
) -> Tables:
    """Build the curated and facts tables over what is staged."""
    for key in stages(last):
        build_table(tables, key, settings or settings_of(scheme))
    return tables


def build_table(tables: Tables, key: str, settings: Settings) -> None:
    """Build one table, with whichever half of the program makes it."""
    if key in hours.BUILDERS:
        hours.build(tables, CARDS, key)
    else:
        curate.build(tables, CARDS, key, settings)


def settings_of(scheme: Scheme) -> Settings:
    """What a run of the scheme would use: its mappings and its corrections."""
    spellings = spellings_of(load_mappings(PROJECT, scheme.name), CARDS)
    lines = ledger.read(ledger.ledger_file(PROJECT, scheme.name))
    return Settings(scheme, spellings=spellings, ledger=lines)


def run_files(
    root: Path,
    files: Sequence[Path],
    scheme: Scheme | None = None,
    last: str | None = None,
    settings: Settings | None = None,
) -> Tables:
    """Files → staged → curated → facts."""
    chosen = scheme or (settings.scheme if settings else scheme_for_files(tuple(files)))
    tables = Tables(root)
    mappings = load_mappings(PROJECT, chosen.name)
    ingest.stage(input_files(chosen, ROOT), tables, CARDS, ROOT, mappings, chosen.only_buyer)
    return curate_all(tables, chosen, last, settings)


def run_indicators(tables: Tables, scheme: Scheme, *, with_evidence: bool = True) -> None:
    """Results, evidence and verdicts of every year, figures about people suppressed first."""
    privacy.build(tables, CARDS)
    years = indicators.years_found(tables)
    indicators.compute(tables, CARDS, scheme, years, with_evidence=with_evidence)
    for year in years:
        indicators.judge(tables, CARDS, scheme, year)


def conclude(tables: Tables, scheme: Scheme) -> None:
    """What is concluded from the results of every year: the duty, the audits, what to do."""
    years = indicators.years_found(tables)
    for year in years:
        indicators.write_duty(tables, CARDS, scheme, year)
    write_audits(tables, PROJECT, scheme)
    write_proposals(tables, PROJECT, scheme)
    indicators.write_actions(tables, CARDS, scheme, years)


def register(folder: Path, name: str, records: Iterable[Mapping[str, Any]]) -> Path:
    """A DECP 2022 register in its official envelope."""
    path = folder / name
    text = json.dumps({"marches": {"marche": list(records)}}, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def contract(**changes: Any) -> dict[str, Any]:
    """A complete record of the 2022 format; a value of `...` takes the key away."""
    record: dict[str, Any] = {
        "id": "2024-001",
        "acheteur": {"id": BUYER},
        "nature": "Marché",
        "objet": "Entretien des espaces verts",
        "codeCPV": "77310000",
        "procedure": "Procédure adaptée",
        "lieuExecution": {"code": "59000", "typeCode": "Code postal"},
        "dureeMois": 12,
        "dateNotification": "2024-03-01",
        "datePublicationDonnees": "2024-03-15",
        "montant": 100000,
        "formePrix": "Forfaitaire",
        "offresRecues": 3,
        "marcheInnovant": False,
        "ccag": "Fournitures courantes et services",
        "attributionAvance": False,
        "sousTraitanceDeclaree": False,
        "typeGroupementOperateurs": "Pas de groupement",
        "techniques": {"technique": ["Sans objet"]},
        "modalitesExecution": {"modaliteExecution": ["Sans objet"]},
        "typesPrix": {"typePrix": ["Définitif ferme"]},
        "considerationsSociales": {"considerationSociale": ["Pas de considération sociale"]},
        "considerationsEnvironnementales": {
            "considerationEnvironnementale": ["Pas de considération environnementale"]
        },
        "titulaires": [{"titulaire": {"id": "00040001000013", "typeIdentifiant": "SIRET"}}],
    }
    return {key: value for key, value in (record | changes).items() if value is not ...}


def stage_rows(
    tables: Tables,
    source: str,
    rows: Iterable[Mapping[str, Any]],
    fields: Iterable[str] = CARDS.fields,
) -> None:
    """Staged rows as ingest writes them, all text; they are numbered from L2."""
    given = []
    for position, row in enumerate(rows):
        file = row.get("source_file", f"{source}.csv")
        defaults = {
            "source_file": file,
            "file_sha256": str(file),
            "source": source,
            "source_pointer": f"L{position + 2}",
            "position": position,
            "record_kind": "contract",
        }
        given.append(defaults | dict(row))
    columns = {
        name: pa.array(
            [row.get(name) for row in given],
            pa.int64() if name == "position" else pa.string(),
        )
        for name in (*PROVENANCE, *fields)
    }
    with session() as connection:
        connection.register("given", pa.table(columns))
        tables.write(connection, f"staged.{source}", "select * from given")


def rows(tables: Tables, query: str) -> list[dict[str, Any]]:
    """The rows of a query over every table built."""
    with session() as connection:
        tables.attach(connection, tables.names())
        answer = connection.execute(query)
        names = [column[0] for column in answer.description or []]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def one(tables: Tables, query: str) -> dict[str, Any]:
    """The only row of a query."""
    (row,) = rows(tables, query)
    return row


def open_balances(tables: Tables) -> list[dict[str, Any]]:
    """Balances that do not close: none, or something was lost."""
    return rows(
        tables, "select * from quality.balances where records_in <> kept + merged + rejected"
    )
