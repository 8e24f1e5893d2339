"""The one place that opens an engine, and where a scheme's tables lie.

A table `curated.contracts` is the folder `<root>/curated/contracts/` of Parquet parts. A part is
written beside the old one and moved into place, so a reader never sees half of it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa

STORAGE_VERSION = "v1.2.0"
"""Storage version of `spaser.duckdb`: readable by DuckDB 1.x."""

MEMORY_LIMIT = "400MB"
"""What a session may hold before it spills to disk; a whole run stays under 600 MB."""

THREADS = min(4, os.cpu_count() or 1)
"""Each thread needs its share of the memory: more threads under the same limit would fail."""

ROW_GROUP = 16_384
"""Rows of a Parquet row group: what one thread reads, so a table of any size occupies them all."""

Connection = duckdb.DuckDBPyConnection
EngineError = duckdb.Error


@contextmanager
def session(memory_limit: str = MEMORY_LIMIT, threads: int = THREADS) -> Iterator[Connection]:
    """An in-memory DuckDB that spills to a temporary folder and loads no extension."""
    with tempfile.TemporaryDirectory(prefix="spaser-") as spill:
        connection = duckdb.connect(
            config={
                "temp_directory": spill,
                "memory_limit": memory_limit,
                "threads": threads,
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        try:
            connection.execute("set enable_progress_bar = false; set TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()


class Tables:
    """The Parquet tables of one scheme under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, table: str) -> Path:
        """Where the parts of a table lie."""
        layer, name = table.split(".")
        return self.root / layer / name

    def exists(self, table: str) -> bool:
        """Whether at least one part of the table has been built."""
        folder = self.folder(table)
        return folder.is_dir() and next(folder.glob("*.parquet"), None) is not None

    def names(self) -> list[str]:
        """Every table built, sorted."""
        folders = {path.parent for path in self.root.glob("*/*/*.parquet")}
        return sorted(f"{folder.parent.name}.{folder.name}" for folder in folders)

    def rows(self, table: str) -> int:
        """How many rows a table has, as its parts say; 0 when it was not built."""
        from pyarrow import parquet

        parts = self.folder(table).glob("*.parquet")
        return sum(parquet.read_metadata(part).num_rows for part in parts)

    def scan(self, table: str) -> str:
        """The SQL that reads a table."""
        pattern = _literal(f"{self.folder(table).as_posix()}/*.parquet")
        return f"read_parquet({pattern}, union_by_name = true)"

    def attach(self, connection: Connection, tables: Iterable[str]) -> None:
        """Create a view `layer.table` for each table."""
        for table in tables:
            connection.execute(f"create schema if not exists {table.split('.')[0]}")
            connection.execute(
                f"create or replace view {table} as select * from {self.scan(table)}"
            )

    def write(self, connection: Connection, table: str, query: str, part: str = "part") -> int:
        """Write the rows of a query as one part of a table; returns their number."""
        with self._beside(table, part) as beside:
            counted = connection.execute(
                f"copy ({query}) to {_literal(beside.as_posix())} "
                f"(format parquet, compression zstd, row_group_size {ROW_GROUP})"
            ).fetchall()
        return int(counted[0][0])

    def write_batches(self, table: str, batches: Iterable[pa.Table], part: str) -> int:
        """Write one part of a table batch by batch, so that only one is in memory."""
        from pyarrow import parquet

        rows = 0
        with self._beside(table, part) as beside:
            writer: parquet.ParquetWriter | None = None
            try:
                for batch in batches:
                    if writer is None:
                        writer = parquet.ParquetWriter(beside, batch.schema, compression="zstd")
                    writer.write_table(batch.cast(writer.schema))
                    rows += batch.num_rows
            finally:
                if writer is not None:
                    writer.close()
        return rows

    @contextmanager
    def _beside(self, table: str, part: str) -> Iterator[Path]:
        """Where to write a part: moved into place once whole, removed when it is interrupted."""
        target = self.folder(table) / f"{part}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(".parquet.tmp")
        try:
            yield beside
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)

    def keep_only(self, table: str, parts: Iterable[str]) -> None:
        """Remove the parts of a table that are not named."""
        kept = set(parts)
        for path in self.folder(table).glob("*.parquet"):
            if path.stem not in kept:
                path.unlink()

    def clear(self, table: str) -> None:
        """Remove every part of a table."""
        shutil.rmtree(self.folder(table), ignore_errors=True)


