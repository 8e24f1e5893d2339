"""Which contract a record is about: lots, republications, first notification; nothing is lost."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.scheme import scheme_for_files
from spaser.warehouse import Tables
from tests.curate.run import (
    BUYER,
    OTHER_BUYER,
    contract,
    curate_all,
    one,
    open_balances,
    register,
    rows,
    run_files,
    stage_rows,
)

EVERY_BUYER = scheme_for_files(())


def lot(contract_id: str, number: int, **changes: Any) -> dict[str, Any]:
    text = f"Restauration scolaire - Lot {number} : produits {number}"
    return contract(id=contract_id, objet=text, **changes)


LOT_TEXTS = {
    "Travaux - Lot 3 : peinture": "3",
    "Travaux (LOT N°12) peinture": "12",
    "lot n° 4b": "4b",
    "Lots 2 et 3": "2",
    "Îlot 5 : voirie": None,
    "Lotissement des Prés": None,
}
A_JSON = [
    contract(id="LATEST", montant=72000, datePublicationDonnees="2024-07-01"),
    contract(id="FILENAME", montant=3),
    contract(id="NODATE", montant=4),
    contract(id="FUTURE", montant=4),
    contract(id="YEAR", dateNotification="2023-12-28", datePublicationDonnees="2024-01-05"),
    contract(id="YEAR", dateNotification="2024-06-01", datePublicationDonnees="2024-06-10"),
    contract(id="CONFLICT", montant=180000),
    contract(id="REWORDED", objet="Étude de circulation"),
    contract(id="TWOBUYERS"),
    contract(id="TWOBUYERS", acheteur={"id": OTHER_BUYER}),
    contract(id="SPELLING", objet="Réfection, école"),
    contract(id="SPELLING", objet="REFECTION  ECOLE."),
    lot("LOTS", 2, montant=20),
    lot("LOTS", 1, montant=10),
    lot("LOTS", 3, montant=30),
    lot("MATCHED", 1, montant=10),
    lot("MATCHED", 2, montant=20),
    lot("POINTED", 3),
    *(contract(id=f"TEXT{n}", objet=text) for n, text in enumerate(LOT_TEXTS)),
    *(contract(id=f"TEXT{n}", objet="Autre objet") for n in range(len(LOT_TEXTS))),
]
B_JSON = [
    contract(id="LATEST", montant=90000, datePublicationDonnees="2024-05-30"),
    contract(id="FILENAME", montant=1),
    contract(id="FILENAME", montant=2),
    contract(id="NODATE", montant=5, datePublicationDonnees=...),
    contract(id="FUTURE", montant=5, datePublicationDonnees="2089-01-01"),
    contract(id="CONFLICT", montant=195000, datePublicationDonnees="2024-07-01"),
    contract(id="REWORDED", objet="Étude de circulation, place du Lavoir"),
    lot("MATCHED", 2, montant=25, datePublicationDonnees="2024-08-01"),
    lot("POINTED", 1),
    lot("POINTED", 2),
    contract(id=...),
    contract(id="NC"),
    contract(id="NOBUYER", acheteur=...),
    contract(id="NOBUYER2", acheteur={"id": "MQ NC"}),
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("publications")
    files = [register(folder, "b.json", B_JSON), register(folder, "a.json", A_JSON)]
    return run_files(folder / "tables", files, last="curated/contracts")


def contracts(tables: Tables, contract_id: str) -> list[dict[str, Any]]:
    query = f"from curated.contracts where contract_id = '{contract_id}' order by uid"
    return rows(tables, query)


def findings(tables: Tables, contract_id: str) -> dict[str, dict[str, Any]]:
    found = rows(tables, f"from quality.findings where key = '{BUYER}-{contract_id}'")
    return {row["rule"]: row for row in found}


# Republications


def test_the_latest_publication_date_wins_whatever_the_file_name(tables):
    (found,) = contracts(tables, "LATEST")
    assert found["amount_initial_eur"] == 72000
    assert found["source_file"].endswith("a.json")
    assert found["published_date"] == date(2024, 5, 30)  # the first publication seen


@pytest.mark.parametrize(
    ("contract_id", "amount"),
    [
        pytest.param("FILENAME", 2, id="equal dates: last file, then last position"),
        pytest.param("NODATE", 4, id="an undated publication loses"),
        pytest.param("FUTURE", 4, id="a publication dated in the future loses"),
    ],
)
def test_the_winner_of_the_publications(tables, contract_id, amount):
    (found,) = contracts(tables, contract_id)
    assert found["amount_initial_eur"] == amount


def test_the_first_notification_decides_the_year(tables):
    (found,) = contracts(tables, "YEAR")
    assert (found["year"], found["notified_date"]) == (2023, date(2023, 12, 28))
    assert found["published_date"] == date(2024, 1, 5)
    assert found["publication_count"] == 2


def test_a_conflict_is_a_finding_that_names_the_fields(tables):
    said = findings(tables, "CONFLICT")
    assert set(said) == {"republished", "record_merged"}
    assert said["republished"]["detail"] == "amount_text, published_date"
    assert said["republished"]["source_file"].endswith("b.json")
    assert said["record_merged"]["source_file"].endswith("a.json")


def test_a_reworded_object_in_another_file_is_one_contract(tables):
    (found,) = contracts(tables, "REWORDED")
    assert found["object"] == "Étude de circulation, place du Lavoir"


def test_ids_are_unique_by_buyer_only(tables):
    assert [c["buyer_id"] for c in contracts(tables, "TWOBUYERS")] == [BUYER, OTHER_BUYER]


# Lots


def test_objects_that_differ_in_one_file_are_lots(tables):
    uid = f"{BUYER}-LOTS"
    found = contracts(tables, "LOTS")
    assert [(c["uid"], c["lot_number"], c["amount_initial_eur"]) for c in found] == [
        (uid, "1", 10),
        (f"{uid}#2", "2", 20),
        (f"{uid}#3", "3", 30),
    ]
    assert findings(tables, "LOTS")["lots_share_id"]["value"] == "3"


def test_case_accents_and_punctuation_do_not_make_a_lot(tables):
    assert len(contracts(tables, "SPELLING")) == 1


def test_lots_are_matched_across_files_by_object(tables):
    found = [(c["lot_number"], c["amount_initial_eur"]) for c in contracts(tables, "MATCHED")]
    assert found == [("1", 10), ("2", 25)]


def test_the_finding_of_lots_points_into_the_file_it_names(tables):
    finding = findings(tables, "POINTED")["lots_share_id"]
    assert finding["source_file"].endswith("a.json")
    assert finding["source_pointer"] == "/marches/marche/17"


@pytest.mark.parametrize("text", LOT_TEXTS)
def test_the_lot_number_is_read_from_the_object_where_it_says_one(tables, text):
    found = one(tables, f"select lot_number from curated.contracts where object = '{text}'")
    assert found["lot_number"] == LOT_TEXTS[text]


def test_suffixes_do_not_depend_on_file_names(tmp_path):
    objects = {"Lot 10 : pain": 10, "Lot 9 : lait": 9, "Sans numéro": 1}
    given = [
        {"buyer_id": BUYER, "contract_id": "1", "object": text, "amount": str(amount)}
        for text, amount in objects.items()
    ]
    found = []
    for names, order in ((("a", "a", "b"), given), (("z", "y", "z"), given[::-1])):
        tables = Tables(tmp_path / names[0])
        # Lots of one key need one file that holds two of them.
        records = [r | {"source_file": name} for r, name in zip(order, names, strict=True)]
        stage_rows(tables, "decp_2022_json", staged(records))
        curate_all(tables, EVERY_BUYER, "curated/contracts")
        found.append(rows(tables, "select uid, object from curated.contracts order by uid"))
    assert found[0] == found[1]
    assert [row["object"] for row in found[0]] == ["Lot 9 : lait", "Lot 10 : pain", "Sans numéro"]


# Records that cannot be kept


def test_a_record_without_id_or_buyer_is_set_aside_with_a_finding(tables):
    said = rows(tables, "from quality.findings where rule = 'missing_key' order by source_pointer")
    assert [(row["source_pointer"], row["field"]) for row in said] == [
        ("/marches/marche/10", "contract_id"),
        ("/marches/marche/11", "contract_id"),
        ("/marches/marche/12", "buyer_id"),
        ("/marches/marche/13", "buyer_id"),
    ]


def test_the_balance_closes_and_counts_each_fate(tables):
    assert open_balances(tables) == []
    balance = one(tables, "from quality.balances where step = 'publications:contract'")
    kept = one(tables, "select count(*) as n from curated.contracts")["n"]
    assert balance["records_in"] == len(A_JSON) + len(B_JSON)
    assert (balance["kept"], balance["rejected"]) == (kept, 4)


# Any small register, against a plain reading of the rules

FIRST_DAY = date(2024, 1, 1)
DAYS = st.none() | st.integers(0, 5).map(lambda n: (FIRST_DAY + timedelta(days=n)).isoformat())
RECORD = st.fixed_dictionaries(
    {
        "source_file": st.sampled_from(["in/a.json", "in/b.json", "other/a.json"]),
        "buyer_id": st.sampled_from([BUYER, BUYER, OTHER_BUYER, None]),
        "contract_id": st.sampled_from(["1", "2", "2", None]),
        "object": st.sampled_from(
            ["Toiture", "TOITURE.", "Lot 2 : peinture", "Lot 1 - gros œuvre", "Étude", None]
        ),
        "notified_date": DAYS,
        "published_date": DAYS,
        "record_kind": st.sampled_from(["contract", "contract", "contract", "concession"]),
    }
)
REGISTERS = st.lists(RECORD, min_size=1, max_size=25)


def same_object(text: str | None) -> str:
    letters = unicodedata.normalize("NFKD", (text or "").lower())
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain).split())


def expected_contracts(given: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rules of DOMAIN §4.2 in plain Python: contract → what is kept of it."""
    keys: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for record in given:
        if record["buyer_id"] and record["contract_id"]:
            keys[record["record_kind"], record["buyer_id"], record["contract_id"]].append(record)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key, records in keys.items():
        objects = defaultdict(set)
        for record in records:
            objects[record["source_file"]].add(same_object(record["object"]))
        has_lots = any(len(names) > 1 for names in objects.values())
        lots: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in records:
            lots[same_object(record["object"]) if has_lots else ""].append(record)
        for name, publications in lots.items():
            winner = max(publications, key=publication_order)
            found[(*key, name)] = {
                "retained": (winner["source_file"], winner["position"]),
                "merged": len(publications) - 1,
                "notified_date": earliest(publications, "notified_date"),
                "published_date": earliest(publications, "published_date"),
                "has_lots": has_lots,
            }
    return found


