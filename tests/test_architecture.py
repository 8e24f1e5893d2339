"""The house rules that no single module can keep: directions, start-up imports, pins, stages."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dev
from spaser import project

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"dagster", "great_expectations", "pandas", "plotly", "duckdb"}
MARKERS = ("browser", "demo", "engines", "faults", "real_data", "slow")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=dev.child_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_imports_only_go_down_the_layers():
    done = run(Path(sys.executable).with_name("lint-imports"), "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def imported_by(*arguments: str) -> set[str]:
    """Top-level names of the modules that a Python command loads."""
    done = run(sys.executable, "-X", "importtime", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr[-300:]
    return set(re.findall(r"^import time:[^|]*\|[^|]*\| +(\w+)", done.stderr, re.MULTILINE))


def test_the_import_trace_sees_a_heavy_module():
    assert "duckdb" in imported_by("-c", "import duckdb")


def test_help_starts_without_the_engines():
    names = imported_by("-m", "spaser", "--help")
    assert "spaser" in names
    assert not names & HEAVY


def test_a_checkout_reads_its_own_definitions_and_not_an_installed_copy():
    assert project.definitions_root() == ROOT
    assert not project.PACKAGED.exists()


@pytest.mark.parametrize("count", range(len(MARKERS) + 1))
def test_every_test_is_in_exactly_one_stage(count: int):
    """Whatever markers a test carries, `dev.py test` runs it once."""
    for chosen in itertools.combinations(MARKERS, count):
        carried = {name: name in chosen for name in MARKERS}
        stages = [key for key, (_, text) in dev.STAGES.items() if eval(text, {}, carried)]
        assert len(stages) == 1, f"{chosen}: {stages}"


def test_the_markers_tried_are_those_declared():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [text.partition(":")[0] for text in settings["tool"]["pytest"]["markers"]]
    assert tuple(sorted(declared)) == MARKERS


def pins(lock: Path) -> dict[str, str]:
    """Package → version."""
    text = lock.read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][^=\s]*)==(\S+)", text, re.MULTILINE))


def test_the_development_lock_holds_every_pin_of_the_other():
    runtime, development = pins(dev.RUNTIME_LOCK), pins(dev.DEV_LOCK)
    assert len(runtime) > 50
    assert runtime.items() <= development.items()


@pytest.mark.parametrize("lock", [dev.RUNTIME_LOCK, dev.DEV_LOCK], ids=lambda lock: lock.name)
def test_a_lock_has_hashes_and_names_no_index(lock: Path):
    text = lock.read_text(encoding="utf-8")
    packages = pins(lock)
    blocks = re.findall(r"^[a-z0-9][^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(blocks) == len(packages)
    assert "://" not in text
    assert "index-url" not in text


def test_the_locks_hold_what_the_project_asks_for():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = settings["optional-dependencies"]

    def names(requirements: list[str]) -> set[str]:
        found = [re.match(r"[\w.-]+", text) for text in requirements]
        return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}

    locked = {name.partition("[")[0] for name in pins(dev.RUNTIME_LOCK)}
    assert names(settings["dependencies"] + extras["ui"]) <= locked
    locked = {name.partition("[")[0] for name in pins(dev.DEV_LOCK)}
    assert names(extras["dev"]) <= locked


def test_an_interpreter_that_does_not_start_is_not_counted_as_present(tmp_path: Path):
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    assert dev.version_of(shim) is None
    assert dev.version_of(sys.executable) == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_one_package_is_cut_out_of_a_lock_with_its_hashes(tmp_path: Path):
    lock = tmp_path / "some.lock"
    lock.write_text(
        "# made\nuva==1 \\\n    --hash=sha256:0\nuv==2 \\\n    --hash=sha256:1 \\\n"
        "    --hash=sha256:2\n    # via me\nz==3 \\\n    --hash=sha256:4\n",
        encoding="utf-8",
    )
    assert dev.pin(lock, "uv") == "uv==2 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"


@pytest.mark.parametrize("command", ["make demo", "make test", "dev.py demo", "dev.py test"])
def test_the_readme_gives_the_commands(command: str):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_continuous_integration_runs_the_readmes_test_command():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec make test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.skipif(shutil.which("make") is None, reason="no make: dev.py serves alone")
@pytest.mark.parametrize(
    "command", ["setup", "demo", "test", "lint", "lock", "clean", *dev.SCRIPTS]
)
def test_make_passes_each_command_on(command: str):
    # Run by make itself, the inner make would name its folder.
    done = run("make", "--no-print-directory", "--dry-run", command, "ARGS=--some")
    assert done.stdout.split()[1:] == ["dev.py", command, "--some"], done.stdout + done.stderr
