"""What `spaser check` prints: what decides a target, what to do and its gain, what is empty."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spaser.cards import Catalogue
from spaser.publish.formats import Formats
from spaser.warehouse import Connection, Tables, session

MAX_ACTIONS = 40
"""Lines of the terminal; the report and its workbook have them all."""

_GRAVITY = "case severity when 'error' then 1 when 'warning' then 2 else 3 end"
_SEVERITIES = {
    "error": {"fr": "erreur", "en": "error"},
    "warning": {"fr": "avertissement", "en": "warning"},
    "info": {"fr": "information", "en": "information"},
}


@dataclass(frozen=True)
class ToDo:
    """Findings that one thing done would settle, and what that brings."""

    severity: str
    action: str
    gain: str
    count: str
    contracts: str


@dataclass(frozen=True)
class Filling:
    """How often a field is filled in the latest year."""

    field: str
    filled: str
    required: str
    share: str


@dataclass(frozen=True)
class CheckSummary:
    """The registers of a scheme in words and numbers, in one language.

    deciding: sentences on what decides a target. todo: what to do, the most useful first, and
    `more` how many lines are left out. completeness: the fields of `year`, the least filled first.
    errors: findings of severity error.
    """

    language: str
    deciding: tuple[str, ...]
    todo: tuple[ToDo, ...]
    more: int
    year: int | None
    completeness: tuple[Filling, ...]
    errors: int

    def todo_headers(self) -> tuple[str, ...]:
        """Column titles of `todo_rows`."""
        if self.language == "en":
            return ("Severity", "What to do", "What it brings", "Findings", "Contracts")
        return ("Gravité", "Que faire", "Ce que cela apporte", "Constats", "Marchés")

    def todo_rows(self) -> list[tuple[str, ...]]:
        """What to do, as printed."""
        return [
            (
                _SEVERITIES.get(item.severity, {}).get(self.language, item.severity),
                item.action,
                item.gain,
                item.count,
                item.contracts,
            )
            for item in self.todo
        ]

    def completeness_headers(self) -> tuple[str, ...]:
        """Column titles of `completeness_rows`."""
        if self.language == "en":
            return (f"Field, {self.year}", "Filled", "Expected", "Share")
        return (f"Champ, {self.year}", "Remplis", "Attendus", "Part")

    def completeness_rows(self) -> list[tuple[str, ...]]:
        """Fields, as printed."""
        return [(row.field, row.filled, row.required, row.share) for row in self.completeness]


def summary(tables: Tables, catalogue: Catalogue, language: str) -> CheckSummary:
    """The summary of the tables of a scheme; a table that was not built adds nothing.

    Where `quality.actions` is absent (no result was computed yet), findings are grouped by rule,
    and their gain is not known.
    """
    formats = Formats(language)
    present = [
        name
        for name in ("quality.findings", "quality.actions", "quality.completeness")
        if tables.exists(name)
    ]
    with session() as connection:
        tables.attach(connection, present)
        actions = _actions(connection) if "quality.actions" in present else []
        findings = _findings(connection) if "quality.findings" in present else []
        fields = _completeness(connection) if "quality.completeness" in present else []
    listed = actions or findings
    return CheckSummary(
        language,
        tuple(_text(row, "gain", language) for row in actions if row["decides"]),
        tuple(_todo(row, formats, language) for row in listed[:MAX_ACTIONS]),
        max(0, len(listed) - MAX_ACTIONS),
        fields[0]["year"] if fields else None,
        _fillings(fields, catalogue, formats, language),
        sum(row["count"] for row in findings if row["severity"] == "error"),
    )


def _actions(connection: Connection) -> list[dict[str, Any]]:
    return _rows(
        connection,
        "select severity, count, contracts, gain_fr, gain_en, action_fr, action_en, "
        "len(coalesce(decides, [])) > 0 as decides from quality.actions "
        f"order by len(coalesce(decides, [])) = 0, {_GRAVITY}, year desc nulls last, rank, "
        "action_key",
    )


def _findings(connection: Connection) -> list[dict[str, Any]]:
    return _rows(
        connection,
        "select severity, count(*) as count, null as contracts, null as gain_fr, null as gain_en, "
        "min(action) as action_fr, min(action_en) as action_en, false as decides "
        f"from quality.findings group by rule, severity order by {_GRAVITY}, count desc, rule",
    )


def _completeness(connection: Connection) -> list[dict[str, Any]]:
    return _rows(
        connection,
        "select year, field, filled, required from quality.completeness "
        "where buyer_id = '*' and directorate = '*' and required > 0 "
        "qualify year = max(year) over () order by field",
    )


def _rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.sql(query).to_arrow_table().to_pylist()]


def _text(row: dict[str, Any], name: str, language: str) -> str:
    return row[f"{name}_{language}"] or ""


def _todo(row: dict[str, Any], formats: Formats, language: str) -> ToDo:
    contracts = row["contracts"]
    return ToDo(
        row["severity"],
        _text(row, "action", language),
        _text(row, "gain", language),
        formats.number(row["count"]),
        "" if contracts is None else formats.number(contracts),
    )


def _fillings(
    rows: list[dict[str, Any]], catalogue: Catalogue, formats: Formats, language: str
) -> tuple[Filling, ...]:
    found = []
    for row in rows:
        field = catalogue.fields.get(row["field"])
        label = row["field"]
        if field is not None:
            label = field.label_en if language == "en" else field.label_fr
        share = Decimal(row["filled"]) / Decimal(row["required"])
        filling = Filling(
            label,
            formats.number(row["filled"]),
            formats.number(row["required"]),
            formats.percent(share),
        )
        found.append((share, label, filling))
    return tuple(filling for _, _, filling in sorted(found, key=lambda item: item[:2]))
