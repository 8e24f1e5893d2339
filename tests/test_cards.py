"""Cards: valid, described by a JSON Schema, and true to the tables they describe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from spaser.cards import (
    Catalogue,
    Feeds,
    IndicatorCard,
    Model,
    SourceCard,
    TableCard,
    catalogue,
    load_yaml,
    parse,
)
from spaser.errors import InputError
from spaser.hours.lines import Reason
from tests.curate.run import CARDS, ROOT, one, rows

ASSETS = ROOT / "assets"
SOURCE_CODE = ROOT / "src" / "spaser"


def model_of(path: Path) -> type[Model]:
    if path.parent.name == "sources":
        return SourceCard
    if path.parent.name == "indicators" and path.stem[0].isupper():
        return IndicatorCard
    return TableCard


CARD_FILES = sorted(ASSETS.glob("*/*.yml"))


@pytest.mark.parametrize("path", CARD_FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_card_is_valid_and_meets_the_json_schema_of_its_model(path):
    model = model_of(path)
    content = {"key": f"{path.parent.name}/{path.stem}", **load_yaml(path)}
    parse(model, content, str(path))
    schema = model.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"unknown_key": 1}, schema)


def test_every_card_file_is_loaded():
    loaded = {*CARDS.sources, *CARDS.tables, *(card.key for card in CARDS.indicators.values())}
    assert loaded == {f"{path.parent.name}/{path.stem}" for path in CARD_FILES}
    assert all(card.key == f"indicators/{card.id}" for card in CARDS.indicators.values())


def test_the_indicators_asked_for_are_there():
    asked = {"GEN-02", "GEN-03", "SOC-01", "SOC-02", "SOC-04", "SOC-05", "ENV-01", "ENV-02",
             "ENV-03", "ECO-08", "ECO-09", "GOV-05", "GEN-04"}  # fmt: skip
    assert asked <= set(CARDS.indicators)
    assert CARDS.indicators["GEN-04"].default_targets == ()  # never compared with a PNAD target


# Bad cards: one message that says what, where and what to do

CARD = load_yaml(ASSETS / "indicators" / "SOC-05.yml") | {"key": "indicators/SOC-05"}


def refused(content: dict[str, Any]) -> InputError:
    with pytest.raises(InputError) as error:
        parse(IndicatorCard, content, "assets/indicators/SOC-05.yml")
    assert error.value.fr.startswith("assets/indicators/SOC-05.yml :")
    assert "Corrigez" in error.value.fr
    assert "Correct" in error.value.en
    return error.value


@pytest.mark.parametrize(
    ("content", "unknown", "near"),
    [
        (CARD | {"populaton": "true"}, "populaton", "population"),
        (CARD | {"methodes": []}, "methodes", "methods"),
        (CARD | {"labels": {"fr": "a", "en": "b", "eng": "c"}}, "labels.eng", "en"),
        (
            CARD | {"methods": [CARD["methods"][0] | {"resuts": []}]},
            "methods.0.resuts",
            "results",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(content, unknown, near):
    error = refused(content)
    assert f"« {unknown} » (vouliez-vous dire « {near} » ?)" in error.fr
    assert f"“{unknown}” (did you mean “{near}”?)" in error.en


def test_an_unknown_key_like_no_other_lists_the_known_ones():
    assert "known keys: about, axis, " in refused(CARD | {"zzzzzz": 1}).en


def test_a_missing_key_is_named():
    assert "« population »" in refused({k: v for k, v in CARD.items() if k != "population"}).fr


def test_all_faults_are_said_at_once():
    error = refused(CARD | {"direction": "sideways", "axis": "nowhere", "zz": 1})
    assert all(name in error.en for name in ("direction", "axis", "zz"))


def test_a_version_without_changelog_is_refused():
    assert "method_version 2" in refused(CARD | {"method_version": 2}).en


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [1", "YAML"), ("- a\n- b", "mapping"), ("", "mapping"), ("a: \x07", "YAML")],
)
def test_what_is_no_yaml_mapping_is_refused_with_its_path(tmp_path, text, says):
    path = tmp_path / "card.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(str(path))) as error:
        load_yaml(path)
    assert says in error.value.en


def test_an_absent_file_and_a_wrong_encoding_are_said(tmp_path):
    with pytest.raises(InputError, match="introuvable"):
        load_yaml(tmp_path / "absent.yml")
    path = tmp_path / "latin.yml"
    path.write_bytes("titre: été".encode("latin-1"))
    with pytest.raises(InputError, match="YAML"):
        load_yaml(path)


def test_a_catalogue_is_loaded_once(tmp_path):
    assert catalogue(ASSETS) is catalogue(ASSETS)
    assert Catalogue(tmp_path).tables == {}


# Cards and tables say the same

BUILT = [card for card in CARDS.tables.values() if card.key != "quality/checks"]


@pytest.mark.demo
@pytest.mark.parametrize("card", BUILT, ids=lambda card: card.key)
def test_a_table_has_the_columns_of_its_card_in_order_and_type(demo, card):
    described = rows(demo, f"describe select * from {card.table}")
    found = {row["column_name"]: row["column_type"] for row in described}
    declared = {name: column.type for name, column in card.columns.items()}
    assert found == declared
    assert list(found) == list(declared)


@pytest.mark.demo
@pytest.mark.parametrize("card", BUILT, ids=lambda card: card.key)
def test_codes_of_a_column_are_those_the_card_lists(demo, card):
    for name, column in card.columns.items():
        if column.codes:
            found = rows(demo, f"select distinct {name} as code from {card.table}")
            codes = {row["code"] for row in found if row["code"] is not None}
            assert codes <= set(column.codes), (card.key, name)


@pytest.mark.demo
@pytest.mark.parametrize("card", BUILT, ids=lambda card: card.key)
def test_the_grain_of_a_table_is_a_key(demo, card):
    if not card.grain:
        pytest.skip("no grain declared")
    keys = ", ".join(card.grain)
    doubled = rows(demo, f"select {keys} from {card.table} group by all having count(*) > 1")
    if card.key == "indicators/evidence" and "reason" not in card.grain:
        keys += ", reason"  # a ratio's unit that may be a member has a part in each
        doubled = rows(demo, f"select {keys} from {card.table} group by all having count(*) > 1")
    assert doubled == []


def test_dependencies_and_checks_name_what_exists():
    tables = {card.table: card for card in CARDS.tables.values()}
    for card in CARDS.tables.values():
        assert {name for name in card.depends_on if "." in name} <= {
            *tables,
            *(key.replace("sources/", "staged.") for key in CARDS.sources),
        }
        assert set(card.grain) <= set(card.columns), card.key
        for check in card.checks:
            used = [v for k, v in check.args.items() if k in {"column", "column_A", "column_B"}]
            used += check.args.get("column_list", [])
            assert set(used) <= set(card.columns), (card.key, check.name)


def test_dimensions_of_indicators_are_columns_of_their_facts():
    for card in CARDS.indicators.values():
        assert len({method.name for method in card.methods}) == len(card.methods)
        if card.about == "people":  # along axes: tests/indicators/test_people.py
            continue
        fact = CARDS.tables[card.fact_table.replace(".", "/")]
        assert set(card.dimensions) <= set(fact.columns)
        for method in card.methods:
            weighed = {card.weight_of(method, result.measure) for result in method.results}
            assert weighed - {None} <= set(
                CARDS.tables[card.table_of(method).replace(".", "/")].columns
            )


# References

SQL_OF_CONTRACTS = CARDS.sql("curated/contracts")


@pytest.mark.demo
def test_required_fields_are_the_required_rows_of_the_register_fields(demo):
    required = [field.field for field in CARDS.fields.values() if field.required]
    counted = re.search(r"(\d+) as required_fields", SQL_OF_CONTRACTS)
    assert counted is not None
    assert int(counted[1]) == len(required)
    assert re.findall(r"is null then '(\w+)' end,?\n", SQL_OF_CONTRACTS) == required
    for column in (field.contract_column for field in CARDS.fields.values() if field.required):
        assert column in CARDS.tables["curated/contracts"].columns
    completeness = one(demo, "select count(distinct field) as n from quality.completeness")
    assert completeness["n"] == len(required)


def test_every_rule_of_a_finding_has_a_row_and_every_row_is_used():
    """Rules are named in SQL, in reader functions and in ingest, always as whole words."""
    texts = [path.read_text(encoding="utf-8") for path in ASSETS.glob("*/*.sql")]
    texts += [path.read_text(encoding="utf-8") for path in SOURCE_CODE.rglob("*.py")]
    # A line of hours is set apart for a reason, and its rule is named after the reason.
    texts += [f"hours_{reason}" for reason in Reason]
    everything = "\n".join(texts)
    for rule in CARDS.rules:
        assert re.search(rf"\b{rule}\b", everything), f"nothing says {rule}"
    named = set(re.findall(r"'(\w+)' as rule", everything))
    named |= set(
        re.findall(
            r"select '(\w+)', ",
            "\n".join(path.read_text(encoding="utf-8") for path in ASSETS.glob("*/*.findings.sql")),
        )
    )
    named |= set(re.findall(r"Read\(None, \"(\w+)\"", everything))
    named |= set(re.findall(r"Finding\(\s*\"(\w+)\"", everything))
    assert {"missing_key", "lots_share_id", "date_unreadable"} <= named
    assert named <= set(CARDS.rules)


def test_rules_fill_only_places_that_exist():
    for rule in CARDS.rules.values():
        for text in (rule.message_fr, rule.message_en):
            assert set(re.findall(r"\{(\w+)\}", text)) <= {"value", "field", "key", "detail"}
        assert set(re.findall(r"\{(\w+)\}", rule.message_fr)) == set(
            re.findall(r"\{(\w+)\}", rule.message_en)
        )


def test_amount_bands_follow_each_other_without_a_hole():
    bands = CARDS.reference("amount_bands")
    assert bands[0]["from_eur"] == "0"
    assert [band["to_eur"] for band in bands] == [*(b["from_eur"] for b in bands[1:]), ""]


def test_code_lists_are_of_fields_that_exist():
    feeds = get_args(Feeds)
    fields = [field for name in feeds for field in CARDS.fields_of(name).values()]
    kinds = {field.field for field in fields if field.kind in {"code", "codes"}}
    assert {row["field"] for row in CARDS.reference("code_lists")} == kinds
