"""`docs/registers.md` done as written: commands, what a person does between them, results.

A console block is run; the files of the page are written; what the page tells a person to do (a
table under a comment: the workbook as kept, the mapping reviewed, the decisions, the findings of an
audit) is done as that person would, in the file itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from spaser import ledger
from spaser.scheme import Precedence
from spaser.warehouse import open_database
from tests.curate.run import ROOT
from tests.published import Said, follow, section
from tests.test_docs import as_printed, cells_of, tables_of

PAGE = (ROOT / "docs/registers.md").read_text(encoding="utf-8")
STEPS = [title for title in re.findall(r"^## (.+)$", PAGE, re.M) if title != "In English"]
PIECES = re.compile(r"^<!-- (\w+): (.+?) -->\n\n((?:^\|.*\n)+)", re.M)

Rows = list[list[str]]


@dataclass(frozen=True)
class Shown:
    """A table of results: what the page prints, and what the program gave at that moment."""

    step: str
    query: str
    page: Rows
    found: Rows


@dataclass(frozen=True)
class Walk:
    """The whole walk: its folder, what each command said, and the results on the way."""

    folder: Path
    said: tuple[Said, ...]
    shown: tuple[Shown, ...]

    def __getitem__(self, command: str) -> list[Said]:
        return [said for said in self.said if said.command.startswith(command)]


# --- what a person does -------------------------------------------------------------------------


def keep_a_workbook(folder: Path, name: str, rows: Rows) -> None:
    """Write the sheet that the page shows: numbers as numbers, the rest as text."""
    file, _, sheet = name.partition(" ")
    book = Workbook()
    (page,) = book.worksheets
    page.title = sheet
    for number, *cells in rows[1:]:
        for column, text in enumerate(cells, start=1):
            if text:
                page.cell(int(number), column, int(text) if text.isdigit() else text)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    book.save(folder / file)


def review_the_mapping(folder: Path, name: str, rows: Rows) -> None:
    """Change the lines of the mapping, each found once."""
    text = (folder / name).read_text(encoding="utf-8")
    for proposed, reviewed, _ in rows[1:]:
        assert text.count(proposed.strip("`")) == 1, proposed
        text = text.replace(proposed.strip("`"), reviewed.strip("`"))
    (folder / name).write_text(text, encoding="utf-8")


def fill_in(folder: Path, name: str, rows: Rows) -> None:
    """Type in a workbook: the columns that are not filled yet, in the row that the others name."""
    book = load_workbook(folder / name)
    sheet = next(page for page in book.worksheets if set(rows[0]) <= set(heads_of(page)))
    heads = heads_of(sheet)
    for row in rows[1:]:
        told = dict(zip(rows[0], row, strict=True))
        (line,) = [line for line in sheet.iter_rows(min_row=2) if is_about(line, told, heads)]
        for head, text in told.items():
            line[heads.index(head)].value = text
    book.save(folder / name)


def heads_of(sheet: Worksheet) -> list[str]:
    return [str(cell.value) for cell in sheet[1]]


def is_about(line: tuple[Cell, ...], told: dict[str, str], heads: list[str]) -> bool:
    keys = [head for head in ("Marché", "Champ") if head in told]
    return all(line[heads.index(head)].value == told[head] for head in keys)


ACTS: dict[str, Callable[[Path, str, Rows], None]] = {
    "workbook": keep_a_workbook,
    "review": review_the_mapping,
    "decisions": fill_in,
    "findings": fill_in,
}


# --- the walk -----------------------------------------------------------------------------------


def parts(text: str) -> Iterator[tuple[str, str, Rows]]:
    """A step cut where a person acts: the text before, what is acted on, with what."""
    start = 0
    for found in PIECES.finditer(text):
        if found[1] in ACTS:
            yield text[start : found.start()], f"{found[1]} {found[2]}", cells_of(found[3])
            start = found.end()
    yield text[start:], "", []


def results(folder: Path, step: str, text: str) -> Iterator[Shown]:
    database = folder / "data/curated/ville/spaser.duckdb"
    for query, page in tables_of(text):
        with open_database(database) as connection:
            lines = connection.execute(query).fetchall()
        found = [
            [as_printed(value, like) for value, like in zip(line, cells, strict=True)]
            for line, cells in zip(lines, page, strict=True)
        ]
        yield Shown(step, query, page, found)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("registers")
    said: list[Said] = []
    shown: list[Shown] = []
    for step in STEPS:
        for before, act, rows in parts(section(PAGE, step)):
            done = follow(before, folder)
            folder = done.folder
            said += done.said
            shown += results(folder, step, before)
            if act:
                kind, _, name = act.partition(" ")
                ACTS[kind](folder, name, rows)
    return Walk(folder, tuple(said), tuple(shown))


# --- what it shows ------------------------------------------------------------------------------


@pytest.mark.demo
def test_every_command_of_the_page_succeeds(walk: Walk) -> None:
    assert [(said.command.split(" data")[0], said.code, said.err) for said in walk.said] == [
        ("init mon-spaser", 0, ""),
        ("map", 0, ""),
        ("run ville", 0, ""),
        ("targets ville --year 2024", 0, ""),
        ("corrections export ville", 0, ""),
        ("corrections import ville corrections-ville.xlsx --author 'service achats'", 0, ""),
        ("run ville", 0, ""),
        ("targets ville --year 2024", 0, ""),
        ("audit sample SOC-01 --year 2024 --scheme ville", 0, ""),
        ("audit import controle-SOC-01-2024.xlsx --scheme ville", 0, ""),
        ("new template register --out modele-registre.xlsx", 0, ""),
        ("new template suppliers --out modele-structures.xlsx", 0, ""),
        ("new template spend --out modele-depenses.xlsx", 0, ""),
    ]


@pytest.mark.demo
def test_every_result_is_the_one_that_the_page_prints(walk: Walk) -> None:
    assert len(walk.shown) == PAGE.count("<!-- sql:")
    assert [(shown.query, shown.found) for shown in walk.shown] == [
        (shown.query, shown.page) for shown in walk.shown
    ]


@pytest.mark.demo
def test_the_export_announces_what_the_page_quotes(walk: Walk) -> None:
    (exported,) = walk["corrections export"]
    (quoted,) = re.findall(r"^```text\n(.+)\n```$", PAGE, re.M)
    assert exported.out.replace("\N{NO-BREAK SPACE}", " ").replace("\u202f", " ").strip() == quoted


@pytest.mark.demo
def test_the_figure_moves_by_the_amount_that_was_announced(walk: Walk) -> None:
    (imported,) = walk["corrections import"]
    assert "-18\u202f000,00" in imported.out
    with open_database(walk.folder / "data/curated/ville/spaser.duckdb") as connection:
        [(after,)] = connection.execute(
            "select sum(amount_usable_eur) from curated.contracts"
        ).fetchall()
    assert after == 85000 + 120000 + 45000 + 60000 - 18000


@pytest.mark.demo
def test_the_ledger_says_who_and_why(walk: Walk) -> None:
    lines = ledger.read(walk.folder / "pipelines/ville/corrections.csv")
    assert [(line.field, line.author, line.evidence) for line in lines] == [
        ("amount", "service achats", "Acte d'engagement"),
        ("social_considerations", "service achats", "CCAP, article 7"),
    ]
    assert all(line.reason and line.date for line in lines)


@pytest.mark.demo
def test_the_audit_is_recorded_as_it_was_filled_in(walk: Walk) -> None:
    text = (walk.folder / "pipelines/ville/audits/SOC-01-2024.csv").read_text(encoding="utf-8")
    assert re.findall(r"-(2024-0\d),(yes|no|unknown),.*?,(yes|no),", text) == [
        ("2024-01", "yes", "yes"),
        ("2024-02", "yes", "no"),
        ("2024-03", "no", "no"),
        ("2024-04", "yes", "yes"),
    ]


def test_the_page_gives_every_default_of_the_precedence() -> None:
    (given,) = re.findall(r"^```yaml\nprecedence:\n(.*?)^```$", PAGE, re.M | re.S)
    assert Precedence(**yaml.safe_load(given)) == Precedence()
