"""Readers of cells: every shape, filler, date and number met in real registers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.curate.typed import reading_of
from spaser.values import (
    Amount,
    CodeList,
    Codes,
    Read,
    is_filler,
    is_siret,
    normalise,
    read_amount,
    read_boolean,
    read_criteria,
    read_date,
    read_decimal,
    read_duration_months,
    read_hours,
    read_integer,
    read_month,
    read_percent,
    read_share,
    read_siret,
)
from tests.curate.run import CARDS

FILLERS = ["", "  ", "NC", "nc", "MQ", "MQ NC", "CDL", "CDL NC", "null", "None", "NaN", "n/a", "-"]
FILLERS += ["N.R.", "n.c.", "ND", "non renseigné", "Non communiquée", "inconnu"]


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
        "1/2/021",
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
    assert read_amount(text) == Read(None)
    assert read_percent(text) == Read(None)
    assert read_siret(text) == Read(None)
    assert read_duration_months(text) == Read(None)
    assert read_criteria(text) == Read(None)
    assert SOCIAL.read_one(text) == Read(None)
    assert SOCIAL.read_many(text) == Read(None)


@pytest.mark.parametrize("text", ["non", "0", "Sans objet", "Marché", "ncis"])
def test_a_value_is_no_filler(text):
    assert not is_filler(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12-03-2024", date(2024, 3, 12)),
        ("12/03/24", date(2024, 3, 12)),
        ("12/03/49", date(2049, 3, 12)),
        ("12 / 03 / 2024", date(2024, 3, 12)),
        ("03/04/2024", date(2024, 4, 3)),
        ("2024-04-03", date(2024, 4, 3)),
        ("2024/04/03", date(2024, 4, 3)),
        ("2024-03-12 00:00:00", date(2024, 3, 12)),
        ("12/03/2024 14:30", date(2024, 3, 12)),
        ("12/03/2024 à 14h30", date(2024, 3, 12)),
        ("45363", date(2024, 3, 12)),
        ("45363.0", date(2024, 3, 12)),
        ("12 mars 2024", date(2024, 3, 12)),
        ("le 12 mars 2024", date(2024, 3, 12)),
        ("mardi 12 mars 2024", date(2024, 3, 12)),
        ("Mar. 12 mars 2024", date(2024, 3, 12)),
        ("1er janvier 2026", date(2026, 1, 1)),
        ("12-mars-24", date(2024, 3, 12)),
        ("12 févr. 2024", date(2024, 2, 12)),
        ("15-août-2024", date(2024, 8, 15)),
        ("12\u00a0DÉCEMBRE\u00a02024", date(2024, 12, 12)),
        ("12-Feb-24", date(2024, 2, 12)),
    ],
)
def test_a_date_of_a_spreadsheet_has_its_day_first_and_iso_is_never_swapped(text, expected):
    assert read_date(text) == Read(expected)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mars 2024", "date_incomplete"),
        ("mars-24", "date_incomplete"),
        ("03/2024", "date_incomplete"),
        ("2024-03", "date_incomplete"),
        ("13/2024", "date_unreadable"),
        ("lot 24", "date_unreadable"),
        ("12/03/98", "date_implausible"),
        ("12 mars 98", "date_implausible"),
        ("20000", "date_implausible"),
        ("19999", "date_unreadable"),
        ("80001", "date_unreadable"),
        ("mercredi 12 mars 2024", "date_unreadable"),
        ("31 février 2024", "date_unreadable"),
        ("04/13/2024", "date_unreadable"),
        ("2024-03-01 2024-03-05", "date_unreadable"),
        ("01/02/2024 - 03/02/2024", "date_unreadable"),
        ("12/03.2024", "date_unreadable"),
        ("courant mars 2024", "date_unreadable"),
    ],
)
def test_a_date_that_is_not_sure_is_not_guessed(text, problem):
    assert read_date(text) == Read(None, problem)


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
            reading_of(CARDS, field, {}).read(text)


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
    "text",
    [
        "abc",
        "1,234,567",
        "1.234,56",
        "12..5",
        "Infinity",
        "1_000",
        "12 rue",
        "INX 12",
        "3 5",
        "12 34 567",
        "120 000  150 000",
    ],
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
    value = reading_of(CARDS, CARDS.fields["amount"], {}).read(text).value
    assert value is not None
    return value["eur"], value["out_of_range"]


def test_amounts_are_cents_rounded_half_up():
    assert amount_of("0.125") == (Decimal("0.13"), False)
    assert amount_of("1002.675") == (Decimal("1002.68"), False)
    assert amount_of("134060.986") == (Decimal("134060.99"), False)


@pytest.mark.parametrize("text", ["1.0e17", "1e999999", "9999999999999999.999", "-1e16"])
def test_an_amount_that_no_column_holds_is_out_of_range(text):
    assert amount_of(text) == (None, True)


# Amounts


@pytest.mark.parametrize(
    ("text", "eur"),
    [
        ("14 700,00 €", "14700"),
        ("14\u00a0700,00\u00a0€", "14700"),
        ("14\u202f700,00", "14700"),
        ("14\u2009700,00", "14700"),
        ("14\u2007700,00", "14700"),
        ("14.700,00", "14700"),
        ("14,700.00", "14700"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("14'700.50", "14700.5"),
        ("14’700", "14700"),
        ("12,5 k€", "12500"),
        ("12,5 K€", "12500"),
        ("1,2 M€", "1200000"),
        ("3 Md€", "3000000000"),
        ("2,5 millions d'euros", "2500000"),
        ("12 mille euros", "12000"),
        ("850 KEUR", "850000"),
        ("-1 200", "-1200"),
        ("\u22121 200", "-1200"),
        ("- 1 200,50 €", "-1200.5"),
        ("(1 200,00)", "-1200"),
        ("(1 200,00 €)", "-1200"),
        ("(1 200,00) €", "-1200"),
        ("1 200-", "-1200"),
        ("-€ 1200", "-1200"),
        ("€ -1200", "-1200"),
        ("€ 1200", "1200"),
        ("1200 EUR", "1200"),
        ("1200 euros", "1200"),
        ("'1200", "1200"),
        ("+1200", "1200"),
        ("1234.5", "1234.5"),
        ("35000.10", "35000.10"),
        ("12345.678", "12345.678"),
        ("1234.567", "1234.567"),
        ("0,125", "0.125"),
        ("1 200,500", "1200.5"),
        ("1.0e17", "1.0E17"),
        ("1,5E+05", "150000"),
        ("200\u200b000", "200000"),
    ],
)
def test_an_amount_is_read_as_people_write_it(text, eur):
    assert read_amount(text) == Read(Amount(Decimal(eur)))


@pytest.mark.parametrize("text", ["1,200", "1.200", "-1.200", "(14,700)", "12.500 €", "1,200 k€"])
def test_three_digits_behind_the_only_mark_have_two_readings(text):
    assert read_amount(text) == Read(None, "number_ambiguous")


@pytest.mark.parametrize(
    ("text", "basis"),
    [
        ("1 200 € HT", "ht"),
        ("1 200,00 €HT", "ht"),
        ("1 200 H.T.", "ht"),
        ("1 200 € (HT)", "ht"),
        ("1 200 € hors taxes", "ht"),
        ("1200 TTC", "ttc"),
        ("1 200 € T.T.C.", "ttc"),
        ("1 200 euros toutes taxes comprises", "ttc"),
        ("1 200 €", None),
    ],
)
def test_an_amount_may_say_its_tax_basis(text, basis):
    assert read_amount(text) == Read(Amount(Decimal(1200), basis))


@pytest.mark.parametrize(
    "text",
    [
        "à définir",
        "env. 12 000",
        "12 000 environ",
        "< 40 000",
        "12 000 / 15 000",
        "12 000 - 15 000",
        "12 000 à 15 000",
        "120 000 15 000",
        "120\u202f000 150\u202f000",
        "120 000  150 000",
        "120 000\n150 000",
        "12 000 € HT / 14 400 € TTC",
        "12 000 €/an",
        "01 02 03",
        "02 345 678",
        "1.200,300,400",
        "1.200.30",
        "12 m€",
        "-(1 200)",
        "-1 200-",
        "(1 200",
        "1 200)",
        "1 200))",
        "20 %",
        "1_000",
        "INX 12",
        "1e9999999",
        "2 x 1 200",
    ],
)
def test_an_amount_with_a_doubt_is_never_read_in_part(text):
    assert read_amount(text) == Read(None, "number_unreadable")


# Percentages and durations


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("20", "0.2"),
        ("20 %", "0.2"),
        ("20\u00a0%", "0.2"),
        ("0,2", "0.2"),
        ("5,5 %", "0.055"),
        ("0,5 %", "0.005"),
        ("1", "1"),
        ("1 %", "0.01"),
        ("100", "1"),
        ("0", "0"),
    ],
)
def test_a_percentage_is_a_share(text, share):
    assert read_percent(text) == Read(Decimal(share))


@pytest.mark.parametrize("text", ["150", "-3", "20 à 30 %", "20 ‰", "vingt", "INX 20"])
def test_what_is_no_percentage_is_null_with_a_finding(text):
    assert read_percent(text) == Read(None, "number_unreadable")


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("12", 12),
        ("12.0", 12),
        ("12 mois", 12),
        ("1 an", 12),
        ("Un an", 12),
        ("2 ans", 24),
        ("1 an et 6 mois", 18),
        ("1 an, 6 mois", 18),
        ("4 ans fermes", 48),
        ("1 an renouvelable 3 fois", 48),
        ("12 mois (renouvelable 3 fois)", 48),
        ("1 an, reconductible tacitement 3 fois 1 an", 48),
        ("1 an renouvelable 3 x 1 an", 48),
        ("1 an reconductible trois fois pour une période d'un an", 48),
        ("2 ans reconductible 1 fois 6 mois", 30),
    ],
)
def test_a_duration_is_months_with_its_renewals(text, months):
    assert read_duration_months(text) == Read(months)


@pytest.mark.parametrize(
    "text",
    [
        "1 an renouvelable",
        "90 jours",
        "12 à 24 mois",
        "6-12 mois",
        "-12 mois",
        "2 ans / 6 mois",
        "1,5 an",
        "12,5",
        "jusqu'au 31/12/2026",
        "4 ans maximum, renouvelable",
        "INX 12",
    ],
)
def test_a_duration_that_is_not_whole_months_is_not_guessed(text):
    assert read_duration_months(text) == Read(None, "duration_unreadable")


# Award criteria


def criteria(text: str) -> list[tuple[str, str, str]]:
    value = read_criteria(text).value
    assert value is not None
    return [(c.label, c.nature, f"{c.weight:.3f}") for c in value]


@pytest.mark.parametrize(
    "text",
    [
        "Prix 60 % ; Valeur technique 30 % ; Environnement 10 %",
        "Prix : 60% - Valeur technique : 30% - Environnement : 10%",
        "Prix (60 %), Valeur technique (30 %), Environnement (10 %)",
        "Prix 60 points / Valeur technique 30 points / Environnement 10 points",
        "Prix 60 ; Valeur technique 30 ; Environnement 10",
        "Prix 60, Valeur technique 30, Environnement 10",
        "Prix 60 - Valeur technique 30 - Environnement 10",
        "Prix : 60,00 %\nValeur technique : 30,00 %\nEnvironnement : 10,00 %",
        "1. Prix (60%) 2. Valeur technique (30%) 3. Environnement (10%)",
        "60 % Prix, 30 % Valeur technique, 10 % Environnement",
        "Prix 60/100 Valeur technique 30/100 Environnement 10/100",
    ],
)
def test_criteria_come_with_their_weights_however_they_are_written(text):
    assert criteria(text) == [
        ("Prix", "price", "0.600"),
        ("Valeur technique", "technical", "0.300"),
        ("Environnement", "environmental", "0.100"),
    ]


@pytest.mark.parametrize(
    ("label", "nature"),
    [
        ("Prix des prestations", "price"),
        ("Coût du cycle de vie", "cost"),
        ("Coût global", "cost"),
        ("Qualité du mémoire", "technical"),
        ("Délai d'exécution", "technical"),
        ("Performances environnementales", "environmental"),
        ("Qualité environnementale", "environmental"),
        ("Insertion professionnelle", "social"),
        ("Qualité de la démarche sociale", "social"),
        ("Technique et environnement", "other"),
        ("Performance sociale et environnementale", "other"),
        ("Développement durable", "other"),
        ("Démarche RSE", "other"),
        ("Environnement technique", "technical"),
        ("Facilité d'emploi", "other"),
        ("Diversité de la gamme", "other"),
        ("Retour à l'emploi : demandeurs d'emploi", "social"),
        ("Performance de la climatisation", "other"),
        ("Références", "other"),
    ],
)
def test_the_nature_of_a_criterion_is_in_its_words_or_is_not_told(label, nature):
    assert criteria(f"{label} 100 %") == [(label, nature, "1.000")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Prix 60 % ; Technique 30 %", "criteria_sum"),
        ("Prix 60 % ; Technique 40 % ; Social 5 %", "criteria_sum"),
        ("Technique 60 % dont environnement 20 % ; délai 20 %", "criteria_unreadable"),
        ("Prix 60 %, Technique 40 % (voir le règlement)", "criteria_unreadable"),
        ("Prix ; Technique", "criteria_unreadable"),
        ("60 % ; 40 %", "criteria_unreadable"),
        ("Prix 1100 %", "criteria_unreadable"),
        ("voir RC", "criteria_unreadable"),
        ("100", "criteria_unreadable"),
    ],
)
def test_criteria_whose_weights_do_not_hold_are_unknown(text, problem):
    assert read_criteria(text) == Read(None, problem)


# SIRET


@pytest.mark.parametrize(
    "text",
    [
        "21440215800015",
        "214 402 158 00015",
        "214\u00a0402\u202f158 00015",
        "214.402.158.00015",
        "214402158-00015",
        "'21440215800015",
        "21440215800015.0",
        "2.1440215800015E+13",
    ],
)
def test_a_siret_is_its_fourteen_digits(text):
    assert read_siret(text) == Read("21440215800015")


def test_the_zero_that_a_spreadsheet_dropped_is_restored_when_the_keys_are_right():
    assert is_siret("01234567400019")
    assert read_siret("1234567400019") == Read("01234567400019", "siret_zero_restored")
    assert read_siret("1234567400019.0") == Read("01234567400019", "siret_zero_restored")
    assert read_siret("1234567400020") == Read(None, "siret_malformed")


@pytest.mark.parametrize("text", ["2,14402E+13", "2.14E13", "2E+13"])
def test_a_rounded_siret_is_not_rebuilt(text):
    assert read_siret(text) == Read(None, "siret_rounded")


@pytest.mark.parametrize(
    "text",
    [
        "214402158",
        "FR44732829320",
        "FR 73282932000074",
        "2144021580001",
        "214402158000155",
        "00000000000000",
        "21440215800015 et 73282932000074",
        "INX 214",
        "SARL",
    ],
)
def test_what_has_not_fourteen_digits_is_no_siret(text):
    assert read_siret(text) == Read(None, "siret_malformed")


def test_check_digits_of_a_siret_and_of_la_poste():
    assert is_siret("73282932000074")
    assert not is_siret("73282932000079")
    assert read_siret("73282932000079") == Read("73282932000079")
    # La Poste: the head office has Luhn's digit, an office a sum that is a multiple of five.
    assert is_siret("35600000000048")
    assert is_siret("35600000049837")
    assert not is_siret("35600000049838")


# Booleans


@pytest.mark.parametrize("text", ["true", "True", "oui", "OUI", "1", "vrai"])
def test_yes_in_json_xml_and_csv(text):
    assert read_boolean(text) == Read(True)


@pytest.mark.parametrize("text", ["false", "False", "non", "0", "faux"])
def test_no_in_json_xml_and_csv(text):
    assert read_boolean(text) == Read(False)


@pytest.mark.parametrize("text", ["O", "o", "x", "X", "✓", "✔", "✔\ufe0f", "☑", "yes", "1.0"])
def test_a_tick_is_yes(text):
    assert read_boolean(text) == Read(True)


@pytest.mark.parametrize("text", ["N", "n", "✗", "✘", "no", "0.0"])
def test_a_cross_drawn_for_no_is_no(text):
    assert read_boolean(text) == Read(False)


@pytest.mark.parametrize("text", ["peut-être", "2", "INX oui", "☒", "☐", "oui/non", "+", "xx"])
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


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("procedure", "Procédure adaptée (MAPA)", "adapted"),
        ("procedure", "AOO", "open"),
        ("procedure", "Gré à gré", "direct"),
        ("contract_type", "TVX", "works"),
        ("contract_type", "Fournitures courantes", "supplies"),
        ("contract_type", "S", "services"),
        ("tax_basis", "H.T.", "ht"),
        ("reserved_article", "Article L. 2113-12 du code de la commande publique", "L2113-12"),
        ("reserved_article", "Marché réservé EA/ESAT", "L2113-12"),
        ("reserved_article", "L2113-13", "L2113-13"),
        ("reserved_article", "art. L.2113-13-1", "L2113-13-1"),
        ("reserved_article", "EA/ESAT et SIAE", "L2113-14"),
        ("reserved_article", "Réservé", "unspecified"),
        ("reserved_article", "Non réservé", "none"),
        ("exception_code", "2°", "no_link"),
        ("exception_code", "Travaux de moins de 6 mois", "short_works"),
        ("outcome", "Lot déclaré infructueux", "unsuccessful"),
        ("outcome", "Déclaré sans suite pour cause d'infructuosité", "unsuccessful"),
        ("outcome", "déclaré sans suite", "abandoned"),
        ("on_behalf_of", "Groupement de commandes (coordonnateur)", "coordinator"),
        ("buyer_kind", "Entité adjudicatrice", "contracting_entity"),
    ],
)
def test_spellings_of_spreadsheets_are_codes(field, text, code):
    assert code_list(field).read_one(text) == Read(code)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("procedure", "Appel d'offres non ouvert"),
        ("procedure", "AOO ou AOR"),
        ("contract_type", "Fournitures et services"),
        ("contract_type", "FCS"),
        ("reserved_article", "EA/ESAT ou peut-être SIAE"),
        ("reserved_article", "de la commande publique"),
        ("outcome", "Attribué puis abandonné"),
        ("on_behalf_of", "UGAP"),
    ],
)
def test_a_text_that_says_two_things_or_something_else_is_no_code(field, text):
    assert code_list(field).read_one(text) == Read(None, "code_unreadable")


@pytest.mark.parametrize(
    "text",
    [
        "Clause sociale : non",
        "Pas de clause sociale",
        "Aucune clause sociale",
        "sans critère social",
    ],
)
def test_a_negated_consideration_is_never_taken_for_one(text):
    assert SOCIAL.read_many(text) == Read(None, "code_unreadable")


def test_lists_in_words_are_read_whole():
    assert SOCIAL.read_many("Clause sociale et critère social") == Read(
        Codes(("clause", "criterion"))
    )
    assert code_list("clause_themes").read_many("Insertion ; Économie circulaire") == Read(
        Codes(("circular_economy", "insertion"))
    )
    assert code_list("clause_themes").read_many("Aucun") == Read(Codes(()))


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
    expected = tuple(sorted({labels[x] for x in chosen}))
    assert code_list(field).read_many(text) == Read(Codes(expected))


def test_no_spelling_stands_for_two_codes_of_a_field():
    seen: dict[tuple[str, str], str] = {}
    for row in CARDS.reference("code_lists"):
        for spelling in (row["label_fr"], *row["spellings"].split("|")):
            key = (row["field"], normalise(spelling))
            assert seen.setdefault(key, row["code"]) == row["code"], key


def test_every_spelling_and_every_label_is_read_as_its_code():
    for row in CARDS.reference("code_lists"):
        codes = code_list(row["field"])
        expected = Codes(()) if row["code"] == "none" else Codes((row["code"],))
        for text in (row["label_fr"], *row["spellings"].split("|")):
            assert codes.read_one(text) == Read(row["code"]), (row["field"], text)
            assert codes.read_many(text) == Read(expected), (row["field"], text)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2025-03", date(2025, 3, 1)),
        ("202503", date(2025, 3, 1)),
        ("03/2025", date(2025, 3, 1)),
        ("3-2025", date(2025, 3, 1)),
        ("mars 2025", date(2025, 3, 1)),
        ("Mars-25", date(2025, 3, 1)),
        ("févr. 2024", date(2024, 2, 1)),
        ("2025-03-17", date(2025, 3, 1)),
        ("17/03/2025 00:00", date(2025, 3, 1)),
        ("45717", date(2025, 3, 1)),
    ],
)
def test_a_month_is_its_first_day(text, month):
    assert read_month(text) == Read(month)


@pytest.mark.parametrize("text", ["mars", "2025", "13/2025", "trimestre 1", "2025-00"])
def test_what_is_no_month(text):
    assert read_month(text).value is None
    assert read_month(text).problem


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("151,67", "151.67"),
        ("151.67 h", "151.67"),
        ("35 heures", "35.00"),
        ("1 607", "1607.00"),
        ("7h30", "7.50"),
        ("7:20", "7.33"),
        ("-7,5", "-7.50"),
        ("0", "0.00"),
    ],
)
def test_hours_have_two_decimals(text, hours):
    assert read_hours(text) == Read(Decimal(hours))


@pytest.mark.parametrize("text", ["plein temps", "7h75", "10000000000", "h"])
def test_what_is_no_number_of_hours(text):
    assert read_hours(text) == Read(None, "number_unreadable")
