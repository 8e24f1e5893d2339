"""Spend ledgers and lists of suppliers: the tables that come from no register.

Each is the SQL of its card over the typed rows of its sources (`typed_<feeds>`), over
`reference.supplier_kinds`, and over the tables it depends on. Findings of what was not understood
are written with the reading, and a balance says what became of every row.
"""

from __future__ import annotations

from spaser.cards import Catalogue, Feeds
from spaser.curate import typed
from spaser.findings import Balance, write_balances
from spaser.warehouse import Connection, Tables

READ: dict[str, Feeds] = {
    "curated/spend": "spend",
    "curated/suppliers": "suppliers",
    "curated/establishments": "establishments",
}
"""The tables read from staged sources, and what their sources feed."""

DERIVED = ("curated/supplier_facts", "curated/holder_facts")
"""The tables that ask the lists of suppliers about holders and creditors."""


def build(
    connection: Connection,
    tables: Tables,
    catalogue: Catalogue,
    card_key: str,
    spellings: typed.Spellings | None = None,
) -> int:
    """Write one table of `READ` or `DERIVED`; returns its number of rows.

    `spellings` are the values that the department reviewed in its mappings. A table without
    sources is written empty. Of a table that is read, the rows that are not kept are repetitions:
    the balance calls them merged.
    """
    connection.execute(_MACROS)
    card = catalogue.tables[card_key]
    if card_key not in READ:
        return tables.write(connection, card.table, catalogue.sql(card_key))
    feeds = READ[card_key]
    received = typed.read_table(connection, tables, catalogue, feeds, spellings)
    kept = tables.write(connection, card.table, catalogue.sql(card_key))
    balance = Balance(feeds, received, kept, received - kept, 0)
    write_balances(connection, tables, feeds, [balance])
    return kept


_MACROS = """
create macro without_tax(eur, rate) as case when rate >= 0 then cast(
    cast(sign(eur) * ((2 * cast(abs(cast(eur as decimal(38,2))) * 100 as hugeint) * 1000000
            + 1000000 + cast(rate * 1000000 as hugeint))
        // (2 * (1000000 + cast(rate * 1000000 as hugeint)))) as decimal(36,0))
    * cast(0.01 as decimal(2,2)) as decimal(18,2)) end;
"""
"""`without_tax`: an amount with VAT brought to cents without VAT by exact integers, half up."""
