#!/usr/bin/env python3
"""The workshop: sets up, shows, tests and cleans the project, with the standard library only.

`make X` and `python3 dev.py X` are the same. Each command does the set-up it needs by itself, in
`.venv/`, from the lock files; the second call finds it done and takes no time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
RUNTIME_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
OLDEST = (3, 11)
TESTED = ("3.11", "3.12", "3.13")

STAGES: dict[str, tuple[str, str]] = {
    # Every test is in exactly one stage: tests/test_architecture.py tries all mixes of markers.
    "unit": (
        "unit and property",
        "not (browser or engines or faults or demo or slow)",
    ),
    "demo": ("demo", "(demo or slow) and not (browser or engines or faults)"),
    "browser": ("browser", "browser"),
    "engines": ("engines", "engines and not browser"),
    "faults": ("faults", "faults and not (browser or engines)"),
}
WORKERS: dict[str, tuple[str, ...]] = {
    "unit": ("-n", "2"),
    # A file goes to one worker: its tests share what was built, or the disk they mounted.
    "demo": ("-n", "2", "--dist", "loadfile"),
    "faults": ("-n", "2", "--dist", "loadfile"),
}
STAGE_LIMIT_SECONDS = 1200
OTHER_PYTHONS_BEFORE_SECONDS = 1200
"""Other interpreters are tried only while the whole run can still end within thirty minutes."""

SCRIPTS = {
    "bench": ("tests/bench/bench.py", "measure speed and memory beside the bare engine"),
    "soak": ("tests/bench/soak.py", "run for long and look for leaks"),
    "docs": ("docs/build.py", "build the documentation"),
}
"""Commands that are scripts of their own: (file, help). One not written yet is not offered."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
NO_TESTS_COLLECTED = 5


class Failure(Exception):
    """A step that cannot go on: its message says what to do."""


def say(french: str, english: str) -> None:
    """Print one line, in French unless the locale is another language."""
    print(french if _speaks_french() else english, flush=True)


def _speaks_french() -> bool:
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return not locale or locale.startswith(("fr", "C", "POSIX"))


# --- running programs ---------------------------------------------------------------------------


def child_environment() -> dict[str, str]:
    """The environment of every program started here.

    Bytecode is written whatever the machine says: without it each start recompiles its imports.
    """
    environment = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "SPASER_PROJECT"):
        environment.pop(name, None)
    environment.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    environment.setdefault("UV_PYTHON_DOWNLOADS", "never")
    return environment


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    limit: float | None = None,
) -> int:
    """Run a program from the root and give its exit code; 124 when it passes the time limit."""
    try:
        return subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env={**child_environment(), **(env or {})},
            timeout=limit,
        ).returncode
    except subprocess.TimeoutExpired:
        say(f"Arrêté après {limit:.0f} s.", f"Stopped after {limit:.0f} s.")
        return 124


