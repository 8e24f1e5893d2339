"""Readers of cells under any text: what is written comes back, what is not understood is null.

Every format met in registers is written by Babel or by hand and read again. Under noise a reader
never raises, and never gives a value whose digits the text does not hold.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent
from hypothesis import assume, example, given
from hypothesis import strategies as st

from spaser.values import (
    Amount,
    CodeList,
    Read,
    is_siret,
    read_amount,
    read_boolean,
    read_criteria,
    read_date,
    read_decimal,
    read_duration_months,
    read_integer,
    read_percent,
    read_share,
    read_siret,
)
from tests.curate.run import CARDS

CODES = CodeList.of(
    row for row in CARDS.reference("code_lists") if row["field"] == "reserved_article"
)
READERS: list[Callable[[str], Read[Any]]] = [
    read_amount,
    read_boolean,
    read_criteria,
    read_date,
    read_decimal,
    read_duration_months,
    read_integer,
    read_percent,
    read_share,
    read_siret,
    CODES.read_one,
    CODES.read_many,
]
VALUE_BESIDE_PROBLEM = {None, "code_unreadable", "none_with_positive", "siret_zero_restored"}

dates = st.dates(date(1990, 1, 1), date(2100, 12, 31))
recent_dates = st.dates(date(2000, 1, 1), date(2049, 12, 31))
cents = st.decimals(-(10**12), 10**12, places=2, allow_nan=False)
around = st.sampled_from(["", " ", "\u00a0", "\u202f", "\t", "\u200b"])
noise = st.text("0123456789 .,;:/-+'()%€kMdHTCeExXan\u00a0\u202f\n", max_size=30) | st.text(
    max_size=40
)


# What is written comes back


@given(dates, st.sampled_from(["dd/MM/y", "d/M/y", "dd-MM-y", "dd.MM.y", "y-MM-dd", "y/MM/dd"]))
def test_a_date_in_digits_comes_back(day, pattern):
    assert read_date(format_date(day, pattern, locale="fr")) == Read(day)


@given(
    dates,
    st.sampled_from(
        ["d MMMM y", "EEEE d MMMM y", "d MMM y", "EEE d MMM y", "d-MMM-y", "'le' d MMMM y"]
    ),
    st.sampled_from(["fr", "en"]),
    st.sampled_from([str, str.upper, str.title]),
    around,
)
def test_a_date_in_words_comes_back(day, pattern, language, case, blank):
    assert read_date(blank + case(format_date(day, pattern, locale=language)) + blank) == Read(day)


@given(recent_dates, st.sampled_from(["dd/MM/yy", "d.M.yy", "dd-MM-yy", "dd-MMM-yy", "d MMMM yy"]))
def test_a_date_of_two_digits_comes_back(day, pattern):
    assert read_date(format_date(day, pattern, locale="fr")) == Read(day)


@given(dates.map(lambda day: day.replace(day=1)))
def test_the_first_of_a_month_comes_back(day):
    assert read_date(format_date(day, "d'er' MMMM y", locale="fr")) == Read(day)


@given(dates)
def test_a_serial_of_a_spreadsheet_comes_back(day):
    serial = (day - date(1899, 12, 30)).days
    assert read_date(str(serial)) == Read(day)
    assert read_date(f"{serial}.0") == Read(day)


@given(dates, st.sampled_from(["MMMM y", "MMM y", "MM/y", "y-MM"]))
def test_a_month_is_never_a_day(day, pattern):
    assert read_date(format_date(day, pattern, locale="fr")) == Read(None, "date_incomplete")


@given(dates, st.integers(1, 6))
def test_a_wrong_weekday_is_a_doubt(day, shift):
    weekday = format_date(day + timedelta(days=shift), "EEEE", locale="fr")
    assert read_date(f"{weekday} {format_date(day, 'd MMMM y', locale='fr')}").value is None


@given(cents, st.sampled_from(["fr", "en", "de", "de_CH", "es"]), around)
def test_an_amount_in_any_language_comes_back(amount, language, blank):
    text = format_decimal(amount, "#,##0.00", locale=language)
    assert read_amount(blank + text + blank) == Read(Amount(amount))


@given(cents, st.sampled_from(["", " HT", " H.T.", " hors taxes", " TTC", " (TTC)", " T.T.C."]))
def test_an_amount_with_its_currency_and_tax_comes_back(amount, tax):
    basis = None if not tax else "ht" if "h" in tax.lower() else "ttc"
    for text in (
        format_currency(amount, "EUR", locale="fr"),
        format_currency(amount, "EUR", "#,##0.00 ¤¤", locale="fr"),
        format_decimal(amount, "#,##0.00", locale="fr") + " euros",
    ):
        assert read_amount(text + tax) == Read(Amount(amount, basis))


@given(st.decimals("0.01", 10**9, places=2), st.sampled_from(["({} €)", "({}) €", "{}-", "- {}"]))
def test_a_credit_comes_back_negative(amount, form):
    text = form.format(format_decimal(amount, "#,##0.00", locale="fr"))
    assert read_amount(text) == Read(Amount(-amount))


@given(
    st.decimals(0, 9999, places=2),
    st.sampled_from(
        [("k€", 3), ("K€", 3), ("KEUR", 3), ("M€", 6), ("Md€", 9), ("millions d'euros", 6)]
    ),
)
def test_an_amount_in_thousands_or_millions_comes_back(number, unit):
    name, power = unit
    text = f"{format_decimal(number, '#,##0.##', locale='fr')} {name}"
    assert read_amount(text) == Read(Amount(number.scaleb(power)))


@given(cents)
def test_an_amount_of_a_program_comes_back(amount):
    assert read_amount(str(amount)) == Read(Amount(amount))
    assert read_amount(f"{amount:e}") == Read(Amount(amount))
    assert read_amount(f"'{amount}") == Read(Amount(amount))


@given(st.integers(1000, 999_999), st.sampled_from([".", ","]))
def test_one_group_of_three_digits_is_always_a_doubt(number, mark):
    text = f"{number // 1000}{mark}{number % 1000:03}"
    assert read_amount(text) == Read(None, "number_ambiguous")


@given(cents, cents, st.sampled_from([" / ", " à ", " - ", " ou ", "\n", "; ", "  "]))
def test_two_amounts_are_none(one, other, between):
    texts = [format_decimal(abs(amount), "#,##0.00", locale="fr") for amount in (one, other)]
    assert read_amount(between.join(texts)) == Read(None, "number_unreadable")


@given(st.decimals(0, 1, places=4))
def test_a_percentage_comes_back(share):
    text = format_percent(share, "#,##0.##%", locale="fr")
    assert read_percent(text) == Read(share)
    assert read_percent(text.replace("%", "\u00a0%")) == Read(share)
    assert read_percent(str(share)) == Read(share)


@given(st.integers(1, 40), st.integers(0, 11), st.integers(1, 9))
def test_a_duration_comes_back(years, months, times):
    period = f"{years} an{'s' * (years > 1)}" + (f" et {months} mois" if months else "")
    total = 12 * years + months
    assert read_duration_months(period) == Read(total)
    assert read_duration_months(f"{total} mois") == Read(total)
    assert read_duration_months(f"{period} renouvelable {times} fois") == Read(total * (1 + times))
    text = f"{years} ans (reconductible {times} fois 6 mois)"
    assert read_duration_months(text) == Read(12 * years + 6 * times)


@st.composite
def bare_siret(draw: st.DrawFn) -> str:
    number = f"{draw(st.integers(1, 10**14 - 1)):014}"
    assume(any(digit != "0" for digit in number[:9]))
    return number


@given(bare_siret(), st.sampled_from([" ", "\u00a0", "\u202f", ".", "-", ""]))
@example("00000000500000", ".")
def test_a_siret_comes_back(number, gap):
    parts = (number[:3], number[3:6], number[6:9], number[9:])
    assert read_siret(gap.join(parts)) == Read(number)
    assert read_siret(f"'{number}") == Read(number)
    if number[0] != "0":
        assert read_siret(f"{number}.0") == Read(number)
        assert read_siret(f"{number[0]},{number[1:]}E+13") == Read(number)
        assert read_siret(f"{number[0]},{number[1:6]}E+13") == Read(None, "siret_rounded")


@given(bare_siret())
def test_a_zero_is_restored_to_right_check_digits_only(number):
    short = "1" + number[2:]
    read = read_siret(short)
    assert read == (
        Read("0" + short, "siret_zero_restored")
        if is_siret("0" + short)
        else Read(None, "siret_malformed")
    )


LABELS = ["Prix", "Valeur technique", "Délai", "Environnement", "Insertion", "Coût global", "Autre"]


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    st.permutations(LABELS),
    st.sampled_from([" ; ", ", ", "\n", " / ", " - ", " | "]),
    st.sampled_from(["{} : {} %", "{} ({}%)", "{} {} points", "{} = {}", "{} {} %"]),
)
def test_criteria_come_back(shares, labels, between, form):
    weights = [*shares, 100 - sum(shares)]
    assume(weights[-1] > 0)
    labels = labels[: len(weights)]
    text = between.join(
        form.format(label, weight) for label, weight in zip(labels, weights, strict=True)
    )
    value = read_criteria(text).value
    assert value is not None
    assert [c.label for c in value] == labels
    assert [c.weight for c in value] == [Decimal(weight) / 100 for weight in weights]
    assert read_criteria(text.replace(str(weights[-1]), "0", 1)).problem == "criteria_sum"


# What was read is read alike again


@given(noise)
def test_what_was_read_is_read_alike_from_its_own_form(text):
    day, number, months = read_date(text).value, read_siret(text).value, read_duration_months(text)
    assert day is None or read_date(day.isoformat()) == Read(day)
    assert number is None or read_siret(number) == Read(number)
    assert months.value is None or read_duration_months(str(months.value)) == Read(months.value)
    amount = read_amount(text).value
    if amount is not None and abs(amount.eur.adjusted()) < 20:
        cents_text = f"{amount.eur:.2f}"
        assert read_amount(cents_text) == Read(Amount(Decimal(cents_text)))


# Any text


@given(noise)
@example("1e999999999999")
@example("-")
@example("\ud800")
@example("9" * 400)
@example("1" + " " * 40 + "2")
def test_no_text_escapes_and_a_value_is_beside_no_doubt(text):
    for read in (reader(text) for reader in READERS):
        assert read.value is None or read.problem in VALUE_BESIDE_PROBLEM
        assert read.problem is None or read.problem in CARDS.rules


def digits_of(text: str) -> str:
    return re.sub("[^0-9]", "", text).strip("0")


@given(noise)
@example("12 000 / 15 000")
def test_an_amount_holds_every_digit_of_its_text_and_no_other(text):
    read = read_amount(text).value
    if read is not None:
        written = re.split("[eE][+-]?[0-9]", text)[0]
        assert "".join(map(str, read.eur.as_tuple().digits)).strip("0") == digits_of(written)


@given(cents, st.integers(0, 20), st.sampled_from(list('abcz?<>~*/_=&%;:|"#\n!')))
def test_an_amount_with_a_stray_sign_is_not_read(amount, place, stray):
    text = format_decimal(amount, "#,##0.00", locale="fr")
    place = min(place, len(text))
    assume(stray != "\n" or 0 < place < len(text))
    assert read_amount(text[:place] + stray + text[place:]).value is None


@given(noise)
def test_a_date_holds_the_digits_of_its_day_and_year(text):
    value = read_date(text).value
    if value is not None and not re.fullmatch(r"\s*[0-9]{5}([.,]0+)?\s*", text):
        assert str(value.day) in text
        assert f"{value.year % 100:02}" in text


@given(noise)
def test_a_siret_holds_the_digits_of_its_text(text):
    value = read_siret(text).value
    if value is not None and not re.fullmatch("[^0-9]*[0-9]{13,14}[.,]0+|.*[eE].*", text.strip()):
        assert value.lstrip("0") == re.sub("[^0-9]", "", text).lstrip("0")


@given(noise)
def test_criteria_weigh_one_in_all(text):
    value = read_criteria(text).value
    assert value is None or abs(sum(c.weight for c in value) - 1) <= Decimal("0.0001")


@pytest.mark.parametrize(
    "text",
    [
        " " * 50_000 + "x",
        "1" + " " * 50_000 + "2",
        "1" * 50_000,
        "1 000" * 10_000,
        "(" * 50_000,
        ".0" * 25_000,
        "1\u00a0\n" * 20_000,
        "Prix 1 % " * 5_000,
        "un an et " * 5_000,
    ],
    ids=range(9),
)
def test_no_text_takes_long_to_refuse(text):
    started = time.perf_counter()
    for reader in READERS:
        reader(text)
    assert time.perf_counter() - started < 5