def publication_order(record: dict[str, Any]) -> tuple[Any, ...]:
    file = record["source_file"]
    return record["published_date"] or "", Path(file).name, file, record["position"]


def earliest(records: Iterable[dict[str, Any]], name: str) -> date | None:
    days = [record[name] for record in records if record[name]]
    return date.fromisoformat(min(days)) if days else None


def staged(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        record | {"position": place, "source_pointer": f"/{place}"}
        for place, record in enumerate(given)
    ]


@settings(max_examples=max(1, settings().max_examples // 12))
@given(REGISTERS)
def test_any_register_is_read_as_the_rules_say_and_nothing_is_lost(given_records):
    given_rows = staged(given_records)
    with tempfile.TemporaryDirectory() as folder:
        tables = Tables(Path(folder))
        stage_rows(tables, "decp_2022_json", given_rows)
        curate_all(tables, EVERY_BUYER, "curated/publications")
        found = rows(
            tables,
            """select p.*, r.source_file, r.position, r.object
            from curated.publications p join curated.records r using (record_number)""",
        )
        findings = rows(tables, "from quality.findings")
        assert open_balances(tables) == []
        balances = rows(tables, "from quality.balances where step like 'publications:%'")
    expected = expected_contracts(given_rows)
    retained = [row for row in found if row["role"] == "retained"]
    assert len(found) == len(given_rows) == sum(b["records_in"] for b in balances)
    assert len(retained) == len(expected) == len({(r["record_kind"], r["uid"]) for r in retained})
    for row in retained:
        key = (row["record_kind"], row["buyer_id"], row["contract_id"])
        wanted = expected[(*key, same_object(row["object"]) if row["has_lots"] else "")]
        assert (row["source_file"], row["position"]) == wanted["retained"]
        assert row["notified_date"] == wanted["notified_date"]
        assert row["published_date"] == wanted["published_date"]
        assert row["publication_count"] == wanted["merged"] + 1
        assert row["has_lots"] == wanted["has_lots"]
    # Every record that is merged or rejected is named, with its place.
    for role, rule in (("merged", "record_merged"), ("rejected", "missing_key")):
        places = {(r["source_file"], f"/{r['position']}") for r in found if r["role"] == role}
        said = {(f["source_file"], f["source_pointer"]) for f in findings if f["rule"] == rule}
        assert said == places
    # Suffixes count from 1 within a key, without a hole.
    for kind, buyer, contract_id in {key[:3] for key in expected}:
        uids = {
            row["uid"]
            for row in retained
            if (row["record_kind"], row["buyer_id"], row["contract_id"])
            == (kind, buyer, contract_id)
        }
        base = f"{buyer}-{contract_id}"
        numbers = [base] + [f"{base}#{n}" for n in range(2, len(uids) + 1)]
        assert uids == set(numbers)
