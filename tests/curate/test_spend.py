"""Spend ledgers: tax, year, buyer, contract and Book V of each line; nothing counts twice."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.fr import siret as siret_number

from spaser.curate import forms, references
from spaser.scheme import Buyer, scheme_for_files
from spaser.warehouse import Connection, Tables, session
from tests.curate.forms import SCHEME, build, stage
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, one, rows

SUPPLIER = "00040001000013"
CENT = Decimal("0.01")


def ledger(folder: Path, *lines: dict[str, Any], source: str = "spend_ledger") -> Tables:
    tables = Tables(folder)
    stage(tables, source, lines)
    build(tables, "curated/spend")
    return tables


def line_of(folder: Path, **cells: str) -> dict[str, Any]:
    return one(ledger(folder, cells), "from curated.spend")


# Tax

TAX = [
    ({"amount": "1 000,00", "tax_basis": "HT"}, "1000.00", None, "ht"),
    ({"amount": "1 200,00", "tax_basis": "TTC", "vat_rate": "20 %"}, "1000.00", None, "ttc"),
    ({"amount_with_tax": "1 055,00", "vat_rate": "5,5"}, "1000.00", None, "ttc"),
    ({"amount": "100", "tax_basis": "ht", "amount_with_tax": "999", "vat_rate": "20"}, "100.00",
     None, "ht"),
    ({"amount": "1 200,00", "tax_basis": "ttc"}, None, "tax_included", "ttc"),
    ({"amount_with_tax": "1 200,00"}, None, "tax_included", "ttc"),
    ({"amount": "1 200,00"}, None, "tax_unknown", "unknown"),
    ({"amount": "1 200,00", "vat_rate": "20"}, None, "tax_unknown", "unknown"),
    ({"amount": "1 200,00 HT"}, "1200.00", None, "ht"),
    ({"amount": "1 200,00 TTC", "tax_basis": "ht"}, None, "tax_included", "ttc"),
    ({"amount": "-120,00", "tax_basis": "ttc", "vat_rate": "20"}, "-100.00", None, "ttc"),
    ({"amount": ""}, None, "missing", None),
    ({"amount": "à définir", "tax_basis": "ht"}, None, "missing", None),
    ({"amount": "9" * 20, "tax_basis": "ht"}, None, "out_of_range", None),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "usable", "reason", "basis"), TAX)
def test_only_an_amount_without_vat_is_usable(tmp_path, cells, usable, reason, basis):
    line = line_of(tmp_path, **cells)
    assert line["amount_usable_eur"] == (None if usable is None else Decimal(usable))
    assert (line["amount_exclusion_reason"], line["tax_basis"]) == (reason, basis)


@pytest.fixture(scope="module")
def macros() -> Any:
    with session() as connection:
        references.register(connection, CARDS, SCHEME)
        connection.execute(forms._MACROS)
        yield connection


def ask(connection: Connection, expression: str, *values: object) -> Any:
    return connection.execute(f"select {expression}", list(values)).fetchall()[0][0]


@given(
    eur=st.decimals("-9999999999", "9999999999", places=2),
    rate=st.decimals("0", "1", places=6),
)
def test_vat_is_taken_off_to_the_cent_half_up(macros, eur, rate):
    sign = -1 if eur < 0 else 1
    expected = sign * (abs(eur) / (1 + rate)).quantize(CENT, ROUND_HALF_UP)
    expression = "without_tax(cast(? as decimal(18,2)), cast(? as decimal(9,6)))"
    assert ask(macros, expression, str(eur), str(rate)) == expected


def with_check_digits(numbers: tuple[str, str]) -> str:
    siren = numbers[0] + luhn.calc_check_digit(numbers[0])
    return siren + numbers[1] + luhn.calc_check_digit(siren + numbers[1])


DIGITS = st.from_regex(r"[0-9]{14}", fullmatch=True)
TRUE_SIRETS = st.tuples(
    st.from_regex(r"[1-9][0-9]{7}", fullmatch=True), st.from_regex(r"[0-9]{4}", fullmatch=True)
).map(with_check_digits)


@given(DIGITS | TRUE_SIRETS)
def test_a_siret_is_one_when_its_check_digits_are_right(macros, digits):
    assume(not digits.startswith("356000000"))
    expected = digits if siret_number.is_valid(digits) and int(digits[:9]) else None
    assert ask(macros, "valid_siret(?)", digits) == expected


@pytest.mark.parametrize("digits", [SUPPLIER, "35600000000048", "35600000009075"])
def test_a_true_siret_passes_however_it_is_spaced(macros, digits):
    spaced = f"{digits[:3]} {digits[3:6]}\u00a0{digits[6:9]} {digits[9:]}"
    assert ask(macros, "valid_siret(?)", spaced) == digits


@pytest.mark.parametrize("written", ["00000000000000", "00040001000014", "12", "abc", "", None])
def test_what_is_no_siret_is_null(macros, written):
    assert ask(macros, "valid_siret(?)", written) is None


# Year, buyer, supplier, contract


def test_the_year_is_that_of_the_payment_else_the_financial_year(tmp_path):
    tables = ledger(
        tmp_path,
        {"voucher": "1", "paid_date": "15/03/2024", "year": "2024"},
        {"voucher": "2", "paid_date": "10/01/2025", "year": "2024"},
        {"voucher": "3", "year": "2023"},
        {"voucher": "4"},
        {"voucher": "5", "year": "24"},
    )
    found = rows(tables, "select year from curated.spend order by voucher")
    assert [row["year"] for row in found] == [2024, 2025, 2023, None, None]
    said = {f["rule"]: f["value"] for f in rows(tables, "from quality.findings")}
    assert (said["spend_year_differs"], said["spend_without_year"]) == ("1", "2")


def test_a_year_without_day_may_be_any_of_its_days(tmp_path):
    line = line_of(tmp_path, year="2024")
    assert (str(line["period_from"]), str(line["period_to"])) == ("2024-01-01", "2024-12-31")


def test_a_scheme_of_one_buyer_gives_the_buyer_that_the_ledger_lacks(tmp_path):
    assert line_of(tmp_path, buyer_name="Budget principal")["buyer_id"] == BUYER


def test_a_buyer_given_is_never_replaced(tmp_path):
    tables = ledger(tmp_path, {"buyer_id": OTHER_BUYER}, {"buyer_id": "pas un SIRET"})
    assert [r["buyer_id"] for r in rows(tables, "from curated.spend")] == [OTHER_BUYER, None]
    said = {f["rule"] for f in rows(tables, "from quality.findings")}
    assert {"spend_other_buyer", "spend_without_buyer"} <= said


def test_with_several_buyers_the_name_tells_which_else_it_is_unknown(tmp_path):
    two = (*SCHEME.buyers, Buyer(id=OTHER_BUYER, name="CCAS d'Exemple"))
    tables = Tables(tmp_path)
    names: list[dict[str, str]] = [{"buyer_name": "C.C.A.S."}, {"buyer_name": "CCAS d exemple"}, {}]
    stage(tables, "spend_ledger", names)
    build(tables, "curated/spend", scheme=SCHEME.model_copy(update={"buyers": two}))
    found = [row["buyer_id"] for row in rows(tables, "from curated.spend order by source_pointer")]
    assert found == [None, OTHER_BUYER, None]


def test_a_supplier_is_known_by_a_siret_else_a_siren(tmp_path):
    tables = ledger(
        tmp_path,
        {"supplier_id": "000 400 010 00013"},
        {"supplier_id": "", "supplier_siren": "000 400 010"},
        {"supplier_id": "00040001000014"},
    )
    found = rows(tables, "from curated.spend order by source_pointer")
    assert [row["supplier_key"] for row in found] == [SUPPLIER, "000400010", None]
    assert [row["supplier_siren"] for row in found] == ["000400010", "000400010", None]
    assert found[2]["supplier_id"] == "00040001000014", "nothing is lost"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"contract_reference": "2024-017"}, True),
        ({"contract_reference": "Hors marché"}, False),
        ({"contract_reference": ""}, None),
        ({}, None),
        ({"is_under_contract": "non", "contract_reference": "2024-017"}, False),
        ({"is_under_contract": "oui"}, True),
    ],
)
def test_a_contract_cited_is_a_contract_and_silence_is_unknown(tmp_path, cells, expected):
    assert line_of(tmp_path, **cells)["is_under_contract"] is expected


def test_book_v_is_only_what_the_ledger_says(tmp_path):
    tables = ledger(tmp_path, {"is_book_v": "oui"}, {"is_book_v": "non"}, {})
    assert [r["is_book_v"] for r in rows(tables, "from curated.spend")] == [True, False, None]


# Nothing lost, nothing twice


def test_the_same_file_given_twice_counts_once(tmp_path):
    cells = {"voucher": "1", "amount": "10", "tax_basis": "ht", "file_sha256": "same"}
    tables = ledger(tmp_path, cells | {"source_file": "a.csv"}, cells | {"source_file": "b.csv"})
    assert one(tables, "from curated.spend")["source_file"] == "a.csv"
    balance = one(tables, "from quality.balances")
    assert (balance["records_in"], balance["kept"], balance["merged"]) == (2, 1, 1)
    said = one(tables, "from quality.findings where rule = 'spend_file_twice'")
    assert (said["source_file"], said["value"], said["detail"]) == ("b.csv", "1", "a.csv")


def test_a_line_in_two_exports_is_said_and_counts_each_time(tmp_path):
    cells = {"voucher": "17", "year": "2024", "amount": "10", "tax_basis": "ht"}
    tables = ledger(tmp_path, cells | {"source_file": "a.csv"}, cells | {"source_file": "b.csv"})
    assert one(tables, "select count(*) as n from curated.spend")["n"] == 2
    said = one(tables, "from quality.findings where rule = 'spend_line_twice'")
    assert (said["key"], said["value"], said["severity"]) == ("17", "2", "warning")


def test_two_equal_lines_of_one_export_are_two_payments(tmp_path):
    cells = {"voucher": "17", "year": "2024", "amount": "10", "tax_basis": "ht"}
    tables = ledger(tmp_path, cells, cells)
    assert one(tables, "select sum(amount_usable_eur) as eur from curated.spend")["eur"] == 20
    assert not rows(tables, "from quality.findings where rule = 'spend_line_twice'")


def test_without_a_ledger_the_table_is_empty(tmp_path):
    tables = Tables(tmp_path)
    build(tables, "curated/spend", scheme=scheme_for_files(()))
    assert rows(tables, "from curated.spend") == []
    assert rows(tables, "from quality.findings") == []


def test_the_table_is_what_its_card_says(tmp_path):
    tables = ledger(tmp_path, {"voucher": "1"})
    described = rows(tables, "describe select * from curated.spend")
    declared = CARDS.tables["curated/spend"].columns
    assert {r["column_name"]: r["column_type"] for r in described} == {
        name: column.type for name, column in declared.items()
    }


def test_purchases_of_the_inclusion_market_have_no_tax_basis_and_no_year(tmp_path):
    line = {"supplier_id": SUPPLIER, "amount": "15000.50", "directorate": "Service IT"}
    found = one(ledger(tmp_path, line, source="inclusion_purchases"), "from curated.spend")
    assert (found["tax_basis"], found["amount_usable_eur"], found["year"]) == (
        "unknown",
        None,
        None,
    )
    assert found["amount_received_eur"] == Decimal("15000.50")
