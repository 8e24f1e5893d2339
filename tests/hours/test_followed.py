"""Expected returns through the tables: who reports, what came, what is missing, reminders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaser import hours
from tests.hours.ground import (
    CARDS,
    HOLDER,
    OTHER,
    UID,
    UID2,
    Ground,
    ccap,
    commitment,
    contract,
    event,
    line,
)

KEY = "curated/returns"
AT = date(2025, 1, 15)


def returns(root: Path, at: date = AT, **given: Any) -> Ground:
    given = {"contracts": [contract()], "commitments": [ccap()]} | given
    return Ground(root, at, **given)


def states(rows: list[dict[str, Any]], company: str = HOLDER) -> list[str]:
    return [row["state"] for row in rows if row["company_id"] == company]


def test_quarterly_returns_of_the_ccap_with_one_missing_and_two_reminders(tmp_path):
    quarter = {"period": date(2024, 7, 1), "company_id": HOLDER}
    ground = returns(
        tmp_path,
        clause_events=[
            event(1, "return_received", date(2024, 4, 12), period=date(2024, 1, 1)),
            event(2, "return_received", date(2024, 7, 15), period=date(2024, 4, 1)),
            event(3, "reminder", date(2024, 10, 20), **quarter),
            event(4, "reminder", date(2024, 11, 18), **quarter),
        ],
        hours=[line(1, month=date(2024, 12, 1))],
    )
    rows = ground.build(KEY)
    assert [(row["first_day"], row["last_day"], row["due_before"]) for row in rows] == [
        (date(2024, 1, 1), date(2024, 3, 31), date(2024, 4, 15)),
        (date(2024, 4, 1), date(2024, 6, 30), date(2024, 7, 15)),
        (date(2024, 7, 1), date(2024, 9, 30), date(2024, 10, 15)),
        (date(2024, 10, 1), date(2024, 12, 31), date(2025, 1, 15)),
    ]
    assert states(rows) == ["on_time", "late", "missing", "received_undated"]
    assert [row["days_late"] for row in rows] == [0, 1, 93, 0]
    assert [row["reminders"] for row in rows] == [0, 0, 2, 0]
    assert rows[2]["last_reminder"] == date(2024, 11, 18)
    assert {row["contract_uid"] for row in rows} == {UID}
    assert ground.build("curated/operations")[0]["returns_missing"] == 1
    assert ground.rules() == []


def test_a_return_not_due_yet_is_not_missing(tmp_path):
    rows = returns(tmp_path, date(2024, 4, 14)).build(KEY)
    assert states(rows) == ["not_due", "not_due"]
    assert states(returns(tmp_path / "b", date(2024, 4, 15)).build(KEY)) == ["missing", "not_due"]


def test_monthly_returns_before_the_usual_day(tmp_path):
    monthly = commitment(return_frequency="monthly")
    rows = returns(tmp_path, date(2024, 3, 10), commitments=[monthly]).build(KEY)
    assert [row["due_before"] for row in rows] == [
        date(2024, 2, 15),
        date(2024, 3, 15),
        date(2024, 4, 15),
    ]
    assert states(rows) == ["missing", "not_due", "not_due"]


def test_a_commitment_without_a_frequency_expects_nothing(tmp_path):
    assert returns(tmp_path, commitments=[commitment()]).build(KEY) == []


def test_without_a_bound_company_the_holders_report(tmp_path):
    ground = returns(
        tmp_path,
        date(2024, 3, 31),
        commitments=[ccap(company_id=None, company_name=None)],
        holders=[
            {"uid": UID, "holder_number": 1, "siret": HOLDER},
            {"uid": UID, "holder_number": 2, "holder_name": "Atelier Été"},
        ],
        hours=[line(1)],
    )
    rows = ground.build(KEY)
    # A holder that the register names by its number alone has the name that it declares under.
    assert [(row["company_id"], row["company_name"]) for row in rows] == [
        (HOLDER, "Vert Demain"),
        ("atelier ete", "Atelier Été"),
    ]


def test_a_joint_holder_reports_to_the_end_and_a_subcontractor_while_it_declares(tmp_path):
    hours = [
        line(1, company_id=OTHER, company_role="co_contractor", month=date(2024, 5, 1)),
        line(2, company_id="agence", company_role="temp_agency", month=date(2024, 2, 1)),
        line(3, company_id="agence", company_role="temp_agency", month=date(2024, 8, 1)),
    ]
    rows = returns(tmp_path, hours=hours).build(KEY)
    assert states(rows, OTHER) == ["received_undated", "missing", "missing"]
    assert states(rows, "agence") == ["received_undated", "missing", "received_undated"]
    assert states(rows) == ["missing"] * 4


def test_an_event_that_names_no_company_is_about_the_bound_one(tmp_path):
    received = event(1, "return_received", date(2024, 4, 2), period=date(2024, 3, 1))
    hours = [line(1, company_id=OTHER, company_role="holder", month=date(2024, 6, 1))]
    rows = returns(tmp_path, date(2024, 6, 30), clause_events=[received], hours=hours).build(KEY)
    assert states(rows) == ["on_time", "not_due"]
    assert states(rows, OTHER) == ["received_undated"]


def test_a_reminder_without_a_period_is_about_all_that_was_missing_that_day(tmp_path):
    events = [
        event(1, "reminder", date(2024, 8, 1)),
        event(2, "formal_notice", date(2024, 11, 1), period=date(2024, 7, 1)),
        event(3, "return_received", date(2024, 9, 1), period=date(2024, 1, 1)),
    ]
    rows = returns(tmp_path, clause_events=events).build(KEY)
    assert states(rows) == ["late", "missing", "missing", "missing"]
    assert [row["reminders"] for row in rows] == [1, 1, 0, 0]
    assert [row["formal_notice"] for row in rows] == [None, None, date(2024, 11, 1), None]


def test_a_reminder_after_the_day_of_the_report_has_not_been_sent(tmp_path):
    events = [event(1, "reminder", date(2025, 2, 1), period=date(2024, 1, 1))]
    assert [row["reminders"] for row in returns(tmp_path, clause_events=events).build(KEY)] == [
        0
    ] * 4


def test_a_pool_owes_one_return_for_all_its_contracts(tmp_path):
    ground = returns(
        tmp_path,
        date(2024, 5, 1),
        contracts=[contract(), contract(UID2)],
        commitments=[ccap(contract_uids=[UID, UID2])],
        hours=[line(1, contract_uid=UID2)],
    )
    rows = ground.build(KEY)
    assert states(rows) == ["received_undated", "not_due"]
    assert {row["contract_uid"] for row in rows} == {None}


def test_lines_of_hours_keep_a_return_received_without_any_person(tmp_path):
    """As after a purge, when a line has lost its person."""
    rows = returns(tmp_path, hours=[line(1, pseudonym=None)]).build(KEY)
    assert states(rows)[0] == "received_undated"


@pytest.mark.parametrize(
    "changes",
    [
        {"period": date(2023, 6, 1)},
        {"period": None},
        {"period": date(2024, 1, 1), "company_id": OTHER},
    ],
    ids=["outside the dates", "no period", "another company"],
)
def test_a_return_that_nothing_asks_for_is_a_finding(tmp_path, changes):
    received = event(7, "return_received", date(2024, 4, 1), **changes)
    ground = returns(tmp_path, clause_events=[received])
    assert states(ground.build(KEY)) == ["missing"] * 4
    assert ground.rules() == ["return_unexpected"]
    (finding,) = ground.rows("quality.findings")
    assert (finding["source_file"], finding["source_pointer"]) == ("suivi.csv", "ligne 7")


def test_a_day_that_months_do_not_have_is_a_finding_and_the_usual_day_serves(tmp_path):
    ground = returns(tmp_path, date(2024, 3, 31), commitments=[ccap(return_day=31)])
    assert [row["due_before"] for row in ground.build(KEY)] == [date(2024, 4, 15)]
    assert ground.rules() == ["commitment_return_day"]


# --- contracts with hours committed --------------------------------------------------------------

COMMITTED = "curated/committed_contracts"


def committed(root: Path, *rows: dict[str, Any]) -> tuple[dict[str, Any], Ground]:
    """What each contract of the rows is told to carry."""
    ground = Ground(root, AT, commitments=rows)
    hours.build(ground.tables, CARDS, COMMITTED)
    found = ground.rows("curated.committed_contracts")
    return {row["uid"]: row["has_insertion_hours"] for row in found}, ground


SHARE = {
    "commitment_mode": "labour_share",
    "committed_hours": None,
    "amount": Decimal(1_000_000),
    "trade": "masonry",
    "insertion_rate": Decimal("0.05"),
    "hourly_cost": Decimal(30),
}
PEOPLE = {"commitment_mode": "people", "committed_hours": None}
ORDERS = {"commitment_mode": "per_order", "committed_hours": None}


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, True),
        ({"committed_hours": Decimal(0)}, False),
        ({"committed_hours": None}, None),
        ({"commitment_mode": None}, None),
        ({"valid_from": None}, True),
        (SHARE, True),
        (SHARE | {"trade": None}, None),
        (SHARE | {"committed_hours": Decimal(0)}, True),
        # As tools fill in the columns that a mode does not read.
        (ccap(committed_hours=Decimal(0)), True),
        (ccap(hours_per_tranche=Decimal(0)), False),
        (ccap(trigger_amount=None), None),
        (PEOPLE | {"people_count": 3}, True),
        (PEOPLE | {"people_count": 0}, False),
        (ORDERS, None),
        (ORDERS | {"order_id": "B1", "committed_hours": Decimal(5)}, True),
        (ORDERS | {"order_date": date(2024, 3, 1), "committed_hours": Decimal(5)}, True),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_a_contract_carries_hours_by_the_mode_of_its_clause(tmp_path, terms, expected):
    found, _ = committed(tmp_path, commitment(**terms))
    assert found == {UID: expected}


def test_of_several_versions_or_commitments_one_that_asks_for_hours_is_enough(tmp_path):
    pooled = commitment(2, commitment_id="E2", contract_uids=[UID, UID2], committed_hours=None)
    zero = commitment(1, committed_hours=Decimal(0))
    found, _ = committed(tmp_path / "a", zero, pooled)
    assert found == {UID: None, UID2: None}
    found, _ = committed(tmp_path / "b", commitment(), pooled)
    assert found == {UID: True, UID2: None}
    ordered = commitment(2, **(ORDERS | {"order_id": "B1", "committed_hours": Decimal(0)}))
    found, _ = committed(tmp_path / "c", commitment(**ORDERS), ordered)
    assert found == {UID: False}


def test_a_version_whose_hours_cannot_be_computed_is_a_finding_at_its_line(tmp_path):
    _, ground = committed(
        tmp_path,
        commitment(1, **(SHARE | {"hourly_cost": None})),
        commitment(2, valid_from=date(2024, 6, 1), **(SHARE | {"hourly_cost": Decimal(30)})),
        commitment(3, commitment_id="E2", **ORDERS),
        commitment(4, commitment_id="E3", **PEOPLE, people_count=2),
    )
    found = {row["source_pointer"]: row for row in ground.rows("quality.findings")}
    assert {row["rule"] for row in found.values()} == {"commitment_due_unknown"}
    assert found.keys() == {"ligne 1", "ligne 3"}
    assert found["ligne 1"]["message_fr"].endswith("il manque : coût horaire.")
    assert found["ligne 1"]["message_en"].endswith("missing: hourly cost.")
    assert found["ligne 3"]["message_fr"].endswith("aucune commande connue.")


def test_an_order_without_a_number_has_its_end_and_leaves_the_contract_its_own(tmp_path):
    dated = {"order_date": date(2024, 3, 1), "valid_from": date(2024, 3, 1)}
    ground = returns(
        tmp_path,
        commitments=[
            commitment(1, **ORDERS),
            commitment(2, **dated, **(ORDERS | {"committed_hours": Decimal(50)}),
                       end_date=date(2024, 4, 30), penalty_per_hour=Decimal(9)),
        ],
    )  # fmt: skip
    found = ground.build("curated/operations")[0]
    assert (found["end_date"], found["due_hours"]) == (date(2024, 12, 31), 50)
