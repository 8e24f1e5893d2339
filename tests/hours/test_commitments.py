"""Hours due by mode, revision, order and pool; the CCAP clause of 21_BAM_048; penalties."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.cards import Catalogue
from spaser.hours import commitments
from spaser.hours.commitments import (
    Commitment,
    Due,
    Invoice,
    Invoiced,
    Mode,
    Terms,
    carries_hours,
    commitments_of,
    hours_committed,
    hours_due,
    lacking,
)
from spaser.hours.parameters import Settings, full_time_equivalents, half_up
from spaser.hours.penalties import Rates, late_days, missing_hours, penalty
from spaser.warehouse import Tables
from tests.curate.insertion import build_tables, register, stage
from tests.curate.run import BUYER, ROOT
from tests.curate.run import rows as read

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


# --- versions and orders that do not repeat everything -------------------------------------------

SETTINGS = Settings.of(Catalogue(ROOT / "assets").reference("insertion_settings"))


def version(at: date = START, mode: str | None = "labour_share", **columns: Any) -> dict[str, Any]:
    """A row of commitments of the contract A."""
    fixed = {"commitment_id": "E", "contract_uids": ["A"], "commitment_mode": mode}
    return {**fixed, "valid_from": at, **columns}


def order(order_id: str | None, at: date = START, **columns: Any) -> dict[str, Any]:
    """A row that is an order."""
    return version(at, "per_order", order_id=order_id, **columns)


def due_of(*rows: dict[str, Any], invoiced: Invoiced = commitments.NOTHING_INVOICED) -> Due:
    """What is due in the end by the rows of one commitment."""
    (commitment,) = commitments_of(rows, SETTINGS)
    return hours_due(commitment, LATER, invoiced)


REVISED = date(2025, 6, 1)
RATES = {"labour_share": D("0.5"), "insertion_rate": D("0.05"), "hourly_cost": D(30)}
TRANCHES = {
    "trigger_amount": D(2_700_000),
    "tranche_amount": D(2000),
    "hours_per_tranche": D(1),
}


def test_a_revised_amount_keeps_the_rates_and_says_from_when_they_are():
    due = due_of(version(amount=D(1_000_000), **RATES), version(REVISED, amount=D(1_200_000)))
    assert (due.hours, due.reason) == (1000, None)
    (words,) = due.formula
    assert words.fr.endswith(
        "(reprend de la version du 01/01/2025 : part de main-d'œuvre, taux d'insertion, "
        "coût horaire)"
    )
    assert words.en.endswith(
        "(as in the version of 2025-01-01: labour share, insertion rate, hourly cost)"
    )


def test_each_term_is_told_with_the_version_that_gave_it():
    due = due_of(
        version(amount=D(1_000_000), **RATES),
        version(REVISED, insertion_rate=D("0.1")),
        version(date(2026, 1, 1), hourly_cost=D(25)),
    )
    assert due.hours == 2000
    (words,) = due.formula
    assert "version du 01/01/2025 : montant HT, part de main-d'œuvre)" in words.fr
    assert "version du 01/06/2025 : taux d'insertion)" in words.fr


def test_a_trigger_may_be_revised_alone():
    rows = [version(mode="per_tranche", **TRANCHES),
            version(REVISED, "per_tranche", trigger_amount=D(2_500_000))]  # fmt: skip
    assert due_of(*rows, invoiced=billed("3000000")).hours == 250


@pytest.mark.parametrize("mode", ["fixed", None], ids=["mode repeated", "mode not repeated"])
@pytest.mark.parametrize(("said", "hours"), [(None, 1200), (D(1500), 1500)])
def test_an_extension_keeps_the_hours_and_a_revision_replaces_them(
    mode: str | None, said: Decimal | None, hours: int
):
    first = version(mode="fixed", committed_hours=D(1200))
    assert due_of(first, version(REVISED, mode, committed_hours=said)).hours == hours


def test_terms_of_another_mode_are_not_kept():
    first = version(amount=D(1_000_000), **RATES)
    back = version(date(2026, 1, 1), amount=D(1_200_000))
    assert due_of(first, version(REVISED, "fixed")).hours is None
    assert due_of(first, version(REVISED, "fixed", committed_hours=D(9)), back).hours == 1000


def test_another_trade_does_not_keep_the_labour_share_and_the_same_does():
    first = version(amount=D(1_000_000), trade="masonry", **(RATES | {"labour_share": D("0.6")}))
    assert due_of(first, version(REVISED, trade="masonry")).hours == 1000
    assert due_of(first, version(REVISED, trade="painting")).hours == 1167  # 70 % by the settings
    assert due_of(first, version(REVISED, trade="gilding")).hours is None


def test_an_order_has_the_rates_of_the_contract_but_not_its_volume():
    framework = version(mode="per_order", **RATES)
    due = due_of(framework, order("B1", REVISED, amount=D(1_000_000)))
    assert due.hours == 833
    assert "reprend de la version du 01/01/2025" in due.formula[0].fr
    # A rate revised for the whole contract holds for the orders after it only.
    dearer = version(date(2025, 9, 1), "per_order", hourly_cost=D(25))
    late = order("B2", date(2025, 10, 1), amount=D(1_000_000))
    assert due_of(framework, order("B1", REVISED, amount=D(1_000_000)), dearer, late).hours == 1833
    # What is missing in an order is not found in another.
    alone = due_of(order("B1", committed_hours=D(100)), order("B2", REVISED))
    assert (alone.hours, alone.reason and alone.reason.fr) == (
        None,
        "il manque : montant HT, part de main-d'œuvre, taux d'insertion, coût horaire",
    )


def test_hours_of_an_order_do_not_outlive_its_amount():
    framework = version(mode="per_order", **RATES)
    first = order("B1", committed_hours=D(100), amount=D(500_000))
    assert due_of(framework, first, order("B1", REVISED, amount=D(500_000))).hours == 100
    assert due_of(framework, first, order("B1", REVISED, amount=D(1_000_000))).hours == 833
    assert due_of(framework, first, order("B1", REVISED, committed_hours=D(0))).hours == 0


def test_orders_without_a_number_add_up_by_their_day_then_by_their_line():
    day, later = date(2025, 3, 1), date(2025, 5, 1)
    numbered = order("B1", committed_hours=D(100))
    dated = order(None, day, order_date=day, committed_hours=D(50))
    due = due_of(numbered, dated, order(None, later, order_date=later, committed_hours=D(70)))
    assert due.hours == 220
    assert due.formula[0].fr == "2025-03-01 : 50\u00a0h fixées"
    assert due_of(numbered, dated, dated | {"committed_hours": D(20)}).hours == 170
    revised = dated | {"valid_from": later, "committed_hours": D(20)}
    assert due_of(numbered, dated, revised).hours == 120
    undated = [order(None, committed_hours=D(h), commitment_line_id=f"e.csv {h}") for h in (5, 7)]
    assert due_of(numbered, *undated).hours == 112


@given(
    st.lists(
        st.fixed_dictionaries({name: st.none() | st.integers(0, 9).map(D) for name in TRANCHES}),
        min_size=1,
        max_size=5,
    )
)
def test_the_terms_in_force_are_the_last_said_of_each(versions: list[dict[str, Any]]):
    rows = [
        version(date(2025, 1, 1 + number), "per_tranche", **said)
        for number, said in enumerate(versions)
    ]
    whole: dict[str, Any] = {}
    for said in versions:
        whole |= {name: value for name, value in said.items() if value is not None}
    invoiced = billed("100")
    kept, repeated = due_of(*rows, invoiced=invoiced), due_of(rows[0] | whole, invoiced=invoiced)
    assert (kept.hours, kept.reason) == (repeated.hours, repeated.reason)


# --- more than nothing (SOC-03) ------------------------------------------------------------------

ZEROS = st.sampled_from([None, D(0), D(1)])
COLUMNS = dict.fromkeys(("committed_hours", "amount", "insertion_rate", *TRANCHES), ZEROS) | {
    "labour_share": st.sampled_from([None, D(0), D("0.5")]),
    "trade": st.sampled_from([None, "masonry", "gilding"]),
    "hourly_cost": st.sampled_from([None, D(1)]),
    "people_count": st.sampled_from([None, 0, 3]),
    "hours_per_person": st.sampled_from([None, D(0), D(100)]),
    "order_id": st.sampled_from([None, "B1"]),
}


@given(st.sampled_from([mode.value for mode in Mode]), st.fixed_dictionaries(COLUMNS))
def test_a_clause_carries_hours_where_it_owes_some_once_enough_is_invoiced(
    mode: str, columns: dict[str, Any]
):
    (commitment,) = commitments_of([version(mode=mode, **columns)], SETTINGS)
    due = hours_due(commitment, LATER, billed("1000000000"))
    if due.hours is None and due.people is None:
        assert carries_hours(commitment) is None
        assert [words for _, words in lacking(commitment)] == [due.reason]
    else:
        # Hours due are rounded; half an hour is asked for all the same.
        asked = bool(due.people) if due.hours is None else _exact(columns, mode) > 0
        assert carries_hours(commitment) is asked
        assert lacking(commitment) == ()


def _exact(columns: dict[str, Any], mode: str) -> Decimal:
    """Hours before rounding, for a clause whose terms are there."""
    share = columns["labour_share"]
    share = D("0.5") if share is None else share
    if mode == "fixed" or (mode == "per_order" and columns["committed_hours"] is not None):
        return columns["committed_hours"]
    if mode == "per_tranche":
        return columns["hours_per_tranche"]
    if mode == "people":
        return columns["people_count"] * columns["hours_per_person"]
    return columns["amount"] * share * columns["insertion_rate"]


# --- what a row does not say, in the findings of the table ---------------------------------------


def test_an_order_without_a_number_and_a_mode_said_nowhere_are_findings(tmp_path: Path):
    tables = Tables(tmp_path)
    usual = {"contract_reference": "2024-001", "buyer_id": BUYER, "valid_from": "01/03/2024"}
    orders = usual | {"commitment_id": "O", "commitment_mode": "À la commande"}
    rows = [
        orders,
        orders | {"order_date": "05/03/2024", "committed_hours": "50"},
        orders | {"committed_hours": "70"},
        orders | {"order_id": "BC1", "committed_hours": "90"},
        usual | {"commitment_id": "F", "commitment_mode": "Volume fixe", "committed_hours": "9"},
        usual | {"commitment_id": "F", "valid_from": "01/06/2024", "committed_hours": "8"},
        usual | {"commitment_id": "N", "committed_hours": "7"},
    ]
    register(tables, [{"uid": f"{BUYER}-2024-001"}])
    stage(tables, "commitments", rows)
    build_tables(tables, "curated/commitments")
    found = read(
        tables, "select rule, source_pointer, value from quality.findings order by source_pointer"
    )
    assert [tuple(row.values()) for row in found] == [
        ("order_without_number", "L3", "2024-03-05"),
        ("order_without_number", "L4", "L4"),
        ("commitment_without_mode", "L8", None),
    ]
