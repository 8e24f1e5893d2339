"""The own register beside DECP: what is matched, what is left to review, what is missing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.curate import Settings, findings_of, matching, references
from spaser.scheme import scheme_for_files
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, rows, run_files

AS_OF = date(2025, 6, 30)
HOLDER, OTHER_HOLDER = "00040001000013", "00040002100017"
CODES = pa.list_(pa.string())
MONEY = pa.decimal128(18, 2)
RECORDS: dict[str, pa.DataType] = {
    "record_number": pa.int64(),
    "record_kind": pa.string(),
    "origin": pa.string(),
    "source_file": pa.string(),
    "source_pointer": pa.string(),
    "contract_id": pa.string(),
    "buyer_id": pa.string(),
    "lot_number": pa.string(),
    "outcome": pa.string(),
    "object": pa.string(),
    "cpv_code": pa.string(),
    "procedure": pa.string(),
    "notified_date": pa.date32(),
    "amount": MONEY,
    "amount_tax": pa.string(),
    "amount_with_tax": MONEY,
    "tax_basis": pa.string(),
    "vat_rate": pa.decimal128(9, 6),
    "estimated_need": MONEY,
    "holders": pa.string(),
    "social_considerations": CODES,
    "social_considerations_partial": pa.bool_(),
    "environmental_considerations": CODES,
    "environmental_considerations_partial": pa.bool_(),
    "social_clause": pa.bool_(),
    "social_criterion": pa.bool_(),
    "reserved": pa.bool_(),
    "reserved_article": pa.string(),
    "environmental_clause": pa.bool_(),
    "environmental_criterion": pa.bool_(),
}
PUBLICATIONS: dict[str, pa.DataType] = {
    "record_number": pa.int64(),
    "record_kind": pa.string(),
    "origin": pa.string(),
    "role": pa.string(),
    "uid": pa.string(),
    "buyer_id": pa.string(),
    "contract_id": pa.string(),
    "lot_number": pa.string(),
    "notified_date": pa.date32(),
}
Row = dict[str, Any]


def contract(contract_id: str = "2024-001", **changes: Any) -> Row:
    """A contract as the typed tables hold it; `holder` and `uid` are short cuts."""
    given_: Row = {
        "contract_id": contract_id,
        "buyer_id": BUYER,
        "object": "Entretien des espaces verts",
        "notified_date": date(2024, 3, 1),
        "amount": Decimal("100000.00"),
        "tax_basis": "ht",
        "holder": HOLDER,
    } | changes
    named = given_.pop("holder")
    ids = [named] if isinstance(named, str) else named
    if ids is not None:
        given_["holders"] = json.dumps([{"titulaire": {"id": text}} for text in ids])
    return {"record_kind": "contract", "role": "retained", **given_}


def arrow(listed: Iterable[Mapping[str, Any]], columns: Mapping[str, pa.DataType]) -> pa.Table:
    found = list(listed)
    return pa.table(
        {name: pa.array([row.get(name) for row in found], kind) for name, kind in columns.items()}
    )


def reconcile(
    root: Path,
    own: Iterable[Row],
    decp: Iterable[Row],
    ledger: Iterable[tuple[str, str, str]] | None = None,
    as_of: date | None = AS_OF,
) -> Tables:
    """Build `curated.reconciliation` over contracts already typed."""
    tables = Tables(root)
    listed: list[Row] = []
    for origin, contracts in (("own", own), ("decp", decp)):
        seen: dict[str, int] = {}
        for row in contracts:
            key = f"{row['buyer_id']}-{row['contract_id']}"
            seen[key] = seen.get(key, 0) + 1
            uid = key if seen[key] == 1 else f"{key}#{seen[key]}"
            place = {"source_file": f"{origin}.csv", "source_pointer": f"L{len(listed) + 2}"}
            listed.append(
                {"uid": uid, "record_number": len(listed), **place, **row} | {"origin": origin}
            )
    scheme = scheme_for_files(())
    with session() as connection:
        references.register(connection, CARDS, scheme)
        for table, columns in (
            ("curated.records", RECORDS),
            ("curated.publications", PUBLICATIONS),
        ):
            connection.register("given_rows", arrow(listed, columns))
            tables.write(connection, table, "select * from given_rows")
        tables.attach(connection, ["curated.records", "curated.publications"])
        if ledger is not None:
            lines = [dict(zip(("key", "field", "new"), line, strict=True)) for line in ledger]
            texts = {name: pa.string() for name in ("key", "field", "new")}
            connection.register("ledger_rows", arrow(lines, texts))
        matching.build(connection, tables, CARDS, Settings(scheme, as_of))
        card = CARDS.tables["curated/reconciliation"]
        findings_of.write(connection, tables, CARDS, card)
    return tables


def table_of(tables: Tables) -> list[Row]:
    return rows(tables, "select * from curated.reconciliation order by own_uid, decp_uid")


def only(tables: Tables) -> Row:
    (row,) = table_of(tables)
    return row


def findings(tables: Tables, rule: str) -> list[Row]:
    return rows(tables, f"select * from quality.findings where rule = '{rule}' order by key, field")


def rules(tables: Tables) -> set[str]:
    return {row["rule"] for row in rows(tables, "select rule from quality.findings")}


def levels(tables: Tables) -> list[tuple[str | None, str | None, str]]:
    """Rows as (own id, DECP id, level), without the buyer."""
    return [
        (short(row["own_uid"]), short(row["decp_uid"]), row["level"]) for row in table_of(tables)
    ]


def short(uid: str | None) -> str | None:
    return None if uid is None else uid.split("-", 1)[1]


def lines(*uids: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    """Ledger lines by the short ids of one buyer."""
    return [(f"{BUYER}-{key}", field, f"{BUYER}-{new}") for key, field, new in uids]


# Level id


@pytest.mark.parametrize(
    ("own", "decp"),
    [
        ("2024-001", "2024-001"),
        ("2024-FCS01", "2024-fcs01"),
        ("2024/001", "2024-001"),
        ("2024-1", "2024-001"),
        ("2024001", "2024-001"),
        ("Marché n° 12", "MARCHE-N-012"),
        ("2024-FCS01", "2024-FCS01-00"),
        ("24-PA2406L2", "24PA2406-L2-00"),
    ],
)
def test_one_id_written_in_two_ways_is_one_contract(tmp_path, own, decp):
    row = only(reconcile(tmp_path, [contract(own)], [contract(decp)]))
    assert (row["level"], row["score"], row["differences"]) == ("id", Decimal(1), [])


def test_ids_of_two_establishments_of_one_buyer_meet_by_siren(tmp_path):
    other_siret = BUYER[:9] + "00024"
    row = only(reconcile(tmp_path, [contract()], [contract(buyer_id=other_siret)]))
    assert row["level"] == "id"


def test_each_establishment_keeps_its_own_contract_of_one_id(tmp_path):
    both = [contract(), contract(buyer_id=BUYER[:9] + "00024")]
    found = table_of(reconcile(tmp_path, both, both))
    assert [(row["own_uid"], row["level"]) for row in found] == [
        (row["decp_uid"], "id") for row in found
    ]


def test_ids_of_two_buyers_never_meet(tmp_path):
    tables = reconcile(tmp_path, [contract()], [contract(buyer_id=OTHER_BUYER)])
    assert levels(tables) == [("2024-001", None, "none")]


def test_one_id_where_nothing_else_agrees_is_left_to_review(tmp_path):
    other = contract(
        object="Assurance dommages aux biens",
        notified_date=date(2021, 9, 30),
        amount=Decimal(812),
        holder=OTHER_HOLDER,
    )
    row = only(reconcile(tmp_path, [contract()], [other]))
    assert (row["level"], row["score"]) == ("near", Decimal("0.750"))
    assert "même identifiant" in row["reason_fr"]


def test_ids_that_meet_only_without_signs_need_more_than_the_holder(tmp_path):
    other = {"object": "Assurance", "notified_date": date(2024, 11, 4), "amount": Decimal(812)}
    tables = reconcile(tmp_path, [contract("1-11")], [contract("11-1", **other)])
    assert {row["level"] for row in table_of(tables)} == {"none"}


def test_lots_of_one_id_are_told_by_their_number(tmp_path):
    own = [contract("A", lot_number=n, object="Travaux") for n in ("1", "2", "3")]
    decp = [contract("A", object=f"Travaux - Lot {n} : école", lot_number=None) for n in (3, 1, 2)]
    tables = reconcile(tmp_path, own, decp)
    assert levels(tables) == [("A", "A#2", "id"), ("A#2", "A#3", "id"), ("A#3", "A", "id")]


def test_lots_of_one_id_are_told_by_their_object(tmp_path):
    names = ["Papier", "Encre", "Mobilier de bureau"]
    own = [contract("A", object=name) for name in names]
    decp = [contract("A", object=name.upper()) for name in reversed(names)]
    tables = reconcile(tmp_path, own, decp)
    assert levels(tables) == [("A", "A#3", "id"), ("A#2", "A#2", "id"), ("A#3", "A", "id")]


def test_lots_published_under_a_suffix_of_their_id(tmp_path):
    own = [contract("2024-01", lot_number=n, object=f"Lot {n}") for n in ("1", "2")]
    decp = [contract("2024-01-02", object="Lot 2"), contract("2024-01-01", object="Lot 1")]
    tables = reconcile(tmp_path, own, decp)
    assert levels(tables) == [("2024-01", "2024-01-01", "id"), ("2024-01#2", "2024-01-02", "id")]


def test_another_lot_of_the_same_id_is_another_contract(tmp_path):
    tables = reconcile(tmp_path, [contract("A", lot_number="1")], [contract("A", lot_number="2")])
    assert levels(tables) == [("A", None, "none"), (None, "A", "none")]


def test_two_candidates_that_tie_are_not_matched(tmp_path):
    decp = [contract("A", object="Fournitures papier"), contract("A", object="Fournitures encre")]
    tables = reconcile(tmp_path, [contract("A", object="Fournitures")], decp)
    assert levels(tables) == [("A", "A", "near"), (None, "A#2", "none")]
    assert findings(tables, "many_candidates")[0]["value"] == "2"


def test_a_crowd_under_one_id_is_not_compared_but_said(tmp_path):
    crowd = [contract("SANS NUMERO", object=None, lot_number=None) for _ in range(101)]
    tables = reconcile(tmp_path, crowd, crowd)
    assert {row["level"] for row in table_of(tables)} == {"none"}
    assert {row["value"] for row in findings(tables, "many_candidates")} == {"101"}


# Levels description and near


def test_another_id_with_the_same_date_amount_holder_and_object_is_matched(tmp_path):
    tables = reconcile(
        tmp_path, [contract("M1")], [contract("PLAT-77", object="Espaces verts : entretien")]
    )
    row = only(tables)
    assert row["level"] == "description"
    assert "M1 / PLAT-77" in row["reason_fr"]
    assert "M1 / PLAT-77" in row["reason_en"]
    assert findings(tables, "matched_by_description")[0]["severity"] == "info"


def test_another_establishment_of_the_holder_is_the_same_holder(tmp_path):
    row = only(reconcile(tmp_path, [contract("M1")], [contract("P", holder=HOLDER[:9] + " 00023")]))
    assert row["level"] == "description"


def test_twins_are_not_matched_by_description(tmp_path):
    tables = reconcile(tmp_path, [contract("M1")], [contract("P1"), contract("P2")])
    assert levels(tables) == [("M1", "P1", "near"), (None, "P2", "none")]
    assert {row["rule"] for row in rows(tables, "select rule from quality.findings")} >= {
        "near_match",
        "many_candidates",
        "missing_in_register",
    }


@pytest.mark.parametrize(
    ("changes", "score", "says"),
    [
        ({"notified_date": date(2024, 3, 3)}, "1.000", "dates à 2 jour(s)"),
        ({"notified_date": date(2024, 3, 18)}, "0.875", "dates à 17 jour(s)"),
        ({"amount": Decimal("99500.00")}, "1.000", "montants à 1 % près"),
        ({"amount": Decimal("120000.00")}, "0.975", "rapport 1,2, sans doute TTC et HT"),
        ({"amount": Decimal("94786.73")}, "0.975", "rapport 1,055, sans doute TTC et HT"),
        ({"amount": Decimal("70000.00")}, "0.750", "montants différents"),
        ({"amount": None}, "0.875", "montant inconnu"),
        ({"notified_date": None}, "0.875", "date inconnue"),
        ({"holder": OTHER_HOLDER}, "0.750", "titulaires différents"),
        ({"holder": None}, "0.875", "titulaire inconnu"),
        ({"object": "Assurance flotte"}, "0.750", "objets semblables à"),
    ],
)
def test_a_near_pair_says_how_near_and_why(tmp_path, changes, score, says):
    row = only(reconcile(tmp_path, [contract("M1")], [contract("P1", **changes)]))
    assert (row["level"], row["score"]) == ("near", Decimal(score))
    assert says in row["reason_fr"]


@pytest.mark.parametrize(
    "changes",
    [
        {"notified_date": date(2024, 4, 10), "amount": Decimal(70000)},
        {"holder": OTHER_HOLDER, "amount": Decimal(70000)},
        {"holder": None, "amount": Decimal(70000)},
        {"lot_number": "2", "object": "Entretien des espaces verts"},
    ],
)
def test_less_than_near_is_shown_on_both_sides_as_missing(tmp_path, changes):
    own = contract("M1", lot_number="1")
    tables = reconcile(tmp_path, [own], [contract("P1", **changes)])
    assert levels(tables) == [("M1", None, "none"), (None, "P1", "none")]


def test_the_nearest_pairs_are_shown_first(tmp_path):
    own = [contract("M1"), contract("M2", notified_date=date(2024, 3, 10))]
    decp = [contract("P1", notified_date=date(2024, 3, 12)), contract("P2", amount=Decimal(99999))]
    assert levels(reconcile(tmp_path, own, decp)) == [("M1", "P2", "near"), ("M2", "P1", "near")]


# Decisions of the department


def test_a_decision_matches_what_nothing_else_would(tmp_path):
    far = contract("P1", object="Autre", amount=Decimal(3), notified_date=date(2020, 1, 1))
    tables = reconcile(tmp_path, [contract("M1")], [far], lines(("M1", "same_as", "P1")))
    row = only(tables)
    assert (row["level"], row["score"], row["year"]) == ("decided", Decimal(1), 2024)
    assert set(row["differences"]) == {"object", "amount", "notified_date"}


def test_a_decision_may_name_the_publication_of_a_coordinator(tmp_path):
    ledger = [(f"{BUYER}-M1", "same_as", f"{OTHER_BUYER}-GROUP")]
    published = [contract("GROUP", buyer_id=OTHER_BUYER), contract("ELSE", buyer_id=OTHER_BUYER)]
    row = only(reconcile(tmp_path, [contract("M1")], published, ledger))
    assert (row["level"], row["buyer_id"]) == ("decided", BUYER)


def test_a_decision_comes_before_the_id(tmp_path):
    tables = reconcile(
        tmp_path,
        [contract("A"), contract("B")],
        [contract("A"), contract("B")],
        lines(("A", "same_as", "B"), ("B", "same_as", "A")),
    )
    assert levels(tables) == [("A", "B", "decided"), ("B", "A", "decided")]


def test_not_the_same_parts_a_pair_at_every_level(tmp_path):
    tables = reconcile(tmp_path, [contract("A")], [contract("A")], lines(("A", "not_same_as", "A")))
    assert levels(tables) == [("A", None, "none"), (None, "A", "none")]


@pytest.mark.parametrize(
    "ledger",
    [
        lines(("A", "same_as", "X"), ("A", "same_as", "Y")),
        lines(("A", "same_as", "X"), ("B", "same_as", "X")),
        lines(("A", "same_as", "X"), ("A", "not_same_as", "X")),
    ],
)
def test_decisions_that_contradict_each_other_decide_nothing_and_are_said(tmp_path, ledger):
    far = {"object": "Autre", "amount": Decimal(3), "holder": OTHER_HOLDER}
    tables = reconcile(
        tmp_path,
        [contract("A"), contract("B")],
        [contract("X", **far), contract("Y", **far)],
        ledger,
    )
    assert {row["level"] for row in table_of(tables)} == {"none"}
    told = findings(tables, "match_decision_unusable")
    assert len(told) == sum(field == "same_as" for _, field, _ in ledger)
    assert told[0]["severity"] == "error"


# What differs


def differences(root: Path, own: Row, decp: Row) -> tuple[list[str], Row, Row]:
    row = only(reconcile(root, [own], [decp]))
    assert row["level"] == "id"
    return row["differences"], json.loads(row["own_values"]), json.loads(row["decp_values"])


def test_every_field_that_differs_is_named_with_both_values(tmp_path):
    own = contract(
        procedure="adapted", cpv_code="77310000-6", social_considerations=["clause"],
        environmental_considerations=[],
    )  # fmt: skip
    decp = contract(
        procedure="open", cpv_code="45000000", social_considerations=[], amount=Decimal("90000.10"),
        environmental_considerations=["clause", "criterion"], notified_date=date(2024, 3, 2),
        holder=[HOLDER, OTHER_HOLDER], object="Espaces, entretien verts des",
    )  # fmt: skip
    found, own_values, decp_values = differences(tmp_path, own, decp)
    assert own_values == {
        "notified_date": "2024-03-01",
        "amount": "100000.00",
        "procedure": "adapted",
        "cpv_code": "77310000-6",
        "holders": HOLDER,
        "social_considerations": "clause",
        "environmental_considerations": "none",
    }
    assert decp_values == {
        "notified_date": "2024-03-02",
        "amount": "90000.10",
        "procedure": "open",
        "cpv_code": "45000000",
        "holders": f"{HOLDER}, {OTHER_HOLDER}",
        "social_considerations": "none",
        "environmental_considerations": "clause, criterion",
    }
    assert found == list(own_values)
    told = findings(Tables(tmp_path), "decp_differs")
    assert {row["field"]: (row["value"], row["detail"]) for row in told} == {
        field: (own_values[field], decp_values[field]) for field in found
    }


def test_what_is_unknown_on_a_side_does_not_differ(tmp_path):
    known = contract(
        procedure="open", cpv_code="45000000", social_considerations=["clause"],
        environmental_considerations=[],
    )  # fmt: skip
    unknown = contract(amount=None, holder=None)
    assert differences(tmp_path, known, unknown)[0] == []


def test_an_object_in_other_words_differs_only_when_little_is_alike(tmp_path):
    own = contract(object="Entretien des espaces verts")
    near, _, _ = differences(
        tmp_path / "1", own, contract(object="Espaces verts, entretien annuel")
    )
    far, _, _ = differences(tmp_path / "2", own, contract(object="Assurance flotte automobile"))
    assert (near, far) == ([], ["object"])


MONEY_FIELDS = {"amount", "amount_with_tax", "vat_rate"}


@pytest.mark.parametrize(
    ("own", "differ"),
    [
        ({"amount": 120000, "tax_basis": "ttc", "vat_rate": "0.2"}, False),
        ({"amount": 120000, "tax_basis": "ttc", "vat_rate": "0.1"}, True),
        ({"amount": 120000, "tax_basis": "ttc"}, False),
        ({"amount": 130000, "tax_basis": "ttc"}, True),
        ({"amount": 120000, "tax_basis": None}, False),
        ({"amount": 120000, "tax_basis": "ht"}, True),
        ({"amount": 120000, "tax_basis": "ht", "amount_tax": "ttc"}, False),
        ({"amount": None, "amount_with_tax": 120000, "vat_rate": "0.2"}, False),
    ],
)
def test_amounts_are_compared_without_vat(tmp_path, own, differ):
    exact = {
        name: Decimal(value) if name in MONEY_FIELDS and value is not None else value
        for name, value in own.items()
    }
    found, _, _ = differences(tmp_path, contract(**exact), contract())
    assert found == (["amount"] if differ else [])


@pytest.mark.parametrize(
    ("own", "decp", "differ"),
    [
        ({"social_clause": True}, {"social_considerations": []}, True),
        ({"social_clause": False}, {"social_considerations": ["clause"]}, True),
        ({"social_clause": True}, {"social_considerations": ["clause", "criterion"]}, False),
        ({"reserved_article": "L2113-12"}, {"social_considerations": ["clause"]}, True),
        (
            {"social_considerations": ["clause"], "social_considerations_partial": True},
            {"social_considerations": ["clause", "criterion"]},
            False,
        ),
        (
            {"social_considerations": ["clause"], "social_considerations_partial": True},
            {"social_considerations": []},
            True,
        ),
    ],
)
def test_considerations_differ_only_where_both_sides_speak(tmp_path, own, decp, differ):
    found, _, _ = differences(tmp_path, contract(**own), contract(**decp))
    assert found == (["social_considerations"] if differ else [])


def test_a_cpv_code_is_the_same_with_or_without_its_key_its_zero_and_its_zeros(tmp_path):
    own = [
        contract(str(n), cpv_code=code) for n, code in enumerate(("3111000", "7731", "45000000-7"))
    ]
    decp = [
        contract(str(n), cpv_code=c) for n, c in enumerate(("03111000-2", "77310000", "45000000"))
    ]
    tables = reconcile(tmp_path, own, decp)
    assert [row["differences"] for row in table_of(tables)] == [[], [], []]


def test_a_holder_named_without_id_leaves_the_holders_open(tmp_path):
    holders = json.dumps(
        [{"titulaire": {"id": HOLDER}}, {"titulaire": {"denominationSociale": "X"}}]
    )
    own = contract(holder=None, holders=holders)
    found, _, _ = differences(tmp_path, own, contract(holder=[HOLDER, OTHER_HOLDER]))
    assert found == []


# What is missing, and whether it is a fault


@pytest.mark.parametrize(
    ("changes", "rule", "due"),
    [
        ({}, "missing_in_decp", True),
        ({"amount": Decimal("40000.00")}, "missing_in_decp", True),
        ({"amount": Decimal("39999.99")}, "missing_in_decp_not_due", False),
        ({"amount": Decimal(9000), "estimated_need": Decimal(90000)}, "missing_in_decp", True),
        ({"notified_date": date(2025, 4, 29)}, "missing_in_decp", True),
        ({"notified_date": date(2025, 4, 30)}, "missing_in_decp_not_due", False),
        ({"procedure": "direct"}, "missing_in_decp", True),
        ({"procedure": "direct", "amount": Decimal(55000)}, "missing_in_decp_not_due", False),
        ({"amount": None}, "missing_in_decp_undecided", None),
        ({"tax_basis": "ttc"}, "missing_in_decp_undecided", None),
        ({"notified_date": None}, "missing_in_decp_undecided", None),
    ],
)
def test_a_contract_missing_in_decp_is_a_fault_only_when_it_was_due(tmp_path, changes, rule, due):
    published = [contract("A"), contract("B", notified_date=date(2025, 1, 2))]
    own = [*published, contract("M1", **{"object": "Papier", "holder": OTHER_HOLDER} | changes)]
    tables = reconcile(tmp_path, own, published)
    (row,) = [row for row in table_of(tables) if row["level"] == "none"]
    assert (short(row["own_uid"]), row["is_publication_due"]) == ("M1", due)
    told = [f for f in rows(tables, "select * from quality.findings") if f["key"].endswith("M1")]
    assert [(f["rule"], f["source_file"]) for f in told] == [(rule, "own.csv")]


def test_without_a_reference_date_whether_it_was_due_is_unknown(tmp_path):
    own = [contract("A"), contract("M1", object="Papier", holder=OTHER_HOLDER)]
    tables = reconcile(tmp_path, own, [contract("A")], as_of=None)
    assert rules(tables) == {"missing_in_decp_undecided"}


def test_without_decp_of_the_buyer_and_year_nothing_is_said_missing(tmp_path):
    own = [
        contract("M1"),
        contract("M2", object="Papier"),
        contract("A", notified_date=date(2023, 1, 1)),
    ]
    tables = reconcile(tmp_path, own, [contract("A", notified_date=date(2023, 1, 1))])
    assert [row["decp_received"] for row in table_of(tables)] == [True, False, False]
    (told,) = rows(tables, "select * from quality.findings")
    assert (told["rule"], told["key"], told["value"]) == ("decp_not_received", BUYER, "2")
    assert "2024" in told["message_fr"]


def test_decp_is_missing_in_the_register_only_where_the_register_covers_it(tmp_path):
    apart = {"object": "Assurance", "holder": OTHER_HOLDER, "amount": Decimal(7)}
    decp = [
        contract("A"),
        contract("SAME YEAR", notified_date=date(2024, 12, 31), **apart),
        contract("OTHER YEAR", notified_date=date(2023, 12, 31), **apart),
        contract("UNDATED", notified_date=None, **apart),
        contract("OTHER BUYER", buyer_id=OTHER_BUYER, **apart),
    ]
    tables = reconcile(tmp_path, [contract("A")], decp)
    assert levels(tables) == [("A", "A", "id"), (None, "SAME YEAR", "none")]
    (told,) = rows(tables, "select * from quality.findings")
    assert (told["rule"], told["severity"], told["source_file"]) == (
        "missing_in_register", "warning", "decp.csv",
    )  # fmt: skip


def test_a_contract_published_in_another_year_is_still_matched(tmp_path):
    tables = reconcile(tmp_path, [contract("A")], [contract("A", notified_date=date(2023, 12, 31))])
    assert levels(tables) == [("A", "A", "id")]


def test_lots_not_awarded_concessions_and_merged_publications_are_no_contract(tmp_path):
    own = [
        contract("A"),
        contract("B", outcome="unsuccessful"),
        contract("C", record_kind="concession"),
        contract("D", role="merged"),
    ]
    assert levels(reconcile(tmp_path, own, [contract("A")])) == [("A", "A", "id")]


@pytest.mark.parametrize("own", [[], [contract()]])
def test_one_register_alone_or_none_gives_its_table(tmp_path, own):
    tables = reconcile(tmp_path, own, [])
    assert [row["level"] for row in table_of(tables)] == ["none"] * len(own)


# Properties


def distinct(found: list[Row]) -> list[Row]:
    """At most one contract a buyer, id, lot and object, as publications leave them."""
    kept: dict[tuple[Any, ...], Row] = {}
    for row in found:
        kept.setdefault(
            (row["buyer_id"], row["contract_id"], row["lot_number"] or row["object"]), row
        )
    return [row | {"uid": f"{row['buyer_id']}-{n}"} for n, row in enumerate(kept.values())]


WORDS = ("papier", "encre", "espaces verts", "lot 1", "lot 2", "assurance", "travaux école")
CONTRACTS = st.lists(
    st.builds(
        contract,
        contract_id=st.sampled_from(["A", "a-1", "A1", "A-01", "2024-1", "2024-001", "B"]),
        buyer_id=st.sampled_from([BUYER, BUYER[:9] + "00024", OTHER_BUYER]),
        object=st.none() | st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(" ".join),
        lot_number=st.sampled_from([None, None, "1", "02"]),
        notified_date=st.none() | st.dates(date(2024, 1, 1), date(2024, 2, 20)),
        amount=st.sampled_from([None, Decimal(1000), Decimal(1200), Decimal(995)]),
        holder=st.sampled_from([None, HOLDER, OTHER_HOLDER]),
    ),
    max_size=7,
).map(distinct)
FEW = settings(max_examples=12, deadline=None)


def pairs(own: list[Row], decp: list[Row]) -> set[tuple[str | None, str | None, str]]:
    with tempfile.TemporaryDirectory() as folder:
        tables = reconcile(Path(folder), own, decp)
        return {(row["own_uid"], row["decp_uid"], row["level"]) for row in table_of(tables)}


@FEW
@given(CONTRACTS, CONTRACTS)
def test_each_contract_is_in_one_row_and_the_match_is_the_same_seen_from_the_other_side(own, decp):
    found = pairs(own, decp)
    for side, contracts in ((0, own), (1, decp)):
        uids = [row[side] for row in found if row[side] is not None]
        assert len(uids) == len(set(uids))
        assert set(uids) <= {row["uid"] for row in contracts}
    assert {row[0] for row in found if row[0]} == {row["uid"] for row in own}
    mirrored = {(d, o, level) for o, d, level in pairs(decp, own) if o and d}
    assert mirrored == {row for row in found if row[0] and row[1]}


@FEW
@given(CONTRACTS)
def test_a_register_matches_its_own_copy_wholly_by_id(own):
    assert pairs(own, own) == {(row["uid"], row["uid"], "id") for row in own}


@FEW
@given(CONTRACTS, CONTRACTS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(own, decp, random):
    shuffled = [random.sample(rows_, len(rows_)) for rows_ in (own, decp)]
    assert pairs(own, decp) == pairs(*shuffled)


# Real publications


@pytest.mark.real_data
def test_what_accountants_and_platforms_published_of_one_month_meets(real_data, tmp_path):
    """Spring 2019: what accountants published (PES) stands for the own register."""
    names = (
        "pes-dgfip_2019-04",
        "aife_2019-04",
        "e-marchespublics_2019-04",
        "aws-marches-publics.info_2019-03",
    )
    files = [real_data / "decp" / f"decp2019_{name}.json.gz" for name in names]
    tables = run_files(tmp_path, files, last="curated/publications")
    scheme = scheme_for_files(())
    with session() as connection:
        references.register(connection, CARDS, scheme)
        tables.attach(connection, ["curated.records", "curated.publications"])
        connection.execute(
            """create table parted as select record_number,
                case when contains(source_file, 'pes-dgfip') then 'own' else 'decp' end as side
            from curated.records"""
        )
        for name in ("records", "publications"):
            connection.execute(
                f"""create table {name}_parted as
                select t.* replace (side as origin) from curated.{name} t
                join parted using (record_number)"""
            )
            tables.write(connection, f"curated.{name}", f"from {name}_parted")
        matching.build(connection, tables, CARDS, Settings(scheme, date(2019, 4, 30)))
    found = [row for row in table_of(tables) if row["level"] != "none"]
    counted = {level: sum(row["level"] == level for row in found) for level in LEVELS}
    assert counted == {"id": 11, "description": 1, "near": 10}
    (described,) = [row for row in found if row["level"] == "description"]
    assert described["own_uid"].endswith("-201820181800")
    assert described["decp_uid"].endswith("-20181800")
    assert all(row["candidate_count"] == 1 for row in found if row["level"] == "near")


LEVELS = ("id", "description", "near")
