"""New projects, new cards, and the health of an installation."""

from __future__ import annotations

import datetime as dt
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from spaser import office
from spaser.cards import Catalogue, Feeds, RegisterField, SourceCard, catalogue
from spaser.errors import InputError, SpaserError
from spaser.project import Project, definitions_root
from spaser.scheme import load_scheme

_DEFINITIONS = (
    "assets",
    "dagster.yaml",
    "data/raw/demo",
    "pipelines/demo",
    "pipelines/demo.yml",
    "reports/assets",
    "reports/labels.en.yml",
    "reports/labels.fr.yml",
    "reports/traitements.yml",
    "reports/styles",
    "reports/templates",
)
_AXES = {
    "GEN": "general",
    "SOC": "social",
    "ENV": "environment",
    "ECO": "economy",
    "ETH": "ethics",
    "GOV": "governance",
}
_PACKAGES = ("duckdb", "dagster", "great-expectations", "pandas", "plotly", "pyarrow", "openpyxl")
_NEEDED_BYTES = 1_000_000_000

STARTER_SCHEME = """\
# Votre schéma : qui rend compte, sur quels registres, avec quels objectifs.
# Remplacez les valeurs, puis lancez « spaser run mon-schema ».
title: {fr: "SPASER de ma collectivité"}
period: {from: 2024, to: 2029}
buyers: all                 # ou une liste : - {id: "SIRET à 14 chiffres", name: "Nom"}
inputs: [data/raw/registres/**]
floor_eur: 40000
targets: []
# targets:
#   - {indicator: SOC-01, measure: count, unit: share, year: 2026, at_least: 0.30}
"""


def create_project(directory: Path) -> Path:
    """Copy the definitions and the demo into a new folder; returns it.

    Raises:
        InputError: the folder exists and is not empty, or cannot be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(
            f"« {directory} » existe déjà et n'est pas vide. Choisissez un autre dossier.",
            f"“{directory}” already exists and is not empty. Choose another folder.",
        )
    source = definitions_root()
    try:
        for name in _DEFINITIONS:
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (source / name).is_dir():
                shutil.copytree(source / name, target)
            else:
                shutil.copyfile(source / name, target)
        (directory / "data" / "raw" / "registres").mkdir()
        (directory / "pipelines" / "mon-schema.yml").write_text(STARTER_SCHEME, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Impossible de créer le projet dans « {directory} » : {error}. "
            "Choisissez un dossier où vous pouvez écrire.",
            f"Cannot create the project in “{directory}”: {error}. "
            "Choose a folder you can write in.",
        ) from error
    return directory.resolve()


def create_indicator(project: Project, code: str) -> Path:
    """Write a complete, valid card to start from; returns its path.

    Raises:
        InputError: the code is not written `SOC-26`, or the card exists.
    """
    if not re.fullmatch(r"[A-Z]{3}-\d{2,3}", code) or code[:3] not in _AXES:
        raise InputError(
            f"« {code} » n'est pas un code d'indicateur. Écrivez par exemple SOC-26 "
            f"({', '.join(_AXES)}).",
            f"“{code}” is no indicator code. Write for example SOC-26 ({', '.join(_AXES)}).",
        )
    path = project.assets / "indicators" / f"{code}.yml"
    if path.exists():
        raise InputError(f"{path} existe déjà : modifiez-la.", f"{path} already exists: edit it.")
    path.write_text(_card(code), encoding="utf-8")
    return path


def _card(code: str) -> str:
    return f"""\
id: {code}
axis: {_AXES[code[:3]]}
labels:
  fr: "Marchés à décrire"
  en: "Contracts to describe"
counts:
  fr: "Part des marchés pour lesquels la condition `met` est vraie."
  en: "Share of the contracts for which the condition `met` is true."
fact_table: facts.contracts
population: "framework_role <> 'call_off'"
population_text:
  fr: "Marchés et lots notifiés dans l'année, hors marchés subséquents avérés."
  en: "Contracts and lots notified in the year, proven call-offs apart."
methods:
  - kind: share
    met: "has_social_clause"
    results: [{{measure: count, unit: share}}, {{measure: value, unit: share}}]
dimensions: [cpv_division, contract_type, procedure_code, amount_band, department_code]
direction: up
method_version: 1
changelog:
  - {{version: 1, date: "2026-11-21", text: {{fr: "Première version.", en: "First version."}}}}
example:
  text:
    fr: "Trois marchés : un oui, un non, un inconnu. 1/2 = 50,0 % (entre 33,3 et 66,7 %)."
    en: "Three contracts: one yes, one no, one unknown. 1/2 = 50.0% (between 33.3 and 66.7%)."
  rows:
    - {{uid: A, amount_usable_eur: "100", has_social_clause: true}}
    - {{uid: B, amount_usable_eur: "100", has_social_clause: false}}
    - {{uid: C, amount_usable_eur: "100", has_social_clause: null}}
  expected:
    - {{measure: count, unit: share, value: "0.500000", low: "0.333333", high: "0.666667"}}
