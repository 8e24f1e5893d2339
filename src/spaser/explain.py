"""Where a figure comes from: its contracts, read in a published database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from spaser.cards import Text, catalogue
from spaser.errors import InputError
from spaser.guards import csv_text
from spaser.indicators.compute import compile_for, evidence_rows
from spaser.project import Project
from spaser.publish.formats import Formats
from spaser.warehouse import Connection, DuckDBEngine, literal, open_database

COLUMNS = (
    "unit_id",
    "role",
    "reason",
    "weight",
    "buyer_id",
    "notified_date",
    "amount_initial_eur",
    "object",
    "source_file",
    "source_pointer",
)

_ROLES = {
    "numerator": Text(fr="numérateur", en="numerator"),
    "denominator_only": Text(fr="dénominateur seul", en="denominator only"),
    "unknown": Text(fr="inconnu", en="unknown"),
    "excluded": Text(fr="exclu", en="excluded"),
}
_VERDICTS = {
    "reached": Text(fr="atteint", en="reached"),
    "not_reached": Text(fr="non atteint", en="not reached"),
    "undecidable": Text(fr="indécidable", en="undecidable"),
    "not_due": Text(fr="non échu", en="not due"),
}
_TRAJECTORIES = {
    "on_track": Text(fr="en bonne voie", en="on track"),
    "late": Text(fr="en retard", en="late"),
    "undecidable": Text(fr="indécidable", en="undecidable"),
}


@dataclass(frozen=True)
class Question:
    """The figure asked about."""

    code: str
    method: str
    scope: str
    measure: str
    year: int
    buyer: str


@dataclass(frozen=True)
class Answer:
    """The figure's results (one per unit) and its lines, as dictionaries of `COLUMNS`."""

    question: Question
    label: Text
    results: tuple[dict[str, Any], ...]
    lines: tuple[dict[str, Any], ...]

    def summary(self, language: str) -> str:
        """The figure in words."""
        formats = Formats(language)
        parts = [f"{self.question.code} — {self.label.get(language)} — {self.question.year}"]
        parts += [_told(result, formats, language) for result in self.results]
        return "\n".join(parts)

    def headers(self, language: str) -> tuple[str, ...]:
        """Column titles."""
        if language == "en":
            return ("Contract", "Role", "Reason", "Weight", "Notified", "Object", "Source")
        return ("Marché", "Rôle", "Motif", "Poids", "Notifié", "Objet", "Source")

    def rows(self, language: str) -> list[tuple[str, ...]]:
        """The lines as printed."""
        return [
            (
                line["unit_id"],
                _ROLES[line["role"]].get(language),
                line["reason"] or "",
                "" if line["weight"] is None else Formats(language).trimmed(line["weight"]),
                str(line["notified_date"] or ""),
                (line["object"] or "")[:60],
                f"{line['source_file']} {line['source_pointer']}",
            )
            for line in self.lines
        ]

    def as_csv(self) -> str:
        """The lines as CSV; text that a spreadsheet would run as a formula is quoted by `'`."""
        rows = [[line[name] for name in COLUMNS] for line in self.lines]
        return csv_text(COLUMNS, rows).rstrip("\n")

    def as_json(self) -> str:
        """The results and the lines as JSON."""
        return json.dumps(
            {"results": self.results, "lines": self.lines},
            default=str,
            ensure_ascii=False,
            indent=1,
        )


def explain_figure(project: Project, database: Path, question: Question) -> Answer:
    """The lines behind a figure: stored evidence, else computed again from the facts.

    Raises:
        InputError: unknown indicator, no database, or no such figure in it.
    """
    cards = catalogue(project.assets)
    card = cards.indicators.get(question.code)
    if card is None:
        known = ", ".join(sorted(cards.indicators))
        raise InputError(
            f"Indicateur « {question.code} » inconnu. Indicateurs : {known}.",
            f"Unknown indicator “{question.code}”. Indicators: {known}.",
        )
    if not database.is_file():
        raise InputError(
            f"Pas de résultats dans {database.parent}. "
            "Lancez d'abord « spaser run » ou « spaser try ».",
            f"No results in {database.parent}. First run `spaser run` or `spaser try`.",
        )
    with open_database(database) as connection:
        results = _results(connection, question)
        if not results:
            raise InputError(
                f"Aucun chiffre {question.code} pour {question.year} avec ces choix "
                "(méthode, périmètre, mesure, acheteur).",
                f"No figure {question.code} for {question.year} with these choices "
                "(method, scope, measure, buyer).",
            )
        lines = _lines(connection, project, question)
    return Answer(question, card.labels, tuple(results), tuple(lines))


def _dictionaries(connection: Connection, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.sql(sql).to_arrow_table().to_pylist()]


def _results(connection: Connection, question: Question) -> list[dict[str, Any]]:
    return _dictionaries(
        connection,
        f"""select unit, numerator, denominator, unknown, excluded, value, low, high, status,
            reason_fr, reason_en
        from indicators.results
        where code = {literal(question.code)} and method = {literal(question.method)}
            and scope = {literal(question.scope)} and measure = {literal(question.measure)}
            and year = {question.year} and buyer_id = {literal(question.buyer)} and dimension = '*'
        order by unit""",
    )


