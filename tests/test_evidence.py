"""Every figure of the demo opens on its lines: computed again from its evidence alone."""

from __future__ import annotations

import pytest

from spaser import indicators
from tests.curate.run import CARDS, one, rows
from tests.indicators.recompute import mistakes

pytestmark = pytest.mark.demo

ON_CONTRACTS = sorted(
    card.id
    for card in CARDS.indicators.values()
    if card.about == "contracts" and "facts.operations" not in card.fact_tables
)
"""What opens on contracts or spend. Figures about people open on published aggregates, those about
operations on operations: tests/indicators/test_people.py and test_operations.py redo them."""
EVIDENCE = f"(select * from indicators.evidence where code in {tuple(ON_CONTRACTS)})"


def test_every_figure_of_the_demo_is_explained_by_its_evidence(demo):
    counted = one(
        demo, "select count(*) as n, count(distinct year) as years from indicators.results"
    )
    assert counted["years"] == 5
    assert counted["n"] > 10_000
    wrong = [fault for fault in mistakes(demo) if fault[2:8] in ON_CONTRACTS]
    assert wrong == []


def test_evidence_has_one_row_a_unit_role_and_reason(demo):
    doubled = rows(
        demo,
        f"""select code, method, scope, measure, unit_id, role, reason, count(*) as n
        from {EVIDENCE} group by all having count(*) > 1""",
    )
    assert doubled == []
    # Only a ratio puts a unit in both parts: what is filled and what is not.
    ratios = [c.id for c in CARDS.indicators.values() for m in c.methods if m.kind == "ratio"]
    both = rows(
        demo,
        f"""select distinct code from {EVIDENCE}
        group by code, method, scope, measure, unit_id having count(*) > 1""",
    )
    assert {row["code"] for row in both} <= set(ratios)


def test_every_unknown_and_every_excluded_unit_says_why(demo):
    silent = rows(
        demo,
        f"""from {EVIDENCE}
        where (role in ('unknown', 'excluded')) <> (reason is not null)""",
    )
    assert silent == []
    reasons = rows(demo, f"select distinct role, reason from {EVIDENCE} order by all")
    unknown = {row["reason"] for row in reasons if row["role"] == "unknown"}
    assert unknown <= {
        "met_unknown",
        "membership_unknown_met",
        "membership_unknown_not_met",
        "membership_unknown_met_unknown",
    }
    excluded = {row["reason"] for row in reasons if row["role"] == "excluded"}
    set_aside = rows(
        demo,
        "select distinct amount_exclusion_reason as reason from facts.contracts where year > 0",
    )
    assert excluded <= {row["reason"] for row in set_aside}


def test_evidence_names_contracts_of_its_year_and_buyer(demo):
    strangers = rows(
        demo,
        f"""from {EVIDENCE} e anti join (
            select uid as unit_id, year, buyer_id from facts.contracts
            union all select line_id, year, buyer_id from facts.spend
        ) f using (unit_id, year, buyer_id)""",
    )
    assert strangers == []


def test_undated_contracts_are_behind_no_figure(demo):
    undated = rows(
        demo,
        """from indicators.evidence e join facts.contracts f on f.uid = e.unit_id
        where f.year is null""",
    )
    assert undated == []
    assert one(demo, "select count(*) as n from facts.contracts where year is null")["n"] > 0


def test_the_years_computed_are_those_of_the_contracts(demo):
    years = rows(demo, "select distinct year from indicators.results order by 1")
    assert [row["year"] for row in years] == indicators.years_found(demo) == [*range(2021, 2026)]
