"""Verdicts: the interval alone decides; before the due year only the trajectory speaks."""

from __future__ import annotations

import itertools
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spaser import indicators
from spaser.indicators.verdicts import (
    Interval,
    expected_at,
    met,
    threshold_of,
    trajectory_of,
    verdict_of,
)
from spaser.scheme import Buyer, Scheme, Target, Text
from spaser.warehouse import Tables
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, rows
from tests.indicators.reference import write_facts


def D(text: str | int) -> Decimal:  # noqa: N802
    return Decimal(text)


def interval(low: str | None, high: str | None, value: str | None = None) -> Interval:
    return Interval(*(None if text is None else D(text) for text in (value, low, high)))


UP = Target(indicator="SOC-01", year=2025, at_least=D("0.3"))
DOWN = Target(indicator="ECO-08", year=2025, at_most=D("0.2"))


@pytest.mark.parametrize(
    ("low", "high", "threshold", "up", "down"),
    [
        ("0.31", "0.40", "0.3", "yes", "no"),
        ("0.30", "0.40", "0.3", "yes", "unknown"),  # low on the threshold
        ("0.10", "0.29", "0.3", "no", "yes"),
        ("0.10", "0.30", "0.3", "unknown", "yes"),  # high on the threshold
        ("0.30", "0.30", "0.3", "yes", "yes"),  # known and equal: met both ways
        ("0.20", "0.40", "0.3", "unknown", "unknown"),
        (None, None, "0.3", "unknown", "unknown"),
        ("0.31", None, "0.3", "yes", "no"),
        (None, "0.29", "0.3", "no", "yes"),
        ("0.20", "0.40", None, "unknown", "unknown"),
    ],
)
def test_the_interval_alone_decides(low, high, threshold, up, down):
    limit = None if threshold is None else D(threshold)
    assert met(interval(low, high), limit, "up") == up
    assert met(interval(low, high), limit, "down") == down


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        ("0.30", "0.9", "reached"),
        ("0.1", "0.29", "not_reached"),
        ("0.1", "0.3", "undecidable"),
    ],
)
def test_from_the_due_year_on_there_is_a_verdict_and_no_trajectory(low, high, verdict):
    for year in (2025, 2026):
        assert verdict_of(year, UP, interval(low, high), D("0.3")) == verdict
        start = (2021, D(0))
        assert trajectory_of(year, UP, interval(low, high), start, D("0.3")) is None


def test_before_the_due_year_only_the_trajectory_speaks():
    start = (2021, D("0.10"))
    assert expected_at(2023, UP, start, D("0.3")) == D("0.2")
    cases = {("0.2", "0.2"): "on_track", ("0.1", "0.19"): "late", ("0.1", "0.2"): "undecidable"}
    for (low, high), trajectory in cases.items():
        found = interval(low, high)
        assert verdict_of(2023, UP, found, D("0.3")) == "not_due"
        assert trajectory_of(2023, UP, found, start, D("0.3")) == trajectory


def test_a_downward_trajectory_is_mirrored():
    start = (2021, D("0.4"))
    assert trajectory_of(2023, DOWN, interval("0.3", "0.3"), start, D("0.2")) == "on_track"
    assert trajectory_of(2023, DOWN, interval("0.31", "0.4"), start, D("0.2")) == "late"


@pytest.mark.parametrize(
    ("year", "start", "threshold"),
    [(2020, (2021, D("0.1")), D("0.3")), (2023, (2021, None), D("0.3")),
     (2023, (2021, D("0.1")), None), (2025, (2025, D("0.1")), D("0.3"))],
)  # fmt: skip
def test_without_a_start_or_a_threshold_there_is_no_line(year, start, threshold):
    assert expected_at(year, UP, start, threshold) is None


def test_thresholds_are_absolute_or_multiples_of_the_baseline():
    multiple = Target(indicator="SOC-05", year=2025, times_baseline=D(3), baseline_year=2023)
    assert threshold_of(UP, None) == D("0.3")
    assert threshold_of(DOWN, D(9)) == D("0.2")
    assert threshold_of(multiple, D(4)) == D(12)
    assert threshold_of(multiple, D(0)) == D(0)
    assert threshold_of(multiple, None) is None


# Through the tables


def scheme_with(*targets: Target) -> Scheme:
    return Scheme(
        name="fiction",
        title=Text(fr="Fiction", en="Fiction"),
        buyers=(Buyer(id=BUYER, name="Ville"), Buyer(id=OTHER_BUYER, name="CCAS")),
        inputs=("nulle/part",),
        targets=targets,
    )


def judged(folder: Path, units: list[dict[str, Any]], *targets: Target) -> dict[str, Any]:
    """Verdicts of the last year, by target."""
    tables, scheme = Tables(folder), scheme_with(*targets)
    write_facts(tables, units, [BUYER, OTHER_BUYER], named=True)
    years = sorted({unit["year"] for unit in units})
    indicators.compute(tables, CARDS, scheme, years)
    indicators.judge(tables, CARDS, scheme, years[-1])
    found = rows(tables, f"from indicators.verdicts where year = {years[-1]}")
    assert len(found) == len(targets)
    return {row["target_id"]: row for row in found}


