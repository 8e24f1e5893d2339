"""The life of a line: one outcome each, every reason named, and a balance that always closes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.cards import Catalogue
from spaser.hours.eligibility import PERIODS_SQL, register_settings
from spaser.hours.lines import (
    BUCKETS,
    Outcome,
    Reason,
    balance_sql,
    classify_sql,
    findings_sql,
    published_sql,
)
from spaser.hours.parameters import Settings
from spaser.warehouse import Connection, session
from tests.curate.run import ROOT

CARDS = Catalogue(ROOT / "assets")
SETTINGS = Settings.of(CARDS.reference("insertion_settings"))
LIMIT = Decimal(200)
MONEY = pa.decimal128(18, 2)
SCHEMA = pa.schema(
    [
        ("line_id", pa.string()),
        ("contract_uid", pa.string()),
        ("clause_key", pa.string()),
        ("commitment_id", pa.string()),
        ("company_id", pa.string()),
        ("pseudonym", pa.string()),
        ("month", pa.date32()),
        ("declared_hours", MONEY),
        ("validated_hours", MONEY),
        ("line_state", pa.string()),
        ("decided_date", pa.date32()),
        ("hour_kind", pa.string()),
        ("modality", pa.string()),
        ("work_contract_type", pa.string()),
        ("hire_date", pa.date32()),
        ("source_file", pa.string()),
        ("source_pointer", pa.string()),
    ]
)
JUNE = date(2025, 6, 1)


def line(line_id: str, **changes: Any) -> dict[str, Any]:
    """A line that nothing is wrong with, pending, unless it says otherwise."""
    given_values = {
        "line_id": line_id,
        "contract_uid": "A",
        "company_id": "E1",
        "pseudonym": f"p-{line_id}",
        "month": JUNE,
        "declared_hours": Decimal(100),
        "source_file": "releve.csv",
        "source_pointer": line_id,
    }
    row = dict.fromkeys(SCHEMA.names) | given_values | changes
    return row | {"clause_key": row["clause_key"] or row["contract_uid"]}


@pytest.fixture(scope="module")
def opened() -> Iterator[Connection]:
    with session() as connection:
        register_settings(connection, SETTINGS)
        connection.execute("""
            create temp table clause_terms as
            select * from (values
                ('A', date '2025-01-15', date '2025-12-20', null::integer),
                ('B', null, null, null),
                ('C', date '2023-01-01', date '2028-12-31', 48))
            t(clause_key, start_date, end_date, permanent_hire_months)""")
        yield connection


def classify(
    connection: Connection,
    lines: list[dict[str, Any]],
    decisions: list[tuple[str, str | None, date, date | None]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Each line's row; without decisions everyone is eligible from 2025 on."""
    connection.register("hour_lines", pa.Table.from_pylist(lines, schema=SCHEMA))
    if decisions is None:
        people = {item["pseudonym"] for item in lines} - {None}
        decisions = [(person, None, date(2025, 1, 1), None) for person in sorted(people)]
    columns = list(zip(*decisions, strict=True)) if decisions else [(), (), (), ()]
    kinds = [pa.string(), pa.string(), pa.date32(), pa.date32()]
    names = ["pseudonym", "contract_uid", "eligible_from", "eligible_to"]
    arrays = [pa.array(list(c), kind) for c, kind in zip(columns, kinds, strict=True)]
    connection.register("eligibility_decisions", pa.table(arrays, names=names))
    connection.execute(f"create or replace temp view eligibility_periods as {PERIODS_SQL}")
    connection.execute(f"create or replace temp table judged as {classify_sql(LIMIT)}")
    rows = connection.sql("from judged").to_arrow_table().to_pylist()
    return {row["line_id"]: row for row in rows}


def test_a_month_that_begins_after_the_day_of_the_report_is_set_apart(opened: Connection):
    rows = [line("L1"), line("L2", month=date(2025, 7, 1)), line("L3", month=date(2025, 8, 1))]
    classify(opened, rows)
    for at, expected in (
        (date(2025, 7, 1), {"L3": ["after_report_day"]}),
        (date(2025, 6, 30), {"L2": ["after_report_day"], "L3": ["after_report_day"]}),
        (None, {}),
    ):
        found = opened.execute(
            f"select line_id, quarantine_reasons from ({classify_sql(LIMIT, at)}) "
            "where outcome = 'quarantined'"
        ).fetchall()
        assert dict(found) == expected


