"""Findings of a curated table: the SQL beside its card, `<table>.findings.sql`."""

from __future__ import annotations

from spaser.cards import Catalogue, TableCard
from spaser.findings import write_findings
from spaser.warehouse import Connection, Tables


def write(connection: Connection, tables: Tables, catalogue: Catalogue, card: TableCard) -> None:
    """Run `assets/<key>.findings.sql`, if the card has one, over the table just built."""
    path = catalogue.assets / f"{card.key}.findings.sql"
    if path.is_file():
        tables.attach(connection, [card.table])
        query = path.read_text(encoding="utf-8")
        write_findings(connection, catalogue, tables, card.key.replace("/", "_"), query)
