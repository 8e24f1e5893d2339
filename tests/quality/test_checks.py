"""The checks of a table: verdicts by both routes, findings, rows of `quality.checks`."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaser.cards import Catalogue, Check, Column, TableCard, Text
from spaser.errors import InputError
from spaser.quality import check_table, failing_rows, run_checks
from spaser.quality.checks import COLUMNS_CHECK, SAMPLES
from spaser.warehouse import Tables, session

ASSETS = Path(__file__).resolve().parents[2] / "assets"
TEXT = Text(fr="Texte.", en="Text.")
SUMMARY = -1
"""No frame is that small: the summary route."""

SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("kind", pa.string()),
        ("offers", pa.int64()),
        ("amount", pa.decimal128(18, 2)),
        ("rate", pa.float64()),
        ("flag", pa.bool_()),
        ("first", pa.date32()),
        ("last", pa.date32()),
        ("source_file", pa.string()),
        ("source_pointer", pa.string()),
    ]
)

KINDS = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.decimal128(18, 2): "DECIMAL(18,2)",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
}
TYPES = {field.name: KINDS[field.type] for field in SCHEMA}

CHECKS: dict[str, tuple[str, dict[str, Any]]] = {
    "uid_not_null": ("expect_column_values_to_not_be_null", {"column": "uid"}),
    "amount_not_null": ("expect_column_values_to_not_be_null", {"column": "amount"}),
    "uid_unique": ("expect_column_values_to_be_unique", {"column": "uid"}),
    "offers_unique": ("expect_column_values_to_be_unique", {"column": "offers"}),
    "pair_unique": ("expect_compound_columns_to_be_unique", {"column_list": ["uid", "first"]}),
    "kind_known": (
        "expect_column_values_to_be_in_set",
        {"column": "kind", "value_set": ["a", "b"]},
    ),
    "flag_true": ("expect_column_values_to_be_in_set", {"column": "flag", "value_set": [True]}),
    "offers_known": (
        "expect_column_values_to_be_in_set",
        {"column": "offers", "value_set": [0, 1]},
    ),
    "offers_positive": ("expect_column_values_to_be_between", {"column": "offers", "min_value": 0}),
    "amount_over_a_tenth": (
        "expect_column_values_to_be_between",
        {"column": "amount", "min_value": 0.1, "strict_min": True},
    ),
    "rate_is_a_share": (
        "expect_column_values_to_be_between",
        {"column": "rate", "min_value": 0, "max_value": 1},
    ),
    "first_is_modern": (
        "expect_column_values_to_be_between",
        {"column": "first", "min_value": date(2000, 1, 1), "max_value": date(2099, 12, 31)},
    ),
    "uid_has_a_digit_last": (
        "expect_column_values_to_match_regex",
        {"column": "uid", "regex": "^[a-z]*[0-9]$"},
    ),
    "last_after_first": (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "last", "column_B": "first", "or_equal": True},
    ),
    "last_strictly_after_first": (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "last", "column_B": "first"},
    ),
    "some_rows": ("expect_table_row_count_to_be_between", {"min_value": 2, "max_value": 6}),
}


def a_check(name: str, severity: str = "ERROR") -> Check:
    expectation, args = CHECKS[name]
    return Check(name=name, expectation=expectation, args=args, severity=severity, description=TEXT)


def a_card(*checks: Check, types: dict[str, str] = TYPES) -> TableCard:
    return TableCard(
        key="curated/things",
        title=TEXT,
        description=TEXT,
        grain=("uid",),
        columns={name: Column(type=kind, description=TEXT) for name, kind in types.items()},
        checks=checks,
    )


def a_table(root: Path, rows: list[dict[str, Any]]) -> Tables:
    tables = Tables(root)
    with session() as connection:
        connection.register("rows_", pa.Table.from_pylist(rows, schema=SCHEMA))
        tables.write(connection, "curated.things", "select * from rows_")
    return tables


def failed(results: list[Any]) -> dict[str, int]:
    return {result.name: result.unexpected_count for result in results if not result.passed}


@pytest.mark.parametrize(
    ("check", "rows", "count"),
    [
        ("uid_not_null", [{"uid": None}, {"uid": "a1"}], 1),
        ("uid_unique", [{"uid": "a1"}, {"uid": "a1"}, {"uid": None}, {"uid": None}], 2),
        ("pair_unique", [{"uid": "a1"}, {"uid": "a1"}, {}, {}], 2),
        ("kind_known", [{"kind": "c"}, {"kind": None}], 1),
        ("offers_positive", [{"offers": -1}, {"offers": None}], 1),
        ("amount_over_a_tenth", [{"amount": "0.10"}, {"amount": "0.11"}], 1),
        ("uid_has_a_digit_last", [{"uid": "a1\n"}, {"uid": "a٣"}, {"uid": "a1"}], 2),
        ("last_after_first", [{"first": date(2024, 1, 2), "last": date(2024, 1, 1)}, {}], 1),
        ("last_after_first", [{"first": date(2024, 1, 2)}, {"last": date(2024, 1, 1)}], 0),
        ("some_rows", [{}], 1),
    ],
)
@pytest.mark.parametrize("frame_rows", [100, SUMMARY], ids=["frame", "summary"])
def test_the_count_of_rows_at_fault(
    tmp_path: Path, check: str, rows: list[dict[str, Any]], count: int, frame_rows: int
) -> None:
    for row in rows:
        if "amount" in row:
            row["amount"] = Decimal(row["amount"])
    tables = a_table(tmp_path, rows)
    results = run_checks(a_card(a_check(check)), tables, frame_rows)
    assert [result.name for result in results] == [COLUMNS_CHECK.name, check]
    assert failed(results) == ({check: count} if count else {})


texts = st.none() | st.sampled_from(["a1", "b2", "c", "a1\n", "é9", "A3", "a٣", ""])
dates = st.none() | st.dates(date(1995, 1, 1), date(2105, 1, 1)) | st.just(date(2000, 1, 1))
rows_of_things = st.lists(
    st.fixed_dictionaries(
        {
            "uid": texts,
            "kind": st.none() | st.sampled_from(["a", "b", "c", "B"]),
            "offers": st.none() | st.sampled_from([-1, 0, 1, 2, 2**53 + 1]),
            "amount": st.none() | st.decimals(-2, 2, places=2),
            "rate": st.none() | st.sampled_from([-0.1, 0.0, 0.5, 1.0, 1.0000001]),
            "flag": st.none() | st.booleans(),
            "first": dates,
            "last": dates,
        }
    ),
    max_size=8,
)


@given(rows=rows_of_things)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_both_routes_agree_and_the_failing_rows_are_the_counted_ones(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    tables = a_table(tmp_path, rows)
    card = a_card(*map(a_check, CHECKS))
    by_frame = run_checks(card, tables, frame_rows=100)
    assert by_frame == run_checks(card, tables, frame_rows=SUMMARY)
    with session() as connection:
        for result in by_frame[1:]:
            if result.name == "some_rows":
                continue
            listed = connection.execute(failing_rows(card, a_check(result.name), tables)).fetchall()
            assert len(listed) == result.unexpected_count, result.name


def test_failures_become_findings_and_rows_of_quality_checks(tmp_path: Path) -> None:
    rows = [
        {"uid": f"a{n}", "kind": "z", "source_file": "r.json", "source_pointer": f"/{n}"}
        for n in range(SAMPLES + 5)
    ]
    tables = a_table(tmp_path, rows)
    card = a_card(a_check("kind_known"), a_check("some_rows", "WARN"), a_check("uid_not_null"))
    results = check_table(Catalogue(ASSETS), card, tables)
    assert failed(results) == {"kind_known": SAMPLES + 5, "some_rows": 1}
    assert [result.name for result in results if result.blocks] == ["kind_known"]
    with session() as connection:
        tables.attach(connection, ["quality.findings", "quality.checks"])
        assert connection.execute(
            "select rule, severity, field, count(*), min(key), min(source_pointer), min(detail) "
            "from quality.findings group by all order by rule"
        ).fetchall() == [
            ("check_failed", "error", "kind_known", SAMPLES, "a0", "/0", f"kind × {SAMPLES + 5}"),
            ("check_warned", "warning", "some_rows", 1, None, None, "1"),
        ]
        assert connection.execute(
            "select check_name, table_name, severity, passed, unexpected_count "
            "from quality.checks order by check_name"
        ).fetchall() == [
            ("columns_as_declared", "curated.things", "ERROR", True, 0),
            ("kind_known", "curated.things", "ERROR", False, SAMPLES + 5),
            ("some_rows", "curated.things", "WARN", False, 1),
            ("uid_not_null", "curated.things", "ERROR", True, 0),
        ]


@pytest.mark.parametrize("hidden", ["uid", "kind"])
def test_a_row_about_a_person_is_counted_and_not_shown(tmp_path: Path, hidden: str) -> None:
    tables = a_table(tmp_path, [{"uid": "marker1", "kind": "marker2"}])
    card = a_card(a_check("kind_known"))
    column = card.columns[hidden].model_copy(update={"about_person": True})
    card = card.model_copy(update={"columns": card.columns | {hidden: column}})
    results = check_table(Catalogue(ASSETS), card, tables)
    assert failed(results) == {"kind_known": 1}
    assert not any(result.samples for result in results)
    with session() as connection:
        (told,) = connection.execute(
            f"select cast(f as varchar) from {tables.scan('quality.findings')} f"
        ).fetchall()
    assert "marker" not in told[0]


def test_a_repaired_table_leaves_no_finding_behind(tmp_path: Path) -> None:
    card, catalogue = a_card(a_check("uid_not_null")), Catalogue(ASSETS)
    for uid, findings in ((None, 1), ("a1", 0)):
        tables = a_table(tmp_path, [{"uid": uid}])
        check_table(catalogue, card, tables)
        with session() as connection:
            counted = connection.execute(
                f"select count(*) from {tables.scan('quality.findings')}"
            ).fetchone()
        assert counted == (findings,)


def test_great_expectations_is_not_imported_before_a_check_runs() -> None:
    code = "import sys, spaser.quality; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_card_and_its_table_may_not_disagree(tmp_path: Path) -> None:
    tables = a_table(tmp_path, [{"uid": "a1"}])
    types = {name: kind for name, kind in TYPES.items() if name != "rate"}
    types |= {"fee": "BIGINT", "offers": "INTEGER"}
    fee = Check(
        name="fee_not_null",
        expectation="expect_column_values_to_not_be_null",
        args={"column": "fee"},
        description=TEXT,
    )
    results = check_table(Catalogue(ASSETS), a_card(fee, types=types), tables)
    assert failed(results) == {"columns_as_declared": 3, "fee_not_null": 1}
    assert results[0].samples == ("fee BIGINT", "offers BIGINT", "offers INTEGER", "rate DOUBLE")


@pytest.mark.parametrize(
    ("expectation", "args", "told"),
    [
        ("expect_column_to_shine", {"column": "uid"}, "expect_column_to_shine"),
        ("expect_column_values_to_not_be_null", {"colum": "uid"}, "colum"),
        ("expect_column_values_to_be_between", {"column": "offers"}, "min_value"),
        ("expect_column_values_to_be_in_set", {"column": "uid", "value_set": "a"}, "value_set"),
        ("expect_column_values_to_match_regex", {"column": "uid", "regex": r"^\d$"}, r"\d"),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "last", "column_B": "first", "ignore_row_if": "never"},
            "ignore_row_if",
        ),
    ],
)
def test_a_check_that_cannot_be_run_is_refused_by_name(
    tmp_path: Path, expectation: str, args: dict[str, Any], told: str
) -> None:
    check = Check(name="odd", expectation=expectation, args=args, description=TEXT)
    with pytest.raises(InputError, match="odd") as refused:
        run_checks(a_card(check), a_table(tmp_path, [{"uid": "a1"}]))
    assert told in refused.value.fr
    assert told in refused.value.en
