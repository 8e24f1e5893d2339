"""The centre's own register, as a department keeps it, and what it makes true.

For 2024 and 2025 it is the reference: its values are in force, DECP fills what it does not say.
What is odd in it, and how each of its contracts is found again in DECP, is planned here by hand
(`_planned`, `_alone`, `_lots`); nothing is compared by code.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

from babel.dates import format_date
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from tests.generators.demo.registers import (
    CARE,
    CCAS,
    CLAUSE,
    CRITERION,
    ENV_CLAUSE,
    ENV_CRITERION,
    LOTS_OF_2025,
    LOTS_TITLE,
    NO_ENVIRONMENTAL,
    NO_SOCIAL,
    OFFICE,
    RESERVED,
    VILLE,
    Book,
    Contract,
    Holder,
    special,
)
from tests.generators.workbooks import new_book, saved

FILE = "registre-ccas.xlsx"
YEARS = (2024, 2025)

Level = Literal["id", "description", "decided", "near", "none"]
MATCHED: tuple[Level, ...] = ("id", "description", "decided")


@dataclass(frozen=True)
class Entry:
    """A contract or a lot of the register.

    Attributes:
        told: what the register says of it; its amount is without VAT, None where that cannot be
            known. Its considerations are None where the cells are blank.
        level: how it is found again in DECP.
        published: the DECP contract that it is, or, of a `near` one, that it may be.
        differs: the fields in which it and `published` differ.
        lot, lot_title: written in columns of their own.
        outcome: of the lot.
        with_tax: the amount written, where it is with VAT; `rate` where the row gives it.
        article: of a reserved contract.
        kind: the type written in the register, where it is not the trade's.
        is_hidden: the row is hidden.
    """

    told: Contract
    level: Level = "id"
    published: Contract | None = None
    differs: tuple[str, ...] = ()
    lot: str | None = None
    lot_title: str | None = None
    outcome: str = "awarded"
    with_tax: Decimal | None = None
    rate: Decimal | None = None
    article: str | None = None
    kind: str | None = None
    is_hidden: bool = False

    @property
    def year(self) -> int:
        """The sheet it is in: that of the year of its number."""
        return 2000 + int(self.told.contract_id.removeprefix("CCAS-").removeprefix("20")[:2])

    def in_force(self) -> Contract:
        """The register's values, DECP's where it says nothing."""
        mine, theirs = self.told, self.published
        if theirs is None or self.level not in MATCHED:
            return replace(mine, published=None, is_framework=False, amendments=())
        return replace(
            mine,
            published=theirs.published,
            social=theirs.social if mine.social is None else mine.social,
            environmental=theirs.environmental
            if mine.environmental is None
            else mine.environmental,
        )


@dataclass(frozen=True)
class Decision:
    """A line of the ledger, and whether it is applied."""

    contract: Contract
    field: str
    old: str
    new: str
    reason: str
    evidence: str
    author: str
    day: date
    status: str = "applied"


# --- the plan ------------------------------------------------------------------------------------


def _taxed(amount: Decimal | None) -> Decimal:
    """With VAT at 20 %."""
    return ((amount or Decimal(0)) * Decimal("1.2")).quantize(Decimal("0.01"))


def _planned(contract: Contract) -> Entry | None:
    """The entry of a published contract; None where the register does not have it."""
    same = Entry(contract, published=contract)

    def other(**changes: Any) -> Contract:
        return replace(contract, **changes)

    day = contract.notified or date.min
    match contract.contract_id.removeprefix("CCAS-"):
        case "24-025" | "25-033":
            return None
        case "24-003":  # two digits swapped; the ledger puts them right
            told = other(amount=Decimal(298_300))
            return replace(same, told=told, differs=("amount",))
        case "24-004":  # the register knows what DECP does not say
            return replace(same, told=other(environmental=(ENV_CLAUSE,)))
        case "24-005":
            told = other(notified=day - timedelta(days=5))
            return replace(same, told=told, differs=("notified_date",))
        case "24-010":
            return replace(same, told=other(social=(CLAUSE,)), differs=("social_considerations",))
        case "24-012":
            return replace(same, with_tax=_taxed(contract.amount), rate=Decimal("0.2"))
        case "24-013":
            return replace(same, told=other(amount=None), with_tax=_taxed(contract.amount))
        case "24-022":
            told = other(contract_id="2024-S-22", notified=day + timedelta(days=45))
            return replace(same, told=told, level="decided", differs=("notified_date",))
        case "24-023":  # typed as a number: the zeros in front are lost, and with them the holder
            (holder,) = contract.holders
            lost = Holder(str(int(holder.siret)), holder.name, "illisible")
            return replace(same, told=other(holders=(lost,)), differs=("holders",))
        case "24-024":
            return replace(same, kind="Services")
        case "24-009":  # a work-integration workshop does not come under article L2113-12
            return replace(same, article="L2113-12")
        case "24-031":
            return replace(same, is_hidden=True)
        case "25-003":  # the year before was typed; the ledger puts it right
            told = other(notified=day.replace(year=2024))
            return replace(same, told=told, differs=("notified_date",))
        case "25-005" | "25-011":
            return replace(same, article="L2113-13")
        case "25-007":  # blank cells: DECP says
            return replace(same, told=other(social=None))
        case "25-008":
            told = other(environmental=(NO_ENVIRONMENTAL,))
            return replace(same, told=told, differs=("environmental_considerations",))
        case "25-012":
            return replace(same, article="L2113-12")
        case "25-018":
            return replace(same, told=other(contract_id="2025-S-18"), level="description")
        case "25-021":
            told = other(contract_id="2025-S-21", notified=day + timedelta(days=12))
            return replace(same, told=told, level="near")
        case number if number.startswith(
            ("25-95",)
        ):  # blank cells, so that the shapes of DECP show
            return replace(same, told=other(social=None, environmental=None))
    return same


def _alone() -> Iterator[Entry]:
    """What only the register has."""
    known = {"social": (NO_SOCIAL,), "environmental": (NO_ENVIRONMENTAL,)}
    due = special(CCAS, 0, CARE, "Permanences d'écoute", date(2025, 9, 10), 52_000, **known)
    small = special(CCAS, 0, OFFICE, "Petites fournitures", date(2024, 9, 24), 18_500, **known)
    for contract_id, contract in (("CCAS-24-102", small), ("CCAS-25-101", due)):
        yield Entry(replace(contract, contract_id=contract_id), level="none")


def _lots(book: Book) -> Iterator[Entry]:
    """The lots of a consultation, awarded or not."""
    awarded = [c for c in book.truth if c.contract_id == CCAS.contract_id(2025, 960)]
    blank = special(CCAS, 60, CARE, LOTS_TITLE, date(2025, 4, 28), None)
    nobody = replace(blank, notified=None, holders=(), social=None, environmental=None)
    for (number, title, amount), outcome in zip(
        LOTS_OF_2025, ("awarded", "awarded", "unsuccessful", "abandoned"), strict=True
    ):
        found = next((c for c in awarded if c.amount == amount), None)
        yield Entry(
            found or nobody,
            "id" if found else "none",
            found,
            lot=number,
            lot_title=title,
            outcome=outcome,
        )


def entries(book: Book) -> list[Entry]:
    """The register, in the order of its rows."""
    lots = list(_lots(book))
    of_lots = {entry.told.contract_id for entry in lots}
    published = [
        c
        for c in book.truth
        if c.buyer is CCAS and c.year in YEARS and c.contract_id not in of_lots
    ]
    planned = [entry for c in published if (entry := _planned(c)) is not None]
    everything = [*planned, *_alone(), *lots]
    return sorted(everything, key=lambda e: (e.year, e.told.contract_id, e.lot or "", e.told.title))


def missing(book: Book) -> list[Contract]:
    """What is published of these years and the register does not have."""
    return [c for c in book.truth if c.buyer is CCAS and c.year in YEARS and _planned(c) is None]


def decisions(book: Book, register: Sequence[Entry]) -> list[Decision]:
    """The ledger."""
    told = {entry.told.contract_id: entry for entry in register}
    swapped, moved = told["CCAS-24-003"].told, told["CCAS-25-003"].told
    unsaid = next(
        c
        for c in book.truth
        if c.buyer is VILLE and c.year == 2024 and c.social is None and c.is_above_floor
    )
    near = told["2024-S-22"]
    return [
        Decision(
            swapped, "amount", "298300.00", "293800.00", "Deux chiffres inversés à la saisie",
            "Acte d'engagement", "service achats", date(2026, 2, 9),
        ),
        Decision(
            moved, "notified_date", "2024-06-21", "2025-06-21", "Année de la consultation saisie",
            "Accusé de réception de la notification", "service achats", date(2026, 2, 9),
        ),
        Decision(
            told["CCAS-25-014"].told, "social_clause", "non", "oui",
            "La clause est à l'article 8 du CCAP", "CCAP", "facilitateur de la clause",
            date(2026, 2, 16),
        ),
        Decision(
            unsaid, "social_considerations", "", "criterion",
            "Le critère social est dans le règlement de la consultation",
            "Règlement de la consultation", "service marchés de la Ville", date(2026, 2, 16),
        ),
        Decision(
            told["CCAS-24-029"].told, "amount", "178390.47", "188390.47",
            "Montant du procès-verbal d'attribution", "Procès-verbal", "service achats",
            date(2026, 1, 12), "refused",
        ),
        Decision(
            near.told, "same_as", "", near.published.uid if near.published else "",
            "Même marché, notifié une seconde fois après une erreur d'adresse", "Dossier du marché",
            "service achats", date(2026, 2, 20),
        ),
    ]  # fmt: skip


def _corrected(contract: Contract, decision: Decision) -> Contract:
    match decision.field:
        case "amount":
            return replace(contract, amount=Decimal(decision.new))
        case "notified_date":
            return replace(contract, notified=date.fromisoformat(decision.new))
        case "social_clause":
            kept = tuple(value for value in contract.social or () if value != NO_SOCIAL)
            return replace(contract, social=(CLAUSE, *kept))
        case "social_considerations":
            return replace(contract, social=(CRITERION,))
    return contract


def in_force(book: Book, register: Sequence[Entry], ledger: Sequence[Decision]) -> list[Contract]:
    """Every contract of the demo with the values in force: what the totals are counted on."""
    covered = [c for c in book.truth if not (c.buyer is CCAS and c.year in YEARS)]
    mine = [entry.in_force() for entry in register if entry.outcome == "awarded"]
    applied = {d.contract.uid: d for d in ledger if d.status == "applied"}
    return [
        _corrected(contract, applied[contract.uid]) if contract.uid in applied else contract
        for contract in (*covered, *mine)
    ]


# --- the workbook --------------------------------------------------------------------------------

Cell = Any
COLUMNS: tuple[tuple[str, str, str, str], ...] = (
    ("id", "N° marché", "Marché", "N°"),
    ("consultation", "N° de consultation", "Marché", "Consultation"),
    ("lot", "Lot", "Marché", "N° de lot"),
    ("lot_title", "Intitulé du lot", "Marché", "Intitulé du lot"),
    ("title", "Objet du marché", "Marché", "Objet"),
    ("kind", "Type", "Marché", "Type de prestation"),
    ("cpv", "Code CPV", "Marché", "CPV"),
    ("directorate", "Direction", "Suivi", "Service gestionnaire"),
    ("procedure", "Procédure", "Suivi", "Procédure"),
    ("launched", "Date de lancement", "Suivi", "Lancement"),
    ("notified", "Notifié le", "Suivi", "Notification"),
    ("outcome", "Issue", "Suivi", "Résultat"),
    ("decided", "Date de décision", "Suivi", "Date de la décision"),
    ("need", "Estimation du besoin (tous lots)", "Montants", "Besoin tous lots"),
    ("amount", "Montant (€)", "Montants", "Attribué"),
    ("basis", "HT/TTC", "Montants", "HT ou TTC"),
    ("rate", "TVA", "Montants", "Taux de TVA"),
    ("holder", "Titulaire", "Titulaire", "Nom"),
    ("siret", "SIRET titulaire", "Titulaire", "SIRET"),
    ("offers", "Nb offres", "Concurrence", "Nombre de plis"),
    ("criteria", "Critères et pondération", "Concurrence", "Critères d'attribution"),
    ("months", "Durée (mois)", "Concurrence", "Durée (mois)"),
    ("clause", "Clause sociale", "Développement durable", "Clause sociale"),
    ("criterion", "Critère social", "Développement durable", "Critère social"),
    ("article", "Marché réservé (article)", "Développement durable", "Réservé (article)"),
    ("env_clause", "Clause environnementale", "Développement durable", "Clause verte"),
    ("env_criterion", "Critère environnemental", "Développement durable", "Critère vert"),
    ("themes", "Thèmes", "Développement durable", "Thèmes"),
    ("note", "Obs.", "Divers", "Obs."),
)
"""What a column holds, its name in 2024, and in 2025 its group and its name there."""
YES, NO = ("oui", "x", "Oui", "✓", "O"), ("non", "Non", "N", "non", "✗")
KINDS = {"works": "Travaux", "supplies": "Fournitures", "services": "Services"}
PROCEDURES = {
    "Procédure adaptée": "MAPA",
    "Appel d'offres ouvert": "AOO",
    "Marché passé sans publicité ni mise en concurrence préalable": "Devis unique",
}
OUTCOMES = {"awarded": "Attribué", "unsuccessful": "Infructueux", "abandoned": "Sans suite"}
DIRECTORATES = {"85": "Autonomie", "55": "Restauration", "15": "Restauration", "45": "Patrimoine"}
NNBSP, NBSP = "\u202f", "\u00a0"
FIRST_EXCEL_DAY = date(1899, 12, 30)


def consultation_of(entry: Entry) -> str:
    """The number of the consultation: that of the first lot written with the same base title."""
    base = entry.told.title.split(" - Lot ")[0]
    seed = sum(ord(char) * place for place, char in enumerate(base, 1)) % 9_000 + 1_000
    return f"C{entry.year}-{seed}"


def need_of(entry: Entry, register: Iterable[Entry]) -> Decimal:
    """The estimate of the whole need: what its lots were awarded for, a tenth more."""
    mine = (e for e in register if consultation_of(e) == consultation_of(entry))
    amounts = [e.published.amount if e.published else e.told.amount for e in mine]
    total = sum((amount for amount in amounts if amount), Decimal(0))
    return Decimal(int(total * Decimal("1.1")) // 1000 * 1000 + 1000)


def criteria_of(contract: Contract, rank: int) -> str | None:
    """The award criteria and their weights; one register row in three has none."""
    if rank % 3 == 2:
        return None
    weights = {
        "Prix": 50,
        "Environnement": 10 if ENV_CRITERION in (contract.environmental or ()) else 0,
        "Insertion sociale": 10 if CRITERION in (contract.social or ()) else 0,
    }
    weights["Valeur technique"] = 100 - sum(weights.values())
    return " ; ".join(f"{label} {weight} %" for label, weight in weights.items() if weight)


def _tick(values: tuple[str, ...] | None, wanted: str, rank: int) -> str | None:
    if values is None:
        return None
    return (YES if wanted in values else NO)[rank % len(YES)]


def _article(entry: Entry) -> str | None:
    if entry.told.social is None:
        return None
    return entry.article or ("oui" if RESERVED in entry.told.social else "non")


def _day(day: date | None, rank: int) -> Cell:
    """A date as people write it: a date, words, day/month/year, a bare serial."""
    if day is None:
        return None
    written = (
        day,
        format_date(day, "d MMMM y" if day.day > 1 else "1'er' MMMM y", locale="fr"),
        f"{day:%d/%m/%Y}",
        (day - FIRST_EXCEL_DAY).days,
    )
    return written[rank % len(written)]


def _money(amount: Decimal | None, rank: int) -> Cell:
    """An amount as people write it: a number, with its spaces and sign, in thousands."""
    if amount is None:
        return None
    spaced = f"{amount:,.2f}".replace(",", " ").replace(".", ",")
    if amount >= 1_000_000 and amount % 100 == 0:
        thousands = f"{amount / 1000:,.1f}".replace(",", NNBSP).replace(".", ",")
        return f"{thousands} k€"
    written = (
        float(amount),
        spaced.replace(" ", NNBSP) + NBSP + "€",
        spaced,
        f"{spaced.replace(' ', NBSP)} €",
    )
    return written[rank % len(written)]


def _siret(siret: str, rank: int) -> Cell:
    if len(siret) < 14:
        return int(siret)
    spaced = f"{siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}"
    return (siret, spaced, spaced.replace(" ", NBSP))[rank % 3]


def _cells(entry: Entry, rank: int, register: Sequence[Entry]) -> Iterator[dict[str, Cell]]:
    """The rows of an entry: one a holder, or one without."""
    c = entry.told
    base, _, lot = c.title.partition(" - Lot ")
    number, _, lot_title = lot.partition(" : ")
    launched = (c.notified or date(2025, 4, 28)) - timedelta(days=75)
    row = {
        "id": c.contract_id,
        "consultation": consultation_of(entry),
        "lot": entry.lot or number or None,
        "lot_title": entry.lot_title or lot_title or None,
        "title": base,
        "kind": entry.kind or KINDS[c.trade.kind],
        "cpv": c.trade.cpv,
        "directorate": DIRECTORATES.get(c.trade.cpv[:2], "Moyens généraux"),
        "procedure": PROCEDURES.get(c.procedure, c.procedure),
        "launched": _day(launched, rank + 1),
        "notified": _day(c.notified, rank),
        "outcome": OUTCOMES[entry.outcome],
        "decided": _day((c.notified or date(2025, 5, 5)) - timedelta(days=12), rank + 2),
        "need": _money(need_of(entry, register), rank + 1),
        "amount": _money(entry.with_tax or c.amount, rank),
        "basis": "TTC" if entry.with_tax else "HT" if rank % 2 else None,
        "rate": "20 %" if entry.rate else None,
        "offers": c.offers if c.holders else None,
        "criteria": criteria_of(c, rank),
        "months": c.months,
        "clause": _tick(c.social, CLAUSE, rank),
        "criterion": _tick(c.social, CRITERION, rank + 1),
        "article": _article(entry),
        "env_clause": _tick(c.environmental, ENV_CLAUSE, rank + 2),
        "env_criterion": _tick(c.environmental, ENV_CRITERION, rank + 3),
        "themes": "Insertion ; handicap" if CLAUSE in (c.social or ()) else None,
        "note": "à renouveler" if rank % 7 == 3 else None,
    }
    for holder in c.holders:
        yield {**row, "holder": holder.name, "siret": _siret(holder.siret, rank)}
    if not c.holders:
        yield row


def _written(register: Sequence[Entry], year: int) -> list[tuple[Entry, list[Cell]]]:
    """The rows of a sheet, each with its entry."""
    return [
        (entry, [cells.get(name) for name, *_ in COLUMNS])
        for rank, entry in enumerate(register)
        if entry.year == year
        for cells in _cells(entry, rank, register)
    ]


def workbook(register: Sequence[Entry]) -> bytes:
    """The register: banners, two-line header, hidden row, header said again, totals, notes."""
    book, [early, late, notice] = new_book("2024", "2025", "Notice")
    _fill_2024(early, register)
    _fill_2025(late, register)
    for row, text in enumerate(NOTICE, 1):
        notice.cell(row, 1, text)
    return saved(book)


NOTICE = (
    "Mode d'emploi du registre",
    "Une ligne par titulaire ; les lots sans titulaire gardent leur ligne.",
    "Une case vide veut dire « on ne sait pas ».",
)
BANNER = "CCAS d'Exemple – Registre des marchés publics – 2024"
UPDATED = "Mis à jour le 27 février 2026 par le service achats"
NOTE = "Montants hors taxes, sauf mention contraire dans la colonne HT/TTC."
ROWS_BEFORE_REPEAT = 20
SET_ASIDE = {2024: 5, 2025: 3, "Notice": len(NOTICE)}
"""Filled rows that are no record: banner, date, header said again, total, note."""


def _fill_2024(sheet: Worksheet, register: Sequence[Entry]) -> None:
    sheet["A1"], sheet["A2"] = BANNER, UPDATED
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=8)
    header = [name for _, name, *_ in COLUMNS]
    _put(sheet, 4, header)
    number = 5
    for place, (entry, cells) in enumerate(_written(register, 2024)):
        if place == ROWS_BEFORE_REPEAT:
            _put(sheet, number, header)
            number += 1
        _put(sheet, number, cells)
        sheet.row_dimensions[number].hidden = entry.is_hidden
        number += 1
    _close(sheet, number, register, 2024)


def _fill_2025(sheet: Worksheet, register: Sequence[Entry]) -> None:
    sheet["A1"] = BANNER.replace("2024", "2025")
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(COLUMNS))
    sheet["A1"].alignment = Alignment(horizontal="center")
    column = 1
    for group, named in groupby(COLUMNS, key=lambda names: names[2]):
        children = [child for *_, child in named]
        sheet.cell(3, column, group)
        if len(children) > 1:
            last = column + len(children) - 1
            sheet.merge_cells(start_row=3, start_column=column, end_row=3, end_column=last)
        for child in children:
            sheet.cell(4, column, child)
            column += 1
    number = 5
    for _, cells in _written(register, 2025):
        _put(sheet, number, cells)
        number += 1
    _close(sheet, number, register, 2025)


def _put(sheet: Worksheet, row: int, cells: Sequence[Cell]) -> None:
    for column, cell in enumerate(cells, 1):
        if cell is not None:
            sheet.cell(row, column, cell)


def _close(sheet: Worksheet, row: int, register: Sequence[Entry], year: int) -> None:
    """The total below the rows, a note after a blank, widths people can read."""
    places = {name: column for column, (name, *_) in enumerate(COLUMNS, 1)}
    told = [entry for entry in register if entry.year == year]
    total = sum((e.with_tax or e.told.amount or Decimal(0) for e in told), Decimal(0))
    sheet.cell(row, 1, f"TOTAL {year}")
    sheet.cell(row, places["amount"], float(total))
    sheet.cell(row + 2, 1, NOTE)
    for column in range(1, len(COLUMNS) + 1):
        sheet.column_dimensions[get_column_letter(column)].width = 18


def rows_read(register: Sequence[Entry]) -> int:
    """Filled rows of the workbook, headers apart: kept, or set aside with a finding."""
    return sum(len(_written(register, year)) for year in YEARS) + sum(SET_ASIDE.values())


# --- the ledger ----------------------------------------------------------------------------------

LEDGER_COLUMNS = ("key", "field", "old", "new", "reason", "evidence", "author", "date")


def ledger(lines: Sequence[Decision]) -> bytes:
    """`corrections.csv`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LEDGER_COLUMNS)
    for d in lines:
        writer.writerow(
            (
                d.contract.uid, d.field, d.old, d.new, d.reason, d.evidence, d.author,
                d.day.isoformat(),
            )
        )  # fmt: skip
    return out.getvalue().encode()
