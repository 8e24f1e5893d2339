"""The job run in process: history, blocking checks, what stays when a run fails."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from filelock import FileLock

import spaser.curate
import spaser.publish
from spaser.cards import Catalogue
from spaser.defs import run as runs
from spaser.defs.assets import CONCLUSIONS, SUPPRESSION
from spaser.defs.automation import JOB
from spaser.defs.graph import definitions, graph_steps
from spaser.defs.progress import StepEvent
from spaser.defs.run import INSTANCE, RunOutcome, known_years, plan, run_scheme
from spaser.defs.years import range_tags
from spaser.errors import Blocked, InputError
from spaser.project import Project
from spaser.scheme import Scheme, load_scheme, scheme_for_files
from spaser.warehouse import Tables, open_database, session
from tests.defs import small


def history(project: Project, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv(INSTANCE, str(project.root / ".dagster" / "small"))
    return dg.DagsterInstance.from_config(str(project.root))


def materialisations(
    instance: dg.DagsterInstance, key: str
) -> dict[str | None, list[dict[str, Any]]]:
    records = instance.fetch_materializations(dg.AssetKey(key.split("/")), limit=100).records
    found: dict[str | None, list[dict[str, Any]]] = {}
    for record in records:
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        found.setdefault(record.partition_key, []).append(
            {name: value.value for name, value in metadata.items()}
        )
    return found


def rewrite(tables: Tables, table: str, query: str) -> None:
    """Replace the rows of a table by those of a query over it."""
    with session() as connection:
        tables.attach(connection, [table])
        connection.execute(f"create table changed as {query}")
        tables.write(connection, table, "select * from changed")


def plant(monkeypatch: pytest.MonkeyPatch, key: str, query: str) -> None:
    """Make the builder of one table write wrong rows."""
    build = spaser.curate.build

    def wrong(tables: Tables, catalogue: Catalogue, card_key: str, settings: Any) -> int:
        rows = build(tables, catalogue, card_key, settings)
        if card_key == key:
            rewrite(tables, key.replace("/", "."), query)
        return rows

    monkeypatch.setattr(spaser.curate, "build", wrong)


def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of one line: these tests are about the run."""

    def render(*arguments: Any) -> list[Path]:
        *_, year, out, language = arguments
        page = out / "rapport.html"
        page.write_text(f"{year} {language}", encoding="utf-8")
        return [page]

    monkeypatch.setattr(spaser.publish, "render", render)


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunOutcome]:
    root = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        without_report(patch)
        project, scheme = small.install(root)
        return root, run_scheme(project, scheme, years=[2023, 2024])


