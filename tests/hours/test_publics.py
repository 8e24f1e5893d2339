"""People of an operation for its internal sheet: each once, what is unknown said so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pyarrow as pa

from spaser import hours
from spaser.warehouse import Tables, session
from tests.curate.run import CARDS, rows

LINES = [
    ("OP", "p1", 2024, "validated", "10"),
    ("OP", "p1", 2025, "validated", "5"),
    ("OP", "p2", 2025, "corrected", "7"),
    ("OP", "p3", 2025, "pending", "0"),
    ("OTHER", "p2", 2025, "validated", "1"),
    ("OP", None, 2025, "validated", "2"),
]
PEOPLE = [
    ("p1", 2024, "female", None, "RSA", None),
    ("p1", 2025, "female", True, "QPV", "sustainable"),
    ("p2", 2025, None, False, "RSA", None),
]


def build(tables: Tables, erased: Sequence[tuple[str, int, int]] = ()) -> list[dict[str, object]]:
    lines = {
        "commitment_id": [line[0] for line in LINES],
        "pseudonym": [line[1] for line in LINES],
        "month": pa.array([date(line[2], 3, 1) for line in LINES]),
        "year": [line[2] for line in LINES],
        "outcome": [line[3] for line in LINES],
        "hours_validated": pa.array([Decimal(line[4]) for line in LINES], pa.decimal128(18, 2)),
    }
    names = ("pseudonym", "year", "sex", "is_qpv", "main_criterion", "exit_status")
    people = [dict(zip(names, person, strict=True)) for person in PEOPLE]
    absent = ("age_band", "training_level", "exit_status_6_months", "exit_status_12_months")
    with session() as connection:
        connection.register("lines", pa.table(lines))
        connection.register("people", pa.Table.from_pylist(people))
        tables.write(connection, "curated.hours", "select * from lines")
        for operation, year, people in erased:
            settled = f"select '{operation}' commitment_id, {year} as year, {people} as people"
            tables.write(connection, "privacy.settled_people", settled, str(year))
        empty = ", ".join(f"null::varchar as {name}" for name in absent)
        tables.write(connection, "curated.people", f"select *, {empty} from people")
    hours.build(tables, CARDS, "curated/operation_people")
    return rows(tables, "select * from curated.operation_people where operation_id = 'OP'")


def test_a_person_counts_once_as_known_in_the_last_year(tmp_path) -> None:
    found = {
        (row["axis"], row["member"]): (row["people"], row["hours"])
        for row in build(Tables(tmp_path))
    }
    assert found["sex", "female"] == (1, Decimal("15.00"))
    assert found["sex", "unknown"] == (1, Decimal("7.00"))
    assert found["criterion", "QPV"] == (1, Decimal("15.00"))
    assert found["criterion", "RSA"] == (1, Decimal("7.00"))
    assert (found["qpv", "yes"], found["qpv", "no"]) == (
        (1, Decimal("15.00")),
        (1, Decimal("7.00")),
    )
    assert found["exit_status", "sustainable"] == (1, Decimal("15.00"))


def test_every_axis_counts_the_same_people(tmp_path) -> None:
    found = build(Tables(tmp_path))
    axes = CARDS.tables["curated/operation_people"].columns["axis"].codes
    totals = {axis: sum(row["people"] for row in found if row["axis"] == axis) for axis in axes}
    assert totals == dict.fromkeys(axes, 2) | {"erased": 0}


def test_an_operation_that_lost_persons_is_not_broken_down(tmp_path) -> None:
    """Who is left would not add up to the persons of the operation."""
    found = build(Tables(tmp_path / "lost"), [("OP", 2021, 3), ("OP", 2022, 1)])
    told = [(row["axis"], row["member"], row["people"], row["hours"]) for row in found]
    assert told == [("erased", "erased", 4, None)]
    another = build(Tables(tmp_path / "another"), [("OTHER", 2021, 3)])
    assert another == build(Tables(tmp_path / "none"))


def test_no_published_table_has_them() -> None:
    assert CARDS.restricted["curated.operation_people"] == ()
