"""Parts of tables: whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from spaser.warehouse import Connection, Tables, session

TABLE = "curated.contracts"


@pytest.fixture
def connection() -> Iterator[Connection]:
    with session() as opened:
        yield opened


@pytest.fixture
def tables(tmp_path: Path, connection: Connection) -> Tables:
    """A table of one row."""
    built = Tables(tmp_path)
    built.write(connection, TABLE, "select 1 as uid")
    return built


def files(tables: Tables) -> list[str]:
    return sorted(path.name for path in tables.root.rglob("*") if path.is_file())


def interrupted() -> Iterator[pa.Table]:
    yield pa.table({"uid": [2]})
    raise KeyboardInterrupt


def test_rows_are_those_of_all_the_parts(tables: Tables, connection: Connection) -> None:
    tables.write(connection, TABLE, "select * from range(4) t(uid)", part="more")
    assert tables.rows(TABLE) == 1 + 4
    assert tables.rows("curated.lots") == 0, "it was not built"


def test_a_query_that_fails_leaves_the_part_as_it_was(
    tables: Tables, connection: Connection
) -> None:
    with pytest.raises(Exception, match="half of it"):
        tables.write(
            connection,
            TABLE,
            "select if(uid > 50000, error('half of it'), uid) from range(90000) t(uid)",
        )
    assert files(tables) == ["part.parquet"]
    assert tables.rows(TABLE) == 1


def test_an_interruption_leaves_the_part_as_it_was(tables: Tables) -> None:
    with pytest.raises(KeyboardInterrupt):
        tables.write_batches(TABLE, interrupted(), "part")
    assert files(tables) == ["part.parquet"]
    assert tables.rows(TABLE) == 1


def test_an_interruption_of_a_new_table_leaves_nothing(tables: Tables) -> None:
    with pytest.raises(KeyboardInterrupt):
        tables.write_batches("curated.lots", interrupted(), "part")
    assert not tables.exists("curated.lots")
    assert files(tables) == ["part.parquet"]
