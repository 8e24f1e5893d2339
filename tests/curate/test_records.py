"""Records: typed values, the day that stands for today, findings of what was not understood."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser import curate
from spaser.curate import Settings
from spaser.curate.records import LONGEST_PAUSE, LONGEST_SILENCE, credible, reference_date
from spaser.warehouse import Tables
from tests.curate.run import BUYER, CARDS, contract, one, register, rows, run_files
from tests.curate.run import scheme_for_files as scheme_of

DAY = timedelta(days=1)


def test_the_latest_date_stands_for_today():
    days = [date(2024, 1, 1), date(2024, 3, 1), date(2023, 1, 1)]
    assert reference_date(days) == date(2024, 3, 1)


def test_without_dates_there_is_no_today():
    assert reference_date([]) is None


def test_a_date_far_behind_the_others_is_not_today():
    known = [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]
    assert reference_date([*known, date(2031, 9, 15), date(2089, 1, 1)]) == date(2024, 3, 1)


def test_a_small_register_with_quiet_years_keeps_its_last_contract():
    days = [date(2020, 1, 1), date(2022, 1, 1), date(2024, 6, 1)]
    assert reference_date(days) == date(2024, 6, 1)


def test_a_silence_of_exactly_the_longest_is_still_heard():
    first = date(2020, 1, 1)
    assert reference_date([first, first + LONGEST_SILENCE]) == first + LONGEST_SILENCE
    days = [first - DAY, first, first + LONGEST_SILENCE + DAY]
    assert reference_date(days) == first


@given(st.lists(st.dates(date(1990, 1, 1), date(2100, 12, 31)), min_size=1))
def test_today_is_one_of_the_dates_and_does_not_depend_on_their_order(days):
    found = reference_date(days)
    assert found in days
    assert found == reference_date(reversed(days)) == reference_date(days * 2)
    assert found >= sorted(set(days))[len(set(days)) // 2]


RECORDS = [
    contract(id="FUTURE", dateNotification="2031-09-15"),
    contract(id="ODD", dateNotification="0218-11-27"),
    contract(id="UNREAD", dateNotification="bientôt"),
    contract(id="NODATE", dateNotification=...),
    contract(id="FILLER", dureeMois="NC", offresRecues="NC", marcheInnovant="NC", objet="NC"),
    contract(id="BADNUMBER", offresRecues="plusieurs", dureeMois="12.5"),
    contract(id="HUGE", montant=1.0e17),
    contract(id="TEXT", montant="14\u00a0700,00 €"),
    contract(id="NONEANDMORE", considerationsSociales={
        "considerationSociale": ["Pas de considération sociale", "Clause sociale"]}),
    contract(id="PARTIAL", considerationsSociales=["Clause sociale", "Insertion"]),
    contract(id="OTHER", dateNotification="2024-06-30", datePublicationDonnees="2024-07-01"),
]  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("records")
    return run_files(folder / "tables", [register(folder, "a.json", RECORDS)])


def record(tables: Tables, contract_id: str) -> dict[str, object]:
    return one(tables, f"from curated.records where contract_id = '{contract_id}'")


def findings(tables: Tables, contract_id: str) -> set[tuple[str, str, str | None]]:
    found = rows(
        tables,
        f"select rule, field, value from quality.findings where key like '%-{contract_id}'",
    )
    return {(row["rule"], row["field"], row["value"]) for row in found}


def test_the_run_says_which_day_stands_for_today(tables):
    assert one(tables, "select as_of from quality.run")["as_of"] == date(2024, 7, 1)


@pytest.mark.parametrize(
    ("contract_id", "rule", "value"),
    [
        ("FUTURE", "date_in_future", "2031-09-15"),
        ("ODD", "date_implausible", "0218-11-27"),
        ("UNREAD", "date_unreadable", "bientôt"),
    ],
)
def test_a_doubtful_date_is_left_empty_and_said(tables, contract_id, rule, value):
    assert record(tables, contract_id)["notified_date"] is None
    assert (rule, "notified_date", value) in findings(tables, contract_id)


@pytest.mark.parametrize("contract_id", ["FUTURE", "ODD", "UNREAD", "NODATE"])
def test_an_undated_contract_is_in_no_year_and_it_shows(tables, contract_id):
    found = one(tables, f"from curated.contracts where contract_id = '{contract_id}'")
    assert (found["notified_date"], found["year"]) == (None, None)
    assert "undated" in {rule for rule, _, _ in findings(tables, contract_id)}


def test_fillers_are_unknown_and_not_findings(tables):
    found = record(tables, "FILLER")
    names = ("duration_months", "offers_received", "is_innovative", "object")
    assert [found[name] for name in names] == [None] * 4
    assert findings(tables, "FILLER") == set()


def test_numbers_not_understood_are_null_and_named(tables):
    found = record(tables, "BADNUMBER")
    assert (found["offers_received"], found["duration_months"]) == (None, None)
    assert findings(tables, "BADNUMBER") == {
        ("number_unreadable", "offers_received", "plusieurs"),
        ("duration_unreadable", "duration_months", "12.5"),
    }


def test_an_amount_no_column_holds_keeps_its_text(tables):
    found = record(tables, "HUGE")
    assert (found["amount"], found["amount_out_of_range"]) == (None, True)
    assert Decimal(str(found["amount_text"])) == Decimal(10) ** 17


def test_a_french_amount_is_read(tables):
    assert record(tables, "TEXT")["amount"] == Decimal("14700.00")


def test_none_with_a_consideration_keeps_it_and_says_so(tables):
    assert record(tables, "NONEANDMORE")["social_considerations"] == ["clause"]
    assert {rule for rule, _, _ in findings(tables, "NONEANDMORE")} == {"none_with_positive"}


def test_a_part_not_understood_leaves_the_rest_unknown(tables):
    found = one(tables, "from curated.contracts where contract_id = 'PARTIAL'")
    assert found["has_social_clause"] is True
    assert found["has_social_criterion"] is None
    assert found["is_reserved"] is None
    assert {rule for rule, _, _ in findings(tables, "PARTIAL")} == {"code_unreadable"}


def test_every_finding_says_where_what_and_what_to_do(tables):
    # A list that nobody gave stands in no file.
    for finding in rows(tables, "from quality.findings where rule <> 'list_absent'"):
        assert finding["source_file"].endswith("a.json")
        assert finding["source_pointer"].startswith("/marches/marche/")
        for name in ("message_fr", "message_en", "action", "action_en"):
            assert finding[name], finding
            assert not re.search(r"\{(value|field|key|detail)\}", finding[name]), finding[name]


def test_as_of_given_by_the_caller_decides(tmp_path):
    path = register(
        tmp_path,
        "a.json",
        [contract(dateNotification="2024-03-01"), contract(id="2", dateNotification="2024-05-01")],
    )
    tables = run_files(tmp_path / "t", [path], last="curated/records")
    curate.build(tables, CARDS, "curated/records", Settings(scheme_of((path,)), date(2024, 4, 1)))
    dates = rows(tables, "select notified_date from curated.records order by contract_id")
    assert dates == [{"notified_date": None}, {"notified_date": date(2024, 3, 1)}]


def test_the_reference_date_follows_the_clauses_when_no_contract_is_notified_any_more(tmp_path):
    decp = register(tmp_path, "decp.json", [contract(dateNotification="2024-03-01")])
    log = tmp_path / "suivi.csv"
    log.write_text(
        "marche_id,maitre_ouvrage,entreprise_siret,evenement,date\n"
        f"2024-001,{BUYER},00040001000013,relance,2025-02-11\n",
        encoding="utf-8",
    )
    tables = run_files(tmp_path / "built", [decp, log], last="curated/records")
    assert rows(tables, "select as_of from quality.run") == [{"as_of": date(2025, 2, 11)}]


def test_a_month_mistyped_in_one_line_does_not_move_the_day(tmp_path):
    decp = register(tmp_path, "decp.json", [contract(dateNotification="2024-03-01")])
    log = tmp_path / "heures.csv"
    months = ("2024-05", "2024-06", "2025-06")
    log.write_text(
        "marche_id,maitre_ouvrage,participant_id,mois,heures_declarees\n"
        + "".join(
            f"2024-001,{BUYER},B-{number},{month},70\n" for number, month in enumerate(months)
        ),
        encoding="utf-8",
    )
    tables = run_files(tmp_path / "built", [decp, log], last="curated/records")
    assert rows(tables, "select as_of from quality.run") == [{"as_of": date(2024, 6, 30)}]


@pytest.mark.parametrize(
    ("months", "others", "expected"),
    [
        pytest.param([date(2025, 3, 31)], [], [date(2025, 3, 31)], id="nothing else is known"),
        pytest.param(
            [date(2025, 1, 31), date(2025, 2, 28)],
            [date(2023, 1, 5)],
            [date(2025, 2, 28)],
            id="a log that begins two years after the register",
        ),
        pytest.param([date(2025, 3, 31)], [date(2024, 3, 1)], [], id="alone after a year"),
        pytest.param(
            [date(2024, 3, 1) + LONGEST_PAUSE],
            [date(2024, 3, 1)],
            [date(2024, 3, 1) + LONGEST_PAUSE],
            id="a quarter after",
        ),
    ],
)
def test_a_month_worked_counts_when_another_day_comes_before(months, others, expected):
    assert credible(months, others) == expected
