"""A purge between two real runs: files in, tables out, with and without the files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from spaser import ingest, privacy
from spaser.curate import Settings
from spaser.privacy.purge import Purge, purge
from spaser.project import Project
from spaser.pseudonyms import KEY_VARIABLE
from spaser.scheme import Scheme, input_files
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS, EVERYTHING, contract, curate_all, register
from tests.privacy.ground import holders

DAY = date(2026, 6, 1)
COMPANY = "00030003000016"
FIGURES = ("facts.people_figures", "indicators.figures", "quality.suppression")
OPERATIONS = ("curated.operations", "facts.operations")

COMMITMENTS = (
    "engagement_id,marche_id,maitre_ouvrage,entreprise_siret,mode,date_effet,heures,debut,fin"
)
LOG = (
    "marche_id,maitre_ouvrage,facilitateur,entreprise_siret,periode,heures_realisees,"
    "heures_validees,etat,beneficiaire_id,sexe"
)
SHEET = "beneficiaire_id,facilitateur,publics,residence_qpv,eligible_du"


class Work:
    """A project with a register, a commitment, two logs and the sheets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = Project(root)
        self.tables = Tables(self.project.curated("x"))
        self.scheme = Scheme.model_validate(
            {"name": "x", "title": "x", "buyers": "all", "inputs": ["data/raw/**"]}
        )

    def write(self, name: str, head: str, rows: list[str]) -> None:
        path = self.root / "data/raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")

    def run(self) -> None:
        files = input_files(self.scheme, self.root)
        ingest.stage(files, self.tables, CARDS, self.root)
        settings = Settings(self.scheme, as_of=DAY)
        curate_all(self.tables, self.scheme, EVERYTHING, settings)
        privacy.build(self.tables, CARDS)

    def purge(self, **options: bool) -> Purge:
        return purge(self.project, CARDS, self.scheme, DAY, DAY, **options)

    def rows(self, table: str) -> list[dict[str, Any]]:
        with session() as connection:
            found = connection.sql(f"from {self.tables.scan(table)}").to_arrow_table()
        return sorted(found.to_pylist(), key=str)

    def people(self) -> list[str]:
        """The pseudonyms in the restricted tables, whichever they are."""
        found = {row["pseudonym"] for row in self.rows("curated.hour_lines")}
        found |= {row["pseudonym"] for row in self.rows("curated.participants")}
        found |= {row["person_id"] for row in self.rows("staged.insertion_log")}
        found |= {row["person_id"] for row in self.rows("staged.insertion_participants")}
        return sorted(found - {None})

    def without_people(self) -> list[dict[str, Any]]:
        """The lines of hours in what is not about persons."""
        columns = CARDS.tables["curated/hours"].columns
        return [
            {name: row[name] for name, column in columns.items() if not column.about_person}
            for row in self.rows("curated.hours")
        ]


def differing(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> set[str]:
    """The columns in which two tables differ; `*` where they have not the same rows."""
    if len(before) != len(after):
        return {"*"}
    pairs = zip(before, after, strict=True)
    return {name for one, two in pairs for name in one | two if one.get(name) != two.get(name)}


def line(person: str, month: str, hours: int, sex: str = "F") -> str:
    return (
        f"M1,{BUYER},Facilitateur d'exemple,{COMPANY},{month},{hours},{hours},validé,{person},{sex}"
    )


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "own" / "key"))
    work = Work(tmp_path / "project")
    (work.root / "data/raw").mkdir(parents=True)
    register(
        work.root / "data/raw",
        "marches.json",
        [contract(id="M1", dateNotification="2020-12-01", dureeMois=72)],
    )
    commitment = f"OP1,M1,{BUYER},{COMPANY},volume fixe,2020-12-01,5000,2021-01-01,2026-12-31"
    work.write("engagements.csv", COMMITMENTS, [commitment])
    old = [line(f"PLIE-{n:03d}", f"2021-{1 + n % 12:02d}", 100 + n) for n in range(14)]
    mixed = [line(f"PLIE-{n:03d}", "2022-03", 50, "H") for n in range(10, 16)]
    recent = [line("PLIE-015", "2025-03", 60, "H")]
    work.write("heures-2021.csv", LOG, old)
    work.write("heures-2022.csv", LOG, mixed)
    work.write("heures-2025.csv", LOG, recent)
    sheets = [f"PLIE-{n:03d},Facilitateur d'exemple,RSA,oui,2021-01-01" for n in range(16)]
    work.write("participants.csv", SHEET, sheets)
    work.run()
    return work


def test_figures_and_hours_are_the_same_after_a_purge_with_and_without_the_files(
    work: Work,
) -> None:
    before = {table: work.rows(table) for table in (*FIGURES, *OPERATIONS)}
    hours = work.without_people()
    assert any(row["outcome"] == "validated" for row in hours)
    done = work.purge()
    assert (done.people, done.hour_lines) == (15, 19)
    gone = 15
    assert len(work.people()) == 16 - gone
    assert work.rows("curated.operation_people") == []
    for files in ("kept", "deleted"):
        if files == "deleted":
            found = work.purge(with_inputs=True)
            assert [Path(file.name).name for file in found.deleted] == ["heures-2021.csv"]
        work.run()
        for table in FIGURES:
            assert differing(before[table], work.rows(table)) == set(), (table, files)
        for table in OPERATIONS:
            after = work.rows(table)
            # The persons of an operation may become unknown, never another number.
            assert differing(before[table], after) <= {"people"}, (table, files)
            known = {row["people"] for row in before[table]} | {None}
            assert {row["people"] for row in after} <= known, (table, files)
        told = [(row["axis"], row["people"]) for row in work.rows("curated.operation_people")]
        assert told == [("erased", 15)], "who is left is not broken down"
        assert work.without_people() == hours, files
        assert len(work.people()) == 16 - gone, files


def test_no_byte_of_the_project_names_an_erased_person_after_the_next_run(work: Work) -> None:
    everybody = set(work.people())
    work.purge()
    (kept,) = set(work.people())
    work.run()
    assert set(work.people()) == {kept}
    found = holders(work.tables.root, [], everybody - {kept})
    assert found == []
