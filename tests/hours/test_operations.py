"""Operations through the tables: what is due, done, missing, and what it would cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hours.ground import (
    BUYER,
    CARDS,
    HOLDER,
    ORDER,
    OTHER,
    UID,
    UID2,
    Ground,
    ccap,
    commitment,
    contract,
    event,
    invoice,
    line,
)

KEY = "curated/operations"
YEARS = "facts/operations"
END = date(2025, 1, 15)


@pytest.mark.parametrize("key", ORDER)
def test_no_input_gives_an_empty_table_with_the_columns_of_its_card(tmp_path, key):
    ground = Ground(tmp_path, END)
    assert ground.build(key) == []
    assert ground.columns(key) == {
        name: column.type for name, column in CARDS.tables[key].columns.items()
    }


def test_a_run_without_a_reference_day_follows_nothing(tmp_path):
    ground = Ground(tmp_path, END, contracts=[contract()], commitments=[commitment()])
    ground.put("quality.run", [{"scheme": "test"}])
    assert ground.build("quality/follow_up") == []


# --- G2 and the clause of the CCAP ---------------------------------------------------------------


def ccap_ground(root: Path, invoiced: str, **changes: object) -> Ground:
    return Ground(
        root,
        END,
        contracts=[contract()],
        commitments=[ccap(**changes)],
        invoiced=[
            invoice(1, date(2024, 6, 30), "1300000"),
            invoice(2, date(2024, 11, 30), invoiced),
        ],
        hours=[line(1, hours=80), line(2, hours=50, pseudonym="b" * 32)],
    )


def test_three_million_invoiced_is_150_hours_due_20_missing_and_4000_euros_not_notified(tmp_path):
    found = ccap_ground(tmp_path, "1700000").one(KEY)
    assert (found["due_hours"], found["validated_hours"]) == (150, 130)
    assert found["missing_hours"] == 20
    assert found["computed_penalty_eur"] == Decimal(4000)
    assert found["notified_penalty_eur"] == 0
    assert found["waived_penalty_eur"] == 0
    assert "20\u00a0h manquantes × 200\u00a0€ = 4\u202f000\u00a0€" in found["penalty_words_fr"]
    assert "non notifié : la décision appartient à l'acheteur" in found["penalty_words_fr"]
    assert "not notified" in found["penalty_words_en"]
    assert "150 tranches achevées" in found["due_formula_fr"]
    assert (found["people"], found["companies"], found["alert"]) == (2, 1, "short")
    # The volume engaged needs the amount expected, which this clause does not give.
    assert found["committed_hours"] is None


def test_under_the_trigger_nothing_is_due_and_no_penalty(tmp_path):
    found = ccap_ground(tmp_path, "1300000").one(KEY)
    assert (found["due_hours"], found["missing_hours"]) == (0, 0)
    assert found["computed_penalty_eur"] == 0
    assert found["alert"] == "reached"


def test_a_clause_by_tranche_is_due_as_invoiced_while_it_runs(tmp_path):
    found = ccap_ground(tmp_path, "1700000", end_date=date(2026, 12, 31)).one(KEY)
    assert (found["is_closed"], found["scheduled_hours"]) == (False, 150)
    assert (found["missing_hours"], found["computed_penalty_eur"]) == (20, 4000)
    assert found["alert"] == "behind"


def test_without_invoices_what_is_due_is_unknown_and_says_why(tmp_path):
    ground = Ground(tmp_path, END, contracts=[contract()], commitments=[ccap()], hours=[line()])
    found = ground.one(KEY)
    assert (found["due_hours"], found["missing_hours"], found["computed_penalty_eur"]) == (
        None,
        None,
        None,
    )
    assert UID in found["due_reason_fr"]
    assert found["alert"] == "unknown"


# --- schedule, running and closed ----------------------------------------------------------------


def running(root: Path, at: date, hours: int, **changes: object) -> Ground:
    return Ground(
        root,
        at,
        contracts=[contract()],
        commitments=[commitment(penalty_per_hour=Decimal(100), **changes)],
        hours=[line(hours=hours)],
    )


def test_hours_are_spread_evenly_without_a_schedule(tmp_path):
    found = running(tmp_path, date(2024, 6, 30), 500).one(KEY)
    # 182 of 366 days: 1 200 × 182 ÷ 366 = 596.7
    assert (found["due_hours"], found["scheduled_hours"]) == (1200, 597)
    assert (found["alert"], found["is_closed"]) == ("behind", False)
    assert "500\u00a0h validées pour 597\u00a0h attendues au 30/06/2024" in found["alert_fr"]


def test_no_penalty_for_hours_is_computed_before_the_end(tmp_path):
    found = running(tmp_path, date(2024, 6, 30), 500).one(KEY)
    assert found["computed_penalty_eur"] is None
    assert "court encore" in found["penalty_words_fr"]
    closed = running(tmp_path / "end", date(2024, 12, 31), 500).one(KEY)
    assert (closed["is_closed"], closed["missing_hours"]) == (True, 700)
    assert closed["computed_penalty_eur"] == 70_000


def test_a_written_schedule_says_what_is_expected(tmp_path):
    schedule = "30/06/2024=300 ; 31/12/2024=1200"
    found = running(tmp_path, date(2024, 7, 15), 350, schedule=schedule).one(KEY)
    assert (found["scheduled_hours"], found["alert"]) == (300, "on_schedule")


@pytest.mark.parametrize(
    ("schedule", "rule", "expected"),
    [
        ("mi-2024, 300 h", "commitment_schedule_unreadable", 597),
        ("30/06/2024=300 ; 31/12/2024=900", "commitment_schedule_differs", 300),
    ],
)
def test_a_schedule_that_cannot_serve_is_a_finding(tmp_path, schedule, rule, expected):
    ground = running(tmp_path, date(2024, 6, 30), 350, schedule=schedule)
    assert ground.one(KEY)["scheduled_hours"] == expected
    assert ground.rules() == [rule]
    (found,) = ground.rows("quality.findings")
    assert (found["source_file"], found["source_pointer"]) == ("engagements.csv", "ligne 1")


def test_dates_that_are_reversed_are_a_finding(tmp_path):
    ground = running(tmp_path, END, 10, end_date=date(2023, 6, 30))
    assert [row["year"] for row in ground.build(YEARS)] == [2024]
    assert ground.rules() == ["commitment_dates_reversed"]


def test_one_id_for_two_buyers_is_a_finding(tmp_path):
    rows = [commitment(1), commitment(2, buyer_id="00030002000013", valid_from=date(2024, 2, 1))]
    ground = Ground(tmp_path, END, contracts=[contract()], commitments=rows)
    ground.build(KEY)
    assert ground.rules() == ["commitment_several_buyers"]


def test_the_register_gives_the_dates_that_the_commitment_does_not(tmp_path):
    ground = Ground(
        tmp_path,
        date(2025, 1, 15),
        contracts=[contract(notified_date=date(2024, 2, 1), duration_months=12)],
        commitments=[commitment(start_date=None, end_date=None)],
    )
    found = ground.one(KEY)
    assert (found["start_date"], found["end_date"]) == (date(2024, 2, 1), date(2025, 1, 31))
    assert found["is_closed"] is False


def test_an_amendment_of_the_duration_moves_the_end(tmp_path):
    ground = Ground(
        tmp_path,
        date(2025, 1, 15),
        contracts=[contract()],
        commitments=[commitment(start_date=None, end_date=None)],
    )
    ground.put("curated.amendments", [{"uid": UID, "duration_months": 18}])
    assert ground.one(KEY)["end_date"] == date(2025, 6, 30)


def test_an_unknown_end_is_not_a_closed_operation(tmp_path):
    ground = Ground(
        tmp_path,
        END,
        contracts=[contract(duration_months=None)],
        commitments=[commitment(end_date=None)],
        hours=[line()],
    )
    found = ground.one(KEY)
    assert (found["end_date"], found["is_closed"], found["alert"]) == (None, None, "unknown")
    assert found["computed_penalty_eur"] is None


def test_an_operation_to_come_has_no_alert(tmp_path):
    assert running(tmp_path, date(2023, 12, 1), 0).one(KEY)["alert"] == "not_started"


# --- modes ---------------------------------------------------------------------------------------


def test_a_revision_holds_from_its_day_and_need_not_repeat_the_rest(tmp_path):
    revision = dict.fromkeys(
        ("operation", "facilitator", "company_id", "company_name", "start_date")
    )
    rows = [
        commitment(1),
        commitment(
            2,
            valid_from=date(2024, 7, 1),
            committed_hours=Decimal(900),
            end_date=date(2025, 6, 30),
            **revision,
        ),
    ]
    before = Ground(tmp_path / "a", date(2024, 6, 30), contracts=[contract()], commitments=rows)
    after = Ground(tmp_path / "b", date(2025, 1, 15), contracts=[contract()], commitments=rows)
    assert (before.one(KEY)["due_hours"], before.one(KEY)["end_date"]) == (1200, date(2024, 12, 31))
    found = after.one(KEY)
    assert (found["due_hours"], found["end_date"]) == (900, date(2025, 6, 30))
    assert (found["operation"], found["company_id"]) == ("Parc des Tilleuls", HOLDER)


def test_orders_add_up_and_a_revised_order_replaces_its_own(tmp_path):
    per_order = {"commitment_mode": "per_order", "committed_hours": None}
    rows = [
        commitment(1, **per_order),
        commitment(2, order_id="BC1", order_date=date(2024, 2, 1), valid_from=None)
        | per_order
        | {"committed_hours": Decimal(200)},
        commitment(3, order_id="BC2", valid_from=date(2024, 5, 1))
        | per_order
        | {"committed_hours": Decimal(300)},
        commitment(4, order_id="BC1", valid_from=date(2024, 6, 1))
        | per_order
        | {"committed_hours": Decimal(150)},
    ]
    may = Ground(tmp_path / "a", date(2024, 5, 31), contracts=[contract()], commitments=rows)
    june = Ground(tmp_path / "b", date(2024, 6, 30), contracts=[contract()], commitments=rows)
    assert may.one(KEY)["due_hours"] == 500
    found = june.one(KEY)
    assert (found["due_hours"], found["committed_hours"]) == (450, 450)
    assert (found["commitment_mode"], found["scheduled_hours"]) == ("per_order", 450)
    assert "BC1" in found["due_formula_fr"]
    assert "BC2" in found["due_formula_fr"]


def test_an_order_does_not_speak_for_its_contract(tmp_path):
    order = {"order_id": "BC1", "valid_from": date(2024, 3, 1), "commitment_mode": "per_order"}
    rows = [
        commitment(1, commitment_mode="per_order", committed_hours=None),
        commitment(2, operation="Commande du printemps", end_date=date(2024, 5, 31), **order),
    ]
    found = Ground(tmp_path, END, contracts=[contract()], commitments=rows).one(KEY)
    assert (found["operation"], found["end_date"]) == ("Parc des Tilleuls", date(2024, 12, 31))


def test_a_contract_ends_with_its_last_order_where_it_says_no_more(tmp_path):
    orders = [
        commitment(1, order_id="BC1", commitment_mode="per_order", end_date=date(2024, 9, 30)),
        commitment(2, order_id="BC2", commitment_mode="per_order", end_date=date(2024, 5, 31)),
    ]
    found = Ground(tmp_path, END, contracts=[contract()], commitments=orders).one(KEY)
    assert (found["end_date"], found["due_hours"]) == (date(2024, 9, 30), 2400)


def test_a_pool_is_one_operation_over_its_contracts(tmp_path):
    ground = Ground(
        tmp_path,
        END,
        contracts=[
            contract(),
            contract(UID2, contract_type="works", notified_date=date(2023, 11, 5)),
        ],
        commitments=[ccap(contract_uids=[UID, UID2])],
        invoiced=[
            invoice(1, date(2024, 6, 30), "2000000"),
            invoice(2, date(2024, 6, 30), "800000", contract_uid=UID2),
        ],
        hours=[line(1, hours=30), line(2, hours=20, contract_uid=UID2)],
    )
    found = ground.one(KEY)
    assert (found["due_hours"], found["validated_hours"]) == (50, 50)
    assert found["contract_uids"] == [UID, UID2]
    assert (found["contract_type"], found["notified_date"]) == (None, date(2023, 11, 5))


def test_people_are_counted_where_the_clause_counts_people(tmp_path):
    people = {"commitment_mode": "people", "committed_hours": None, "people_count": 3}
    given = {"contracts": [contract()], "commitments": [commitment(**people)]}
    worked = [line(n, pseudonym=letter * 32) for n, letter in enumerate("abb")]
    found = Ground(tmp_path, END, hours=worked, **given).one(KEY)
    assert (found["people_committed"], found["people"], found["due_hours"]) == (3, 2, None)
    assert found["alert"] == "short"
    assert "2 personnes ayant des heures validées pour 3 engagées" in found["alert_fr"]
    running_on = commitment(**people, end_date=date(2025, 12, 31))
    later = Ground(tmp_path / "b", END, **(given | {"commitments": [running_on]}), hours=worked)
    assert later.one(KEY)["alert"] == "unknown"


def test_people_with_hours_each_owe_hours(tmp_path):
    people = {"commitment_mode": "people", "committed_hours": None, "people_count": 2}
    rows = [commitment(**people, hours_per_person=Decimal(607))]
    found = Ground(tmp_path, END, contracts=[contract()], commitments=rows).one(KEY)
    assert (found["due_hours"], found["people_committed"]) == (1214, 2)


def test_the_labour_share_of_a_trade_and_the_formula_in_words(tmp_path):
    terms = {
        "commitment_mode": "labour_share",
        "committed_hours": None,
        "amount": Decimal(1_000_000),
        "trade": "masonry",
        "insertion_rate": Decimal("0.05"),
        "hourly_cost": Decimal(30),
    }
    rows = [commitment(**terms)]
    found = Ground(tmp_path, END, contracts=[contract()], commitments=rows).one(KEY)
    assert (found["due_hours"], found["committed_hours"]) == (833, 833)
    assert "× 50\u00a0% × 5\u00a0% ÷ 30\u00a0€" in found["due_formula_fr"]


# --- lines, penalties, carried hours -------------------------------------------------------------


def test_every_bucket_of_the_lines_is_there_and_closes(tmp_path):
    lines = [
        line(1, hours=40),
        line(2, hours=30, hour_kind="training", company_id=OTHER, pseudonym="b" * 32),
        line(3, hours=25, outcome="pending", pseudonym="c" * 32),
        line(4, hours=10, outcome="rejected", pseudonym="d" * 32),
        line(5, hours=5, outcome="quarantined", quarantine_reasons=["duplicate"]),
        line(6, hours=20, outcome="corrected")
        | {"hours_declared": Decimal(24), "hours_corrected_away": Decimal(4)},
    ]
    ground = Ground(tmp_path, END, contracts=[contract()], commitments=[commitment()], hours=lines)
    found = ground.one(KEY)
    buckets = ("validated", "corrected_away", "rejected", "pending", "quarantined")
    assert [found[f"{name}_hours"] for name in buckets] == [90, 4, 10, 25, 5]
    assert found["declared_hours"] == 134
    assert (found["training_hours"], found["people"], found["companies"]) == (30, 2, 2)


def test_people_are_unknown_once_their_lines_were_purged(tmp_path):
    lines = [line(1), line(2, pseudonym=None)]
    ground = Ground(tmp_path, END, contracts=[contract()], commitments=[commitment()], hours=lines)
    found = ground.one(KEY)
    assert (found["people"], found["validated_hours"]) == (None, 200)
    assert [row["people"] for row in ground.build(YEARS)] == [None]


def test_penalties_are_those_that_the_buyer_notified_or_waived(tmp_path):
    events = [
        event(1, "penalty_notified", date(2025, 1, 10), amount_eur=Decimal(3000)),
        event(2, "penalty_waived", date(2025, 1, 12), amount_eur=Decimal(1000)),
        event(3, "penalty_notified", date(2025, 3, 1), amount_eur=Decimal(500)),
    ]
    ground = Ground(
        tmp_path,
        END,
        contracts=[contract()],
        commitments=[commitment(penalty_per_hour=Decimal(200))],
        clause_events=events,
        hours=[line(hours=1100)],
    )
    found = ground.one(KEY)
    assert found["computed_penalty_eur"] == 20_000
    assert (found["notified_penalty_eur"], found["waived_penalty_eur"]) == (3000, 1000)


def test_a_penalty_of_unknown_amount_is_not_zero(tmp_path):
    ground = Ground(
        tmp_path,
        END,
        contracts=[contract()],
        commitments=[commitment()],
        clause_events=[event(1, "penalty_notified", date(2024, 6, 1))],
    )
    assert ground.one(KEY)["notified_penalty_eur"] is None
    (year,) = ground.build(YEARS)
    assert (year["penalty_notified_eur"], year["penalty_waived_eur"]) == (None, 0)
    assert year["amount_exclusion_reason"] == "penalty_amount_unknown"


def test_carried_hours_are_owed_once_by_the_contract_that_takes_them(tmp_path):
    taker = commitment(
        2,
        commitment_id="E2",
        contract_uids=[UID2],
        committed_hours=Decimal(500),
        end_date=date(2025, 12, 31),
    )
    ground = Ground(
        tmp_path,
        END,
        contracts=[contract(), contract(UID2)],
        commitments=[commitment(), taker],
        clause_events=[
            event(1, "carry_over", date(2024, 12, 20), hours=Decimal(150), to_contract_uid=UID2)
        ],
        hours=[line(hours=1000)],
    )
    short, other = ground.build(KEY)
    assert (short["carried_out_hours"], short["due_hours"], short["missing_hours"]) == (
        150,
        1050,
        50,
    )
    assert (other["carried_in_hours"], other["due_hours"]) == (150, 650)
    assert "− 150\u00a0h reportées sur un autre marché" in short["due_formula_fr"]
    assert "+ 150\u00a0h reçues d'un autre marché" in other["due_formula_fr"]
    assert short["committed_hours"] + other["committed_hours"] == 1700
    assert short["due_hours"] + other["due_hours"] == 1700


TAKER = commitment(
    2,
    commitment_id="E2",
    contract_uids=[UID2],
    committed_hours=Decimal(500),
    end_date=date(2025, 12, 31),
)


def carrying(root: Path, hours: int, done: int, **given: object) -> Ground:
    """1 200 h due at 200 € an hour, some done, some carried over to the second contract."""
    tables = {
        "contracts": [contract(), contract(UID2)],
        "commitments": [commitment(penalty_per_hour=Decimal(200)), TAKER],
        "clause_events": [
            event(1, "carry_over", date(2024, 12, 20), hours=Decimal(hours), to_contract_uid=UID2)
        ],
        "hours": [line(hours=done)],
    }
    return Ground(root, END, **(tables | given))


@pytest.mark.parametrize("to", [None, UID2])
def test_hours_carried_to_a_contract_that_is_not_followed_stay_due(tmp_path, to):
    lost = event(1, "carry_over", date(2024, 12, 20), hours=Decimal(200), to_contract_uid=to)
    alone = [commitment(penalty_per_hour=Decimal(200))]
    ground = carrying(tmp_path, 200, 1000, commitments=alone, clause_events=[lost])
    found = ground.one(KEY)
    assert (found["due_hours"], found["carried_out_hours"], found["missing_hours"]) == (
        1200,
        0,
        200,
    )
    assert (found["computed_penalty_eur"], found["alert"]) == (40_000, "short")


def test_no_more_is_carried_than_is_owed_that_day(tmp_path):
    small = commitment(committed_hours=Decimal(100))
    giver, taker = carrying(tmp_path, 150, 30, commitments=[small, TAKER]).build(KEY)
    assert (giver["due_hours"], giver["carried_out_hours"]) == (30, 70)
    assert (taker["due_hours"], taker["carried_in_hours"]) == (570, 70)


def test_hours_done_beyond_are_no_debt_to_carry(tmp_path):
    giver, taker = carrying(tmp_path, 100, 1300).build(KEY)
    assert (giver["due_hours"], taker["due_hours"]) == (1200, 500)


def test_months_after_the_day_of_the_report_do_not_count(tmp_path):
    ground = Ground(
        tmp_path,
        date(2024, 6, 30),
        contracts=[contract()],
        commitments=[ccap(return_frequency="monthly")],
        invoiced=[invoice(1, date(2024, 6, 1), "3000000")],
        hours=[
            line(1, hours=100),
            line(2, hours=900, month=date(2024, 11, 1), pseudonym="b" * 32, company_id=OTHER),
        ],
    )
    found = ground.one(KEY)
    assert (found["due_hours"], found["validated_hours"], found["missing_hours"]) == (150, 100, 50)
    assert (found["declared_hours"], found["people"], found["companies"]) == (100, 1, 1)
    assert (found["computed_penalty_eur"], found["alert"]) == (10_000, "behind")
    (year,) = ground.build(YEARS)
    assert (year["validated_hours"], year["due_hours"]) == (100, 150)
    assert {row["company_id"] for row in ground.rows("curated.returns")} == {HOLDER}


@pytest.mark.parametrize(
    ("notified", "waived", "fr", "en"),
    [
        (4000, 0, "notifié en totalité (4\u202f000\u00a0€)", "notified in whole (€4,000)"),
        (1000, 0, "notifié en partie (1\u202f000\u00a0€)", "notified in part (€1,000)"),
        (0, 4000, "levé en totalité (4\u202f000\u00a0€)", "waived in whole (€4,000)"),
        (
            4000,
            1000,
            "notifié en totalité (4\u202f000\u00a0€), levé en partie (1\u202f000\u00a0€)",
            "notified in whole (€4,000), waived in part (€1,000)",
        ),
        (None, 0, "notifié pour un montant inconnu", "notified for an unknown amount"),
        (5000, 0, "notifié au-delà du calcul", "notified beyond the computation (€5,000)"),
    ],
)
def test_the_words_of_a_penalty_say_what_the_buyer_decided(tmp_path, notified, waived, fr, en):
    events = [
        event(number, kind, date(2025, 1, 10), amount_eur=amount)
        for number, (kind, amount) in enumerate(
            [("penalty_notified", notified), ("penalty_waived", waived)]
        )
        if amount != 0
    ]
    found = closed_missing_40_hours(tmp_path, events).one(KEY)
    assert found["computed_penalty_eur"] == 4000
    assert f"Décidé par l'acheteur : {fr}" in found["penalty_words_fr"]
    assert f"Decided by the buyer: {en}" in found["penalty_words_en"]
    assert "non notifié" not in found["penalty_words_fr"]


def closed_missing_40_hours(root: Path, events: list[dict[str, object]]) -> Ground:
    return Ground(
        root,
        END,
        contracts=[contract()],
        commitments=[commitment(penalty_per_hour=Decimal(100))],
        clause_events=events,
        hours=[line(hours=1160)],
    )


def test_nothing_moves_inside_a_pool(tmp_path):
    ground = Ground(
        tmp_path,
        END,
        contracts=[contract(), contract(UID2)],
        commitments=[commitment(contract_uids=[UID, UID2])],
        clause_events=[
            event(1, "carry_over", date(2024, 6, 1), hours=Decimal(80), to_contract_uid=UID2)
        ],
    )
    found = ground.one(KEY)
    assert (found["due_hours"], found["carried_in_hours"], found["carried_out_hours"]) == (
        1200,
        0,
        0,
    )


def test_days_of_delay_count_from_the_formal_notice_and_once_for_several_returns(tmp_path):
    ground = Ground(
        tmp_path,
        date(2024, 8, 1),
        contracts=[contract()],
        commitments=[ccap()],
        invoiced=[invoice(1, date(2024, 6, 30), "100")],
        clause_events=[
            # Two quarters are missing on 20 July: one notice for both.
            event(1, "formal_notice", date(2024, 7, 20)),
            event(2, "return_received", date(2024, 7, 24), period=date(2024, 1, 1)),
            event(3, "return_received", date(2024, 7, 30), period=date(2024, 4, 1)),
        ],
    )
    found = ground.one(KEY)
    assert found["computed_penalty_eur"] == 750
    assert "10 jours de retard × 75\u00a0€" in found["penalty_words_fr"]
    assert found["returns_missing"] == 0


# --- facts.operations ----------------------------------------------------------------------------


def test_one_row_a_year_from_notification_to_the_end(tmp_path):
    ground = Ground(
        tmp_path,
        date(2026, 3, 31),
        contracts=[contract(notified_date=date(2022, 12, 10))],
        commitments=[
            commitment(
                valid_from=date(2022, 12, 10),
                start_date=date(2023, 1, 1),
                end_date=date(2024, 12, 31),
                committed_hours=Decimal(1000),
            )
        ],
        hours=[
            line(1, hours=300, month=date(2023, 5, 1)),
            line(2, hours=100, month=date(2024, 5, 1)),
            line(3, hours=200, month=date(2024, 6, 1), company_id=OTHER, pseudonym="b" * 32),
            line(4, hours=90, month=date(2024, 6, 1), outcome="pending", pseudonym="c" * 32),
        ],
        clause_events=[
            event(1, "penalty_notified", date(2025, 2, 1), amount_eur=Decimal(800)),
            event(2, "penalty_waived", date(2026, 1, 5), amount_eur=Decimal(300)),
        ],
    )
    rows = ground.build(YEARS)
    assert [row["year"] for row in rows] == [2022, 2023, 2024]
    assert [row["at_date"] for row in rows] == [date(year, 12, 31) for year in (2022, 2023, 2024)]
    assert [row["is_notified_in_year"] for row in rows] == [True, False, False]
    assert [row["is_closed_in_year"] for row in rows] == [False, False, True]
    assert [row["committed_hours"] for row in rows] == [1000, 1000, 1000]
    # Half of the 731 days, 365, is over at the end of 2023.
    assert [row["due_hours"] for row in rows] == [0, 499, 1000]
    assert [row["validated_hours"] for row in rows] == [0, 300, 600]
    assert [row["missing_hours"] for row in rows] == [None, None, 400]
    assert [row["people"] for row in rows] == [0, 1, 2]
    assert [row["companies"] for row in rows] == [0, 1, 2]
    assert [row["largest_company_hours"] for row in rows] == [0, 300, 400]
    # Decided after the end: they belong to the year of closure.
    assert [row["penalty_notified_eur"] for row in rows] == [0, 0, 800]
    assert [row["penalty_waived_eur"] for row in rows] == [0, 0, 300]


def test_the_balance_of_a_closed_operation_counts_what_was_settled_after_its_end(tmp_path):
    ground = Ground(
        tmp_path,
        date(2025, 6, 30),
        contracts=[contract(), contract(UID2)],
        commitments=[
            ccap(),
            commitment(2, commitment_id="E2", contract_uids=[UID2], end_date=date(2025, 12, 31)),
        ],
        invoiced=[
            invoice(1, date(2024, 11, 30), "2900000"),
            invoice(2, date(2025, 2, 1), "100000"),
        ],
        clause_events=[
            event(1, "carry_over", date(2025, 3, 1), hours=Decimal(30), to_contract_uid=UID2)
        ],
        hours=[line(hours=70)],
    )
    closed, running_on, later = ground.build(YEARS)
    assert (closed["year"], closed["due_hours"], closed["missing_hours"]) == (2024, 120, 50)
    # The hours taken over are owed from the day they were carried.
    assert running_on["due_hours"] == 601
    assert later["due_hours"] == 920
    assert ground.rows("curated.operations")[0]["missing_hours"] == 50


def test_the_current_year_stops_on_the_day_of_the_report(tmp_path):
    ground = Ground(
        tmp_path,
        date(2024, 6, 30),
        contracts=[contract()],
        commitments=[commitment(end_date=date(2026, 12, 31))],
        hours=[line(1), line(2, month=date(2024, 9, 1))],
    )
    (row,) = ground.build(YEARS)
    assert (row["year"], row["at_date"]) == (2024, date(2024, 6, 30))
    assert (row["validated_hours"], row["missing_hours"]) == (100, None)


def test_committed_at_notification_ignores_later_revisions_and_counts_the_orders_of_the_year(
    tmp_path,
):
    revised = [
        commitment(1),
        commitment(2, valid_from=date(2024, 9, 1), committed_hours=Decimal(2000)),
    ]
    ground = Ground(tmp_path, END, contracts=[contract()], commitments=revised)
    assert [row["committed_hours"] for row in ground.build(YEARS)] == [1200]
    per_order = {"commitment_mode": "per_order", "end_date": date(2025, 12, 31)}
    orders = [
        commitment(1, **per_order) | {"committed_hours": None},
        commitment(2, order_id="BC1", valid_from=date(2024, 4, 1), **per_order),
        commitment(3, order_id="BC2", valid_from=date(2025, 1, 2), **per_order),
    ]
    ordered = Ground(tmp_path / "orders", END, contracts=[contract()], commitments=orders)
    rows = ordered.build(YEARS)
    assert [(row["year"], row["committed_hours"], row["due_hours"]) for row in rows] == [
        (2024, 1200, 1200),
        (2025, 1200, 2400),
    ]


def test_an_undated_operation_has_no_year_and_stays_in_the_list(tmp_path):
    undated = commitment(valid_from=None, start_date=None, end_date=None, contract_uids=[])
    ground = Ground(tmp_path, END, commitments=[undated])
    assert ground.build(YEARS) == []
    (found,) = ground.rows("curated.operations")
    assert (found["due_hours"], found["notified_date"]) == (None, None)
    assert found["due_reason_fr"]


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["validated", "rejected", "pending", "quarantined"]),
            st.integers(0, 20_000),
            st.integers(1, 12),
            st.sampled_from([HOLDER, OTHER]),
            st.sampled_from("abc"),
        ),
        max_size=12,
    ),
    st.integers(0, 50_000),
    st.integers(0, 30_000),
)
def test_hours_balance_and_what_is_missing_is_due_less_validated(
    tmp_path_factory, drawn, committed, carried
):
    lines = [
        line(
            number,
            outcome=outcome,
            hours=Decimal(cents) / 100,
            month=date(2024, month, 1),
            company_id=company,
            pseudonym=person * 32,
        )
        for number, (outcome, cents, month, company, person) in enumerate(drawn)
    ]
    ground = Ground(
        tmp_path_factory.mktemp("balance"),
        END,
        contracts=[contract(), contract(UID2)],
        commitments=[
            commitment(committed_hours=Decimal(committed)),
            commitment(2, commitment_id="E2", contract_uids=[UID2]),
        ],
        clause_events=[
            event(
                1,
                "carry_over",
                date(2024, 6, 1),
                hours=Decimal(carried) / 100,
                to_contract_uid=UID2,
            )
        ],
        hours=lines,
    )
    year, _ = ground.build(YEARS)
    first, second = ground.rows("curated.operations")
    buckets = ("validated", "corrected_away", "rejected", "pending", "quarantined")
    assert first["declared_hours"] == sum(first[f"{name}_hours"] for name in buckets)
    assert first["missing_hours"] == max(0, first["due_hours"] - first["validated_hours"])
    moved = first["carried_out_hours"]
    assert moved == second["carried_in_hours"]
    done = sum(
        Decimal(cents) / 100
        for outcome, cents, month, *_ in drawn
        if outcome == "validated" and month <= 6
    )
    assert moved == min(Decimal(carried) / 100, max(0, committed - done))
    assert (first["due_hours"], second["due_hours"]) == (committed - moved, 1200 + moved)
    assert year["validated_hours"] == first["validated_hours"]
    assert year["people"] == first["people"]
    assert year["largest_company_hours"] <= year["validated_hours"]
    assert year["buyer_id"] == BUYER
