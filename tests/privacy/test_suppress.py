"""The mask: what it refuses, what it says, how little it hides, that only the data moves it."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.errors import InputError
from spaser.privacy import (
    REASONS,
    Edition,
    Figure,
    Rules,
    Share,
    Sum,
    complementary,
    key_of,
    rules_on,
)
from spaser.privacy import mask_edition as mask
from tests.privacy.schemes import draw, edition
from tests.privacy.test_attack import by_criterion, derived, hours, people, publish, scheme

G10 = (people(30), *by_criterion({"RSA": 4, "QPV": 12, "other": 14}))
RSA, QPV = key_of("people", {"criterion": "RSA"}), key_of("people", {"criterion": "QPV"})
TOTAL = key_of("people", {})


def test_a_share_is_hidden_with_what_it_is_computed_from(rules: Rules):
    shown = mask(Edition(G10), rules)
    other = key_of("people", {"criterion": "other"})
    assert shown.shows(other, TOTAL)
    assert not shown.shows(RSA, TOTAL)


def test_a_figure_that_was_not_masked_is_never_printed(rules: Rules):
    with pytest.raises(InputError, match=r"sex = F.*ne peut être publié"):
        mask(Edition(G10), rules).shows(TOTAL, key_of("people", {"sex": "F"}))


def test_the_table_of_the_mask_tells_reasons_and_no_number(rules: Rules):
    rows = mask(Edition(G10), rules).table().to_pylist()
    told = {row["place"]: (row["is_published"], row["state"], row["reason"]) for row in rows}
    assert told == {
        "*": (True, "published", "published"),
        "criterion=QPV": (False, "complementary", "derivable"),
        "criterion=RSA": (False, "primary", "few_people"),
        "criterion=other": (True, "published", "published"),
    }
    assert {row["reason_fr"] for row in rows} <= {fr for fr, _ in REASONS.values()}
    assert not any(character.isdigit() for row in rows for character in row["reason_fr"])


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ((people(30), people(30)), "donné deux fois"),
        ((people(-1),), "n'est pas un nombre"),
        ((Figure(TOTAL, Decimal("2.5")),), "n'est pas un nombre"),
        ((Figure(key_of("age", {}), Decimal(2)),), "n'est pas un nombre"),
        ((people(3), people(2, sex="F"), people(2, sex="M")), "vaut 3, ses parties 4"),
        (
            (people(9), hours(9), hours(10, sex="F"), people(9, sex="F")),
            "vaut 9, ses parties 10",
        ),
        ((people(9, sex="F"), hours(8)), "pas de nombre de personnes"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(
    figures: tuple[Figure, ...], said: str, rules: Rules
):
    with pytest.raises(InputError, match=said) as caught:
        mask(Edition(figures), rules)
    assert caught.value.en != caught.value.fr


def test_two_sensitive_variables_are_never_crossed(rule_rows: list[dict[str, str]]):
    health = {**rule_rows[8], "dimension": "has_rqth", "member": "yes"}
    strict = rules_on([*rule_rows, health], date(2026, 1, 1))
    with pytest.raises(InputError, match="croise 2 variables sensibles"):
        mask(Edition((people(50, criterion="RSA", has_rqth="yes"),)), strict)


def test_a_sum_of_what_no_table_has_is_refused(rules: Rules):
    odd = Sum(TOTAL, (key_of("people", {"year": "2024"}),))
    with pytest.raises(InputError, match="dans aucune table"):
        mask(Edition((people(9),), sums=(odd,)), rules)


def test_hours_of_unknown_companies_are_hidden(rules: Rules):
    worked = Figure(key_of("hours", {}), Decimal(9000))
    assert mask(Edition((people(30), worked)), rules).decisions[worked.key].reason == (
        "unknown_companies"
    )


def test_people_who_are_counted_but_not_shown_still_hide_their_hours(rules: Rules):
    counted = Figure(key_of("people", {}), Decimal(3), shown=False)
    result = mask(Edition((counted, hours(2000))), rules)
    assert list(result.decisions) == [key_of("hours", {})]
    assert result.hidden == {key_of("hours", {})}


def test_what_an_old_edition_printed_in_the_clear_is_said_and_not_printed_again(rules: Rules):
    result = mask(Edition(G10), rules, [Edition(G10)])
    assert not result.shows(RSA)
    assert result.exposed == ("people, criterion = RSA",)


def test_a_percentage_printed_before_counts_as_knowledge(rules: Rules):
    """13,3 % of 30 people is 4 people, hidden or not."""
    leak = Share(RSA, TOTAL, Decimal("0.1325"), Decimal("0.1335"))
    assert (
        "people, criterion = RSA"
        in mask(Edition(G10), rules, [Edition(G10, frozenset({RSA, QPV}), shares=(leak,))]).exposed
    )


def test_the_order_of_the_figures_does_not_move_the_mask(rules: Rules):
    given_ = edition(draw(3))
    mixed = list(given_.figures)
    random.Random(1).shuffle(mixed)
    assert mask(given_, rules).decisions == mask(Edition(tuple(mixed)), rules).decisions


@pytest.mark.parametrize("seed", range(3))
def test_the_greedy_way_is_safe_too(seed: int, rules: Rules, monkeypatch: pytest.MonkeyPatch):
    exact = publish(scheme(seed), rules)
    monkeypatch.setattr(complementary, "WORK", -1)
    greedy = publish(scheme(seed), rules)
    assert derived(scheme(seed), greedy) == {}
    assert len(exact[0].hidden) <= len(greedy[0].hidden)


def is_safe(counts: dict[str, int], hidden: set[str]) -> bool:
    """One total and its parts, by hand: hidden parts share a known sum, each is one at least."""
    total_hidden = "total" in hidden
    parts = sorted(hidden - {"total"})
    if total_hidden:
        return len(parts) >= 1 or sum(counts.values()) == 0
    for name in parts:
        most = sum(counts[other] for other in parts) - (len(parts) - 1)
        least = 1 if len(parts) > 1 else counts[name]
        width = 11 if name in ("RSA", "TH") else 5
        if most < width or most - least < width:
            return False
    return True


@given(counts=st.lists(st.integers(1, 40), min_size=2, max_size=5))
def test_a_breakdown_hides_as_few_figures_as_can_be(rules: Rules, counts: list[int]):
    """Against every choice there is; the total costs itself and one share per part."""
    table = dict(zip(("DETLD", "RSA", "TH", "JEUNE", "SENIOR"), counts, strict=False))
    small = {name for name, n in table.items() if n < (11 if name in ("RSA", "TH") else 5)}
    if sum(counts) < 5:
        small.add("total")
    names = [*table, "total"]
    price = dict.fromkeys(table, 1) | {"total": 1 + len(table)}
    choices = [
        set(chosen) for size in range(len(names) + 1) for chosen in combinations(names, size)
    ]
    cheapest = min(
        sum(price[name] for name in chosen)
        for chosen in choices
        if small <= chosen and is_safe(table, chosen)
    )
    result = mask(Edition((people(sum(counts)), *by_criterion(table))), rules)
    chosen = {dict(place).get("criterion", "total") for _, place in result.hidden}
    assert small <= chosen
    assert is_safe(table, chosen)
    assert sum(price[name] for name in chosen) == cheapest
