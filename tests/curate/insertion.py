"""Commitments, logs and participants, staged and built as the pipeline does, without ingest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pyarrow as pa

from spaser import hours
from spaser.cards import Catalogue, Feeds, SourceCard, Text
from spaser.curate import Settings, build
from spaser.warehouse import Tables, session
from tests.curate.forms import SCHEME
from tests.curate.run import BUYER, ROOT, stage_rows

FEEDS: tuple[Feeds, ...] = ("commitments", "invoiced", "clause_events", "hours", "participants")
TABLES = (
    "curated/commitments",
    "curated/invoiced",
    "curated/clause_events",
    "curated/hour_lines",
    "curated/participants",
    "curated/hours",
    "curated/people",
)


class Cards(Catalogue):
    """The catalogue with one source of each feed, whatever the real ones are called."""

    def sources_of(self, feeds: Feeds) -> list[SourceCard]:
        """The one source of the tests."""
        text = Text(fr="Essai", en="Test")
        return [SourceCard(key=f"sources/{feeds}", title=text, description=text, feeds=feeds)]


@cache
def cards() -> Cards:
    """The cards of the tests, read once."""
    return Cards(ROOT / "assets")


def stage(tables: Tables, feeds: Feeds, rows: Iterable[Mapping[str, Any]]) -> None:
    """Staged rows of the one source that feeds a table."""
    stage_rows(tables, feeds, rows, cards().staged_fields(feeds))


CONTRACT = {
    "uid": pa.string(),
    "buyer_id": pa.string(),
    "contract_id": pa.string(),
    "lot_number": pa.string(),
    "notified_date": pa.date32(),
    "duration_months": pa.int32(),
}
HOLDER = {
    "uid": pa.string(),
    "record_kind": pa.string(),
    "siret": pa.string(),
    "holder_name": pa.string(),
}


def _write(tables: Tables, table: str, schema: Mapping[str, Any], rows: list[Any]) -> None:
    with session() as connection:
        typed = {name: pa.array([r.get(name) for r in rows], kind) for name, kind in schema.items()}
        connection.register("given", pa.table(typed))
        tables.write(connection, table, "select * from given")


def register(
    tables: Tables,
    contracts: Iterable[Mapping[str, Any]],
    holders: Iterable[Mapping[str, Any]] = (),
) -> None:
    """The register: contracts by their uid (`<buyer>-<id>[#n]`), and who holds them."""
    rows = []
    for given in contracts:
        buyer, _, rest = given["uid"].partition("-")
        read = {"buyer_id": buyer, "contract_id": rest.split("#")[0]}
        rows.append(read | dict(given))
    _write(tables, "curated.contracts", CONTRACT, rows)
    _write(tables, "curated.holders", HOLDER, [{"record_kind": "contract"} | h for h in holders])


def build_tables(tables: Tables, *keys: str) -> Tables:
    """Build the tables asked for, or all of them."""
    for key in keys or TABLES:
        if key in hours.BUILDERS:
            hours.build(tables, cards(), key)
        else:
            build(tables, cards(), key, Settings(SCHEME))
    return tables


__all__ = ["BUYER", "build_tables", "register", "stage"]