class Engine(Protocol):
    """What the layers from facts on ask of an engine: the same SQL text runs on each."""

    def register(self, name: str, parquet: str) -> None:
        """Make Parquet files readable under a table name."""

    def query(self, sql: str) -> pa.Table:
        """The rows of a query."""


class DuckDBEngine:
    """The default engine: embedded, no configuration."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def register(self, name: str, parquet: str) -> None:
        """A view over Parquet files."""
        self.connection.execute(
            f"create or replace view {name} as "
            f"select * from read_parquet({_literal(parquet)}, union_by_name = true)"
        )

    def query(self, sql: str) -> pa.Table:
        """The rows of a query."""
        return self.connection.sql(sql).to_arrow_table()


def write_database(
    tables: Tables, target: Path, left_out: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write every table as a real table of one DuckDB file, then move it into place.

    `left_out`: table → columns that are not written; without any column the table is not written.
    """
    hidden = left_out or {}
    beside = target.with_name(target.name + ".tmp")
    beside.unlink(missing_ok=True)
    with session() as connection:
        connection.execute(
            f"attach {_literal(beside.as_posix())} as out (storage_version '{STORAGE_VERSION}')"
        )
        for table in tables.names():
            columns = hidden.get(table)
            if columns is not None and not columns:
                continue
            kept = f"* exclude ({', '.join(columns)})" if columns else "*"
            connection.execute(f"create schema if not exists out.{table.split('.')[0]}")
            connection.execute(
                f"create table out.{table} as select {kept} from {tables.scan(table)}"
            )
        connection.execute("detach out")
    beside.replace(target)


@contextmanager
def open_database(path: Path) -> Iterator[Connection]:
    """A published `spaser.duckdb`, read-only."""
    connection = duckdb.connect(str(path), read_only=True)
    try:
        yield connection
    finally:
        connection.close()


def digest(connection: Connection, relation: str) -> str:
    """A digest of a relation's rows that does not depend on their order."""
    rows = connection.execute(
        f"select count(*), coalesce(sum(hash(r)::hugeint), 0) from (select * from {relation}) r"
    ).fetchall()
    return hashlib.sha256(str(rows[0]).encode()).hexdigest()[:16]


def swap_folder(beside: Path, target: Path) -> None:
    """Put a finished folder in the place of the old one; a failure or a kill leaves one whole.

    Where the system can exchange two names in one step nothing is ever absent; elsewhere a kill
    between the two renames leaves the old folder aside, and `restore_folders` puts it back.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        beside.rename(target)
        return
    if _exchange(beside, target):
        shutil.rmtree(beside, ignore_errors=True)
        return
    old = target.with_name(f".{target.name}{_ASIDE}")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    try:
        beside.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def restore_folders(root: Path) -> None:
    """Undo the swaps that a kill cut in two, in a folder and in those it holds."""
    for old in sorted({*root.glob(f".*{_ASIDE}"), *root.glob(f"*/.*{_ASIDE}")}):
        target = old.with_name(old.name.removeprefix(".").removesuffix(_ASIDE))
        if not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)


_ASIDE = ".spaser-old"
"""Ends the name of the folder that waits while the new one is put in its place."""

_AT_WORKING_FOLDER = -100
_RENAME_EXCHANGE = 2


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the disk cannot (Linux can)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    done: int = rename(_AT_WORKING_FOLDER, names[0], _AT_WORKING_FOLDER, names[1], _RENAME_EXCHANGE)
    return done == 0


def literal(value: str) -> str:
    """A SQL string literal."""
    return _literal(value)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def writable(folder: Path) -> bool:
    """Whether files can be created in a folder (or in the nearest existing parent)."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)
