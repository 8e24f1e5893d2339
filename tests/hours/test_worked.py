"""Every hour line ends somewhere, with its reason; and who worked is known once a year."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.hours import worked
from spaser.hours.lines import Reason
from spaser.quality import run_checks
from spaser.warehouse import Tables, session
from tests.curate.insertion import TABLES, build_tables, cards, register, stage
from tests.curate.run import BUYER, one, open_balances, rows

CONTRACT = f"{BUYER}-2024-001"
BUCKETS = ("validated", "corrected_away", "rejected", "pending", "quarantined")


def person(name: str) -> str:
    """A pseudonym."""
    return name[0] * 32


def line(**cells: Any) -> dict[str, Any]:
    """A validated line that nothing is wrong with, unless it says otherwise."""
    usual = {
        "contract_reference": "2024-001",
        "buyer_id": BUYER,
        "company_id": "00040001000013",
        "month": "2024-06",
        "declared_hours": "100",
        "line_state": "Validée",
        "person_id": person("a"),
        "eligible_from": "2024-01-01",
    }
    return usual | cells


def built(
    folder: Path,
    lines: Iterable[dict[str, Any]],
    commitments: Iterable[dict[str, Any]] = (),
    participants: Iterable[dict[str, Any]] = (),
    **contract: Any,
) -> Tables:
    """The tables over these lines and one contract, from March 2024 for two years."""
    tables = Tables(folder)
    dates = {"notified_date": date(2024, 3, 1), "duration_months": 24}
    register(tables, [{"uid": CONTRACT} | dates | contract])
    stage(tables, "hours", lines)
    stage(tables, "commitments", commitments)
    stage(tables, "participants", participants)
    return build_tables(tables)


def reasons(tables: Tables) -> dict[str, list[str]]:
    """Each line's reasons by its place."""
    found = rows(tables, "select source_pointer, quarantine_reasons from curated.hours")
    return {row["source_pointer"]: row["quarantine_reasons"] for row in found}


TERMS = {
    "contract_reference": "2024-001",
    "buyer_id": BUYER,
    "commitment_mode": "Forfait",
    "valid_from": "2024-03-01",
}

# Lines set apart

QUARANTINED: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.UNKNOWN_CONTRACT, {"contract_reference": "2023-999"}),
    (Reason.UNKNOWN_MONTH, {"month": "un jour"}),
    (Reason.UNKNOWN_HOURS, {"declared_hours": "beaucoup"}),
    (Reason.NEGATIVE, {"declared_hours": "-5"}),
    (Reason.DECISION_UNCLEAR, {"line_state": "Corrigée"}),
    (Reason.OUTSIDE_CONTRACT, {"month": "2024-02"}),
    (Reason.OUTSIDE_CONTRACT, {"month": "2026-03", "eligible_from": "2025-01-01"}),
    (Reason.OVER_MONTH_LIMIT, {"declared_hours": "200,5"}),
    (Reason.UNKNOWN_PERSON, {"person_id": None}),
    (Reason.NOT_ELIGIBLE, {"eligible_from": None}),
    (Reason.NOT_ELIGIBLE, {"eligible_from": "2024-07-01"}),
    (Reason.ELIGIBILITY_ENDED, {"eligible_to": "2024-05-31"}),
    (Reason.ELIGIBILITY_ENDED, {"eligible_from": "2022-03-15"}),
]


@pytest.mark.parametrize(("reason", "cells"), QUARANTINED)
def test_every_reason_is_a_finding_at_its_file_and_line(
    tmp_path: Path, reason: Reason, cells: dict[str, Any]
):
    tables = built(tmp_path, [line(person_id=person("z"), month="2024-07"), line(**cells)])
    assert reasons(tables) == {"L2": [], "L3": [reason]}
    found = rows(
        tables,
        "select rule, source_file, source_pointer, value from quality.findings "
        "where rule like 'hours%'",
    )
    assert found == [
        {
            "rule": f"hours_{reason}",
            "source_file": "hours.csv",
            "source_pointer": "L3",
            "value": None,
        }
    ]


