"""Methods that read spend: the same three-valued rules, on another fact table."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spaser import indicators
from spaser.cards import Method, Result
from spaser.explain import Question, explain_figure
from spaser.project import Project
from spaser.warehouse import Tables, write_database
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, ROOT, rows
from tests.indicators.recompute import FIGURES, mistakes
from tests.indicators.reference import SPEND, Unit, results_of
from tests.indicators.test_compute import (
    COUNTED_CODES,
    EMPTY_BUYER,
    EVERY,
    NAMED,
    TRUTH,
    computed,
)

SPEND_CODES = {"GEN-01", "SOC-25", "ECO-04"}


def line(**facts: Any) -> dict[str, Any]:
    """A line of spend of 2024 under a contract."""
    return {
        "fact_table": SPEND,
        "buyer_id": BUYER,
        "year": 2024,
        "is_under_contract": True,
        "is_book_v": False,
        "counts_for_duty": True,
    } | facts


def figures(tables: Tables, code: str, method: str = "default", **where: str) -> dict[str, Any]:
    """A figure in euros or in share of the whole scheme, unless told otherwise."""
    asked = {"buyer_id": "*", "scope": "floor", "unit": "eur", "measure": "value"} | where
    tests = " and ".join(f"{name} = '{value}'" for name, value in asked.items())
    (found,) = rows(
        tables,
        f"""from indicators.results where code = '{code}' and method = '{method}' and {tests}
        and dimension = '*'""",
    )
    return found


LINE = st.fixed_dictionaries(
    {
        name: TRUTH
        for name, column in CARDS.tables["facts/spend"].columns.items()
        if column.type == "BOOLEAN"
    }
    | {
        "fact_table": st.just(SPEND),
        "buyer_id": st.sampled_from([BUYER, BUYER, OTHER_BUYER]),
        "year": st.sampled_from([2024, 2024, 2023, None]),
        "amount_usable_eur": st.none() | st.decimals("0.01", "3000000000", places=2),
    }
)


@settings(
    max_examples=max(1, settings().max_examples // 14),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(LINE, max_size=10), st.booleans())
def test_every_row_about_spend_is_what_the_rules_say(lines, named):
    scheme = NAMED if named else EVERY
    with tempfile.TemporaryDirectory() as folder:
        tables = computed(folder, lines, scheme)
        found = rows(tables, f"from indicators.results where code in ({COUNTED_CODES})")
        wrong = mistakes(tables)
    present = sorted({unit["buyer_id"] for unit in lines})
    buyers = [BUYER, OTHER_BUYER, EMPTY_BUYER] if named else present
    expected = results_of(lines, scheme, buyers, 2024)
    names = ("code", "method", "measure", "unit", "scope", "buyer_id", "dimension", "member")
    keyed = {tuple(row[name] for name in names): row for row in found}
    assert set(keyed) == set(expected)
    for key, row in keyed.items():
        assert {name: row[name] for name in FIGURES} == expected[key], key
        assert (row["status"] == "computed") == (row["value"] is not None), key
    assert wrong == []


def test_a_buyer_without_ledger_has_an_unknown_spend_and_so_has_the_scheme(tmp_path):
    tables = computed(tmp_path, [line(amount_usable_eur="100")], NAMED)
    own = figures(tables, "GEN-01", buyer_id=BUYER)
    assert (own["value"], own["low"], own["high"]) == (100, 100, 100)
    for buyer in (OTHER_BUYER, "*"):
        silent = figures(tables, "GEN-01", buyer_id=buyer)
        assert (silent["status"], silent["value"], silent["high"]) == ("not_computable", None, None)
    assert silent["reason_fr"] == "aucune dépense fournie pour 2 acheteur(s) cette année-là"


def test_a_ledger_without_book_v_has_none(tmp_path):
    tables = computed(tmp_path, [line(amount_usable_eur="100")], EVERY)
    assert figures(tables, "GEN-01", "book_v")["value"] == 0


def test_spend_is_the_same_in_every_scope(tmp_path):
    tables = computed(tmp_path, [line(amount_usable_eur="100")], EVERY)
    scopes = ("all", "floor", "all_no_maxima", "floor_no_maxima")
    assert {figures(tables, "GEN-01", scope=scope)["value"] for scope in scopes} == {100}


def test_credit_notes_are_deducted_and_the_bounds_stay_in_order(tmp_path):
    lines = [
        line(amount_usable_eur="100"),
        line(amount_usable_eur="-30"),
        line(amount_usable_eur="-10", counts_for_duty=None),
    ]
    found = figures(computed(tmp_path, lines, EVERY), "GEN-01")
    assert (found["value"], found["low"], found["high"]) == (70, 60, 70)


def test_a_share_of_more_credit_than_spend_is_not_computed(tmp_path):
    lines = [
        line(amount_usable_eur="-30", is_inclusive_supplier=True),
        line(amount_usable_eur="100", is_inclusive_supplier=False),
    ]
    found = figures(computed(tmp_path, lines, EVERY), "SOC-25", "spend", unit="share")
    assert (found["status"], found["value"]) == ("not_computable", None)


def test_lines_without_usable_amount_are_counted_and_say_why(tmp_path):
    lines = [line(amount_usable_eur=None, amount_exclusion_reason="tax_included")]
    tables = computed(tmp_path, lines, EVERY)
    found = figures(tables, "GEN-01")
    assert (found["excluded"], found["status"]) == (1, "not_computable")
    assert "1 lignes écartées" in found["reason_fr"]
    (evidence,) = rows(tables, "from indicators.evidence where code = 'GEN-01' and scope = 'all'")
    assert (evidence["role"], evidence["reason"]) == ("excluded", "tax_included")


EVIDENCE = CARDS.tables["indicators/evidence"].columns
EMPTY_EVIDENCE = pa.table(
    {name: pa.array([], pa.int32() if name == "year" else pa.string()) for name in EVIDENCE}
)


def explained(tables: Tables, folder: Path, code: str, method: str) -> list[dict[str, Any]]:
    database = folder / "spaser.duckdb"
    write_database(tables, database)
    question = Question(code, method, "floor", "value", 2024, "*")
    return list(explain_figure(Project(ROOT), database, question).lines)


@pytest.mark.parametrize("with_evidence", [True, False])
def test_explain_opens_a_figure_of_spend_on_its_payments(tmp_path, with_evidence):
    lines: list[Unit] = [
        line(line_id="grand-livre.csv L2", amount_usable_eur="100", is_inclusive_supplier=True,
             supplier_name="Atelier fictif", category="Propreté", paid_date="2024-03-01",
             source_file="grand-livre.csv", source_pointer="L2"),
        line(line_id="grand-livre.csv L3", amount_usable_eur="300", is_inclusive_supplier=False,
             source_file="grand-livre.csv", source_pointer="L3"),
    ]  # fmt: skip
    tables = computed(tmp_path, lines, EVERY)
    indicators.compute(tables, CARDS, EVERY, [2024], with_evidence=with_evidence)
    if not with_evidence:
        tables.clear("indicators.evidence")
        tables.write_batches("indicators.evidence", [EMPTY_EVIDENCE], "year=2024")
    first, second = explained(tables, tmp_path, "SOC-25", "spend")
    assert (first["role"], first["weight"]) == ("numerator", Decimal(100))
    assert first["object"] == "Atelier fictif · Propreté"
    assert str(first["notified_date"]) == "2024-03-01"
    assert (second["role"], second["source_pointer"]) == ("denominator_only", "L3")
    assert json.dumps([first, second], default=str)


def test_a_method_on_another_table_names_its_population():
    with pytest.raises(ValidationError, match="population"):
        Method(fact_table=SPEND, results=(Result(measure="value", unit="eur"),))


def test_the_cards_of_spend_are_there():
    found = {c.id for c in CARDS.indicators.values() if SPEND in c.fact_tables}
    assert found >= SPEND_CODES
