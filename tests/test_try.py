"""`spaser try` on registers that have no year to render."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spaser import cli
from spaser.warehouse import open_database

pytestmark = pytest.mark.demo

CONCESSION = {
    "id": "C-2024-01",
    "autoriteConcedante": {"id": "00030001200010"},
    "nature": "Délégation de service public",
    "objet": "Exploitation du stationnement",
    "procedure": "Procédure négociée ouverte",
    "dureeMois": 60,
    "dateSignature": "2024-02-01",
    "datePublicationDonnees": "2024-02-20",
    "dateDebutExecution": "2024-03-01",
    "valeurGlobale": 900000,
    "montantSubventionPublique": 0,
    "concessionnaires": [{"concessionnaire": {"typeIdentifiant": "SIRET", "id": "00040001000013"}}],
    "considerationsSociales": {"considerationSociale": ["Concession réservée"]},
    "considerationsEnvironnementales": {
        "considerationEnvironnementale": ["Clause environnementale"]
    },
}


def test_concessions_alone_give_their_table_and_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register = tmp_path / "concessions.json"
    register.write_text(
        json.dumps({"marches": {"contrat-concession": [CONCESSION]}}), encoding="utf-8"
    )
    out = tmp_path / "out"
    assert cli.run(["--lang", "fr", "try", str(register), "--out", str(out)]) == cli.DONE
    assert "pas de rapport" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == ["spaser.duckdb"]
    with open_database(out / "spaser.duckdb") as connection:
        found = connection.execute(
            "select uid, global_value_eur, is_reserved from curated.concessions"
        ).fetchall()
        contracts = connection.execute("select count(*) from curated.contracts").fetchall()
    assert [(uid, str(value), reserved) for uid, value, reserved in found] == [
        ("00030001200010-C-2024-01", "900000.00", True)
    ]
    assert contracts == [(0,)]
