"""No reader derives a hidden figure, whatever he has been told in all editions together."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import settings

from spaser.privacy import Edition, Figure, Key, Mask, Rules, key_of, mask_edition, suppress
from spaser.privacy.complementary import Choice
from spaser.privacy.rules import named
from tests.privacy.attacker import Attacker, Insider, Interval, Printed
from tests.privacy.schemes import draw, edition, late

SCHEMES = (
    200 if settings.get_profile(settings.get_current_profile_name()).max_examples > 1000 else 20
)
"""Random schemes attacked: 200 under `make soak`, whose profile asks for many examples."""

SENSITIVE = {
    *("RSA", "ASS", "AAH", "MINIMA", "AUTRE_MINIMA", "VEUVAGE"),
    *("TH", "INVALIDITE", "DETENTION_MJ", "REF_DA", "RS_PS_DA"),
}


def demanded(key: Key, value: Decimal) -> float:
    """How wide a hidden figure must stay: DOMAIN §5 by hand, apart from the program's own table."""
    people = 11 if any(a == "criterion" and m in SENSITIVE for a, m in key[1]) else 5
    return people if key[0] == "people" else max(people * 35, float(value) * 0.15)


def printed(published: Edition, mask: Mask) -> Printed:
    """What readers see: numbers that the mask shows, and shares of the total of their axis."""
    values = {f.key: f.value if mask.shows(f.key) else None for f in published.figures if f.shown}
    truth = {f.key: f.value for f in published.figures}
    percentages = {}
    for measure, place in values:
        for pair in place:
            whole = (measure, tuple(other for other in place if other != pair))
            if whole in values and truth[whole] and mask.shows((measure, place), whole):
                share = 100 * truth[measure, place] / truth[whole]
                percentages[(measure, place), whole] = share.quantize(Decimal("0.1"))
    sums = tuple((extra.total, extra.parts) for extra in published.sums)
    return Printed(values, percentages, sums, _partial(truth))


def _partial(truth: dict[Key, Decimal]) -> frozenset[tuple[Key, str]]:
    """The breakdowns whose printed parts are fewer than their total."""
    sums: dict[tuple[Key, str], Decimal] = defaultdict(Decimal)
    for (measure, place), value in truth.items():
        for axis, _ in place:
            whole = (measure, tuple(pair for pair in place if pair[0] != axis))
            sums[whole, axis] += value
    return frozenset(name for name, value in sums.items() if value < truth.get(name[0], 0))


def truths(editions: list[Edition]) -> list[dict[Key, Decimal]]:
    return [{figure.key: figure.value for figure in e.figures} for e in editions]


def derived(
    editions: list[Edition], masks: list[Mask], *, strong: bool = True
) -> dict[str, tuple[Decimal, Interval]]:
    """The hidden figures that a reader derives too narrowly: true value, what he derives."""
    known = truths(editions)
    tables = [printed(e, mask) for e, mask in zip(editions, masks, strict=True)]
    insider = Insider(tuple(known)) if strong else None
    found = {}
    for (number, key), interval in Attacker(tables, insider).intervals().items():
        value = known[number][key]
        assert interval.low - 1e-6 <= float(value) <= interval.high + 1e-6, "the attacker is wrong"
        wanted = demanded(key, value) - 1e-4
        if interval.high - interval.low < wanted or interval.high < wanted:
            found[named(key)] = value, interval
    return found


def publish(editions: list[Edition], rules: Rules) -> list[Mask]:
    """Each edition masked with knowledge of those before it."""
    masks: list[Mask] = []
    for number, current in enumerate(editions):
        before = [
            Edition(e.figures, mask.hidden, e.sums, e.shares)
            for e, mask in zip(editions[:number], masks, strict=True)
        ]
        masks.append(mask_edition(current, rules, before))
    return masks


def scheme(seed: int) -> list[Edition]:
    """An edition on 2024, then one on both years."""
    lines = draw(seed)
    return [edition(line for line in lines if line.year == "2024"), edition(lines)]


