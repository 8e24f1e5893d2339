"""Builds one table of the hours half from its card."""

from __future__ import annotations

from collections.abc import Callable

from spaser.cards import Catalogue
from spaser.hours import figures, follow_up, followed, operations, publics, worked
from spaser.warehouse import Connection, Tables, session

Builder = Callable[[Connection, Tables, Catalogue], int]
"""Writes a table, its findings and its balances, over the views of what it depends on."""

BUILDERS: dict[str, Builder] = {
    "curated/committed_contracts": followed.build_committed_contracts,
    "curated/returns": followed.build_returns,
    "curated/operations": operations.build_operations,
    "facts/operations": operations.build_operation_years,
    "quality/follow_up": follow_up.build_follow_up,
    "curated/hours": worked.build_hours,
    "curated/people": worked.build_people,
    "curated/operation_people": publics.build_operation_people,
    "facts/people_figures": figures.build_people_figures,
}
"""The tables built here, by the key of their card."""


def build(tables: Tables, catalogue: Catalogue, card_key: str) -> int:
    """Build the table of a card; returns its number of rows.

    The tables that the card names in `depends_on` are there as views of the same names; those that
    were not built are not.
    """
    card = catalogue.tables[card_key]
    with session() as connection:
        tables.attach(connection, (name for name in card.depends_on if tables.exists(name)))
        return BUILDERS[card_key](connection, tables, catalogue)
