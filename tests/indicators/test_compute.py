"""Results against a plain reading of the rules, on any facts, nulls everywhere."""

from __future__ import annotations

import tempfile
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spaser import indicators
from spaser.scheme import Buyer, Scheme, Text, scheme_for_files
from spaser.warehouse import Tables
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, rows
from tests.indicators.recompute import FIGURES, mistakes
from tests.indicators.reference import (
    COUNTED,
    FACTS,
    SCOPES,
    SIX,
    Tally,
    Unit,
    extreme_shares,
    figure,
    results_of,
    write_facts,
)

EMPTY_BUYER = "00030003800015"
NAMED = Scheme(
    name="fiction",
    title=Text(fr="Fiction", en="Fiction"),
    buyers=tuple(Buyer(id=key, name=key) for key in (BUYER, OTHER_BUYER, EMPTY_BUYER)),
    inputs=("nulle/part",),
)
EVERY = scheme_for_files(())
COUNTED_CODES = ", ".join(f"'{card.id}'" for card in COUNTED)
TRUTH = st.sampled_from([True, False, None])
AMOUNT = st.none() | st.decimals("0.01", "3000000000", places=2)
UNIT = st.fixed_dictionaries(
    {name: TRUTH for name, column in FACTS.columns.items() if column.type == "BOOLEAN"}
    | {
        "buyer_id": st.sampled_from([BUYER, BUYER, OTHER_BUYER]),
        "year": st.sampled_from([2024, 2024, 2024, 2023, None]),
        "cpv_division": st.sampled_from(["45", "77", None]),
        "contract_type": st.sampled_from(["works", "services", None]),
        "procedure_code": st.sampled_from(["open", "adapted", None]),
        "amount_band": st.sampled_from(["3_40k_90k", None]),
        "department_code": st.sampled_from(["59", "2A", None]),
        "framework_role": st.sampled_from(["none", "none", "framework", "call_off", None]),
        "amount_usable_eur": AMOUNT,
        "offers_received": st.none() | st.integers(1, 60),
        "required_fields": st.sampled_from([25, 25, None]),
        "filled_fields": st.none() | st.integers(0, 25),
    }
)


def computed(folder: str | Path, units: list[Unit], scheme: Scheme) -> Tables:
    tables = Tables(Path(folder))
    buyers = [BUYER, OTHER_BUYER, EMPTY_BUYER]
    write_facts(tables, units, buyers, named=scheme.buyers != "all")
    indicators.compute(tables, CARDS, scheme, [2024])
    return tables