def test_a_line_sent_twice_and_lines_that_differ(tmp_path: Path):
    tables = built(
        tmp_path,
        [
            line(source_file="t1.csv"),
            line(source_file="t2.csv"),
            line(person_id=person("b"), declared_hours="80"),
            line(person_id=person("b"), declared_hours="90"),
        ],
    )
    assert reasons(tables) == {
        "L2": [],
        "L3": ["duplicate"],
        "L4": ["duplicate_differs"],
        "L5": ["duplicate_differs"],
    }
    assert {row["rule"] for row in rows(tables, "select rule from quality.findings")} == {
        "hours_duplicate",
        "hours_duplicate_differs",
    }


def test_the_log_decides_on_what_the_return_declares(tmp_path: Path):
    returned, log = {"source_file": "releve.csv"}, {"source_file": "journal.csv"}
    declared = {"line_state": None} | returned
    again = line(
        person_id=person("b"),
        line_state="Corrigée",
        validated_hours="90",
        decided_date="01/07/2024",
    )
    tables = built(
        tmp_path,
        [
            line(**declared),
            line(decided_date="2024-07-10", **log),
            again,
            again | {"validated_hours": "85", "decided_date": "2024-08-01"},
            line(person_id=person("c"), **declared),
            line(person_id=person("c"), line_state="Rejetée", **log),
        ],
    )
    assert reasons(tables) == {
        "L2": ["duplicate"],
        "L3": [],
        "L4": ["duplicate"],
        "L5": [],
        "L6": ["duplicate"],
        "L7": [],
    }
    sums = ", ".join(f"sum(hours_{name}) as {name}" for name in BUCKETS)
    assert one(tables, f"select {sums} from curated.hours") == {
        "validated": 185,
        "corrected_away": 15,
        "rejected": 100,
        "pending": 0,
        "quarantined": 300,
    }
    found = rows(
        tables, "select source_pointer from quality.findings where rule = 'hours_duplicate'"
    )
    assert {row["source_pointer"] for row in found} == {"L2", "L4", "L6"}
    assert open_balances(tables) == []


# Lines of a pooled commitment

POOL = "2024-001 ; 2024-002"
SECOND = f"{BUYER}-2024-002"


def pooled(
    folder: Path,
    lines: Iterable[dict[str, Any]],
    participants: Iterable[dict[str, Any]] = (),
    **terms: Any,
) -> Tables:
    """Two contracts, from March 2024 and from September 2024 for a year, and one commitment."""
    tables = Tables(folder)
    known = {"uid": CONTRACT, "notified_date": date(2024, 3, 1), "duration_months": 12}
    register(tables, [known, known | {"uid": SECOND, "notified_date": date(2024, 9, 1)}])
    stage(tables, "hours", [line(contract_reference=POOL) | cells for cells in lines])
    bound = TERMS | {"commitment_id": "P", "contract_reference": POOL}
    stage(tables, "commitments", [bound | terms] if terms.pop("bound", True) else [])
    stage(tables, "participants", participants)
    return build_tables(tables)


def test_a_line_of_a_pool_counts_from_its_first_contract_to_the_end_of_its_last(tmp_path: Path):
    months = ("2024-02", "2024-03", "2025-08", "2025-09")
    tables = pooled(tmp_path, [{"month": month} for month in months])
    assert reasons(tables) == {
        "L2": ["outside_contract"],
        "L3": [],
        "L4": [],
        "L5": ["outside_contract"],
    }
    found = rows(tables, "from curated.hours where outcome = 'validated'")
    assert [(row["commitment_id"], row["contract_uid"], row["buyer_id"]) for row in found] == [
        ("P", None, BUYER)
    ] * 2
    assert sorted(row["year"] for row in found) == [2024, 2025]
    told = rows(tables, "select distinct rule, key from quality.findings")
    assert told == [{"rule": "hours_outside_contract", "key": "P"}]


