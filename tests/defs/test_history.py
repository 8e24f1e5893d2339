"""The history kept through open connections: the same files, and none left open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from spaser.defs.history import EventLog
from spaser.defs.run import INSTANCE
from tests.defs import small

KEY = dg.AssetKey("contracts")


@dg.asset(name="contracts", check_specs=[dg.AssetCheckSpec("not_empty", asset="contracts")])
def contracts() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    yield dg.MaterializeResult(metadata={"rows": 3})
    yield dg.AssetCheckResult(check_name="not_empty", passed=True)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    small.install(tmp_path, [])
    monkeypatch.setenv(INSTANCE, str(tmp_path / "history"))
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def events_of(instance: dg.DagsterInstance) -> EventLog:
    log = instance.event_log_storage
    assert isinstance(log, EventLog)
    return log


def materialised(instance: dg.DagsterInstance) -> str:
    return dg.materialize([contracts], instance=instance).run_id


def test_the_project_keeps_its_history_through_it(instance: dg.DagsterInstance) -> None:
    run = materialised(instance)
    records = instance.fetch_materializations(KEY, limit=10).records
    assert [record.run_id for record in records] == [run]


def test_dagsters_own_storage_reads_the_same_files(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """While ours is open, as a web server beside a run does, and after."""
    run = materialised(instance)
    plain = SqliteEventLogStorage(str(tmp_path / "history" / "history" / "runs"))
    kinds = [entry.dagster_event_type for entry in plain.get_logs_for_run(run)]
    assert kinds == [entry.dagster_event_type for entry in instance.all_logs(run)]
    assert dg.DagsterEventType.ASSET_MATERIALIZATION in kinds
    assert dg.DagsterEventType.ASSET_CHECK_EVALUATION in kinds
    instance.dispose()
    assert not list((tmp_path / "history").rglob("*.db-wal")), "closed files need no log beside"
    assert [entry.dagster_event_type for entry in plain.get_logs_for_run(run)] == kinds


def test_what_dagsters_own_storage_wrote_is_read(tmp_path: Path) -> None:
    reference = dg.DagsterInstance.local_temp(str(tmp_path))
    run = materialised(reference)
    written = len(reference.all_logs(run))
    log = EventLog(reference.event_log_storage._base_dir)  # type: ignore[attr-defined]
    assert len(log.get_logs_for_run(run)) == written > 0
    log.dispose()


def test_two_files_at_most_are_open(instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        materialised(instance)
    assert len(events_of(instance)._engines) <= 2
    events_of(instance).dispose()
    assert not events_of(instance)._engines
    assert len(instance.fetch_materializations(KEY, limit=10).records) == 3, "it opens again"


def test_another_process_may_write_in_between(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """The connection that stays open holds no lock between two events."""
    with dg.DagsterInstance.from_config(str(tmp_path)) as other:
        runs = [materialised(each) for each in (instance, other, instance, other)]
        for each in (instance, other):
            records = each.fetch_materializations(KEY, limit=10).records
            assert [record.run_id for record in reversed(records)] == runs


def test_a_wiped_history_starts_again(instance: dg.DagsterInstance) -> None:
    materialised(instance)
    instance.wipe()
    assert not instance.fetch_materializations(KEY, limit=10).records
    run = materialised(instance)
    assert [r.run_id for r in instance.fetch_materializations(KEY, limit=10).records] == [run]


@pytest.mark.parametrize("first", ["this process", "another"])
def test_a_history_removed_while_open_is_read_no_more(
    instance: dg.DagsterInstance, tmp_path: Path, first: str
) -> None:
    """As a purge does it beside a web server, whichever process writes next."""
    materialised(instance)
    shutil.rmtree(tmp_path / "history")
    (tmp_path / "history").mkdir()
    log = events_of(instance)
    if first == "this process":
        assert not log.fetch_materializations(KEY, limit=10).records
        assert log.supports_asset_checks
        assert log.has_secondary_index(ASSET_KEY_INDEX_COLS), "as in a history that begins"
    with dg.DagsterInstance.from_config(str(tmp_path)) as other:
        runs = [materialised(other), materialised(instance)]
        for each in (instance, other):
            records = each.event_log_storage.fetch_materializations(KEY, limit=10).records
            assert [record.run_id for record in reversed(records)] == runs
            assert each.all_logs(runs[0])


def test_a_run_opens_each_file_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is for: connections are not opened by the event."""
    import spaser.defs.history as history

    opened: list[str] = []
    engine = history._engine

    def counted(address: str, pool: type) -> object:
        opened.append(address)
        return engine(address, pool)

    monkeypatch.setattr(history, "_engine", counted)
    events = instance.all_logs(materialised(instance))
    assert 0 < len(opened) <= 6
    assert len(events) > 2 * len(opened), "or the test shows nothing"
