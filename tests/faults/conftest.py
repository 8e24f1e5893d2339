"""One small published scheme: bad things happen to it, and its report must stay."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spaser import cli
from spaser.errors import SpaserError
from spaser.project import Project
from tests.defs import small

OTHER_BUYER = "00020002200010"
SCHEME = """
title: {fr: Petit schéma, en: Small scheme}
period: {from: 2023, to: 2024}
buyers:
  - {id: "00020001400017", name: Métropole d'Exemple}
  - {id: "00020002200010", name: Ville d'Exemple}
inputs: [data/raw/small/**]
targets:
  - {indicator: SOC-01, year: 2024, at_least: 0.30}
"""
CONTRACTS = [
    small.contract(1, "2023-05-10"),
    small.contract(2, "2024-02-01"),
    small.contract(3, "2024-03-01", "Pas de considération sociale"),
    small.contract(4, "2024-04-01") | {"acheteur": {"id": OTHER_BUYER}},
]
REGISTER = json.dumps({"marches": {"marche": CONTRACTS}}, ensure_ascii=False).encode()

CSV = """\
id_marche,date_notification,objet_marche,montant_marche,id_acheteur
F1,2024-02-05,Élagage,50000,00020001400017
F2,2024-02-06,Curage,60000,00020001400017
"""
"""A flat register of two contracts."""

WORKING_PLACES = re.compile(r"\.ingest|\.spaser-|/spaser-|/unpacked|/transcoded|/without_nan")
"""Parts of paths that the user never made and cannot look into."""


@dataclass(frozen=True)
class Said:
    """What a command answered: its exit code and its message, in both languages."""

    code: int
    fr: str
    en: str
    out: str

    def refuses(self, *words: str, code: int = 2) -> Said:
        """It is one clear refusal that holds these words (in either language); returns itself."""
        assert self.code == code, self
        assert self.fr, self
        assert self.en, self
        assert self.fr != self.en, "one language only"
        for text in (self.fr, self.en):
            assert "Traceback" not in text, text
            assert "faut de spaser" not in text, text
            assert not WORKING_PLACES.search(text), text
            assert len(text) < 3000, "a message, not a dump"
        for word in words:
            assert word in self.fr or word in self.en, (word, self)
        return self


class Ground:
    """A small installation that can be broken and mended."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        small.install(self.root, CONTRACTS)
        self.project = Project(self.root)
        self.inputs = self.root / "data" / "raw" / "small"
        self.scheme = self.root / "pipelines" / "small.yml"
        self.rendered = self.project.rendered("small")
        self.database = self.project.curated("small") / "spaser.duckdb"
        self.republished = False
        self.mend()

    def mend(self) -> None:
        """The good scheme, the good register and nothing else."""
        shutil.rmtree(self.inputs, ignore_errors=True)
        self.put("decp.json", REGISTER)
        self.scheme.write_text(SCHEME, encoding="utf-8")

    def put(self, name: str, content: bytes | str) -> Path:
        """An input file."""
        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *arguments: str) -> Said:
        """A command line in this process."""
        return command("--project", str(self.root), *(arguments or ("run", "small")))

    def start(
        self,
        mode: str,
        number: int = 0,
        delay: int = 0,
        *arguments: str,
        prefix: tuple[str, ...] = (),
    ) -> subprocess.Popen[str]:
        """A command line in another process, with a fault at a chosen moment (see `driver`)."""
        return subprocess.Popen(
            [
                *prefix,
                *(sys.executable, "-m", "tests.faults.driver"),
                *(mode, str(number), str(delay), str(self.root), "--"),
                *("--project", str(self.root), *(arguments or ("run", "small"))),
            ],
            cwd=small.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def published(self) -> dict[str, str]:
        """The digest of every file of the reports, and of the database."""
        found = sorted(path for path in self.rendered.rglob("*") if path.is_file())
        reports = [path for path in found if not is_working(path.relative_to(self.rendered))]
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in [*reports, self.database]
        }

    def leftovers(self) -> list[str]:
        """Working files and folders that should be gone."""
        return [
            path.relative_to(self.root).as_posix()
            for top in (self.rendered, self.project.curated("small"))
            for path in sorted(top.rglob("*"))
            if path.name.startswith(".") or path.suffix in {".tmp", ".wal", ".old"}
        ]


def is_working(path: Path) -> bool:
    """Whether a path lies in a working folder, which nobody looks into."""
    return any(part.startswith(".") for part in path.parts)


def command(*arguments: str) -> Said:
    """A command line in this process; its message is taken in both languages at once."""
    told: list[SpaserError] = []

    def both(error: SpaserError, language: str) -> str:
        told.append(error)
        return error.en if language == "en" else error.fr

    out, err = io.StringIO(), io.StringIO()
    patch = pytest.MonkeyPatch()
    patch.setattr(SpaserError, "message", both)
    patch.setattr(cli.SESSION, "language", "fr")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(arguments)
    finally:
        patch.undo()
    if not told:
        return Said(code, err.getvalue(), "", out.getvalue())
    assert err.getvalue().strip() == told[0].fr.strip(), "the message and nothing else"
    return Said(code, told[0].fr, told[0].en, out.getvalue())


@pytest.fixture(scope="session")
def published_ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """An installation with a published report."""
    ground = Ground(tmp_path_factory.mktemp("faults"))
    said = ground.run()
    assert said.code == 0, said
    assert (ground.rendered / "2024" / "interne" / "rapport.html").is_file()
    return ground


@pytest.fixture
def ground(published_ground: Ground) -> Iterator[Ground]:
    """The published installation; whatever a test does to its inputs, the result must not move."""
    before = published_ground.published()
    published_ground.republished = False
    yield published_ground
    published_ground.mend()
    after = published_ground.published()
    if published_ground.republished:  # of a database only the digests of its tables are the same
        database = published_ground.database.relative_to(published_ground.root).as_posix()
        after[database] = before[database]
    assert after == before, "the previous result has changed"
    assert published_ground.leftovers() == []
