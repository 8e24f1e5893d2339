"""Every file of the demo, written in its place."""

from __future__ import annotations

from pathlib import Path

from tests.generators.demo import audit, hour_files, lists, own, spend
from tests.generators.demo.answers import World, answers_text, audited, make_world
from tests.generators.demo.registers import file_bytes

ROOT = Path(__file__).resolve().parents[3]
DATA = Path("data/raw/demo")
LEDGER = Path("pipelines/demo/corrections.csv")
AUDIT = Path(f"pipelines/demo/audits/{audit.CODE}-{audit.YEAR}.csv")
ANSWERS = Path("tests/golden/demo_answers.yml")
SCHEME = Path("pipelines/demo.yml")
NOTE = "LISEZMOI.md"


def contents(world: World) -> dict[Path, bytes]:
    """Every file, by its place in the project."""
    files = {name: file_bytes(name, found) for name, found in world.book.files.items()}
    files[own.FILE] = own.workbook(world.register)
    files |= {name: spend.ledger(world.spend, year) for year, name in spend.FILES.items()}
    files |= {name: content() for name, content in lists.FILES.items()}
    hours = hour_files.contents(world.hours.log)
    files |= {f"{hour_files.FOLDER}/{name}": content for name, content in hours.items()}
    return {
        **{DATA / name: files[name] for name in sorted(files)},
        LEDGER: own.ledger(world.decisions),
        AUDIT: audit.file(audited(world)),
        ANSWERS: answers_text(world, ROOT / SCHEME).encode(),
    }


def write(root: Path = ROOT) -> list[Path]:
    """Write everything under `root`; registers of an older run are removed."""
    files = contents(make_world())
    (root / DATA).mkdir(parents=True, exist_ok=True)
    for stale in (root / DATA).rglob("*"):
        if stale.is_file() and stale.name != NOTE:
            stale.unlink()
    for place, content in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(content)
    return [root / place for place in files]
