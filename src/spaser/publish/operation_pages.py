"""`operations/`: an index and a page an operation, self-contained, printable, without script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from spaser.project import Project
from spaser.publish import page
from spaser.publish.clauses import grouped
from spaser.publish.context import Context
from spaser.publish.operation_view import slugs
from spaser.publish.sheet import Sheet
from spaser.templates import environment

FOLDER = "operations"
STYLES = ("rapport.css", "operations.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing comes from elsewhere, and no script runs at all."""


@dataclass(frozen=True)
class Look:
    """What every page of a report shares: whose it is, its colour, who may read it."""

    title: str
    accent: str
    version: str
    is_public: bool

    @property
    def audience(self) -> str:
        """`internal` or `public`: the family of the page's texts."""
        return "public" if self.is_public else "internal"


@dataclass(frozen=True)
class Group:
    """The operations of a facilitator, or of a buyer on public pages."""

    anchor: str
    name: str
    sheets: Sequence[Sheet]

    @property
    def has_secret(self) -> bool:
        """Whether a figure of the list is under statistical secrecy."""
        return any(item.is_secret for sheet in self.sheets for item in sheet.row)


def write(
    folder: Path,
    project: Project,
    context: Context,
    look: Look,
    sheets: Sequence[Sheet],
    heads: Sequence[tuple[str, bool]],
) -> list[str]:
    """Write the index and the pages; returns their names in the folder of the report."""
    templates = environment(project)
    style = "\n".join(
        (project.reports / "styles" / name).read_text(encoding="utf-8") for name in STYLES
    ).replace("__ACCENT__", look.accent)
    shared = {
        "t": context.labels,
        "context": context,
        "formats": context.formats,
        "language": context.language,
        "policy": POLICY,
        "style": Markup(style),
        "look": look,
    }
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    index = templates.get_template("operations.html.j2")
    page.write(
        target / "index.html",
        index.render(groups=groups(sheets), heads=heads, count=len(sheets), **shared),
    )
    template = templates.get_template("operation.html.j2")
    for sheet in sheets:
        page.write(target / f"{sheet.slug}.html", template.render(sheet=sheet, **shared))
    return [f"{FOLDER}/{name}.html" for name in ("index", *(sheet.slug for sheet in sheets))]


def groups(sheets: Sequence[Sheet]) -> list[Group]:
    """Sheets by group, the groups by name; within each, as they come."""
    found = grouped(sheets, lambda sheet: sheet.group)
    names = sorted(found, key=lambda name: (name.casefold(), name))
    return [
        Group(anchor, name, found[name])
        for anchor, name in zip(slugs([f"groupe {name}" for name in names]), names, strict=True)
    ]