def outcome_of(connection: Connection, changes: dict[str, Any]) -> tuple[str, list[str]]:
    row = classify(connection, [line("L1", **changes)])["L1"]
    return row["outcome"], row["quarantine_reasons"]


def hours(row: dict[str, Any]) -> dict[str, Decimal]:
    return {name: row[f"hours_{name}"] for name in BUCKETS if row[f"hours_{name}"]}


@pytest.mark.parametrize(
    ("changes", "outcome", "expected"),
    [
        ({}, "pending", {"pending": 100}),
        ({"line_state": "declared", "validated_hours": Decimal(0)}, "pending", {"pending": 100}),
        ({"validated_hours": Decimal(0)}, "pending", {"pending": 100}),
        ({"line_state": "validated"}, "validated", {"validated": 100}),
        ({"validated_hours": Decimal(100)}, "validated", {"validated": 100}),
        (
            {"line_state": "corrected", "validated_hours": Decimal(80)},
            "corrected",
            {"validated": 80, "corrected_away": 20},
        ),
        (
            {"line_state": "validated", "validated_hours": Decimal(80)},
            "corrected",
            {"validated": 80, "corrected_away": 20},
        ),
        (
            {"line_state": "corrected", "validated_hours": Decimal(120)},
            "corrected",
            {"validated": 120, "corrected_away": -20},
        ),
        (
            {"line_state": "corrected", "validated_hours": Decimal(0)},
            "corrected",
            {"corrected_away": 100},
        ),
        ({"line_state": "rejected"}, "rejected", {"rejected": 100}),
    ],
)
def test_what_the_facilitator_decided(
    opened: Connection, changes: dict[str, Any], outcome: str, expected: dict[str, int]
):
    row = classify(opened, [line("L1", **changes)])["L1"]
    assert (row["outcome"], row["quarantine_reasons"]) == (outcome, [])
    assert hours(row) == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"contract_uid": None}, Reason.UNKNOWN_CONTRACT),
        ({"contract_uid": "Z"}, Reason.UNKNOWN_CONTRACT),
        ({"month": None}, Reason.UNKNOWN_MONTH),
        ({"declared_hours": None}, Reason.UNKNOWN_HOURS),
        ({"declared_hours": Decimal("-0.01")}, Reason.NEGATIVE),
        ({"declared_hours": Decimal("200.01")}, Reason.OVER_MONTH_LIMIT),
        ({"month": date(2026, 1, 1)}, Reason.OUTSIDE_CONTRACT),
        ({"pseudonym": None}, Reason.UNKNOWN_PERSON),
        ({"line_state": "corrected"}, Reason.DECISION_UNCLEAR),
        ({"line_state": "rejected", "validated_hours": Decimal(5)}, Reason.DECISION_UNCLEAR),
        ({"line_state": "declared", "validated_hours": Decimal(5)}, Reason.DECISION_UNCLEAR),
        ({"line_state": "peut-être"}, Reason.DECISION_UNCLEAR),
    ],
)
def test_a_line_that_cannot_be_right_is_set_apart_whole(
    opened: Connection, changes: dict[str, Any], reason: Reason
):
    row = classify(opened, [line("L1", **changes)])["L1"]
    assert (row["outcome"], row["quarantine_reasons"]) == ("quarantined", [reason])
    assert row["hours_quarantined"] == row["declared_hours"]
    assert row["hours_validated"] in {0, None}


def test_a_validated_line_outside_the_rules_is_still_set_apart(opened: Connection):
    changes = {
        "line_state": "validated",
        "month": date(2024, 12, 1),
        "declared_hours": Decimal(201),
    }
    assert outcome_of(opened, changes) == (
        "quarantined",
        ["outside_contract", "not_eligible", "over_month_limit"],
    )


