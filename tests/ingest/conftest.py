"""Files are written into a temporary folder and staged in process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from spaser.cards import Catalogue
from spaser.ingest import stage
from spaser.warehouse import Tables

REPOSITORY = Path(__file__).resolve().parents[2]
Row = dict[str, Any]

MARCHE: Row = {
    "id": "2024-001",
    "acheteur": {"id": "12345678200010"},
    "nature": "Marché",
    "objet": "Réfection de la toiture de l'école",
    "codeCPV": "45261910",
    "techniques": {"technique": ["Sans objet"]},
    "considerationsSociales": {"considerationSociale": ["Clause sociale"]},
    "montant": 52000,
    "dateNotification": "2024-05-02",
    "titulaires": [{"titulaire": {"typeIdentifiant": "SIRET", "id": "98765432100013"}}],
}
CONCESSION: Row = {
    "id": "DSP-7",
    "autoriteConcedante": {"id": "12345678200010"},
    "nature": "Délégation de service public",
    "objet": "Fourrière",
    "valeurGlobale": 70,
    "dateSignature": "2024-06-18",
    "considerationsSociales": {"considerationSociale": ["Pas de considération sociale"]},
    "concessionnaires": [{"concessionnaire": {"typeIdentifiant": "SIRET", "id": "1"}}],
}


class Bench:
    """A folder of inputs and the tables built from it."""

    def __init__(self, root: Path) -> None:
        self.inputs = root / "inputs"
        self.inputs.mkdir()
        self.tables = Tables(root / "built")
        self.catalogue = Catalogue(REPOSITORY / "assets")

    def put(self, name: str, content: bytes | str | Row | list[Any]) -> Path:
        """Write an input file; what is no text is written as JSON."""
        if not isinstance(content, bytes | str):
            content = json.dumps(content, ensure_ascii=False)
        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def workbook(self, name: str, **sheets: Sequence[Sequence[Any]]) -> Path:
        """Write a workbook: the rows of each sheet by its title."""
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(list(row))
        book.save(self.inputs / name)
        return self.inputs / name

    def stage(self) -> None:
        """Stage every file of the folder."""
        files = sorted(path for path in self.inputs.rglob("*") if path.is_file())
        stage(files, self.tables, self.catalogue, self.inputs)

    def rows(self, table: str, order: str = "all") -> list[Row]:
        """The rows of a table."""
        with duckdb.connect() as connection:
            found = connection.execute(f"from {self.tables.scan(table)} order by {order}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def staged(self, source: str) -> list[Row]:
        """Staged rows of a source in the order of the files."""
        return self.rows(f"staged.{source}", "source_file, position")

    def findings(self) -> list[tuple[str, str | None, str | None]]:
        """Rule, pointer and value of each finding."""
        found = self.rows("quality.findings", "rule, source_file, source_pointer, value")
        return [(row["rule"], row["source_pointer"], row["value"]) for row in found]

    def balance(self) -> tuple[int, int, int]:
        """Records in, kept and rejected, over every file."""
        rows = self.rows("quality.balances")
        return (
            sum(row["records_in"] for row in rows),
            sum(row["kept"] for row in rows),
            sum(row["rejected"] for row in rows),
        )


@pytest.fixture(autouse=True)
def _key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of pseudonyms of each test's own, outside the folder of inputs."""
    monkeypatch.setenv("SPASER_KEY_FILE", str(tmp_path_factory.mktemp("key") / "pseudonyms.key"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def benches(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Bench]:
    """Several benches in one test."""
    return lambda: Bench(tmp_path_factory.mktemp("bench"))
