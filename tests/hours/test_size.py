"""The calculator of a clause: G1, its words, and what it refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.cards import Catalogue
from spaser.errors import InputError
from spaser.hours.parameters import Settings
from spaser.hours.size import clause_size
from tests.curate.run import ROOT

SETTINGS = Settings.of(Catalogue(ROOT / "assets").reference("insertion_settings"))
D = Decimal


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def test_g1_by_trade_with_the_usual_rate_and_cost():
    found = clause_size(SETTINGS, D(1_000_000), trade="masonry")
    assert found.hours == 833
    assert plain(found.formula.fr) == "1 000 000 € × 50 % × 5 % ÷ 30 € = 833,33 h, arrondi à 833 h"
    assert found.formula.en == "€1,000,000 × 50% × 5% ÷ €30 = 833.33 h, rounded to 833 h"


def test_every_parameter_says_its_source_and_status():
    found = clause_size(SETTINGS, D(1_000_000), trade="painting", hourly_cost_eur=D("27.50"))
    assert [parameter.status for parameter in found.parameters] == [
        *("given", "verified", "verified", "given")
    ]
    text = plain(found.explanation.fr)
    assert "Part de main-d'œuvre, peinture : 70 % (vérifié, Pratique de facilitateurs" in text
    assert "Coût horaire : 27,50 € (donné)." in text
    assert "Hourly cost: €27.50 (given)." in found.explanation.en


def test_a_rate_out_of_practice_is_computed_and_said():
    found = clause_size(SETTINGS, D(100_000), labour_share=D("0.3"), insertion_rate=D("0.5"))
    assert found.hours == 500
    assert len(found.warnings) == 1
    assert "Attention : Taux d'insertion : 50\u00a0% est hors des pratiques" in found.explanation.fr


@pytest.mark.parametrize(
    "given_values",
    [
        {},
        {"trade": "masonry", "labour_share": D("0.5")},
        {"labour_share": D(50)},
        {"labour_share": D(0)},
        {"labour_share": D("NaN")},
        {"trade": "masonry", "hourly_cost_eur": D(0)},
        {"trade": "masonry", "insertion_rate": D("1e999999")},
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_give(given_values: dict[str, Decimal]):
    with pytest.raises(InputError, match="Donnez"):
        clause_size(SETTINGS, D(1000), **given_values)


@pytest.mark.parametrize("amount", ["0", "-5", "Infinity", "1e17"])
def test_an_amount_is_a_sum_of_euros(amount: str):
    with pytest.raises(InputError, match="Montant HT"):
        clause_size(SETTINGS, D(amount), trade="masonry")


def test_an_unknown_trade_gets_the_nearest_name():
    with pytest.raises(InputError, match="Vouliez-vous dire « maçonnerie »"):
        clause_size(SETTINGS, D(1000), trade="maconnerie generale")
    with pytest.raises(InputError) as caught:
        clause_size(SETTINGS, D(1000), trade="masonri")
    assert "Did you mean “masonry”?" in caught.value.en


@pytest.mark.parametrize("trade", ["maçonnerie", "MACONNERIE", "masonry", "Masonry"])
def test_a_trade_is_named_in_either_language(trade: str):
    assert clause_size(SETTINGS, D(1000), trade=trade).parameters[1].value == D("0.50")


def test_the_labour_shares_are_those_of_practice():
    shares = {row.item: row.value for row in SETTINGS.history("labour_share")}
    assert shares == {"painting": D("0.7"), "masonry": D("0.5"), "metal_frame": D("0.2")}


@given(
    st.decimals("0.01", "1e9", places=2),
    st.decimals("0.01", "1", places=4),
    st.decimals("0.01", "1", places=4),
    st.decimals("1", "100", places=2),
)
def test_the_hours_are_the_nearest_whole_number(
    amount: Decimal, share: Decimal, rate: Decimal, cost: Decimal
):
    found = clause_size(
        SETTINGS, amount, labour_share=share, insertion_rate=rate, hourly_cost_eur=cost
    )
    paid = amount * share * rate
    assert (found.hours - D("0.5")) * cost <= paid < (found.hours + D("0.5")) * cost