def test_a_rejected_line_needs_no_quarantine(opened: Connection):
    changes = {"line_state": "rejected", "contract_uid": None, "declared_hours": Decimal(-5)}
    assert outcome_of(opened, changes) == ("rejected", [])


@pytest.mark.parametrize("month", [date(2025, 1, 1), date(2025, 12, 1)])
def test_the_months_of_the_first_and_last_day_are_within_the_contract(
    opened: Connection, month: date
):
    assert outcome_of(opened, {"month": month}) == ("pending", [])


def test_unknown_contract_dates_are_no_reason(opened: Connection):
    assert outcome_of(opened, {"contract_uid": "B", "month": date(2026, 3, 1)})[1] == []


def test_200_hours_exactly_are_within_the_limit(opened: Connection):
    assert outcome_of(opened, {"declared_hours": Decimal(200)}) == ("pending", [])


def test_the_month_of_a_person_is_summed_over_contracts(opened: Connection):
    found = classify(
        opened,
        [
            line("L1", pseudonym="p", declared_hours=Decimal(120)),
            line("L2", pseudonym="p", declared_hours=Decimal(81), contract_uid="B"),
            line("L3", pseudonym="p", month=date(2025, 7, 1), declared_hours=Decimal(150)),
        ],
    )
    assert {key: row["quarantine_reasons"] for key, row in found.items()} == {
        "L1": ["over_month_limit"],
        "L2": ["over_month_limit"],
        "L3": [],
    }


def test_what_was_corrected_or_rejected_no_longer_weighs_on_the_month(opened: Connection):
    corrected = {"line_state": "corrected", "validated_hours": Decimal(100)}
    found = classify(
        opened,
        [
            line("L1", pseudonym="p", declared_hours=Decimal(250), **corrected),
            line("L2", pseudonym="p", contract_uid="B", declared_hours=Decimal(90)),
            line("L3", pseudonym="p", contract_uid="C", line_state="rejected"),
        ],
    )
    assert [row["outcome"] for row in found.values()] == ["corrected", "pending", "rejected"]


def test_a_return_sent_twice_counts_once(opened: Connection):
    twice = {"pseudonym": "p", "declared_hours": Decimal(120)}
    found = classify(opened, [line("L1", **twice), line("L2", **twice)])
    assert found["L1"]["outcome"] == "pending"  # and its month has 120 hours, not 240
    assert found["L2"]["quarantine_reasons"] == ["duplicate"]


def test_lines_that_differ_contradict_and_none_counts(opened: Connection):
    found = classify(
        opened,
        [
            line("L1", pseudonym="p", declared_hours=Decimal(60)),
            line("L2", pseudonym="p", declared_hours=Decimal(60), company_id="E2"),
        ],
    )
    assert [row["quarantine_reasons"] for row in found.values()] == [["duplicate_differs"]] * 2


def test_training_beside_work_and_a_rejected_line_are_no_duplicates(opened: Connection):
    found = classify(
        opened,
        [
            line("L1", pseudonym="p"),
            line("L2", pseudonym="p", hour_kind="training", declared_hours=Decimal(20)),
            line("L3", pseudonym="p", declared_hours=Decimal(30), line_state="rejected"),
        ],
    )
    assert [row["outcome"] for row in found.values()] == ["pending", "pending", "rejected"]


VALIDATED = {"line_state": "validated"}
REJECTED = {"line_state": "rejected"}
JULY, AUGUST = {"decided_date": date(2025, 7, 1)}, {"decided_date": date(2025, 8, 1)}


def corrected(hours: int) -> dict[str, Any]:
    """A correction to some hours."""
    return {"line_state": "corrected", "validated_hours": Decimal(hours)}


