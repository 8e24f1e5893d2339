"""The graph as Dagster sees it: its snapshot, its owners, its cards, its triggers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from spaser.cards import Catalogue
from spaser.defs.automation import JOB, fingerprint
from spaser.defs.graph import definitions, graph_steps, scheme_name
from spaser.project import Project
from spaser.scheme import load_scheme
from tests.defs import small

GOLDEN = Path(__file__).parents[1] / "golden" / "graph.txt"
UPDATE = "SPASER_UPDATE_GOLDEN"


@pytest.fixture(scope="module")
def repository() -> dg.Definitions:
    project = Project(small.ROOT)
    scheme = load_scheme(project, "demo")
    return definitions(project, scheme, graph_steps(project, scheme))


def assets_of(loaded: dg.Definitions) -> list[dg.AssetSpec]:
    specs = [
        spec
        for assets in loaded.assets or ()
        if isinstance(assets, dg.AssetsDefinition)
        for spec in assets.specs
    ]
    return sorted(specs, key=lambda spec: spec.key.to_user_string())


def checks_of(loaded: dg.Definitions) -> list[dg.AssetCheckSpec]:
    specs = [
        spec
        for assets in loaded.assets or ()
        if isinstance(assets, dg.AssetsDefinition)
        for spec in assets.check_specs
    ]
    return sorted(specs, key=lambda spec: (spec.asset_key.to_user_string(), spec.name))


def snapshot(loaded: dg.Definitions) -> Iterator[str]:
    checks = checks_of(loaded)
    for spec in assets_of(loaded):
        years = spec.partitions_def.get_partition_keys() if spec.partitions_def else []
        span = f" · {years[0]}-{years[-1]}" if years else ""
        yield f"{spec.key.to_user_string()} · {spec.group_name} · {', '.join(spec.owners)}{span}"
        yield from (
            f"    < {key}" for key in sorted(dep.asset_key.to_user_string() for dep in spec.deps)
        )
        yield from (
            f"    ? {check.name}{' (blocking)' if check.blocking else ''}"
            for check in checks
            if check.asset_key == spec.key
        )
    job = loaded.resolve_job_def(JOB)
    yield f"job {job.name} · {len(job.asset_layer.executable_asset_keys)} assets"


def test_the_graph_is_the_one_reviewed(repository: dg.Definitions) -> None:
    """Set SPASER_UPDATE_GOLDEN=1 to rewrite the file, then read its diff."""
    text = "\n".join(snapshot(repository)) + "\n"
    if os.environ.get(UPDATE):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_asset_and_check_says_what_it_is_and_whose(repository: dg.Definitions) -> None:
    for spec in assets_of(repository):
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.group_name, spec.key
        assert spec.code_version, spec.key
    for check in checks_of(repository):
        assert check.description, check.name


def test_cards_and_assets_name_each_other() -> None:
    project = Project(small.ROOT)
    catalogue = Catalogue(project.assets)
    scheme = load_scheme(project, "demo")
    loaded = definitions(project, scheme, graph_steps(project, scheme))
    documented = {
        *(card.key for card in catalogue.tables.values()),
        *(card.key.replace("sources/", "staged/") for card in catalogue.sources.values()),
        *(f"indicators/{card.axis}" for card in catalogue.indicators.values()),
    }
    assert {spec.key.to_user_string() for spec in assets_of(loaded)} == documented | {"report"}


def test_the_schema_of_an_asset_is_that_of_its_card(repository: dg.Definitions) -> None:
    card = Catalogue(small.ROOT / "assets").tables["curated/contracts"]
    spec = next(s for s in assets_of(repository) if s.key.path == ["curated", "contracts"])
    schema = spec.metadata["dagster/column_schema"]
    assert [(c.name, c.type) for c in schema.columns] == [
        (name, column.type) for name, column in card.columns.items()
    ]
    assert spec.metadata["dagster/table_name"] == "curated.contracts"


def test_each_grain_is_guarded_by_a_blocking_check() -> None:
    """All but the evidence: millions of rows, each figure of which is recomputed by other tests."""
    cards = Catalogue(small.ROOT / "assets").tables
    for card in (card for key, card in cards.items() if key != "indicators/evidence"):
        guarded = [
            set(check.args.get("column_list", [check.args.get("column")]))
            for check in card.checks
            if check.severity == "ERROR" and check.expectation.endswith("be_unique")
        ]
        assert any(columns <= set(card.grain) for columns in guarded), card.key


def test_the_server_loads_the_scheme_named_else_the_demo(tmp_path: Path) -> None:
    project, _ = small.install(tmp_path)
    assert scheme_name(project, lambda _: None) == "small"
    (project.pipelines / "demo.yml").write_text(small.SCHEME, encoding="utf-8")
    assert scheme_name(project, lambda _: None) == "demo"
    assert scheme_name(project, lambda _: "small") == "small"


def test_the_code_location_loads_without_the_engines_of_its_steps() -> None:
    code = (
        "import sys, dagster as dg; from spaser.definitions import defs;"
        "assert isinstance(defs, dg.Definitions);"
        "print(sorted({'great_expectations', 'plotly', 'openpyxl'} & {*sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=small.ROOT,
        env={**os.environ, "SPASER_SCHEME": "demo"},
    )
    assert loaded.stdout.strip() == "[]"


def test_the_sensor_waits_for_whole_files_and_asks_for_the_years_they_can_hold(
    tmp_path: Path,
) -> None:
    project, scheme = small.install(tmp_path)
    loaded = definitions(project, scheme, graph_steps(project, scheme))
    file = tmp_path / "data" / "raw" / "small" / "decp.json"
    os.utime(file, (0, datetime(2025, 6, 1, tzinfo=UTC).timestamp()))
    sensor = loaded.resolve_sensor_def("raw_files")
    with dg.DagsterInstance.ephemeral() as instance:
        with dg.build_sensor_context(instance, definitions=loaded) as context:
            first = sensor(context)
            assert isinstance(first, dg.SkipReason)
            assert context.cursor == fingerprint([file])
            request = sensor(context)
        assert isinstance(request, dg.RunRequest)
        assert request.run_key == fingerprint([file])
        assert set(request.tags.values()) == {"2023", "2025"}
        file.write_bytes(file.read_bytes() + b" ")
        with dg.build_sensor_context(instance, cursor=request.run_key) as context:
            assert isinstance(sensor(context), dg.SkipReason)


def test_the_sensor_says_that_there_is_nothing_to_read(tmp_path: Path) -> None:
    project, scheme = small.install(tmp_path)
    (tmp_path / "data" / "raw" / "small" / "decp.json").unlink()
    loaded = definitions(project, scheme, graph_steps(project, scheme))
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
        skipped = loaded.resolve_sensor_def("raw_files")(context)
    assert isinstance(skipped, dg.SkipReason)
    assert "Aucun fichier" in str(skipped.skip_message)


def test_the_schedule_runs_the_period_as_far_as_it_has_come(tmp_path: Path) -> None:
    project, scheme = small.install(tmp_path)
    loaded = definitions(project, scheme, graph_steps(project, scheme))
    schedule = loaded.resolve_schedule_def("weekly")
    with dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 9, 2, tzinfo=UTC)
    ) as context:
        request = schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert set(request.tags.values()) == {"2023", "2024"}
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
