"""Builds one curated or facts table from its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.curate import (
    corrections,
    criteria,
    entries,
    findings_of,
    forms,
    insertion,
    matching,
    publications,
    records,
    references,
)
from spaser.curate.typed import Spellings
from spaser.ledger import Correction
from spaser.scheme import Scheme
from spaser.warehouse import Connection, Tables, session


@dataclass(frozen=True)
class Settings:
    """What a run asks for, and what the department decided.

    scheme: who reports. as_of: the day that stands for today (null: found). spellings: texts of
    code lists as the department's reviewed mappings read them. ledger: its corrections.
    """

    scheme: Scheme
    as_of: date | None = None
    spellings: Spellings = field(default_factory=dict)
    ledger: tuple[Correction, ...] = ()


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
        elif card_key in (*forms.READ, *forms.DERIVED):
            rows = forms.build(connection, tables, catalogue, card_key, settings.spellings)
        elif card_key in insertion.READ:
            rows = insertion.build(connection, tables, catalogue, card_key, settings.spellings)
        else:
            rows = tables.write(connection, card.table, catalogue.sql(card_key))
        findings_of.write(connection, tables, catalogue, card)
    return rows


_Builder = Callable[[Connection, Tables, Catalogue, Settings], int]


def _records(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    as_of = records.build(connection, tables, catalogue, settings.as_of, settings.spellings)
    records.write_run(connection, tables, settings.scheme, as_of)
    return records.count(connection, tables)


def _publications(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    del settings
    return publications.build(connection, tables, catalogue)


def _reconciliation(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    decisions = [(line.key, line.field, line.new) for line in settings.ledger]
    columns = zip(*decisions, strict=True) if decisions else ([], [], [])
    names = ("key", "field", "new")
    rows = {
        name: pa.array(list(column), pa.string())
        for name, column in zip(names, columns, strict=True)
    }
    connection.register("ledger_rows", pa.table(rows))
    return matching.build(connection, tables, catalogue, settings)


def _corrections(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    precedence = settings.scheme.precedence
    return corrections.build(connection, tables, catalogue, precedence, settings.ledger)


def _entries(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    return entries.build(connection, tables, catalogue, settings.scheme.precedence)


def _criteria(
    connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings
) -> int:
    del settings
    return criteria.build(connection, tables, catalogue)


_BUILDERS: dict[str, _Builder] = {
    "curated/records": _records,
    "curated/publications": _publications,
    "curated/reconciliation": _reconciliation,
    "curated/corrections": _corrections,
    "curated/entries": _entries,
    "curated/criteria": _criteria,
}
