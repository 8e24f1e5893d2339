"""The files of the demo's hours half, as facilitators, companies and tools write them.

The yearly logs have the canonical columns; a part of the lines comes otherwise: a sheet with a
column a month, a workbook with a sheet a company, returns one by one, an export of a tool. The last
is an example made up here, and no vendor's format.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from babel.dates import format_date
from openpyxl.styles import Font

from tests.generators.demo import clauses, people
from tests.generators.demo.clauses import Operation
from tests.generators.demo.hours import SECTOR_LABELS, Event, Invoice, Line
from tests.generators.demo.lists import csv_bytes
from tests.generators.demo.people import MDE, PLIE, Person
from tests.generators.demo.registers import CCAS, METROPOLE, VILLE
from tests.generators.workbooks import fill, new_book, saved

FOLDER = "heures"
COMMITMENTS, INVOICED = "engagements.csv", "factures-clauses.csv"
EVENTS, PARTICIPANTS = "suivi-clauses.csv", "participants.csv"
MONTHLY, BY_COMPANY = "heures-mensuelles.xlsx", "releves-entreprises.xlsx"
EXPORT = "export-outil-exemple.csv"
RETURNS = tuple(f"releves/2025-T{quarter}.csv" for quarter in (1, 2, 3))
SENT_AGAIN = "releves/2025-T3-renvoi.csv"

MONTHLY_YEAR, BY_COMPANY_YEAR, EXPORT_YEAR = 2024, 2023, 2022
TITLE_LINES = 2
"""Above the header of the monthly sheet."""

HEADER = (
    "operation", "marche_id", "lot", "maitre_ouvrage", "facilitateur", "entreprise_siret",
    "entreprise", "role", "site", "structure_accueil", "periode", "heures_prevues",
    "heures_realisees", "heures_validees", "nature_heures", "etat", "motif", "decide_par",
    "decide_le", "beneficiaire_id", "sexe", "annee_naissance", "tranche_age", "niveau_formation",
    "publics", "residence_qpv", "eligible_du", "eligible_au", "date_justificatif", "modalite",
    "structure", "structure_siret", "secteur", "type_contrat", "date_debut", "date_fin", "sortie",
    "sortie_6m", "sortie_12m",
)  # fmt: skip


# --- which line comes in which file --------------------------------------------------------------


def routed(lines: Iterable[Line], operations: Sequence[Operation]) -> list[Line]:
    """The lines, some of them moved out of the yearly logs; what their file cannot say is gone."""
    found = list(lines)
    counts = Counter((line.operation, line.month.year) for line in found if line.month)
    monthly = _first(counts, operations, 4, lambda o: o.buyer is CCAS, MONTHLY_YEAR)
    export = _first(
        counts, operations, 6, lambda o: o.buyer is VILLE and o.facilitator == MDE and not o.sites,
        EXPORT_YEAR,
    )  # fmt: skip
    of_companies = _first(
        counts, operations, 3,
        lambda o: o.buyer is METROPOLE and len(o.contracts) == 1 and bool(o.number % 12),
        BY_COMPANY_YEAR, one_holder=True,
    )  # fmt: skip
    sender = _first(
        counts, operations, 1,
        lambda o: o.buyer is METROPOLE and not o.monthly and bool(o.number % 12)
        and len(o.contracts) == 1 and o.months[-1] >= date(2025, 9, 1)
        and o.start <= date(2025, 1, 1),
        2025, least=60,
    )  # fmt: skip
    kept = []
    for line in found:
        moved = _moved(line, monthly, of_companies, sender, export)
        kept += [moved] if moved else []
    return kept


def _first(
    counts: Mapping[tuple[Operation | None, int], int],
    operations: Iterable[Operation],
    wanted: int,
    fits: Callable[[Operation], bool],
    year: int,
    *,
    one_holder: bool = False,
    least: int = 24,
) -> tuple[Operation, ...]:
    """Some operations with enough lines in a year; of `one_holder`, each with its own company."""
    chosen: list[Operation] = []
    for operation in operations:
        is_new = not one_holder or all(operation.holder != other.holder for other in chosen)
        enough = least <= counts.get((operation, year), 0) <= 400
        if fits(operation) and enough and is_new and len(chosen) < wanted:
            chosen.append(operation)
    if len(chosen) < wanted:
        msg = f"{len(chosen)} operations of {year} where {wanted} are wanted"
        raise LookupError(msg)
    return tuple(chosen)


def _moved(
    line: Line,
    monthly: Sequence[Operation],
    of_companies: Sequence[Operation],
    sender: Sequence[Operation],
    export: Sequence[Operation],
) -> Line | None:
    """The line in its file, with only what that file says; null where it says nothing of it."""
    year, operation = (line.month or date.min).year, line.operation
    if operation in monthly and year == MONTHLY_YEAR:
        return None if line.kind else _plainly_validated(line, MONTHLY)
    if operation in of_companies and year == BY_COMPANY_YEAR:
        return None if line.kind else replace(line, file=BY_COMPANY, work_contract="", hired=None)
    if operation in sender and year == 2025 and line.month and line.month.month <= 9:
        file = RETURNS[(line.month.month - 1) // 3]
        return None if line.kind else _plainly_validated(line, file)
    if operation in export and year == EXPORT_YEAR:
        return replace(line, file=EXPORT)
    return line


def _plainly_validated(line: Line, file: str) -> Line:
    """A sheet without decisions holds what was accepted."""
    return replace(
        line, file=file, state="Validée", outcome="validated", validated=None, reason="",
        decided=None, role="", work_contract="", hired=None,
    )  # fmt: skip


# --- writing -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Log:
    """Everything that the files hold, in order."""

    operations: Sequence[Operation]
    extras: Mapping[str, Mapping[str, object]]
    lines: Sequence[Line]
    people: Sequence[Person]
    sexes: Mapping[Person, str]
    events: Sequence[Event]
    invoices: Sequence[Invoice]


def contents(log: Log) -> dict[str, bytes]:
    """Every file of the folder, by its place in it."""
    by_file: dict[str, list[Line]] = defaultdict(list)
    for line in sorted(log.lines, key=_order):
        by_file[line.file].append(line)
    files = {
        COMMITMENTS: csv_bytes(clauses.HEADER, clauses.rows(log.operations, log.extras)),
        EVENTS: csv_bytes(EVENT_HEADER, map(_event_row, sorted(log.events, key=_event_order))),
        INVOICED: csv_bytes(INVOICE_HEADER, map(_invoice_row, log.invoices)),
        PARTICIPANTS: csv_bytes(people.HEADER, participant_rows(log)),
        MONTHLY: _monthly(by_file.pop(MONTHLY)),
        BY_COMPANY: _by_company(by_file.pop(BY_COMPANY)),
        EXPORT: _export(by_file.pop(EXPORT)),
    }
    for name in (*RETURNS, SENT_AGAIN):
        files[name] = _return(by_file.pop(name))
    for name, lines in sorted(by_file.items()):
        text = csv_bytes(HEADER, map(canonical, lines))
        files[name] = gzip.compress(text, mtime=0) if name.endswith(".gz") else text
    return dict(sorted(files.items()))


def participant_rows(log: Log) -> list[Sequence[object]]:
    """One row per decision; a person of whom two sexes are said has one row for each."""
    ended: dict[Person, date] = {}
    for line in log.lines:
        if line.person and line.month and line.counted > 0:
            ended[line.person] = max(ended.get(line.person, line.month), line.month)
    buyer, contract = clauses.PROGRAMME
    rows = list(people.rows(log.people, ended, (contract, buyer)))
    for person, sex in log.sexes.items():
        opposite = {"Femme": "Homme", "Homme": "Femme"}[sex]
        (row,) = [
            row for row in rows if row[0] == person.person_id and row[1] == person.facilitator
        ]
        column = people.HEADER.index("sexe")
        place = rows.index(row)
        rows[place : place + 1] = [
            (*row[:column], said, *row[column + 1 :]) for said in (sex, opposite)
        ]
    return rows


def _order(line: Line) -> tuple[Any, ...]:
    return (
        line.file, line.month or date.max, line.buyer_id,
        line.contract.contract_id if line.contract else "",
        line.person.facilitator if line.person else "",
        line.person.person_id if line.person else "", line.company.siret, line.kind, line.outcome,
        line.declared or 0, line.written.get("periode", ""),
    )  # fmt: skip


def number(hours: Decimal | None) -> str:
    """Hours as the canonical log writes them: `12.5`, `12`."""
    if hours is None:
        return ""
    return f"{hours:f}".rstrip("0").rstrip(".") if "." in f"{hours:f}" else f"{hours:f}"


def comma(hours: Decimal | None) -> str:
    """Hours with a French decimal comma."""
    return number(hours).replace(".", ",")


def canonical(line: Line) -> list[str]:
    """A line of the canonical log; what is written otherwise than true comes last."""
    operation, person = line.operation, line.person
    named = operation if operation and (operation.sites or operation.lot) else None
    cells = {
        "operation": named.name if named else "",
        "marche_id": line.contract.contract_id if line.contract else "",
        "lot": operation.lot if operation and line.contract else "",
        "maitre_ouvrage": line.contract.buyer.siret if line.contract else "",
        "facilitateur": operation.facilitator if operation else "",
        "entreprise_siret": line.company.siret,
        "role": line.role,
        "site": line.site,
        "structure_accueil": line.host,
        "periode": f"{line.month:%Y-%m}" if line.month else "",
        "heures_realisees": number(line.declared),
        "heures_validees": number(line.validated),
        "nature_heures": line.kind,
        "etat": line.state,
        "motif": line.reason,
        "decide_par": operation.facilitator if operation and line.decided else "",
        "decide_le": line.decided.isoformat() if line.decided else "",
        "beneficiaire_id": person.person_id if person else "",
        "modalite": line.modality,
        "structure": line.structure,
        "structure_siret": line.structure_id,
        "secteur": SECTOR_LABELS[operation.sector] if operation else "",
        "type_contrat": line.work_contract,
        "date_debut": line.hired.isoformat() if line.hired else "",
        **line.written,
    }
    return [cells.get(name, "") for name in HEADER]


EVENT_HEADER = (
    "marche_id", "lot", "maitre_ouvrage", "entreprise_siret", "entreprise", "periode", "evenement",
    "date", "motif", "moyen", "montant", "heures", "marche_destination",
)  # fmt: skip


def _event_order(event: Event) -> tuple[Any, ...]:
    return event.day, event.contract.uid, event.lot, event.company.siret, event.kind, event.period


def _event_row(event: Event) -> Sequence[object]:
    return (
        event.contract.contract_id, event.lot, event.contract.buyer.siret, event.company.siret,
        event.company.name, f"{event.period:%Y-%m}" if event.period else "", event.kind,
        event.day.isoformat(), event.reason, event.channel, number(event.amount),
        number(event.hours), event.to_contract,
    )  # fmt: skip


INVOICE_HEADER = (
    "marche_id", "lot", "maitre_ouvrage", "date_facture", "montant_ht", "cumul_ht", "base",
)  # fmt: skip


def _invoice_row(invoice: Invoice) -> Sequence[object]:
    return (
        invoice.contract.contract_id, "", invoice.contract.buyer.siret, invoice.day.isoformat(),
        number(invoice.amount), number(invoice.to_date), invoice.basis,
    )  # fmt: skip


# --- other forms ---------------------------------------------------------------------------------

WIDE = (
    "Marché", "Entreprise", "SIRET entreprise", "N° participant", "Modalité", "Structure",
    "Secteur",
)  # fmt: skip


def _monthly(lines: Sequence[Line]) -> bytes:
    """A line per person and contract, a column a month; two lines of title above."""
    months = [date(MONTHLY_YEAR, number, 1) for number in range(1, 13)]
    table: dict[tuple[str, ...], dict[date, Decimal]] = {}
    for line in lines:
        if line.month and line.declared is not None:
            hours = table.setdefault(_wide_key(line), {})
            hours[line.month] = hours.get(line.month, Decimal(0)) + line.declared
    book, [sheet] = new_book(f"Heures {MONTHLY_YEAR}")
    sheet["A1"] = f"Suivi des heures d'insertion {MONTHLY_YEAR} – CCAS d'Exemple"
    sheet["A1"].font = Font(bold=True, size=14)
    sheet["A2"] = "Heures acceptées, par participant et par mois"
    names = [format_date(month, "MMM yyyy", locale="fr") for month in months]
    rows = [
        [*key, *(float(hours[month]) if month in hours else None for month in months)]
        for key, hours in sorted(table.items())
    ]
    fill(sheet, [[*WIDE, *names], *rows], row=4)
    return saved(book)


def _wide_key(line: Line) -> tuple[str, ...]:
    contract_id = line.contract.contract_id if line.contract else ""
    return (
        contract_id, line.company.name, line.company.siret,
        line.person.person_id if line.person else "", line.modality, line.structure,
        SECTOR_LABELS[line.operation.sector] if line.operation else "",
    )  # fmt: skip


BY_COMPANY_HEADER = (
    "N° de marché", "Mois", "N° participant", "Heures déclarées", "Heures validées", "Avis",
    "Motif de l'avis", "Date de l'avis", "Modalité", "Structure", "Secteur",
)  # fmt: skip


def _by_company(lines: Sequence[Line]) -> bytes:
    """A sheet a company, which nothing but the name of the sheet tells."""
    sheets: dict[str, list[list[object]]] = {}
    for line in lines:
        sheets.setdefault(line.company.name, []).append(
            [
                line.contract.contract_id if line.contract else "", line.month,
                line.person.person_id if line.person else "",
                float(line.declared or 0),
                None if line.validated is None else float(line.validated), line.state,
                line.reason or None, line.decided, line.modality or None, line.structure or None,
                SECTOR_LABELS[line.operation.sector] if line.operation else "",
            ]
        )  # fmt: skip
    book, pages = new_book(*sorted(sheets))
    for page in pages:
        fill(page, [list(BY_COMPANY_HEADER), *sheets[page.title]])
        for row in page.iter_rows(min_row=2, min_col=2, max_col=2):
            row[0].number_format = "mm/yyyy"
    return saved(book)


RETURN_HEADER = (
    "Marché n°", "SIRET de l'entreprise", "Mois travaillé", "Code du salarié en insertion",
    "Heures du mois", "Type de recrutement", "Structure d'insertion", "Activité",
)  # fmt: skip


def _return(lines: Sequence[Line]) -> bytes:
    """A return of a company, as accepted by the facilitator; months in words, decimal commas."""
    return csv_bytes(
        RETURN_HEADER,
        (
            (
                line.contract.contract_id if line.contract else "", line.company.siret,
                format_date(line.month, "MMMM yyyy", locale="fr"),
                line.person.person_id if line.person else "", comma(line.declared), line.modality,
                line.structure, SECTOR_LABELS[line.operation.sector] if line.operation else "",
            )
            for line in lines
        ),
    )  # fmt: skip


EXPORT_HEADER = (
    "Code clause", "Réf. contrat", "Donneur d'ordres", "Attributaire", "Mois", "Réf. participant",
    "H. saisies", "H. retenues", "Statut", "Motif refus", "Date statut", "Nature", "Voie d'accès",
    "Employeur", "Domaine", "Contrat de travail", "Début de contrat",
)  # fmt: skip
EXPORT_STATES = {
    "": "VAL",
    "Validée": "VAL",
    "Corrigée": "COR",
    "Rejetée": "REF",
    "Déclarée": "ATT",
}
EXPORT_WAYS = {"Embauche directe": "ED", "Mise à disposition": "MD", "Sous-traitance": "ST", "": ""}
EXPORT_REASONS = {
    "Bulletin de paie différent": "R1", "Justificatif manquant": "R2", "Personne hors public": "R3",
    "Hors marché": "R4", "Déjà comptées ailleurs": "R5", "": "",
}  # fmt: skip


def _export(lines: Sequence[Line]) -> bytes:
    """An example of a tool's export, in codes of its own, in Windows-1252: no vendor's format."""
    text = csv_bytes(
        EXPORT_HEADER,
        (
            (
                line.operation.commitment_id if line.operation else "",
                line.contract.contract_id if line.contract else "", line.buyer_id,
                line.company.siret, f"{line.month:%m/%Y}" if line.month else "",
                line.person.person_id if line.person else "", comma(line.declared),
                comma(line.validated), EXPORT_STATES[line.state], EXPORT_REASONS[line.reason],
                f"{line.decided:%d/%m/%Y}" if line.decided else "",
                "FOR" if line.is_training else "TRA", EXPORT_WAYS[line.modality], line.structure,
                SECTOR_LABELS[line.operation.sector] if line.operation else "", line.work_contract,
                f"{line.hired:%d/%m/%Y}" if line.hired else "",
            )
            for line in lines
        ),
    )  # fmt: skip
    return text.decode().encode("cp1252")


FACILITATORS = {MONTHLY: MDE, BY_COMPANY: PLIE, EXPORT: MDE, RETURNS[0]: PLIE}
"""The mappings say whose ids these are."""
