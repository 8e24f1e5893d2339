"""`spaser privacy`: what it asks, says and does."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spaser.exclusive import alone
from spaser.privacy import build
from spaser.privacy.purge import read_log
from spaser.pseudonyms import KEY_VARIABLE, ensure_key, key_file
from spaser.warehouse import session, write_database
from tests.curate.run import ROOT
from tests.privacy.ground import Ground, Line, Sheet, holders
from tests.published import Said, spaser

LOG, MIXED = "data/raw/x/heures-2019.csv", "data/raw/x/heures-2020.csv"
SHEETS = "data/raw/x/participants.csv"


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "own" / "key"))
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody answers
    root = tmp_path / "project"
    for name in ("assets", "reports/templates", "reports/styles"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "reports/traitements.yml", root / "reports")
    shutil.copy(ROOT / "dagster.yaml", root)
    (root / "pipelines").mkdir()
    (root / "pipelines/x.yml").write_text(
        "title: {fr: X}\nbuyers: all\ninputs: [data/raw/x/**]\n", encoding="utf-8"
    )
    with session() as connection:
        ground = Ground(root, connection)
        ground.build(
            [
                Line("A", "2019-03-01", LOG, 2),
                Line("A", "2019-04-01", MIXED, 2),
                Line("B", "2999-01-01", MIXED, 3),
            ],
            [Sheet("A", SHEETS, 2)],
        )
        yield ground


def of(ground: Ground, *arguments: str, language: str = "fr") -> Said:
    project = str(ground.project.root)
    return spaser("--project", project, "privacy", *arguments, language=language)


def test_retention_counts_by_file_and_year(ground: Ground) -> None:
    said = of(ground, "retention", "x")
    assert said.code == 0, said.err
    assert "24 mois" in said.out
    assert "(à vérifier)" in said.out
    assert LOG in said.out
    last = said.out.splitlines()[-1]
    assert last.startswith("Personnes : 2, dont à effacer : 1. Lignes à effacer : 3.")
    assert last.endswith(": 1.")
    assert "Lines to erase: 3." in of(ground, "retention", "x", language="en").out


def test_a_purge_says_what_it_will_do_asks_and_does_it(ground: Ground) -> None:
    said = of(ground, "purge", "x", "--dry-run", "--with-inputs")
    assert said.code == 0, said.err
    assert "personnes : 1 ; lignes d'heures : 2 ; lignes de fichiers : 3." in said.out
    assert f"Fichier à supprimer : {LOG}" in said.out
    assert f"{MIXED} : gardé, lignes à garder : 1." in said.out
    assert holders(ground.project.root, ["A"])
    refused = of(ground, "purge", "x")
    assert refused.code == 2
    assert holders(ground.project.root, ["A"])
    done = of(ground, "purge", "x", "--yes", "--with-inputs")
    assert done.code == 0, done.err
    assert "Personnes effacées : 1 ; fichiers supprimés : 2." in done.out
    assert holders(ground.project.root, ["A"]) == []
    assert not (ground.project.root / LOG).exists()
    assert len(read_log(ground.tables)) == 1
    again = of(ground, "purge", "x")
    assert (again.code, "Rien à effacer" in again.out) == (0, True)


def test_a_day_in_the_future_is_refused(ground: Ground) -> None:
    for command in ("purge", "retention", "register"):
        said = of(ground, command, "x", "--as-of", "2999-01-01")
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert "dans le futur" in said.err


def test_the_key_is_rotated_after_a_yes_only(ground: Ground) -> None:
    before = ensure_key(key_file(), ground.project.root).fingerprint
    refused = of(ground, "rotate-key")
    assert refused.code == 2
    assert "Tous les pseudonymes changent" in refused.out
    assert ensure_key(key_file(), ground.project.root).fingerprint == before
    done = of(ground, "rotate-key", "--yes", language="en")
    assert done.code == 0, done.err
    after = ensure_key(key_file(), ground.project.root)
    assert after.fingerprint != before
    assert after.fingerprint in done.out
    assert after.secret.hex() not in done.out + done.err


def test_rotating_a_key_that_was_never_made_is_one_message(ground: Ground) -> None:
    said = of(ground, "rotate-key", "--yes")
    assert (said.code, said.err.count("\n")) == (2, 1)


def test_the_register_is_written_where_asked_or_beside_the_reports(ground: Ground) -> None:
    said = of(ground, "register", "x")
    assert said.code == 0, said.err
    page = ground.project.rendered("x") / "traitements.html"
    assert '<html lang="fr">' in page.read_text(encoding="utf-8")
    assert "compléter par l'autorité : 5" in said.out
    other = ground.project.root / "r.html"
    assert of(ground, "register", "x", "--out", str(other), "--report-lang", "en").code == 0
    assert '<html lang="en">' in other.read_text(encoding="utf-8")


def publish(ground: Ground, women: int) -> None:
    """A run: its tables, its database, and its reports, told by their manifests."""
    check(ground, women)
    write_database(ground.tables, ground.tables.root / "spaser.duckdb", ground.cards.restricted)
    inputs = ground.rows("quality.inputs")
    manifest = {
        "as_of": "2026-02-01",
        "inputs": [{"path": row["source_file"], "sha256": row["sha256"]} for row in inputs],
    }
    for year in ("2025", "2031"):
        report = ground.project.rendered("x") / year / "interne"
        report.mkdir(parents=True, exist_ok=True)
        (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def check(ground: Ground, women: int) -> None:
    """The figures of 2025: so many women and twenty men, six companies, without one that rules."""
    ground.write("quality.run", [{"scheme": "x", "as_of": "2026-02-01"}])
    counted = {("*", "*"): women + 20, ("sex", "female"): women, ("sex", "male"): 20}
    rows = [
        {"year": 2025, "buyer_id": "*", "axis": axis, "member": member, "people": people,
         "hours": people * 100, "companies": 6, "largest_company_hours": people * 30}
        for (axis, member), people in counted.items()
    ]  # fmt: skip
    ground.write("facts.people_figures", rows)
    build(ground.tables, ground.cards)


def test_an_edition_is_sealed_once_and_again_when_its_figures_change(ground: Ground) -> None:
    publish(ground, women=2)
    said = of(ground, "seal", "x", "--year", "2025", "--on", "2026-03-01")
    assert said.code == 0, said.err
    assert "edition" not in said.err
    assert "editions/2025-1.json : édition 1 de 2025 scellée au 2026-03-01" in said.out
    assert "(chiffres : 6, dont masqués : " in said.out
    assert "ne le publiez jamais" in said.out
    file = ground.tables.root / "editions/2025-1.json"
    before = file.read_bytes()
    again = of(ground, "seal", "x", "--year", "2025", language="en")
    assert again.code == 0
    assert "sealed already" in again.out
    assert "Nothing is written" in again.out
    assert file.read_bytes() == before
    publish(ground, women=30)
    later = of(ground, "seal", "x", "--year", "2025", language="en")
    assert "editions/2025-2.json: edition 2 of 2025 sealed on " in later.out
    assert len(list(file.parent.iterdir())) == 2


def files_changed(ground: Ground) -> None:
    rows = ground.rows("quality.inputs")
    ground.write("quality.inputs", [rows[0] | {"sha256": "f" * 64}, *rows[1:]])


def without_report(ground: Ground) -> None:
    shutil.rmtree(ground.project.rendered("x") / "2025")


def damaged_manifest(ground: Ground) -> None:
    (ground.project.rendered("x") / "2025/interne/manifest.json").write_text("{")


def without_database(ground: Ground) -> None:
    (ground.tables.root / "spaser.duckdb").unlink()


def checked_since(ground: Ground) -> None:
    check(ground, women=30)


def another_day(ground: Ground) -> None:
    ground.write("quality.run", [{"scheme": "x", "as_of": "2026-02-02"}])


@pytest.mark.parametrize(
    "since",
    [
        files_changed,
        without_report,
        damaged_manifest,
        without_database,
        checked_since,
        another_day,
    ],
)
def test_what_was_not_printed_is_not_sealed(
    ground: Ground, since: Callable[[Ground], None]
) -> None:
    """The edition printed would never be recorded, and its difference with the next one tells."""
    publish(ground, women=2)
    since(ground)
    said = of(ground, "seal", "x", "--year", "2025")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "Rien n'est scellé" in said.err
    assert "« spaser run x --year 2025 »" in said.err
    assert not (ground.tables.root / "editions").exists()
    publish(ground, women=2)
    assert of(ground, "seal", "x", "--year", "2025").code == 0


def test_nothing_is_sealed_during_a_run(ground: Ground) -> None:
    publish(ground, women=2)
    with alone(ground.project, "x"):
        said = of(ground, "seal", "x", "--year", "2025")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "en cours" in said.err


def test_a_year_without_figures_about_people_is_not_sealed(ground: Ground) -> None:
    publish(ground, women=2)
    said = of(ground, "seal", "x", "--year", "2031")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "Aucun chiffre sur des personnes pour 2031 dans « x »" in said.err
    assert "« spaser run x »" in said.err
    assert not (ground.tables.root / "editions").exists()


def test_a_scheme_that_has_not_run_is_not_sealed(ground: Ground) -> None:
    (ground.project.pipelines / "y.yml").write_bytes(
        (ground.project.pipelines / "x.yml").read_bytes()
    )
    said = of(ground, "seal", "y", "--year", "2025", language="en")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "Nothing is sealed" in said.err
    assert "`spaser run y --year 2025`" in said.err


@pytest.mark.parametrize(
    ("day", "told"), [("2999-01-01", "dans le futur"), ("hier", "pas une date")]
)
def test_an_edition_is_sealed_on_a_past_day(ground: Ground, day: str, told: str) -> None:
    publish(ground, women=2)
    said = of(ground, "seal", "x", "--year", "2025", "--on", day)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("--on : ")
    assert told in said.err


def test_a_damaged_edition_is_told_and_not_written_over(ground: Ground) -> None:
    publish(ground, women=2)
    of(ground, "seal", "x", "--year", "2025")
    file = ground.tables.root / "editions/2025-1.json"
    file.write_text("{", encoding="utf-8")
    said = of(ground, "seal", "x", "--year", "2025")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "2025-1.json" in said.err
    assert file.read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize("command", ["rotate-key", "retention", "purge", "register", "seal"])
def test_every_command_has_a_help_in_both_languages(command: str) -> None:
    said = spaser("privacy", command, "--help")
    assert said.code == 0
    assert " / " in said.out
