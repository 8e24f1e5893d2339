"""Suspicions: one positive and one negative case per rule, clean contracts, real registers."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum.exceptions import ValidationError
from stdnum.fr import siret as stdnum_siret

from spaser.curate import Settings, build, references
from spaser.scheme import Buyer, Scheme, Text, scheme_for_files
from spaser.warehouse import Connection, Tables, session
from tests.curate.run import CARDS, rows, run_files

Row = Mapping[str, Any]
D = Decimal

BUYER, OTHER_BUYER = "00030001200010", "00030002000013"
HOLDER, OTHER_HOLDER = "00040001000013", "00040002800015"

SCHEME = Scheme(
    name="fiction",
    title=Text(fr="Fiction", en="Fiction"),
    buyers=(Buyer(id=BUYER, name="Ville"),),
    inputs=("nulle/part",),
)
POST_OFFICE = "35600000049837"
"""An establishment of La Poste: its digits sum to a multiple of five, and fail the usual key."""

INCOMING: dict[str, dict[str, str]] = {
    "suppliers": {
        "siret": "VARCHAR", "siren": "VARCHAR", "kind": "VARCHAR", "valid_from": "DATE",
        "valid_to": "DATE", "is_dated": "BOOLEAN",
    },
    "establishments": {
        "siret": "VARCHAR", "siren": "VARCHAR", "is_open": "BOOLEAN", "closed_date": "DATE",
    },
    "spend": {
        "line_id": "VARCHAR", "buyer_id": "VARCHAR", "year": "INTEGER",
        "amount_ht_eur": "DECIMAL(18,2)", "amount_ttc_eur": "DECIMAL(18,2)",
        "amount_usable_eur": "DECIMAL(18,2)",
    },
}  # fmt: skip
"""What the rules read of the lists; the tables themselves have more."""

CLEAN: dict[str, Any] = {
    "buyer_id": BUYER, "object": "Entretien des espaces verts", "cpv_code": "77310000",
    "cpv_division": "77", "contract_type": "services", "procedure_code": "open",
    "framework_role": "none", "notified_date": dt.date(2024, 3, 1), "year": 2024,
    "published_date": dt.date(2024, 4, 1), "duration_months": 12,
    "amount_initial_eur": D(100000), "amount_usable_eur": D(100000), "amount_is_maximum": False,
    "tax_basis": "ht", "has_social_clause": False, "has_social_criterion": False,
    "is_reserved": False, "reserved_for": "none", "holder_count": 1, "source_file": "registre.csv",
    "source_pointer": "L2",
}  # fmt: skip


def amount(value: str | int, **more: Any) -> dict[str, Any]:
    return {"amount_initial_eur": D(value), "amount_usable_eur": D(value)} | more


def set_aside(value: str | int, reason: str, **more: Any) -> dict[str, Any]:
    excluded = {"amount_usable_eur": None, "amount_exclusion_reason": reason}
    return amount(value) | excluded | more


def _write(
    connection: Connection, tables: Tables, table: str, types: Mapping[str, str], given: list[Row]
) -> None:
    """Rows typed as the card says; a column not given is null."""
    text = {
        name: pa.array(
            [None if row.get(name) is None else str(row[name]) for row in given], pa.string()
        )
        for name in types
    }
    connection.register("given", pa.table(text))
    cast = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in types.items())
    tables.write(connection, table, f"select {cast} from given")


def _types(table: str) -> dict[str, str]:
    card = CARDS.tables[table.replace(".", "/")]
    return {name: column.type for name, column in card.columns.items()}


def suspect(
    root: Path,
    contracts: Iterable[Row],
    *,
    holders: Iterable[Row] | None = None,
    amendments: Iterable[Row] = (),
    suppliers: Iterable[Row] = (),
    establishments: Iterable[Row] = (),
    spend: Iterable[Row] = (),
) -> Tables:
    """The suspicions over curated tables; each contract is CLEAN but for what is given."""
    tables = Tables(root)
    units = [
        CLEAN | {"uid": f"{BUYER}-{n}", "contract_id": f"{n}"} | dict(unit)
        for n, unit in enumerate(contracts, start=1)
    ]
    if holders is None:
        holders = [{"uid": unit["uid"], "holder_id": HOLDER} for unit in units]
    common = {"record_kind": "contract", "holder_number": 1, "holder_id_type": "SIRET"}
    buyers = sorted({unit["buyer_id"] for unit in units if unit["buyer_id"]})
    given: dict[str, tuple[Mapping[str, str], list[Row]]] = {
        "curated.contracts": (_types("curated.contracts"), [*units]),
        "curated.holders": (_types("curated.holders"), [common | dict(row) for row in holders]),
        "curated.amendments": (_types("curated.amendments"), [*amendments]),
        "curated.buyers": (
            _types("curated.buyers"),
            [{"buyer_id": buyer, "in_scheme": buyer != OTHER_BUYER} for buyer in buyers],
        ),
        "curated.suppliers": (INCOMING["suppliers"], [*suppliers]),
        "curated.establishments": (INCOMING["establishments"], [*establishments]),
        "curated.spend": (INCOMING["spend"], [*spend]),
    }
    with session() as connection:
        for table, (types, table_rows) in given.items():
            _write(connection, tables, table, types, table_rows)
    build_suspicions(tables)
    return tables


def build_suspicions(tables: Tables) -> None:
    for key in ("quality/sirets", "quality/near_duplicates", "quality/suspicions"):
        build(tables, CARDS, key, Settings(SCHEME))


def found(tables: Tables, *rules: str) -> list[dict[str, Any]]:
    """The suspicions, but for those about whole sets that are not asked for."""
    listed = ", ".join(f"'{rule}'" for rule in rules)
    return rows(tables, f"from quality.suspicions where rule in ({listed})")


def rules_of(tables: Tables) -> Counter[str]:
    return Counter(row["rule"] for row in rows(tables, "select rule from quality.suspicions"))


def findings(tables: Tables, rule: str) -> list[dict[str, Any]]:
    return rows(tables, f"from quality.findings where rule = '{rule}'")


# Amounts


def test_a_clean_contract_raises_nothing(tmp_path):
    assert rules_of(suspect(tmp_path, [{}])) == {}


def test_amounts_set_aside_by_the_official_rules_keep_their_reason(tmp_path):
    reasons = {  # DOMAIN §9, G14
        "0.50": "below_one_euro", "111111111": "repeated_digit",
        "3000000001": "above_three_billion", "123456789": "digit_sequence",
    }  # fmt: skip
    tables = suspect(tmp_path, [set_aside(value, reason) for value, reason in reasons.items()])
    given = {row["value"]: row["detail"] for row in found(tables, "amount_set_aside")}
    assert given == {f"{D(value):.2f}": reason for value, reason in reasons.items()}
    assert findings(tables, "amount_set_aside") == []  # curated.contracts has written them


def test_a_missing_amount_is_no_suspicion(tmp_path):
    unit = set_aside(0, "missing", amount_initial_eur=None)
    assert rules_of(suspect(tmp_path, [unit])) == {}


def test_a_symbolic_euro_is_told_apart(tmp_path):
    tables = suspect(tmp_path, [set_aside(1, "symbolic"), amount("1.01")])
    assert rules_of(tables) == {"amount_symbolic": 1}


@pytest.mark.parametrize(("others", "count"), [(99, 1), (98, 0)])
def test_above_the_99th_percentile_of_a_hundred_amounts_or_more(tmp_path, others, count):
    units = [amount(10000 + n) for n in range(others)]
    tables = suspect(tmp_path, [*units, amount(90000000)])
    given = found(tables, "amount_above_usual")
    assert [row["value"] for row in given] == ["90000000.00"] * count


def test_equal_amounts_are_never_above_the_usual(tmp_path):
    assert found(suspect(tmp_path, [amount(50000)] * 150), "amount_above_usual") == []


def spend_line(eur: str | int | None, year: int = 2024, **more: Any) -> dict[str, Any]:
    return {"line_id": "1", "buyer_id": BUYER, "year": year, "amount_usable_eur": eur} | more


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([spend_line(9999)], 1),
        ([spend_line(10000)], 0),  # ten times exactly is not above
        ([spend_line(9999, 2023)], 0),  # another year says nothing of this one
        ([spend_line(9999), spend_line(None)], 0),  # unknown lines: the year is not known
        ([spend_line(5000), spend_line(None, amount_ttc_eur=4000)], 1),  # at most 9 000
        ([spend_line(-10)], 0),
    ],
)
def test_above_ten_times_the_spend_of_the_year(tmp_path, lines, count):
    tables = suspect(tmp_path, [{}], spend=lines)
    assert len(found(tables, "amount_above_spend")) == count


def test_maxima_are_one_row_per_buyer_and_year(tmp_path):
    units = [amount(n * 1000000, amount_is_maximum=True) for n in (1, 2, 3)]
    later = {"year": 2025, "notified_date": dt.date(2025, 3, 1), "published_date": None}
    tables = suspect(tmp_path, [*units, amount(7, amount_is_maximum=True) | later, {}])
    given = found(tables, "maximum_as_value")
    assert [(row["year"], row["value"], row["detail"], row["amount_eur"]) for row in given] == [
        (2024, "3", f"{BUYER}-3", D(6000000)),
        (2025, "1", f"{BUYER}-4", D(7)),
    ]
    assert {row["uid"] for row in given} == {None}


def test_tax_bases_are_grouped_by_file(tmp_path):
    ttc = {"amount_initial_eur": None, "amount_usable_eur": None, "amount_declared_eur": D(1200)}
    ttc |= {"tax_basis": "ttc", "amount_exclusion_reason": "tax_included"}
    unknown = ttc | {"amount_declared_eur": D(500), "tax_basis": "unknown"}
    unknown |= {"amount_exclusion_reason": "tax_unknown"}
    converted = amount(1000, tax_basis="ttc")  # its rate is given
    tables = suspect(tmp_path, [ttc, ttc, ttc | {"source_file": "autre.csv"}, unknown, converted])
    given = found(tables, "tax_included_without_rate", "tax_basis_unknown")
    assert [(r["rule"], r["source_file"], r["value"], r["amount_eur"]) for r in given] == [
        ("tax_basis_unknown", "registre.csv", "1", D(500)),
        ("tax_included_without_rate", "autre.csv", "1", D(1200)),
        ("tax_included_without_rate", "registre.csv", "2", D(2400)),
    ]
    assert rules_of(tables).total() == 3


# Amendments


@pytest.mark.parametrize(
    ("eur", "rule"),
    [
        (50000, "amendment_looks_like_increment"),
        (-3400, "amendment_looks_like_increment"),
        ("50000.01", None),
        (100000, None),
        (150000, None),
        ("150000.01", "amendment_over_half"),
        (None, None),
    ],
)
def test_amendments_far_below_or_above_the_initial_amount(tmp_path, eur, rule):
    amended = {"uid": f"{BUYER}-1", "amendment_number": 1, "amount_eur": eur}
    tables = suspect(tmp_path, [{}], amendments=[amended])
    assert rules_of(tables) == ({rule: 1} if rule else {})


# Reserved contracts and considerations


def structure(siret: str, kind: str, first: str | None = None, last: str | None = None) -> Row:
    return {
        "siret": siret, "siren": siret[:9], "kind": kind, "is_dated": first is not None,
        "valid_from": first, "valid_to": last,
    }  # fmt: skip


ELSEWHERE = [structure(f"0009000{n}000010", kind) for n, kind in enumerate(("ACI", "EA", "ESAT"))]
"""The three lists are there; none of their structures holds anything."""
RESERVED = {"is_reserved": True, "reserved_for": "unspecified"}


@pytest.mark.parametrize(
    ("kinds", "article", "suspicious"),
    [
        ([], "unspecified", True),
        (["ACI"], "unspecified", False),
        (["GEIQ"], "unspecified", False),
        (["ESUS"], "unspecified", True),
        (["ACI"], "L2113-12", True),
        (["ESAT"], "L2113-12", False),
        (["EA"], "L2113-13", True),
        (["EI"], "L2113-13", False),
        (["EATT"], "L2113-14", False),
        ([], "L2113-15", False),  # ESS enterprises: these lists say nothing of them
        ([], "L2113-13-1", False),  # no list of prison structures was given
    ],
)
def test_a_reserved_contract_has_an_admitted_holder(tmp_path, kinds, article, suspicious):
    held = [structure(HOLDER, kind) for kind in kinds]
    unit = RESERVED | {"reserved_for": article}
    tables = suspect(tmp_path, [unit], suppliers=[*ELSEWHERE, *held])
    assert rules_of(tables) == ({"reserved_holder_not_listed": 1} if suspicious else {})


@pytest.mark.parametrize(
    ("first", "last", "suspicious"),
    [
        ("2024-01-01", "2024-12-31", False),
        ("2024-03-01", "2024-03-01", False),  # the bounds are in
        ("2023-01-01", "2024-02-29", True),
        ("2024-03-02", None, True),
        ("2020-01-01", None, False),
    ],
)
def test_a_dated_list_is_read_at_notification(tmp_path, first, last, suspicious):
    held = structure(HOLDER, "EI", first, last)
    tables = suspect(tmp_path, [RESERVED], suppliers=[*ELSEWHERE, held])
    assert len(found(tables, "reserved_holder_not_listed")) == suspicious


def test_another_establishment_of_the_structure_is_admitted(tmp_path):
    held = structure(HOLDER[:9] + "00021", "EI")
    assert rules_of(suspect(tmp_path, [RESERVED], suppliers=[*ELSEWHERE, held])) == {}


def test_a_holder_without_a_right_siret_may_be_anyone(tmp_path):
    uid = f"{BUYER}-1"
    lists: list[list[Row]] = [
        [{"uid": uid, "holder_id": "00040001000014"}],
        [{"uid": uid, "holder_id": "FR12345", "holder_id_type": "TVA"}],
        [{"uid": uid, "holder_id": HOLDER}, {"uid": uid, "holder_id": None, "holder_number": 2}],
    ]
    for number, holders in enumerate(lists):
        unit = RESERVED | {"holder_count": len(holders)}
        tables = suspect(tmp_path / f"{number}", [unit], holders=holders, suppliers=ELSEWHERE)
        assert found(tables, "reserved_holder_not_listed") == []


@pytest.mark.parametrize(
    ("kind", "changes", "suspicious"),
    [
        ("ACI", {}, True),
        ("ESAT", {}, True),
        ("GEIQ", {}, False),  # no structure of article L5132-4
        ("ACI", {"has_social_clause": True}, False),
        ("ACI", {"has_social_clause": None}, False),  # unknown is not no
        ("ACI", {"is_reserved": True, "reserved_for": "L2113-13"}, False),
    ],
)
def test_an_inclusive_holder_under_no_declared_consideration(tmp_path, kind, changes, suspicious):
    tables = suspect(tmp_path, [changes], suppliers=[structure(HOLDER, kind)])
    assert rules_of(tables) == ({"listed_holder_not_declared": 1} if suspicious else {})


@pytest.mark.parametrize(
    ("article", "months", "count"),
    [("L2113-15", 37, 1), ("L2113-15", 36, 0), ("L2113-15", None, 0), ("L2113-13", 48, 0)],
)
def test_services_reserved_to_ess_last_three_years_at_most(tmp_path, article, months, count):
    unit = RESERVED | {"reserved_for": article, "duration_months": months}
    assert len(found(suspect(tmp_path, [unit]), "reserved_too_long")) == count


# CPV and identities


@pytest.mark.parametrize(
    ("division", "kind", "count"),
    [
        ("45", "services", 1), ("45", "works", 0), ("30", "supplies", 0), ("48", "services", 1),
        ("50", "services", 0), ("98", "works", 1), ("77", None, 0), (None, "works", 0),
        ("99", "works", 0),
    ],
)  # fmt: skip
def test_the_cpv_division_agrees_with_the_declared_type(tmp_path, division, kind, count):
    tables = suspect(tmp_path, [{"cpv_division": division, "contract_type": kind}])
    assert len(found(tables, "cpv_against_type")) == count


@pytest.mark.parametrize(
    ("holder", "kind", "wrong"),
    [
        (HOLDER, "SIRET", False),
        ("000 400 010 00013", "SIRET", False),
        ("00040001000014", "SIRET", True),
        ("00040001000014", None, True),
        ("000400010", "SIRET", True),
        ("00000000000000", "SIRET", True),
        (POST_OFFICE, "SIRET", False),
        ("35600000049838", "SIRET", True),
        ("00040001000014", "TVA", False),
        ("inconnu", None, False),
    ],
)
def test_sirets_of_holders(tmp_path, holder, kind, wrong):
    holders = [{"uid": f"{BUYER}-1", "holder_id": holder, "holder_id_type": kind}]
    tables = suspect(tmp_path, [{}], holders=holders)
    assert rules_of(tables) == ({"siret_invalid": 1} if wrong else {})


def test_a_wrong_buyer_siret_is_told_once(tmp_path):
    buyer = "00030001200011"
    units = [{"buyer_id": buyer, "uid": f"{buyer}-{n}"} for n in range(3)]
    (row,) = found(suspect(tmp_path, units), "siret_invalid")
    assert (row["uid"], row["value"], row["field"], row["detail"]) == (None, buyer, "buyer_id", "3")


@settings(max_examples=max(1, settings().max_examples // 5))
@given(st.lists(st.one_of(
    st.from_regex("[0-9]{14}", fullmatch=True),
    st.from_regex("356000000[0-9]{5}", fullmatch=True),
    st.from_regex("[0-9]{13}", fullmatch=True),
), min_size=1, max_size=50, unique=True))  # fmt: skip
def test_the_key_of_a_siret_is_that_of_stdnum(sirets):
    query = CARDS.sql("quality/sirets").replace("curated.holders", "holders")
    with session() as connection:
        references.register(connection, CARDS, scheme_for_files(()))
        connection.register(
            "holders", pa.table({"holder_id": sirets, "holder_id_type": ["SIRET"] * len(sirets)})
        )
        query = query.replace("curated.buyers", "(select null::varchar as buyer_id)")
        given = dict(connection.execute(query).fetchall())
    assert given == {text: _is_siret(text) for text in sirets}


def _is_siret(text: str) -> bool:
    try:
        stdnum_siret.validate(text)
    except ValidationError:
        return False
    return text != "0" * 14


def place(siret: str, closed: str | None = None) -> Row:
    return {"siret": siret, "siren": siret[:9], "is_open": closed is None, "closed_date": closed}


@pytest.mark.parametrize(
    ("places", "rule"),
    [
        ([place(HOLDER)], None),
        ([place(HOLDER, "2024-02-29")], "siret_closed"),
        ([place(HOLDER, "2024-03-01")], None),  # the day itself
        ([place(HOLDER, "2025-01-01")], None),
        ([place(HOLDER[:9] + "00021")], "siret_unknown"),
        ([place(OTHER_HOLDER)], "siren_not_in_extract"),
    ],
)
def test_establishments_at_notification(tmp_path, places, rule):
    tables = suspect(tmp_path, [{}], establishments=places)
    assert rules_of(tables) == ({rule: 1} if rule else {})


# Duplicates, delays, thresholds


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 1),
        ({"object": "Entretien des espaces-verts"}, 1),
        ({"notified_date": dt.date(2024, 3, 4)}, 1),
        ({"notified_date": dt.date(2024, 3, 5)}, 0),
        ({"notified_date": None, "year": None}, 0),
        (amount(100001), 0),
        ({"object": "Nettoyage des écoles"}, 0),
        ({"object": "Entretien des espaces verts, lot 2"}, 0),
        ({"object": None}, 0),
        ({"contract_id": "1"}, 0),  # lots under one id
        ({"framework_role": "call_off"}, 0),
    ],
)
def test_near_duplicates(tmp_path, change, count):
    tables = suspect(tmp_path, [{}, change])
    given = found(tables, "near_duplicate")
    assert len(given) == count
    if given:
        assert (given[0]["uid"], given[0]["reference_value"]) == (f"{BUYER}-2", f"{BUYER}-1")
    assert rules_of(tables).total() == count


def test_lots_of_one_consultation_are_no_duplicates(tmp_path):
    units = [{"consultation_id": "C1"}, {"consultation_id": "C1"}]
    assert rules_of(suspect(tmp_path, units)) == {}


def test_a_series_of_equal_contracts_is_no_slip(tmp_path):
    assert rules_of(suspect(tmp_path, [{}] * 201)) == {}


def test_another_holder_makes_another_contract(tmp_path):
    holders = [
        {"uid": f"{BUYER}-1", "holder_id": HOLDER},
        {"uid": f"{BUYER}-2", "holder_id": OTHER_HOLDER},
    ]
    assert rules_of(suspect(tmp_path, [{}, {}], holders=holders)) == {}


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"published_date": dt.date(2024, 5, 1)}, 0),  # two calendar months to the day
        ({"published_date": dt.date(2024, 5, 2)}, 1),
        ({"published_date": None}, 0),
        (amount(39999, published_date=dt.date(2024, 9, 1)), 0),  # below R2196-1
        (
            {
                "notified_date": dt.date(2023, 12, 31), "year": 2023,
                "published_date": dt.date(2024, 9, 1),
            },
            0,
        ),
    ],
)  # fmt: skip
def test_data_published_more_than_two_months_after_notification(tmp_path, changes, count):
    tables = suspect(tmp_path, [changes, {"object": "Autre", **changes}])
    given = [row["value"] for row in found(tables, "published_late")]
    assert given == (["2"] if count else [])


def split_units(**changes: Any) -> list[dict[str, Any]]:
    """Three contracts of 35 000 € in ten months, at the same holder, for the same class."""
    common = amount(35000, procedure_code="adapted", published_date=None) | changes
    return [
        common | {"object": text, "notified_date": dt.date(2024, month, 1)}
        for text, month in (("A", 1), ("B", 5), ("C", 10))
    ]


def test_three_contracts_just_under_a_threshold(tmp_path):
    (row,) = found(suspect(tmp_path, split_units()), "threshold_split")
    assert (row["value"], row["reference_value"]) == ("105000.00", "40000.00")
    assert row["detail"].split() == [f"{BUYER}-{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "changes",
    [
        amount(31999),  # below 80 % of 40 000
        amount(40000),  # not under
        {"procedure_code": "open"},
        {"consultation_id": "C1"},  # lots of one consultation
        {"estimated_need_eur": D(110000)},  # the need was declared above it
        {"framework_role": "call_off"},
        {"on_behalf_of": "central_purchasing"},
        {"contract_type": "works", "cpv_code": "45210000", "cpv_division": "45"},
    ],
)
def test_what_is_no_split(tmp_path, changes):
    assert found(suspect(tmp_path, split_units(**changes)), "threshold_split") == []


def test_the_threshold_is_that_of_the_date(tmp_path):
    """R2122-8 is 60 000 € from 1 April 2026: 50 000 € is just under it, and was above 40 000 €."""
    later = [
        unit | amount(50000, notified_date=dt.date(2026, month, 1), year=2026, launch_date=None)
        for unit, month in zip(split_units(), (4, 5, 6), strict=True)
    ]
    (row,) = found(suspect(tmp_path / "2026", later), "threshold_split")
    assert row["reference_value"] == "60000.00"
    earlier = [unit | amount(50000) for unit in split_units()]
    assert found(suspect(tmp_path / "2024", earlier), "threshold_split") == []


def test_more_than_twelve_months_apart_is_no_split(tmp_path):
    units = split_units()
    units[2] |= {"notified_date": dt.date(2025, 1, 2), "year": 2025}
    assert found(suspect(tmp_path, units), "threshold_split") == []


def test_what_the_duties_of_august_2026_need(tmp_path):
    day, before = dt.date(2026, 8, 21), dt.date(2026, 8, 20)
    common = {"notified_date": day, "year": 2026, "published_date": None}
    units = [
        common | {"launch_date": None, "object": "A"},
        common | {"launch_date": day, "object": "B"},
        common | {"launch_date": before, "object": "C"},
        common | {"launch_date": day, "estimated_need_eur": D(1), "object": "D"},
        common | {"notified_date": before, "launch_date": None, "object": "E"},
    ]
    given = found(suspect(tmp_path, units), "launch_missing", "estimate_missing")
    assert [(row["rule"], row["value"], row["detail"]) for row in given] == [
        ("estimate_missing", "1", f"{BUYER}-2"),
        ("launch_missing", "1", f"{BUYER}-1"),
    ]


# Findings and absent lists


def test_each_suspicion_has_its_finding_with_what_to_do(tmp_path):
    amended = {"uid": f"{BUYER}-1", "amendment_number": 2, "amount_eur": 3400}
    tables = suspect(tmp_path, [{}], amendments=[amended])
    (finding,) = findings(tables, "amendment_looks_like_increment")
    assert (finding["key"], finding["source_file"]) == (f"{BUYER}-1", "registre.csv")
    assert "3400.00" in finding["message_fr"]
    assert "100000.00" in finding["message_en"]
    assert finding["action"]
    assert finding["action_en"]


def test_every_rule_of_the_card_has_a_row():
    codes = CARDS.tables["quality/suspicions"].columns["rule"].codes
    assert set(codes) <= set(CARDS.rules)


def test_a_check_without_its_list_says_which_file_would_give_it(tmp_path):
    tables = suspect(tmp_path / "none", [RESERVED, {"object": "Autre"}])
    assert rules_of(tables) == {}
    given = {row["field"]: (row["value"], row["detail"]) for row in findings(tables, "list_absent")}
    assert {name: value for name, (value, _) in given.items()} == {
        "siae": "1", "ea": "1", "esat": "1", "SIRENE": "2", "spend": "2",
    }  # fmt: skip
    assert all(" / " in file for _, file in given.values())
    assert "FINESS" in given["esat"][1]

    tables = suspect(
        tmp_path / "all",
        [RESERVED | {"reserved_for": "L2113-12"}],
        suppliers=[structure(HOLDER, "ESAT"), structure(OTHER_HOLDER, "EA")],
        establishments=[place(HOLDER)],
        spend=[spend_line(1000000)],
    )
    assert findings(tables, "list_absent") == []


def test_a_list_that_is_partly_there_accuses_nobody(tmp_path):
    tables = suspect(tmp_path, [RESERVED], suppliers=[structure(OTHER_HOLDER, "ESAT")])
    assert rules_of(tables) == {}
    assert {row["field"] for row in findings(tables, "list_absent")} >= {"siae", "ea"}


def test_buyers_out_of_the_scheme_are_left(tmp_path):
    unit = set_aside(1, "symbolic", buyer_id=OTHER_BUYER)
    tables = suspect(tmp_path, [unit])
    assert rules_of(tables) == {}
    assert findings(tables, "list_absent") == []


def test_no_contract_at_all(tmp_path):
    tables = suspect(tmp_path, [])
    assert rules_of(tables) == {}
    assert rows(tables, "from quality.findings") == []


def test_the_tables_are_those_of_their_cards(tmp_path):
    tables = suspect(tmp_path, [{}])
    for name in ("suspicions", "sirets", "near_duplicates"):
        given = rows(tables, f"describe quality.{name}")
        types = {row["column_name"]: row["column_type"] for row in given}
        assert types == _types(f"quality.{name}")


CLEAN_CONTRACTS = st.lists(
    st.fixed_dictionaries(
        {
            "contract_type": st.sampled_from(["works", "services", "supplies"]),
            "months": st.integers(1, 48),
            "day": st.dates(dt.date(2024, 1, 1), dt.date(2026, 8, 20)),
            "delay": st.integers(0, 59),
            "social": st.sampled_from([True, False, None]),
            "amendment": st.integers(51, 150),
        }
    ),
    max_size=12,
)
CPV = {"works": "45210000", "services": "77310000", "supplies": "30190000"}


@settings(
    max_examples=max(1, settings().max_examples // 10),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(CLEAN_CONTRACTS)
def test_clean_contracts_raise_nothing(tmp_path_factory, drawn):
    units, amendments = [], []
    for number, unit in enumerate(drawn, start=1):
        kind, eur = unit["contract_type"], D(1000000 + number)
        units.append(
            amount(
                eur, contract_type=kind, cpv_code=CPV[kind], cpv_division=CPV[kind][:2],
                duration_months=unit["months"], notified_date=unit["day"], year=unit["day"].year,
                published_date=unit["day"] + dt.timedelta(days=unit["delay"]),
                has_social_clause=unit["social"],
            )
        )  # fmt: skip
        changed = (eur * unit["amendment"] / 100).quantize(D("0.01"))
        amendments.append(
            {"uid": f"{BUYER}-{number}", "amendment_number": 1, "amount_eur": changed}
        )
    tables = suspect(tmp_path_factory.mktemp("clean"), units, amendments=amendments)
    assert rules_of(tables) == {}


# Real registers


def real_structures(folder: Path) -> list[Row]:
    with (folder / "siae_marche-inclusion_fixture.csv").open(encoding="utf-8") as lines:
        siae = [structure(row["siret"], row["kind"]) for row in csv.DictReader(lines)]
    with (folder / "esat_finess.csv").open(encoding="utf-8") as lines:
        sirets = [row["ET-SIRET"] for row in csv.DictReader(lines)]
    return siae + [structure(siret, "ESAT") for siret in sirets if len(siret) == 14]


@pytest.mark.real_data
def test_the_register_of_july_2024(tmp_path, real_data):
    """Counts checked by hand; amendments and reserved contracts as in the survey of the files."""
    folder = real_data / "decp" / "decp2022_dematis_2024-07"
    tables = run_files(tmp_path, sorted(folder.glob("*.json")), last="curated/contracts")
    curate_missing(tables, real_structures(real_data / "suppliers"))
    build_all(tables, folder)
    counts = rules_of(tables)
    by_contract = (
        "amendment",
        "amount_symbolic",
        "reserved",
        "listed",
        "near",
        "threshold",
        "siret",
    )
    assert {k: v for k, v in counts.items() if k.startswith(by_contract)} == {
        "amendment_looks_like_increment": 55,
        "amendment_over_half": 6,
        "amount_symbolic": 2,
        "reserved_holder_not_listed": 2,
        "listed_holder_not_declared": 5,
        "near_duplicate": 2,
        "siret_invalid": 1,
        "threshold_split": 1,
    }
    assert [row["value"] for row in found(tables, "siret_invalid")] == ["00000451601421"]
    assert {row["uid"] for row in found(tables, "reserved_holder_not_listed")} == {
        "28130003800029-2024-FCS01-00#2",
        "90273830100016-24-1034593-1",
    }


def curate_missing(tables: Tables, suppliers: Sequence[Row]) -> None:
    """The supplier lists, and no establishment nor spend."""
    given: dict[str, Sequence[Row]] = {"suppliers": suppliers, "establishments": (), "spend": ()}
    with session() as connection:
        for name, table_rows in given.items():
            tables.clear(f"curated.{name}")
            _write(connection, tables, f"curated.{name}", INCOMING[name], [*table_rows])


def build_all(tables: Tables, folder: Path) -> None:
    """Suspicions of every buyer found."""
    everyone = Scheme(
        name="tous", title=Text(fr="Tous", en="All"), buyers="all", inputs=(str(folder),)
    )
    for key in ("curated/buyers", "quality/sirets", "quality/near_duplicates"):
        build(tables, CARDS, key, Settings(everyone))
    build(tables, CARDS, "quality/suspicions", Settings(everyone))
