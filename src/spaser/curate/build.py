"""Builds one curated or facts table from its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from spaser.cards import Catalogue
from spaser.curate import findings_of, publications, records, references
from spaser.scheme import Scheme
from spaser.warehouse import Connection, Tables, session


@dataclass(frozen=True)
class Settings:
    """What a run asks for: the scheme, and the day that stands for today (null: found)."""

    scheme: Scheme
    as_of: date | None = None


def build(tables: Tables, catalogue: Catalogue, card_key: str, settings: Settings) -> int:
    """Build the table of a card; returns its number of rows.

    A card with a SQL file beside it is that query over the tables it depends on and the reference
    tables; the others have a builder here. Findings and balances of the step go with it.
    """
    card = catalogue.tables[card_key]
    with session() as connection:
        references.register(connection, catalogue, settings.scheme)
        tables.attach(connection, card.depends_on)
        builder = _BUILDERS.get(card_key)
        if builder is not None:
            rows = builder(connection, tables, catalogue, settings)
        else:
            rows = tables.write(connection, card.table, catalogue.sql(card_key))
        findings_of.write(connection, tables, catalogue, card)
    return rows


_Builder = Callable[[Connection, Tables, Catalogue, Settings], int]


def _records(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    as_of = records.build(connection, tables, catalogue, settings.as_of)
    records.write_run(connection, tables, settings.scheme, as_of)
    return records.count(connection, tables)


def _publications(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    del settings
    return publications.build(connection, tables, catalogue)


_BUILDERS: dict[str, _Builder] = {
    "curated/records": _records,
    "curated/publications": _publications,
}
