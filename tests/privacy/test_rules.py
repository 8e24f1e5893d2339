"""Thresholds: the strictest rule of a place, in force on a day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from spaser.cards import catalogue
from spaser.errors import InputError
from spaser.privacy import Rules, key_of, rules_on
from spaser.project import definitions_root

ROOT = definitions_root()


@pytest.mark.parametrize(
    ("at", "threshold"),
    [
        ({}, 5),
        ({"sex": "F"}, 5),
        ({"qpv": "yes", "buyer": "A"}, 5),
        ({"criterion": "SENIOR"}, 5),
        ({"criterion": "RSA"}, 11),
        ({"criterion": "ASS"}, 11),
        ({"criterion": "AAH"}, 11),
        ({"criterion": "TH"}, 11),
        ({"criterion": "DETENTION_MJ"}, 11),
        ({"criterion": "REF_DA"}, 11),
        ({"criterion": "TH", "sex": "F", "year": "2024"}, 11),
    ],
)
def test_the_thresholds_of_the_domain(at: dict[str, str], threshold: int, rules: Rules):
    assert rules.threshold(key_of("people", at)[1]) == threshold


def test_every_sensitive_criterion_has_the_high_threshold(rules: Rules):
    criteria = catalogue(ROOT / "assets").reference("eligibility_criteria")
    marked = {row["code"] for row in criteria if row["sensitive"] == "true"}
    assert len(marked) > 10
    assert {member for axis, member in rules.sensitive if axis == "criterion"} == marked
    assert {rules.threshold((("criterion", member),)) for member in marked} == {11}


def test_hidden_hours_stay_wide_by_people_and_by_volume(rules: Rules):
    small = key_of("hours", {"criterion": "RSA"})
    assert rules.width(small, Decimal(900)) == 11 * 35
    assert rules.width(small, Decimal(10000)) == Decimal(1500)


def test_a_starred_member_is_no_member():
    assert key_of("people", {"sex": "*", "buyer": "A"}) == key_of("people", {"buyer": "A"})


def test_the_day_chooses_the_rule(rule_rows: list[dict[str, str]]):
    old = {**rule_rows[0], "value": "10", "valid_from": "2010-01-01", "valid_to": "2018-05-24"}
    others = [{**row, "valid_from": "2010-01-01"} for row in rule_rows if row["measure"] == "hours"]
    rows = [old, rule_rows[0], *others]
    assert rules_on(rows, date(2018, 5, 24)).threshold(()) == 10
    assert rules_on(rows, date(2018, 5, 25)).threshold(()) == 5


def test_a_day_without_rules_publishes_nothing(rule_rows: list[dict[str, str]]):
    with pytest.raises(InputError, match=r"01/01/2001.*rien ne peut être publié") as caught:
        rules_on(rule_rows, date(2001, 1, 1))
    assert "2001-01-01" in caught.value.en


@pytest.mark.parametrize("change", [{"value": "eleven"}, {"valid_from": "2018"}])
def test_an_unreadable_row_is_named_by_its_line(
    change: dict[str, str], rule_rows: list[dict[str, str]]
):
    rows = [rule_rows[0], {**rule_rows[1], **change}, *rule_rows[2:]]
    with pytest.raises(InputError, match="ligne 3"):
        rules_on(rows, date(2026, 1, 1))


def test_every_rule_names_its_source(rule_rows: list[dict[str, str]]):
    assert all(row["source"] for row in rule_rows)
    assert {row["status"] for row in rule_rows} <= {"verified", "to_check"}