"""


TEMPLATES: tuple[Feeds, ...] = (
    "register",
    "spend",
    "suppliers",
    "commitments",
    "hours",
    "participants",
    "invoiced",
    "clause_events",
)
"""What `spaser new template` writes a workbook for."""

_TEMPLATE_DATE = dt.date(2026, 1, 1)
"""A template is dated by no data, and never by the clock."""

_EMPTY_ROWS = 200

_LONGEST_PROMPT = 255
"""What Excel shows beside a cell."""

_EXAMPLES = {
    "siret": "00020001400017",
    "amount": "12 500,00",
    "percent": "20 %",
    "share": "0,2",
    "integer": "3",
    "months": "24",
    "boolean": "oui",
    "date": "15/03/2025",
    "hours": "151,67",
    "month": "03/2025",
    "person": "PLIE-00421",
    "birth_year": "1990",
}
_EXAMPLES_BY_FIELD = {
    "contract_id": "2025-017",
    "contract_reference": "2025-017",
    "consultation_id": "2025-C04",
    "voucher": "2025-0001",
    "object": "Entretien des espaces verts",
    "lot_number": "2",
    "lot_title": "Lot 2 : massifs",
    "cpv_code": "77310000",
    "place_code": "59000",
    "framework_reference": "2024-AC-03",
    "year": "2025",
    "siren": "000200014",
    "supplier_siren": "000200014",
    "award_criteria": "Prix 60 % ; Valeur technique 30 % ; Environnement 10 %",
    "account": "60632",
    "category": "Espaces verts",
    "directorate": "Direction des espaces verts",
    "buyer_name": "Métropole d'Exemple",
    "name": "Atelier d'Exemple",
    "supplier_name": "Atelier d'Exemple",
    "holder_name": "Atelier d'Exemple",
    "list_name": "Liste de la direction des achats",
    "commitment_id": "ENG-2025-017",
    "operation": "Entretien des espaces verts",
    "company_name": "Entreprise d'Exemple",
    "facilitator": "PLIE d'Exemple",
    "decided_by": "PLIE d'Exemple",
    "site": "École d'Exemple",
    "host_structure": "Association d'Exemple",
    "order_id": "BC-04",
    "revision_reason": "Avenant n° 1",
    "schedule": "30/06/2025 = 200 ; 31/12/2025 = 500",
    "to_contract_reference": "2025-018",
    "return_day": "15",
    "people_count": "2",
}


def write_template(project: Project, feeds: str, out: Path) -> Path:
    """Write the workbook to fill in for a register, a spend ledger or a list of suppliers.

    One column per field that the mapped source of the card knows, under a header that it maps by
    itself; lists of choices where a field has codes. What a column wants, with an example, shows
    when one of its cells is chosen: nothing in the workbook can be taken for data.

    Args:
        project: whose cards say the fields.
        feeds: one of `TEMPLATES`.
        out: the workbook, or the folder to write `modele-<feeds>.xlsx` in.

    Raises:
        InputError: no such template, or the file exists or cannot be written.
    """
    if feeds not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise InputError(
            f"Pas de modèle « {feeds} ». Modèles : {known}.",
            f"No template “{feeds}”. Templates: {known}.",
        )
    path = out / f"modele-{feeds}.xlsx" if out.is_dir() else out
    if path.exists():
        raise InputError(
            f"{path} existe déjà : choisissez un autre nom.",
            f"{path} already exists: choose another name.",
        )
    cards = catalogue(project.assets)
    columns = list(_template_columns(cards, feeds))
    book = office.new_book(f"Modèle : {feeds}")
    office.add_sheet(book, "Saisie", [column for column, _ in columns], [], _EMPTY_ROWS)
    _add_prompts(book, [(column.head, _prompt(cards, field)) for column, field in columns])
    try:
        office.save_book(book, path, _TEMPLATE_DATE)
    except OSError as error:
        raise InputError(
            f"Impossible d'écrire {path} : {error}. Choisissez un autre dossier.",
            f"Cannot write {path}: {error}. Choose another folder.",
        ) from error
    return path


def _template_columns(
    cards: Catalogue, feeds: Feeds
) -> Iterator[tuple[office.Column, RegisterField]]:
    """The columns to fill in, in the order of the fields, with the field of each."""
    source = _mapped_source(cards, feeds)
    for name, field in cards.fields_of(feeds).items():
        if name in source.headers:
            header = _header(field, source.headers[name])
            choices = _choices(cards, field)
            fits = all("," not in c for c in choices)
            fits = fits and len(",".join(choices)) <= office.MAX_CHOICES
            yield (
                office.Column(
                    header,
                    max(14, min(40, len(header) + 2)),
                    editable=True,
                    choices=choices if fits else (),
                    form=office.TEXT,
                ),
                field,
            )


def _header(field: RegisterField, known: Sequence[str]) -> str:
    """A header that the mapping knows: the label, else one that says the tax basis, else one."""
    return next((h for h in (field.label_fr, "Montant HT") if h in known), known[0])


def _mapped_source(cards: Catalogue, feeds: Feeds) -> SourceCard:
    """The department's own source of something."""
    return next(c for c in cards.sources_of(feeds) if c.headers and c.origin == "own")


