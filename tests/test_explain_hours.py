"""`spaser explain` of the hours half: operations, published aggregates, and nothing hidden."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaser.errors import InputError
from spaser.explain import BREAKDOWN, Answer, Question, explain_figure
from spaser.privacy.suppress import NOTE_EN, NOTE_FR, SYMBOL
from spaser.project import Project
from spaser.warehouse import Tables, session, write_database
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, ROOT
from tests.hours.test_figures import write
from tests.indicators.test_operations import computed as of_operations
from tests.indicators.test_operations import operation
from tests.indicators.test_people import WHOLE
from tests.indicators.test_people import computed as of_people
from tests.published import Said, spaser

FEMALE = ("*", "sex", "female")
HIDDEN = {**WHOLE, FEMALE: {"people": None, "hours": 300}}
"""The women of the scheme are hidden, their hours are not."""

HOURS_CODES = [f"SOC-{n}" for n in (11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 24)]


def publish(tables: Tables, *, with_evidence: bool = True) -> Path:
    """The database of these tables, with the evidence of the year or to be computed again."""
    if not with_evidence:
        with session() as connection:
            nothing = f"select * from {tables.scan('indicators.evidence')} where false"
            tables.write(connection, "indicators.evidence", nothing, "year=2024")
    target = tables.root / "spaser.duckdb"
    write_database(tables, target)
    return target


def answer(database: Path, code: str, method: str = "default", **asked: Any) -> Answer:
    question = {"scope": None, "measure": None, "year": 2024, "buyer": "*"} | asked
    return explain_figure(Project(ROOT), database, Question(code, method, **question))


def asked(database: Path, code: str, *options: str, language: str = "fr") -> Said:
    where = ("--project", str(ROOT), "explain", code, "--from", str(database.parent))
    year = () if "--year" in options else ("--year", "2024")
    return spaser(*where, *year, *options, language=language)


def cells(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, Decimal | None]]:
    return [(line["unit_id"], line["role"], line["weight"]) for line in lines]


def followed(folder: Path, units: Sequence[Mapping[str, Any]]) -> Tables:
    """Operations with what describes them: their name, and the lines of their commitment."""
    tables = of_operations(folder, units)
    ids = sorted({unit["operation_id"] for unit in units})
    described = [
        {"operation_id": name, "operation": f"Opération {name}", "notified_date": "2023-05-02"}
        for name in ids
    ]
    write(tables, "curated.operations", described)
    engaged = [
        {"commitment_line_id": f"{name} L{n}", "commitment_id": name,
         "source_file": "engagements.csv", "source_pointer": f"L{n}"}
        for name in ids
        for n in (10, 2)
    ]  # fmt: skip
    write(tables, "curated.commitments", engaged)
    return tables


TWO_BUYERS = [
    operation(operation_id="A"),
    operation(operation_id="B", buyer_id=OTHER_BUYER, companies="1"),
]
"""The second buyer's hours are those of one company: its figures are hidden, and the whole."""


# --- people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_evidence", [True, False], ids=["stored", "computed"])
def test_a_figure_about_people_opens_on_the_aggregates_that_give_it(tmp_path, with_evidence):
    told = answer(publish(of_people(tmp_path, WHOLE), with_evidence=with_evidence), "SOC-16")
    assert (told.question.scope, told.question.measure) == ("all", "people")
    assert cells(told.lines)[:3] == [
        ("sex=female", "numerator", 12),
        ("sex=*", "denominator_only", 36),
        ("sex=unknown", "unknown", 2),
    ]
    beside = cells(told.lines)[3:]
    assert {role for _, role, _ in beside} == {BREAKDOWN}
    assert ("activity_sector+sex=cleaning+female", BREAKDOWN, 10) in beside
    assert told.results[0]["numerator"] == 12


def test_aggregates_are_named_in_the_language_of_the_reader(tmp_path):
    told = answer(publish(of_people(tmp_path, WHOLE)), "SOC-16")
    assert told.rows("fr")[0] == ("Sexe\u00a0: Femme", "numérateur", "12")
    assert told.rows("en")[0] == ("Sex: Woman", "numerator", "12")
    assert told.headers("fr") == ("Agrégat", "Rôle", "Valeur")
    for language, words in (("fr", "chez le facilitateur"), ("en", "with the facilitator")):
        assert words in told.summary(language)