def test_verdicts_read_their_own_result(tmp_path):
    units = [
        *({"year": 2023, "is_reserved": True} for _ in range(2)),
        *({"year": 2025, "is_reserved": True} for _ in range(4)),
        {"year": 2025, "is_reserved": True, "buyer_id": OTHER_BUYER, "at_floor": False},
        {"year": 2025, "is_reserved": None, "buyer_id": OTHER_BUYER},
        {"year": 2025, "is_reserved": False},
    ]
    common = {"indicator": "SOC-05", "year": 2025, "unit": "contracts", "scope": "all"}
    found = judged(
        tmp_path,
        units,
        Target(id="twice", times_baseline=D(2), baseline_year=2023, **common),
        Target(id="thrice", times_baseline=D(3), baseline_year=2023, **common),
        Target(id="many", at_least=D(7), **common),
        Target(id="no-base", times_baseline=D(2), baseline_year=2022, **common),
        Target(id="town", indicator="SOC-05", year=2025, at_least=D("0.8"), buyer=BUYER),
        Target(id="floor", indicator="SOC-05", year=2025, at_least=D("0.8")),
        Target(id="later", indicator="SOC-05", year=2027, at_least=D("0.9")),
    )
    verdicts = {key: row["verdict"] for key, row in found.items()}
    assert verdicts == {
        "twice": "reached",
        "thrice": "undecidable",
        "many": "not_reached",
        "no-base": "undecidable",
        "town": "reached",
        "floor": "undecidable",
        "later": "not_due",
    }
    assert (found["twice"]["threshold"], found["twice"]["baseline_value"]) == (D(4), D(2))
    assert found["no-base"]["threshold"] is None
    assert found["thrice"]["to_qualify"] == 1
    assert found["floor"]["to_qualify"] == 1
    assert found["twice"]["to_qualify"] is None
    assert found["later"]["trajectory"] is not None


def test_a_mean_with_an_unknown_number_is_undecidable_and_asks_for_nothing(tmp_path):
    units = [{"year": 2025, "offers_received": 9}, {"year": 2025, "offers_received": None}]
    target = Target(
        id="offers", indicator="ECO-08", method="mean", unit="offers", year=2025, at_least=D(3)
    )
    row = judged(tmp_path, units, target)["offers"]
    assert (row["verdict"], row["to_qualify"]) == ("undecidable", None)


CONTRACT = st.fixed_dictionaries(
    {
        "is_reserved": st.sampled_from([True, False, None, None]),
        "amount_usable_eur": st.integers(1, 9).map(lambda n: Decimal(n * 10)),
    }
)
TARGETS = st.builds(
    lambda measure, threshold, side: Target(
        id="t", indicator="SOC-05", measure=measure, year=2025, scope="all", **{side: threshold}
    ),
    st.sampled_from(["count", "value"]),
    st.sampled_from([D("0.25"), D("0.5"), D("0.4"), D("0.75")]),
    st.sampled_from(["at_least", "at_most"]),
)


@settings(
    max_examples=max(1, settings().max_examples // 10),
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(CONTRACT, min_size=2, max_size=8), TARGETS)
def test_to_qualify_is_the_fewest_answers_that_decide(units, target):
    given_units = [unit | {"year": 2025} for unit in units]
    with tempfile.TemporaryDirectory() as folder:
        row = judged(Path(folder), given_units, target)["t"]
    fewest = fewest_answers(units, target)
    assert (row["verdict"] == "undecidable") == (fewest is None or fewest > 0)
    if row["verdict"] == "undecidable":
        assert row["to_qualify"] == fewest


def fewest_answers(units: list[dict[str, Any]], target: Target) -> int | None:
    """Try every way to answer: the least number of contracts whose answers settle the target."""
    unknown = [n for n, unit in enumerate(units) if unit["is_reserved"] is None]
    for count in range(len(unknown) + 1):
        for chosen in itertools.combinations(unknown, count):
            for answers in itertools.product([True, False], repeat=count):
                known = [u["is_reserved"] for u in units]
                for n, answer in zip(chosen, answers, strict=True):
                    known[n] = answer
                if settled(units, known, target):
                    return count
    return None


def settled(units: list[dict[str, Any]], known: list[bool | None], target: Target) -> bool:
    weights = [D(1) if target.measure == "count" else u["amount_usable_eur"] for u in units]
    whole = sum(weights, D(0))
    yes = sum((w for w, k in zip(weights, known, strict=True) if k), D(0))
    no = sum((w for w, k in zip(weights, known, strict=True) if k is False), D(0))
    low, high = yes / whole, 1 - no / whole
    if target.at_least is not None:
        return low >= target.at_least or high < target.at_least
    assert target.at_most is not None
    return high <= target.at_most or low > target.at_most