def test_the_days_of_the_pooled_commitment_prevail(tmp_path: Path):
    stated = pooled(tmp_path, [{"month": "2025-10"}], end_date="2025-12-31")
    assert reasons(stated) == {"L2": []}


def test_several_contracts_without_a_commitment_on_all_of_them_are_no_contract(tmp_path: Path):
    alone = pooled(tmp_path / "none", [{}], bound=False)
    assert reasons(alone) == {"L2": ["unknown_contract"]}
    partly = pooled(tmp_path / "one", [{}], contract_reference="2024-001")
    assert reasons(partly) == {"L2": ["unknown_contract"]}
    unknown = pooled(tmp_path / "unknown", [{"contract_reference": "2024-001 ; 2023-9"}])
    assert reasons(unknown) == {"L2": ["unknown_contract"]}


def test_a_line_of_a_pool_sent_twice_counts_once(tmp_path: Path):
    tables = pooled(tmp_path, [{}, {"contract_reference": "2024-002;2024-001"}])
    assert reasons(tables) == {"L2": [], "L3": ["duplicate"]}


def test_eligibility_for_a_contract_holds_for_its_pool_and_that_for_a_pool_for_each(
    tmp_path: Path,
):
    bare = {"eligible_from": None}
    eligible = {"eligible_from": "2024-01-01", "buyer_id": BUYER}
    lines = [
        {"person_id": person("a")},
        {"person_id": person("b")},
        {"person_id": person("b"), "contract_reference": "2024-001", "month": "2024-07"},
        {"person_id": person("b"), "contract_reference": "2024-002", "month": "2024-10"},
        {"person_id": person("c")},
    ]
    tables = pooled(
        tmp_path,
        [cells | bare for cells in lines],
        [
            eligible | {"person_id": person("a"), "contract_reference": "2024-002"},
            eligible | {"person_id": person("b"), "contract_reference": POOL},
            eligible | {"person_id": person("c"), "contract_reference": "2023-999"},
        ],
    )
    assert reasons(tables) == {"L2": [], "L3": [], "L4": [], "L5": [], "L6": ["not_eligible"]}
    told = rows(tables, "select rule, detail from quality.findings where rule like 'part%'")
    assert told == [{"rule": "participants_contract_unknown", "detail": "1"}]


def test_the_balance_of_the_step_counts_lines(tmp_path: Path):
    states = ["Validée", "Corrigée", "Rejetée", "Déclarée", "Validée"]
    lines = [
        line(person_id=person(name), line_state=state, validated_hours=hours)
        for name, state, hours in zip("abcde", states, ["100", "60", None, None, "-1"], strict=True)
    ]
    tables = built(tmp_path, lines)
    assert one(tables, "from quality.balances where step = 'hours'") == {
        "step": "hours",
        "records_in": 5,
        "kept": 3,
        "merged": 0,
        "rejected": 2,
        "difference": 0,
    }
    assert one(tables, "select sum(hours_corrected_away) as away from curated.hours") == {
        "away": 40
    }


def test_only_validated_hours_given_are_said(tmp_path: Path):
    tables = built(tmp_path, [line(declared_hours=None, validated_hours="70")])
    row = one(tables, "from curated.hours")
    assert (row["hours_declared"], row["outcome"]) == (70, "validated")
    assert one(tables, "select rule, detail from quality.findings") == {
        "rule": "hours_declared_assumed",
        "detail": "1",
    }


# The days of a clause


def test_the_days_of_the_commitment_prevail_and_its_last_version_holds(tmp_path: Path):
    tables = built(
        tmp_path,
        [
            line(month=month, person_id=person(month[-1]))
            for month in ("2024-04", "2024-05", "2026-09")
        ],
        [
            TERMS | {"start_date": "2024-05-02", "end_date": "2026-01-31"},
            TERMS | {"valid_from": "2025-10-01", "end_date": "2026-09-30"},
        ],
    )
    assert reasons(tables) == {
        "L2": ["outside_contract"],
        "L3": [],
        "L4": ["eligibility_ended"],
    }


