"""The traps planted in the demo and its totals, against answers computed while it was written."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from spaser.warehouse import Tables
from tests.curate.run import ROOT, one, open_balances, rows

pytestmark = pytest.mark.demo

ANSWERS: dict[str, Any] = yaml.safe_load(
    (ROOT / "tests" / "golden" / "demo_answers.yml").read_text(encoding="utf-8")
)
TRAPS: list[dict[str, Any]] = ANSWERS["traps"]
TABLES = ("contracts", "holders", "amendments", "concessions")
POSITIVE = ("numerator", "denominator_only", "unknown")


def each_expectation(kind: str) -> Iterator[Any]:
    for trap in TRAPS:
        for number, expected in enumerate(trap["expect"].get(kind, [])):
            yield pytest.param(trap, expected, id=f"{trap['id']}-{number}")


def test_no_expectation_is_left_unread():
    read = {*TABLES, "findings", "evidence"}
    assert {kind for trap in TRAPS for kind in trap["expect"]} <= read
    assert set(ANSWERS["totals"]) == {"contracts", "results", "verdicts"}
    assert len({trap["id"] for trap in TRAPS}) == len(TRAPS) > 50


def matching(demo: Tables, table: str, buyer: str, match: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a curated table about a contract of a buyer; the uid carries both everywhere."""
    found = rows(demo, f"from curated.{table} where uid like '{buyer}-%'")
    wanted = dict(match)
    base = f"{buyer}-{wanted.pop('contract_id')}"
    return [
        row
        for row in found
        if row["uid"].split("#")[0] == base
        and all(text(row[name]) == value for name, value in wanted.items())
    ]


def text(value: Any) -> Any:
    """Money and dates as the answers write them."""
    return value if value is None or isinstance(value, bool | int | list) else str(value)


@pytest.mark.parametrize(
    ("trap", "table", "expected"),
    [
        pytest.param(*case.values[:1], table, *case.values[1:], id=f"{table}-{case.id}")
        for table in TABLES
        for case in each_expectation(table)
    ],
)
def test_planted_rows(demo, trap, table, expected):
    found = matching(demo, table, trap["buyer_id"], expected["match"])
    assert len(found) == expected["count"], trap["planted"]
    for row in found:
        for name, value in expected.get("columns", {}).items():
            if value == "*":
                assert row[name] is not None, (trap["planted"], name)
            else:
                assert text(row[name]) == value, (trap["planted"], name)


@pytest.mark.parametrize(("trap", "expected"), [*each_expectation("findings")])
def test_planted_findings(demo, trap, expected):
    if "field" in expected:
        where = f"field like '%{expected['field']}%'"
    else:
        where = f"key like '{trap['buyer_id']}-{expected['contract_id']}%'"
    found = rows(demo, f"from quality.findings where {where}")
    assert len(found) >= expected["at_least"], trap["planted"]


@pytest.mark.parametrize(("trap", "expected"), [*each_expectation("evidence")])
def test_planted_evidence(demo, trap, expected):
    uid = f"{trap['buyer_id']}-{expected['contract_id']}"
    found = rows(
        demo,
        f"""select role from indicators.evidence where unit_id = '{uid}' and method = 'default'
        and code = '{expected["code"]}' and scope = '{expected["scope"]}'
        and measure = '{expected["measure"]}' and year = {expected["year"]}""",
    )
    roles = [row["role"] for row in found if row["role"] in POSITIVE]
    assert roles == ([] if expected["role"] is None else [expected["role"]]), trap["planted"]


def test_every_record_is_kept_merged_or_rejected(demo):
    records = ANSWERS["records"]
    read = rows(demo, "select source_file, records from quality.inputs")
    assert {Path(r["source_file"]).name: r["records"] for r in read} == records["files"]
    balance = one(demo, "from quality.balances where step = 'publications:contract'")
    assert balance["records_in"] == records["contract_records"]
    assert balance["kept"] == records["contracts"]
    assert (balance["merged"], balance["rejected"]) == (records["merged"], records["rejected"])
    concessions = one(demo, "select count(*) as n from curated.concessions")
    assert concessions["n"] == records["concessions"]
    assert open_balances(demo) == []


def test_the_day_that_stands_for_today(demo):
    run = one(demo, "from quality.run")
    assert str(run["as_of"]) == ANSWERS["as_of"]
    assert run["floor_eur"] == ANSWERS["floor_eur"]


@pytest.mark.parametrize("expected", ANSWERS["totals"]["contracts"], ids=str)
def test_contracts_and_population_of_each_year_and_buyer(demo, expected):
    year, buyer = expected["year"], expected["buyer_id"]
    where = "year is null" if year is None else f"year = {year}"
    if buyer != "*":
        where += f" and buyer_id = '{buyer}'"
    counted = one(
        demo,
        f"""select count(*) as contracts,
            count(*) filter (where framework_role <> 'call_off') as population
        from facts.contracts where {where}""",
    )
    wanted = {"contracts": expected["contracts"], "population": expected["population"]}
    assert counted == wanted
    if year is not None:
        row = one(
            demo,
            f"""select value from indicators.results where code = 'GEN-02' and scope = 'all'
            and method = 'default' and measure = 'count' and dimension = '*'
            and year = {year} and buyer_id = '{buyer}'""",
        )
        assert row["value"] == expected["population"]


@pytest.mark.parametrize("expected", ANSWERS["totals"]["results"], ids=str)
def test_totals(demo, expected):
    row = one(
        demo,
        f"""select numerator, denominator, unknown from indicators.results
        where code = '{expected["code"]}' and scope = '{expected["scope"]}'
        and year = {expected["year"]} and buyer_id = '{expected["buyer_id"]}'
        and method = 'default' and measure = 'count' and dimension = '*'
        qualify row_number() over (order by unit desc) = 1""",
    )
    names = ("numerator", "denominator", "unknown")
    assert row == {name: Decimal(expected[name]) for name in names}


@pytest.mark.parametrize("expected", ANSWERS["totals"]["verdicts"], ids=str)
def test_verdicts(demo, expected):
    row = one(
        demo,
        f"""select verdict from indicators.verdicts
        where target_id = '{expected["target_id"]}' and year = 2025""",
    )
    assert row["verdict"] == expected["verdict"]
