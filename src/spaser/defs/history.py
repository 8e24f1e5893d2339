"""Dagster's history in SQLite, through connections that stay open.

Dagster's own storage opens a new engine and a new connection for each of the thousand events of a
run, and closing the last one writes the whole log back to its file: half the time of a small run.
The files are the same: an installation may go back to `storage: sqlite` at any time.

A purge may remove the files of a history that a web server has open. An open connection would go
on reading them: it is closed as soon as its file is gone, or is another one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, Pool, StaticPool


class EventLog(SqliteEventLogStorage):
    """Events by run and their index, each file through one connection.

    Two files at most are open at a time: the index, and the run that is written or read.
    """

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        self._opened: dict[str, _File] = {}
        self._found_tables: set[str] = set()
        super().__init__(base_dir)
        # An index that begins again is marked through a connection of its own.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def has_table(self, table_name: str) -> bool:
        """Asked for every check of every run: what was found once is not looked for again."""
        with self._db_lock:
            self._engine(INDEX_SHARD_NAME)
        if table_name not in self._found_tables and super().has_table(table_name):
            self._found_tables.add(table_name)
        return table_name in self._found_tables

    def wipe(self) -> None:
        """Close the files, which are removed next."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close the files: what is still in the logs beside them goes in."""
        self._close()
        super().dispose()

    def _engine(self, shard: str) -> Engine:
        self._leave_removed()
        if shard in self._engines:
            return self._engines[shard]
        for other in self._engines.keys() - {INDEX_SHARD_NAME}:
            self._leave(other)
        address, path = self.conn_string_for_shard(shard), Path(self.path_for_shard(shard))
        is_new = not path.exists()
        if is_new or shard not in self._initialized_dbs:
            path.parent.mkdir(parents=True, exist_ok=True)
            # It opens connections within one another, which one connection cannot do.
            self._initdb(_engine(address, NullPool))
            self._initialized_dbs.add(shard)
        found = _file(path)
        engine = self._engines[shard] = _engine(address, StaticPool)
        if found is not None:
            self._opened[shard] = found
        event.listen(engine, "connect", _write_without_waiting)
        if is_new and shard == INDEX_SHARD_NAME:  # as Dagster does with the first one
            self.reindex_events()
            self.reindex_assets()
        return engine

    def _leave_removed(self) -> None:
        """Close the files that were removed, or put in the place of, since they were opened."""
        for shard, opened in list(self._opened.items()):
            if _file(Path(self.path_for_shard(shard))) != opened:
                self._leave(shard)
                self._initialized_dbs.discard(shard)
                self._found_tables.clear()

    def _leave(self, shard: str) -> None:
        self._engines.pop(shard).dispose()
        self._opened.pop(shard, None)

    def _close(self) -> None:
        for shard in list(self._engines):
            self._leave(shard)
        self._found_tables.clear()


_File = tuple[int, int]
"""What tells a file from another of the same name: its disk, and its number there."""


def _file(path: Path) -> _File | None:
    """The file of that name, if there is one."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_dev, state.st_ino


def _engine(address: str, pool: type[Pool]) -> Engine:
    waiting = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    return create_engine(address, poolclass=pool, connect_args=waiting)


def _write_without_waiting(connection: Any, _: Any) -> None:
    """With a write-ahead log this harms no file: a power cut may lose the last events."""
    connection.execute("PRAGMA synchronous = NORMAL")


class History(DagsterSqliteStorage):
    """Runs, events and schedules of one scheme, under one folder (`storage: custom`)."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        plain = self._event_log_storage
        self._event_log_storage = EventLog(plain._base_dir)
        plain.dispose()

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> History:
        """The history that `dagster.yaml` describes."""
        return cls.from_local(inst_data=inst_data, **config_value)
