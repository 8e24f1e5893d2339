"""Dated parameters: the day chooses the row; months on the calendar."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from spaser.cards import Catalogue
from spaser.hours.parameters import Settings, plus_months
from tests.curate.run import ROOT

REFERENCES = Catalogue(ROOT / "assets")
SETTINGS = Settings.of(REFERENCES.reference("insertion_settings"))


def test_the_24_months_rule_is_dated_and_to_check():
    assert SETTINGS.at("eligibility_months", day=date(2021, 3, 31)) is None
    found = SETTINGS.at("eligibility_months", day=date(2021, 4, 1))
    assert found is not None
    assert (found.value, found.unit, found.status) == (Decimal(24), "months", "to_check")


def test_the_divisors_are_the_three_published_ones():
    assert [int(row.value) for row in SETTINGS.history("fte_divisor")] == [1820, 1607, 1600]


def test_every_parameter_has_a_source_and_a_status():
    for row in SETTINGS.rows:
        assert row.source
        assert row.status in {"verified", "to_check"}
        assert SETTINGS.at(row.key, row.item, row.valid_from or date(2026, 1, 1)) == row


def test_two_rows_of_one_day_are_a_fault():
    with pytest.raises(ValueError, match="several rows"):
        Settings([*SETTINGS.rows, SETTINGS.rows[0]]).at("labour_share", "painting")


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 24, date(2026, 2, 28)),
        (date(2024, 11, 15), 2, date(2025, 1, 15)),
    ],
)
def test_months_later(day: date, months: int, expected: date):
    assert plus_months(day, months) == expected


@pytest.mark.parametrize("feeds", ["commitments", "hours", "invoiced"])
def test_the_fields_have_both_labels_and_no_free_text_of_a_person(feeds: str):
    rows = REFERENCES.reference(f"{feeds}_fields")
    names = [row["field"] for row in rows]
    assert len(set(names)) == len(names)
    assert all(row["label_fr"] and row["label_en"] for row in rows)
    assert not {"last_name", "first_name", "birth_date", "address", "comment"} & set(names)


def test_structures_have_one_row_each_and_the_clause_kinds_are_accepted():
    rows = {row["code"]: row for row in REFERENCES.reference("insertion_structures")}
    accepted = {code for code, row in rows.items() if row["accepted_for_clauses"] == "true"}
    assert {"EI", "ACI", "AI", "ETTI", "EA", "EATT", "ESAT"} <= accepted
