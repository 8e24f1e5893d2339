"""A machine that breaks under a run: what was published stays whole, and the next run succeeds."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaser.warehouse import open_database
from tests.faults.conftest import CSV, WORKING_PLACES, Ground

pytestmark = [pytest.mark.faults, pytest.mark.slow]

SEED = 20240229
ANYWHERE, AT_THE_END = 2, 3
LAST_CHANGES = 16
"""The last changes of a run are those that put the new result in the place of the old one."""

LIMIT_SECONDS = 120


def ended(process: subprocess.Popen[str], said: str | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of a process; it is killed when it does not end."""
    try:
        out, err = process.communicate(said, timeout=LIMIT_SECONDS)
    finally:
        process.kill()
    return process.returncode, out, err


def whole(ground: Ground) -> None:
    """The database opens and every table of it can be read to its end."""
    with open_database(ground.database) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
        ).fetchall()
        assert tables
        for (table,) in tables:
            connection.execute(f"select count(*), max(hash(t)) from {table} t").fetchall()


def report_of(published: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in published.items() if name.startswith("reports/")}


def test_a_killed_run_leaves_the_last_result_or_the_new_one_never_a_mixture(
    tmp_path: Path,
) -> None:
    """SIGKILL at seeded moments, each run on the litter of the last, then one that ends."""
    ground = Ground(tmp_path)
    code, out, err = ended(ground.start("count"))
    assert code == 0, err
    changes = int(out.rpartition("changes=")[2])
    old = ground.published()
    ground.put("flat.csv", CSV)  # the next result is another one
    chosen = random.Random(SEED)
    moments = [chosen.randrange(1, changes - LAST_CHANGES) for _ in range(ANYWHERE)]
    moments += [chosen.randrange(changes - LAST_CHANGES, changes + 1) for _ in range(AT_THE_END)]
    seen: list[dict[str, str]] = []
    killed = 0
    for position, moment in enumerate(moments):
        code, _, err = ended(ground.start("kill", moment, chosen.choice((0, 0, 40))))
        assert code in (-signal.SIGKILL, 0), (moment, err)
        killed += code != 0
        whole(ground)
        seen.append(ground.published())
        assert position >= ANYWHERE or seen[-1] == old, moment
    assert killed >= ANYWHERE + 2
    code, _, err = ended(ground.start("count"))
    assert code == 0, err
    assert ground.leftovers() == []
    new = ground.published()
    assert report_of(new) != report_of(old)
    assert new.keys() == old.keys()
    for moment, published in zip(moments, seen, strict=True):
        assert report_of(published) in (report_of(old), report_of(new)), moment


@pytest.fixture
def busy(ground: Ground) -> Iterator[subprocess.Popen[str]]:
    """A run of the scheme stopped in its middle, in another process."""
    process = ground.start("pause", 100)
    try:
        assert process.stdout
        assert process.stdout.readline() == "paused\n", process.communicate()[1]
        yield process
    finally:
        process.kill()
        process.communicate()


def test_two_runs_of_one_scheme_at_once(ground: Ground, busy: subprocess.Popen[str]) -> None:
    ground.run().refuses("small", "en cours", "in progress")
    ground.republished = True
    code, _, err = ended(busy, "go on\n")
    assert (code, err) == (0, "")


def test_an_interrupted_run_says_so_and_publishes_nothing(ground: Ground) -> None:
    ground.put("flat.csv", CSV)
    code, _, err = ended(ground.start("interrupt", 100))
    assert (code, err) == (2, "Interrompu. / Interrupted.\n")
    ground.mend()


