"""Commitments, logs and participants, staged and built as the pipeline does, without ingest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pyarrow as pa

from spaser import hours
from spaser.cards import Catalogue, Feeds, SourceCard, Text
from spaser.curate import Settings, build
from spaser.curate.typed import PROVENANCE
from spaser.warehouse import Tables, session
from tests.curate.forms import SCHEME
from tests.curate.run import BUYER, ROOT

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
    """Staged rows as ingest writes them, all text; a file's rows are numbered from L2."""
    given = []
    for position, row in enumerate(rows):
        file = row.get("source_file", f"{feeds}.csv")
        defaults = {
            "source_file": file,
            "file_sha256": str(file),
            "source": feeds,
            "source_pointer": f"L{position + 2}",
            "position": position,
            "record_kind": "contract",
        }
        given.append(defaults | dict(row))
    kinds = {"position": pa.int64()}
    columns = {
        name: pa.array([row.get(name) for row in given], kinds.get(name, pa.string()))
        for name in (*PROVENANCE, *cards().staged_fields(feeds))
    }
    with session() as connection:
        connection.register("given", pa.table(columns))
        tables.write(connection, f"staged.{feeds}", "select * from given")


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