def test_a_figure_within_a_group_keeps_its_own_aggregate_apart_from_its_breakdown(tmp_path):
    group = {("*", "left_6_months", "yes"): {"people": 40}}
    status = {("*", "left_6_months+exit_6_months", "yes+no_job"): {"people": 40}}
    told = answer(publish(of_people(tmp_path, WHOLE | group | status)), "SOC-20", "left_6")
    assert cells(told.lines) == [
        ("left_6_months=yes", "numerator", 40),
        ("left_6_months+exit_6_months=yes+no_job", BREAKDOWN, 40),
    ]


def test_hours_and_full_time_equivalents_are_told_in_their_unit(tmp_path):
    database = publish(of_people(tmp_path, WHOLE))
    assert "1\u202f000\u00a0h" in answer(database, "SOC-12").summary("fr")
    assert "FTE" in answer(database, "SOC-15").summary("en")


@pytest.mark.parametrize("with_evidence", [True, False], ids=["stored", "computed"])
def test_a_buyer_s_figure_opens_on_its_own_aggregates(tmp_path, with_evidence):
    own = {(BUYER, axis, member): {"people": 30} for _, axis, member in WHOLE}
    database = publish(of_people(tmp_path, WHOLE | own), with_evidence=with_evidence)
    lines = answer(database, "SOC-14", buyer=BUYER).lines
    assert cells(lines)[0] == ("*=*", "numerator", 30)
    assert {line["buyer_id"] for line in lines} == {BUYER}
    assert {line["buyer_id"] for line in answer(database, "SOC-14").lines} == {"*"}


@pytest.mark.parametrize("with_evidence", [True, False], ids=["stored", "computed"])
def test_a_hidden_aggregate_is_s_in_every_form_and_a_note_says_why(tmp_path, with_evidence):
    database = publish(of_people(tmp_path, HIDDEN), with_evidence=with_evidence)
    table = asked(database, "SOC-14")
    assert (table.code, table.err) == (0, "")
    assert NOTE_FR in table.out
    (women,) = [line for line in table.out.splitlines() if "Femme" in line]
    assert women.split("│")[2].strip() == SYMBOL
    plain = asked(database, "SOC-14", "--format", "csv")
    assert NOTE_FR in plain.err
    rows = {row["unit_id"]: row for row in csv.DictReader(io.StringIO(plain.out))}
    assert (rows["sex=female"]["weight"], rows["sex=female"]["reason"]) == (SYMBOL, "secret")
    assert rows["sex=male"]["weight"] == "36.00"
    told = json.loads(asked(database, "SOC-14", "--format", "json").out)
    assert NOTE_EN in told["notes"]["en"]
    (hidden,) = [line for line in told["lines"] if line["unit_id"] == "sex=female"]
    assert (hidden["weight"], hidden["reason"]) == (None, "secret")


@pytest.mark.parametrize(
    ("language", "note", "never"),
    [("fr", NOTE_FR, "Non calculable"), ("en", NOTE_EN, "Not computable")],
)
def test_a_suppressed_figure_is_s_and_never_not_computable(tmp_path, language, note, never):
    said = asked(publish(of_people(tmp_path, HIDDEN)), "SOC-16", language=language)
    assert said.code == 0
    assert said.out.count(note) == 1
    assert never not in said.out


def test_a_year_without_hours_is_not_computable_and_has_no_line(tmp_path):
    told = answer(publish(of_people(tmp_path, {})), "SOC-14")
    assert told.summary("fr").splitlines()[1].startswith("Non calculable : aucune heure")
    assert told.lines == ()


def test_a_choice_that_does_not_exist_is_told_with_those_that_do(tmp_path):
    database = publish(of_people(tmp_path, WHOLE))
    with pytest.raises(InputError) as error:
        answer(database, "SOC-14", scope="floor")
    assert "--method default ; --scope all ; --measure people" in error.value.fr
    with pytest.raises(InputError, match="Années calculées : 2024"):
        answer(database, "SOC-14", year=2019)
    with pytest.raises(InputError, match="--method default, rsa"):
        answer(database, "SOC-18", "aah")