def run_twice(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> None:
    """Run an installation step; try once more when it fails, since networks do."""
    if run(command, env=env) == 0:
        return
    say("L'étape a échoué ; nouvel essai…", "The step failed; trying once more…")
    if run(command, env=env) != 0:
        shown = " ".join(Path(part).name if isinstance(part, Path) else part for part in command)
        raise Failure(
            f"Installation impossible : {shown}\nVérifiez l'accès au dépôt de paquets (réglages "
            "de pip, serveur mandataire), puis relancez la même commande.\n"
            f"Installation failed: {shown}\nCheck that the package index is reachable (pip's "
            "settings, proxy), then run the same command again."
        )


# --- environments -------------------------------------------------------------------------------


def python_of(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version_of(python: str | Path) -> str | None:
    """`3.12` for an interpreter that really starts and can make environments, else None.

    A name on the path proves nothing: version managers leave shims that only fail.
    """
    probe = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(python), "-c", probe],
            capture_output=True,
            text=True,
            timeout=30,
            env=child_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def find_python(version: str) -> Path | None:
    """An interpreter of that version, on the path or among pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = shutil.which(f"python{version}")
    candidates = [Path(named)] if named else []
    candidates += sorted(pyenv.glob(f"{version}*/bin/python"), reverse=True)
    return next((each for each in candidates if version_of(each) == version), None)


def digest(lock: Path) -> str:
    """What an environment was made from: if any of it changes, it is made again."""
    parts = (
        str(ROOT).encode(),
        lock.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
    )
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def ensure(venv: Path, lock: Path, *, base: str | Path, compiled: bool) -> Path:
    """Make the environment hold exactly the pins of a lock and this project, editable.

    A stamp in the environment names the lock's digest, so a second call only reads three files.
    """
    python, stamp = python_of(venv), venv / "spaser-setup"
    stamped = stamp.read_text(encoding="utf-8").split() if stamp.is_file() else []
    if python.exists() and digest(lock) in stamped:
        return python

    say(f"Installation dans {venv.name}/ …", f"Installing into {venv.name}/ …")
    stamp.unlink(missing_ok=True)
    if not python.exists() or version_of(python) is None:
        make_environment(venv, base)
    install(python, lock, compiled=compiled)
    # The development lock holds every pin of the other (a test says so): it serves for both.
    done = [lock] if lock == RUNTIME_LOCK else [lock, RUNTIME_LOCK]
    stamp.write_text("\n".join(map(digest, done)) + "\n", encoding="utf-8")
    return python


def make_environment(venv: Path, base: str | Path) -> None:
    """Create an empty virtual environment with pip."""
    if run([base, "-m", "venv", "--clear", venv]) != 0:
        raise Failure(
            "L'environnement n'a pas pu être créé : il faut Python ≥ 3.11 avec pip et venv "
            "(sous Debian : apt-get install python3-venv).\n"
            "The environment could not be made: Python ≥ 3.11 with pip and venv is needed "
            "(on Debian: apt-get install python3-venv)."
        )


def install(python: Path, lock: Path, *, compiled: bool) -> None:
    """Install the installer, the lock with its hashes, then this project without dependencies."""
    with tempfile.TemporaryDirectory() as folder:
        uv_only = Path(folder) / "uv.txt"
        uv_only.write_text(pin(lock, "uv"), encoding="utf-8")
        run_twice([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", uv_only])
    env = uv_settings(python)
    uv_install = [str(python), "-m", "uv", "pip", "install", "--python", str(python)]
    options = ["--require-hashes", *(["--compile-bytecode"] if compiled else [])]
    # A person watches the progress; a log does not need 130 names.
    options += [] if sys.stderr.isatty() else ["-q"]
    run_twice([*uv_install, *options, "-r", lock], env=env)
    run_twice(
        [*uv_install, "-q", "--no-deps", "--no-build-isolation", "--reinstall", "-e", "."], env=env
    )
    if compiled:
        run([python, "-m", "compileall", "-q", ROOT / "src"])


def pin(lock: Path, package: str) -> str:
    """The lines of one package in a lock: its version and its hashes."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{package}=="))
    end = next(i for i in range(start, len(lines)) if not lines[i].endswith("\\"))
    return "\n".join(lines[start : end + 1]) + "\n"