def test_the_days_of_one_order_do_not_bound_those_of_another(tmp_path: Path):
    first = {"order_id": "1", "start_date": "2024-03-01", "end_date": "2024-06-30"}
    second = {"order_id": "2", "start_date": "2024-09-01", "end_date": "2024-12-31"}
    tables = built(
        tmp_path,
        [line(), line(month="2025-01")],
        [TERMS | first, TERMS | second | {"valid_from": "2024-09-01"}],
    )
    assert reasons(tables) == {"L2": [], "L3": ["outside_contract"]}


def test_an_amendment_of_the_register_extends_the_contract(tmp_path: Path):
    last = line(month="2026-05", eligible_from="2025-01-01")
    assert reasons(built(tmp_path / "without", [last])) == {"L2": ["outside_contract"]}
    tables = Tables(tmp_path / "with")
    with session() as connection:
        amended = f"select '{CONTRACT}' as uid, 30::integer as duration_months"
        tables.write(connection, "curated.amendments", amended)
    assert reasons(built(tmp_path / "with", [last])) == {"L2": []}


def test_a_contract_without_dates_sets_no_line_apart(tmp_path: Path):
    tables = built(tmp_path, [line(month="2024-01")], notified_date=None, duration_months=None)
    assert reasons(tables) == {"L2": []}


def test_a_permanent_hire_counts_for_as_long_as_the_commitment_says(tmp_path: Path):
    hired = {"work_contract_type": "CDI", "hire_date": "2022-03-20", "eligible_from": "2022-03-15"}
    terms = TERMS | {"permanent_hire_months": "48"}
    assert reasons(built(tmp_path / "a", [line(**hired)], [terms])) == {"L2": []}
    ended = built(tmp_path / "b", [line(**hired)], [TERMS])
    assert reasons(ended) == {"L2": ["eligibility_ended"]}


# Eligibility


def test_eligibility_comes_from_sheets_too_for_all_contracts_or_for_one(tmp_path: Path):
    bare = {"eligible_from": None}
    tables = built(
        tmp_path,
        [line(person_id=person(name), **bare) for name in "abcd"],
        participants=[
            {"person_id": person("a"), "eligible_from": "2024-01-01"},
            {"person_id": person("b"), "eligible_from": "2024-01-01"}
            | {"contract_reference": "2024-001", "buyer_id": BUYER},
            {"person_id": person("c"), "eligible_from": "2024-01-01"}
            | {"contract_reference": "2023-999", "buyer_id": BUYER},
        ],
    )
    assert reasons(tables) == {"L2": [], "L3": [], "L4": ["not_eligible"], "L5": ["not_eligible"]}


def test_the_end_of_an_eligibility_need_be_stated_once(tmp_path: Path):
    ended = {"person_id": person("a"), "eligible_from": "2024-01-01", "eligible_to": "2024-05-31"}
    tables = built(tmp_path, [line()], participants=[ended])
    assert reasons(tables) == {"L2": ["eligibility_ended"]}


# Retention


def settle(tables: Tables, *places: str) -> None:
    """Purge the person of some lines: what they became is settled."""
    about = [n for n, c in cards().tables["curated/hours"].columns.items() if c.about_person]
    listed = ", ".join(f"'{place}'" for place in places)
    with session() as connection:
        tables.write(
            connection,
            "privacy.settled",
            f"select * exclude ({', '.join(about)}) from {tables.scan('curated.hours')} "
            f"where source_pointer in ({listed})",
        )


