"""The corrections workbook: proposals out to the department, its decisions back into the ledger.

`export` writes one row a proposal; the department accepts, refuses or leaves each. `import_` (in
`correction_import`) reads it back: what is accepted becomes lines of `corrections.csv`, what is
refused of `refusals.csv` (a refused near match: a line `not_same_as` of the ledger, because it
decides). All or nothing: one cell that cannot be taken and no line is written. A correction is in
force from the next run on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from babel.numbers import format_decimal

from spaser import ledger
from spaser.cards import Catalogue, Text, catalogue
from spaser.errors import InputError
from spaser.ledger import NOT_SAME_AS, SAME_AS
from spaser.office import EURO, PERCENT, TEXT, Cell, Column, Number, add_sheet, new_book, save_book
from spaser.project import Project
from spaser.quality.field_values import FieldValues
from spaser.quality.proposals import RULES, identity
from spaser.scheme import Scheme
from spaser.warehouse import Connection, Tables, session

HEADS: dict[str, Text] = {
    "key": Text(fr="Marché", en="Contract"),
    "buyer": Text(fr="Acheteur", en="Buyer"),
    "object": Text(fr="Objet", en="Object"),
    "year": Text(fr="Année", en="Year"),
    "field": Text(fr="Champ", en="Field"),
    "current": Text(fr="Valeur actuelle", en="Current value"),
    "proposed": Text(fr="Valeur proposée", en="Proposed value"),
    "reason": Text(fr="Motif", en="Reason"),
    "confidence": Text(fr="Confiance", en="Confidence"),
    "effect": Text(fr="Effet sur le montant utilisable", en="Effect on the usable amount"),
    "decision": Text(fr="Décision", en="Decision"),
    "evidence": Text(fr="Pièce justificative", en="Evidence"),
    "author": Text(fr="Auteur", en="Author"),
    "date": Text(fr="Date", en="Date"),
    "source": Text(fr="Source", en="Source"),
    "proposal": Text(fr="Proposition", en="Proposal"),
}
REQUIRED = ("key", "field", "current", "proposed", "reason", "decision")
EDITABLE = frozenset({"proposed", "reason", "decision", "evidence", "author", "date"})
ACCEPT = Text(fr="accepter", en="accept")
REFUSE = Text(fr="refuser", en="refuse")
SAME_AS_LABEL = Text(fr="Même marché que celui du DECP", en="Same contract as DECP's")

_WIDTHS = {
    "key": 30,
    "buyer": 26,
    "object": 44,
    "year": 8,
    "field": 24,
    "current": 24,
    "proposed": 24,
    "reason": 44,
    "confidence": 11,
    "effect": 16,
    "decision": 12,
    "evidence": 26,
    "author": 18,
    "date": 12,
    "source": 30,
    "proposal": 14,
}
_WRAPPED = frozenset({"object", "field", "current", "proposed", "reason"})


@dataclass(frozen=True)
class FieldCount:
    """Changes of one field in one year, and what they add to the usable amount of that year."""

    label: Text
    year: int | None
    count: int
    effect_eur: Decimal


@dataclass(frozen=True)
class ExportOutcome:
    """A workbook written: its rows, those with nothing proposed, and what the others would do."""

    path: Path
    rows: int
    to_qualify: int
    near: int
    by_field: tuple[FieldCount, ...]

    @property
    def effect_eur(self) -> Decimal:
        """What accepting everything would add to the usable amount."""
        return sum((item.effect_eur for item in self.by_field), Decimal(0))

    def told(self, language: str) -> str:
        """The outcome in words."""
        if language == "en":
            return (
                f"{self.rows} {plural(self.rows, 'proposal')} in {self.path}: {self.near} near "
                f"{plural(self.near, 'match', 'matches')} to decide, {self.to_qualify} "
                f"{plural(self.to_qualify, 'value')} to fill in. Accepting everything would add "
                f"{euros(self.effect_eur, 'en')} to the usable amount."
            )
        return (
            f"{self.rows} {plural(self.rows, 'proposition')} dans {self.path}, dont {self.near} "
            f"{plural(self.near, 'rapprochement')} à trancher et {self.to_qualify} "
            f"{plural(self.to_qualify, 'valeur')} à renseigner. Tout accepter ajouterait "
            f"{euros(self.effect_eur, 'fr')} au montant utilisable."
        )


def plural(count: int, one: str, many: str | None = None) -> str:
    """A noun after its number."""
    return one if count == 1 else many or f"{one}s"


def euros(amount: Decimal, language: str) -> str:
    """An amount in words."""
    text = format_decimal(amount, format="#,##0.00", locale=language)
    return f"€{text}" if language == "en" else f"{text}\u00a0€"


def export(
    tables: Tables, project: Project, scheme: Scheme, out: Path, language: str = "fr"
) -> ExportOutcome:
    """Write the proposals of the last run that are not decided yet.

    Raises:
        InputError: the scheme has not been run, its ledger is damaged, or `out` cannot be written.
    """
    cards = catalogue(project.assets)
    require_run(tables, scheme)
    with session() as connection:
        tables.attach(connection, tables.names())
        rows = _undecided(proposal_rows(connection), project, scheme)
        names = _buyer_names(connection, tables, scheme)
        as_of = _as_of(connection)
    _write_book(cards, rows, names, as_of, out, language)
    counts = Counter[str](row["field"] for row in rows)
    return ExportOutcome(
        path=out,
        rows=len(rows),
        to_qualify=sum(row["proposed"] is None for row in rows),
        near=counts[SAME_AS],
        by_field=by_field(
            cards, [(row["field"], row["year"], 1, row["effect_eur"]) for row in rows]
        ),
    )


def require_run(tables: Tables, scheme: Scheme) -> None:
    """Refuse to go on without the tables of a run.

    Raises:
        InputError: the scheme has not been run.
    """
    if not tables.exists("quality.proposals") or not tables.exists("curated.entries"):
        raise InputError(
            f"Aucune proposition pour « {scheme.name} » : lancez d'abord « spaser run "
            f"{scheme.name} ».",
            f"No proposals for “{scheme.name}”: first run `spaser run {scheme.name}`.",
        )


def proposal_rows(connection: Connection) -> list[dict[str, Any]]:
    """The rows of `quality.proposals`, in the order in which their effects run."""
    rows: list[dict[str, Any]] = (
        connection.sql("select * from quality.proposals").to_arrow_table().to_pylist()
    )
    return sorted(
        rows,
        key=lambda row: (
            RULES.index(row["rule"]),
            -(row["confidence"] or 0),
            row["key"],
            row["field"],
            row["proposed"] or "",
        ),
    )


def _undecided(
    rows: list[dict[str, Any]], project: Project, scheme: Scheme
) -> list[dict[str, Any]]:
    """Without what was imported since the run."""
    refused = ledger.read(ledger.refusals_file(project, scheme.name))
    known = {identity(line.key, line.field, line.old, line.new) for line in refused}
    decided = set()
    for line in ledger.read(ledger.ledger_file(project, scheme.name)):
        if line.field in {SAME_AS, NOT_SAME_AS}:
            decided.add((line.key, SAME_AS, line.new))
        else:
            decided.add((line.key, line.field, line.old))
    return [
        row
        for row in rows
        if row["proposal_id"] not in known
        and (row["key"], row["field"], row["proposed" if row["field"] == SAME_AS else "current"])
        not in decided
    ]


def _buyer_names(connection: Connection, tables: Tables, scheme: Scheme) -> dict[str, str]:
    named = scheme.buyer_names()
    if not tables.exists("curated.buyers"):
        return named
    rows = connection.execute("select buyer_id, buyer_name from curated.buyers").fetchall()
    return {buyer: name for buyer, name in rows if name} | named


def _as_of(connection: Connection) -> date:
    [(day,)] = connection.execute("select max(as_of) from quality.run").fetchall()
    return day if isinstance(day, date) else date(1980, 1, 1)


def _write_book(
    cards: Catalogue,
    rows: Sequence[dict[str, Any]],
    names: Mapping[str, str],
    as_of: date,
    out: Path,
    language: str,
) -> None:
    values = FieldValues(cards)
    labels = field_labels(cards)
    choices = (ACCEPT.get(language), REFUSE.get(language))
    columns = [
        Column(
            head.get(language),
            _WIDTHS[name],
            wrap=name in _WRAPPED,
            editable=name in EDITABLE,
            choices=choices if name == "decision" else (),
            form=TEXT if name in EDITABLE else None,
        )
        for name, head in HEADS.items()
    ]
    title = "Corrections à décider" if language == "fr" else "Corrections to decide"
    book = new_book(title)
    add_sheet(
        book,
        "À faire" if language == "fr" else "To do",
        columns,
        (_cells(row, values, labels, names, language) for row in rows),
    )
    help_columns = [
        Column("Sujet" if language == "fr" else "Subject", 26, wrap=True),
        Column("Aide" if language == "fr" else "Help", 100, wrap=True),
    ]
    add_sheet(
        book, "Aide" if language == "fr" else "Help", help_columns, help_rows(cards, language)
    )
    try:
        save_book(book, out, as_of)
    except OSError as error:
        raise InputError(
            f"{out} : écriture impossible ({error.strerror}). Fermez le classeur s'il est ouvert, "
            "et vérifiez la place et les droits.",
            f"{out}: cannot be written ({error.strerror}). Close the workbook if it is open, and "
            "check space and rights.",
        ) from None


def help_rows(cards: Catalogue, language: str, book: str = "corrections") -> list[list[Cell]]:
    """What a workbook says of itself (`assets/references/workbook_help.csv`)."""
    return [
        [row[f"subject_{language}"], row[f"text_{language}"]]
        for row in cards.reference("workbook_help")
        if row["book"] == book
    ]


def field_labels(cards: Catalogue) -> dict[str, Text]:
    """What a field is called in the workbook."""
    labels = {name: Text(fr=f.label_fr, en=f.label_en) for name, f in cards.fields.items()}
    return labels | {SAME_AS: SAME_AS_LABEL}


def _cells(
    row: dict[str, Any],
    values: FieldValues,
    labels: Mapping[str, Text],
    names: Mapping[str, str],
    language: str,
) -> list[Cell]:
    source = " ".join(part for part in (row["source_file"], row["source_pointer"]) if part)
    cells: dict[str, Cell] = {
        "key": row["key"],
        "buyer": names.get(row["buyer_id"], row["buyer_id"]),
        "object": row["object"],
        "year": row["year"],
        "field": labels[row["field"]].get(language),
        "current": shown(values, row["field"], row["current"]),
        "proposed": shown(values, row["field"], row["proposed"]),
        "reason": row["reason_en" if language == "en" else "reason_fr"],
        "confidence": Number(row["confidence"], PERCENT),
        "effect": Number(row["effect_eur"] or None, EURO),
        "source": source or None,
        "proposal": row["proposal_id"],
    }
    return [cells.get(name) for name in HEADS]


def shown(values: FieldValues, field: str, text: str | None) -> str | None:
    """An amount or a date as a French reader writes it; anything else as the ledger does."""
    if field == SAME_AS or text is None:
        return text
    read = values.read(field, text)
    return text if read.value is None or read.problem else values.shown(field, read.value)


def by_field(
    cards: Catalogue, changes: Iterable[tuple[str, int | None, int, Decimal]]
) -> tuple[FieldCount, ...]:
    """Changes (field, year, count, euros) put together, in the order of the register's fields."""
    labels = field_labels(cards)
    order = list(labels)
    counts: Counter[tuple[str, int | None]] = Counter()
    effects: dict[tuple[str, int | None], Decimal] = {}
    for field, year, count, effect in changes:
        counts[field, year] += count
        effects[field, year] = effects.get((field, year), Decimal(0)) + effect
    keys = sorted(counts, key=lambda key: (order.index(key[0]), key[1] or 0))
    return tuple(FieldCount(labels[f], year, counts[f, year], effects[f, year]) for f, year in keys)
