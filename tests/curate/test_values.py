"""Readers of cells: every shape, filler, date and number met in real registers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.curate.records import reading_of
from spaser.curate.values import (
    CodeList,
    Codes,
    Read,
    is_filler,
    normalise,
    read_boolean,
    read_date,
    read_decimal,
    read_integer,
    read_share,
)
from tests.curate.run import CARDS

FILLERS = ["", "  ", "NC", "nc", "MQ", "MQ NC", "CDL", "CDL NC", "null", "None", "NaN", "n/a", "-"]


def code_list(field: str) -> CodeList:
    return CodeList.of(row for row in CARDS.reference("code_lists") if row["field"] == field)


SOCIAL = code_list("social_considerations")
GREEN = code_list("environmental_considerations")


# Dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01", date(2024, 3, 1)),
        (" 2024-03-01 ", date(2024, 3, 1)),
        ("2018-11-27+01:00", date(2018, 11, 27)),
        ("2018-11-27-0400", date(2018, 11, 27)),
        ("2018-11-27Z", date(2018, 11, 27)),
        ("2024-12-31T23:30:00Z", date(2024, 12, 31)),
        ("2024-12-31 23:30:00", date(2024, 12, 31)),
        ("01/02/2021", date(2021, 2, 1)),
        ("1/2/2021", date(2021, 2, 1)),
        ("01.02.2021", date(2021, 2, 1)),
        ("2024-02-29", date(2024, 2, 29)),
    ],
)
def test_date_is_the_day_written_whatever_the_zone(text, expected):
    assert read_date(text) == Read(expected)


@pytest.mark.parametrize("text", ["0218-11-27", "0222-04-29", "5021-02-18", "1989-12-31"])
def test_odd_years_are_never_repaired(text):
    assert read_date(text) == Read(None, "date_implausible")


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "32/01/2021",
        "2024",
        "20240301",
        "hier",
        "2024-03-011",
        "01/02/21",
        "INX 2024-03-01",
    ],
)
def test_what_is_no_date_is_null_with_a_finding(text):
    assert read_date(text) == Read(None, "date_unreadable")


@pytest.mark.parametrize("text", FILLERS)
def test_fillers_are_unknown_without_a_finding(text):
    assert is_filler(text)
    assert read_date(text) == Read(None)
    assert read_decimal(text) == Read(None)
    assert read_integer(text) == Read(None)
    assert read_boolean(text) == Read(None)
    assert SOCIAL.read_one(text) == Read(None)
    assert SOCIAL.read_many(text) == Read(None)


@pytest.mark.parametrize("text", ["non", "0", "Sans objet", "Marché", "ncis"])
def test_a_value_is_no_filler(text):
    assert not is_filler(text)


dates = st.dates(date(1990, 1, 1), date(2100, 12, 31))
zones = st.sampled_from(["", "Z", "+01:00", "-0400", "T10:00:00", "T00:00:00+02:00", " 23:59:59"])


@given(dates, zones)
def test_iso_dates_come_back(day, zone):
    assert read_date(day.isoformat() + zone) == Read(day)


@given(dates, st.sampled_from(["%d/%m/%Y", "%d.%m.%Y"]))
def test_french_dates_come_back(day, form):
    assert read_date(day.strftime(form)) == Read(day)


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader(text):
    for reader in (
        read_date,
        read_decimal,
        read_integer,
        read_share,
        read_boolean,
        SOCIAL.read_one,
        SOCIAL.read_many,
    ):
        read = reader(text)
        assert read.value is None or read.problem in {None, "none_with_positive", "code_unreadable"}
    for field in CARDS.fields.values():
        if field.kind not in {"text", "json", "date"}:
            reading_of(CARDS, field).read(text)


# Numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100000", "100000"),
        ("-12.5", "-12.5"),
        ("14 700,00", "14700.00"),
        ("14\u00a0700,00", "14700.00"),
        ("14\u202f700,00\u00a0€", "14700.00"),
        ("14'700", "14700"),
        ("1.0e17", "1.0E+17"),
        ("0", "0"),
        ("12000.50", "12000.50"),
    ],
)
def test_numbers_as_programs_and_french_sheets_write_them(text, expected):
    assert read_decimal(text) == Read(Decimal(expected))


@pytest.mark.parametrize(
    "text", ["abc", "1,234,567", "1.234,56", "12..5", "Infinity", "1_000", "12 rue", "INX 12"]
)
def test_what_is_no_number_is_null_with_a_finding(text):
    assert read_decimal(text) == Read(None, "number_unreadable")


@given(st.decimals(-(10**12), 10**12, places=2, allow_nan=False))
def test_amounts_come_back_from_every_way_to_write_them(amount):
    french = f"{amount:,.2f}".replace(",", "\u202f").replace(".", ",")
    assert read_decimal(french).value == amount
    assert read_decimal(f"{french} €").value == amount
    assert read_decimal(str(amount)).value == amount
    assert read_decimal(f"{amount:e}").value == amount


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_whole_numbers_come_back(number):
    assert read_integer(str(number)) == Read(number)
    assert read_integer(f"{number}.0") == Read(number)


@pytest.mark.parametrize("text", ["12.5", "2147483648", "1e30", "NaN3"])
def test_what_is_no_whole_number_is_refused(text):
    assert read_integer(text) == Read(None, "number_unreadable")


def test_shares_lie_between_zero_and_one():
    assert read_share("0,05") == Read(Decimal("0.05"))
    assert read_share("1") == Read(Decimal(1))
    assert read_share("5") == Read(None, "number_unreadable")
    assert read_share("-0.1") == Read(None, "number_unreadable")


def amount_of(text: str) -> tuple[Decimal | None, bool]:
    value = reading_of(CARDS, CARDS.fields["amount"]).read(text).value
    assert value is not None
    return value["eur"], value["out_of_range"]


def test_amounts_are_cents_rounded_half_up():
    assert amount_of("0.125") == (Decimal("0.13"), False)
    assert amount_of("2.675") == (Decimal("2.68"), False)
    assert amount_of("134060.986") == (Decimal("134060.99"), False)


@pytest.mark.parametrize("text", ["1.0e17", "1e999999", "9999999999999999.999", "-1e16"])
def test_an_amount_that_no_column_holds_is_out_of_range(text):
    assert amount_of(text) == (None, True)


# Booleans


@pytest.mark.parametrize("text", ["true", "True", "oui", "OUI", "1", "vrai"])
def test_yes_in_json_xml_and_csv(text):
    assert read_boolean(text) == Read(True)


@pytest.mark.parametrize("text", ["false", "False", "non", "0", "faux"])
def test_no_in_json_xml_and_csv(text):
    assert read_boolean(text) == Read(False)


@pytest.mark.parametrize("text", ["peut-être", "2", "INX oui"])
def test_a_doubtful_boolean_is_unknown_with_a_finding(text):
    assert read_boolean(text) == Read(None, "code_unreadable")


# Codes


@pytest.mark.parametrize(
    "text",
    [
        '{"considerationSociale": ["Clause sociale", "Critère social"]}',
        '["Clause sociale", "Critère social"]',
        '["Critère social", "Clause sociale", "Clause sociale"]',
        "['Clause sociale', 'Critère social']",
        "Clause sociale, Critère social",
        "Critère social,Clause sociale",
        "CLAUSE SOCIALE ; critere social",
        '{"considerationSociale": [["Clause sociale"], "Critère social"]}',
    ],
)
def test_every_shape_of_a_list_is_read_alike(text):
    assert SOCIAL.read_many(text) == Read(Codes(("clause", "criterion")))


@pytest.mark.parametrize(
    "text",
    [
        "Pas de considération sociale",
        '["Pas de considération sociale"]',
        "Sans objet",
        '{"considerationSociale": "Sans objet"}',
        "['Pas de considération sociale']",
    ],
)
def test_none_is_an_empty_list_and_not_unknown(text):
    assert SOCIAL.read_many(text) == Read(Codes(()))


@pytest.mark.parametrize(
    "text",
    [
        '["NC"]',
        '["MQ"]',
        '{"considerationSociale": ["CDL"]}',
        "[]",
        '{"considerationSociale": null}',
        '["MQ", "NC"]',
    ],
)
def test_fillers_inside_a_list_are_unknown(text):
    assert SOCIAL.read_many(text) == Read(None)


def test_an_invalid_value_is_unknown_and_reported():
    assert SOCIAL.read_many("INX Clause") == Read(None, "code_unreadable")
    assert SOCIAL.read_many("Clause très sociale") == Read(None, "code_unreadable")


def test_none_beside_a_positive_value_keeps_the_positive_one():
    text = "Pas de considération sociale, Clause sociale"
    assert SOCIAL.read_many(text) == Read(Codes(("clause",)), "none_with_positive")


def test_a_partial_list_keeps_what_is_understood_and_says_there_is_more():
    text = '["Clause sociale", "Insertion des jeunes"]'
    assert SOCIAL.read_many(text) == Read(Codes(("clause",), partial=True), "code_unreadable")
    assert SOCIAL.read_many('["Clause sociale", "NC"]') == Read(Codes(("clause",), partial=True))


def test_none_with_words_that_are_not_understood_is_unknown():
    text = '["Sans objet", "autre chose"]'
    assert SOCIAL.read_many(text) == Read(None, "code_unreadable")


def test_a_reserved_concession_and_a_reserved_contract_are_one_code():
    for text in ("Marché réservé", "Concession réservée", "MARCHE RESERVE"):
        assert SOCIAL.read_many(text) == Read(Codes(("reserved",)))


def test_social_spellings_do_not_leak_into_environment():
    assert GREEN.read_many("Clause sociale") == Read(None, "code_unreadable")


def test_old_and_odd_spellings_of_single_codes():
    assert code_list("nature").read_one("MARCHE") == Read("contract")
    assert code_list("nature").read_one("CONCESSION DE TRAVAUX") == Read("works_concession")
    assert code_list("procedure").read_one("Appel d offres ouvert") == Read("open")
    assert code_list("ccag").read_one("Maîtrise d'œuvre") == Read("design")
    assert code_list("place_code_type").read_one("CODE DEPARTEMENT") == Read("department")
    assert code_list("procedure").read_one("Tirage au sort") == Read(None, "code_unreadable")


MULTIPLE = [field.field for field in CARDS.fields.values() if field.kind == "codes"]


@given(st.data())
def test_any_set_of_labels_comes_back_from_any_shape(data):
    field = data.draw(st.sampled_from(MULTIPLE))
    labels = {
        row["spellings"].split("|")[0]: row["code"]
        for row in CARDS.reference("code_lists")
        if row["field"] == field and row["code"] != "none"
    }
    chosen = data.draw(
        st.permutations(sorted(labels)).flatmap(
            lambda names: st.integers(1, len(names)).map(lambda n: list(names)[:n])
        )
    )
    shape = data.draw(
        st.sampled_from(
            [
                lambda xs: '{"x": [' + ", ".join(f'"{x}"' for x in xs) + "]}",
                lambda xs: "[" + ", ".join(f"'{x}'" for x in xs) + "]",
                lambda xs: ", ".join(xs),
                lambda xs: ",".join(xs).upper(),
            ]
        )
    )
    text = shape(chosen).replace('{"x": ', "").removesuffix("}")
    assert code_list(field).read_many(text) == Read(Codes(tuple(sorted(labels[x] for x in chosen))))


def test_no_spelling_stands_for_two_codes_of_a_field():
    seen: dict[tuple[str, str], str] = {}
    for row in CARDS.reference("code_lists"):
        for spelling in row["spellings"].split("|"):
            key = (row["field"], normalise(spelling))
            assert seen.setdefault(key, row["code"]) == row["code"], key