def _choices(cards: Catalogue, field: RegisterField) -> tuple[str, ...]:
    """What a cell may say: yes or no, or a label of the code list, in French."""
    if field.kind == "boolean":
        return ("oui", "non")
    if field.kind not in {"code", "codes"}:
        return ()
    rows = cards.reference("code_lists")
    return tuple(dict.fromkeys(r["label_fr"] for r in rows if r["field"] == field.field))


def _prompt(cards: Catalogue, field: RegisterField) -> str:
    """What a column wants, in the few words that a spreadsheet shows beside a cell."""
    choices = _choices(cards, field)
    example = _EXAMPLES_BY_FIELD.get(field.field) or (
        choices[0] if choices else _EXAMPLES.get(field.kind, "")
    )
    told = f"{field.label_fr}." + (" Obligatoire." if field.required else "")
    if example:
        told += f"\nExemple : {example}"
    if len(choices) > 1:
        told += f"\nChoix : {' ; '.join(choices)}"
    return told if len(told) <= _LONGEST_PROMPT else told[: _LONGEST_PROMPT - 1] + "…"


def _add_prompts(book: Workbook, prompts: Sequence[tuple[str, str]]) -> None:
    """Show a text when a cell of a column is chosen, beside its choices if it has some."""
    sheet = book.worksheets[0]
    rules = {str(rule.sqref).split("2:")[0]: rule for rule in sheet.data_validations.dataValidation}
    for place, (head, prompt) in enumerate(prompts, start=1):
        letter = get_column_letter(place)
        rule = rules.get(letter)
        if rule is None:
            rule = DataValidation(allow_blank=True)
            rule.add(f"{letter}2:{letter}{_EMPTY_ROWS + 1}")
            sheet.data_validations.append(rule)
        rule.showInputMessage = True
        rule.promptTitle, rule.prompt = head[:32], prompt


def examine(project: Project) -> list[tuple[bool, str, str]]:
    """What `spaser doctor` says: (sound, French, English) for each point."""
    return [
        (True, f"Projet : {project.root}", f"Project: {project.root}"),
        (True, f"Python {platform.python_version()}", f"Python {platform.python_version()}"),
        *(_package(name) for name in _PACKAGES),
        *_definitions(project),
        _disk(project),
    ]


def _package(name: str) -> tuple[bool, str, str]:
    try:
        found = version(name)
    except PackageNotFoundError:
        return False, f"{name} : absent, réinstallez spaser", f"{name}: missing, reinstall spaser"
    return True, f"{name} {found}", f"{name} {found}"


def _definitions(project: Project) -> list[tuple[bool, str, str]]:
    # Here, so that a missing library is told and does not stop the examination.
    from spaser.indicators.examples import example_faults

    points: list[tuple[bool, str, str]] = []
    try:
        cards = catalogue(project.assets)
        sources, tables, indicators = len(cards.sources), len(cards.tables), len(cards.indicators)
        points.append(
            (
                True,
                f"Cartes : {sources} sources, {tables} tables, {indicators} indicateurs",
                f"Cards: {sources} sources, {tables} tables, {indicators} indicators",
            )
        )
        for code in cards.indicators:
            points += [(False, fault.fr, fault.en) for fault in example_faults(cards, code)]
        if all(sound for sound, _, _ in points):
            points.append(
                (
                    True,
                    "L'exemple de chaque indicateur, recalculé, donne ce que sa carte annonce",
                    "The example of each indicator, computed again, gives what its card says",
                )
            )
    except SpaserError as error:
        points.append((False, error.fr, error.en))
    for path in sorted(project.pipelines.glob("*.yml")):
        try:
            load_scheme(project, path.stem)
            points.append((True, f"Schéma {path.stem}", f"Scheme {path.stem}"))
        except SpaserError as error:
            points.append((False, error.fr, error.en))
    return points


def _disk(project: Project) -> tuple[bool, str, str]:
    free = shutil.disk_usage(project.root).free
    gigabytes = f"{free / 1e9:.1f}"
    return (
        free > _NEEDED_BYTES,
        f"Place libre : {gigabytes.replace('.', ',')} Go",
        f"Free space: {gigabytes} GB",
    )
