"""How long a large workbook takes to become a table, and how much memory.

    python -m tests.bench.workbook [ROWS] [COLUMNS]

The workbook (100 000 × 30 unless told otherwise) is written once under `.cache/bench`, then read in
a process of its own; the limit set for it is 15 seconds and 1 GB, staging included.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from openpyxl import Workbook

from tests.bench.memory import PeakMemory

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
BUYER = "00020001400017"
HEADERS = (
    "N° du marché",
    "Objet du marché",
    "Montant HT",
    "Date de notification",
    "SIRET du titulaire",
    "Procédure",
    "Clause sociale",
)


def written(rows: int, columns: int) -> Path:
    """The workbook, written if it is not there yet."""
    path = CACHE / f"register_{rows}x{columns}.xlsx"
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Registre")
        for cells in _cells(rows, columns):
            sheet.append(cells)
        book.save(path)
    return path


def _cells(rows: int, columns: int) -> Iterator[list[object]]:
    yield ["Registre des marchés notifiés"]
    yield [*HEADERS, *(f"Colonne libre {n}" for n in range(columns - len(HEADERS)))]
    first = date(2020, 1, 1)
    for number in range(rows):
        own: list[object] = [
            f"2024-{number:06}",
            f"Travaux d'entretien du bâtiment n° {number}, lot {number % 7}",
            number * 1.37 + 40_000,
            first + timedelta(days=number % 1800),
            20_001_400_017 + number * 1000,
            "Procédure adaptée",
            "oui" if number % 3 else "non",
        ]
        free = [
            f"texte {number}-{n}" if n % 3 else number * (n + 1) for n in range(columns - len(own))
        ]
        yield [*own, *free]


def measure(path: Path) -> None:
    """Stage the workbook, as a run does, and say how long it took."""
    from spaser import ingest
    from spaser.cards import catalogue
    from spaser.project import definitions_root
    from spaser.warehouse import Tables, session

    cards = catalogue(definitions_root() / "assets")
    with tempfile.TemporaryDirectory() as folder, PeakMemory() as peak:
        tables = Tables(Path(folder))
        began, start = time.perf_counter(), time.process_time()
        ingest.stage([path], tables, cards, path.parent, buyer=BUYER)
        ended, spent = time.perf_counter(), time.process_time()
        with session() as connection:
            staged = tables.scan("staged.department_register")
            [(rows,)] = connection.execute(f"select count(*) from {staged}").fetchall()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.stem}: {rows} rows staged in {ended - began:.1f} s ({spent - start:.1f} s of "
        f"processor); anonymous memory +{peak.above_start / 2**20:.0f} MiB, peak resident "
        f"{resident:.0f} MiB"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        size = [int(argument) for argument in sys.argv[1:]]
        wanted = written(*(size or [100_000, 30]))
        subprocess.run(
            [sys.executable, "-m", "tests.bench.workbook", "--measure", str(wanted)],
            cwd=ROOT,
            check=True,
        )
