"""What several test files share: the demo built once, the folder of real registers or a skip.

Property tests scale with the profile: `pytest --hypothesis-profile=soak` runs twenty times more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from spaser.project import Project
from spaser.pseudonyms import KEY_VARIABLE
from spaser.scheme import Scheme, load_scheme
from spaser.warehouse import Tables
from tests.curate.run import EVERYTHING, ROOT, conclude, run_files, run_indicators

settings.register_profile(
    "soak",
    max_examples=2000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)

REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real registers, beside the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"SKIPPED FOR WANT OF DATA: no real registers in {REAL_DATA}")
    return REAL_DATA


@pytest.fixture(scope="session")
def demo_scheme() -> Scheme:
    return load_scheme(Project(ROOT), "demo")


@pytest.fixture(scope="session", autouse=True)
def _key_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pseudonyms are made with a key of the tests: the user's own is never touched."""
    before = os.environ.get(KEY_VARIABLE)
    os.environ[KEY_VARIABLE] = str(tmp_path_factory.mktemp("key") / "pseudonyms.key")
    yield
    if before is None:
        del os.environ[KEY_VARIABLE]
    else:
        os.environ[KEY_VARIABLE] = before


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_scheme: Scheme) -> Tables:
    """The demo from its registers to results, evidence, verdicts and what they conclude.

    Built once, by the first worker that asks for it; nobody writes into it.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "demo"
    tables, done = Tables(folder), folder / "done"
    with FileLock(f"{folder}.lock"):
        if not done.is_file():
            run_files(folder, [], demo_scheme, last=EVERYTHING)
            run_indicators(tables, demo_scheme)
            conclude(tables, demo_scheme)
            done.touch()
    return tables
