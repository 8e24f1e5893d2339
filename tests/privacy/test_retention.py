"""What is due for erasure, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from spaser.errors import InputError
from spaser.privacy.retention import retention, retention_rules
from spaser.warehouse import session
from tests.curate.run import CARDS
from tests.privacy.ground import DAY, Ground, Line, Sheet

LOG, SHEETS = "data/raw/x/heures-2022.csv", "data/raw/x/participants.csv"
RULE = CARDS.reference("retention_rules")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with session() as connection:
        yield Ground(tmp_path, connection)


def due(ground: Ground, as_of: date = DAY) -> int:
    return retention(ground.tables, ground.cards, as_of).lines_due


@pytest.mark.parametrize(
    ("as_of", "lines"),
    [
        (date(2024, 5, 31), 0),  # the 24 months of the rule end with this day
        (date(2024, 6, 1), 1),
    ],
)
def test_a_line_is_kept_for_24_whole_months_after_the_last_hour(
    ground: Ground, as_of: date, lines: int
) -> None:
    ground.build([Line("A", "2022-05-01", LOG, 2)])
    assert due(ground, as_of) == lines


def test_every_line_of_a_person_waits_for_the_last_one(ground: Ground) -> None:
    ground.build([Line("A", "2019-01-01", LOG, 2), Line("A", "2025-01-01", LOG, 3)])
    assert due(ground) == 0


def test_a_line_that_was_set_apart_is_a_line_of_the_person_too(ground: Ground) -> None:
    old, late = Line("A", "2019-01-01", LOG, 2), Line("A", "2025-01-01", LOG, 3)
    ground.build([old, Line(**(vars(late) | {"outcome": "quarantined"}))])
    assert due(ground) == 0


def test_a_month_in_the_future_keeps_nobody(ground: Ground) -> None:
    ground.build([Line("A", "2019-01-01", LOG, 2), Line("A", "2099-01-01", LOG, 3)])
    assert due(ground) == 2


def test_a_new_eligibility_puts_the_date_off(ground: Ground) -> None:
    ground.build(
        [Line("A", "2019-01-01", LOG, 2)], [Sheet("A", SHEETS, 2, eligible_from="2025-09-01")]
    )
    assert due(ground) == 0


def test_without_hours_the_sheet_s_last_date_counts(ground: Ground) -> None:
    ground.build(
        sheets=[
            Sheet("A", SHEETS, 2, proof_date="2020-01-15"),
            Sheet("B", SHEETS, 3, proof_date="2025-01-15"),
        ]
    )
    found = retention(ground.tables, ground.cards, DAY)
    assert (found.people, found.people_due, found.lines_due) == (2, 1, 1)


def test_what_has_no_date_is_never_due_and_is_counted(ground: Ground) -> None:
    ground.build(sheets=[Sheet("A", SHEETS, 2)])
    found = retention(ground.tables, ground.cards, DAY)
    assert (found.lines_due, found.undated) == (0, 1)


def test_a_line_that_names_nobody_but_says_a_sex_goes_by_its_own_month(ground: Ground) -> None:
    ground.build(
        [
            Line(None, "2019-01-01", LOG, 2),
            Line(None, "2025-01-01", LOG, 3),
            Line(None, "2019-01-01", LOG, 4, sex=None),  # says nothing of anybody
        ]
    )
    found = retention(ground.tables, ground.cards, DAY)
    assert (found.people, sum(row.lines for row in found.held), found.lines_due) == (0, 2, 1)


def test_counts_are_by_file_kind_and_year(ground: Ground) -> None:
    ground.build(
        [
            Line("A", "2021-12-01", LOG, 2),
            Line("A", "2022-01-01", LOG, 3),
            Line("B", "2025-06-01", LOG, 4),
        ],
        [Sheet("A", SHEETS, 2, eligible_from="2021-11-02")],
    )
    held = retention(ground.tables, ground.cards, DAY).held
    assert [(row.kind, row.year, row.source_file, row.lines, row.due) for row in held] == [
        ("hours", 2021, LOG, 1, 1),
        ("hours", 2022, LOG, 1, 1),
        ("hours", 2025, LOG, 1, 0),
        ("participants", 2021, SHEETS, 1, 1),
    ]


def test_a_scheme_without_tables_says_to_run_it(ground: Ground) -> None:
    with pytest.raises(InputError, match="spaser run"):
        retention(ground.tables, ground.cards, DAY)


def test_the_rule_of_persons_is_to_be_confirmed_and_says_its_source() -> None:
    rule = retention_rules(RULE, DAY)["person_lines"]
    assert (rule.months, rule.status) == (24, "to_check")
    assert "JORFTEXT000043274920" in rule.source


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"months": "deux ans"}, "ligne 2"),
        ({"months": "-1"}, "ligne 2"),
        ({"valid_from": "hier"}, "ligne 2"),
        ({"months": ""}, "pas de durée"),
        ({"valid_from": "2030-01-01"}, "pas de durée"),
    ],
)
def test_a_wrong_rule_is_one_message(change: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        retention_rules([RULE[0] | change], DAY)


def test_two_rules_on_one_day_are_refused() -> None:
    with pytest.raises(InputError, match="deux règles"):
        retention_rules([RULE[0], RULE[0]], DAY)


def test_the_rule_of_the_day_is_taken() -> None:
    earlier = RULE[0] | {"valid_to": "2025-12-31"}
    later = RULE[0] | {"valid_from": "2026-01-01", "months": "12"}
    assert retention_rules([earlier, later], date(2025, 12, 31))["person_lines"].months == 24
    assert retention_rules([earlier, later], date(2026, 1, 1))["person_lines"].months == 12
