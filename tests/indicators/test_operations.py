"""Indicators over operations: hours committed, at what rate they are done, what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaser import indicators
from spaser.privacy.suppress import NOTE_FR
from spaser.warehouse import Tables
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, rows
from tests.hours.test_figures import write
from tests.indicators.recompute import FIGURES, mistakes
from tests.indicators.reference import OPERATIONS, results_of, write_facts
from tests.indicators.test_compute import EMPTY_BUYER, NAMED

CODES = "('SOC-11', 'SOC-13', 'SOC-21')"
Unit = Mapping[str, Any]


def operation(**changes: Any) -> Unit:
    """An operation that breaks no rule: four companies, twenty people."""
    return {
        "fact_table": OPERATIONS,
        "buyer_id": BUYER,
        "year": 2024,
        "is_notified_in_year": True,
        "is_closed_in_year": True,
        "contract_type": "works",
        "commitment_mode": "fixed",
        "committed_hours": "500",
        "due_hours": "500",
        "validated_hours": "400",
        "missing_hours": "100",
        "penalty_notified_eur": "0",
        "penalty_waived_eur": "0",
        "companies": "4",
        "largest_company_hours": "150",
        "people": "20",
    } | changes


def computed(folder: Path | str, units: Sequence[Unit], figures: Sequence[Unit] = ()) -> Tables:
    tables = Tables(Path(folder))
    write_facts(tables, units, [BUYER, OTHER_BUYER, EMPTY_BUYER], named=True)
    if figures:
        write(tables, "indicators.figures", figures)
    indicators.compute(tables, CARDS, NAMED, [2024], axes=["social"])
    return tables


def result(tables: Tables, code: str, **where: object) -> dict[str, Any]:
    wanted = {"buyer_id": "*", "dimension": "*", "method": "default", "scope": "all"} | where
    conditions = " and ".join(f"{name} = '{value}'" for name, value in wanted.items())
    (row,) = rows(tables, f"from indicators.results where code = '{code}' and {conditions}")
    return row


def test_committed_hours_are_those_of_the_contracts_notified_in_the_year(tmp_path):
    units = [
        operation(committed_hours="833.33"),
        operation(committed_hours="500", is_notified_in_year=None),
        operation(committed_hours="9000", is_notified_in_year=False),
        operation(committed_hours=None, amount_exclusion_reason="per_tranche"),
    ]
    tables = computed(tmp_path, units)
    row = result(tables, "SOC-11")
    assert (row["value"], row["low"], row["high"]) == (
        Decimal("833.33"),
        Decimal("833.33"),
        Decimal("1333.33"),
    )
    assert (row["excluded"], row["unit"], row["measure"]) == (1, "hours", "hours")
    assert result(tables, "SOC-11", dimension="contract_type")["member"] == "works"


def test_the_rate_sums_what_is_validated_over_what_is_due_and_may_pass_one(tmp_path):
    tables = computed(
        tmp_path,
        [operation(validated_hours="700"), operation(validated_hours="500", due_hours="300")],
    )
    row = result(tables, "SOC-13")
    assert (row["numerator"], row["denominator"], row["value"]) == (1200, 800, Decimal("1.5"))
    assert row["low"] == row["high"] == Decimal("1.5")


@pytest.mark.parametrize("name", ["validated_hours", "due_hours"])
def test_a_rate_has_no_interval_while_an_operation_is_unknown(tmp_path, name):
    units = [operation(), operation(), operation(**{name: None}, people="5")]
    tables = computed(tmp_path, units)
    if name == "validated_hours":  # nobody knows whose hours they are
        assert result(tables, "SOC-13")["status"] == "suppressed"
        return
    row = result(tables, "SOC-13")
    assert (row["value"], row["unknown"]) == (Decimal("0.8"), 1)
    assert row["low"] is row["high"] is None


def test_nothing_due_is_no_rate(tmp_path):
    row = result(computed(tmp_path, [operation(due_hours="0")]), "SOC-13")
    assert (row["value"], row["status"]) == (None, "not_computable")
    assert "opération" in row["reason_fr"]


def test_a_buyer_that_is_not_followed_has_no_figure_and_does_not_blind_the_others(tmp_path):
    tables = computed(tmp_path, [operation()])
    row = result(tables, "SOC-11", buyer_id=EMPTY_BUYER)
    assert (row["value"], row["reason_fr"]) == (None, "aucune opération suivie cette année-là")
    assert result(tables, "SOC-11")["value"] == 500


def test_g2_missing_hours_and_what_was_notified_and_waived(tmp_path):
    """CCAP21: 150 h due, 130 validated, 20 missing, 4 000 € that the buyer notified."""
    units = [
        operation(missing_hours="20", penalty_notified_eur="4000"),
        operation(missing_hours="0", penalty_waived_eur="1000"),
        operation(missing_hours="300", is_closed_in_year=False),
    ]
    tables = computed(tmp_path, units)
    found = {
        m: result(tables, "SOC-21", method=m)["value"] for m in ("default", "notified", "waived")
    }
    assert found == {"default": 20, "notified": 4000, "waived": 1000}


# --- secrecy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({}, False),
        ({"companies": "2"}, True),
        ({"companies": "3"}, False),
        ({"largest_company_hours": "340"}, False),
        ({"largest_company_hours": "341"}, True),
        ({"people": "4"}, True),
        ({"people": "5"}, False),
        ({"companies": None}, True),
        # What a purge took away: only the published figures can tell, and there are none.
        ({"people": None}, True),
        ({"validated_hours": "0", "companies": "0", "people": "0"}, False),
    ],
)  # fmt: skip
def test_hours_of_too_few_companies_or_people_are_hidden(tmp_path, changes, hidden):
    tables = computed(tmp_path, [operation(**changes)])
    for code in ("SOC-13", "SOC-21"):
        row = result(tables, code, buyer_id=BUYER)
        assert (row["status"] == "suppressed") is hidden, code
        if hidden:
            assert row["reason_fr"] == NOTE_FR
            assert {row[n] for n in ("value", "numerator", "denominator", "low", "high")} == {None}
    assert result(tables, "SOC-11", buyer_id=BUYER)["value"] == 500


def test_a_hidden_buyer_takes_the_whole_and_every_breakdown_with_it(tmp_path):
    units = [operation(), operation(buyer_id=OTHER_BUYER, companies="1")]
    tables = computed(tmp_path, units)
    found = rows(
        tables,
        "from indicators.results where code = 'SOC-13' and method = 'default' and scope = 'all' "
        f"and buyer_id <> '{EMPTY_BUYER}'",
    )
    status = {(row["buyer_id"], row["dimension"]): row["status"] for row in found}
    assert status == {
        ("*", "*"): "suppressed",
        (BUYER, "*"): "computed",
        (OTHER_BUYER, "*"): "suppressed",
        ("*", "contract_type"): "suppressed",
        (BUYER, "contract_type"): "suppressed",
        (OTHER_BUYER, "contract_type"): "suppressed",
    }
    weights = rows(
        tables,
        "select buyer_id, count(weight) as n from indicators.evidence where code = 'SOC-13' "
        "and method = 'default' and scope = 'all' group by all",
    )
    hidden = {row["buyer_id"]: row["n"] for row in weights}
    assert hidden[OTHER_BUYER] == 0


def test_one_hidden_member_hides_the_breakdown_and_leaves_the_totals(tmp_path):
    units = [operation(), operation(contract_type="services", people="3", companies="1")]
    tables = computed(tmp_path, units)
    assert result(tables, "SOC-13")["status"] == "computed"
    members = rows(
        tables,
        "select distinct status from indicators.results where code = 'SOC-13' "
        "and method = 'default' and dimension = 'contract_type'",
    )
    assert [row["status"] for row in members] == ["suppressed"]


@pytest.mark.parametrize(
    "changes", [{"people": "2"}, {"companies": "1"}, {"largest_company_hours": "399"}]
)
def test_an_operation_that_could_not_be_a_row_leaves_its_buyer_without_weights(tmp_path, changes):
    """Its hours would be on its line of the evidence, or follow from those of the others."""
    units = [operation(), operation(), operation(**changes), operation(buyer_id=OTHER_BUYER)]
    tables = computed(tmp_path, units)
    assert result(tables, "SOC-13", buyer_id=BUYER)["status"] == "computed"
    weights = rows(
        tables,
        "select buyer_id, count(*) as lines, count(weight) as weights, "
        "count(*) filter (reason = 'secret') as secrets from indicators.evidence "
        "where code = 'SOC-13' and method = 'default' and scope = 'all' group by all order by all",
    )
    by_buyer = {row["buyer_id"]: row for row in weights}
    closed, open_ = by_buyer[BUYER], by_buyer[OTHER_BUYER]
    assert (closed["weights"], closed["secrets"]) == (0, closed["lines"])
    assert open_["weights"] == open_["lines"] > 0


def test_an_operation_whose_published_figures_are_hidden_leaves_its_buyer_without_weights(tmp_path):
    def figures(axis: str, member: str, hours: int | None) -> list[Unit]:
        return [
            {"year": 2024, "buyer_id": BUYER, "axis": axis, "member": member, "measure": name,
             "value": number, "is_published": number is not None}
            for name, number in (("people", 20), ("hours", hours))
        ]  # fmt: skip

    for hours, shown in ((400, True), (None, False)):
        tables = computed(
            tmp_path / str(hours),
            [operation(operation_id="A-1")],
            [*figures("*", "*", 400), *figures("contract_type", "works", 400),
             *figures("operation", "A-1", hours)],
        )  # fmt: skip
        assert result(tables, "SOC-13", buyer_id=BUYER)["status"] == "computed"
        found = rows(
            tables,
            "select count(weight) > 0 as is_shown from indicators.evidence where code = 'SOC-13'",
        )
        assert found == [{"is_shown": shown}]


@pytest.mark.parametrize(
    ("measure", "value", "people", "hidden"),
    [("hours", None, "20", True), ("people", None, "20", True), ("hours", 400, "20", False),
     ("hours", 400, None, False), ("hours", None, None, True)],
)  # fmt: skip
def test_what_the_published_figures_hide_is_hidden_here(tmp_path, measure, value, people, hidden):
    shown = {"people": 20, "hours": 400} | {measure: value}
    figures = [
        {"year": 2024, "buyer_id": buyer, "axis": axis, "member": member, "measure": name,
         "value": number, "is_published": number is not None}
        for buyer in ("*", BUYER)
        for axis, member in (("*", "*"), ("contract_type", "works"))
        for name, number in shown.items()
    ]  # fmt: skip
    tables = computed(tmp_path, [operation(people=people)], figures)
    assert (result(tables, "SOC-13")["status"] == "suppressed") is hidden


# --- every row again ------------------------------------------------------------------------------

HOURS = st.none() | st.integers(0, 900).map(str)
TRUTH = st.sampled_from([True, False, None])
UNIT = st.fixed_dictionaries(
    {
        "buyer_id": st.sampled_from([BUYER, OTHER_BUYER]),
        "is_notified_in_year": TRUTH,
        "is_closed_in_year": TRUTH,
        "contract_type": st.sampled_from(["works", "services", None]),
        "commitment_mode": st.sampled_from(["fixed", "people", None]),
        "committed_hours": HOURS,
        "due_hours": HOURS,
        "missing_hours": HOURS,
        "validated_hours": HOURS,
        "penalty_notified_eur": HOURS,
        "companies": st.sampled_from(["4", "4", "4", "1"]),
        "people": st.sampled_from(["20", "20", "2"]),
    }
)


def number(name: str, value: Any) -> Any:
    """Hours and euros as numbers, for the plain reading of the rules."""
    return Decimal(value) if isinstance(value, str) and name.endswith(("_hours", "_eur")) else value


@settings(
    max_examples=max(1, settings().max_examples // 50),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.lists(UNIT, max_size=10))
def test_every_row_is_what_the_rules_say_and_its_evidence_gives_it_again(
    tmp_path_factory, given_units
):
    units = [operation() | one | {"largest_company_hours": "0"} for one in given_units]
    tables = computed(tmp_path_factory.mktemp("operations"), units)
    buyers = [BUYER, OTHER_BUYER, EMPTY_BUYER]
    plain = [{name: number(name, value) for name, value in unit.items()} for unit in units]
    expected = {key: told for key, told in results_of(plain, NAMED, buyers, 2024).items()
                if f"'{key[0]}'" in CODES}  # fmt: skip
    names = ("code", "method", "measure", "unit", "scope", "buyer_id", "dimension", "member")
    found = {
        tuple(row[name] for name in names): row
        for row in rows(tables, f"from indicators.results where code in {CODES}")
    }
    assert set(found) == set(expected)
    for key, row in found.items():
        if row["status"] == "suppressed":
            assert row["code"] != "SOC-11"
            continue
        assert {name: row[name] for name in FIGURES} == expected[key], key
    assert mistakes(tables) == []
