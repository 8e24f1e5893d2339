"""`donnees/consolidation-nationale.csv`: what a scheme reports to the national consolidation.

One row per year and buyer (`*` = the whole scheme): validated hours, people, employment contracts,
clause contracts, buyers — the columns that Alliance Villes Emploi publishes for France. A buyer
that has only hours to decide is not one of the `buyers`. Every figure comes from
`indicators.figures`; a hidden one is empty and its column is in `suppressed`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spaser.guards import write_csv
from spaser.publish import page
from spaser.publish.clauses import Published, grouped
from spaser.publish.context import WHOLE, Context
from spaser.publish.marks import plain
from spaser.publish.reading import Run

NAME = "donnees/consolidation-nationale.csv"
SCHEMA = "donnees/consolidation-nationale.schema.json"
MEASURES = {
    "hours": "hours_validated",
    "people": "people",
    "work_contracts": "work_contracts",
    "contracts": "clause_contracts",
}
"""Measure of `indicators.figures` → column."""

COLUMNS = ("scheme", "year", "buyer_id", "buyer_name", *MEASURES.values(), "buyers", "suppressed")
_TYPES = {"year": "year", "hours_validated": "number"}
_WHOLE = frozenset({"people", "work_contracts", "clause_contracts", "buyers"})


def write(folder: Path, context: Context, run: Run, totals: Sequence[Published]) -> list[str]:
    """Write the file and its Table Schema; nothing where no figure exists. Returns their names."""
    if not totals:
        return []
    (folder / NAME).parent.mkdir(parents=True, exist_ok=True)
    write_csv(folder / NAME, COLUMNS, _rows(context, run, totals))
    text = json.dumps(schema(context), ensure_ascii=False, indent=2)
    page.write(folder / SCHEMA, f"{text}\n")
    return [NAME, SCHEMA]


def _rows(context: Context, run: Run, totals: Sequence[Published]) -> list[Sequence[str]]:
    places = grouped(totals, lambda figure: (figure.year, figure.buyer_id))
    buyers = Counter(
        year for (year, buyer), found in places.items() if buyer != WHOLE and _has_hours(found)
    )
    rows: list[Sequence[str]] = []
    for (year, buyer), figures in sorted(places.items()):
        found = {figure.measure: figure for figure in figures}
        hidden = [
            column
            for measure, column in MEASURES.items()
            if measure in found and not found[measure].is_published
        ]
        rows.append(
            (
                run.scheme,
                str(year),
                buyer,
                context.buyer(buyer),
                *(_value(found.get(measure)) for measure in MEASURES),
                str(buyers[year] if buyer == WHOLE else int(_has_hours(figures))),
                ";".join(hidden),
            )
        )
    return rows


def _has_hours(figures: Sequence[Published]) -> bool:
    """Whether hours are validated; a hidden number of them is not zero."""
    hours = [figure for figure in figures if figure.measure == "hours"]
    return any(not figure.is_published or bool(figure.value) for figure in hours)


def _value(figure: Published | None) -> str:
    """The published value; empty where it is hidden or not known."""
    if figure is None or not figure.is_published or figure.value is None:
        return ""
    return plain(figure.value)


def schema(context: Context) -> dict[str, Any]:
    """The Table Schema of the file, in the report's language."""
    t = context.labels
    return {
        "name": "consolidation-nationale",
        "title": t("consolidation.title"),
        "description": t("consolidation.description"),
        "fields": [
            {
                "name": name,
                "title": t(f"consolidation.fields.{name}.title"),
                "description": t(f"consolidation.fields.{name}.description"),
                "type": "integer" if name in _WHOLE else _TYPES.get(name, "string"),
                "constraints": {"required": name in {"scheme", "year", "buyer_id", "buyers"}},
            }
            for name in COLUMNS
        ],
        "primaryKey": ["scheme", "year", "buyer_id"],
        "missingValues": [""],
    }