CLAIMS: list[tuple[str, list[dict[str, Any]], list[str]]] = [
    ("declared, then validated", [{}, VALIDATED], ["duplicate", "validated"]),
    ("declared, then rejected", [{}, REJECTED], ["duplicate", "rejected"]),
    ("declared, then corrected", [{}, corrected(90)], ["duplicate", "corrected"]),
    ("declared twice, then validated", [{}, {}, VALIDATED], ["duplicate"] * 2 + ["validated"]),
    (
        "a company that is not written",
        [{}, VALIDATED | {"company_id": None}],
        ["duplicate", "validated"],
    ),
    (
        "a company that the decision writes",
        [{"company_id": None}, VALIDATED],
        ["duplicate", "validated"],
    ),
    (
        "corrected twice",
        [corrected(90) | JULY, corrected(85) | AUGUST],
        ["duplicate", "corrected"],
    ),
    (
        "validated, then rejected",
        [VALIDATED | JULY, REJECTED | AUGUST],
        ["duplicate", "rejected"],
    ),
    (
        "rejected, then validated",
        [REJECTED | JULY, VALIDATED | AUGUST],
        ["duplicate", "validated"],
    ),
    ("rejected twice", [REJECTED, REJECTED], ["rejected", "duplicate"]),
    (
        "validated twice, the hours written once",
        [VALIDATED, VALIDATED | {"validated_hours": Decimal(100)}],
        ["validated", "duplicate"],
    ),
    (
        "declared, and two decisions on one day",
        [{}, corrected(90) | JULY, corrected(85) | JULY],
        ["duplicate", "duplicate_differs", "duplicate_differs"],
    ),
    (
        "two decisions, one without a date",
        [corrected(90), corrected(85) | AUGUST],
        ["duplicate_differs"] * 2,
    ),
    (
        "validated and rejected, without dates",
        [VALIDATED, REJECTED],
        ["duplicate_differs"] * 2,
    ),
    (
        "validated for other hours than those declared",
        [{}, VALIDATED | {"declared_hours": Decimal(90)}],
        ["duplicate_differs"] * 2,
    ),
    (
        "validated for another company",
        [{}, VALIDATED | {"company_id": "E2"}],
        ["duplicate_differs"] * 2,
    ),
    (
        "a later correction that does not say its hours",
        [VALIDATED | JULY, {"line_state": "corrected"} | AUGUST],
        ["duplicate", "decision_unclear"],
    ),
    (
        "a return with hours validated that it may not decide",
        [{"line_state": "declared", "validated_hours": Decimal(5)}, VALIDATED],
        ["decision_unclear+duplicate", "validated"],
    ),
    (
        "rejected, then declared anew with other hours",
        [{}, REJECTED, {"declared_hours": Decimal(80)}],
        ["duplicate", "rejected", "pending"],
    ),
]


@pytest.mark.parametrize(
    ("lines", "ends"), [case[1:] for case in CLAIMS], ids=[case[0] for case in CLAIMS]
)
def test_what_is_decided_supersedes_what_is_not_and_the_latest_decision_the_others(
    opened: Connection, lines: list[dict[str, Any]], ends: list[str]
):
    made = [line(f"L{n}", pseudonym="p", **changes) for n, changes in enumerate(lines)]
    found = classify(opened, made)
    assert ["+".join(row["quarantine_reasons"]) or row["outcome"] for row in found.values()] == ends


def test_the_decision_of_one_kind_of_hours_or_contract_is_not_that_of_another(opened: Connection):
    found = classify(
        opened,
        [
            line("L1", pseudonym="p", declared_hours=Decimal(50)),
            line(
                "L2", pseudonym="p", declared_hours=Decimal(50), hour_kind="training", **VALIDATED
            ),
            line("L3", pseudonym="p", declared_hours=Decimal(50), contract_uid="B", **VALIDATED),
            line("L4", declared_hours=Decimal(50), **VALIDATED),
        ],
    )
    assert [row["outcome"] for row in found.values()] == ["pending"] + ["validated"] * 3


