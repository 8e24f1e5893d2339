"""What to do: grouped, with what each repair brings, what decides a target first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spaser.indicators.actions import fields_read, write_actions
from spaser.scheme import Buyer, Scheme, Text
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, rows

D = Decimal
NAMED = Scheme(
    name="fiction",
    title=Text(fr="Fiction", en="Fiction"),
    buyers=(Buyer(id=BUYER, name="Ville"), Buyer(id=OTHER_BUYER, name="CCAS")),
    inputs=("nulle/part",),
)
EVERYONE = NAMED.model_copy(update={"buyers": "all"})

Given = Mapping[str, Sequence[Mapping[str, Any]]]


def acted(
    folder: Path, given: Given, scheme: Scheme = NAMED, years: Sequence[int] = (2024,)
) -> Any:
    """The actions over tables of which only the columns given are filled."""
    tables = Tables(folder)
    contracts = [
        {"uid": f"{buyer}-{n}", "buyer_id": buyer, "year": year}
        for buyer in (BUYER, OTHER_BUYER)
        for n, year in ((1, 2024), (2, 2024), (3, 2025), (4, None))
    ]
    buyers = [{"buyer_id": buyer, "in_scheme": True} for buyer in (BUYER, OTHER_BUYER)]
    with session() as connection:
        filled = {"curated.contracts": contracts, "curated.buyers": buyers} | dict(given)
        for table, table_rows in filled.items():
            columns = CARDS.tables[table.replace(".", "/")].columns
            text = {
                name: pa.array(
                    [None if row.get(name) is None else str(row[name]) for row in table_rows],
                    pa.string(),
                )
                for name in columns
            }
            connection.register("given", pa.table(text))
            cast = ", ".join(f"cast({name} as {c.type}) as {name}" for name, c in columns.items())
            tables.write(connection, table, f"select {cast} from given")
    written = write_actions(tables, CARDS, scheme, years)
    found = rows(tables, "from quality.actions order by year nulls last, rank")
    assert len(found) == written
    return found


def suspicion(rule: str, n: int | None = 1, **more: Any) -> dict[str, Any]:
    uid = None if n is None else f"{BUYER}-{n}"
    return {"rule": rule, "uid": uid, "buyer_id": BUYER, "year": 2024, "field": "amount"} | more


def verdict(target: str, to_qualify: int | None, **more: Any) -> dict[str, Any]:
    return {
        "scheme": "fiction", "target_id": target, "buyer_id": "*", "year": 2024, "code": "SOC-01",
        "method": "default", "measure": "count", "scope": "floor", "verdict": "undecidable",
        "to_qualify": to_qualify, "label_fr": "Volet social", "label_en": "Social part",
    } | more  # fmt: skip


def gains(found: Any) -> list[str]:
    """Gains in French, with plain spaces."""
    return [re.sub(r"\s", " ", row["gain_fr"]) for row in found]


def test_contracts_to_qualify_decide_a_target(tmp_path):
    evidence = [
        {"code": "SOC-01", "method": "default", "measure": "count", "scope": "floor",
         "year": 2024, "unit_id": f"{BUYER}-{n}", "buyer_id": BUYER, "role": role}
        for n, role in enumerate(["unknown"] * 14 + ["numerator"])
    ]  # fmt: skip
    verdicts = [verdict("social-pnad", 12), verdict("decided", None, verdict="reached")]
    given = {"indicators.verdicts": verdicts, "indicators.evidence": evidence}
    (row,) = acted(tmp_path, given)
    assert row["gain_fr"] == (
        "12 marchés à qualifier décident l'objectif social-pnad (« Volet social », 2024)"
    )
    assert row["gain_en"] == (
        "12 contracts to qualify decide the target social-pnad (“Social part”, 2024)"
    )
    assert "« Considérations sociales »" in row["action_fr"]
    assert "“Social considerations”" in row["action_en"]
    assert (row["count"], row["contracts"], row["decides"]) == (12, 14, ["social-pnad"])
    assert (row["field"], row["buyer_id"]) == ("social_considerations", "*")


def test_one_is_singular(tmp_path):
    (row,) = acted(tmp_path, {"indicators.verdicts": [verdict("t", 1)]})
    assert row["gain_fr"].startswith("1 marché à qualifier décide l'objectif t")
    assert row["gain_en"].startswith("1 contract to qualify decides the target t")
    assert row["contracts"] is None  # no evidence was kept


def test_unknowns_of_other_buyers_do_not_count_for_a_buyer_s_target(tmp_path):
    evidence = [
        {"code": "SOC-01", "method": "default", "measure": "count", "scope": "floor",
         "year": 2024, "unit_id": f"{buyer}-1", "buyer_id": buyer, "role": "unknown"}
        for buyer in (BUYER, OTHER_BUYER)
    ]  # fmt: skip
    given = {
        "indicators.verdicts": [verdict("t", 1, buyer_id=BUYER)],
        "indicators.evidence": evidence,
    }
    (row,) = acted(tmp_path, given)
    assert (row["buyer_id"], row["contracts"]) == (BUYER, 1)


def test_what_brings_most_comes_first(tmp_path):
    given = {
        "indicators.verdicts": [verdict("later", 5), verdict("sooner", 2)],
        "quality.suspicions": [
            suspicion("tax_basis_unknown", None, value="3", amount_eur=D(4200000)),
            suspicion("amount_set_aside", 1, amount_eur=D(111111111)),
            suspicion("siret_invalid", 1, field="holders", amount_eur=D(999999999)),
        ],
        "quality.findings": [
            {"rule": "missing_key", "severity": "error", "key": f"{BUYER}-1", "field": "buyer_id"}
        ],
    }
    found = acted(tmp_path, given)
    assert [row["rule"] for row in found] == [
        "to_qualify", "to_qualify", "amount_set_aside", "tax_basis_unknown", "missing_key",
        "siret_invalid",
    ]  # fmt: skip
    assert [row["decides"] for row in found[:3]] == [["sooner"], ["later"], []]
    assert [row["rank"] for row in found] == [1, 2, 3, 4, 5, 6]
    assert found[-1]["amount_eur"] is None  # a SIRET changes no sum


def test_amounts_to_confirm_say_what_comes_back(tmp_path):
    given = [
        suspicion("amount_set_aside", 1, amount_eur=D(100000000)),
        suspicion("amount_set_aside", 2, amount_eur=D(20000000)),
        suspicion("tax_included_without_rate", None, value="1200", amount_eur=D(4200000)),
    ]
    found = acted(tmp_path, {"quality.suspicions": given})
    assert gains(found) == [
        "2 montants à confirmer ou corriger : justes, ils rendent 120 M € aux valeurs",
        "1 200 montants TTC à convertir : au plus 4,2 M € rentrent dans les valeurs",
    ]
    assert [(row["count"], row["contracts"]) for row in found] == [(2, 2), (1200, 1200)]


def test_a_buyer_s_wrong_siret_is_one_thing_to_do(tmp_path):
    given = [suspicion("siret_invalid", None, field="buyer_id", value=BUYER, detail="7", year=None)]
    (row,) = acted(tmp_path, {"quality.suspicions": given})
    assert (row["count"], row["contracts"], row["year"]) == (1, 7, None)


def test_findings_take_the_buyer_and_year_of_their_contract(tmp_path):
    def finding(rule: str, key: str | None, severity: str = "warning") -> dict[str, Any]:
        return {"rule": rule, "severity": severity, "key": key, "field": "notified_date"}

    given = [
        finding("undated", f"{BUYER}-4"),
        finding("undated", f"{OTHER_BUYER}-4"),
        finding("date_unreadable", f"{BUYER}-1"),
        finding("date_unreadable", f"{BUYER}-1"),
        finding("date_unreadable", f"{BUYER}-3"),  # 2025 is not asked for
        finding("input_empty", None, "error"),
        finding("record_merged", f"{BUYER}-1", "info"),  # asks for nothing
        finding("list_absent", None, "info"),
        finding("list_absent", None, "info"),  # of two steps: one list to provide
        finding("amount_set_aside", f"{BUYER}-1"),  # told by the suspicions
    ]
    found = acted(tmp_path, {"quality.findings": given})
    assert [
        (row["rule"], row["buyer_id"], row["year"], row["count"], row["contracts"]) for row in found
    ] == [
        ("date_unreadable", BUYER, 2024, 2, 1),
        ("input_empty", "*", None, 1, None),
        ("undated", BUYER, None, 1, 1),
        ("undated", OTHER_BUYER, None, 1, 1),
        ("list_absent", "*", None, 1, None),
    ]
    assert found[0]["gain_fr"] == "Date illisible : 2 à traiter"
    assert found[2]["gain_fr"] == (
        "1 date de notification à compléter : ce marché entre dans les chiffres d'une année"
    )


def test_findings_of_buyers_out_of_the_scheme_are_left(tmp_path):
    buyers = [{"buyer_id": BUYER, "in_scheme": True}, {"buyer_id": OTHER_BUYER, "in_scheme": False}]
    given = [
        {"rule": "undated", "severity": "warning", "key": f"{buyer}-4"}
        for buyer in (BUYER, OTHER_BUYER)
    ]
    found = acted(tmp_path, {"quality.findings": given, "curated.buyers": buyers})
    assert [row["buyer_id"] for row in found] == [BUYER]


@pytest.mark.parametrize(("scheme", "buyers"), [(NAMED, [BUYER]), (EVERYONE, ["*"])])
def test_missing_fields_are_told_by_named_buyer_or_together(tmp_path, scheme, buyers):
    columns = CARDS.tables["quality/completeness"].columns
    given = [
        {"buyer_id": buyer, "year": 2024, "field": "social_considerations", "required": 10,
         "filled": filled, **({"directorate": part} if "directorate" in columns else {})}
        for buyer, filled in ((BUYER, 3), (OTHER_BUYER, 10), ("*", 3))
        for part in (("*", "Voirie") if "directorate" in columns else ("*",))
    ]  # fmt: skip
    found = acted(tmp_path, {"quality.completeness": given}, scheme)
    assert [row["buyer_id"] for row in found] == buyers
    assert gains(found) == ["7 marchés à compléter : « Considérations sociales » y manque"]


def test_buyers_are_put_together_where_all_are_taken(tmp_path):
    given = [
        suspicion("amount_set_aside", 1, amount_eur=D(10)),
        suspicion(
            "amount_set_aside", 1, buyer_id=OTHER_BUYER, uid=f"{OTHER_BUYER}-1", amount_eur=5
        ),
    ]
    (row,) = acted(tmp_path, {"quality.suspicions": given}, EVERYONE)
    assert (row["buyer_id"], row["count"], row["amount_eur"]) == ("*", 2, D(15))


def test_without_any_table_there_is_nothing_to_do(tmp_path):
    assert acted(tmp_path, {}, years=(2024, 2025)) == []


def test_a_second_run_replaces_the_first(tmp_path):
    first = acted(tmp_path, {"quality.suspicions": [suspicion("amount_symbolic")]})
    second = acted(tmp_path, {"quality.suspicions": []})
    assert (len(first), second) == (1, [])


def test_the_table_is_that_of_its_card(tmp_path):
    acted(tmp_path, {"indicators.verdicts": [verdict("t", 1)]})
    given = rows(Tables(tmp_path), "describe quality.actions")
    types = {row["column_name"]: row["column_type"] for row in given}
    columns = CARDS.tables["quality/actions"].columns
    assert types == {name: column.type for name, column in columns.items()}


def test_every_gain_is_of_a_rule_and_can_be_written():
    named = [row["rule"] for row in CARDS.reference("action_gains")]
    assert len(named) == len(set(named))
    suspicions = CARDS.tables["quality/suspicions"].columns["rule"].codes
    assert set(suspicions) <= set(named)
    for row in CARDS.reference("action_gains"):
        for language in ("fr", "en"):
            text = row[f"gain_{language}"]
            text.format(n=1, eur="", target="", title="", label="")
            assert "{n}" in text
            assert re.fullmatch(r"([^\[\]|]|\[[^\[\]|]*\|[^\[\]|]*\])*", text), text


def test_the_fields_an_indicator_asks_about():
    assert fields_read(CARDS.indicators["SOC-01"]) == ["social_considerations"]
    assert fields_read(CARDS.indicators["ENV-01"]) == ["environmental_considerations"]
    assert fields_read(CARDS.indicators["ECO-08"]) == ["offers_received"]
