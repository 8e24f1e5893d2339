"""Who is bound to have a SPASER: the interval of spend against the threshold of the year."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaser.indicators.duty import threshold_of, write_duty
from spaser.scheme import Buyer, Scheme, Text
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, one, rows
from tests.indicators.reference import write_units

FACTS = CARDS.tables["facts/spend"]
SCHEME = Scheme(
    name="fiction",
    title=Text(fr="Fiction", en="Fiction"),
    buyers=(Buyer(id=BUYER, name="Ville"), Buyer(id=OTHER_BUYER, name="CCAS")),
    inputs=("nulle/part",),
)
MILLION = 1_000_000
YEAR = 2024


def duty(folder: Path, *lines: dict[str, Any], year: int = YEAR) -> Tables:
    """`indicators.duty` of a year, from lines of spend in millions."""
    tables = Tables(folder)
    if lines:
        write_units(tables, FACTS, [_line(**line) for line in lines])
    _write_buyers(tables)
    write_duty(tables, CARDS, SCHEME, year)
    return tables


def _line(
    usable: float | None = None,
    received: float | None = None,
    counts: bool | None = True,
    **more: Any,
) -> dict[str, Any]:
    amounts = {
        "amount_usable_eur": None if usable is None else Decimal(str(usable)) * MILLION,
        "amount_received_eur": None if received is None else Decimal(str(received)) * MILLION,
    }
    if usable is not None and received is None:
        amounts["amount_received_eur"] = amounts["amount_usable_eur"]
    return {"year": YEAR, "counts_for_duty": counts} | amounts | more


def _write_buyers(tables: Tables) -> None:
    with session() as connection:
        listed = ", ".join(f"('{buyer.id}', true, true)" for buyer in SCHEME.buyers)  # type: ignore[union-attr]
        tables.write(
            connection,
            "curated.buyers",
            f"from (values {listed}) b(buyer_id, named_in_scheme, in_scheme)",
        )


def answer(folder: Path, *lines: dict[str, Any], year: int = YEAR) -> dict[str, Any]:
    return one(duty(folder, *lines, year=year), f"from indicators.duty where buyer_id = '{BUYER}'")


CASES: list[tuple[str, list[dict[str, Any]], str, float | None, float | None]] = [
    ("above", [{"usable": 30}, {"usable": 20.01}], "bound", 50.01, 50.01),
    ("exactly the threshold is not above it", [{"usable": 50}], "not_bound", 50, 50),
    ("below", [{"usable": 12}], "not_bound", 12, 12),
    ("not under a contract", [{"usable": 80, "counts": False}], "not_bound", 0, 0),
    ("a credit note is deducted", [{"usable": 51}, {"usable": -2}], "not_bound", 49, 49),
    ("with VAT and no rate", [{"received": 60}], "undecidable", 0, None),
    ("with VAT, even little", [{"received": 1}], "undecidable", 0, None),
    ("what is known is enough", [{"usable": 51}, {"received": 60}], "bound", 51, None),
    ("an unknown credit note may undo it", [{"usable": 51}, {"received": -2}],
     "undecidable", 49, 51),
    ("nor does a small one", [{"usable": 51}, {"received": -0.5}], "bound", 50.5, 51),
    ("no amount at all may be a credit note", [{"usable": 51}, {}], "undecidable", None, None),
    ("perhaps under a contract", [{"usable": 40}, {"usable": 20, "counts": None}],
     "undecidable", 40, 60),
    ("perhaps, but too little to matter", [{"usable": 30}, {"usable": 20, "counts": None}],
     "not_bound", 30, 50),
    ("perhaps a credit note", [{"usable": 51}, {"usable": -2, "counts": None}],
     "undecidable", 49, 51),
    ("without year it may be this one", [{"usable": 40}, {"usable": 20, "year": None}],
     "undecidable", 40, 60),
    ("another year", [{"usable": 40}, {"usable": 20, "year": 2023}], "not_bound", 40, 40),
    ("unusable but surely not counted", [{"usable": 12}, {"received": 60, "counts": False}],
     "not_bound", 12, 12),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "status", "low", "high"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_the_whole_interval_decides(tmp_path, lines, status, low, high):
    found = answer(tmp_path, *lines)
    assert found["status"] == status
    bounds = [None if bound is None else Decimal(str(bound)) * MILLION for bound in (low, high)]
    assert [found["spend_low_eur"], found["spend_high_eur"]] == bounds


def test_without_a_ledger_nothing_is_said_of_the_spend(tmp_path):
    found = answer(tmp_path)
    assert (found["status"], found["spend_low_eur"], found["spend_high_eur"]) == (
        "no_data",
        None,
        None,
    )
    assert "export comptable" in found["reason_fr"]
    assert "published contracts do not stand for it" in found["reason_en"]


def test_each_buyer_of_a_joint_scheme_has_its_own_answer(tmp_path):
    lines = ({"usable": 51}, {"usable": 3, "buyer_id": OTHER_BUYER})
    found = rows(duty(tmp_path, *lines), "select buyer_id, status from indicators.duty")
    assert [(row["buyer_id"], row["status"]) for row in found] == [
        (BUYER, "bound"),
        (OTHER_BUYER, "not_bound"),
    ]


@pytest.mark.parametrize(
    ("year", "threshold"), [(2015, 100), (2022, 100), (2023, 50), (2024, 50), (2030, 50)]
)
def test_the_year_chooses_the_threshold(year, threshold):
    found = threshold_of(CARDS, year)
    assert found is not None
    assert found.eur == threshold * MILLION
    assert "D2111-3" in found.source
    assert found.status == ("verified" if year >= 2023 else "to_check")


def test_before_the_duty_there_is_no_threshold(tmp_path):
    assert threshold_of(CARDS, 2010) is None
    found = answer(tmp_path, {"usable": 500, "year": 2010}, year=2010)
    assert (found["status"], found["threshold_eur"]) == ("undecidable", None)


def test_the_duty_follows_its_year(tmp_path):
    line = {"usable": 60}
    assert answer(tmp_path / "2022", line | {"year": 2022}, year=2022)["status"] == "not_bound"
    assert answer(tmp_path / "2023", line | {"year": 2023}, year=2023)["status"] == "bound"


def test_the_reason_says_figures_and_causes(tmp_path):
    found = answer(tmp_path, {"usable": 40.5}, {"received": 60}, {"usable": 1, "counts": None})
    assert found["reason_fr"] == (
        "Entre 40\u202f500\u202f000,00\u00a0€ HT et un montant inconnu dépensés sous marché, pour "
        "un seuil de 50\u202f000\u202f000,00\u00a0€ HT : 1 ligne(s) sans montant HT utilisable "
        "(TTC sans taux, base inconnue ou montant absent) ; 1 ligne(s) dont on ne sait pas si "
        "elles relèvent d'un marché, livre V à part."
    )
    assert "€40,500,000.00 without VAT" in found["reason_en"]
    assert (found["unusable_count"], found["unknown_count"]) == (1, 1)


def test_the_table_is_what_its_card_says(tmp_path):
    tables = duty(tmp_path, {"usable": 1})
    described = rows(tables, "describe select * from indicators.duty")
    card = CARDS.tables["indicators/duty"]
    found = [(row["column_name"], row["column_type"]) for row in described]
    assert found == [(name, column.type) for name, column in card.columns.items()]


# Any ledger: no reading of what is unknown falls outside the interval

AMOUNT = st.none() | st.integers(-40, 60)
LINE = st.fixed_dictionaries(
    {"usable": AMOUNT, "counts": st.sampled_from([True, True, False, None])}
)


def readings(line: dict[str, Any]) -> list[Decimal]:
    """What a line may weigh: its amount, or one of several where it is unknown; or nothing."""
    usable, received, counts = line.get("usable"), line.get("received"), line["counts"]
    if usable is not None:
        amounts = [Decimal(usable)]
    elif received is not None:
        amounts = [Decimal(received) / divisor for divisor in (1, Decimal("1.2"), 1000)]
    else:
        amounts = [Decimal(-500), Decimal(500)]
    weights = [amount * MILLION for amount in amounts]
    return {True: weights, False: [Decimal(0)], None: [*weights, Decimal(0)]}[counts]


@settings(
    max_examples=max(1, settings().max_examples // 4),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(st.tuples(LINE, AMOUNT), min_size=1, max_size=5))
def test_the_interval_holds_every_reading_and_no_answer_contradicts_one(tmp_path_factory, pairs):
    lines = [line | ({} if line["usable"] is not None else {"received": r}) for line, r in pairs]
    found = answer(tmp_path_factory.mktemp("duty"), *lines)
    for weights in itertools.product(*(readings(line) for line in lines)):
        total = sum(weights, Decimal(0))
        assert found["spend_low_eur"] is None or found["spend_low_eur"] <= total + 1
        assert found["spend_high_eur"] is None or total <= found["spend_high_eur"] + 1
        if found["status"] == "bound":
            assert total > 50 * MILLION
        if found["status"] == "not_bound":
            assert total <= 50 * MILLION