def uv_settings(python: Path) -> dict[str, str]:
    """Pass on the index that pip is set to use, which uv would not look up by itself."""
    if os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL"):
        return {}
    asked = subprocess.run(
        [str(python), "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        env=child_environment(),
    )
    index = os.environ.get("PIP_INDEX_URL") or asked.stdout.strip()
    return {"UV_DEFAULT_INDEX": index} if index else {}


def setup(*, dev: bool) -> Path:
    """The project's environment, ready; gives its interpreter."""
    return ensure(VENV, DEV_LOCK if dev else RUNTIME_LOCK, base=sys.executable, compiled=True)


# --- tests --------------------------------------------------------------------------------------


@dataclass
class Record:
    """What each stage took and gave, for the closing table."""

    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"passed": 0, "failed": 0, "skipped": 0})
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and keep its seconds."""
        print(f"\n=== {name}", flush=True)
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - start

    def fail(self, name: str, why: str) -> None:
        """A stage that did not pass; the others still run."""
        self.failed.append(name)
        self.notes[name] = why

    def close(self) -> int:
        """Print the table and the totals; the exit code of the whole run."""
        print("\n=== stages", flush=True)
        for name, seconds in self.seconds.items():
            print(f"{seconds:8.1f} s  {name:<24} {self.notes.get(name, '')}".rstrip())
        print(f"{time.monotonic() - self.started:8.1f} s  total")
        if self.failed:
            say(
                f"Étapes en échec : {', '.join(self.failed)}.",
                f"Stages that failed: {', '.join(self.failed)}.",
            )
        counts = self.counts
        print(
            f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped",
            flush=True,
        )
        return 1 if self.failed else 0


def lint_commands(python: Path, *, fix: bool) -> dict[str, list[list[str]]]:
    """The checks that read code and cards without running them, by name."""
    tool = [str(python), "-m"]
    concise = "--output-format=concise"
    return {
        "ruff": [
            [*tool, "ruff", "check", *(["--fix"] if fix else []), concise, "."],
            [*tool, "ruff", "format", *([] if fix else ["--check", concise]), "."],
        ],
        "mypy": [[*tool, "mypy"]],
        "imports": [[str(python.with_name("lint-imports"))]],
        "cards": [[*tool, "pytest", "-q", "tests/test_cards.py"]],
    }


def lint(python: Path, names: Sequence[str] = (), *, fix: bool = False) -> list[str]:
    """Run the checks named, or all; the names of those that fail."""
    # The cards are tests too: asked for by name (before a commit), else left to their stage.
    chosen = names or ("ruff", "mypy", "imports")
    commands = lint_commands(python, fix=fix)
    failed = []
    for name in chosen:
        codes = [run(command) for command in commands[name]]
        if any(codes):
            failed.append(name)
    return failed


def pytest_stage(
    record: Record, python: Path, name: str, expression: str, options: Sequence[str]
) -> None:
    """Run the tests of one stage and add its counts to the record."""
    results = ROOT / "build" / "test-results" / f"{name.replace(' ', '-')}.xml"
    results.unlink(missing_ok=True)
    with record.stage(name):
        code = run(
            [python, "-m", "pytest", "-m", expression, f"--junitxml={results}", *options],
            limit=STAGE_LIMIT_SECONDS,
        )
    if code == NO_TESTS_COLLECTED:
        record.notes[name] = "no test in this stage"
        return
    if results.is_file():
        record.notes[name] = add_counts(record.counts, results)
    if code != 0:
        record.fail(name, f"FAILED  {record.notes.get(name, '')}")


def add_counts(counts: dict[str, int], results: Path) -> str:
    """Add the numbers of a JUnit file to the totals; a short text of them."""
    suites = list(ElementTree.parse(results).getroot().iter("testsuite"))
    total, failures, errors, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    passed = max(total - failed - skipped, 0)
    for name, number in (("passed", passed), ("failed", failed), ("skipped", skipped)):
        counts[name] += number
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def has_browser() -> bool:
    """Whether a Chromium is on the path; on Debian and as root, install it first."""
    if any(map(shutil.which, CHROMIUM)):
        return True
    apt = shutil.which("apt-get")
    if apt is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run_twice([apt, "-qq", "update"], env=quiet)
        run_twice([apt, "-qq", "install", "-y", "--no-install-recommends", "chromium"], env=quiet)
    except Failure as failure:
        print(failure, flush=True)
    return any(map(shutil.which, CHROMIUM))


def browser_stage_can_run(record: Record) -> bool:
    """Say plainly when browser tests are left out; in CI that is a failure."""
    if has_browser():
        return True
    say(
        "Chromium est absent : essais de navigateur non exécutés (apt-get install chromium).",
        "Chromium is absent: browser tests not run (apt-get install chromium).",
    )
    record.seconds["browser"] = 0.0
    record.notes["browser"] = "NOT RUN: no Chromium"
    if os.environ.get("CI"):
        record.fail("browser", "NOT RUN: no Chromium")
    return False


def other_pythons(record: Record, options: Sequence[str]) -> None:
    """Run the unit stage on the other Python versions present, each in its own environment."""
    own = version_of(python_of(VENV))
    for version in TESTED:
        if version == own:
            continue
        name = f"python {version}"
        record.seconds[name] = 0.0
        if time.monotonic() - record.started > OTHER_PYTHONS_BEFORE_SECONDS:
            record.notes[name] = "NOT RUN: the other stages took the time"
            continue
        base = find_python(version)
        if base is None:
            record.notes[name] = "NOT RUN: this version is not on this machine"
            continue
        with record.stage(f"install for {version}"):
            python = ensure(ROOT / f".venv-{version}", DEV_LOCK, base=base, compiled=False)
        pytest_stage(record, python, name, STAGES["unit"][1], options)


def test(stage: str, options: Sequence[str]) -> int:
    """Set up, then run the stages asked for; every stage runs even when one fails."""
    record = Record()
    chosen = list(STAGES) if stage == "all" else [stage]
    with record.stage("install"):
        python = setup(dev=True)
        if "browser" in chosen and not browser_stage_can_run(record):
            chosen.remove("browser")
    if stage == "all":
        with record.stage("lint and types"):
            failed = lint(python)
        if failed:
            record.fail("lint and types", f"FAILED  {', '.join(failed)}")
    for key in chosen:
        name, expression = STAGES[key]
        pytest_stage(record, python, name, expression, [*WORKERS.get(key, ()), *options])
    if stage == "all":
        other_pythons(record, ["-n", "2", *options])
    if not any(record.counts.values()):
        record.fail("tests", "no test ran")
    return record.close()


# --- the other commands -------------------------------------------------------------------------


def demo(options: Sequence[str]) -> int:
    """Run the demonstration scheme; it prints the path of its report."""
    return run([setup(dev=False), "-m", "spaser", "demo", *options])


def lock(options: Sequence[str]) -> int:
    """Write both lock files again: every platform, every tested Python, hashes, no index."""
    python = setup(dev=False)
    resolve = [
        *(str(python), "-m", "uv", "pip", "compile", "-q", "pyproject.toml", "--universal"),
        *("--python-version", ".".join(map(str, OLDEST)), "--fork-strategy", "fewest"),
        *("--generate-hashes", "--custom-compile-command", "make lock"),
        *("--group", "setup", "--extra", "ui"),
    ]
    env = uv_settings(python)
    runtime = [*resolve, *options, "-o", RUNTIME_LOCK.name]
    # The runtime lock constrains the other: what is tested is what is installed.
    constrained = ["--extra", "dev", "-c", RUNTIME_LOCK.name]
    development = [*resolve, *options, *constrained, "-o", DEV_LOCK.name]
    return run(runtime, env=env) or run(development, env=env)


def script(name: str, options: Sequence[str]) -> int:
    """Run one of the scripts of `SCRIPTS` in the development environment."""
    return run([setup(dev=True), SCRIPTS[name][0], *options])


def clean() -> int:
    """Remove environments, caches and built packages; inputs, tables and reports stay."""
    names = (".venv", ".venv-3.*", "build", "dist", ".hypothesis", ".mypy_cache")
    caches = (".pytest_cache", ".ruff_cache", ".import_linter_cache")
    folders = [path for name in (*names, *caches) for path in ROOT.glob(name)]
    for top in ("src", "tests"):
        folders += (ROOT / top).rglob("__pycache__")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="dev.py", description=(__doc__ or "").partition("\n\n")[0])
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    one = command("setup", "make .venv/ from the lock")
    one.add_argument("--dev", action="store_true", help="with the tools that test and lint")
    command("demo", "set up, run the demonstration, print the path of its report")
    one = command("test", "set up, lint, check types, test; what follows -- goes to pytest")
    one.add_argument("stage", nargs="?", choices=[*STAGES, "all"], default="all")
    one = command("lint", "style, types, import directions, cards")
    one.add_argument("checks", nargs="*", metavar="ruff|mypy|imports|cards")
    one.add_argument("--fix", action="store_true", help="let ruff mend what it can")
    for name, (path, text) in SCRIPTS.items():
        if (ROOT / path).is_file():
            command(name, text)
    command("lock", "resolve again and write the lock files (--upgrade for newer versions)")
    command("clean", "remove environments, caches and built packages")
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    asked, rest = parser().parse_known_args(arguments)
    rest = [option for option in rest if option != "--"]
    takes_options = asked.command in {"demo", "test", "lock", *SCRIPTS}
    if rest and not takes_options:
        parser().error(f"unknown: {' '.join(rest)}")
    actions: dict[str, Callable[[], int]] = {
        "setup": lambda: setup_command(dev=asked.dev),
        "demo": lambda: demo(rest),
        "test": lambda: test(asked.stage, rest),
        "lint": lambda: lint_command(asked.checks, fix=asked.fix),
        "lock": lambda: lock(rest),
        "clean": clean,
    }
    action = actions.get(asked.command, lambda: script(asked.command, rest))
    try:
        return action()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2


def setup_command(*, dev: bool) -> int:
    """Make the environment ready and say where it is."""
    python = setup(dev=dev)
    say(f"Environnement prêt : {python}", f"Environment ready: {python}")
    return 0


def lint_command(checks: Sequence[str], *, fix: bool) -> int:
    """Run the checks named; 1 when one fails."""
    python = setup(dev=True)
    known = lint_commands(python, fix=fix)
    unknown = [name for name in checks if name not in known]
    if unknown:
        raise Failure(
            f"Vérification inconnue : {', '.join(unknown)} (connues : {', '.join(known)}).\n"
            f"Unknown check: {', '.join(unknown)} (known: {', '.join(known)})."
        )
    failed = lint(python, checks or list(known), fix=fix)
    if failed:
        say(f"En échec : {', '.join(failed)}.", f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.version_info[:2] < OLDEST:
        sys.exit("Python ≥ 3.11 : python3.11 dev.py …, ou (or) make PYTHON=python3.11 …")
    sys.exit(main(sys.argv[1:]))
