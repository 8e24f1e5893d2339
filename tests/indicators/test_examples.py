"""Every card's worked example, through the real compile path; it is the card's own test."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spaser import indicators
from spaser.cards import IndicatorCard
from spaser.scheme import scheme_for_files
from spaser.warehouse import Tables
from tests.curate.run import BUYER, CARDS, rows
from tests.indicators.reference import write_facts

CATALOGUE = list(CARDS.indicators.values())
YEAR = 2024


def ordinary(card: IndicatorCard) -> dict[str, Any]:
    """What an example does not say: its table and, about people, a published figure of all."""
    told: dict[str, Any] = {"fact_table": card.fact_table}
    return told | ({"buyer_id": "*", "is_published": True} if card.about == "people" else {})


def results(card: IndicatorCard, folder: Any) -> list[dict[str, Any]]:
    tables = Tables(folder)
    units = [ordinary(card) | row for row in card.example.rows]
    write_facts(tables, units, [BUYER], named=False)
    indicators.compute(tables, CARDS, scheme_for_files(()), [YEAR])
    return rows(
        tables,
        f"""from indicators.results where code = '{card.id}' and dimension = '*'
        and buyer_id = '*' and scope = '{card.example.scope}'""",
    )


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: card.id)
def test_the_example_gives_what_the_card_says(card, tmp_path):
    found = {(r["method"], r["measure"], r["unit"]): r for r in results(card, tmp_path)}
    default = card.methods[0].name
    for expected in card.example.expected:
        wanted = dict(expected)
        method = wanted.pop("method", default)
        row = found[method, wanted.pop("measure"), wanted.pop("unit")]
        assert wanted, "an example that expects no figure proves nothing"
        for name, value in wanted.items():
            assert row[name] == (None if value is None else Decimal(value)), (card.id, method, name)


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: card.id)
def test_the_example_shows_every_method_on_known_columns(card):
    shown = {expected.get("method", card.methods[0].name) for expected in card.example.expected}
    silent = {method.name for method in card.methods} - shown
    # Call-offs counted apart are the default's other half, shown by their own population.
    assert silent <= {"call_offs"}
    for row in card.example.rows:
        fact = CARDS.tables[row.get("fact_table", card.fact_table).replace(".", "/")]
        assert set(row) - {"fact_table"} <= set(fact.columns)
    texts = (card.example.text.fr, card.example.text.en)
    assert all(texts)


def test_the_texts_of_examples_say_the_figures_they_test():
    for card in CATALOGUE:
        for expected in card.example.expected:
            value = expected.get("value")
            if value is None or expected["unit"] != "share":
                continue
            percent = f"{Decimal(value) * 100:.1f}".removesuffix(".0")
            assert percent in card.example.text.en.replace(",", ""), (card.id, percent)
