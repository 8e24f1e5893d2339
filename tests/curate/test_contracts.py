"""Contracts and facts: amounts set aside, framework roles, unknown apart from none, places."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from spaser.warehouse import Tables
from tests.curate.run import (
    BUYER,
    CARDS,
    OTHER_BUYER,
    contract,
    one,
    open_balances,
    register,
    rows,
    run_files,
)

SOCIAL = "considerationsSociales"
GREEN = "considerationsEnvironnementales"

AMOUNTS: dict[Any, str | None] = {
    0: "below_one_euro",
    0.5: "below_one_euro",
    1: "symbolic",
    1.01: None,
    -1: "negative",
    99999999: None,
    111111111: "repeated_digit",
    166666677: None,  # six times 6 is not more than six
    166666666: "repeated_digit",  # the digit the official code forgets
    999999999: "repeated_digit",
    100000000: None,  # zeros do not count
    123456788: None,
    123456789: "digit_sequence",
    1234567890: "digit_sequence",
    3000000000: None,
    3000000001: "above_three_billion",
    1.0e17: "out_of_range",
    "NC": "missing",
    ...: "missing",
}
CONSIDERATIONS: dict[str, tuple[dict[str, Any], tuple[bool | None, ...]]] = {
    # (social clause, social criterion, reserved, environmental clause, environmental criterion)
    "none": ({}, (False,) * 5),
    "sans objet": ({SOCIAL: ["Sans objet"], GREEN: "Sans objet"}, (False,) * 5),
    "absent": ({SOCIAL: ..., GREEN: ...}, (None,) * 5),
    "null": ({SOCIAL: None, GREEN: None}, (None,) * 5),
    "empty": ({SOCIAL: [], GREEN: ""}, (None,) * 5),
    "NC": ({SOCIAL: ["NC"], GREEN: "NC"}, (None,) * 5),
    "MQ": ({SOCIAL: "MQ", GREEN: ["MQ"]}, (None,) * 5),
    "CDL": ({SOCIAL: "CDL", GREEN: "CDL"}, (None,) * 5),
    "INX": ({SOCIAL: "INX Clause", GREEN: "INX"}, (None,) * 5),
    "wrapped": (
        {SOCIAL: {"considerationSociale": ["Clause sociale", "Marché réservé"]}},
        (True, False, True, False, False),
    ),
    "wrapped scalar": (
        {GREEN: {"considerationEnvironnementale": "Clause environnementale"}},
        (False, False, False, True, False),
    ),
    "python text": ({SOCIAL: "['Critère social']"}, (False, True, False, False, False)),
    "comma text": (
        {GREEN: "Clause environnementale, Critère environnemental"},
        (False, False, False, True, True),
    ),
    "partial": ({SOCIAL: ["Clause sociale", "Autre"]}, (True, None, None, False, False)),
}
PLACES: dict[tuple[str, str], str | None] = {
    ("59000", "Code postal"): "59",
    ("01000", "Code postal"): "01",
    ("1000", "Code postal"): "01",
    ("20090", "Code postal"): "2A",
    ("20200", "Code postal"): "2B",
    ("97400", "Code postal"): "974",
    ("97701", "Code commune"): "977",
    ("2A004", "Code commune"): "2A",
    ("33", "Code département"): "33",
    ("1", "Code département"): "01",
    ("01", "Code département"): "01",
    ("059", "Code département"): "59",
    ("2B", "CODE DEPARTEMENT"): "2B",
    ("02A", "Code département"): "2A",
    ("974", "Code département"): "974",
    ("971", "Code département"): "971",
    ("00", "Code département"): None,
    ("97", "Code département"): None,
    ("33000", "Code département"): None,
    ("5901", "Code canton"): "59",
    ("341", "Code arrondissement"): None,
    ("32", "Code région"): None,
    ("FR", "Code pays"): None,
}
CPV: dict[str, tuple[str | None, str | None]] = {
    "45233140-2": ("45", "works"),
    "4533": ("45", "works"),
    "77310000": ("77", "services"),
    "30192700": ("30", "supplies"),
    "03110000": ("03", "supplies"),
    "4": (None, None),
    "NC": (None, None),
}
FRAMEWORK = {"techniques": {"technique": ["Accord-cadre"]}}
ROLES = [
    contract(id="FRAMEWORK", **FRAMEWORK),
    contract(id="PROVEN", idAccordCadre="FRAMEWORK"),
    contract(id="ITSELF", idAccordCadre="ITSELF", **FRAMEWORK),
    contract(id="NOTHING", idAccordCadre="UGAP-2023-118"),
    contract(id="STRANGER", idAccordCadre="ELSEWHERE"),
    contract(id="ELSEWHERE", acheteur={"id": OTHER_BUYER}),
    contract(id="FILLED", idAccordCadre="NC"),
    contract(id="ORDERS", modalitesExecution={"modaliteExecution": "Bons de commande"}),
    contract(id="UNKNOWN", techniques=..., modalitesExecution=...),
    contract(id="HALF", techniques=["Concours", "Autre"]),
]
OLD = [
    {"_type": "Marché", "id": f"2019-{name}", "nature": nature, "objet": f"Objet {name}",
     "acheteur": {"id": BUYER, "nom": "Métropole de Fiction"}, "codeCPV": "45000000",
     "procedure": "Appel d offres ouvert", "montant": 50000, "formePrix": "Ferme",
     "lieuExecution": {"code": "59000", "typeCode": "CODE POSTAL", "nom": "Ville"},
     "dateNotification": "2019-11-27+01:00", "datePublicationDonnees": "2019-12-02+01:00",
     "dureeMois": 12, "titulaires": []}
    for name, nature in [("contract", "MARCHE"), ("framework", "Accord-cadre"),
                         ("calloff", "Marché subséquent")]
]  # fmt: skip
DELAYS = {
    "2024-05-01": True,  # two months after the 1st of March: the last day
    "2024-05-02": False,
    "2024-02-01": True,
    ...: None,
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("contracts")
    numbered = [
        *(contract(id=f"amount {n}", montant=amount) for n, amount in enumerate(AMOUNTS)),
        *(contract(id=f"say {name}", **said) for name, (said, _) in CONSIDERATIONS.items()),
        *(
            contract(id=f"place {n}", lieuExecution={"code": code, "typeCode": kind})
            for n, (code, kind) in enumerate(PLACES)
        ),
        *(contract(id=f"cpv {n}", codeCPV=code) for n, code in enumerate(CPV)),
        *(contract(id=f"delay {n}", datePublicationDonnees=d) for n, d in enumerate(DELAYS)),
        *(contract(id=f"offers {n}", offresRecues=n) for n in (0, 1, 2)),
        *ROLES,
    ]
    old = folder / "old.json"
    old.write_text(json.dumps({"marches": OLD}, ensure_ascii=False), encoding="utf-8")
    return run_files(folder / "tables", [register(folder, "a.json", numbered), old])


def found(tables: Tables, contract_id: str) -> dict[str, Any]:
    return one(tables, f"from curated.contracts where contract_id = '{contract_id}'")


def fact(tables: Tables, contract_id: str) -> dict[str, Any]:
    return one(tables, f"from facts.contracts where uid like '%-{contract_id}'")


@pytest.mark.parametrize("n", range(len(AMOUNTS)), ids=[str(amount) for amount in AMOUNTS])
def test_g14_amounts_are_set_aside_with_their_reason_and_still_counted(tables, n):
    amount, reason = list(AMOUNTS.items())[n]
    row = found(tables, f"amount {n}")
    assert row["amount_exclusion_reason"] == reason
    assert (row["amount_usable_eur"] is None) == (reason is not None)
    if reason not in {"missing", "out_of_range"}:
        assert row["amount_initial_eur"] == Decimal(str(amount))
    assert row["year"] == 2024
    said = rows(tables, f"from quality.findings where key like '%-amount {n}'")
    assert {finding["rule"] for finding in said} == (
        set() if reason in {None, "missing"} else {"amount_set_aside"}
    )


def test_no_declared_amount_leaves_the_floor_unknown(tables):
    missing = fact(tables, f"amount {list(AMOUNTS).index(...)}")
    assert (missing["at_floor"], missing["amount_band"]) == (None, None)


@pytest.mark.parametrize("name", CONSIDERATIONS)
def test_unknown_is_not_none(tables, name):
    row = found(tables, f"say {name}")
    facts = ("has_social_clause", "has_social_criterion", "is_reserved",
             "has_environmental_clause", "has_environmental_criterion")  # fmt: skip
    assert tuple(row[f] for f in facts) == CONSIDERATIONS[name][1]


@pytest.mark.parametrize("name", CONSIDERATIONS)
def test_unions_are_three_valued(tables, name):
    row = fact(tables, f"say {name}")
    clause, criterion, reserved, green_clause, green_criterion = CONSIDERATIONS[name][1]
    social = (clause, criterion, reserved)
    green = (green_clause, green_criterion)
    assert row["has_social_consideration"] == union(social)
    assert row["has_environmental_consideration"] == union(green)
    assert row["has_social_or_environmental"] == union((*social, *green))


def union(facts: tuple[bool | None, ...]) -> bool | None:
    return True if any(facts) else None if None in facts else False


@pytest.mark.parametrize("n", range(len(PLACES)), ids=[" ".join(place) for place in PLACES])
def test_department_of_the_place(tables, n):
    assert found(tables, f"place {n}")["department_code"] == list(PLACES.values())[n]


@pytest.mark.parametrize("n", range(len(CPV)), ids=list(CPV))
def test_division_and_type_from_the_cpv(tables, n):
    row = found(tables, f"cpv {n}")
    assert (row["cpv_division"], row["contract_type"]) == list(CPV.values())[n]


@pytest.mark.parametrize(
    ("contract_id", "role", "names"),
    [
        ("FRAMEWORK", "framework", None),
        ("PROVEN", "call_off", f"{BUYER}-FRAMEWORK"),
        ("ITSELF", "framework", None),
        ("NOTHING", "none", None),
        ("STRANGER", "none", None),
        ("FILLED", "none", None),
        ("2019-contract", "none", None),
        ("2019-framework", "framework", None),
        ("2019-calloff", "call_off", None),
    ],
)
def test_only_a_proven_call_off_is_one(tables, contract_id, role, names):
    row = found(tables, contract_id)
    assert (row["framework_role"], row["framework_uid"]) == (role, names)


@pytest.mark.parametrize(
    ("contract_id", "is_maximum"),
    [
        ("FRAMEWORK", True),
        ("ORDERS", True),
        ("NOTHING", False),
        ("UNKNOWN", None),
        ("HALF", None),
        ("2019-framework", True),
        ("2019-contract", False),
    ],
)
def test_which_amounts_are_maxima(tables, contract_id, is_maximum):
    assert found(tables, contract_id)["amount_is_maximum"] is is_maximum
    assert fact(tables, contract_id)["is_maximum"] is is_maximum


def test_the_2019_format_knows_nothing_of_considerations(tables):
    row = fact(tables, "2019-contract")
    assert row["notified_date"] == date(2019, 11, 27)
    names = [name for name in row if name.startswith("has_")] + ["is_reserved"]
    assert [row[name] for name in names] == [None] * len(names)


@pytest.mark.parametrize("n", range(len(DELAYS)), ids=[str(d) for d in DELAYS])
def test_published_within_two_months_of_notification(tables, n):
    assert fact(tables, f"delay {n}")["published_on_time"] is list(DELAYS.values())[n]


def test_no_offer_is_no_number_of_offers(tables):
    assert [fact(tables, f"offers {n}")["offers_received"] for n in (0, 1, 2)] == [None, 1, 2]
    assert [fact(tables, f"offers {n}")["is_single_bid"] for n in (0, 1, 2)] == [None, True, False]


def test_amount_bands_take_their_lower_bound(tables):
    for band in CARDS.reference("amount_bands"):
        low = Decimal(band["from_eur"])
        inside = rows(
            tables, f"select amount_initial_eur as eur from facts.contracts "
                    f"where amount_band = '{band['code']}'"
        )  # fmt: skip
        high = Decimal(band["to_eur"] or "Infinity")
        assert all(low <= row["eur"] < high for row in inside)
    unplaced = rows(tables, "select amount_initial_eur as eur from facts.contracts "
                            "where amount_band is null")  # fmt: skip
    assert {row["eur"] for row in unplaced} == {None, Decimal("-1.00")}


def test_one_fact_a_contract_and_every_step_balances(tables):
    counts = one(
        tables,
        """select (select count(*) from curated.contracts) as contracts,
        (select count(*) from facts.contracts) as facts,
        (select count(distinct uid) from facts.contracts) as uids""",
    )
    assert counts["contracts"] == counts["facts"] == counts["uids"]
    assert open_balances(tables) == []


def test_missing_required_fields_are_named(tables):
    row = found(tables, "UNKNOWN")
    assert row["missing_fields"] == ["techniques", "execution_modes"]
    assert row["required_fields"] - row["filled_fields"] == 2
