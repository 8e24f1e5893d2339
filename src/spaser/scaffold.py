"""New projects, new cards, and the health of an installation."""

from __future__ import annotations

import platform
import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spaser.cards import catalogue
from spaser.errors import InputError, SpaserError
from spaser.project import Project, definitions_root
from spaser.scheme import load_scheme

_DEFINITIONS = (
    "assets",
    "dagster.yaml",
    "data/raw/demo",
    "pipelines/demo.yml",
    "reports/assets",
    "reports/labels.en.yml",
    "reports/labels.fr.yml",
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