def test_files_that_may_not_grow(ground: Ground, tmp_path: Path) -> None:
    """A limit on the size of files stops the writer of the history, the tables, the report."""
    out = tmp_path / "trial"
    trial = ("try", str(ground.inputs / "decp.json"), "--out", str(out))
    for limit, arguments in ((60_000, ()), (2_000, trial), (1_000_000, trial)):
        code, told, err = ended(ground.start("limit", limit, 0, *arguments))
        assert (code, told) == (2, ""), (limit, err)
        assert "crire" in err or "criture" in err, (limit, err)
        assert "Traceback" not in err
        assert not WORKING_PLACES.search(err), err
        assert len(err.strip().splitlines()) == 1, err
        assert not out.exists() or list(out.iterdir()) == [], limit
        whole(ground)


def mounted(*arguments: str) -> bool:
    """Whether a mount worked; tests that need one are skipped elsewhere, saying so."""
    if not shutil.which("mount"):
        return False
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    return done.returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def test_a_full_disk(tmp_path: Path) -> None:
    """A disk of the size of the first result: the second one does not fit beside it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)):
        pytest.skip("SKIPPED FOR WANT OF RIGHTS: no small disk can be mounted here")
    try:
        ground = Ground(folder)
        code, _, err = ended(ground.start("count"))
        assert code == 0, err
        before = ground.published()
        for free in (3_000_000,):
            fill(folder, free)
            code, _, err = ended(ground.start("count"))
            assert code == 2, (free, err)
            assert "disque" in err, (free, err)
            assert "Traceback" not in err
            assert not WORKING_PLACES.search(err), err
            assert len(err.strip().splitlines()) == 1, err
            assert ground.published() == before
            (folder / "filler").unlink()
        code, _, err = ended(ground.start("count"))
        assert code == 0, err
        assert ground.leftovers() == []
    finally:
        unmount(folder)


def fill(folder: Path, free: int) -> None:
    """Leave that many bytes on the disk."""
    state = os.statvfs(folder)
    with (folder / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, state.f_bavail * state.f_frsize - free)


def test_a_read_only_disk(ground: Ground, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    if not mounted("--bind", str(ground.root), str(folder)):
        pytest.skip("SKIPPED FOR WANT OF RIGHTS: no disk can be mounted read-only here")
    try:
        assert mounted("-o", "remount,ro,bind", str(folder))
        said = ground.run("--project", str(folder), "run", "small")
        said.refuses(str(folder), "écrire", "write")
        out = folder / "trial"
        register = str(ground.inputs / "decp.json")
        ground.run("try", register, "--out", str(out)).refuses(str(out), "--out")
    finally:
        unmount(folder)


def test_a_file_in_the_place_of_the_output_folder(ground: Ground, tmp_path: Path) -> None:
    out = tmp_path / "report"
    out.write_text("mine", encoding="utf-8")
    register = str(ground.inputs / "decp.json")
    ground.run("try", register, "--out", str(out)).refuses(str(out), "écrire", "write")
    assert out.read_text(encoding="utf-8") == "mine"


def test_files_and_folders_that_their_modes_close(ground: Ground) -> None:
    """Root without its privilege over modes is a user like another."""
    drop = "-dac_override,-dac_read_search"
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("SKIPPED FOR WANT OF setpriv: root reads whatever the modes say")
        prefix = ("setpriv", "--bounding-set", drop, "--inh-caps", drop)
    register = ground.inputs / "decp.json"
    register.chmod(0)
    try:
        code, _, err = ended(ground.start("count", prefix=prefix))
    finally:
        register.chmod(0o644)
    assert code == 2, err
    assert str(register) in err
    assert "droits" in err
    assert "Traceback" not in err

    ground.root.chmod(0o555)
    try:
        code, _, err = ended(ground.start("count", prefix=prefix))
    finally:
        ground.root.chmod(0o755)
    assert code == 2, err
    assert str(ground.root) in err
    assert "écrire" in err


def test_a_lock_left_by_a_killed_run_holds_nobody(ground: Ground) -> None:
    lock = ground.root / ".dagster" / "small" / "run.lock"
    lock.touch()
    ground.put("decp.json", b"")
    ground.run().refuses("vide")
