"""Asset and check specifications, derived from the cards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

import spaser
from spaser.cards import Catalogue, Check, IndicatorCard, Model, SourceCard, TableCard, Text
from spaser.quality import checks_of

OWNER = "equipe:achats"
"""Who owns what no card attributes."""

AXES = {
    "general": Text(fr="Vue d'ensemble", en="Overview"),
    "social": Text(fr="Axe social", en="Social axis"),
    "environment": Text(fr="Axe environnemental", en="Environmental axis"),
    "economy": Text(fr="Axe économique", en="Economic axis"),
    "ethics": Text(fr="Axe éthique", en="Ethics axis"),
    "governance": Text(fr="Gouvernance", en="Governance"),
}

REPORT = Text(
    fr="Rapport annuel : page, classeur et données, puis la base publiée.",
    en="Annual report: page, workbook and data, then the published database.",
)

PROVENANCE = {
    "source_file": ("VARCHAR", "Fichier reçu"),
    "file_sha256": ("VARCHAR", "Empreinte SHA-256 du fichier reçu"),
    "source": ("VARCHAR", "Carte de source qui a lu le fichier"),
    "source_pointer": ("VARCHAR", "Place dans le fichier"),
    "position": ("BIGINT", "Rang dans le fichier"),
    "record_kind": ("VARCHAR", "Marché ou concession"),
}


def staged_key(card: SourceCard) -> str:
    """`sources/decp_2022_json` → `staged/decp_2022_json`."""
    return card.key.replace("sources/", "staged/")


def path_of(key: str) -> list[str]:
    """The asset key of a card or a table: `curated.contracts` → `curated/contracts`."""
    return key.replace(".", "/").split("/")


def staged_spec(catalogue: Catalogue, card: SourceCard) -> dg.AssetSpec:
    """The asset of a source: its records as received."""
    columns = PROVENANCE | {
        name: ("VARCHAR", field.label_fr)
        for name, field in catalogue.staged_fields(card.feeds).items()
    }
    columns["other_fields"] = ("VARCHAR", "Champs qu'aucune colonne ne porte, en JSON")
    return _spec(
        staged_key(card),
        card.title,
        card.description,
        owner=card.owner,
        version=version_of([card]),
        columns=[dg.TableColumn(name, kind, text) for name, (kind, text) in columns.items()],
    )


def table_spec(catalogue: Catalogue, card: TableCard, deps: Iterable[str]) -> dg.AssetSpec:
    """The asset of a table card."""
    return _spec(
        card.key,
        card.title,
        card.description,
        deps=deps,
        owner=card.owner,
        version=version_of([card], _sql_of(catalogue, card)),
        columns=[
            dg.TableColumn(name, column.type, column.description.fr)
            for name, column in card.columns.items()
        ],
    )


def axis_spec(axis: str, cards: Sequence[IndicatorCard], deps: Iterable[str]) -> dg.AssetSpec:
    """The asset of an axis: the indicators of its cards."""
    listed = [f"{card.id} — {card.labels.fr} / {card.labels.en}" for card in cards]
    return _spec(
        f"indicators/{axis}", AXES[axis], _lines(AXES[axis], listed), deps=deps,
        version=version_of(cards),
    )  # fmt: skip


def report_spec(deps: Iterable[str]) -> dg.AssetSpec:
    """The asset of the report."""
    return _spec(
        "report",
        REPORT,
        REPORT,
        deps=deps,
        version=spaser.__version__,
        kinds={"html", "excel", "duckdb"},
    )


def check_specs(card: TableCard) -> list[dg.AssetCheckSpec]:
    """The checks of a table; those of severity ERROR stop what follows."""
    return [check_spec(card, check) for check in checks_of(card)]


def check_spec(card: TableCard, check: Check) -> dg.AssetCheckSpec:
    """One check of a table."""
    return dg.AssetCheckSpec(
        check.name,
        asset=path_of(card.key),
        description=_both(check.description),
        blocking=check.severity == "ERROR",
        metadata={"expectation": check.expectation, "args": check.args},
    )


def version_of(cards: Iterable[Model], *texts: str) -> str:
    """The code version of an asset: it changes with its cards and its SQL."""
    content = "\n".join([*(card.model_dump_json() for card in cards), *texts])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def owner_of(owner: str) -> str:
    """The owner of a card as Dagster writes it."""
    return owner.replace("equipe:", "team:")


def _spec(
    key: str,
    title: Text,
    description: Text,
    *,
    deps: Iterable[str] = (),
    owner: str = OWNER,
    version: str,
    columns: Sequence[dg.TableColumn] = (),
    kinds: set[str] | None = None,
) -> dg.AssetSpec:
    metadata: dict[str, Any] = {"title": _both(title).replace("\n\n", " / ")}
    if columns:
        metadata["dagster/table_name"] = key.replace("/", ".")
        metadata["dagster/column_schema"] = dg.TableSchema(columns=list(columns))
    return dg.AssetSpec(
        path_of(key),
        deps=[dg.AssetKey(path_of(dep)) for dep in deps],
        description=_both(description),
        group_name=path_of(key)[0],
        owners=[owner_of(owner)],
        code_version=version,
        kinds=kinds or {"duckdb", "parquet"},
        metadata=metadata,
    )


def _sql_of(catalogue: Catalogue, card: TableCard) -> str:
    paths = sorted(catalogue.assets.glob(f"{card.key}.*sql"))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _both(text: Text) -> str:
    return f"{text.fr}\n\n{text.en}"


def _lines(title: Text, lines: Iterable[str]) -> Text:
    listed = "\n".join(f"- {line}" for line in lines)
    return Text(fr=title.fr, en=f"{title.en}\n\n{listed}")