def test_lines_set_apart_for_another_reason_take_no_good_line_with_them(opened: Connection):
    found = classify(
        opened,
        [
            line("L1", pseudonym="p", declared_hours=Decimal(110)),
            line("L2", pseudonym="p", declared_hours=Decimal(95)),
            line("L3", pseudonym="p", declared_hours=Decimal(30), contract_uid="B"),
            line("L4", pseudonym="q", declared_hours=Decimal(150), contract_uid=None),
            line("L5", pseudonym="q", declared_hours=Decimal(150)),
        ],
    )
    assert {key: row["quarantine_reasons"] for key, row in found.items()} == {
        "L1": ["duplicate_differs", "over_month_limit"],
        "L2": ["duplicate_differs", "over_month_limit"],
        "L3": [],
        "L4": ["unknown_contract", "over_month_limit"],
        "L5": [],
    }


def test_only_validated_hours_given_are_taken_as_declared_and_said(opened: Connection):
    row = classify(opened, [line("L1", declared_hours=None, validated_hours=Decimal(70))])["L1"]
    assert (row["outcome"], row["hours_declared"], row["is_declared_assumed"]) == (
        "validated",
        70,
        True,
    )


def test_eligibility_by_month_person_and_contract(opened: Connection):
    decisions = [
        ("early", None, date(2025, 6, 30), None),
        ("late", None, date(2025, 7, 1), None),
        ("ended", None, date(2025, 1, 1), date(2025, 5, 31)),
        ("last", None, date(2025, 1, 1), date(2025, 6, 1)),
        ("other", "B", date(2025, 1, 1), None),
        ("again", None, date(2022, 1, 1), None),
        ("again", None, date(2025, 5, 1), None),
        ("old", None, date(2023, 6, 1), None),
        ("edge", None, date(2023, 6, 2), None),
    ]
    people = sorted({person for person, *_ in decisions})
    found = classify(opened, [line(name, pseudonym=name) for name in people], decisions)
    assert {name: row["quarantine_reasons"] for name, row in found.items()} == {
        "again": [],
        "early": [],
        "edge": [],  # 24 months end on 2 June: the month counts
        "ended": ["eligibility_ended"],
        "last": [],
        "late": ["not_eligible"],
        "old": ["eligibility_ended"],
        "other": ["not_eligible"],
    }


def test_eligibility_is_not_judged_where_the_contract_is_unknown(opened: Connection):
    decided = [("p", "A", date(2025, 1, 1), None)]
    found = classify(opened, [line("L1", pseudonym="p", contract_uid=None)], decided)
    assert found["L1"]["quarantine_reasons"] == ["unknown_contract"]


def test_a_permanent_hire_counts_longer_where_the_contract_says_so(opened: Connection):
    decisions = [("p", None, date(2023, 1, 1), None)]
    hired = {"work_contract_type": "permanent", "hire_date": date(2023, 2, 1)}
    for contract, extra, reasons in [
        ("C", hired, []),
        ("C", {}, ["eligibility_ended"]),
        ("C", hired | {"hire_date": date(2025, 2, 1)}, ["eligibility_ended"]),
        ("C", hired | {"month": date(2027, 2, 1)}, ["eligibility_ended"]),
        ("B", hired, ["eligibility_ended"]),
    ]:
        found = classify(
            opened, [line("L1", pseudonym="p", contract_uid=contract) | extra], decisions
        )
        assert found["L1"]["quarantine_reasons"] == reasons, (contract, extra)


def test_only_validated_hours_are_published(opened: Connection):
    corrected = {"line_state": "corrected", "validated_hours": Decimal(0)}
    classify(
        opened,
        [
            line("L1", line_state="validated"),
            line("L2"),
            line("L3", **corrected),
            line("L4", line_state="rejected"),
            line("L5", line_state="validated", pseudonym=None),
        ],
    )
    assert [row[0] for row in opened.sql(published_sql("judged")).fetchall()] == ["L1"]


def test_every_line_set_apart_has_a_finding_for_each_reason_that_names_nobody(opened: Connection):
    lines = [
        line("L1", pseudonym="person-7", contract_uid=None, declared_hours=Decimal("-3.21")),
        line("L2"),
    ]
    classify(opened, lines)
    found = opened.sql(findings_sql("judged")).fetchall()
    assert [row[:5] for row in found] == [
        ("hours_negative", "releve.csv", "L1", "curated.hours", None),
        ("hours_unknown_contract", "releve.csv", "L1", "curated.hours", None),
    ]
    assert "person-7" not in str(found)
    assert "3.21" not in str(found)


