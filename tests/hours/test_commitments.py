"""Hours due by mode, revision, order and pool; the CCAP clause of 21_BAM_048; penalties."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.cards import Catalogue
from spaser.hours import commitments
from spaser.hours.commitments import (
    Commitment,
    Invoice,
    Invoiced,
    Mode,
    Terms,
    commitments_of,
    hours_committed,
    hours_due,
)
from spaser.hours.parameters import Settings, full_time_equivalents, half_up
from spaser.hours.penalties import Rates, late_days, missing_hours, penalty
from tests.curate.run import ROOT

START = date(2025, 1, 1)
LATER = date(2026, 12, 31)
D = Decimal
CCAP = Terms(
    START,
    Mode.PER_TRANCHE,
    trigger_eur=D(2_700_000),
    tranche_eur=D(2000),
    hours_per_tranche=D(1),
)
FORMULA = Terms(
    START,
    Mode.LABOUR_SHARE,
    amount_eur=D(1_000_000),
    labour_share=D("0.5"),
    insertion_rate=D("0.05"),
    hourly_cost_eur=D(30),
)


def one(*terms: Terms, contracts: tuple[str, ...] = ("A",)) -> Commitment:
    return Commitment("E1", contracts, terms)


def billed(amount: str, contract: str = "A", on: date = START) -> Invoiced:
    return Invoiced([Invoice(contract, on, D(amount))])


def test_a_fixed_volume_is_due_as_written():
    due = hours_due(one(Terms(START, Mode.FIXED, hours=D(400))), LATER)
    assert (due.hours, due.people, due.reason) == (D(400), None, None)


def test_g1_share_of_labour():
    due = hours_due(one(FORMULA), LATER)
    assert due.hours == 833
    (words,) = due.formula
    assert words.fr.replace("\u202f", " ").replace("\u00a0", " ") == (
        "1 000 000 € × 50 % × 5 % ÷ 30 € = 833,33 h, arrondi à 833 h"
    )


@pytest.mark.parametrize(
    ("amount", "hours"),
    [
        ("2600000", 0),
        ("2700000", 0),
        ("2701999.99", 0),
        ("2702000", 1),
        ("3000000", 150),
        ("3001999.99", 150),
    ],
)
def test_g2_the_ccap_clause_counts_completed_tranches_above_its_trigger(amount: str, hours: int):
    assert hours_due(one(CCAP), LATER, billed(amount)).hours == hours


def test_the_ccap_clause_prints_its_parameters():
    (words,) = hours_due(one(CCAP), LATER, billed("3000000")).formula
    assert words.en == (
        "(€3,000,000 invoiced without VAT − €2,700,000) ÷ €2,000 = "
        "150 completed tranches × 1 h = 150 h"
    )


def test_g2_penalty_of_the_missing_hours():
    due = hours_due(one(CCAP), LATER, billed("3000000"))
    found = penalty(Rates(D(200), D(75)), due.hours, D(130))
    assert (found.missing_hours, found.hours_eur) == (D(20), D("4000.00"))
    assert found.days_eur is None
    assert "non notifié : la décision appartient à l'acheteur" in found.words.fr


@pytest.mark.real_data
def test_the_clause_of_the_stored_contract_has_the_figures_tested_here(real_data: Path):
    text = (real_data / "insertion" / "ccap_21_BAM_048_clause-insertion_extract.txt").read_text(
        encoding="utf-8"
    )
    assert "par tranche de 2 000 Euros" in text
    assert "2 700 000 Euros facturés" in text
    assert "pénalité de 200 euros par heure" in text
    assert "75 euros par jour" in text


def test_without_rate_in_the_contract_there_is_no_penalty():
    found = penalty(Rates(), D(150), D(130), 4)
    assert (found.missing_hours, found.hours_eur, found.days_eur) == (D(20), None, None)
    assert "4000" not in found.words.fr


def test_days_of_delay_begin_with_the_formal_notice():
    assert late_days(None, LATER) is None
    days = late_days(date(2026, 5, 1), date(2026, 5, 11))
    assert penalty(Rates(None, D(75)), None, D(0), days).days_eur == D("750.00")


def test_more_hours_than_due_are_no_negative_shortfall():
    assert missing_hours(D(100), D("100.5")) == 0
    assert missing_hours(None, D(5)) is None


def test_a_part_of_a_tranche_counts_only_where_the_contract_says_so():
    terms = Terms(
        START,
        Mode.PER_TRANCHE,
        trigger_eur=D(0),
        tranche_eur=D(2000),
        hours_per_tranche=D(1),
        completed_tranches=False,
    )
    assert hours_due(one(terms), LATER, billed("3000")).hours == 2  # 1.5, half up


def test_a_tranche_of_no_hours_owes_none():
    terms = Terms(
        START, Mode.PER_TRANCHE, trigger_eur=D(0), tranche_eur=D(1), hours_per_tranche=D(0)
    )
    assert hours_due(one(terms), LATER, billed("3000")).hours == 0


def test_nothing_known_of_the_invoices_leaves_the_due_unknown():
    due = hours_due(one(CCAP), LATER, billed("3000000", contract="B"))
    assert due.hours is None
    assert due.reason is not None
    assert due.reason.fr == "aucun montant facturé connu : A"


def test_invoices_after_the_day_do_not_count():
    invoiced = Invoiced(
        [Invoice("A", date(2025, 6, 1), D(2_700_000)), Invoice("A", date(2026, 6, 1), D(4000))]
    )
    assert hours_due(one(CCAP), date(2025, 12, 31), invoiced).hours == 0
    assert hours_due(one(CCAP), LATER, invoiced).hours == 2


def test_a_sum_to_date_replaces_what_came_before_it():
    invoiced = Invoiced(
        [
            Invoice("A", date(2025, 1, 31), D(100)),
            Invoice("A", date(2025, 3, 31), to_date_eur=D(250)),
            Invoice("A", date(2025, 4, 30), D(50)),
        ]
    )
    assert invoiced.to_date("A", date(2025, 2, 1)) == 100
    assert invoiced.to_date("A", LATER) == 300
    assert invoiced.to_date("A", date(2024, 1, 1)) == 0
    assert invoiced.to_date("B", LATER) is None


def test_an_invoice_without_amount_leaves_the_sum_unknown_until_a_sum_to_date():
    invoiced = Invoiced(
        [
            Invoice("A", date(2025, 1, 31)),
            Invoice("A", date(2025, 3, 31), to_date_eur=D(250)),
        ]
    )
    assert invoiced.to_date("A", date(2025, 2, 1)) is None
    assert invoiced.to_date("A", LATER) == 250


def test_pooled_contracts_share_one_trigger():
    pool = one(CCAP, contracts=("A", "B"))
    invoiced = Invoiced([Invoice("A", START, D(2_000_000)), Invoice("B", START, D(1_000_000))])
    assert hours_due(pool, LATER, invoiced).hours == 150
    assert hours_due(pool, LATER, billed("3000000")).hours is None  # B is unknown, not zero


def test_a_revision_replaces_the_terms_from_its_day():
    clause = one(
        Terms(START, Mode.FIXED, hours=D(400)),
        Terms(date(2025, 7, 1), Mode.FIXED, hours=D(550)),
    )
    assert hours_due(clause, date(2024, 12, 31)).hours == 0
    assert hours_due(clause, date(2025, 6, 30)).hours == 400
    assert hours_due(clause, date(2025, 7, 1)).hours == 550


def test_orders_add_up_and_a_revised_order_counts_once():
    clause = one(
        Terms(START, Mode.PER_ORDER),
        Terms(date(2025, 2, 1), Mode.PER_ORDER, "BC1", hours=D(70)),
        Terms(date(2025, 3, 1), Mode.PER_ORDER, "BC2", amount_eur=D(100_000), labour_share=D("0.5"),
              insertion_rate=D("0.05"), hourly_cost_eur=D(30)),
        Terms(date(2025, 4, 1), Mode.PER_ORDER, "BC1", hours=D(50)),
    )  # fmt: skip
    assert hours_due(clause, date(2025, 1, 15)).hours == 0
    assert hours_due(clause, date(2025, 3, 31)).hours == 70 + 83
    due = hours_due(clause, LATER)
    assert due.hours == 50 + 83
    assert due.formula[0].fr == "BC1 : 50\u00a0h fixées"


def test_a_framework_without_any_known_order_owes_an_unknown_volume():
    due = hours_due(one(Terms(START, Mode.PER_ORDER)), LATER)
    assert due.hours is None
    assert due.reason is not None
    assert due.reason.en == "no order known"


def test_commitments_are_built_from_the_rows_of_a_table():
    first = {
        "commitment_id": "E2",
        "contract_uids": ["B", "A"],
        "commitment_mode": "labour_share",
        "valid_from": START,
        "amount": D(1_000_000),
        "trade": "masonry",
        "insertion_rate": D("0.05"),
        "hourly_cost": D(30),
    }
    second = first | {"valid_from": date(2026, 1, 1), "commitment_mode": "fixed",
                      "committed_hours": D(900)}  # fmt: skip
    vague = first | {"commitment_id": "E1", "commitment_mode": None}
    settings = Settings.of(Catalogue(ROOT / "assets").reference("insertion_settings"))
    unknown, known = commitments_of([first, second, vague], settings)
    assert (known.commitment_id, known.contracts) == ("E2", ("A", "B"))
    assert [hours_due(known, at).hours for at in (START, LATER)] == [833, 900]
    assert hours_due(unknown, LATER).hours is None


def test_the_columns_read_are_fields_of_the_table():
    names = {row["field"] for row in Catalogue(ROOT / "assets").reference("commitments_fields")}
    assert set(commitments._COLUMNS) <= names


def test_people_are_no_hours_unless_the_contract_says_how_many():
    due = hours_due(one(Terms(START, Mode.PEOPLE, people=3)), LATER)
    assert (due.hours, due.people) == (None, 3)
    due = hours_due(one(Terms(START, Mode.PEOPLE, people=3, hours_per_person=D("151.67"))), LATER)
    assert (due.hours, due.people) == (455, 3)


def test_what_is_missing_or_impossible_is_named():
    due = hours_due(one(Terms(START, Mode.LABOUR_SHARE, amount_eur=D(1))), LATER)
    assert due.hours is None
    assert due.reason is not None
    assert due.reason.fr == "il manque : part de main-d'œuvre, taux d'insertion, coût horaire"
    due = hours_due(one(Terms(START, Mode.FIXED, hours=D(-1))), LATER)
    assert due.reason is not None
    assert due.reason.en == "impossible value: committed hours"


def test_the_volume_engaged_per_tranche_is_the_estimate_of_the_contract():
    assert hours_committed(one(CCAP), LATER).hours is None
    estimated = Terms(**{**CCAP.__dict__, "amount_eur": D(3_000_000)})
    assert hours_committed(one(estimated, contracts=("A", "B")), LATER).hours == 150


@pytest.mark.parametrize(
    ("hours", "divisor", "printed"),
    [
        (142_066, 1820, "78.1"),
        (142_066, 1607, "88.4"),
        (142_066, 1600, "88.8"),
        (25_124_684, 1600, "15702.9"),
    ],
)
def test_g3_full_time_equivalents_by_divisor(hours: int, divisor: int, printed: str):
    assert half_up(full_time_equivalents(hours, divisor), 1) == D(printed)


def test_g3_the_national_figure():
    assert half_up(full_time_equivalents(25_124_684, 1600)) == 15_703


def test_a_divisor_is_above_zero():
    with pytest.raises(ValueError, match="more than zero"):
        full_time_equivalents(100, 0)


@given(st.fractions(), st.integers(0, 6))
def test_half_up_is_the_nearest_and_a_half_goes_away_from_zero(number: Fraction, places: int):
    rounded = Fraction(half_up(number, places))
    unit = Fraction(1, 10**places)
    assert (rounded / unit).denominator == 1
    distance = abs(rounded - number)
    assert distance <= unit / 2
    if distance == unit / 2:
        assert abs(rounded) > abs(number)


amounts = st.decimals(0, 10**9, places=2)


@given(
    st.lists(st.tuples(st.dates(START, LATER), amounts), min_size=1, max_size=6),
    st.dates(START, LATER),
)
def test_hours_due_per_tranche_never_fall_as_invoices_come(
    invoices: list[tuple[date, Decimal]], at: date
):  # fmt: skip
    invoiced = Invoiced(Invoice("A", day, amount) for day, amount in invoices)
    first, last = (
        hours_due(one(CCAP), at, invoiced).hours,
        hours_due(one(CCAP), LATER, invoiced).hours,
    )
    assert first is not None
    assert last is not None
    total = sum((amount for _, amount in invoices), D(0))
    assert first <= last == max(0, int((total - 2_700_000) // 2000))
