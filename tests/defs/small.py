"""A small installation: the real cards and templates, one register of a few contracts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from spaser.project import Project
from spaser.scheme import Scheme, load_scheme

ROOT = Path(__file__).resolve().parents[2]
BUYER = "00020001400017"

SCHEME = """
title: {fr: Petit schéma, en: Small scheme}
period: {from: 2023, to: 2027}
buyers:
  - {id: "00020001400017", name: Métropole d'Exemple}
inputs: [data/raw/small/**]
targets:
  - {indicator: SOC-01, year: 2024, at_least: 0.30}
"""


def contract(number: int, notified: str | None, social: str = "Clause sociale") -> dict[str, Any]:
    """A contract of the 2022 format."""
    return {
        "id": f"C{number}",
        "acheteur": {"id": BUYER},
        "nature": "Marché",
        "objet": f"Entretien numéro {number}",
        "codeCPV": "45112700",
        "procedure": "Procédure adaptée",
        "dureeMois": 6,
        "dateNotification": notified,
        "datePublicationDonnees": notified,
        "montant": 50000 + number,
        "titulaires": [{"titulaire": {"typeIdentifiant": "SIRET", "id": "00031057300019"}}],
        "considerationsSociales": {"considerationSociale": [social]},
    }


CONTRACTS = [
    contract(1, "2023-05-10"),
    contract(2, "2024-02-01"),
    contract(3, "2024-03-01", "Pas de considération sociale"),
]


def install(root: Path, contracts: list[dict[str, Any]] = CONTRACTS) -> tuple[Project, Scheme]:
    """A project in a folder, with its scheme."""
    (root / "assets").symlink_to(ROOT / "assets")
    (root / "reports").mkdir()
    for entry in (ROOT / "reports").iterdir():
        if entry.name != "rendered":
            (root / "reports" / entry.name).symlink_to(entry)
    shutil.copy(ROOT / "dagster.yaml", root)
    (root / "pipelines").mkdir()
    (root / "pipelines" / "small.yml").write_text(SCHEME, encoding="utf-8")
    register(root, contracts)
    project = Project(root)
    return project, load_scheme(project, "small")


def register(root: Path, contracts: list[dict[str, Any]]) -> Path:
    """The register of the small scheme."""
    path = root / "data" / "raw" / "small" / "decp.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"marches": {"marche": contracts}}), encoding="utf-8")
    return path
