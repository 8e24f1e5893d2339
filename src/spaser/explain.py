"""Where a figure comes from, read in a published database.

A figure opens on its contracts, its payments, or its operations. One about people opens on the
published aggregates that it is computed from, never on a line: those stay with the facilitator.

This is an internal tool: of an operation it shows what its page shows. It opens no suppressed
figure: where a figure about companies is « s », none of its operations has a weight, though those
of another buyer may be read where its own figure is printed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from spaser.cards import PEOPLE_TABLE, Catalogue, IndicatorCard, Method, Text, catalogue
from spaser.errors import InputError
from spaser.guards import csv_text
from spaser.indicators import guard, people
from spaser.indicators.compute import FACT_TABLE, compile_for, evidence_rows
from spaser.project import Project
from spaser.publish.context import SECRET, WHOLE, Context, member_names
from spaser.publish.formats import Formats
from spaser.publish.labels import Labels
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

BREAKDOWN = "breakdown"
"""The role of an aggregate that its card prints beside the figure: it is not in its sum."""

_ROLES = {
    "numerator": Text(fr="numérateur", en="numerator"),
    "denominator_only": Text(fr="dénominateur seul", en="denominator only"),
    "unknown": Text(fr="inconnu", en="unknown"),
    "excluded": Text(fr="exclu", en="excluded"),
    BREAKDOWN: Text(fr="répartition", en="breakdown"),
}
_NOT_DONE = Text(fr="dû, non réalisé", en="due, not done")
"""The rest of a rate: negative where more was done than was due."""
_SECRECY = Text(fr="secret statistique", en="statistical secrecy")
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
_HIDDEN = Text(fr=people.SECRET_FR, en=people.SECRET_EN)
_ABOUT_PEOPLE = Text(
    fr="Les lignes des personnes restent chez le facilitateur : ce chiffre s'ouvre sur les "
    "agrégats publiés dont il est calculé.",
    en="Lines of persons stay with the facilitator: this figure opens on the published aggregates "
    "it is computed from.",
)
_ABOUT_BREAKDOWN = Text(
    fr="« Répartition » : les autres agrégats publiés de cet indicateur, qui ne s'ajoutent pas au "
    "chiffre.",
    en="“Breakdown”: the other published aggregates of this indicator, which do not add to the "
    "figure.",
)
_ABOUT_COMPANIES = Text(
    fr="Ce qu'une opération a fait valider est à usage interne.",
    en="What an operation had validated is for internal use.",
)


@dataclass(frozen=True)
class Question:
    """The figure asked about.

    Without a scope, the first of its report: contracts from the floor on, everything else whole.
    Without a measure, the first of its method.
    """

    code: str
    method: str
    scope: str | None
    measure: str | None
    year: int
    buyer: str


@dataclass(frozen=True)
class Units:
    """What the units of a fact table are, and how they fill the columns of a line.

    `described` selects, from the fact table `f` and what is `joined` to it, the columns from
    `notified_date` on; `tables` are those joined. `titles` are those of the unit, date and object.
    """

    titles: tuple[Text, Text, Text]
    key: str
    described: str
    joined: str = ""
    tables: tuple[str, ...] = ()


_PLACE = "f.source_file, f.source_pointer"
_UNITS = {
    FACT_TABLE: Units(
        (
            Text(fr="Marché", en="Contract"),
            Text(fr="Notifié", en="Notified"),
            Text(fr="Objet", en="Object"),
        ),
        "uid",
        f"f.notified_date, f.amount_initial_eur, f.object, {_PLACE}",
    ),
    "facts.spend": Units(
        (
            Text(fr="Ligne", en="Line"),
            Text(fr="Payée", en="Paid"),
            Text(fr="Objet", en="Object"),
        ),
        "line_id",
        "f.paid_date as notified_date, f.amount_usable_eur as amount_initial_eur, "
        f"concat_ws(' · ', f.supplier_name, f.category) as object, {_PLACE}",
    ),
    "facts.operations": Units(
        (
            Text(fr="Opération", en="Operation"),
            Text(fr="Notifiée", en="Notified"),
            Text(fr="Nom", en="Name"),
        ),
        "operation_year_id",
        "o.notified_date, null::decimal(18, 2) as amount_initial_eur, o.operation as object, "
        "c.source_file, c.source_pointer",
        # The lines of a commitment: its versions and orders, in the order of their file.
        """left join curated.operations o using (operation_id)
        left join (
            select commitment_id, string_agg(distinct source_file, ', ' order by source_file)
                as source_file,
                string_agg(source_pointer, ', ' order by source_file, length(source_pointer),
                    source_pointer) as source_pointer
            from curated.commitments group by commitment_id
        ) c on c.commitment_id = f.operation_id""",
        ("curated.operations", "curated.commitments"),
    ),
}


@dataclass(frozen=True)
class Answer:
    """The figure's results (one per unit) and its lines, as dictionaries of `COLUMNS`.

    A weight under secrecy is null, with the reason `secret`. The lines of a figure about people
    are aggregates, `unit_id` = `axis=member`; those with the role `breakdown` are beside the sum.
    """

    question: Question
    card: IndicatorCard
    results: tuple[dict[str, Any], ...]
    lines: tuple[dict[str, Any], ...]
    project: Project

    @property
    def method(self) -> Method:
        """The method asked about."""
        return _methods(self.card)[self.question.method]

    def summary(self, language: str) -> str:
        """The figure in words, then what a reader of its lines must know."""
        formats = Formats(language)
        label = (self.method.labels or self.card.labels).get(language)
        parts = [f"{self.question.code} — {label} — {self.question.year}"]
        parts += [_told(result, formats, language) for result in self.results]
        return "\n".join((*parts, *(note.get(language) for note in self.notes)))

    @property
    def notes(self) -> tuple[Text, ...]:
        """Whom the lines are about, and why some have no weight."""
        roles = {line["role"] for line in self.lines}
        hidden = any(_is_secret(line) for line in self.lines)
        told = any(result["status"] == "suppressed" for result in self.results)
        notes = (
            (self.card.about == "people", _ABOUT_PEOPLE),
            (BREAKDOWN in roles, _ABOUT_BREAKDOWN),
            (self.card.about == "companies", _ABOUT_COMPANIES),
            (hidden and not told, _HIDDEN),
        )
        return tuple(note for there, note in notes if there)

    def headers(self, language: str) -> tuple[str, ...]:
        """Column titles."""
        if self.card.about == "people":
            return (
                ("Aggregate", "Role", "Value")
                if language == "en"
                else ("Agrégat", "Rôle", "Valeur")
            )
        titles = _UNITS[self.card.table_of(self.method)].titles
        unit, date, about = (title.get(language) for title in titles)
        if language == "en":
            return (unit, "Role", "Reason", "Weight", date, about, "Source")
        return (unit, "Rôle", "Motif", "Poids", date, about, "Source")

    def rows(self, language: str) -> list[tuple[str, ...]]:
        """The lines as printed."""
        formats = Formats(language)
        if self.card.about == "people":
            named = _cells(self.project, self.question.year, language)
            return [
                (
                    named(line["unit_id"]),
                    _ROLES[line["role"]].get(language),
                    _weight(line, formats),
                )
                for line in self.lines
            ]
        return [
            (
                line["unit_id"],
                self._role(line["role"]).get(language),
                _SECRECY.get(language) if _is_secret(line) else line["reason"] or "",
                _weight(line, formats),
                str(line["notified_date"] or ""),
                (line["object"] or "")[:60],
                f"{line['source_file'] or ''} {line['source_pointer'] or ''}".strip(),
            )
            for line in self.lines
        ]

    def _role(self, role: str) -> Text:
        is_rest = self.method.kind == "rate" and role == "denominator_only"
        return _NOT_DONE if is_rest else _ROLES[role]

    def as_csv(self) -> str:
        """The lines as CSV; text that a spreadsheet would run as a formula is quoted by `'`.

        A weight under secrecy is `s`.
        """
        rows = [
            [SECRET if name == "weight" and _is_secret(line) else line[name] for name in COLUMNS]
            for line in self.lines
        ]
        return csv_text(COLUMNS, rows).rstrip("\n")

    def as_json(self) -> str:
        """The results, the notes and the lines as JSON."""
        notes = {language: [note.get(language) for note in self.notes] for language in ("fr", "en")}
        return json.dumps(
            {"results": self.results, "notes": notes, "lines": self.lines},
            default=str,
            ensure_ascii=False,
            indent=1,
        )


def _is_secret(line: dict[str, Any]) -> bool:
    return bool(line["reason"] == people.SECRET)


def _weight(line: dict[str, Any], formats: Formats) -> str:
    if _is_secret(line):
        return SECRET
    return "" if line["weight"] is None else formats.trimmed(line["weight"])


def _cells(project: Project, year: int, language: str) -> Callable[[str], str]:
    """How aggregates are called in the report: `Sexe : Femme` for `sex=female`."""
    cards, labels = catalogue(project.assets), Labels(project.reports, language)
    # Names depend neither on the day nor on the floor.
    context = Context(
        cards,
        labels,
        Formats(language),
        year,
        dt.date(year, 12, 31),
        Decimal(0),
        {},
        member_names(cards, language),
    )

    def named(unit_id: str) -> str:
        axis, _, member = unit_id.partition("=")
        if axis == WHOLE:
            return labels("people.everyone")
        # The member `*` is all the other known ones.
        names = [
            labels("people.others") if name == WHOLE else context.member(part, name)
            for part, name in zip(axis.split("+"), member.split("+", axis.count("+")), strict=True)
        ]
        return labels("people.cell", axis=context.dimension(axis), member=", ".join(names))

    return named


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
    asked = _completed(card, question)
    with open_database(database) as connection:
        results = _results(connection, asked)
        if not results:
            raise _no_figure(connection, asked)
        lines = _lines(connection, cards, card, asked)
    if card.about == "companies" and any(row["status"] == "suppressed" for row in results):
        lines = [line | {"weight": None, "reason": people.SECRET} for line in lines]
    return Answer(asked, card, tuple(results), tuple(lines), project)


def _methods(card: IndicatorCard) -> dict[str, Method]:
    return {method.name: method for method in card.methods}


def _completed(card: IndicatorCard, question: Question) -> Question:
    """The question with the scope and the measure that it leaves to the card."""
    method = _methods(card).get(question.method)
    if method is None:  # there is no such figure, whatever its scope
        return replace(question, scope=question.scope or "all", measure=question.measure or "")
    of_contracts = card.table_of(method) == FACT_TABLE
    return replace(
        question,
        scope=question.scope or ("floor" if of_contracts else "all"),
        measure=question.measure or method.results[0].measure,
    )


def _no_figure(connection: Connection, question: Question) -> InputError:
    """No such figure, and those that there are."""
    fr, en = _choices(connection, question)
    return InputError(
        f"Aucun chiffre {question.code} pour {question.year} avec ces choix "
        f"(méthode, périmètre, mesure, acheteur). {fr}",
        f"No figure {question.code} for {question.year} with these choices "
        f"(method, scope, measure, buyer). {en}",
    )


def _choices(connection: Connection, question: Question) -> tuple[str, str]:
    found = _dictionaries(
        connection,
        f"""select distinct year, method, scope, measure from indicators.results
        where code = {literal(question.code)}""",
    )
    years = ", ".join(sorted({str(row["year"]) for row in found})) or "—"
    of_year = [row for row in found if row["year"] == question.year]
    if not of_year:
        return f"Années calculées : {years}.", f"Years computed: {years}."
    offered = " ; ".join(
        f"--{name} " + ", ".join(sorted({row[name] for row in of_year}))
        for name in ("method", "scope", "measure")
    )
    return f"Il existe : {offered}.", f"There are: {offered}.".replace(" ; ", "; ")


def _dictionaries(connection: Connection, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.sql(sql).to_arrow_table().to_pylist()]


def _results(connection: Connection, question: Question) -> list[dict[str, Any]]:
    return _dictionaries(
        connection,
        f"""select unit, numerator, denominator, unknown, excluded, value, low, high, status,
            reason_fr, reason_en
        from indicators.results
        where {_asked_sql(question)}
            and buyer_id = {literal(question.buyer)} and dimension = '*'
        order by unit""",
    )


def _asked_sql(question: Question) -> str:
    """The rows of results or evidence of a figure, of every buyer."""
    return f"""code = {literal(question.code)} and method = {literal(question.method)}
        and scope = {literal(question.scope or "")}
        and measure = {literal(question.measure or "")} and year = {question.year}"""


def _lines(
    connection: Connection, cards: Catalogue, card: IndicatorCard, question: Question
) -> list[dict[str, Any]]:
    stored = connection.execute(
        "select count(*) from indicators.evidence where year = ?", [question.year]
    ).fetchall()[0][0]
    source = "indicators.evidence"
    if card.about == "people":
        if not stored:
            _compute_aggregates(connection, cards, card, question)
            source = "computed_evidence"
        return _aggregates(connection, source, _methods(card)[question.method], question)
    fact_table = card.table_of(_methods(card)[question.method])
    if not _has(connection, fact_table, *_UNITS[fact_table].tables):
        return []  # no such data was given: no figure has a unit
    if not stored:
        _compute_evidence(connection, cards, card, fact_table, question)
        source = "computed_evidence"
    return _unit_lines(connection, source, fact_table, question)


_BY_ROLE = """case role when 'numerator' then 1 when 'denominator_only' then 2
    when 'unknown' then 3 else 4 end, unit_id"""


def _unit_lines(
    connection: Connection, source: str, fact_table: str, question: Question
) -> list[dict[str, Any]]:
    """The units behind a figure, those of its buyer or of every one."""
    units = _UNITS[fact_table]
    buyer = "" if question.buyer == WHOLE else f"and buyer_id = {literal(question.buyer)}"
    return _dictionaries(
        connection,
        f"""select e.unit_id, e.role, e.reason, e.weight, e.buyer_id, {units.described}
        from (select * from {source} where {_asked_sql(question)} {buyer}) e
        join {fact_table} f on f.{units.key} = e.unit_id {units.joined}
        order by {_BY_ROLE}""",
    )


def _aggregates(
    connection: Connection, source: str, method: Method, question: Question
) -> list[dict[str, Any]]:
    """The published aggregates that a figure about people is computed from, then the others."""
    lines = _dictionaries(
        connection,
        f"""select unit_id, role, reason, weight, buyer_id, null as notified_date,
            null as amount_initial_eur, null as object, null as source_file, null as source_pointer
        from {source}
        where {_asked_sql(question)} and buyer_id = {literal(question.buyer)}
        order by {_BY_ROLE}""",
    )
    axes = [*(axis for axis, _ in method.place), *([method.axis] if method.axis else [])]
    own = "+".join(axes) or WHOLE
    beside = [line for line in lines if line["unit_id"].partition("=")[0] != own]
    return [line for line in lines if line not in beside] + [
        line | {"role": BREAKDOWN} for line in sorted(beside, key=lambda line: line["unit_id"])
    ]


def _has(connection: Connection, *tables: str) -> bool:
    """Whether the database has these tables."""
    found = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables"
    ).fetchall()
    return {name for (name,) in found}.issuperset(tables)


def _figures(connection: Connection, year: int) -> people.Figures:
    """The published figures about people of a year."""
    if not _has(connection, PEOPLE_TABLE):
        return people.Figures([])
    rows = connection.execute(
        f"select buyer_id, axis, member, measure, value from {PEOPLE_TABLE} where year = ?", [year]
    ).fetchall()
    return people.Figures(rows)


def _compute_aggregates(
    connection: Connection, cards: Catalogue, card: IndicatorCard, question: Question
) -> None:
    """Create `computed_evidence` of a card about people, from the published figures."""
    buyers: Sequence[str] = () if question.buyer == WHOLE else (question.buyer,)
    asked = people.Asked(cards, "", question.year, buyers, buyer_dimensions=True)
    rows = people.evidence(_figures(connection, question.year), [card], asked)
    connection.register("computed_evidence", rows)


def _compute_evidence(
    connection: Connection,
    cards: Catalogue,
    card: IndicatorCard,
    fact_table: str,
    question: Question,
) -> None:
    """Create `computed_evidence` from the facts, with the weights that a run would hide hidden."""
    relation = fact_table.replace(".", "_")
    more = _not_published(connection, fact_table) if card.about == "companies" else ""
    connection.execute(f"create temp view {relation} as select *{more} from {fact_table}")
    (part,) = (
        part for part in compile_for(cards, [question.code]) if part.fact.table == fact_table
    )
    rows = evidence_rows(DuckDBEngine(connection), part, "", question.year, [question.code])
    if card.about == "companies":
        figures = _figures(connection, question.year)
        guard.register(connection, cards, [part], figures, question.year)
        rows = guard.guarded_evidence(connection, rows)
    connection.register("computed_evidence", rows)


def _not_published(connection: Connection, fact_table: str) -> str:
    """What a card about companies counts and the database has not: unknown, and so hidden."""
    there = {name for name, *_ in connection.execute(f"describe {fact_table}").fetchall()}
    absent = (name for name in guard.COUNTED if name not in there)
    return "".join(f", cast(null as decimal(18, 2)) as {name}" for name in absent)


def _printed(value: Decimal | None, unit: str, formats: Formats) -> str:
    if value is None:
        return "—"
    formatted: dict[str, Callable[[Decimal], str]] = {
        "share": formats.percent,
        "eur": formats.money,
        "hours": formats.hours,
        "fte": formats.full_time,
    }
    return formatted.get(unit, formats.trimmed)(value)


def _told(result: dict[str, Any], formats: Formats, language: str) -> str:
    unit = result["unit"]
    reason = str(result["reason_en" if language == "en" else "reason_fr"])
    if result["status"] == "suppressed":
        return reason
    if result["status"] != "computed":
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