def test_a_settled_line_keeps_what_it_became_even_without_its_file(tmp_path: Path):
    lines = [line(source_file="2024.csv"), line(month="2024-07", source_file="2025.csv")]
    lines.append(line(person_id=person("b"), month="2024-02", source_file="2024.csv"))
    before = built(tmp_path, lines)
    balance = (
        "select outcome, sum(hours_declared) as hours from curated.hours group by 1 order by 1"
    )
    figures = rows(before, balance)
    settle(before, "L2", "L4")
    blanked = [line(source_file="2024.csv", person_id=None, eligible_from=None), *lines[1:2]]
    for kept in (blanked, lines[1:2]):  # ingest blanks the person; then the file is gone
        stage(before, "hours", [row | {"source_pointer": f"L{n}"} for n, row in enumerate(kept, 2)])
        if len(kept) == 1:
            stage(before, "hours", [kept[0] | {"source_pointer": "L3"}])
        after = build_tables(before)
        assert rows(after, balance) == figures
        assert open_balances(after) == []
        named = rows(after, "select source_pointer from curated.hours where pseudonym is not null")
        assert named == [{"source_pointer": "L3"}]
        assert one(after, "select count(*) as n from curated.people") == {"n": 1}


def test_a_line_no_longer_settled_leaves_nothing_behind(tmp_path: Path):
    tables = built(tmp_path, [line()])
    settle(tables, "L2")
    build_tables(tables)
    tables.clear("privacy.settled")
    build_tables(tables)
    assert one(tables, "select count(*) as n from curated.hours") == {"n": 1}


# Many lines


def test_lines_judged_in_pieces_end_as_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = [
        line(person_id=person(name), month=f"2024-{month:02}", declared_hours=hours)
        for name in "abcdef0123"
        for month in (5, 6, 6)
        for hours in ("80", "90")
    ]
    query = "select * from curated.hours order by line_id"
    whole = rows(built(tmp_path / "whole", lines), query)
    monkeypatch.setattr(worked, "PIECE", 11)
    tables = built(tmp_path / "pieces", lines)
    assert len(list(tables.folder("curated.hours").glob("*.parquet"))) > 3
    assert rows(tables, query) == whole
    monkeypatch.undo()
    build_tables(tables)
    assert rows(tables, query) == whole


# People


def test_a_person_with_several_criteria_counts_once_at_the_main_one_of_the_year(tmp_path: Path):
    tables = built(
        tmp_path,
        [
            line(criteria="QPV|DELD", is_qpv=None),
            line(month="2024-07", criteria="QPV|DELD"),
            line(month="2025-07", criteria="RSA", eligible_from="2025-01-10"),
            line(person_id=person("b"), line_state="Déclarée"),
        ],
    )
    found = rows(tables, "from curated.people order by year")
    assert [
        (row["year"], row["main_criterion"], row["criterion_count"], row["is_qpv"]) for row in found
    ] == [(2024, "DELD", 2, True), (2025, "RSA", 3, True)]
    assert [(row["first_month"], row["last_month"]) for row in found] == [
        (date(2024, 6, 1), date(2025, 7, 1))
    ] * 2
    assert [row["hours_validated"] for row in found] == [200, 100]


def test_a_sex_that_contradicts_itself_is_unknown_and_counted_without_a_name(tmp_path: Path):
    tables = built(
        tmp_path,
        [line(sex="F"), line(person_id=person("b"), sex="H")],
        participants=[{"person_id": person("a"), "sex": "H"}, {"person_id": person("b")}],
    )
    found = rows(tables, "select sex from curated.people order by pseudonym")
    assert [row["sex"] for row in found] == [None, "male"]
    told = rows(
        tables,
        "select source_file, detail from quality.findings "
        "where rule = 'person_sex_contradictory' order by source_file",
    )
    assert [(row["source_file"], row["detail"]) for row in told] == [
        ("hours.csv", "1"),
        ("participants.csv", "1"),
    ]
    assert person("a") not in str(rows(tables, "from quality.findings"))


