"""Indicators about people: from published figures alone, and their evidence gives them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaser import indicators, privacy
from spaser.cards import IndicatorCard, Method, Result, parse
from spaser.errors import InputError
from spaser.hours.figures import AXES
from spaser.indicators import people
from spaser.indicators.targets import check_definitions
from spaser.privacy.suppress import NOTE_EN, NOTE_FR
from spaser.scheme import Scheme, Target, scheme_for_files
from spaser.warehouse import Tables
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, rows
from tests.hours.test_figures import built, line, write
from tests.indicators.reference import write_facts
from tests.indicators.test_compute import NAMED

ABOUT = [card for card in CARDS.indicators.values() if card.about == "people"]
ABOUT_CODES = ", ".join(f"'{card.id}'" for card in ABOUT)
SIX = Decimal("0.000001")
Cells = Mapping[tuple[str, str, str], Mapping[str, object]]
"""(buyer, axis, member) → measure → value; null is hidden."""


def computed(folder: Path | str, cells: Cells, scheme: Scheme = NAMED) -> Tables:
    """The results of published figures of 2024."""
    tables = Tables(Path(folder))
    write_facts(tables, [], [BUYER, OTHER_BUYER], named=scheme.buyers != "all")
    given_rows = [
        {
            "year": 2024,
            "buyer_id": buyer,
            "axis": axis,
            "member": member,
            "measure": measure,
            "value": value,
            "is_published": value is not None,
        }
        for (buyer, axis, member), measures in cells.items()
        for measure, value in measures.items()
    ]
    write(tables, "indicators.figures", given_rows)
    indicators.compute(tables, CARDS, scheme, [2024], axes=["social"])
    return tables


def result(tables: Tables, code: str, **where: object) -> dict[str, Any]:
    """The only row of a figure; of the scheme, without dimension, unless told otherwise."""
    wanted = {"buyer_id": "*", "dimension": "*", "method": "default", "year": 2024} | where
    conditions = " and ".join(f"{name} = '{value}'" for name, value in wanted.items())
    (row,) = rows(tables, f"from indicators.results where code = '{code}' and {conditions}")
    return row


# --- the figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (142_066, {"default": "78.058242", "legal_year": "88.404480", "ave": "88.791250"}),
        (25_124_684, {"ave": "15702.927500"}),
    ],
)
def test_g3_full_time_equivalents_with_their_divisors(tmp_path, hours, expected):
    tables = computed(tmp_path, {("*", "*", "*"): {"hours": hours}})
    for method, value in expected.items():
        row = result(tables, "SOC-15", method=method)
        assert row["value"] == row["low"] == row["high"] == Decimal(value)
        assert row["numerator"] == hours
        assert row["unit"] == "fte"
    assert round(result(tables, "SOC-15", method="ave")["value"]) == round(hours / 1600)


def test_the_divisor_is_printed_in_the_label_and_is_that_of_the_settings():
    for method in CARDS.indicators["SOC-15"].methods:
        (setting,) = (
            row
            for row in CARDS.reference("insertion_settings")
            if (row["key"], row["item"]) == ("fte_divisor", method.divisor)
        )
        assert method.labels is not None
        hours = int(setting["value"])
        assert f"{hours:,}".replace(",", " ") in method.labels.fr
        assert f"{hours:,}" in method.labels.en


def test_g13_a_programme_of_many_schools_is_one_contract_and_three_in_four_are_rsa(tmp_path):
    """Pas-de-Calais: 122 schools, 26 associations, 913 people of whom 687 RSA."""
    lines = [
        line(
            n,
            f"p{n}",
            100,
            commitment_id="ecoles",
            company_id=f"c{n % 26}",
            site=f"École {n % 122:03d}",
            host_structure=f"Association {n % 26:02d}",
        )
        for n in range(913)
    ]
    given_people = [
        {"pseudonym": f"p{n}", "year": 2024, "main_criterion": "RSA" if n < 687 else "DELD"}
        for n in range(913)
    ]
    tables = built(tmp_path, lines, given_people)
    privacy.build(tables, CARDS)
    write_facts(tables, [], [BUYER], named=True)
    indicators.compute(tables, CARDS, NAMED, [2024], axes=["social"])
    share = result(tables, "SOC-18", method="rsa", measure="people")
    assert (share["numerator"], share["denominator"]) == (687, 913)
    assert share["value"] == Decimal("0.752464")
    assert result(tables, "SOC-14")["value"] == 913
    figures = rows(
        tables,
        "select axis, count(*) as n from indicators.figures where measure = 'people' and "
        "buyer_id = '*' and axis in ('operation+site', 'operation+host_structure') group by axis",
    )
    assert {row["axis"]: row["n"] for row in figures} == {
        "operation+site": 122,
        "operation+host_structure": 26,
    }
    (contracts,) = rows(
        tables,
        "select value from indicators.figures where measure = 'contracts' and axis = '*' "
        "and buyer_id = '*'",
    )
    assert contracts["value"] == 1


WHOLE = {
    ("*", "*", "*"): {"people": 50, "hours": 1000, "pending_hours": 40},
    ("*", "sex", "female"): {"people": 12, "hours": 300},
    ("*", "sex", "male"): {"people": 36, "hours": 650},
    ("*", "sex", "unknown"): {"people": 2, "hours": 50},
    ("*", "activity_sector", "construction"): {"people": 30, "hours": 600},
    ("*", "activity_sector", "cleaning"): {"people": 25, "hours": 400},
    ("*", "activity_sector+sex", "cleaning+female"): {"people": 10, "hours": 200},
    ("*", "activity_sector+sex", "cleaning+male"): {"people": 15, "hours": 200},
}


def test_a_share_is_of_those_whose_member_is_known_and_the_others_open_the_interval(tmp_path):
    row = result(computed(tmp_path, WHOLE), "SOC-16", measure="people")
    assert [row[name] for name in ("numerator", "denominator", "unknown")] == [12, 48, 2]
    assert [row[name] for name in ("value", "low", "high")] == [
        Decimal("0.25"),
        Decimal("0.24"),
        Decimal("0.28"),
    ]
    assert (row["scope"], row["unit"], row["status"]) == ("all", "share", "computed")


def test_women_by_type_of_work_come_from_the_crossing(tmp_path):
    tables = computed(tmp_path, WHOLE)
    found = {
        row["member"]: row["value"]
        for row in rows(
            tables,
            "from indicators.results where code = 'SOC-16' and measure = 'people' "
            "and buyer_id = '*' and dimension = 'activity_sector'",
        )
    }
    assert found == {"cleaning": Decimal("0.4"), "construction": Decimal(0)}


def test_all_but_one_member_is_what_the_others_leave(tmp_path):
    row = result(computed(tmp_path, WHOLE), "SOC-12", method="outside_construction")
    assert (row["numerator"], row["denominator"], row["value"]) == (400, 1000, Decimal("0.4"))


@pytest.mark.parametrize(
    ("hidden", "code", "method", "measure", "suppressed"),
    [
        (("*", "sex", "female"), "SOC-16", "default", "people", True),
        (("*", "sex", "unknown"), "SOC-16", "default", "people", True),
        (("*", "*", "*"), "SOC-16", "default", "people", True),
        (("*", "sex", "male"), "SOC-16", "default", "people", False),
        (("*", "sex", "female"), "SOC-16", "default", "hours", False),
        (("*", "*", "*"), "SOC-14", "default", "people", True),
        (("*", "sex", "female"), "SOC-14", "default", "people", False),
    ],
)
def test_a_result_that_needs_a_hidden_figure_is_suppressed_and_says_nothing(
    tmp_path, hidden, code, method, measure, suppressed
):
    cells = {**WHOLE, hidden: {**WHOLE[hidden], "people": None}}
    tables = computed(tmp_path, cells)
    row = result(tables, code, method=method, measure=measure)
    assert (row["status"] == "suppressed") is suppressed
    if suppressed:
        numbers = ("value", "numerator", "denominator", "unknown", "low", "high")
        assert [row[name] for name in numbers] == [None] * 6
        assert (row["reason_fr"], row["reason_en"]) == (NOTE_FR, NOTE_EN)
        evidence = rows(
            tables,
            f"""from indicators.evidence where code = '{code}' and measure = '{measure}'
            and buyer_id = '*' and weight is null""",
        )
        assert evidence
        assert {one["reason"] for one in evidence} == {"secret"}


def test_full_time_equivalents_are_hidden_with_the_hours(tmp_path):
    tables = computed(tmp_path, {("*", "*", "*"): {"people": 50, "hours": None}})
    assert {result(tables, "SOC-15", method=m)["status"] for m in ("default", "ave")} == {
        "suppressed"
    }


def test_a_year_without_any_hour_in_the_logs_is_not_computable_and_never_zero(tmp_path):
    tables = computed(tmp_path, {(BUYER, "*", "*"): {"hours": 10}, ("*", "*", "*"): {"hours": 10}})
    assert result(tables, "SOC-12", buyer_id=BUYER)["value"] == 10
    row = result(tables, "SOC-12", buyer_id=OTHER_BUYER)
    assert (row["value"], row["status"]) == (None, "not_computable")
    assert "aucune heure" in row["reason_fr"]


def test_without_any_hours_every_figure_is_there_and_not_computable(tmp_path):
    tables = computed(tmp_path, {})
    found = rows(tables, f"from indicators.results where code in ({ABOUT_CODES})")
    assert {row["status"] for row in found} == {"not_computable"}
    assert {row["buyer_id"] for row in found} == {"*", BUYER, OTHER_BUYER}


def test_a_total_of_which_nothing_is_known_is_not_zero(tmp_path):
    cells = {("*", "*", "*"): {"hours": 10}, ("*", "hour_kind", "unknown"): {"hours": 10}}
    row = result(computed(tmp_path, cells), "SOC-24")
    assert (row["value"], row["low"], row["high"]) == (None, 0, 10)
    assert row["status"] == "not_computable"


def test_a_scheme_of_every_buyer_has_breakdowns_of_the_whole_only(tmp_path):
    cells = {
        (buyer, axis, member): measures
        for buyer in ("*", BUYER)
        for (_, axis, member), measures in WHOLE.items()
    }
    tables = computed(tmp_path, cells, scheme_for_files(()))
    found = rows(
        tables,
        f"select distinct buyer_id, dimension <> '*' as broken from indicators.results "
        f"where code in ({ABOUT_CODES})",
    )
    assert {(row["buyer_id"], row["broken"]) for row in found} == {
        ("*", False),
        ("*", True),
        (BUYER, False),
    }


def test_years_with_hours_and_no_contract_are_reported_on(tmp_path):
    tables = computed(tmp_path, {("*", "*", "*"): {"hours": 10}})
    assert indicators.years_found(tables) == [2024]


# --- targets --------------------------------------------------------------------------------------


def verdict(tables: Tables, target: Target, year: int = 2024) -> dict[str, Any]:
    scheme = NAMED.model_copy(update={"targets": (target,)})
    indicators.judge(tables, CARDS, scheme, year)
    (row,) = rows(tables, "from indicators.verdicts")
    return row


def target(**changes: Any) -> Target:
    asked = {"indicator": "SOC-12", "measure": "hours", "unit": "hours", "scope": "all",
             "year": 2024, "at_least": "900"}  # fmt: skip
    return Target.model_validate(asked | changes)


@pytest.mark.parametrize(
    ("at_least", "year", "expected"),
    [("900", 2024, "reached"), ("1001", 2024, "not_reached"), ("900", 2026, "not_due")],
)
def test_a_target_in_hours_is_judged(tmp_path, at_least, year, expected):
    tables = computed(tmp_path, WHOLE)
    assert verdict(tables, target(at_least=at_least, year=year))["verdict"] == expected


def test_a_target_under_secrecy_is_undecidable_and_says_why(tmp_path):
    cells = {**WHOLE, ("*", "*", "*"): {"people": 50, "hours": None}}
    row = verdict(computed(tmp_path, cells), target())
    assert (row["verdict"], row["value"], row["to_qualify"]) == ("undecidable", None, None)
    assert row["reason_fr"] == NOTE_FR


def test_an_undecided_share_of_people_names_no_contract_to_qualify(tmp_path):
    asked = target(indicator="SOC-16", measure="people", unit="share", at_least="0.26")
    row = verdict(computed(tmp_path, WHOLE), asked)
    assert (row["verdict"], row["to_qualify"]) == ("undecidable", None)


def test_a_target_about_people_has_no_floor():
    scheme = NAMED.model_copy(update={"targets": (target(scope="floor"),)})
    with pytest.raises(InputError, match="il existe : all"):
        check_definitions(CARDS, scheme)
    check_definitions(CARDS, NAMED.model_copy(update={"targets": (target(),)}))


# --- cards ----------------------------------------------------------------------------------------


def test_the_axes_of_cards_are_those_that_are_built():
    assert people.axes(CARDS) == tuple(AXES)


def test_the_words_of_secrecy_are_those_of_suppression():
    assert (people.SECRET_FR, people.SECRET_EN) == (NOTE_FR, NOTE_EN)


def card(*methods: Method, **changes: Any) -> IndicatorCard:
    return CARDS.indicators["SOC-16"].model_copy(update={"methods": methods} | changes)


PEOPLE = (Result(measure="people", unit="share"),)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (card(Method(axis="sexe", member=("female",), results=PEOPLE)), "sexe"),
        (card(Method(axis="sex", member=("f",), results=PEOPLE), dimensions=("site",)), "site"),
        (
            card(Method(axis="modality", member=("loan",), results=PEOPLE), dimensions=()),
            "axis of people",
        ),
        (card(Method(axis="sex", results=(Result(measure="count", unit="share"),))), "measure"),
        (card(Method(kind="total", divisor="mine", results=PEOPLE), dimensions=()), "divisor"),
    ],
)
def test_a_card_that_asks_for_what_the_figures_have_not_is_refused(bad, says):
    with pytest.raises(InputError) as error:
        people.check_card(CARDS, bad)
    assert says in error.value.en
    assert "Corrigez la carte" in error.value.fr


@pytest.mark.parametrize(
    "changes",
    [
        {"about": "contracts"},
        {"fact_table": "facts.contracts"},
        {"methods": [{"kind": "mean", "axis": "sex", "results": []}]},
        {"methods": [{"kind": "share", "results": []}]},
    ],
)
def test_a_card_about_people_reads_published_figures_and_nothing_else(changes):
    content = CARDS.indicators["SOC-16"].model_dump(mode="json") | changes
    with pytest.raises(InputError):
        parse(IndicatorCard, content, "SOC-16")


def test_a_card_about_contracts_has_no_place(tmp_path):
    content = CARDS.indicators["SOC-05"].model_dump(mode="json")
    content["methods"][0]["axis"] = "sex"
    with pytest.raises(InputError, match="about people only"):
        parse(IndicatorCard, content, "SOC-05")


def test_a_divisor_that_is_not_in_force_is_told(tmp_path):
    with pytest.raises(InputError, match="pas de diviseur"):
        people.divisor_on(CARDS, "unheard", date(2024, 12, 31))


# --- evidence -------------------------------------------------------------------------------------

NUMBERS = ("numerator", "denominator", "unknown", "value", "low", "high")


def explained(tables: Tables) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
    """Each computed result about people, and the same figures from its evidence."""
    parts: dict[tuple[str, ...], dict[str, dict[str, Decimal | None]]] = defaultdict(dict)
    for row in rows(tables, f"from indicators.evidence where code in ({ABOUT_CODES})"):
        key = (row["code"], row["method"], row["measure"], row["buyer_id"])
        assert row["unit_id"] not in parts[key], "a figure is there once"
        parts[key][row["unit_id"]] = row
    for row in rows(tables, f"from indicators.results where code in ({ABOUT_CODES})"):
        key = (row["code"], row["method"], row["measure"], row["buyer_id"])
        if row["status"] != "computed":
            continue
        method = next(m for m in CARDS.indicators[row["code"]].methods if m.name == row["method"])
        own = [one for unit, one in parts[key].items() if is_of(unit, row, method)]
        yield row, again(own, row, method)


def is_of(unit: str, row: Mapping[str, Any], method: Method) -> bool:
    """Whether a figure, by its name, is behind the row of a dimension and member."""
    axis, _, member = unit.partition("=")
    place = [
        *method.place,
        *([] if row["dimension"] == "*" else [(row["dimension"], row["member"])]),
    ]
    axes = [name for name, _ in place] + ([method.axis] if method.axis else [])
    if axis != ("+".join(axes) or "*"):
        return False
    prefix = "+".join(name for _, name in place)
    return member.startswith(f"{prefix}+" if prefix and method.axis else prefix)


def again(evidence: Iterable[Mapping[str, Any]], row: Mapping[str, Any], method: Method) -> Any:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in evidence:
        sums[one["role"]] += one["weight"]
    part, unknown = sums["numerator"], sums["unknown"]
    whole = part + sums["denominator_only"]
    if method.kind == "total":
        divisor = Decimal(row["denominator"]) if method.divisor else Decimal(1)
        found = [part / divisor, part / divisor, (part + unknown) / divisor]
        whole = divisor if method.divisor else whole
    else:
        found = [part / whole, part / (whole + unknown), (part + unknown) / (whole + unknown)]
    shown = [value.quantize(SIX, ROUND_HALF_UP) for value in found]
    return dict(zip(NUMBERS, [part, whole, unknown, *shown], strict=True))


LINE = st.fixed_dictionaries(
    {
        "pseudonym": st.integers(0, 30).map(lambda n: f"p{n:02d}"),
        "buyer_id": st.sampled_from([BUYER, BUYER, OTHER_BUYER]),
        "company_id": st.sampled_from(["c1", "c2", "c3", "c4", "c5"]),
        "hours_validated": st.integers(1, 150),
        "activity_sector": st.sampled_from(["construction", "cleaning", None]),
        "modality": st.sampled_from(["direct_hire", "loan", None]),
        "structure_kind": st.sampled_from(["ACI", "ETTI", None]),
        "hour_kind": st.sampled_from(["work", "training", None]),
    }
)
PERSON = st.fixed_dictionaries(
    {
        "sex": st.sampled_from(["female", "male", None]),
        "age_band": st.sampled_from(["1_under_26", "2_26_40", None]),
        "is_qpv": st.sampled_from([True, False, None]),
        "main_criterion": st.sampled_from(["RSA", "DELD", "JEUNE", None]),
        "last_month": st.sampled_from(["2024-03-01", "2025-05-01"]),
        "exit_status_6_months": st.sampled_from(["sustainable", "no_job", None]),
        "exit_status_12_months": st.sampled_from(["positive", None]),
    }
)


@settings(
    max_examples=max(1, settings().max_examples // 50),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large,
                           HealthCheck.large_base_example, HealthCheck.function_scoped_fixture],
    deadline=None,
)  # fmt: skip
@given(
    lines=st.lists(LINE, min_size=30, max_size=60), who=st.lists(PERSON, min_size=31, max_size=31)
)
def test_every_result_is_recomputed_from_its_evidence(tmp_path_factory, lines, who):
    """From lines of hours, through suppression: what is printed is what its evidence says."""
    folder = tmp_path_factory.mktemp("people")
    known = [{"pseudonym": f"p{n:02d}", "year": 2024} | one for n, one in enumerate(who)]
    tables = built(folder, [line(n, "", 0) | one for n, one in enumerate(lines)], known)
    privacy.build(tables, CARDS)
    write_facts(tables, [], [BUYER, OTHER_BUYER], named=True)
    indicators.compute(tables, CARDS, NAMED, [2024], axes=["social"])
    found = list(explained(tables))
    for row, told in found:
        assert {name: row[name] for name in NUMBERS} == told, row
    assert "p0" not in str(rows(tables, f"from indicators.evidence where code in ({ABOUT_CODES})"))


def test_the_evidence_of_a_known_case_has_no_figure_too_many(tmp_path):
    tables = computed(tmp_path, WHOLE)
    checked = list(explained(tables))
    assert len(checked) > 20
    for row, told in checked:
        assert {name: row[name] for name in NUMBERS} == told, row
    units = rows(
        tables,
        "select unit_id, role, weight, reason from indicators.evidence where code = 'SOC-16' "
        "and measure = 'people' and buyer_id = '*' and unit_id like 'sex=%' order by unit_id",
    )
    assert [tuple(unit.values()) for unit in units] == [
        ("sex=*", "denominator_only", 36, None),
        ("sex=female", "numerator", 12, None),
        ("sex=unknown", "unknown", 2, "met_unknown"),
    ]