# --- operations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("with_evidence", [True, False], ids=["stored", "computed"])
def test_a_figure_of_operations_opens_on_them(tmp_path, with_evidence):
    tables = followed(tmp_path, [operation(operation_id="A")])
    told = answer(publish(tables, with_evidence=with_evidence), "SOC-13")
    assert cells(told.lines) == [("u0", "numerator", 400), ("u0", "denominator_only", 100)]
    name, role, reason, weight, notified, about, source = told.rows("fr")[0]
    assert (name, role, reason, weight) == ("u0", "numérateur", "", "400")
    assert (notified, about) == ("2023-05-02", "Opération A")
    assert source == "engagements.csv L2, L10"
    assert [row[1] for row in told.rows("fr")] == ["numérateur", "dû, non réalisé"]
    assert told.headers("en")[0] == "Operation"
    assert "usage interne" in told.summary("fr")


def test_what_is_committed_is_a_public_fact(tmp_path):
    told = answer(publish(followed(tmp_path, TWO_BUYERS)), "SOC-11")
    assert cells(told.lines) == [("u0", "numerator", 500), ("u1", "numerator", 500)]
    assert told.notes == ()


@pytest.mark.parametrize("with_evidence", [True, False], ids=["stored", "computed"])
@pytest.mark.parametrize("code", ["SOC-13", "SOC-21"])
def test_a_suppressed_figure_of_operations_opens_none_of_them(tmp_path, code, with_evidence):
    database = publish(followed(tmp_path, TWO_BUYERS), with_evidence=with_evidence)
    for buyer in ("*", OTHER_BUYER):
        told = answer(database, code, buyer=buyer)
        assert told.results[0]["status"] == "suppressed"
        assert told.lines
        assert {(line["weight"], line["reason"]) for line in told.lines} == {(None, "secret")}
        assert {row[3] for row in told.rows("fr")} == {SYMBOL}
        assert not {"100", "100.00", "400.00"} & set(re.findall(r"[\d.]+", told.as_json()))


@pytest.mark.parametrize("with_evidence", [True, False], ids=["stored", "computed"])
def test_the_figure_of_another_buyer_opens_where_it_is_printed(tmp_path, with_evidence):
    database = publish(followed(tmp_path, TWO_BUYERS), with_evidence=with_evidence)
    assert cells(answer(database, "SOC-21", buyer=BUYER).lines) == [("u0", "numerator", 100)]


@pytest.mark.parametrize("with_evidence", [True, False], ids=["stored", "computed"])
def test_a_printed_figure_whose_breakdown_is_hidden_keeps_its_operations_hidden(
    tmp_path, with_evidence
):
    units = [
        operation(operation_id="A"),
        operation(operation_id="B", contract_type="services", people="3", companies="1"),
    ]
    told = answer(publish(followed(tmp_path, units), with_evidence=with_evidence), "SOC-13")
    assert told.results[0]["status"] == "computed"
    assert {line["weight"] for line in told.lines} == {None}
    assert NOTE_FR in told.summary("fr")


def test_without_operations_there_is_a_figure_without_lines(tmp_path):
    told = answer(publish(of_people(tmp_path, WHOLE)), "SOC-11")
    assert told.results[0]["status"] == "not_computable"
    assert told.lines == ()


# --- the demo -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo_database(demo: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("published") / "spaser.duckdb"
    write_database(demo, target, CARDS.restricted)
    return target


@pytest.mark.demo
@pytest.mark.parametrize("code", HOURS_CODES)
def test_every_figure_of_hours_of_the_demo_opens_in_every_form(
    demo_database: Path, code: str
) -> None:
    for method in CARDS.indicators[code].methods:
        options = ("--method", method.name, "--year", "2025")
        table = asked(demo_database, code, *options, language="en")
        assert (table.code, table.err) == (0, "")
        plain = asked(demo_database, code, *options, "--format", "csv")
        told = json.loads(asked(demo_database, code, *options, "--format", "json").out)
        lines = list(csv.DictReader(io.StringIO(plain.out)))
        assert [line["unit_id"] for line in lines] == [line["unit_id"] for line in told["lines"]]
        assert told["lines"]
        assert not re.search(r"\b[0-9a-f]{32}\b", table.out + plain.out + str(told))
        (result,) = told["results"]
        hidden = [line for line in told["lines"] if line["reason"] == "secret"]
        if result["status"] == "computed" and not hidden:
            sums = Counter[str]()
            for line in told["lines"]:
                sums[line["role"]] += Decimal(line["weight"] or 0)  # type: ignore[assignment]
            assert Decimal(result["numerator"]) == sums["numerator"]
