"""The work list: each kind of item, its figures, its facilitator, and no person in it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaser.warehouse import session
from tests.hours.ground import (
    BUYER,
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
    invoice,
    line,
)

AT = date(2024, 8, 31)
FACILITATOR = "Maison de l'emploi fictive"


def ground(root: Path, at: date = AT, **given: Any) -> Ground:
    given = {"contracts": [contract()], "commitments": [commitment()]} | given
    return Ground(root, at, **given)


def on_time(number: int = 99, **changes: Any) -> dict[str, Any]:
    """A line that puts the first operation ahead of its schedule."""
    return line(number, hours=1000, pseudonym="f" * 32, **changes)


def test_a_clause_in_order_asks_nothing(tmp_path):
    assert ground(tmp_path, hours=[on_time()]).build("quality/follow_up") == []


def test_clause_without_commitment_is_a_warning_where_the_clause_is_about_insertion(tmp_path):
    contracts = [
        contract(),
        contract(UID2),
        contract(f"{BUYER}-M3", clause_themes=None),
        contract(f"{BUYER}-M4", has_social_clause=False),
        contract(f"{BUYER}-M5", has_social_clause=None),
        contract(f"{BUYER}-M6", framework_role="call_off"),
    ]
    items = ground(tmp_path, contracts=contracts, hours=[on_time()]).build("quality/follow_up")
    assert {item["contract_uid"]: item["severity"] for item in items} == {
        UID2: "warning",
        f"{BUYER}-M3": "info",
    }
    assert {item["kind"] for item in items} == {"clause_without_commitment"}
    assert {item["facilitator"] for item in items} == {None}


def test_a_register_alone_has_no_work_list(tmp_path):
    assert ground(tmp_path, commitments=[], hours=[]).build("quality/follow_up") == []


def test_clause_without_hours_after_six_months(tmp_path):
    long = commitment(end_date=date(2027, 12, 31))
    early = ground(tmp_path / "a", date(2024, 6, 1), commitments=[long])
    assert early.build("quality/follow_up") == []
    late = ground(tmp_path / "b", date(2024, 7, 10), commitments=[long])
    item = late.kinds()["clause_without_hours"]
    assert (item["hours"], item["facilitator"], item["company_id"]) == (1200, FACILITATOR, HOLDER)
    assert (
        "aucune heure déclarée depuis le 01/01/2024 ; 1\u202f200\u00a0h dues" in item["message_fr"]
    )
    assert "no hours declared since 2024-01-01; 1,200 h due" in item["message_en"]


def test_clause_without_hours_after_a_quarter_of_a_short_contract(tmp_path):
    short = commitment(end_date=date(2024, 4, 30))
    assert list(ground(tmp_path, date(2024, 2, 15), commitments=[short]).kinds()) == [
        "clause_without_hours"
    ]


def test_a_clause_that_owes_nothing_yet_lacks_no_hours(tmp_path):
    nothing = commitment(committed_hours=Decimal(0))
    assert ground(tmp_path, commitments=[nothing]).build("quality/follow_up") == []


def test_a_closed_clause_without_any_hours_ended_short_of_all(tmp_path):
    fined = commitment(penalty_per_hour=Decimal(200))
    (item,) = ground(tmp_path, date(2025, 3, 1), commitments=[fined]).build("quality/follow_up")
    assert (item["kind"], item["severity"], item["hours"]) == ("ended_short", "error", 1200)
    assert "0\u00a0h validées pour 1\u202f200\u00a0h dues" in item["message_fr"]
    assert "240\u202f000\u00a0€" in item["message_fr"]


@pytest.mark.parametrize(
    ("workers", "missing"), [("", "3 personnes"), ("aab", "1 personne"), ("abc", None)]
)
def test_a_clause_of_people_ended_short_of_people(tmp_path, workers, missing):
    people = {"commitment_mode": "people", "committed_hours": None, "people_count": 3}
    hours = [line(number, pseudonym=letter * 32) for number, letter in enumerate(workers)]
    given = {"commitments": [commitment(**people)], "hours": hours}
    items = ground(tmp_path, date(2025, 1, 31), **given).build("quality/follow_up")
    told = [(item["kind"], item["severity"], item["hours"]) for item in items]
    assert told == ([] if missing is None else [("ended_short", "error", None)])
    assert all(f"il manque {missing}." in item["message_fr"] for item in items)


def test_due_unknown_says_what_is_missing(tmp_path):
    quiet: dict[str, Any] = {"return_frequency": None}
    items = ground(tmp_path / "a", commitments=[ccap(**quiet)], hours=[line(hours=10)]).kinds()
    assert list(items) == ["due_unknown"]
    item = items["due_unknown"]
    assert (item["severity"], item["hours"], item["line_count"]) == ("warning", None, 1)
    assert f"aucun montant facturé connu : {UID}" in item["message_fr"]
    assert f"no invoiced amount known: {UID}" in item["message_en"]
    later = [ccap(start_date=date(2024, 12, 1), **quiet)]
    assert ground(tmp_path / "b", commitments=later).build("quality/follow_up") == []


@pytest.mark.parametrize(
    ("frequency", "fr"), [("monthly", "(03/2024)"), ("quarterly", "(T1 2024)")]
)
def test_a_return_of_part_of_a_month_is_named_by_its_frequency(tmp_path, frequency, fr):
    march = commitment(
        return_frequency=frequency, start_date=date(2024, 3, 5), end_date=date(2024, 3, 31)
    )
    item = ground(tmp_path, commitments=[march]).kinds()["return_missing"]
    assert fr in item["message_fr"]


def test_hours_without_contract_by_reference(tmp_path):
    unknown = {
        "contract_uid": None,
        "commitment_id": None,
        "contract_reference": "M-404",
        "outcome": "quarantined",
        "quarantine_reasons": ["unknown_contract"],
        "facilitator": "Clauses du Port",
    }
    hours = [on_time(), line(1, hours=40, **unknown), line(2, hours=20, **unknown)]
    items = ground(tmp_path, hours=hours).kinds()
    assert list(items) == ["hours_without_contract"]
    item = items["hours_without_contract"]
    assert (item["hours"], item["line_count"]) == (60, 2)
    assert item["facilitator"] == "Clauses du Port"
    assert "2 lignes sur le marché « M-404 »" in item["message_fr"]


def test_hours_without_commitment(tmp_path):
    hours = [on_time(), line(1, hours=35, commitment_id=None, contract_uid=UID2)]
    item = ground(tmp_path, hours=hours).kinds()["hours_without_commitment"]
    assert (item["contract_uid"], item["hours"], item["line_count"]) == (UID2, 35, 1)


def test_hours_over_commitment(tmp_path):
    item = ground(tmp_path, hours=[line(1, hours=1350)]).kinds()["hours_over_commitment"]
    assert (item["hours"], item["severity"]) == (150, "info")
    assert (
        "1\u202f350\u00a0h validées pour 1\u202f200\u00a0h engagées, soit 150\u00a0h de plus"
        in (item["message_fr"])
    )


def test_hours_by_tranche_are_over_once_the_invoices_are_final(tmp_path):
    given = {
        "invoiced": [invoice(1, date(2024, 6, 30), "3000000")],
        "hours": [line(1, hours=160)],
    }
    running = ground(tmp_path / "a", commitments=[ccap(return_frequency=None)], **given)
    assert running.build("quality/follow_up") == []
    closed = ground(
        tmp_path / "b", date(2025, 1, 5), commitments=[ccap(return_frequency=None)], **given
    )
    assert closed.kinds()["hours_over_commitment"]["hours"] == 10


def test_ended_short_with_the_penalty_computed_and_not_notified(tmp_path):
    given = {"commitments": [commitment(penalty_per_hour=Decimal(200))], "hours": [on_time()]}
    item = ground(tmp_path, date(2025, 1, 31), **given).kinds()["ended_short"]
    assert item["hours"] == 200
    assert "il manque 200\u00a0h" in item["message_fr"]
    assert "non notifié : la décision appartient à l'acheteur" in item["message_fr"]
    assert "not notified" in item["message_en"]


def test_behind_schedule_says_by_how_much(tmp_path):
    item = ground(tmp_path, hours=[line(1, hours=500)]).kinds()["behind_schedule"]
    # 244 of 366 days: 800 h expected.
    assert item["hours"] == 300
    assert "500\u00a0h validées pour 800\u00a0h attendues" in item["message_fr"]


def test_carried_over_and_a_receiver_that_is_not_found(tmp_path):
    carried = {"hours": Decimal(200), "to_contract_uid": UID2}
    contracts = [contract(), contract(UID2, has_social_clause=False)]
    taker = commitment(
        2, commitment_id="E2", contract_uids=[UID2], end_date=date(2030, 12, 31),
        start_date=date(2024, 8, 1),
    )  # fmt: skip
    given = {"contracts": contracts, "hours": [on_time()]}
    followed = given | {"commitments": [commitment(), taker]}
    events = [event(1, "carry_over", date(2024, 8, 1), **carried)]
    item = ground(tmp_path / "a", clause_events=events, **followed).kinds()["carried_over"]
    assert (item["hours"], item["severity"], item["facilitator"]) == (200, "info", FACILITATOR)
    assert (
        f"200\u00a0h à reporter sur {UID2} (01/08/2024) ; 200\u00a0h y sont dues."
        in item["message_fr"]
    )
    lost = [event(1, "carry_over", None, hours=Decimal(200))]
    item = ground(tmp_path / "b", clause_events=lost, **given).kinds()["carried_over"]
    assert item["severity"] == "error"
    assert "un marché inconnu (date inconnue)" in item["message_fr"]
    assert "n'a pas d'engagement suivi" in item["message_fr"]
    item = ground(tmp_path / "c", clause_events=events, **given).kinds()["carried_over"]
    assert item["severity"] == "error"
    too_many = [event(1, "carry_over", date(2024, 8, 1), **(carried | {"hours": Decimal(300)}))]
    item = ground(tmp_path / "d", clause_events=too_many, **followed).kinds()["carried_over"]
    assert item["severity"] == "error"
    assert "200\u00a0h y sont dues, pas plus" in item["message_fr"]
    assert "200 h are due there, no more" in item["message_en"]
    early = ground(tmp_path / "e", date(2024, 7, 31), clause_events=events, **followed)
    assert early.build("quality/follow_up") == []


def test_a_contract_closed_short_whose_hours_are_carried_over_is_not_short(tmp_path):
    taker = commitment(
        2,
        commitment_id="E2",
        contract_uids=[UID2],
        committed_hours=Decimal(100),
        start_date=date(2024, 12, 1),
        end_date=date(2026, 12, 31),
    )
    items = ground(
        tmp_path,
        date(2025, 1, 10),
        contracts=[contract(), contract(UID2)],
        commitments=[commitment(), taker],
        clause_events=[
            event(1, "carry_over", date(2024, 12, 15), hours=Decimal(200), to_contract_uid=UID2)
        ],
        hours=[on_time(1)],
    ).kinds()
    assert list(items) == ["carried_over"]


def test_pooled(tmp_path):
    given = {
        "contracts": [contract(), contract(UID2)],
        "commitments": [commitment(contract_uids=[UID, UID2])],
        "hours": [on_time()],
    }
    item = ground(tmp_path, **given).kinds()["pooled"]
    assert (item["commitment_id"], item["contract_uid"]) == ("E1", None)
    assert "2 marchés" in item["message_fr"]


def double(root: Path, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    hours = [
        on_time(),
        line(1, hours=50, outcome="validated", pseudonym="d" * 32, **first),
        line(2, hours=50, outcome="validated", pseudonym="d" * 32, **second),
    ]
    items = ground(root, contracts=[contract(), contract(UID2)], hours=hours)
    return [i for i in items.build("quality/follow_up") if i["kind"] == "double_counting"]


def test_double_counting_between_two_companies_of_one_grouping(tmp_path):
    (item,) = double(tmp_path, {}, {"company_id": OTHER, "company_name": "Bâtir Ici"})
    assert (item["hours"], item["line_count"], item["facilitator"]) == (50, 2, FACILITATOR)
    assert "Bâtir Ici, Vert Demain" in item["message_fr"]
    assert "1 cas (50\u00a0h en double)" in item["message_fr"]
    assert "d" * 32 not in "".join(str(value) for value in item.values())


def test_double_counting_between_an_agency_and_the_company_it_works_for(tmp_path):
    agency = {
        "company_id": "interim",
        "company_role": "temp_agency",
        "commitment_id": None,
        "contract_uid": UID2,
    }
    (item,) = double(tmp_path, {}, agency)
    assert (item["hours"], item["contract_uid"]) == (50, None)


def test_no_double_counting_on_two_contracts_of_unlinked_companies(tmp_path):
    elsewhere = {"company_id": OTHER, "commitment_id": None, "contract_uid": UID2}
    assert double(tmp_path / "a", {}, elsewhere) == []
    other_month = {"company_id": OTHER, "month": date(2024, 4, 1)}
    assert double(tmp_path / "b", {}, other_month) == []
    other_hours = {"company_id": OTHER, "hours_declared": Decimal(51)}
    assert double(tmp_path / "c", {}, other_hours) == []
    rejected = {"company_id": OTHER, "outcome": "rejected"}
    first = line(1, hours=50, pseudonym="d" * 32)
    second = line(2, hours=50, pseudonym="d" * 32, **rejected)
    kinds = ground(tmp_path / "d", hours=[on_time(), first, second]).kinds()
    assert "double_counting" not in kinds


def test_return_missing_by_company_with_reminders_so_far(tmp_path):
    quarter = {"period": date(2024, 1, 1)}
    events = [
        event(1, "reminder", date(2024, 5, 2), **quarter),
        event(2, "reminder", date(2024, 6, 3), **quarter),
        event(3, "formal_notice", date(2024, 7, 1), **quarter),
    ]
    reporting = commitment(return_frequency="quarterly")
    hours = [on_time(month=date(2024, 4, 1))]
    item = ground(tmp_path, commitments=[reporting], clause_events=events, hours=hours).kinds()[
        "return_missing"
    ]
    assert item["line_count"] == 1
    assert item["message_fr"] == (
        "Vert Demain : 1 relevé attendu et non reçu (T1 2024) ; 2 relances, la dernière le "
        "03/06/2024, mise en demeure le 01/07/2024."
    )
    assert item["message_en"] == (
        "Vert Demain: 1 return due and not received (Q1 2024); 2 reminders, the last on "
        "2024-06-03, formal notice on 2024-07-01."
    )


def test_many_missing_returns_are_counted_after_six(tmp_path):
    reporting = commitment(return_frequency="monthly")
    hours = [on_time(month=date(2024, 1, 1))]
    item = ground(tmp_path, date(2024, 12, 31), commitments=[reporting], hours=hours).kinds()[
        "return_missing"
    ]
    assert item["line_count"] == 10
    assert (
        "(02/2024, 03/2024, 04/2024, 05/2024, 06/2024, 07/2024 et 4 de plus)"
        in (item["message_fr"])
    )
    assert "aucune relance" in item["message_fr"]


def test_quarantined_by_company_and_reason(tmp_path):
    def apart(number: int, *reasons: str) -> dict[str, Any]:
        return line(number, hours=10, outcome="quarantined", quarantine_reasons=list(reasons))

    hours = [on_time(), apart(1, "duplicate"), apart(2, "duplicate", "not_eligible")]
    items = ground(tmp_path, hours=hours).build("quality/follow_up")
    assert {(i["kind"], i["line_count"], i["hours"]) for i in items} == {
        ("quarantined", 2, Decimal(20)),
        ("quarantined", 1, Decimal(10)),
    }
    assert "Vert Demain : 2 lignes (20\u00a0h), motif : heures déclarées deux fois." in {
        item["message_fr"] for item in items
    }
    rule = CARDS.rules["hours_duplicate"]
    assert (rule.action_fr, rule.action_en) in {(i["action_fr"], i["action_en"]) for i in items}


def test_pending_by_company_since_when(tmp_path):
    hours = [
        on_time(),
        line(1, hours=12, outcome="pending", month=date(2024, 7, 1)),
        line(2, hours=8, outcome="pending", month=date(2024, 5, 1)),
    ]
    item = ground(tmp_path, hours=hours).kinds()["pending"]
    assert (item["hours"], item["line_count"], item["severity"]) == (20, 2, "info")
    assert (
        "2 lignes à valider, corriger ou rejeter (20\u00a0h), la plus ancienne de 05/2024"
        in (item["message_fr"])
    )


def test_proofs_too_old_are_counted_by_facilitator(tmp_path):
    def sheet(number: int, criteria: list[str], proof: date, **changes: Any) -> dict[str, Any]:
        return {
            "participation_id": f"participants.csv {number}",
            "facilitator": FACILITATOR,
            "pseudonym": str(number) * 32,
            "criteria": criteria,
            "proof_date": proof,
            "eligible_from": date(2024, 3, 1),
            **changes,
        }

    participants = [
        sheet(1, ["RSA"], date(2023, 11, 1)),
        sheet(2, ["RSA"], date(2024, 1, 2)),
        # A proof of residence serves six months: one criterion is enough.
        sheet(3, ["RSA", "QPV"], date(2023, 11, 1)),
        # The day of hiring counts where it is known.
        sheet(4, ["RSA"], date(2024, 1, 2), hire_date=date(2024, 4, 15)),
        sheet(5, ["RSA"], date(2023, 11, 1), criteria_partial=True),
    ]
    item = ground(tmp_path, hours=[on_time()], participants=participants).kinds()["proof_expired"]
    assert (item["facilitator"], item["line_count"]) == (FACILITATOR, 2)
    assert "2 personnes" in item["message_fr"]
    assert "2 people" in item["message_en"]


def test_people_hired_without_a_proof_of_that_day_are_counted(tmp_path):
    def sheet(number: int, person: str, proof: date | None, **changes: Any) -> dict[str, Any]:
        return {
            "participation_id": f"participants.csv {number}",
            "facilitator": FACILITATOR,
            "pseudonym": person * 32,
            "criteria": ["RSA"],
            "proof_date": proof,
            "eligible_from": date(2024, 3, 1),
            **changes,
        }

    participants = [
        sheet(1, "1", None),
        # The day after.
        sheet(2, "2", date(2024, 3, 2)),
        # On the day, and what another file says of the same hiring.
        sheet(3, "3", date(2024, 3, 1)),
        sheet(4, "3", None),
        # Criteria that ask no age of the proof, that are not known, or of nobody eligible.
        sheet(5, "5", None, criteria=["RSA", "SENIOR"]),
        sheet(6, "6", None, criteria=["UNHEARD"]),
        sheet(7, "7", None, eligible_from=None),
        sheet(8, "8", date(2023, 6, 1)),
    ]
    items = ground(tmp_path, hours=[on_time()], participants=participants).kinds()
    assert sorted(items) == ["proof_expired", "proof_missing"]
    missing = items["proof_missing"]
    assert (missing["severity"], missing["line_count"]) == ("warning", 2)
    assert "daté d'après l'embauche : 2 personnes." in missing["message_fr"]
    assert "dated after hiring: 2 people." in missing["message_en"]
    assert "1 personne." in items["proof_expired"]["message_fr"]


def test_every_kind_of_the_card_has_its_texts_and_no_other(tmp_path):
    card = CARDS.tables["quality/follow_up"]
    rows = CARDS.reference("follow_up_kinds")
    assert sorted(row["kind"] for row in rows) == sorted(card.columns["kind"].codes)
    assert {row["severity"] for row in rows} <= set(card.columns["severity"].codes)
    assert all(all(row.values()) for row in rows)


def test_the_same_inputs_give_the_same_rows_and_no_pseudonym(tmp_path):
    hours = [
        line(number, hours=20, pseudonym=letter * 32, company_id=company, outcome=outcome)
        for number, (letter, company, outcome) in enumerate(
            (letter, company, outcome)
            for letter in "abcd"
            for company in (HOLDER, OTHER)
            for outcome in ("validated", "pending")
        )
    ]
    given: dict[str, Any] = {
        "commitments": [commitment(return_frequency="monthly")],
        "hours": hours,
    }
    once = ground(tmp_path / "a", **given)
    again = ground(tmp_path / "b", **(given | {"hours": hours[::-1]}))
    items = once.build("quality/follow_up")
    assert items == again.build("quality/follow_up")
    assert len({item["item_id"] for item in items}) == len(items)
    with session() as connection:
        scan = once.tables.scan("quality.follow_up")
        (text,) = connection.execute(f"select string_agg(t::varchar) from {scan} as t").fetchall()[
            0
        ]
    assert not [letter for letter in "abcd" if letter * 32 in text]
