"""What a card may ask: one pure boolean expression over the fact table, and nothing else runs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.errors import InputError
from spaser.indicators import predicates
from spaser.indicators.compiled import compile_cards
from spaser.indicators.compute import compile_for
from spaser.warehouse import session
from tests.curate.run import CARDS
from tests.indicators.reference import FACTS, truth_of

CARD = CARDS.indicators["SOC-05"]


def read(text: str) -> str:
    return predicates.predicate(CARD, FACTS, text)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("is_reserved", "is_reserved"),
        ("not is_reserved", "NOT is_reserved"),
        ("(is_reserved)", "(is_reserved)"),
        ("is_reserved or offers_received > 3", "is_reserved OR offers_received > 3"),
        ("framework_role <> 'call_off'", "framework_role <> 'call_off'"),
        ("framework_role != 'call_off'", "framework_role <> 'call_off'"),
        ("offers_received between 1 and 3", "offers_received BETWEEN 1 AND 3"),
        ("contract_type in ('works', 'services')", "contract_type IN ('works', 'services')"),
        ("amount_usable_eur is not null", "amount_usable_eur IS NOT NULL"),
        ("object = 'l''école'", "object = 'l''école'"),
        ("true", "TRUE"),
    ],
)
def test_a_condition_over_the_facts_is_taken(text, runs):
    assert read(text) == runs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("exists (select 1)", "Exists", id="subquery"),
        pytest.param("is_reserved and (select true)", "Subquery", id="scalar subquery"),
        pytest.param("year in (select 1)", "In", id="subquery in a list"),
        pytest.param("select true", "Select", id="statement"),
        pytest.param("lower(object) = 'a'", "Lower", id="function"),
        pytest.param("random() > 0.5", "Rand", id="random"),
        pytest.param("read_text('/etc/passwd') = 'a'", "Anonymous", id="file function"),
        pytest.param("current_date > notified_date", "CurrentDate", id="clock"),
        pytest.param("count(*) > 1", "Count", id="aggregate"),
        pytest.param("max(offers_received) > 1", "Max", id="aggregate of a column"),
        pytest.param("row_number() over () = 1", "Window", id="window"),
        pytest.param("is_reserved; drop table facts", "one expression", id="two statements"),
        pytest.param("is_reserved; select 1", "one expression", id="two selects"),
        pytest.param("", "one expression", id="empty"),
        pytest.param("   ", "one expression", id="blank"),
        pytest.param("-- only a comment", "one expression", id="comment alone"),
        pytest.param("has_clause", "has_clause", id="unknown column"),
        pytest.param("facts.is_reserved", "facts.is_reserved", id="qualified column"),
        pytest.param("IS_RESERVED", "IS_RESERVED", id="another case"),
        pytest.param("amount_usable_eur", "no condition", id="number"),
        pytest.param("1", "no condition", id="literal"),
        pytest.param("'true'", "no condition", id="text"),
        pytest.param("null", "no condition", id="null"),
        pytest.param("not amount_usable_eur", "no condition", id="not of a number"),
        pytest.param("is_reserved and offers_received", "no condition", id="and of a number"),
        pytest.param("is_reserved or 1", "no condition", id="or of a literal"),
        pytest.param("offers_received + 1 > 2", "Add", id="arithmetic"),
        pytest.param("offers_received / 2 > 1", "Div", id="division"),
        pytest.param("object like 'a%'", "Like", id="pattern"),
        pytest.param("object ~ 'a'", "Regexp", id="regular expression"),
        pytest.param("is_reserved::boolean", "Cast", id="cast"),
        pytest.param("case when is_reserved then true end", "Case", id="case"),
        pytest.param("year > $1", "Parameter", id="parameter"),
        pytest.param("year > ?", "Placeholder", id="placeholder"),
        pytest.param("is_reserved as x", "Alias", id="alias"),
        pytest.param("is_reserved, is_innovative", "unreadable", id="two expressions"),
        pytest.param("framework_role = 'call_off", "unreadable", id="open quote"),
        pytest.param("(is_reserved", "unreadable", id="open bracket"),
        pytest.param("is_reserved and", "unreadable", id="nothing after and"),
    ],
)
def test_anything_else_is_refused_and_said(text, says):
    with pytest.raises(InputError) as refused:
        read(text)
    for message in (refused.value.fr, refused.value.en):
        assert "assets/indicators/SOC-05.yml" in message
        assert f"{text} »" in message or f"{text}”" in message
        assert "\n" not in message.replace(text, "")
    assert says in refused.value.en
    assert "Écrivez" in refused.value.fr
    assert "Write" in refused.value.en


@pytest.mark.parametrize(
    "text",
    ["is_reserved -- or true", "is_reserved /* or true */", "/* */ is_reserved", "is_reserved;"],
)
def test_what_runs_is_the_tree_without_comments_or_semicolons(text):
    assert read(text) == "is_reserved"


def test_a_weight_is_the_name_of_a_column():
    assert predicates.measure(CARD, FACTS, "amount_usable_eur") == "amount_usable_eur"
    for text in ("amount_usable_eur * 2", "sum(amount_usable_eur)", "1", "nothing"):
        with pytest.raises(InputError):
            predicates.measure(CARD, FACTS, text)


@pytest.mark.parametrize(
    "change",
    [
        {"population": "(select true)"},
        {"methods": [CARD.methods[0].model_copy(update={"met": "sum(year) > 1"})]},
        {"methods": [CARD.methods[0].model_copy(update={"population": "nothing"})]},
        {"value_weight": "amount_usable_eur * 2"},
        {"methods": [CARD.methods[0].model_copy(update={"kind": "mean", "of": "random()"})]},
    ],
    ids=["population", "met", "population of a method", "weight", "mean"],
)
def test_every_expression_of_a_card_is_checked_before_anything_runs(change):
    with pytest.raises(InputError):
        compile_cards([CARD.model_copy(update=change)], FACTS)


def test_every_card_of_the_catalogue_is_taken():
    measured = [one for part in compile_for(CARDS) for one in (*part.measured, *part.medians)]
    taken = {(one.card.id, one.method.name) for one in measured}
    counted = [card for card in CARDS.indicators.values() if card.about != "people"]
    assert taken == {(card.id, method.name) for card in counted for method in card.methods}


# Any condition: the engine and the plain reading agree, nulls included

COMPARISONS = st.sampled_from(
    ["is_reserved", "is_innovative", "offers_received > 2", "offers_received = 3",
     "framework_role <> 'call_off'", "framework_role in ('none', 'framework')",
     "offers_received between 2 and 4", "is_reserved is null", "offers_received is not null",
     "true", "false"]
)  # fmt: skip
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=6,
)
UNITS = [
    {"is_reserved": r, "is_innovative": i, "offers_received": o, "framework_role": f}
    for r in (True, False, None)
    for i in (True, None)
    for o in (2, 3, None)
    for f in ("none", "call_off", None)
]


@settings(max_examples=max(1, settings().max_examples // 4))
@given(CONDITIONS)
def test_conditions_are_three_valued_in_the_engine_too(text):
    values = ", ".join(
        "(" + ", ".join("null" if value is None else repr(value) for value in unit.values()) + ")"
        for unit in UNITS
    )
    with session() as connection:
        found = connection.execute(
            f"""select {read(text)} from (values {values})
            u(is_reserved, is_innovative, offers_received, framework_role)"""
        ).fetchall()
    assert [row[0] for row in found] == [truth_of(text, unit) for unit in UNITS]
