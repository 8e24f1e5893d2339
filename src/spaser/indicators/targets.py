"""Definitions checked before a run reads anything: the cards' expressions, the scheme's targets."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from spaser.cards import Catalogue, IndicatorCard
from spaser.errors import InputError
from spaser.indicators import guard, people
from spaser.indicators.compiled import SCOPES
from spaser.indicators.compute import compile_for
from spaser.scheme import Scheme, Target

Fault = tuple[str, str]
"""What is wrong with a target, in French and in English."""


def check_definitions(catalogue: Catalogue, scheme: Scheme) -> None:
    """Refuse cards and targets that cannot be computed, before any register is read.

    Raises:
        InputError: an expression of a card is refused, or a target names an indicator, method,
            measure, unit or scope that no card has; the message lists those there are.
    """
    for _, card in sorted(catalogue.indicators.items()):
        _check_card(catalogue, card)
    compile_for(catalogue)
    faults = [fault for target in scheme.numbered_targets() for fault in _faults(catalogue, target)]
    if faults:
        raise InputError(
            f"pipelines/{scheme.name}.yml : "
            + " ; ".join(fr for fr, _ in faults)
            + ". Corrigez `targets`.",
            f"pipelines/{scheme.name}.yml: "
            + "; ".join(en for _, en in faults)
            + ". Correct `targets`.",
        )


def _check_card(catalogue: Catalogue, card: IndicatorCard) -> None:
    """Refuse a card over a table or along columns that do not exist."""
    if card.about == "people":
        people.check_card(catalogue, card)
        return
    facts = {t.table: t for t in catalogue.tables.values() if t.key.startswith("facts/")}
    for name in (card.fact_table, *card.fact_tables):
        if name not in facts:
            raise InputError(
                f"assets/{card.key}.yml : la table de faits « {name} » n'existe pas. "
                f"Corrigez `fact_table` (il existe : {', '.join(sorted(facts))}).",
                f"assets/{card.key}.yml: the fact table “{name}” does not exist. "
                f"Correct `fact_table` (there are: {', '.join(sorted(facts))}).",
            )
    fact = facts[card.fact_table]
    wanted = [*card.dimensions, *(guard.COUNTED if card.about == "companies" else ())]
    absent = [name for name in wanted if name not in fact.columns]
    if absent:
        raise InputError(
            f"assets/{card.key}.yml : {', '.join(absent)} n'est pas une colonne de {fact.table}. "
            "Corrigez `dimensions`.",
            f"assets/{card.key}.yml: {', '.join(absent)} is no column of {fact.table}. "
            "Correct `dimensions`.",
        )


def _faults(catalogue: Catalogue, target: Target) -> Iterable[Fault]:
    """What a target asks for and no card gives."""
    card = catalogue.indicators.get(target.indicator)
    if card is None:
        known = sorted(catalogue.indicators)
        yield _unknown(target, ("indicateur", "indicator"), target.indicator, known)
        return
    # Neither the floor nor the maxima bound people: their figures have one scope.
    scopes = SCOPES[:1] if card.about == "people" else SCOPES
    if target.scope not in scopes:
        yield _unknown(target, ("périmètre", "scope"), target.scope, scopes)
    methods = {method.name: method for method in card.methods}
    if target.method not in methods:
        what = (f"méthode de {card.id}", f"method of {card.id}")
        yield _unknown(target, what, target.method, list(methods))
        return
    given = [(result.measure, result.unit) for result in methods[target.method].results]
    if (target.measure, target.unit) not in given:
        pairs = [f"{measure}/{unit}" for measure, unit in given]
        what = (f"mesure/unité de {card.id}", f"measure/unit of {card.id}")
        yield _unknown(target, what, f"{target.measure}/{target.unit}", pairs)


def _unknown(target: Target, what: Fault, asked: str, known: Sequence[str]) -> Fault:
    near = difflib.get_close_matches(asked, known, n=1, cutoff=0.4)
    listed = ", ".join(known)
    fr = f"objectif {target.id} : {what[0]} inconnu(e) « {asked} » (il existe : {listed})"
    en = f"target {target.id}: unknown {what[1]} “{asked}” (there are: {listed})"
    if near:
        fr, en = f"{fr}, vouliez-vous dire « {near[0]} » ?", f"{en}, did you mean “{near[0]}”?"
    return fr, en
