"""A plain document (sections of texts and tables) as one self-contained page, or as a .docx."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from spaser import __version__
from spaser.errors import InputError
from spaser.guards import replace_file
from spaser.office import without_clock
from spaser.project import Project
from spaser.templates import environment

TEMPLATE, STYLE = "traitements.html.j2", "rapport.css"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)

Mark = Literal["", "to_complete", "to_check", "verified", "passed", "failed", "doubt"]


@dataclass(frozen=True)
class Cell:
    """A text of the document; the mark says it in words too, never by colour alone."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption; the first cell of a row is its head."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the document."""

    anchor: str
    title: str
    lead: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Entry:
    """The document. `facts` are who, when and with what; `to_complete` counts what is left."""

    language: str
    on: dt.date
    accent: str
    title: str
    scheme: str
    intro: str
    facts: tuple[tuple[str, Cell], ...]
    sections: tuple[Section, ...]

    @property
    def cells(self) -> list[Cell]:
        """Every cell, in order."""
        tables = [table for section in self.sections for table in section.tables]
        return [
            *(cell for _, cell in self.facts),
            *(cell for table in tables for row in table.rows for cell in row),
        ]

    @property
    def to_complete(self) -> int:
        """How many mentions only the controller can give."""
        return sum(cell.mark == "to_complete" for cell in self.cells)


def write_entry(entry: Entry, project: Project, path: Path) -> None:
    """Write the entry: a .docx where the name ends so, else an HTML page; in one step.

    Raises:
        InputError: another kind of file, or the disk refuses.
    """
    kind = path.suffix.lower()
    if kind not in (".html", ".docx"):
        raise InputError(
            f"{path} : le registre s'écrit en .html ou en .docx. Changez la fin du nom.",
            f"{path}: the register is written as .html or .docx. Change the end of the name.",
        )
    try:
        if kind == ".docx":
            _write_docx(entry, path)
        else:
            replace_file(path, entry_html(entry, project).encode())
    except OSError as error:
        raise InputError(
            f"{path} : écriture impossible ({error.strerror}). Choisissez un autre endroit.",
            f"{path}: cannot be written ({error.strerror}). Choose another place.",
        ) from None


def entry_html(entry: Entry, project: Project) -> str:
    """The entry as one page that opens offline."""
    style = (project.reports / "styles" / STYLE).read_text(encoding="utf-8")
    return (
        environment(project)
        .get_template(TEMPLATE)
        .render(
            entry=entry,
            policy=POLICY,
            version=__version__,
            style=Markup(style.replace("__ACCENT__", entry.accent)),
            english=entry.language == "en",
        )
    )


def _write_docx(entry: Entry, path: Path) -> None:
    from docx import Document

    document = Document()
    document.core_properties.title = entry.title
    document.core_properties.language = entry.language
    document.add_heading(entry.title, level=0)
    document.add_paragraph(entry.scheme)
    document.add_paragraph(entry.intro)
    for label, cell in entry.facts:
        document.add_paragraph(f"{label} : {cell.text}")
    for section in entry.sections:
        document.add_heading(section.title, level=1)
        document.add_paragraph(section.lead)
        for table in section.tables:
            document.add_heading(table.caption, level=2)
            _add_table(document, table)
    buffer = io.BytesIO()
    document.save(buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, without_clock(buffer.getvalue(), entry.on))


def _add_table(document: Any, table: Table) -> None:
    grid = document.add_table(rows=1, cols=len(table.heads))
    grid.style = "Table Grid"
    rows = [table.heads, *(tuple(cell.text for cell in row) for row in table.rows)]
    for number, texts in enumerate(rows):
        cells = grid.rows[0].cells if number == 0 else grid.add_row().cells
        for cell, text in zip(cells, texts, strict=True):
            cell.text = text