@pytest.fixture
def published(
    tmp_path: Path, published_once: tuple[Path, RunOutcome], monkeypatch: pytest.MonkeyPatch
) -> tuple[Project, Scheme, Path]:
    """A project whose last run was good, and the page it published for 2024."""
    shutil.copytree(published_once[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    without_report(monkeypatch)
    project = Project(tmp_path)
    page = project.rendered("small") / "2024" / "interne" / "rapport.html"
    page.write_text("the last good one", encoding="utf-8")
    return project, load_scheme(project, "small"), page


Published = tuple[Project, Scheme, Path]


def test_a_run_leaves_one_materialisation_an_asset_and_year_naming_every_card(
    published_once: tuple[Path, RunOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outcome = published_once
    project = Project(root)
    assert outcome.years == (2023, 2024)
    assert outcome.as_of == date(2024, 3, 1)
    assert [path.relative_to(root).as_posix() for path in outcome.reports.values()] == [
        "reports/rendered/small/2023/interne",
        "reports/rendered/small/2024/interne",
    ]
    assert (outcome.reports[2024] / "rapport.html").read_text(encoding="utf-8") == "2024 fr"
    catalogue = Catalogue(project.assets)
    with history(project, monkeypatch) as instance:
        for card in catalogue.tables.values():
            found = materialisations(instance, card.key)
            dated = card.key.startswith("indicators/") or card.key in CONCLUSIONS
            dated = dated and card.key not in SUPPRESSION  # all years are masked together
            expected = {"2023", "2024"} if dated else {None}
            assert set(found) == expected, card.key
            assert all(len(each) == 1 for each in found.values()), card.key
        named: dict[str, int] = {}
        for axis in {card.axis for card in catalogue.indicators.values()}:
            found = materialisations(instance, f"indicators/{axis}")
            assert {year: len(each) for year, each in found.items()} == {"2023": 1, "2024": 1}
            named |= found["2024"][0]["cards"]
        assert named == {card.id: card.method_version for card in catalogue.indicators.values()}
        assert set(materialisations(instance, "report")) == {"2023", "2024"}


def test_the_published_database_holds_every_table_of_the_cards_but_those_of_persons(
    published_once: tuple[Path, RunOutcome],
) -> None:
    root, outcome = published_once
    catalogue = Catalogue(root / "assets")
    whole = {table for table, columns in catalogue.restricted.items() if not columns}
    documented = {card.table for card in catalogue.tables.values()} - whole
    assert "curated.people" in whole
    with open_database(outcome.database) as connection:
        rows = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema <> 'staged'"
        ).fetchall()
    assert {name for (name,) in rows} == documented


def test_earlier_years_are_computed_for_trends_and_only_the_year_asked_for_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_report(monkeypatch)
    project, scheme = small.install(tmp_path)
    outcome = run_scheme(project, scheme)
    assert outcome.years == (2023, 2024)
    assert list(outcome.reports) == [2024]
    assert known_years(scheme, Tables(project.curated("small"))) == [2023, 2024]


def test_a_year_outside_the_period_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    project, scheme = small.install(tmp_path)
    with pytest.raises(InputError, match="2031 hors du schéma « small », qui couvre 2023–2027"):
        run_scheme(project, scheme, years=[2031])
    assert not project.curated("small").exists()


def test_a_null_key_stops_what_follows_and_keeps_the_published_result(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, scheme, page = published
    database = project.curated("small") / "spaser.duckdb"
    bytes_before = database.read_bytes()

    plant(
        monkeypatch,
        "curated/contracts",
        "select * replace (nullif(uid, min(uid) over ()) as uid) from curated.contracts",
    )
    seen: list[StepEvent] = []
    with pytest.raises(Blocked, match=r"curated\.contracts") as stopped:
        run_scheme(project, scheme, on_step=seen.append)
    assert stopped.value.exit_code == 3
    check = next(
        check
        for check in Catalogue(project.assets).tables["curated/contracts"].checks
        if check.expectation == "expect_column_values_to_not_be_null"
        and check.args == {"column": "uid"}
    )
    assert check.description.fr in stopped.value.fr
    assert check.description.en in stopped.value.en
    assert (seen[-1].name, seen[-1].status) == ("curated__contracts", "failed")
    assert page.read_text(encoding="utf-8") == "the last good one"
    assert database.read_bytes() == bytes_before

    with history(project, monkeypatch) as instance:
        assert len(materialisations(instance, "curated/holders")[None]) == 2
        assert len(materialisations(instance, "facts/contracts")[None]) == 1
        evaluations = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey(["curated", "contracts"]), check.name), limit=1
        )
        assert evaluations[0].status.value == "FAILED"


def test_a_warning_stops_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_report(monkeypatch)
    project, scheme = small.install(tmp_path, [*small.CONTRACTS, small.contract(4, None)])
    outcome = run_scheme(project, scheme)
    assert [(table, rows) for table, _, rows in outcome.warnings] == [("curated.contracts", 1)]
    assert outcome.reports[2024].is_dir()


def test_wrong_input_keeps_its_message_and_the_published_result(published: Published) -> None:
    project, scheme, page = published
    small.register(project.root, []).write_text('{"marches": {"marche": [{"id":', encoding="utf-8")
    with pytest.raises(InputError, match=r"decp\.json"):
        run_scheme(project, scheme)
    assert page.read_text(encoding="utf-8") == "the last good one"
    assert (project.curated("small") / "spaser.duckdb").is_file()


def test_a_report_that_cannot_be_made_leaves_the_last_one_and_no_litter(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, scheme, page = published
    litter = project.rendered("small") / ".spaser-killed"
    litter.mkdir()

    def full_disk(*_: Any) -> list[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spaser.publish, "render", full_disk)
    with pytest.raises(InputError, match="No space left"):
        run_scheme(project, scheme)
    assert page.read_text(encoding="utf-8") == "the last good one"
    assert sorted(entry.name for entry in project.rendered("small").iterdir()) == [
        "2023",
        "2024",
    ]


def test_one_run_of_the_whole_job_does_the_same_as_the_daemon_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_report(monkeypatch)
    project, scheme = small.install(tmp_path)
    loaded = definitions(project, scheme, graph_steps(project, scheme))
    with dg.DagsterInstance.ephemeral() as instance:
        done = loaded.resolve_job_def(JOB).execute_in_process(
            tags=range_tags([2023, 2024]), instance=instance
        )
        assert done.success
        assert set(materialisations(instance, "report")) == {"2023", "2024"}
        assert set(materialisations(instance, "curated/contracts")) == {None}
    assert (project.rendered("small") / "2023" / "interne" / "rapport.html").is_file()
    assert (project.curated("small") / "spaser.duckdb").is_file()


KILLED = """
import os, signal, sys
from pathlib import Path
import spaser.publish
from spaser.defs.run import run_scheme
from spaser.project import Project
from spaser.scheme import load_scheme

def render(*arguments):
    (arguments[4] / "rapport.html").write_text("half of it")
    os.kill(os.getpid(), signal.SIGKILL)

spaser.publish.render = render
project = Project(Path(sys.argv[1]))
run_scheme(project, load_scheme(project, "small"))
"""


@pytest.mark.faults
def test_a_killed_run_leaves_the_published_result_whole_and_the_next_one_cleans_up(
    published: Published,
) -> None:
    project, scheme, page = published
    database = project.curated("small") / "spaser.duckdb"
    bytes_before = database.read_bytes()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(project.root)], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert page.read_text(encoding="utf-8") == "the last good one"
    assert database.read_bytes() == bytes_before
    assert list(project.rendered("small").glob(".spaser-*"))
    run_scheme(project, scheme)
    assert page.read_text(encoding="utf-8") == "2024 fr"
    assert not list(project.rendered("small").glob(".spaser-*"))


def test_two_runs_of_a_scheme_do_not_mix(tmp_path: Path) -> None:
    project, scheme = small.install(tmp_path)
    folder = tmp_path / ".dagster" / "small"
    folder.mkdir(parents=True)
    with FileLock(folder / "run.lock"), pytest.raises(InputError, match="en cours"):
        run_scheme(project, scheme)


def test_a_trial_writes_into_its_folder_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_report(monkeypatch)
    project, _ = small.install(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    out = tmp_path / "essai"
    out.mkdir()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    file = tmp_path / "data" / "raw" / "small" / "decp.json"
    seen: list[StepEvent] = []
    outcome = run_scheme(project, scheme_for_files((file,)), out=out, on_step=seen.append)
    assert outcome.years == (2023, 2024)
    assert outcome.reports == {2024: out}
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.relative_to(out).as_posix() for path in written} == {
        "notes.txt",
        "rapport.html",
        "spaser.duckdb",
    }
    done = [event for event in seen if event.status == "done"]
    assert [event.position for event in done] == list(range(1, len(done) + 1))
    assert done[-1].position == done[-1].total
    assert done[-1].seconds is not None


def test_a_folder_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, scheme = small.install(tmp_path)
    monkeypatch.setattr(runs, "writable", lambda _: False)
    with pytest.raises(InputError, match="Impossible d'écrire"):
        run_scheme(project, scheme)


def test_a_trial_without_any_date_gives_its_tables_and_no_report(tmp_path: Path) -> None:
    project, _ = small.install(tmp_path, [small.contract(1, None)])
    file = tmp_path / "data" / "raw" / "small" / "decp.json"
    outcome = run_scheme(project, scheme_for_files((file,)), out=tmp_path / "essai")
    assert (outcome.years, outcome.reports) == ((), {})
    with open_database(outcome.database) as connection:
        found = connection.execute("select rule from quality.findings order by rule").fetchall()
    assert ("undated",) in found


def test_a_year_asked_of_a_register_without_any_date_is_refused(tmp_path: Path) -> None:
    project, _ = small.install(tmp_path, [small.contract(1, None)])
    file = tmp_path / "data" / "raw" / "small" / "decp.json"
    with pytest.raises(InputError, match="aucune année"):
        run_scheme(project, scheme_for_files((file,)), [2024], out=tmp_path / "essai")


@pytest.mark.parametrize(
    ("asked", "results", "reports"),
    [
        (None, [2021, 2022, 2023], [2023]),
        ([2022], [2021, 2022], [2022]),
        ([2023, 2021], [2021, 2022, 2023], [2021, 2022, 2023]),
    ],
    ids=["latest", "one", "range"],
)
def test_the_years_of_results_and_reports(
    asked: list[int] | None, results: list[int], reports: list[int]
) -> None:
    scheme = scheme_for_files(())
    assert plan(scheme, [2021, 2022, 2023], asked) == (results, reports)
