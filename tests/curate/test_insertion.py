"""Commitments, invoices, events, hour lines and participants: tied to the register, or alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.warehouse import Tables, session
from tests.curate.insertion import FEEDS, TABLES, build_tables, cards, register, stage
from tests.curate.run import BUYER, OTHER_BUYER, one, open_balances, rows

HOLDER = "00040001000013"
AGENCY = "00040002000016"


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """A register: one whole contract, one of two lots, and one id that two buyers use."""
    made = Tables(tmp_path)
    register(
        made,
        [
            {"uid": f"{BUYER}-2024-001"},
            {"uid": f"{BUYER}-2024-002", "lot_number": "1"},
            {"uid": f"{BUYER}-2024-002#2", "lot_number": "02"},
            {"uid": f"{BUYER}-2024-003"},
            {"uid": f"{OTHER_BUYER}-2024-003"},
        ],
        [
            {"uid": f"{BUYER}-2024-001", "siret": HOLDER, "holder_name": "Société Fictive"},
            {"uid": f"{BUYER}-2024-002#2", "siret": AGENCY, "holder_name": "Relais d'Exemple"},
        ],
    )
    return made


def commitment(**cells: Any) -> dict[str, Any]:
    """A commitment that nothing is wrong with, unless it says otherwise."""
    usual = {
        "contract_reference": "2024-001",
        "buyer_id": BUYER,
        "commitment_mode": "Volume fixe",
        "valid_from": "01/03/2024",
        "committed_hours": "700",
    }
    return usual | cells


def hour_line(**cells: Any) -> dict[str, Any]:
    """A line of a log."""
    usual = {
        "contract_reference": "2024-001",
        "buyer_id": BUYER,
        "company_id": HOLDER,
        "month": "2024-06",
        "declared_hours": "100",
        "person_id": "a" * 32,
    }
    return usual | cells


def findings(tables: Tables) -> list[tuple[Any, ...]]:
    """What was found, without the words."""
    found = rows(tables, "select rule, source_pointer, value, detail from quality.findings")
    return sorted(tuple(row.values()) for row in found)


# The register


LINKS = [
    ("the id of the whole contract", {}, "2024-001"),
    ("written with other signs", {"contract_reference": "2024 / 001"}, "2024-001"),
    ("its unique id", {"contract_reference": f"{OTHER_BUYER}-2024-003"}, "2024-003"),
    ("a lot", {"contract_reference": "2024-002", "lot_number": "Lot n° 2"}, "2024-002#2"),
    ("a lot without its zero", {"contract_reference": "2024-002", "lot_number": "01"}, "2024-002"),
    ("a lot of several, not said", {"contract_reference": "2024-002"}, None),
    ("a lot that is not there", {"contract_reference": "2024-002", "lot_number": "3"}, None),
    ("a lot the register does not part", {"lot_number": "4"}, "2024-001"),
    ("an id of two buyers", {"contract_reference": "2024-003"}, "2024-003"),
    ("without the buyer", {"buyer_id": None}, "2024-001"),
    ("of two, without the buyer", {"contract_reference": "2024-003", "buyer_id": None}, None),
    ("another buyer's", {"contract_reference": "2024-001", "buyer_id": OTHER_BUYER}, None),
    ("an unknown id", {"contract_reference": "2023-999"}, None),
    ("nothing", {"contract_reference": None}, None),
    ("two contracts", {"contract_reference": "2024-001 ; 2024-003"}, None),
    ("one contract, written twice", {"contract_reference": "2024-001 ; 2024/001"}, "2024-001"),
]


@pytest.mark.parametrize(
    ("cells", "found"), [case[1:] for case in LINKS], ids=[c[0] for c in LINKS]
)
def test_an_hour_line_names_one_contract_or_none(
    tables: Tables, cells: dict[str, Any], found: str | None
):
    stage(tables, "hours", [hour_line(**cells)])
    build_tables(tables, "curated/commitments", "curated/hour_lines")
    uid = one(tables, "select contract_uid from curated.hour_lines")["contract_uid"]
    assert (uid and uid.split("-", 1)[1]) == found


POOLS = [
    ("some of its contracts", {"contract_reference": "2024-003 ; 2024-001"}, ["001", "003"]),
    ("its lots", {"contract_reference": "2024-002", "lot_number": "1;2"}, ["002", "002#2"]),
    ("one that is not known", {"contract_reference": "2024-001;2024-003;x"}, None),
    ("one that is not in it", {"contract_reference": "2024-001;2024-002", "lot_number": "1"}, None),
    ("one contract", {}, None),
    ("nothing", {"contract_reference": None}, None),
]


@pytest.mark.parametrize(
    ("cells", "found"), [case[1:] for case in POOLS], ids=[c[0] for c in POOLS]
)
def test_an_hour_line_names_the_contracts_of_a_pooled_commitment(
    tables: Tables, cells: dict[str, Any], found: list[str] | None
):
    wide = {"contract_reference": f"2024-001;2024-003;{OTHER_BUYER}-2024-003"}
    lots = {"contract_reference": "2024-002", "lot_number": "1;2"}
    stage(tables, "commitments", [commitment(commitment_id="P", **own) for own in (wide, lots)])
    stage(tables, "hours", [hour_line(**cells)])
    build_tables(tables, "curated/commitments", "curated/hour_lines")
    row = one(tables, "from curated.hour_lines")
    assert row["pooled_uids"] == (found and [f"{BUYER}-2024-{name}" for name in found])
    if found:
        assert (row["contract_uid"], row["commitment_id"], row["buyer_id"]) == (None, "P", BUYER)


def test_the_buyer_of_a_line_is_that_of_its_contract(tables: Tables):
    stage(tables, "hours", [hour_line(buyer_id=None), hour_line(contract_reference="2023-9")])
    build_tables(tables, "curated/commitments", "curated/hour_lines")
    found = rows(tables, "select buyer_id from curated.hour_lines order by line_id")
    assert [row["buyer_id"] for row in found] == [BUYER, BUYER]


def test_a_pooled_commitment_holds_its_contracts_and_says_what_it_does_not_find(tables: Tables):
    pooled = {"contract_reference": "2024-001; 2024-003 ;2023-999"}
    stage(tables, "commitments", [commitment(commitment_id="G1", **pooled)])
    build_tables(tables, "curated/commitments")
    assert one(tables, "select contract_uids from curated.commitments") == {
        "contract_uids": [f"{BUYER}-2024-001", f"{BUYER}-2024-003"]
    }
    assert findings(tables) == [("insertion_contract_unknown", "L2", "2023-999", None)]


def test_a_commitment_may_hold_several_lots(tables: Tables):
    lots = {"contract_reference": "2024-002", "lot_number": "1;2"}
    stage(tables, "commitments", [commitment(**lots), commitment(contract_reference="2024-002")])
    build_tables(tables, "curated/commitments")
    found = rows(tables, "from curated.commitments order by source_pointer")
    assert [row["contract_uids"] for row in found] == [
        [f"{BUYER}-2024-002", f"{BUYER}-2024-002#2"],
        [],
    ]
    assert [row["commitment_id"] for row in found] == [
        f"{BUYER}-2024-002-1;2",
        f"{BUYER}-2024-002",
    ]
    assert findings(tables) == [("insertion_lot_unclear", "L3", "2024-002", None)]


# Commitments


def test_what_a_commitment_lacks_is_said_at_its_place(tables: Tables):
    stage(
        tables,
        "commitments",
        [
            commitment(),
            commitment(commitment_mode=None),
            commitment(valid_from=None),
            commitment(trigger_amount="2 700 000 € TTC", amount="100 000 HT"),
        ],
    )
    build_tables(tables, "curated/commitments")
    assert findings(tables) == [
        ("commitment_without_date", "L4", None, None),
        ("commitment_without_mode", "L3", None, None),
        ("insertion_amount_unusable", "L5", "2 700 000 € TTC", None),
    ]
    last = one(tables, "from curated.commitments where source_pointer = 'L5'")
    assert (last["trigger_amount"], last["amount"]) == (None, Decimal(100000))


def test_revisions_keep_one_commitment_and_a_repeated_export_counts_once(tables: Tables):
    old, new = commitment(), commitment(valid_from="01/01/2025", committed_hours="900")
    stage(
        tables,
        "commitments",
        [
            old | {"source_file": "2024.csv"},
            old | {"source_file": "2025.csv"},
            new | {"source_file": "2025.csv"},
            new | {"source_file": "copie.csv", "file_sha256": "2025.csv"},
        ],
    )
    build_tables(tables, "curated/commitments")
    found = rows(tables, "select * from curated.commitments order by valid_from")
    assert [(row["source_file"], row["committed_hours"]) for row in found] == [
        ("2024.csv", 700),
        ("2025.csv", 900),
    ]
    assert {row["commitment_id"] for row in found} == {f"{BUYER}-2024-001"}
    assert one(tables, "from quality.balances where step = 'commitments'") == {
        "step": "commitments",
        "records_in": 4,
        "kept": 2,
        "merged": 2,
        "rejected": 0,
        "difference": 0,
    }
    assert findings(tables) == [
        ("insertion_file_twice", None, None, "2025.csv"),
        ("insertion_row_repeated", None, None, "1"),
    ]


# Which commitment and which company


def test_of_several_commitments_the_lot_then_the_operation_then_the_company(tables: Tables):
    pooled = "2024-001;2024-002"
    stage(
        tables,
        "commitments",
        [
            commitment(commitment_id="A", operation="École", company_id=AGENCY),
            commitment(commitment_id="B", operation="Gymnase", company_id=HOLDER),
            commitment(commitment_id="C", contract_reference=pooled, lot_number="2"),
        ],
    )
    lines = {
        "A": {"operation": "Ecole", "company_id": HOLDER},
        "B": {"company_id": HOLDER},
        "C": {"contract_reference": "2024-002", "lot_number": "02"},
    }
    stage(tables, "hours", [hour_line(source_file=name, **cells) for name, cells in lines.items()])
    build_tables(tables, "curated/commitments", "curated/hour_lines")
    found = rows(tables, "select source_file, commitment_id from curated.hour_lines")
    assert all(row["source_file"] == row["commitment_id"] for row in found)


def test_a_contract_missing_in_the_register_is_still_tied_to_its_commitment(tables: Tables):
    unknown = {"contract_reference": "2023-999"}
    stage(
        tables, "commitments", [commitment(**unknown), commitment(buyer_id=OTHER_BUYER, **unknown)]
    )
    stage(tables, "hours", [hour_line(contract_reference="2023 999")])
    build_tables(tables, "curated/commitments", "curated/hour_lines")
    line = one(tables, "from curated.hour_lines")
    assert (line["contract_uid"], line["commitment_id"]) == (None, f"{BUYER}-2023-999")


COMPANIES = [
    ("its SIRET", {"company_id": "000 400 010 00013"}, HOLDER),
    ("a holder's name", {"company_id": None, "company_name": "SOCIETE  FICTIVE"}, HOLDER),
    ("a name of the commitment", {"company_id": None, "company_name": "Chantiers Été"}, AGENCY),
    (
        "another's name",
        {"company_id": None, "company_name": "Relais d'Exemple"},
        "relais d exemple",
    ),
    ("neither", {"company_id": None}, None),
    ("what is no SIRET", {"company_id": "ABC-1"}, "abc 1"),
    ("a name that was removed", {"company_id": None, "company_name": "[retiré]"}, None),
]


@pytest.mark.parametrize(
    ("cells", "found"), [case[1:] for case in COMPANIES], ids=[case[0] for case in COMPANIES]
)
def test_a_company_is_its_siret_wherever_it_can_be_known(
    tables: Tables, cells: dict[str, Any], found: str | None
):
    stage(tables, "commitments", [commitment(company_id=AGENCY, company_name="Chantiers été")])
    stage(tables, "hours", [hour_line(**cells)])
    build_tables(tables, "curated/commitments", "curated/hour_lines")
    assert one(tables, "select company_id from curated.hour_lines") == {"company_id": found}


# Invoices and events


def test_an_invoice_with_vat_is_not_used(tables: Tables):
    bill = {"contract_reference": "2024-001", "buyer_id": BUYER, "invoiced_date": "2024-06-30"}
    stage(
        tables,
        "invoiced",
        [
            bill | {"amount": "1 000,00"},
            bill | {"amount": "1 200,00", "tax_basis": "TTC"},
            bill | {"amount_to_date": "5 000 HT", "tax_basis": "TTC"},
            bill | {"amount": "10", "contract_reference": "2023-9"},
            bill | {"amount": "10", "invoiced_date": None},
        ],
    )
    build_tables(tables, "curated/invoiced")
    found = rows(tables, "from curated.invoiced order by source_pointer")
    assert [(row["amount_eur"], row["amount_to_date_eur"]) for row in found] == [
        (1000, None),
        (None, None),
        (None, 5000),
        (10, None),
        (10, None),
    ]
    assert findings(tables) == [
        ("insertion_amount_unusable", "L3", "1 200,00", None),
        ("insertion_contract_unknown", "L5", "2023-9", None),
        ("invoice_unusable", "L3", None, None),
        ("invoice_unusable", "L6", None, None),
    ]


def test_an_invoice_exported_again_in_another_writing_counts_once(tables: Tables):
    bill = {"contract_reference": "2024-001", "buyer_id": BUYER, "invoiced_date": "2024-06-30"}
    other = bill | {"invoiced_date": "30/06/2024"}
    stage(
        tables,
        "invoiced",
        [
            bill | {"amount": "100000", "source_file": "a.csv"},
            bill | {"amount": "7 TTC", "source_file": "a.csv"},
            bill | {"amount": "?", "source_file": "a.csv"},
            other | {"amount": "100 000,00", "source_file": "b.csv"},
            other | {"amount": "7", "source_file": "b.csv"},
            other | {"amount": "??", "source_file": "b.csv"},
            other | {"amount": "100 000 € HT", "source_file": "c.csv"},
        ],
    )
    build_tables(tables, "curated/invoiced")
    found = rows(tables, "from curated.invoiced order by source_pointer")
    assert [(row["source_pointer"], row["amount_eur"]) for row in found] == [
        ("L2", 100000),
        ("L3", None),  # with VAT: not the same as without
        ("L4", None),
        ("L6", 7),
        ("L7", None),  # what cannot be read is compared as written
    ]
    repeated = [row for row in findings(tables) if row[0] == "insertion_row_repeated"]
    assert repeated == [("insertion_row_repeated", None, None, "1")] * 2
    assert open_balances(tables) == []


def test_two_equal_invoices_of_one_file_are_two(tables: Tables):
    bill = {"contract_reference": "2024-001", "buyer_id": BUYER, "amount": "10"}
    bill["invoiced_date"] = "2024-06-30"
    files = ["juin.csv", "juin.csv", "cumul.csv", "cumul.csv", "cumul.csv"]
    stage(tables, "invoiced", [bill | {"source_file": name} for name in files])
    build_tables(tables, "curated/invoiced")
    assert one(tables, "select sum(amount_eur) as total from curated.invoiced") == {"total": 30}
    assert open_balances(tables) == []


def test_an_event_is_of_a_contract_or_of_a_pooled_commitment(tables: Tables):
    pooled = {"contract_reference": "2024-001;2024-003"}
    stage(tables, "commitments", [commitment(commitment_id="G", **pooled)])
    event = {"buyer_id": BUYER, "event": "Relance", "event_date": "2024-07-01"}
    carried = {"event": "Report", "carried_hours": "12,5", "to_contract_reference": "2024-003"}
    stage(
        tables,
        "clause_events",
        [
            event | pooled,
            event | carried | {"contract_reference": "2024-001"},
            event | {"contract_reference": "2023-9"},
            event | {"contract_reference": "2024-001", "event": "?", "event_date": None},
            event | {"contract_reference": "2024-001", "to_contract_reference": "2024-002"},
        ],
    )
    build_tables(tables, "curated/commitments", "curated/clause_events")
    found = rows(tables, "from curated.clause_events order by source_pointer")
    assert [row["commitment_id"] for row in found] == ["G", "G", None, "G", "G"]
    assert (found[1]["hours"], found[1]["to_contract_uid"]) == (
        Decimal("12.5"),
        f"{BUYER}-2024-003",
    )
    told = [row for row in findings(tables) if not row[0].startswith("unknown_")]
    assert ("clause_event_unclear", "L5", None, None) in told
    assert [row for row in told if row[0].startswith("insertion")] == [
        ("insertion_contract_unknown", "L4", "2023-9", None),
        ("insertion_lot_unclear", "L6", "2024-002", None),
    ]


# Participants


def test_what_lines_say_of_a_person_is_told_once(tables: Tables):
    eligible = {"eligible_from": "2024-01-15", "criteria": "RSA|QPV", "sex": "F"}
    months = [hour_line(month=f"2024-{month:02}", **eligible) for month in range(1, 13)]
    stage(tables, "hours", [*months, hour_line()])
    stage(tables, "participants", [{"person_id": "b" * 32, "eligible_from": "2024-02-01"}])
    build_tables(tables, *TABLES[:5])
    found = rows(tables, "from curated.participants order by pseudonym")
    assert [(row["pseudonym"][0], row["criteria"], row["contract_uid"]) for row in found] == [
        ("a", ["QPV", "RSA"], f"{BUYER}-2024-001"),
        ("b", None, None),
    ]
    steps = rows(tables, "from quality.balances where step like 'participants%' order by step")
    assert [(row["records_in"], row["kept"], row["merged"]) for row in steps] == [
        (1, 1, 0),
        (12, 1, 11),
    ]


def test_eligibility_for_a_contract_that_is_not_found_is_counted_without_a_cell(tables: Tables):
    row = {"person_id": "b" * 32, "eligible_from": "2024-02-01", "contract_reference": "SECRET-1"}
    stage(tables, "participants", [row, row | {"person_id": "c" * 32, "eligible_from": None}])
    build_tables(tables, *TABLES[:5])
    assert findings(tables) == [
        ("participants_contract_unknown", "L2", None, "2"),
        ("participants_undated", "L3", None, "1"),
    ]
    assert "SECRET" not in str(rows(tables, "from quality.findings"))


def test_findings_of_a_log_repeat_no_cell(tables: Tables):
    line = hour_line(contract_reference="2024-002", lot_number="MARQUEUR", month="MARQUEUR")
    stage(tables, "hours", [line, line | {"source_file": "b.csv", "file_sha256": "hours.csv"}])
    build_tables(tables)
    text = str(rows(tables, "from quality.findings"))
    assert "hours_lot_unclear" in text
    assert "insertion_file_twice" in text
    assert "MARQUEUR" not in text
    assert "a" * 32 not in text
    assert one(tables, "select count(*) as n from curated.hour_lines") == {"n": 1}


# Whole


def test_without_any_source_the_tables_are_there_and_empty(tables: Tables):
    build_tables(tables)
    with session() as connection:
        for key in TABLES:
            card = cards().tables[key]
            kinds = connection.execute(f"describe from {tables.scan(card.table)}").fetchall()
            assert [(name, kind) for name, kind, *_ in kinds] == [
                (name, column.type) for name, column in card.columns.items()
            ]
    assert open_balances(tables) == []


def test_every_feed_has_its_table():
    assert {cards().sources_of(feeds)[0].feeds for feeds in FEEDS} == set(FEEDS)
    assert {key for key in TABLES if key in cards().tables} == set(TABLES)


references = st.sampled_from(["2024-001", "2024-002", "2024-003", "x", "2024-001;2024-003", None])
any_row = st.fixed_dictionaries(
    {
        "contract_reference": references,
        "buyer_id": st.sampled_from([BUYER, OTHER_BUYER, None]),
        "lot_number": st.sampled_from(["1", "2", "9", None]),
        "source_file": st.sampled_from(["a.csv", "b.csv"]),
        "amount": st.sampled_from(["1", "2 TTC", None]),
    }
)


@settings(max_examples=max(1, settings().max_examples // 10))
@given(bills=st.lists(any_row, max_size=8), twice=st.booleans())
def test_no_row_is_lost_nor_multiplied(
    tmp_path_factory: pytest.TempPathFactory, bills: list[dict[str, Any]], twice: bool
):
    made = Tables(tmp_path_factory.mktemp("any"))
    register(made, [{"uid": f"{BUYER}-2024-001"}, {"uid": f"{BUYER}-2024-002", "lot_number": "1"}])
    same = {"file_sha256": "same"} if twice else {}
    for feeds in ("invoiced", "commitments", "clause_events", "hours"):
        stage(made, feeds, [bill | same for bill in bills])
    build_tables(made)
    assert open_balances(made) == []
    counted = {row["step"]: row for row in rows(made, "from quality.balances")}
    for step in ("invoiced", "commitments", "clause_events", "hour_lines"):
        assert counted[step]["records_in"] == len(bills)
        ids = rows(made, f"select count(*) as n from curated.{step}")
        assert ids == [{"n": counted[step]["kept"]}]
    assert counted["hours"]["records_in"] == counted["hour_lines"]["kept"]


def test_dates_and_schedules_are_read(tables: Tables):
    cells = {"start_date": "01/03/2024", "end_date": "2025-02-28", "schedule": "2024-06-30 = 100"}
    stage(tables, "commitments", [commitment(labour_share="50 %", **cells)])
    build_tables(tables, "curated/commitments")
    row = one(tables, "from curated.commitments")
    assert (row["start_date"], row["end_date"]) == (date(2024, 3, 1), date(2025, 2, 28))
    assert (row["labour_share"], row["schedule"]) == (Decimal("0.5"), "2024-06-30 = 100")
