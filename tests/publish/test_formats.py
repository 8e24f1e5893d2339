"""Numbers and dates in French and English."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.publish.formats import Formats
from spaser.publish.labels import typography

FR, EN = Formats("fr"), Formats("en")


def test_worked_example_g12() -> None:
    assert FR.money(Decimal("1234567.5")) == "1\u202f234\u202f567,50\u00a0€"
    assert FR.percent(Decimal("0.1234")) == "12,3\u00a0%"


def test_english_has_its_own_separators() -> None:
    assert EN.money(Decimal("1234567.5")) == "€1,234,567.50"
    assert EN.percent(Decimal("0.1234")) == "12.3%"


@pytest.mark.parametrize(
    ("share", "printed"),
    [("0.1235", "12,4"), ("0.1245", "12,5"), ("0.0005", "0,1"), ("0.00049", "0,0"), ("1", "100,0")],
)
def test_a_share_rounds_half_up(share: str, printed: str) -> None:
    assert FR.percent(Decimal(share)) == f"{printed}\u00a0%"


@pytest.mark.parametrize(
    ("amount", "printed"),
    [
        ("4200000", "4,2\u00a0M€"),
        ("432100", "432\u00a0k€"),
        ("9999", "9\u202f999\u00a0€"),
        ("1500000000", "1,5\u00a0Md€"),
    ],
)
def test_headline_amounts_are_compact(amount: str, printed: str) -> None:
    assert FR.compact_money(Decimal(amount)) == printed


def test_the_first_of_a_month_is_premier() -> None:
    assert FR.date(dt.date(2026, 1, 1)) == "1er janvier 2026"
    assert FR.date(dt.date(2026, 11, 21)) == "21 novembre 2026"
    assert EN.date(dt.date(2026, 1, 1)) == "1 January 2026"


def test_cents_are_kept_only_where_there_are_any() -> None:
    assert FR.whole_money(Decimal(40000)) == "40\u202f000\u00a0€"
    assert FR.whole_money(Decimal("40000.50")) == "40\u202f000,50\u00a0€"


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_a_printed_amount_reads_back_as_itself(amount: Decimal) -> None:
    printed = FR.money(amount).replace("\u202f", "").replace("\u00a0€", "").replace(",", ".")
    assert Decimal(printed) == amount


@given(st.decimals(min_value=0, max_value=1000, places=6))
def test_a_trimmed_number_has_no_useless_zero(value: Decimal) -> None:
    printed = FR.trimmed(value)
    assert not ("," in printed and printed.endswith("0"))


def test_french_punctuation_does_not_break() -> None:
    text = typography("Que faire ? « Rien » : 12 %", "fr")
    assert text == "Que faire\u202f? «\u00a0Rien\u00a0»\u00a0: 12\u00a0%"
    assert typography("Why? “No”: 12%", "en") == "Why? “No”: 12%"
