"""Criteria and proofs; people counted once, by their main criterion; G13."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.cards import Catalogue
from spaser.hours.eligibility import (
    PERIODS_SQL,
    Proof,
    criteria_of,
    main_criteria_sql,
    main_criterion,
    proof_state,
    register_criteria,
    register_settings,
)
from spaser.hours.parameters import Settings, half_up
from spaser.values import normalise
from spaser.warehouse import Connection, session
from tests.curate.run import ROOT

REFERENCES = Catalogue(ROOT / "assets")
ROWS = REFERENCES.reference("eligibility_criteria")
CRITERIA = criteria_of(ROWS)
BY_CODE = {criterion.code: criterion for criterion in CRITERIA}
SETTINGS = Settings.of(REFERENCES.reference("insertion_settings"))


@pytest.fixture(scope="module")
def connection():
    with session() as opened:
        register_criteria(opened, CRITERIA)
        register_settings(opened, SETTINGS)
        yield opened


@pytest.mark.real_data
def test_the_criteria_are_those_of_the_platform_with_their_levels(real_data: Path):
    path = real_data / "insertion" / "administrative_criteria_iae.json"
    theirs = {
        row["fields"]["kind"]: int(row["fields"]["level"])
        for row in json.loads(path.read_text(encoding="utf-8"))
    }
    assert {code: BY_CODE[code].level for code in theirs} == theirs
    geiq = json.loads(path.with_name("administrative_criteria_geiq.json").read_text("utf-8"))
    assert {row["fields"]["kind"] for row in geiq} <= set(BY_CODE)


def test_sensitive_criteria_are_those_of_the_stricter_threshold():
    sensitive = {criterion.code for criterion in CRITERIA if criterion.sensitive}
    assert {"RSA", "ASS", "AAH", "TH", "DETENTION_MJ", "REF_DA"} <= sensitive
    assert not sensitive & {"QPV", "JEUNE", "SENIOR", "DELD", "DETLD"}


def test_no_spelling_stands_for_two_criteria():
    seen: dict[str, str] = {}
    for row in ROWS:
        for text in (row["label_fr"], *row["spellings"].split("|")):
            assert seen.setdefault(normalise(text), row["code"]) == row["code"], text


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["QPV", "RSA"], "RSA"),
        (["TH", "JEUNE"], "JEUNE"),
        (["JEUNE_SQ", "FLE"], "FLE"),
        (["inconnu", "AVIS_MOTIVE"], "AVIS_MOTIVE"),
        (["zz", "inconnu"], "inconnu"),
        ([], None),
    ],
)
def test_level_1_then_2_then_none_then_the_order_of_the_table(codes: list[str], expected: str):
    assert main_criterion(codes, CRITERIA) == expected


def test_a_code_twice_in_the_table_is_a_fault():
    with pytest.raises(ValueError, match="twice"):
        criteria_of([*ROWS, ROWS[0]])


@pytest.mark.parametrize(
    ("code", "proof", "state"),
    [
        ("RSA", date(2025, 1, 16), Proof.VALID),
        ("RSA", date(2025, 1, 15), Proof.EXPIRED),
        ("QPV", date(2024, 10, 16), Proof.VALID),
        ("ASE", date(2024, 4, 15), Proof.EXPIRED),
        ("RSA", date(2025, 4, 16), Proof.LATER),
        ("RSA", None, Proof.UNDATED),
        ("TH", None, Proof.DATELESS),
    ],
)
def test_a_proof_is_young_enough_at_hiring(code: str, proof: date | None, state: Proof):
    assert proof_state(BY_CODE[code], proof, date(2025, 4, 15)) is state


def people(connection: Connection, rows: list[tuple[str, str | None, date | None]]) -> None:
    schema = pa.schema(
        [("pseudonym", pa.string()), ("criterion", pa.string()), ("eligible_from", pa.date32())]
    )
    table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=schema)
    connection.register("person_criteria", table)


def test_a_later_decision_does_not_change_a_past_year(connection: Connection):
    people(
        connection,
        [
            ("p1", "QPV", date(2024, 3, 1)),
            ("p1", "RSA", date(2025, 3, 1)),
            ("p2", "??", None),
            ("p3", None, None),
        ],
    )
    past = connection.sql(main_criteria_sql("date '2024-12-31'")).fetchall()
    assert past == [("p1", "QPV", 1), ("p2", "??", 1)]
    assert connection.sql(main_criteria_sql()).fetchall()[0] == ("p1", "RSA", 2)


def test_g13_people_of_many_sites_count_once(connection: Connection):
    """122 schools and 26 associations under one contract: 913 people, 687 of them on the RSA."""
    rows: list[tuple[str, str | None, date | None]] = []
    for number in range(913):
        codes = ["RSA", "QPV"] if number < 687 else ["JEUNE", "QPV"]
        # Once a school and association: a person met in several is still one.
        for _site in {number % 122, number % 26}:
            rows += [(f"p{number}", code, date(2025, 1, 1)) for code in codes]
    people(connection, rows)
    counted = connection.sql(
        f"select count(*), count(*) filter (where main_criterion = 'RSA') "
        f"from ({main_criteria_sql()})"
    ).fetchall()
    assert counted == [(913, 687)]
    assert (
        half_up(Fraction(687, 913) * 100, 1).as_tuple() == half_up(Fraction("75.2"), 1).as_tuple()
    )


codes = st.sampled_from([criterion.code for criterion in CRITERIA])


@given(pairs=st.lists(st.tuples(st.integers(0, 4), codes), min_size=1, max_size=12))
def test_sql_and_python_give_the_same_main_criterion(
    connection: Connection, pairs: list[tuple[int, str]]
):
    people(connection, [(f"p{number}", code, None) for number, code in pairs])
    found = {row[0]: row[1] for row in connection.sql(main_criteria_sql()).fetchall()}
    expected = {
        f"p{number}": main_criterion([code for other, code in pairs if other == number], CRITERIA)
        for number, _ in pairs
    }
    assert found == expected


def test_eligibility_ends_at_the_stated_day_or_by_the_rule(connection: Connection):
    connection.execute("""
        create or replace temp view eligibility_decisions as
        select * from (values ('p1', null, date '2024-01-15', null),
            ('p2', 'A', date '2024-01-15', date '2024-12-31'),
            ('p3', null, date '2024-01-15', date '2030-01-01'),
            ('p4', null, date '2020-01-15', null),
            ('p5', null, null, date '2024-01-01'))
        t(pseudonym, contract_uid, eligible_from, eligible_to)""")
    found = connection.sql(
        f"select pseudonym, ends_before from ({PERIODS_SQL}) order by pseudonym"
    ).fetchall()
    assert found == [
        ("p1", date(2026, 1, 15)),
        ("p2", date(2025, 1, 1)),
        ("p3", date(2026, 1, 15)),
        ("p4", None),  # before the rule
    ]
