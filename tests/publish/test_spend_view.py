"""Spending in the report: no floor, no contract lines, its own words."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from spaser.cards import Catalogue, IndicatorCard, Method
from spaser.cards import Result as Kind
from spaser.publish.context import SCOPES, Context
from spaser.publish.formats import Formats
from spaser.publish.labels import Labels
from spaser.publish.model import Figures, IndicatorView
from spaser.publish.reading import Result
from spaser.publish.view import Builder
from tests.publish import builders
from tests.publish.pages import text_of, tidy

CARDS = Catalogue(builders.PROJECT.assets)
SPEND = Method(
    name="spend",
    fact_table="facts.spend",
    population="true",
    met="is_under_contract",
    results=(Kind(measure="value", unit="share"),),
)
TOTAL = SPEND.model_copy(
    update={"name": "default", "kind": "total", "results": (Kind(measure="value", unit="eur"),)}
)


def result(method: str, scope: str, unit: str, **more: Decimal | int | None) -> Result:
    """One result of a test card for the whole scheme."""
    given: dict[str, object] = {
        "code": "TST-01",
        "method": method,
        "method_version": 1,
        "scope": scope,
        "buyer_id": "*",
        "year": 2025,
        "dimension": "*",
        "member": "*",
        "measure": "value",
        "unit": unit,
        "numerator": Decimal(30),
        "denominator": Decimal(120),
        "unknown": Decimal(40),
        "excluded": Decimal(0),
        "value": Decimal("0.25") if unit == "share" else Decimal(30),
        "low": Decimal("0.1875") if unit == "share" else Decimal(30),
        "high": Decimal("0.4375") if unit == "share" else Decimal(70),
        "status": "computed",
        "reason_fr": None,
        "reason_en": None,
    }
    return Result(**(given | more))  # type: ignore[arg-type]


def viewed(card: IndicatorCard, results: list[Result]) -> IndicatorView:
    """The card as the page shows it."""
    cards = Catalogue(builders.PROJECT.assets)
    cards.__dict__["indicators"] = {card.id: card}
    context = Context(
        cards,
        Labels(builders.PROJECT.reports, "fr"),
        Formats("fr"),
        2025,
        dt.date(2026, 1, 1),
        Decimal(40000),
        builders.BUYERS,
    )
    return Builder(context, Figures(results), (), openable=True, accent="#1f5f8b").indicator(card)


def mixed() -> IndicatorCard:
    """A card on contracts, with a variant on spending."""
    card = CARDS.indicators["SOC-01"]
    return card.model_copy(update={"id": "TST-01", "methods": (*card.methods, SPEND)})


def whole() -> IndicatorCard:
    """A card on spending alone."""
    card = CARDS.indicators["SOC-01"]
    return card.model_copy(
        update={"id": "TST-01", "fact_table": "facts.spend", "methods": (TOTAL,), "dimensions": ()}
    )


def test_a_variant_on_spending_has_one_row_and_opens_on_no_contract() -> None:
    results = [result("default", scope, "share") for scope in SCOPES]
    results += [result("spend", scope, "share") for scope in SCOPES]
    rows = viewed(mixed(), results).table.rows
    by_measure = [(row.measure, row.head, row.lines is not None) for row in rows]
    assert [line[2] for line in by_measure] == [True] * 4 + [False]
    assert by_measure[-1][:2] == ("Part des dépenses", "Dépenses de l'année")


def test_a_variant_on_spending_is_explained_beside_the_contracts() -> None:
    entries = dict(viewed(mixed(), [result("default", "floor", "share")]).card.entries)
    assert len(entries["Unité"]) == 3
    assert entries["Unité"][1].startswith("En dépenses")
    assert "Seuil" in entries


def test_a_card_on_spending_speaks_of_spending_and_of_no_floor() -> None:
    view = viewed(whole(), [result("default", scope, "eur") for scope in SCOPES])
    told = tidy(" ".join(text_of(str(sentence)) for sentence in view.sentences))
    assert told.startswith("30 € de dépenses en 2025.")
    assert "la valeur est comprise entre 30,00 € et 70,00 €" in told
    entries = dict(view.card.entries)
    assert "Seuil" not in entries
    assert "Hors maxima" not in entries
    assert entries["Numérateur"] == ("Dépenses pour lesquelles la réponse est oui.",)


@pytest.mark.parametrize("unit", ["share", "eur"])
def test_trends_on_spending_and_on_contracts_are_two_charts(unit: str) -> None:
    card = mixed()
    spend = SPEND.model_copy(update={"results": (Kind(measure="value", unit=unit),)})
    card = card.model_copy(update={"methods": (*card.methods[:-1], spend)})
    results = [
        result(method, scope, "share" if method == "default" else unit, year=year)
        for method in ("default", "spend")
        for scope in SCOPES
        for year in (2024, 2025)
    ]
    trends = viewed(card, results).trends
    captions = {view.id: tidy(text_of(str(view.table.caption))) for view in trends}
    assert set(captions) == {"tst-01-trend-share", f"tst-01-trend-{unit}-spend"}
    assert captions["tst-01-trend-share"].endswith("40 000 € HT et plus")
    assert captions[f"tst-01-trend-{unit}-spend"].endswith("Dépenses de l'année")
