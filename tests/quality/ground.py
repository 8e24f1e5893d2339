"""A project of its own for the tests of corrections and audits, and the run of its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from spaser import ledger
from spaser.cards import Text
from spaser.curate import Settings
from spaser.project import Project
from spaser.quality import correction_book, correction_import, proposals
from spaser.scheme import Buyer, Scheme
from spaser.warehouse import Tables
from tests.curate.run import (
    BUYER,
    ROOT,
    build_table,
    rows,
    run_indicators,
    stage_rows,
    stages,
)

HOLDER = '[{"titulaire": {"id": "00040001000013", "typeIdentifiant": "SIRET"}}]'
SCHEME = Scheme(
    name="essai",
    title=Text(fr="Essai", en="Trial"),
    buyers=(Buyer(id=BUYER, name="Ville d'Exemple"),),
    inputs=("aucun",),
)
AUTHOR, DAY = "Cellule achats", date(2026, 11, 21)
HEADS = [head.fr for head in correction_book.HEADS.values()]


def contract(number: int, **changes: Any) -> dict[str, Any]:
    """A staged row, the same in both registers unless changed; `None` empties a field."""
    row = {
        "source_file": "registre",
        "source_pointer": f"L{number}",
        "position": number,
        "contract_id": f"2024-{number:02d}",
        "buyer_id": BUYER,
        "object": f"Entretien du bâtiment {number}",
        "notified_date": f"2024-03-{number + 10:02d}",
        "published_date": "2024-04-20",
        "amount": f"{number}0000",
        "tax_basis": "HT",
        "procedure": "Procédure adaptée",
        "cpv_code": "77310000",
        "nature": "Marché",
        "social_considerations": "Pas de considération sociale",
        "environmental_considerations": "Pas de considération environnementale",
        "holders": HOLDER,
    }
    return row | changes


class Ground:
    """A project of its own, its registers, and the run of its tables."""

    def __init__(self, root: Path, scheme: Scheme = SCHEME) -> None:
        if not root.joinpath("assets").exists():
            root.joinpath("assets").symlink_to(ROOT / "assets")
        self.project = Project(root)
        self.scheme = scheme
        self.tables = Tables(self.project.curated(scheme.name))
        self.book = root / "corrections.xlsx"

    def run(self, own: list[dict[str, Any]], decp: list[dict[str, Any]]) -> None:
        stage_rows(self.tables, "department_register", own)
        stage_rows(self.tables, "decp_2022_json", [{**row, "source_file": "decp"} for row in decp])
        self.again()

    def again(self, targets: bool = False) -> None:
        lines = ledger.read(ledger.ledger_file(self.project, self.scheme.name))
        for key in stages("facts/contracts" if targets else "curated/contracts"):
            build_table(self.tables, key, Settings(self.scheme, ledger=lines))
        if targets:
            run_indicators(self.tables, self.scheme)
        proposals.write_proposals(self.tables, self.project, self.scheme)

    def proposed(self) -> dict[tuple[str, str], dict[str, Any]]:
        found = rows(self.tables, "select * from quality.proposals")
        return {(row["key"].removeprefix(f"{BUYER}-"), row["field"]): row for row in found}

    def export(self) -> correction_book.ExportOutcome:
        return correction_book.export(self.tables, self.project, self.scheme, self.book)

    def fill(self, decide: Callable[[dict[str, Any]], Mapping[str, Any] | None]) -> None:
        """Write in the exported workbook what a person would, row by row."""
        book = openpyxl.load_workbook(self.book)
        sheet = book["À faire"]
        for cells in sheet.iter_rows(min_row=2):
            row = {head: cell.value for head, cell in zip(HEADS, cells, strict=True)}
            for head, value in (decide(row) or {}).items():
                cells[HEADS.index(head)].value = value
        book.save(self.book)

    def import_(self) -> correction_import.ImportOutcome:
        return correction_import.import_(self.project, self.scheme, self.book, AUTHOR, DAY)

    def usable(self) -> dict[int, Decimal]:
        found = rows(
            self.tables,
            "select year, sum(amount_usable_eur) as eur from curated.contracts group by year",
        )
        return {row["year"]: row["eur"] for row in found}

    def ledger_lines(self) -> tuple[ledger.Correction, ...]:
        return ledger.read(ledger.ledger_file(self.project, self.scheme.name))