@settings(
    max_examples=max(1, settings().max_examples // 14),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # A run takes a second: the first failing facts are shown as they are.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(UNIT, max_size=14), st.booleans())
def test_every_row_is_what_the_rules_say(units, named):
    scheme = NAMED if named else EVERY
    with tempfile.TemporaryDirectory() as folder:
        tables = computed(folder, units, scheme)
        found = rows(tables, f"from indicators.results where code in ({COUNTED_CODES})")
        wrong = mistakes(tables)
    found_buyers = sorted({unit["buyer_id"] for unit in units})
    buyers = [BUYER, OTHER_BUYER, EMPTY_BUYER] if named else found_buyers
    expected = results_of(units, scheme, buyers, 2024)
    names = ("code", "method", "measure", "unit", "scope", "buyer_id", "dimension", "member")
    keyed = {tuple(row[name] for name in names): row for row in found}
    assert len(keyed) == len(found), "a key is there twice"
    assert set(keyed) == set(expected)
    for key, row in keyed.items():
        assert {name: row[name] for name in FIGURES} == expected[key], key
        assert (row["status"] == "computed") == (row["value"] is not None), key
        assert (row["reason_fr"] is None) == (row["status"] == "computed"), key
        assert row["value"] is None or row["low"] is None or row["low"] <= row["value"]
        assert row["value"] is None or row["high"] is None or row["value"] <= row["high"]
    assert wrong == []


MEMBER = st.tuples(st.sampled_from([True, True, None]), TRUTH, st.integers(1, 500).map(Decimal))


@given(st.lists(MEMBER, min_size=1, max_size=6))
def test_the_interval_is_every_reading_of_what_is_unknown(units):
    """The closed form of low and high, against all ways to settle membership and fact."""
    tally = Tally()
    for member, met, weight in units:
        name = {True: "t", False: "f", None: "u"}[met]
        name = name if member else f"m{name}"
        setattr(tally, name, getattr(tally, name) + weight)
    method = CARDS.indicators["SOC-01"].methods[0]
    found = figure(method, "share", tally)
    extremes = extreme_shares(units)
    if found["value"] is None or extremes is None:
        return
    low, high = (value.quantize(SIX, ROUND_HALF_UP) for value in extremes)
    assert (found["low"], found["high"]) == (low, high)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("empty")
    return computed(folder, [{"year": 2024, "amount_usable_eur": Decimal(100)}], NAMED)


def test_rows_exist_for_every_buyer_and_scope_zeros_included(empty):
    methods = [(c.id, m.name, r.measure, r.unit) for c in CARDS.indicators.values()
               for m in c.methods for r in m.results]  # fmt: skip
    wanted = {
        (*method, scope, buyer)
        for method in methods
        for scope in SCOPES
        for buyer in ("*", BUYER, OTHER_BUYER, EMPTY_BUYER)
    }
    # Neither floor nor maxima bound people: one scope.
    about_people = {card.id for card in CARDS.indicators.values() if card.about == "people"}
    wanted = {key for key in wanted if key[0] not in about_people or key[4] == "all"}
    found = rows(
        empty,
        """select code, method, measure, unit, scope, buyer_id from indicators.results
        where dimension = '*'""",
    )
    assert {tuple(row.values()) for row in found} == wanted
    assert len(found) == len(wanted)


def test_a_buyer_without_contract_counts_zero_and_has_no_share(empty):
    query = f"""select code, unit, value, status, reason_fr from indicators.results
        where buyer_id = '{EMPTY_BUYER}' and scope = 'all' and code in ('GEN-02', 'SOC-01')
        and method = 'default' and measure = 'count' order by code, unit"""
    zero = Decimal(0)
    assert [tuple(row.values()) for row in rows(empty, query)] == [
        ("GEN-02", "contracts", zero, "computed", None),
        ("SOC-01", "contracts", zero, "computed", None),
        ("SOC-01", "share", None, "not_computable", "aucun marché dans ce périmètre"),
    ]


def test_what_is_all_unknown_is_not_computable_and_never_zero(empty):
    query = """select value, unknown, status, reason_fr, reason_en from indicators.results
        where code = 'SOC-01' and buyer_id = '*' and scope = 'all' and dimension = '*'"""
    for row in rows(empty, query):
        assert (row["value"], row["status"]) == (None, "not_computable")
        assert row["unknown"] > 0
        assert "inconnu" in row["reason_fr"]
        assert "unknown" in row["reason_en"]


def unit_of(**facts: Any) -> dict[str, Any]:
    return {"year": 2024, "buyer_id": BUYER, **facts}


def test_g9_union_not_sum_one_unknown(tmp_path):
    units = [
        unit_of(has_social_clause=True, has_social_criterion=True, is_reserved=False,
                has_social_consideration=True),
        unit_of(has_social_clause=False, has_social_criterion=False, is_reserved=True,
                has_social_consideration=True),
        unit_of(has_social_consideration=False),
        unit_of(has_social_consideration=None),
    ]  # fmt: skip
    tables = computed(tmp_path, units, NAMED)
    (row,) = rows(
        tables,
        """from indicators.results where code = 'SOC-01' and unit = 'share'
        and measure = 'count' and scope = 'all' and buyer_id = '*' and dimension = '*'""",
    )
    assert [row[name] for name in FIGURES] == [
        Decimal(2), Decimal(3), Decimal(1), 0,
        Decimal("0.666667"), Decimal("0.5"), Decimal("0.75"),
    ]  # fmt: skip


def test_a_unit_that_may_be_below_the_floor_may_be_out(tmp_path):
    units = [
        unit_of(is_reserved=True, at_floor=True),
        unit_of(is_reserved=False, at_floor=True),
        unit_of(is_reserved=False, at_floor=None),
        unit_of(is_reserved=True, at_floor=False),
    ]
    tables = computed(tmp_path, units, NAMED)
    (row,) = rows(
        tables,
        """from indicators.results where code = 'SOC-05' and unit = 'share'
        and measure = 'count' and scope = 'floor' and buyer_id = '*' and dimension = '*'""",
    )
    low, high = (Decimal(1) / 3).quantize(SIX), Decimal("0.5")
    assert (row["value"], row["low"], row["high"]) == (Decimal("0.5"), low, high)
    assert (row["denominator"], row["unknown"]) == (2, 1)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 3, "0.333333"), (2, 3, "0.666667"), (1, 8, "0.125"), (1, 2_000_000, "0.000001"),
     (1, 2_000_001, "0")],
)  # fmt: skip
def test_shares_are_divided_half_up_at_six_decimals(tmp_path, part, whole, expected):
    units = [
        unit_of(amount_usable_eur=Decimal(part), is_reserved=True),
        unit_of(amount_usable_eur=Decimal(whole - part), is_reserved=False),
    ]
    tables = computed(tmp_path, units, EVERY)
    (row,) = rows(
        tables,
        """select value from indicators.results where code = 'SOC-05'
        and unit = 'share' and measure = 'value' and scope = 'all' and buyer_id = '*'
        and dimension = '*'""",
    )
    assert row["value"] == Decimal(expected)


def test_one_axis_alone_leaves_the_others_as_they_were(tmp_path):
    tables = computed(tmp_path, [unit_of(is_reserved=True)], NAMED)
    before = rows(tables, "from indicators.results order by all")
    evidence = rows(tables, "from indicators.evidence order by all")
    indicators.compute(tables, CARDS, NAMED, [2024], axes=["social"])
    assert rows(tables, "from indicators.results order by all") == before
    assert rows(tables, "from indicators.evidence order by all") == evidence
