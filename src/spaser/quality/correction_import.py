"""A corrections workbook that came back: its decisions, all of them or none, into the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from spaser import ledger
from spaser.cards import Catalogue, catalogue
from spaser.ledger import NOT_SAME_AS, SAME_AS, Correction
from spaser.project import Project
from spaser.quality.correction_book import (
    ACCEPT,
    HEADS,
    REFUSE,
    REQUIRED,
    FieldCount,
    by_field,
    euros,
    field_labels,
    proposal_rows,
    require_run,
    shown,
)
from spaser.quality.field_values import FieldValues, is_correctable
from spaser.quality.returned import Fault, Row, read_rows, read_yes_no, refuse
from spaser.quality.worth import Contract, Effects, Published, contracts_of, published_of
from spaser.scheme import Scheme
from spaser.values import normalise, read_date
from spaser.warehouse import Connection, Tables, session

_YES = frozenset(
    {"accepter", "accepte", "acceptee", "accept", "accepted", "ok", "d accord", "valide"}
)
_NO = frozenset(
    {"refuser", "refuse", "refusee", "refused", "rejeter", "rejete", "reject", "rejected"}
)


@dataclass(frozen=True)
class ImportOutcome:
    """What was recorded, what was not, and what the next run will change.

    `known` counts accepted rows that the ledger already had, `unchanged` those that propose the
    value in force.
    """

    accepted: tuple[Correction, ...]
    refused: int
    undecided: int
    unchanged: int
    known: int
    by_field: tuple[FieldCount, ...]

    @property
    def effect_eur(self) -> Decimal:
        """What the accepted corrections add to the usable amount."""
        return sum((item.effect_eur for item in self.by_field), Decimal(0))

    def told(self, language: str) -> str:
        """The outcome in words, then one line per field and year."""
        english = language == "en"
        if english:
            first = (
                f"{len(self.accepted)} corrections recorded, {self.refused} refused, "
                f"{self.undecided} left undecided; {euros(self.effect_eur, 'en')} on the usable "
                "amount. Run `spaser run` to apply them."
            )
        else:
            first = (
                f"{len(self.accepted)} corrections inscrites, {self.refused} refusées, "
                f"{self.undecided} non décidées ; {euros(self.effect_eur, 'fr')} sur le montant "
                "utilisable. Lancez « spaser run » pour les appliquer."
            )
        if self.unchanged or self.known:
            first += (
                f" ({self.unchanged} without change, {self.known} already known.)"
                if english
                else f" ({self.unchanged} sans changement, {self.known} déjà connues.)"
            )
        return "\n".join([first, *(_told_field(item, language) for item in self.by_field)])


def _told_field(item: FieldCount, language: str) -> str:
    year = item.year or ("undated" if language == "en" else "sans date")
    sign = "+" if item.effect_eur > 0 else ""
    effect = f" ({sign}{euros(item.effect_eur, language)})" if item.effect_eur else ""
    return f"  {item.label.get(language)}, {year} : {item.count}{effect}"


@dataclass(frozen=True)
class Decided:
    """An accepted or refused row that names a contract and a field."""

    row: Row
    key: str
    field: str
    accepted: bool


def import_(
    project: Project,
    scheme: Scheme,
    file: Path,
    author: str | None = None,
    day: date | None = None,
) -> ImportOutcome:
    """Record the decisions of a returned workbook.

    Args:
        project: where the ledger and the tables of the last run are.
        scheme: whose corrections these are.
        file: the workbook that came back.
        author: who decides, where the row does not say.
        day: the date of the decision, where the row does not say.

    Raises:
        InputError: the workbook cannot be read, or a decided row cannot be taken; every cell is
            named and nothing is written.
    """
    cards = catalogue(project.assets)
    tables = Tables(project.curated(scheme.name))
    require_run(tables, scheme)
    rows = read_rows(file, HEADS, REQUIRED)
    faults: list[Fault] = []
    decided, undecided = _decisions(rows, cards, faults)
    with session() as connection:
        tables.attach(connection, tables.names())
        check = _Check(connection, cards, decided, author, day)
        offered = {row["proposal_id"]: row for row in proposal_rows(connection)}
    accepted = check.accepted(decided, faults)
    refused = check.refused(decided, offered, faults)
    refuse(file, faults)
    return _record(project, scheme, cards, check, accepted, refused, undecided)


def _decisions(
    rows: Sequence[Row], cards: Catalogue, faults: list[Fault]
) -> tuple[list[Decided], int]:
    """The rows that are decided, and how many are not."""
    labels = field_labels(cards)
    names = {normalise(name): name for name in labels} | {
        normalise(text): name for name, label in labels.items() for text in (label.fr, label.en)
    }
    decided: list[Decided] = []
    undecided = 0
    for row in rows:
        decision = row.get("decision")
        if decision is None:
            undecided += 1
            continue
        accepted = read_yes_no(decision, _YES, _NO)
        key, field = row.get("key"), names.get(normalise(row.get("field") or ""))
        if accepted is None:
            faults.append(
                Fault(
                    row.place("decision"),
                    f"« {decision} » n'est ni « {ACCEPT.fr} » ni « {REFUSE.fr} »",
                    f"“{decision}” is neither “{ACCEPT.en}” nor “{REFUSE.en}”",
                )
            )
        elif key is None:
            faults.append(Fault(row.place("key"), "le marché manque", "the contract is missing"))
        elif field is None:
            told = row.get("field") or ""
            fault = (f"champ « {told} » inconnu", f"unknown field “{told}”")
            faults.append(Fault(row.place("field"), *fault))
        else:
            decided.append(Decided(row, key, field, accepted))
    return decided, undecided


class _Check:
    """Decided rows against the tables of the last run."""

    def __init__(
        self,
        connection: Connection,
        cards: Catalogue,
        decided: Sequence[Decided],
        author: str | None,
        day: date | None,
    ) -> None:
        self.cards = cards
        self.values = FieldValues(cards)
        self.author, self.day = author, day
        self.contracts: dict[str, Contract] = contracts_of(connection, {d.key for d in decided})
        self.published: dict[str, Published] = published_of(
            connection, {d.row.get("proposed") or "" for d in decided if d.field == SAME_AS}
        )
        self._in_force = {
            name: _in_force(connection, name, {d.key for d in decided if d.field == name})
            for name in sorted({d.field for d in decided if d.field != SAME_AS})
        }

    def accepted(self, decided: Sequence[Decided], faults: list[Fault]) -> list[Correction]:
        """The ledger lines of the accepted rows, in an order that no sorting of them changes."""
        found: dict[tuple[str, str], tuple[Correction, Decided]] = {}
        for item in (item for item in decided if item.accepted):
            line = self._line(item, faults)
            if line is None:
                continue
            first = found.setdefault((line.key, line.field), (line, item))
            if first[0].new != line.new:
                place = first[1].row.place("proposed")
                fault = (f"contredit {place}", f"contradicts {place}")
                faults.append(Fault(item.row.place("proposed"), *fault))
        order = [*self.cards.fields, SAME_AS]
        lines = [line for line, _ in found.values()]
        return sorted(lines, key=lambda line: (line.key, order.index(line.field)))

    def refused(
        self,
        decided: Sequence[Decided],
        offered: Mapping[str, dict[str, Any]],
        faults: list[Fault],
    ) -> list[Correction]:
        """The lines of the refused rows: what was proposed, whatever was typed over it since."""
        found: dict[tuple[str, str, str | None], Correction] = {}
        for item in (item for item in decided if not item.accepted):
            row = item.row
            proposal = offered.get(row.get("proposal") or "")
            if proposal is not None:
                old, new = proposal["current"], proposal["proposed"]
            elif item.field == SAME_AS:
                old, new = None, row.get("proposed")
            else:
                old, new = (self._text(item.field, row.get(n)) for n in ("current", "proposed"))
            if item.field == SAME_AS and new is None:
                faults.append(_empty(row))
                continue
            field = NOT_SAME_AS if item.field == SAME_AS else item.field
            line = self._signed(item, field, old, new, faults)
            if line is not None:
                found[line.key, line.field, line.new] = line
        return [found[key] for key in sorted(found, key=lambda k: (k[0], k[1], k[2] or ""))]

    def _text(self, field: str, text: str | None) -> str | None:
        read = self.values.read(field, text) if self._is_known(field) else None
        return self.values.text(field, read.value) if read and read.value is not None else text

    def _is_known(self, field: str) -> bool:
        return field in self.cards.fields and is_correctable(self.cards.fields[field])

    def _line(self, item: Decided, faults: list[Fault]) -> Correction | None:
        row, field = item.row, item.field
        proposed = row.get("proposed")
        if item.key not in self.contracts:
            fault = (f"marché « {item.key} » inconnu", f"unknown contract “{item.key}”")
            faults.append(Fault(row.place("key"), *fault))
            return None
        if field != SAME_AS and not self._is_known(field):
            label = self.cards.fields[field].label_fr, self.cards.fields[field].label_en
            fault = (
                f"« {label[0]} » se corrige dans le registre lui-même",
                f"“{label[1]}” is corrected in the register itself",
            )
            faults.append(Fault(row.place("field"), *fault))
            return None
        if proposed is None:
            faults.append(_empty(row))
            return None
        if field == SAME_AS:
            return self._same_as(item, proposed, faults)
        return self._value(item, proposed, faults)

    def _same_as(self, item: Decided, proposed: str, faults: list[Fault]) -> Correction | None:
        if proposed not in self.published:
            fault = (
                f"marché du DECP « {proposed} » inconnu",
                f"unknown DECP contract “{proposed}”",
            )
            faults.append(Fault(item.row.place("proposed"), *fault))
            return None
        return self._signed(item, SAME_AS, None, proposed, faults)

    def _value(self, item: Decided, proposed: str, faults: list[Fault]) -> Correction | None:
        row, field = item.row, item.field
        read = self.values.read(field, proposed)
        if read.value is None or read.problem:
            fault = (
                f"« {proposed} » n'est pas une valeur de ce champ",
                f"“{proposed}” is no value of this field",
            )
            faults.append(Fault(row.place("proposed"), *fault))
            return None
        told = self.values.tax_basis(field, proposed)
        if told is not None and told != self.contracts[item.key].worth.tax_basis:
            faults.append(_other_basis(row, proposed))
            return None
        present = self._in_force[field].get(item.key)
        old = self.values.text(field, present)
        if not self.values.same(field, row.get("current"), present):
            present_text = shown(self.values, field, old) or "—"
            fault = (
                f"la valeur en vigueur est maintenant « {present_text} » : exportez à nouveau",
                f"the value in force is now “{present_text}”: export again",
            )
            faults.append(Fault(row.place("current"), *fault))
            return None
        return self._signed(item, field, old, self.values.text(field, read.value), faults)

    def _signed(
        self, item: Decided, field: str, old: str | None, new: str | None, faults: list[Fault]
    ) -> Correction | None:
        """The line with who, why and when; an accepted one must say all three."""
        row = item.row
        reason, author = row.get("reason"), row.get("author") or self.author
        given = row.get("date")
        day = read_date(given).value if given else self.day
        missing: list[Fault] = []
        if given and day is None:
            fault = (f"« {given} » n'est pas une date", f"“{given}” is no date")
            missing.append(Fault(row.place("date"), *fault))
        if item.accepted and reason is None:
            missing.append(Fault(row.place("reason"), "le motif manque", "the reason is missing"))
        if item.accepted and author is None:
            fault = (
                "l'auteur manque (remplissez la colonne, ou ajoutez --author)",
                "the author is missing (fill in the column, or add --author)",
            )
            missing.append(Fault(row.place("author"), *fault))
        faults += missing
        if missing:
            return None
        evidence = row.get("evidence")
        return Correction(item.key, field, old, new, reason or "", evidence, author, day)


def _other_basis(row: Row, proposed: str) -> Fault:
    return Fault(
        row.place("proposed"),
        f"« {proposed} » : le montant en vigueur a une autre base (HT ou TTC) ; corrigez-la sur "
        "une autre ligne et n'écrivez ici que le montant",
        f"“{proposed}”: the amount in force has another tax basis; correct it on another row and "
        "write only the amount here",
    )


def _empty(row: Row) -> Fault:
    return Fault(
        row.place("proposed"),
        "acceptée sans valeur proposée : écrivez la valeur ou videz la décision",
        "accepted without a proposed value: write the value or clear the decision",
    )


def _in_force(connection: Connection, field: str, keys: set[str]) -> dict[str, Any]:
    connection.register("asked_keys", pa.table({"uid": pa.array(sorted(keys), pa.string())}))
    rows = connection.execute(
        f"""select uid, {field} from curated.entries semi join asked_keys using (uid)
        where record_kind = 'contract'"""
    ).fetchall()
    return dict(rows)


def _record(
    project: Project,
    scheme: Scheme,
    cards: Catalogue,
    check: _Check,
    accepted: list[Correction],
    refused: list[Correction],
    undecided: int,
) -> ImportOutcome:
    changing = [line for line in accepted if line.old != line.new]
    path = ledger.ledger_file(project, scheme.name)
    ledger.read(path)
    # Refusals first: should the ledger not be writable, they change no figure.
    declined = ledger.append(
        ledger.refusals_file(project, scheme.name),
        [line for line in refused if line.field != NOT_SAME_AS],
    )
    apart = [line for line in refused if line.field == NOT_SAME_AS]
    added = ledger.append(path, [*changing, *apart])
    new = tuple(line for line in added if line.field != NOT_SAME_AS)
    return ImportOutcome(
        accepted=new,
        refused=len(declined) + len(added) - len(new),
        undecided=undecided,
        unchanged=len(accepted) - len(changing),
        known=len(changing) - len(new),
        by_field=by_field(cards, _effects(check, new, scheme)),
    )


def _effects(
    check: _Check, lines: Iterable[Correction], scheme: Scheme
) -> list[tuple[str, int | None, int, Decimal]]:
    """Field, year, count and euros of each line; a line is counted once, in its own year."""
    effects = Effects(check.contracts, check.published, scheme.precedence)
    found: list[tuple[str, int | None, int, Decimal]] = []
    for line in lines:
        own = check.contracts[line.key].worth.year
        value = line.new if line.field == SAME_AS else check.values.read(line.field, line.new).value
        found.append((line.field, own, 1, Decimal(0)))
        by_year = effects.of(line.key, line.field, value)
        found += [(line.field, year, 0, effect) for year, effect in by_year.items()]
    return found