def test_every_reason_has_its_finding_rule():
    assert {f"hours_{reason}" for reason in Reason} <= set(CARDS.rules)


def test_the_balance_by_contract(opened: Connection):
    classify(
        opened,
        [
            line("L1", line_state="corrected", validated_hours=Decimal(80)),
            line("L2", contract_uid="B"),
            line("L3", contract_uid="B", declared_hours=None),
        ],
    )
    rows = opened.sql(balance_sql("judged", ["contract_uid"])).to_arrow_table().to_pylist()
    assert [(r["contract_uid"], r["lines"], r["lines_without_hours"]) for r in rows] == [
        ("A", 1, 0),
        ("B", 2, 1),
    ]
    assert rows[0]["hours_corrected_away"] == 20
    assert rows[1]["hours_pending"] == 100


STATES = [None, "declared", "validated", "corrected", "rejected", "?"]
amounts = st.none() | st.decimals(-50, 300, places=2)
random_lines = st.lists(
    st.fixed_dictionaries(
        {
            "contract_uid": st.sampled_from([None, "A", "B", "C", "Z"]),
            "company_id": st.sampled_from([None, "E1", "E2"]),
            "pseudonym": st.sampled_from([None, "p1", "p2", "p3"]),
            "month": st.sampled_from([None, JUNE, date(2024, 1, 1), date(2027, 5, 1)]),
            "declared_hours": amounts,
            "validated_hours": amounts,
            "line_state": st.sampled_from(STATES),
            "decided_date": st.sampled_from([None, date(2025, 7, 1), date(2025, 8, 1)]),
            "hour_kind": st.sampled_from([None, "work", "training"]),
            "work_contract_type": st.sampled_from([None, "permanent"]),
            "hire_date": st.sampled_from([None, date(2024, 3, 1)]),
        }
    ),
    max_size=12,
)
random_decisions = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2"]),
        st.sampled_from([None, "A"]),
        st.sampled_from([date(2020, 1, 1), date(2024, 1, 1), date(2025, 6, 15)]),
        st.sampled_from([None, date(2025, 6, 20)]),
    ),
    max_size=4,
)


@given(changes=random_lines, decisions=random_decisions)
def test_whatever_the_lines_the_balance_closes(
    opened: Connection,
    changes: list[dict[str, Any]],
    decisions: list[tuple[str, str | None, date, date | None]],
):
    lines = [line(f"L{number:02}", **change) for number, change in enumerate(changes)]
    found = classify(opened, lines, decisions)
    assert sorted(found) == [item["line_id"] for item in lines]
    for row in found.values():
        parts = [row[f"hours_{name}"] for name in BUCKETS]
        assert parts.count(None) in {0, len(parts)}
        if row["hours_declared"] is not None:
            assert sum(parts) == row["hours_declared"]
        assert (row["outcome"] == Outcome.QUARANTINED) == bool(row["quarantine_reasons"])
        assert row["outcome"] in set(Outcome)
        if row["outcome"] in {Outcome.VALIDATED, Outcome.CORRECTED}:
            assert row["hours_validated"] >= 0
            assert row["hours_declared"] >= 0
    (balance,) = opened.sql(balance_sql("judged")).to_arrow_table().to_pylist()
    assert balance["lines"] == len(lines)
    assert (balance["difference_lines"], balance["difference_hours"]) == (0, 0)
    asked = {
        (row["line_id"], reason) for row in found.values() for reason in row["quarantine_reasons"]
    }
    said = {
        (pointer, rule.removeprefix("hours_"))
        for rule, _, pointer, *_ in opened.sql(findings_sql("judged")).fetchall()
    }
    assert said == asked


@settings(max_examples=max(1, settings().max_examples // 4))
@given(changes=random_lines)
def test_the_order_of_the_lines_does_not_matter(opened: Connection, changes: list[dict[str, Any]]):
    lines = [line(f"L{number:02}", **change) for number, change in enumerate(changes)]
    assert classify(opened, lines) == classify(opened, lines[::-1])