def _lines(connection: Connection, project: Project, question: Question) -> list[dict[str, Any]]:
    stored = connection.execute(
        "select count(*) from indicators.evidence where year = ?", [question.year]
    ).fetchall()[0][0]
    source = "indicators.evidence"
    if not stored:
        _compute_evidence(connection, project, question)
        source = "computed_evidence"
    fact_table = _fact_table(project, question)
    unit, described = _DESCRIBED[fact_table]
    buyer = "" if question.buyer == "*" else f"and e.buyer_id = {literal(question.buyer)}"
    return _dictionaries(
        connection,
        f"""select e.unit_id, e.role, e.reason, e.weight, e.buyer_id, {described},
            f.source_file, f.source_pointer
        from {source} e join {fact_table} f on f.{unit} = e.unit_id
        where e.code = {literal(question.code)} and e.method = {literal(question.method)}
            and e.scope = {literal(question.scope)} and e.measure = {literal(question.measure)}
            and e.year = {question.year} {buyer}
        order by case e.role when 'numerator' then 1 when 'denominator_only' then 2
            when 'unknown' then 3 else 4 end, e.unit_id""",
    )


_DESCRIBED = {
    "facts.contracts": ("uid", "f.notified_date, f.amount_initial_eur, f.object"),
    "facts.spend": (
        "line_id",
        (
            "f.paid_date as notified_date, f.amount_usable_eur as amount_initial_eur, "
            "concat_ws(' · ', f.supplier_name, f.category) as object"
        ),
    ),
}
"""How the units of each fact table fill the columns of a line: a payment has a payment date."""


def _fact_table(project: Project, question: Question) -> str:
    card = catalogue(project.assets).indicators[question.code]
    methods = {method.name: method for method in card.methods}
    return card.table_of(methods[question.method])


def _compute_evidence(connection: Connection, project: Project, question: Question) -> None:
    """Create `computed_evidence` from the facts, of the fact table that the figure reads."""
    fact_table = _fact_table(project, question)
    relation = fact_table.replace(".", "_")
    connection.execute(f"create temp view {relation} as select * from {fact_table}")
    rows = [
        evidence_rows(DuckDBEngine(connection), part, "", question.year, [question.code])
        for part in compile_for(catalogue(project.assets), [question.code])
        if part.fact.table == fact_table
    ]
    connection.register("computed_evidence", rows[0])


def _printed(value: Decimal | None, unit: str, formats: Formats) -> str:
    if value is None:
        return "—"
    if unit == "share":
        return formats.percent(value)
    return formats.money(value) if unit == "eur" else formats.trimmed(value)


def _told(result: dict[str, Any], formats: Formats, language: str) -> str:
    unit = result["unit"]
    if result["status"] != "computed":
        reason = result["reason_en" if language == "en" else "reason_fr"]
        return f"Not computable: {reason}" if language == "en" else f"Non calculable : {reason}"
    value = _printed(result["value"], unit, formats)
    low, high = (_printed(result[bound], unit, formats) for bound in ("low", "high"))
    parts = ", ".join(
        "—" if result[name] is None else formats.trimmed(result[name])
        for name in ("numerator", "denominator", "unknown")
    )
    if language == "en":
        return f"{value} (between {low} and {high}); numerator, denominator, unknown: {parts}"
    return f"{value} (entre {low} et {high}) ; numérateur, dénominateur, inconnus : {parts}"


def read_verdicts(database: Path, year: int, language: str) -> tuple[list[tuple[str, ...]], bool]:
    """The printed verdicts of a year, and whether a target is missed.

    Raises:
        InputError: the year has no verdict.
    """
    with open_database(database) as connection:
        rows = _dictionaries(
            connection,
            f"select * from indicators.verdicts where year = {year} order by target_id",
        )
    if not rows:
        raise InputError(
            f"Aucun objectif jugé pour {year}. Lancez « spaser run » pour cette année, "
            "ou ajoutez des objectifs au schéma.",
            f"No target judged for {year}. Run `spaser run` for that year, or add targets.",
        )
    formats = Formats(language)
    return [_verdict_row(row, formats, language) for row in rows], any(
        row["verdict"] == "not_reached" for row in rows
    )


def _verdict_row(row: dict[str, Any], formats: Formats, language: str) -> tuple[str, ...]:
    verdict = _VERDICTS[row["verdict"]].get(language)
    if row["trajectory"]:
        verdict += f" ({_TRAJECTORIES[row['trajectory']].get(language)})"
    low, high, value, threshold = (
        _printed(row[name], row["unit"], formats) for name in ("low", "high", "value", "threshold")
    )
    return (
        f"{row['code']} — {row['label_en' if language == 'en' else 'label_fr']}",
        row["buyer_id"],
        value,
        f"{low} – {high}",
        ("≤ " if row["direction"] == "down" else "≥ ") + threshold,
        str(row["due_year"]),
        verdict,
        "" if row["to_qualify"] is None else str(row["to_qualify"]),
    )