@pytest.mark.parametrize("seed", range(SCHEMES))
def test_no_hidden_figure_of_a_random_scheme_can_be_derived(seed: int, rules: Rules):
    editions = scheme(seed)
    masks = publish(editions, rules)
    assert masks[-1].hidden, "a scheme that hides nothing tests nothing"
    assert not masks[-1].exposed
    assert derived(editions, masks) == {}


@pytest.mark.parametrize("seed", range(SCHEMES // 5))
def test_a_corrected_edition_tells_nothing_that_the_mask_does_not_own_up_to(
    seed: int, rules: Rules
):
    """What the first edition printed cannot be taken back: whatever follows of it is said."""
    lines = draw(seed)
    editions = [edition(late(lines, seed)), edition(lines)]
    masks = publish(editions, rules)
    assert derived(editions, masks).keys() <= set(masks[-1].exposed)
    assert derived(editions, masks, strong=False) == {}


@pytest.mark.parametrize("seed", range(3))
def test_the_attack_succeeds_without_complementary_suppression(
    seed: int, rules: Rules, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(suppress, "complete", lambda system, primary, *_: Choice(set(primary)))
    editions = scheme(seed)
    masks = publish(editions, rules)
    assert derived(editions, masks)
    assert derived(editions, masks, strong=False)


def people(value: int, **at: str) -> Figure:
    return Figure(key_of("people", at), Decimal(value))


def hours(value: int, companies: int = 9, largest: int = 0, **at: str) -> Figure:
    key = key_of("hours", at)
    return Figure(key, Decimal(value), companies=companies, largest_company=Decimal(largest))


def by_criterion(counts: dict[str, int], **at: str) -> list[Figure]:
    return [people(count, criterion=member, **at) for member, count in counts.items()]


def check(editions: list[Edition], rules: Rules) -> list[Mask]:
    """The masks of editions that no reader gets the better of."""
    masks = publish(editions, rules)
    assert not masks[-1].exposed
    assert derived(editions, masks) == {}
    return masks


def test_thirty_participants_four_of_them_on_rsa(rules: Rules):
    """DOMAIN G10: RSA is hidden, plus a second cell or the total."""
    parts = by_criterion({"RSA": 4, "QPV": 12, "other": 14})
    (mask,) = check([Edition((people(30), *parts))], rules)
    assert mask.hidden == {key_of("people", {"criterion": name}) for name in ("RSA", "QPV")}
    assert mask.decisions[parts[0].key].reason == "few_people"
    assert mask.decisions[parts[1].key].reason == "derivable"


def test_the_total_is_withheld_when_nothing_else_protects(rules: Rules):
    """Of nine people none of the other cells is wide enough for a threshold of eleven."""
    (mask,) = check([Edition((people(9), *by_criterion({"RSA": 4, "QPV": 5})))], rules)
    assert not mask.shows(key_of("people", {}))


def test_two_buyers_and_their_union(rules: Rules):
    """Hidden at one buyer, RSA must not follow from the union and the other buyer."""
    first = by_criterion({"RSA": 4, "other": 40}, buyer="A")
    second = by_criterion({"RSA": 30, "other": 41}, buyer="B")
    union = [*by_criterion({"RSA": 34, "other": 80}), people(114)]
    editions = [Edition((*first, *second, *union, people(44, buyer="A"), people(71, buyer="B")))]
    (mask,) = check(editions, rules)
    both = [key_of("people", {"criterion": "RSA", **at}) for at in ({"buyer": "B"}, {})]
    assert not mask.shows(first[0].key)
    assert not mask.shows(*both)


def test_a_city_is_not_taken_from_its_metropolis(rules: Rules):
    """The rest of the metropolis is in no table, yet 40 - 37 gives it."""
    city = [people(37, buyer="city", criterion="TH"), people(80, buyer="city")]
    editions = [Edition((*city, people(40, criterion="TH"), people(200)))]
    (mask,) = check(editions, rules)
    assert not mask.shows(city[0].key, key_of("people", {"criterion": "TH"}))


def test_a_city_printed_last_year_is_not_taken_from_its_metropolis(rules: Rules):
    city = Edition((people(37, buyer="city", criterion="TH"), people(80, buyer="city")))
    wider = Edition((people(40, criterion="TH"), people(200)))
    _, mask = check([city, wider], rules)
    assert not mask.shows(key_of("people", {"criterion": "TH"}))
    assert mask_edition(wider, rules).shows(key_of("people", {"criterion": "TH"}))


def test_a_period_does_not_give_the_year_that_an_earlier_edition_lacks(rules: Rules):
    """RSA: 15 in 2024, printed; 17 over both years would give the 2 of 2025."""
    first = Edition((people(35, year="2024"), *by_criterion({"RSA": 15, "a": 20}, year="2024")))
    period = (people(90), *by_criterion({"RSA": 17, "a": 73}))
    last = (people(55, year="2025"), *by_criterion({"RSA": 2, "a": 53}, year="2025"))
    editions = [first, Edition((*last, *period))]
    _, mask = check(editions, rules)
    assert not mask.shows(key_of("people", {"criterion": "RSA"}))
    forgetful = [mask_edition(each, rules) for each in editions]
    assert "people, criterion = RSA, year = 2025" in derived(editions, forgetful)


def test_a_correction_is_not_read_from_two_editions(rules: Rules):
    """12 then 13 on RSA: printed both, they would tell of one late person."""
    editions = [
        Edition((people(60), *by_criterion({"RSA": 12, "other": 48}))),
        Edition((people(67), *by_criterion({"RSA": 13, "other": 54}))),
    ]
    first, second = check(editions, rules)
    rsa = key_of("people", {"criterion": "RSA"})
    assert first.shows(rsa)
    assert not second.shows(rsa)


def test_what_was_hidden_once_stays_hidden(rules: Rules):
    table = (people(30), *by_criterion({"RSA": 4, "QPV": 12, "other": 14}))
    wider = (*table, people(20, sex="F"), people(10, sex="M"))
    first, second = check([Edition(table), Edition(wider)], rules)
    assert first.hidden == second.hidden


def test_a_zero_that_tells_of_everyone_is_hidden(rules: Rules):
    """Nobody outside TH: the zero and the 40 would say that each of the 40 is disabled."""
    parts = by_criterion({"TH": 40, "other": 0})
    (mask,) = check([Edition((people(40), *parts))], rules)
    assert not any(mask.shows(part.key) for part in parts)
    assert mask.decisions[parts[1].key].reason == "everyone"


def test_a_zero_that_tells_nothing_of_anyone_is_printed(rules: Rules):
    parts = by_criterion({"TH": 0, "other": 40})
    (mask,) = check([Edition((people(40), *parts))], rules)
    assert mask.hidden == frozenset()


def test_hours_follow_the_people_they_are_of(rules: Rules):
    """Four people on RSA: their hours are hidden, and cannot be had from the other hours."""
    counts, worked = {"RSA": 4, "QPV": 12, "other": 14}, {"RSA": 900, "QPV": 4000, "other": 5000}
    parts = [hours(value, criterion=member) for member, value in worked.items()]
    edition_ = Edition((people(30), hours(9900), *by_criterion(counts), *parts))
    (mask,) = check([edition_], rules)
    assert mask.decisions[parts[0].key].reason == "hours_of_hidden_people"
    assert not mask.shows(parts[1].key)


@pytest.mark.parametrize(
    ("companies", "largest", "reason"),
    [(2, 500, "few_companies"), (5, 900, "dominant_company"), (5, 850, "published")],
)
def test_hours_of_one_company_are_hidden(companies: int, largest: int, reason: str, rules: Rules):
    """Of 1 000 hours one company made 900: 90 %."""
    modal = hours(1000, companies, largest, modality="temp")
    others = hours(6000, 20, 1000, modality="direct_hire")
    numbers = [people(20, modality="temp"), people(90, modality="direct_hire"), people(110)]
    (mask,) = check([Edition((modal, others, hours(7000, 25, 1000), *numbers))], rules)
    assert mask.decisions[modal.key].reason == reason
    assert mask.shows(others.key) == (reason == "published")
