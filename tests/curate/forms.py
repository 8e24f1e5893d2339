"""Spend and lists of suppliers, staged and built as the pipeline does, without Dagster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spaser.cards import Catalogue
from spaser.curate import findings_of, forms, references
from spaser.scheme import Buyer, Scheme, Text
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS, stage_rows

SCHEME = Scheme(
    name="fiction",
    title=Text(fr="Fiction", en="Fiction"),
    buyers=(Buyer(id=BUYER, name="Ville d'Exemple"),),
    inputs=("nulle/part",),
)


def stage(tables: Tables, source: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Staged rows of a source, by its card."""
    fields = CARDS.fields_of(CARDS.sources[f"sources/{source}"].feeds)
    stage_rows(tables, source, rows, fields)


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