def test_the_age_band_is_that_of_the_year_and_the_exit_the_latest_known(tmp_path: Path):
    tables = built(
        tmp_path,
        [
            line(age_band="Moins de 26 ans"),
            line(age_band="De 26 à 40 ans", month="2025-06"),
        ],
        participants=[
            {"person_id": person("a"), "work_end_date": "2024-12-31"}
            | {"exit_status": "Recherche d'emploi", "exit_status_6_months": "Emploi durable"},
            {"person_id": person("a"), "work_end_date": "2025-12-31"}
            | {"exit_status": "Emploi de transition"},
        ],
    )
    found = rows(tables, "from curated.people order by year")
    assert [row["age_band"] for row in found] == ["1_under_26", "2_26_40"]
    assert {(row["exit_status"], row["exit_status_6_months"]) for row in found} == {
        ("transition", "sustainable")
    }


def test_what_is_not_known_of_a_person_stays_unknown(tmp_path: Path):
    tables = built(tmp_path, [line()])
    row = one(tables, "from curated.people")
    known = {"pseudonym", "year", "first_month", "last_month", "hours_validated"}
    assert {name for name, value in row.items() if value is not None} == known


# Whatever comes

amounts = st.sampled_from(["", "0", "12,5", "-3", "199", "250", "?"])
any_line = st.fixed_dictionaries(
    {
        "contract_reference": st.sampled_from(["2024-001", "2023-9", None]),
        "month": st.sampled_from(["2024-06", "2024-07", "2023-01", "x"]),
        "declared_hours": amounts,
        "validated_hours": amounts,
        "line_state": st.sampled_from(["Déclarée", "Validée", "Corrigée", "Rejetée", "?", None]),
        "person_id": st.sampled_from([person("a"), person("b"), None]),
        "eligible_from": st.sampled_from(["2024-01-01", "2024-07-01", "2021-01-01", None]),
        "criteria": st.sampled_from(["RSA", "QPV|RSA", None]),
        "sex": st.sampled_from(["F", "H", None]),
        "source_file": st.sampled_from(["a.csv", "b.csv"]),
    }
)


@settings(max_examples=max(1, settings().max_examples // 15))
@given(lines=st.lists(any_line, max_size=15))
def test_declared_is_what_becomes_of_it_line_by_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]]
):
    tables = built(tmp_path_factory.mktemp("lines"), [line(**cells) for cells in lines])
    found = rows(tables, "from curated.hours")
    assert len(found) == len(lines)
    for row in found:
        parts = [row[f"hours_{name}"] for name in BUCKETS]
        if row["hours_declared"] is None:
            assert set(parts) == {None}
        else:
            assert sum(parts, Decimal(0)) == row["hours_declared"]
            assert row["hours_difference"] == 0
    assert open_balances(tables) == []
    counted = one(tables, "from quality.balances where step = 'hours'")
    assert counted["records_in"] == len(lines)
    said = rows(
        tables, "select source_pointer, rule from quality.findings where rule like 'hours%'"
    )
    asked = {
        (row["source_pointer"], f"hours_{why}")
        for row in found
        for why in row["quarantine_reasons"]
    }
    assert {
        (row["source_pointer"], row["rule"])
        for row in said
        if row["rule"] not in {"hours_declared_assumed", "hours_lot_unclear"}
    } == asked
    published = [row for row in found if row["outcome"] in {"validated", "corrected"}]
    people = rows(tables, "select pseudonym, year, hours_validated from curated.people")
    assert sum((row["hours_validated"] for row in people), Decimal(0)) == sum(
        (row["hours_validated"] for row in published), Decimal(0)
    )


def test_the_checks_hold_and_an_hour_lost_blocks(tmp_path: Path):
    tables = built(tmp_path, [line(sex="F"), line(declared_hours=None)], [TERMS])
    for key in TABLES:
        assert [r.name for r in run_checks(cards().tables[key], tables) if not r.passed] == []
    with session() as connection:
        lost = "* replace (cast(0.01 as decimal(18,2)) as hours_difference)"
        query = f"select {lost} from {tables.scan('curated.hours')}"
        connection.execute(f"create table lost as {query}")
        tables.write(connection, "curated.hours", "from lost", "part-0000")
    failed = [r for r in run_checks(cards().tables["curated/hours"], tables) if not r.passed]
    assert [(result.name, result.blocks) for result in failed] == [("hours_balance_closes", True)]
