"""Spend and lists of suppliers, staged and built as the pipeline does, without Dagster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.curate import findings_of, forms, references
from spaser.curate.typed import PROVENANCE
from spaser.scheme import Buyer, Scheme, Text
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS

SCHEME = Scheme(
    name="fiction",
    title=Text(fr="Fiction", en="Fiction"),
    buyers=(Buyer(id=BUYER, name="Ville d'Exemple"),),
    inputs=("nulle/part",),
)


def stage(tables: Tables, source: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Staged rows as ingest writes them, all text; a file's rows are numbered from L2."""
    card = CARDS.sources[f"sources/{source}"]
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
        for name in (*PROVENANCE, *CARDS.fields_of(card.feeds))
    }
    with session() as connection:
        connection.register("given", pa.table(columns))
        tables.write(connection, f"staged.{source}", "select * from given")


def build(tables: Tables, *keys: str, scheme: Scheme = SCHEME, cards: Catalogue = CARDS) -> None:
    """Build tables of forms, in the order given, with their findings."""
    for key in keys:
        with session() as connection:
            references.register(connection, cards, scheme)
            tables.attach(connection, cards.tables[key].depends_on)
            forms.build(connection, tables, cards, key)
            findings_of.write(connection, tables, cards, cards.tables[key])


def write(tables: Tables, table: str, query: str) -> None:
    """A small table by hand."""
    with session() as connection:
        tables.write(connection, table, query)
