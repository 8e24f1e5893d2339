"""Lists of suppliers: who was inclusive or ESUS, on which day, and when nothing can be said."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.values import is_siret, read_siret
from spaser.warehouse import Tables, literal
from tests.curate.forms import build, stage, write
from tests.curate.run import CARDS, ROOT, one, rows, run_files

HOLDER = "00040001000013"
SIBLING = "00040001000021"
STRANGER = "00040002800015"
ESUS = "00040003600018"
SUPPLIERS = ROOT.parent / "shared" / "data" / "suppliers"
SIAE_FILE = SUPPLIERS / "siae_marche-inclusion_fixture.csv"
ESAT_FILE = SUPPLIERS / "esat_finess.csv"

COVERING = [
    {"siret": "00040004400012", "supplier_kind": kind, "valid_from": "2015-01-01"}
    for kind in ("EI", "EA", "ESAT", "ESUS")
]
"""One dated structure of each list that a "no" needs: the lists cover every day from 2015 on."""


def known(holder: str) -> str:
    """The SIRET of a holder as `curated.holders` has it: null where its check digits are wrong."""
    siret = read_siret(holder).value
    return literal(siret) if siret and is_siret(siret) else "null"


def contracts(tables: Tables, *asked: tuple[str, str | None, str | None]) -> None:
    """`curated.contracts` and `curated.holders` of (uid, notified, holder's id)."""
    days = {uid: notified for uid, notified, _ in asked}
    listed = ", ".join(
        f"({literal(uid)}, {'null' if day is None else literal(day)}::date)"
        for uid, day in days.items()
    )
    write(tables, "curated.contracts", f"from (values {listed}) c(uid, notified_date)")
    held = ", ".join(
        f"({literal(uid)}, 'contract', {number}, {literal(holder)}, 'SIRET', {known(holder)})"
        for number, (uid, _, holder) in enumerate(asked)
        if holder is not None
    )
    columns = "uid, record_kind, holder_number, holder_id, holder_id_type, siret"
    rest = f"from (values {held}) h({columns})" if held else f"select {_typed(columns)} where false"
    write(tables, "curated.holders", rest)


def _typed(columns: str) -> str:
    return ", ".join(f"null::varchar as {name}" for name in columns.split(", "))


def facts(
    folder: Path,
    structures: list[dict[str, Any]],
    *asked: tuple[str, str | None, str | None],
    source: str = "supplier_list",
) -> Tables:
    """What the lists say of the holders of contracts."""
    tables = Tables(folder)
    stage(tables, source, structures)
    contracts(tables, *asked)
    build(tables, "curated/suppliers", "curated/spend")
    build(tables, "curated/supplier_facts", "curated/holder_facts")
    return tables


def answer(
    folder: Path, structures: list[dict[str, Any]], notified: str, holder: str = HOLDER
) -> dict[str, Any]:
    return one(facts(folder, structures, ("A", notified, holder)), "from curated.holder_facts")


def convention(start: str | None, end: str | None, **more: str) -> dict[str, Any]:
    return {"siret": HOLDER, "supplier_kind": "EI", "valid_from": start, "valid_to": end} | more


# Inclusive holders

DAY = "2024-06-15"
CONVENTIONS = [
    ("in force", convention("2024-01-01", "2024-12-31"), True, True),
    ("its first day", convention("2024-06-15", "2024-12-31"), True, True),
    ("its last day", convention("2024-01-01", "2024-06-15"), True, True),
    ("no end: still in force", convention("2024-01-01", None), True, True),
    ("ended the day before", convention("2024-01-01", "2024-06-14"), False, False),
    ("begins the day after", convention("2024-06-16", "2024-12-31"), False, True),
    ("no start: unknown", convention(None, "2024-12-31"), None, True),
    ("no dates: unknown", convention(None, None), None, True),
    ("ended, in a list drawn up before: a renewal is unknown",
     convention("2023-01-01", "2023-12-31", list_date="2024-01-10"), None, False),
    ("ended, in a list drawn up after", convention("2023-01-01", "2023-12-31",
     list_date="2024-07-01"), False, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("structure", "dated", "hub"),
    [case[1:] for case in CONVENTIONS],
    ids=[c[0] for c in CONVENTIONS],
)
def test_a_convention_counts_on_its_days(tmp_path, structure, dated, hub):
    found = answer(tmp_path, [*COVERING, structure], DAY)
    assert (found["has_inclusive_holder"], found["has_inclusive_holder_hub"]) == (dated, hub)


@pytest.mark.parametrize(
    ("kind", "dated", "hub"),
    [(k, True, True) for k in ("EI", "AI", "ACI", "ETTI", "EITI", "EA", "EATT", "ESAT")]
    + [("SEP", True, False), ("GEIQ", False, False), ("ESUS", False, False)],
)
def test_which_kinds_are_inclusive(tmp_path, kind, dated, hub):
    structure = convention("2024-01-01", None, supplier_kind=kind)
    found = answer(tmp_path, [*COVERING, structure], DAY)
    assert (found["has_inclusive_holder"], found["has_inclusive_holder_hub"]) == (dated, hub)
    assert found["holder_kinds"] == kind


def test_another_establishment_of_the_enterprise_leaves_the_contract_unknown(tmp_path):
    structure = convention("2024-01-01", None, siret=SIBLING)
    found = answer(tmp_path, [*COVERING, structure], DAY)
    assert found["has_inclusive_holder"] is None
    assert found["has_inclusive_holder_hub"] is False, "the Data Hub joins by SIRET"


def test_who_is_in_no_list_is_no_only_when_every_list_is_there_and_covers_the_day(tmp_path):
    assert answer(tmp_path / "all", COVERING, DAY, STRANGER)["has_inclusive_holder"] is False
    without_esat = [row for row in COVERING if row["supplier_kind"] != "ESAT"]
    found = answer(tmp_path / "some", without_esat, DAY, STRANGER)
    assert (found["has_inclusive_holder"], found["has_inclusive_holder_hub"]) == (None, None)
    early = answer(tmp_path / "early", COVERING, "2014-12-31", STRANGER)
    assert early["has_inclusive_holder"] is None
    old = [row | {"list_date": "2024-01-01"} for row in COVERING]
    assert answer(tmp_path / "old", old, DAY, STRANGER)["has_inclusive_holder"] is None


def test_an_undated_list_leaves_the_dated_rule_unknown_and_serves_the_hub(tmp_path):
    undated = [row | {"valid_from": None} for row in COVERING]
    found = answer(tmp_path, undated, DAY, STRANGER)
    assert (found["has_inclusive_holder"], found["has_inclusive_holder_hub"]) == (None, False)


@pytest.mark.parametrize("holder", ["00040001000014", "123", None])
def test_a_holder_without_a_valid_siret_is_unknown(tmp_path, holder):
    structures = [*COVERING, convention("2024-01-01", None)]
    tables = facts(tmp_path, structures, ("A", DAY, holder))
    found = one(tables, "from curated.holder_facts")
    assert [found[name] for name in FACTS] == [None] * 4


FACTS = (
    "has_inclusive_holder",
    "has_inclusive_holder_hub",
    "has_esus_holder",
    "has_esus_holder_hub",
)


def test_an_undated_contract_is_unknown(tmp_path):
    tables = facts(tmp_path, [*COVERING, convention("2024-01-01", None)], ("A", None, HOLDER))
    assert one(tables, "from curated.holder_facts")["has_inclusive_holder"] is None


def test_one_inclusive_holder_is_enough_and_no_needs_them_all(tmp_path):
    tables = facts(
        tmp_path,
        [*COVERING, convention("2024-01-01", None)],
        ("yes", DAY, STRANGER),
        ("yes", DAY, HOLDER),
        ("unknown", DAY, STRANGER),
        ("unknown", DAY, "123"),
        ("no", DAY, STRANGER),
        ("yes-too", DAY, "123"),
        ("yes-too", DAY, HOLDER),
    )
    answers = rows(tables, "from curated.holder_facts")
    found = {row["uid"]: row["has_inclusive_holder"] for row in answers}
    assert found == {"yes": True, "unknown": None, "no": False, "yes-too": True}


# ESUS: worked example G11

FIRST = {"siren": "000400036", "valid_from": "2022-01-01", "valid_to": "2024-12-31"}
SECOND = FIRST | {"valid_from": "2025-01-01", "valid_to": "2029-12-31"}
LATER = SECOND | {"valid_from": "2025-02-01"}
G11 = [
    ("ended", [FIRST], False, False),
    ("renewed", [FIRST, SECOND], True, True),
    ("renewed later", [FIRST, LATER], False, True),
    ("begins later, alone", [LATER], False, True),
    ("last day", [FIRST | {"valid_to": "2025-01-15"}], True, False),
]


@pytest.mark.parametrize(
    ("approvals", "dated", "hub"), [case[1:] for case in G11], ids=[case[0] for case in G11]
)
def test_an_esus_approval_counts_from_its_first_day_to_its_last(tmp_path, approvals, dated, hub):
    tables = facts(tmp_path, approvals, ("A", "2025-01-15", ESUS), source="esus_list")
    found = one(tables, "from curated.holder_facts")
    assert (found["has_esus_holder"], found["has_esus_holder_hub"]) == (dated, hub)


def test_esus_is_unknown_without_list_or_without_dates_and_hub_needs_an_end(tmp_path):
    none = facts(tmp_path / "none", [], ("A", DAY, ESUS), source="esus_list")
    assert one(none, "from curated.holder_facts")["has_esus_holder"] is None
    undated = [{"siren": "000 400 036"}]
    asked = (("A", DAY, ESUS), ("B", DAY, STRANGER))
    tables = facts(tmp_path / "undated", undated, *asked, source="esus_list")
    found = {row["uid"]: row for row in rows(tables, "from curated.holder_facts")}
    assert (found["A"]["has_esus_holder"], found["A"]["has_esus_holder_hub"]) == (None, None)
    assert (found["B"]["has_esus_holder"], found["B"]["has_esus_holder_hub"]) == (None, False)


DAY_LONG = timedelta(days=1)
DAYS = st.dates(date(2020, 1, 1), date(2026, 12, 31))


@settings(max_examples=max(1, settings().max_examples // 20))
@given(start=DAYS, length=st.integers(0, 2000), asked=st.lists(DAYS, min_size=1, max_size=40))
def test_an_approval_is_in_force_exactly_between_its_days(tmp_path_factory, start, length, asked):
    end = start + timedelta(days=length)
    edges = [start - DAY_LONG, start, end, end + DAY_LONG]
    days = {f"c{n}": day for n, day in enumerate([*edges, *asked])}
    approval = FIRST | {"valid_from": str(start), "valid_to": str(end)}
    holders = [(uid, str(day), ESUS) for uid, day in days.items()]
    tables = facts(tmp_path_factory.mktemp("esus"), [approval], *holders, source="esus_list")
    for found in rows(tables, "from curated.holder_facts"):
        day = days[found["uid"]]
        assert found["has_esus_holder"] is (start <= day <= end)
        assert found["has_esus_holder_hub"] is (day < end)


# What the lists lose, and what is missing


def test_an_absent_list_is_said_with_the_file_that_would_give_it(tmp_path):
    tables = facts(tmp_path, [], ("A", DAY, HOLDER))
    said = rows(tables, "from quality.findings where rule = 'list_absent' order by field")
    assert [(f["key"], f["field"], f["value"]) for f in said] == [
        ("SOC-25", "ea", "1"),
        ("SOC-25", "esat", "1"),
        ("ECO-04", "esus", "1"),
        ("SOC-25", "siae", "1"),
    ]
    assert "FINESS" in said[1]["message_fr"]
    present = facts(tmp_path / "present", COVERING, ("A", DAY, HOLDER))
    assert not rows(present, "from quality.findings where rule = 'list_absent'")


def test_a_structure_read_twice_counts_once_and_one_without_siret_stays(tmp_path):
    tables = Tables(tmp_path)
    structure = convention("2024-01-01", None)
    nameless = {"name": "Atelier sans SIRET", "supplier_kind": "EI"}
    stage(tables, "supplier_list", [structure, structure, nameless, nameless])
    build(tables, "curated/suppliers")
    found = rows(tables, "select siret from curated.suppliers order by source_pointer")
    assert [row["siret"] for row in found] == [HOLDER, None, None]
    balance = one(tables, "from quality.balances where step = 'suppliers'")
    assert (balance["records_in"], balance["kept"], balance["merged"]) == (4, 3, 1)
    said = [f["rule"] for f in rows(tables, "from quality.findings order by rule")]
    assert said.count("supplier_repeated") == 1
    assert said.count("supplier_without_id") == 2


def test_a_kind_that_is_not_known_is_said(tmp_path):
    tables = Tables(tmp_path)
    stage(tables, "supplier_list", [{"siret": HOLDER, "supplier_kind": "licorne"}])
    build(tables, "curated/suppliers")
    said = {f["rule"] for f in rows(tables, "from quality.findings")}
    assert {"code_unreadable", "supplier_without_kind"} <= said


def test_an_establishment_has_its_latest_state(tmp_path):
    tables = Tables(tmp_path)
    state = {"siret": HOLDER, "name": "Fictive", "opened_date": "2010-01-01"}
    stage(
        tables,
        "sirene_extract",
        [
            state | {"establishment_state": "A", "state_date": "2010-01-01"},
            state | {"establishment_state": "F", "state_date": "2023-05-01"},
            {"siret": SIBLING, "establishment_state": "A", "usual_name": "Enseigne"},
        ],
    )
    build(tables, "curated/establishments")
    closed, open_one = rows(tables, "from curated.establishments order by siret")
    assert (closed["is_open"], str(closed["closed_date"])) == (False, "2023-05-01")
    assert (open_one["is_open"], open_one["closed_date"]) == (True, None)
    assert open_one["name"] == "Enseigne"


@pytest.mark.parametrize(
    "key",
    [
        "curated/suppliers",
        "curated/establishments",
        "curated/supplier_facts",
        "curated/holder_facts",
    ],
)
def test_a_table_is_what_its_card_says(tmp_path, key):
    tables = facts(tmp_path, COVERING, ("A", DAY, HOLDER))
    build(tables, "curated/establishments")
    card = CARDS.tables[key]
    described = rows(tables, f"describe select * from {card.table}")
    found = [(row["column_name"], row["column_type"]) for row in described]
    assert found == [(name, column.type) for name, column in card.columns.items()]


# Real lists


def stage_file(tables: Tables, source: str, path: Path) -> int:
    """A real list, staged column by column as its card says."""
    with path.open(encoding="utf-8", newline="") as lines:
        read = list(csv.DictReader(lines))
    columns = CARDS.sources[f"sources/{source}"].fields
    stage(tables, source, [{f: row[str(c)] or None for f, c in columns.items()} for row in read])
    return len(read)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    if not SIAE_FILE.is_file() or not ESAT_FILE.is_file():
        pytest.skip("the real lists are not here")
    tables = Tables(tmp_path_factory.mktemp("real"))
    assert stage_file(tables, "siae_inclusion", SIAE_FILE) == 3853
    assert stage_file(tables, "esat_finess", ESAT_FILE) == 1504
    build(tables, "curated/suppliers")
    return tables


@pytest.mark.real_data
def test_every_row_of_the_real_lists_is_kept_or_merged(real):
    received = one(real, "select count(distinct siret) as n from staged.siae_inclusion")
    assert received["n"] == 3841
    balance = one(real, "from quality.balances where step = 'suppliers'")
    assert (balance["records_in"], balance["kept"], balance["merged"]) == (5357, 5329, 28)
    kinds = rows(real, "select kind, count(*) as n from curated.suppliers group by kind")
    assert {row["kind"]: row["n"] for row in kinds} == {
        "ACI": 1815, "EI": 944, "AI": 620, "ETTI": 299, "GEIQ": 172, "EA": 3, "ESAT": 1476,
    }  # fmt: skip


@pytest.mark.real_data
def test_sirets_absent_or_short_of_their_zero_are_said(real):
    said = rows(
        real,
        """select rule, source_file, count(*) as n from quality.findings
        where rule in ('siret_zero_restored', 'supplier_without_id') group by all""",
    )
    assert {(row["rule"], row["source_file"]): row["n"] for row in said} == {
        ("siret_zero_restored", "esat_finess.csv"): 2,
        ("supplier_without_id", "esat_finess.csv"): 78,
        ("supplier_without_id", "siae_inclusion.csv"): 13,
    }


@pytest.mark.real_data
def test_reserved_contracts_and_the_lists_agree_but_for_a_few_to_check(tmp_path):
    """FORMATS §5.8: eight reserved contracts have a holder in the lists; five others say no."""
    registers = ROOT.parent / "shared" / "data" / "decp" / "decp2022_dematis_2024-07"
    if not registers.is_dir() or not SIAE_FILE.is_file() or not ESAT_FILE.is_file():
        pytest.skip("the real registers and lists are not here")
    files = [*sorted(registers.glob("*.json")), SIAE_FILE, ESAT_FILE]
    tables = run_files(tmp_path, files, last="curated/holder_facts")
    found = rows(
        tables,
        """select is_reserved, has_inclusive_holder_hub as listed, count(*) as n
        from curated.contracts join curated.holder_facts using (uid)
        where is_reserved or has_inclusive_holder_hub group by all""",
    )
    counted = {(row["is_reserved"], row["listed"]): row["n"] for row in found}
    assert counted == {(True, True): 8, (True, False): 2, (False, True): 5}
    dated = one(tables, "select count(has_inclusive_holder) as n from curated.holder_facts")
    assert dated["n"] == 0, "lists without dates decide no dated rule"
