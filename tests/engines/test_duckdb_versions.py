"""The oldest DuckDB that `pyproject.toml` allows gives the same rows as the one that is locked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from spaser.warehouse import Tables
from tests.curate.run import ROOT
from tests.engines.digests import digests

pytestmark = pytest.mark.engines

NEEDED = (
    *("babel", "defusedxml", "filelock", "highspy", "msgspec", "numpy", "olefile"),
    *(
        "openpyxl",
        "pandas",
        "pyarrow",
        "pydantic",
        "python-calamine",
        "python-stdnum",
        "pyyaml",
        "rapidfuzz",
        "rich",
    ),
    *("ruamel.yaml", "scipy", "sqlglot", "typer"),
)


def oldest_duckdb() -> str:
    """The lower bound of the project's own requirement."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirement = next(r for r in project["dependencies"] if r.startswith("duckdb"))
    return requirement.removeprefix("duckdb>=").split(",")[0]


def test_every_table_of_the_demo_is_the_same_on_the_oldest_duckdb(
    tmp_path: Path, demo: Tables
) -> None:
    environment = tmp_path / "environment"
    pins = [f"{name}=={version(name)}" for name in NEEDED]
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(environment)], check=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    asked = [f"duckdb=={oldest_duckdb()}", *pins]
    subprocess.run([*uv, "pip", "install", "-q", "--python", str(python), *asked], check=True)
    done = subprocess.run(
        [str(python), "-m", "tests.engines.digests", str(tmp_path / "tables")],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])},
    )
    assert json.loads(done.stdout) == digests(demo)
