"""The wheel, outside the repository: what a town that never sees this folder installs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).resolve().parents[1]
DEFINITIONS = (
    "assets",
    "data/raw/demo",
    "pipelines/demo",
    "reports/assets",
    "reports/styles",
    "reports/templates",
)
SINGLE_FILES = (
    "dagster.yaml",
    "pipelines/demo.yml",
    "reports/labels.en.yml",
    "reports/labels.fr.yml",
    "reports/traitements.yml",
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command with nothing of this checkout in its environment; its output."""
    environment = dev.child_environment()
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, target: Path) -> Path:
    """Build one distribution with the installed backend: nothing is fetched."""
    run(
        *(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", target, source),
        cwd=target,
    )
    return next(target.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def committed(folder: str) -> set[str]:
    """Files of a folder that git keeps, or would keep once added, and that are still there."""
    listed = run(
        *("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder),
        cwd=ROOT,
    )
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: nothing to compare")
@pytest.mark.parametrize("part", [*DEFINITIONS, *SINGLE_FILES])
def test_the_wheel_carries_every_definition_under_one_folder(wheel: Path, part: str):
    packed = {
        name.removeprefix("spaser/_project/")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("spaser/_project/")
    }
    expected = committed(part)
    assert expected
    assert {name for name in packed if name == part or name.startswith(f"{part}/")} == expected


@pytest.mark.slow
def test_the_wheel_holds_nothing_but_the_package_its_definitions_and_its_metadata(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    metadata = f"spaser-{wheel.name.split('-')[1]}.dist-info/"
    known = tuple(f"spaser/_project/{part}" for part in (*DEFINITIONS, *SINGLE_FILES))
    modules = {
        str(path.relative_to(ROOT / "src").as_posix()) for path in (ROOT / "src").rglob("*.py")
    }
    others = {name for name in names if not name.startswith((metadata, *known))}
    assert modules <= others
    assert {name for name in others - modules if not name.endswith("py.typed")} == set()


@pytest.mark.slow
def test_the_source_archive_builds_the_same_wheel(wheel: Path, tmp_path: Path):
    archive = build("sdist", ROOT, tmp_path)
    run(sys.executable, "-m", "tarfile", "-e", archive, tmp_path, cwd=tmp_path)
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    again = build("wheel", unpacked, tmp_path)
    names = zipfile.ZipFile(wheel).namelist()
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(names)


@pytest.mark.slow
def test_installed_outside_the_repository_init_then_demo_works(wheel: Path, tmp_path: Path):
    """A clean environment with the runtime lock only: what is tested is what the wheel asks for."""
    venv = tmp_path / "venv"
    uv = (sys.executable, "-m", "uv")
    run(*uv, "venv", "-q", "--python", sys.executable, venv, cwd=tmp_path)
    python = dev.python_of(venv)
    install = (*uv, "pip", "install", "-q", "--python", python)
    run(*install, "--require-hashes", "-r", dev.RUNTIME_LOCK, cwd=tmp_path)
    run(*install, "--no-deps", wheel, cwd=tmp_path)
    run(*uv, "pip", "check", "--python", python, cwd=tmp_path)

    command = python.with_name("spaser.exe" if os.name == "nt" else "spaser")
    run(command, "init", "x", cwd=tmp_path)
    shown = run(command, "demo", cwd=tmp_path / "x")
    reports = sorted((tmp_path / "x" / "reports" / "rendered" / "demo").rglob("*.html"))
    assert reports
    assert "rapport" in shown
    assert not list(Path(python.parents[1]).rglob("_project/data/curated"))
