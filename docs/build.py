#!/usr/bin/env python3
"""Writes the pages that are derived from the cards: `docs/tables.md` and `docs/indicators.md`.

`make docs` runs it; a test compares the committed pages with what it would write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from spaser.cards import (
    Catalogue,
    Change,
    Check,
    DefaultTarget,
    Example,
    IndicatorCard,
    Legal,
    Method,
    TableCard,
    catalogue,
)
from spaser.publish.formats import Formats

ROOT = Path(__file__).resolve().parents[1]
DO_NOT_EDIT = (
    "<!-- Page écrite par docs/build.py d'après assets/ : "
    "corrigez les cartes, puis « make docs ». -->"
)
TABLES_INTRODUCTION = """\
Une exécution écrit ces tables en Parquet sous `data/curated/<schéma>/`, et les mêmes dans
`spaser.duckdb`. Chacune a sa carte `assets/<clé>.yml`. « Nul » veut dire inconnu, jamais non. Le
[glossaire](glossary.md) donne le mot du métier de chaque colonne."""
INDICATORS_INTRODUCTION = """\
Chaque indicateur est une carte `assets/indicators/<code>.yml`, et son exemple est son essai :
« spaser doctor » et les tests le recalculent. Ce que veulent dire inconnu, intervalle et
périmètre : [la méthode](method.md). Ajouter le sien : [CONTRIBUTING](../CONTRIBUTING.md)."""

FORMATS = Formats("fr")

LAYERS = {
    "curated": "Le modèle du domaine, tiré des registres.",
    "facts": "Une ligne large par marché : ce que les indicateurs lisent.",
    "quality": "Ce que les registres ont de juste et de faux.",
    "indicators": "Les chiffres, leurs preuves et les objectifs jugés.",
}
AXES = {
    "general": "Vue d'ensemble",
    "social": "Social",
    "environment": "Environnement",
    "economy": "Économie",
    "ethics": "Éthique",
    "governance": "Gouvernance",
}
DIMENSIONS = {
    "cpv_division": "division CPV",
    "contract_type": "type de marché",
    "procedure_code": "procédure",
    "amount_band": "tranche de montant",
    "department_code": "département d'exécution",
    "commitment_mode": "mode de l'engagement",
    "modality": "modalité",
    "criterion": "critère principal",
    "qpv": "quartier prioritaire",
    "activity_sector": "secteur d'activité",
    "sex": "sexe",
    "age_band": "tranche d'âge",
    "training_level": "niveau de formation",
    "structure_kind": "type de structure",
    "exit_6_months": "situation à 6 mois",
    "exit_12_months": "situation à 12 mois",
}
ABOUT = {
    "contracts": "",
    "companies": "Dit des heures d'entreprises : masqué (« s ») sous le secret statistique",
    "people": "Calculé sur les agrégats publiables (`indicators.figures`), jamais sur des lignes "
    "de personnes : masqué (« s ») dès que l'un d'eux l'est",
}
DIRECTIONS = {
    "up": "plus haut vaut mieux",
    "down": "plus bas vaut mieux",
    "none": "ni plus haut ni plus bas ne vaut mieux",
}
SEVERITIES = {"ERROR": "bloquant", "WARN": "à regarder"}
STATUS = {"verified": "vérifié", "to_check": "à vérifier"}
MEASURES = {
    "count": "nombre",
    "value": "valeur",
    "fields": "champs",
    "offers": "offres",
    "people": "personnes",
    "hours": "heures",
    "pending_hours": "heures en attente",
}
UNITS = {
    "share": "part (0–1)",
    "contracts": "marchés et lots",
    "eur": "€ HT",
    "offers": "offres",
    "fields": "champs",
    "people": "personnes",
    "hours": "heures",
    "fte": "équivalents temps plein",
}
UNITS_OF_NAMES = {
    "_eur": "€ HT",
    "_months": "mois",
    "_share": "0–1",
    "_rate": "0–1",
    "_date": "jour",
    "_count": "nombre",
    "_fields": "champs",
    "_hours": "heures",
}
"""Units are in the names of columns."""

BAR = r"\|"
"""A bar inside a cell."""


def main() -> int:
    """Write the pages."""
    for path, text in pages(catalogue(ROOT / "assets")).items():
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def pages(cards: Catalogue) -> dict[str, str]:
    """The generated pages: path from the root → text."""
    return {"docs/tables.md": tables_page(cards), "docs/indicators.md": indicators_page(cards)}


# --- tables -------------------------------------------------------------------------------------


def tables_page(cards: Catalogue) -> str:
    """Every table: grain, columns, units, checks."""
    contents = (_layer(cards, layer, told) for layer, told in LAYERS.items())
    parts = ["# Les tables", DO_NOT_EDIT, TABLES_INTRODUCTION, "## Sommaire", _bullets(contents)]
    return _page([*parts, *map(_table, cards.tables.values())])


def _layer(cards: Catalogue, layer: str, told: str) -> str:
    tables = [card.table for card in cards.tables.values() if card.key.startswith(f"{layer}/")]
    links = ", ".join(f"[`{table}`](#{_anchor(table)})" for table in tables)
    return f"**{layer}** — {told} {links}"


def _anchor(heading: str) -> str:
    """The anchor that forges give to a heading of code: lower case, points dropped."""
    return heading.lower().replace(".", "").replace(" ", "-")


def _table(card: TableCard) -> str:
    columns = [
        (
            f"`{name}`",
            f"`{column.type}`",
            _unit(name),
            column.description.fr + _codes(column.codes),
        )
        for name, column in card.columns.items()
    ]
    origin = _listed(card.depends_on) or "données reçues (`staged.*`)"
    parts = [
        f"## {card.table}",
        f"**{card.title.fr}.** {card.description.fr}",
        _bullets((f"Une ligne par : {_listed(card.grain)}", f"Vient de : {origin}")),
        _grid(("Colonne", "Type", "Unité", "Contenu"), columns),
    ]
    if card.checks:
        headers = ("Contrôle", "Gravité", "Ce qu'il vérifie", "Règle")
        parts += ["Contrôles :", _grid(headers, map(_check, card.checks))]
    return "\n\n".join(parts)


def _unit(column: str) -> str:
    return next((unit for end, unit in UNITS_OF_NAMES.items() if column.endswith(end)), "")


def _codes(codes: Sequence[str]) -> str:
    return f" ({_listed(codes)})" if codes else ""


def _check(check: Check) -> tuple[str, ...]:
    return (
        f"`{check.name}`",
        SEVERITIES[check.severity],
        check.description.fr,
        f"`{check.expectation}`",
    )


# --- indicators ---------------------------------------------------------------------------------


def indicators_page(cards: Catalogue) -> str:
    """Every indicator: what it counts, population, methods, law, caveats, example, changelog."""
    listed = sorted(cards.indicators.values(), key=_order)
    parts = [
        "# Les indicateurs",
        DO_NOT_EDIT,
        INDICATORS_INTRODUCTION,
        _grid(("Code", "Indicateur", "Axe", "Version"), map(_summary, listed)),
    ]
    return _page([*parts, *map(_indicator, listed)])


def _order(card: IndicatorCard) -> tuple[int, str]:
    return list(AXES).index(card.axis), card.id


def _summary(card: IndicatorCard) -> tuple[str, ...]:
    link = f"[{card.id}](#{card.id.lower()})"
    return link, card.labels.fr, AXES[card.axis], str(card.method_version)


def _indicator(card: IndicatorCard) -> str:
    dimensions = ", ".join(DIMENSIONS[name] for name in card.dimensions) or "aucune"
    population = "" if card.population == "true" else f" `{card.population}`"
    facts = (
        f"Population : {card.population_text.fr}{population}",
        *filter(None, [ABOUT[card.about]]),
        f"Ventilations : {dimensions}",
        f"Sens : {DIRECTIONS[card.direction]}",
    )
    parts = [
        f"## {card.id}",
        f"**{card.labels.fr}.** {card.counts.fr}",
        _bullets(facts),
        "### Calcul",
        _grid(("Méthode", "Calcul", "Résultats"), map(_method, card.methods)),
        "### Exemple à refaire à la main",
        card.example.text.fr,
        _example(card.example),
    ]
    if card.caveats:
        parts += ["### Limites", _bullets(caveat.fr for caveat in card.caveats)]
    if card.legal:
        parts += ["### Base légale ou méthodologique", _bullets(map(_legal, card.legal))]
    if card.default_targets:
        parts += ["### Objectifs connus", _bullets(map(_target, card.default_targets))]
    parts += ["### Historique de la méthode", _bullets(map(_change, card.changelog))]
    return "\n\n".join(parts)


def _method(method: Method) -> tuple[str, str, str]:
    results = ", ".join(f"{MEASURES[r.measure]} → {UNITS[r.unit]}" for r in method.results)
    label = method.labels.fr if method.labels else "par défaut"
    return f"`{method.name}` ({label})", _formula(method), results


def _formula(method: Method) -> str:
    """What a method computes; of people, by the members of an axis."""
    if method.axis or method.within or method.divisor:
        return _people_formula(method)
    formulas = {
        "share": f"part des unités où `{method.met}` est vrai, parmi celles où c'est connu",
        "total": "somme sur les unités"
        + ("" if method.met == "true" else f" où `{method.met}` est vrai"),
        "mean": f"moyenne de `{method.of}` là où il est connu",
        "median": f"médiane de `{method.of}` là où il est connu",
        "ratio": f"somme de `{method.part}` sur somme de `{method.whole}`",
        "rate": f"somme de `{method.part}` sur somme de `{method.whole}`, qui peut dépasser 1",
    }
    text = formulas[method.kind]
    return f"{text} ; population propre : `{method.population}`" if method.population else text


def _people_formula(method: Method) -> str:
    members = _listed(method.member)
    if method.other_than:
        members = f"tout sauf {_listed(method.other_than)}"
    formulas = {
        "total": f"total de `{method.axis}` = {members}" if method.axis else "total",
        "share": f"part de `{method.axis}` = {members}, parmi ceux où `{method.axis}` est connu",
        "known": f"part où `{method.axis}` est connu",
    }
    text = formulas[method.kind]
    if method.divisor:
        text += f", divisé par les heures d'un temps plein (`fte_divisor`, `{method.divisor}`)"
    return f"{text} ; parmi `{method.within}`" if method.within else text


def _legal(legal: Legal) -> str:
    return f"{legal.text.fr} — {legal.source} ({STATUS[legal.status]})"


def _target(target: DefaultTarget) -> str:
    years = f"{target.valid_from}–{target.valid_to or '…'}"
    return f"{target.text.fr} ({target.source} ; valable {years} ; {STATUS[target.status]})"


def _change(change: Change) -> str:
    return f"version {change.version} ({change.date}) : {change.text.fr}"


def _example(example: Example) -> str:
    rows = list(example.rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = ([_cell(row.get(name)) for name in names] for row in rows)
    given = _grid([f"`{name}`" for name in names], cells)
    expected = _grid(
        ("Mesure", "Unité", "Numérateur", "Dénominateur", "Inconnus", "Valeur", "Bas", "Haut"),
        map(_expected, example.expected),
    )
    return f"{given}\n\nRésultat, périmètre `{example.scope}` :\n\n{expected}"


def _expected(row: Mapping[str, object]) -> list[str]:
    unit = str(row["unit"])
    method = f" (`{row['method']}`)" if "method" in row else ""
    plain = [_number(row.get(name), "") for name in ("numerator", "denominator", "unknown")]
    valued = [_number(row.get(name), unit) for name in ("value", "low", "high")]
    return [MEASURES[str(row["measure"])] + method, UNITS[unit], *plain, *valued]


def _number(value: object, unit: str) -> str:
    if value is None:
        return ""
    number = Decimal(str(value))
    return FORMATS.percent(number) if unit == "share" else FORMATS.trimmed(number)


def _cell(value: object) -> str:
    if value is None:
        return "inconnu"
    if isinstance(value, bool):
        return "oui" if value else "non"
    return str(value)


# --- markdown -----------------------------------------------------------------------------------


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _grid(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(map(_line, [headers, ["---"] * len(headers), *rows]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
