"""Flat forms: nine rows are one contract; a row per holder and amendment never multiplies it."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaser.warehouse import Tables
from tests.curate.run import BUYER, contract, one, open_balances, register, rows, run_files

COLUMNS = (
    "uid", "id", "acheteur_id", "titulaire_id", "titulaire_typeIdentifiant", "titulaire_nom",
    "objet", "montant", "codeCPV", "nature", "dureeMois", "dateNotification",
    "datePublicationDonnees", "modification_id", "donneesActuelles",
)  # fmt: skip
HOLDERS = ("00040001000013", "00040002100018", "00040003900011")


def flat_rows(
    contract_id: str, versions: list[tuple[str, str, int | None]], holders: tuple[str, ...]
) -> list[dict[str, Any]]:
    """A row per version (amendment number, notification, amount) and holder."""
    return [
        {
            "uid": BUYER + contract_id,
            "id": contract_id,
            "acheteur_id": BUYER,
            "titulaire_id": holder,
            "titulaire_typeIdentifiant": "SIRET",
            "titulaire_nom": f"Entreprise {holder[-3:]}",
            "objet": "Travaux de toiture",
            "montant": "" if amount is None else amount,
            "codeCPV": "45261210",
            "nature": "Marché",
            "dureeMois": 12,
            "dateNotification": notified,
            "datePublicationDonnees": notified,
            "modification_id": number,
            "donneesActuelles": number == versions[-1][0],
        }
        for number, notified, amount in versions
        for holder in holders
    ]


def write_csv(folder: Path, name: str, lines: list[dict[str, Any]]) -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    return path


G8 = [("0", "2024-02-01", 100000), ("1", "2024-09-01", 110000), ("2", "2025-03-01", 120000)]
AMENDED = [("0", "2023-01-01", 1000), ("1", "2023-07-01", 1200), ("2", "2024-02-01", 1500)]


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("flat")
    nine = flat_rows("G8", G8, HOLDERS)
    lines = [
        *reversed(nine),  # the order of rows says nothing
        *flat_rows("AMENDED", AMENDED, HOLDERS[:1]),
        # Only the current row of an amended contract is in this export.
        *flat_rows("LATE", [("2", "2024-05-01", 900)], HOLDERS[:1]),
        # An amendment of the duration only: its row repeats no amount.
        *flat_rows("DURATION", [("0", "2024-01-10", 500), ("1", "2024-06-10", None)], HOLDERS[:1]),
        # The second version has another holder: a transfer, not a joint bid.
        *flat_rows("TRANSFER", [("0", "2024-01-10", 700)], HOLDERS[:1]),
        *flat_rows("TRANSFER", [("1", "2024-08-10", 700)], HOLDERS[1:2]),
    ]
    return run_files(folder / "tables", [write_csv(folder, "flat.csv", lines)])


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("nested")

    def amendments(versions: list[tuple[str, str, int]]) -> list[dict[str, Any]]:
        return [
            {"modification": {"id": int(number), "montant": amount,
                              "dateNotificationModification": notified}}
            for number, notified, amount in versions[1:]
        ]  # fmt: skip

    holders = [{"titulaire": {"id": key, "typeIdentifiant": "SIRET"}} for key in HOLDERS]
    records = [
        contract(id="G8", montant=100000, dateNotification="2024-02-01", titulaires=holders,
                 modifications=amendments(G8)),
        contract(id="AMENDED", montant=1000, dateNotification="2023-01-01",
                 modifications=list(reversed(amendments(AMENDED)))),
    ]  # fmt: skip
    return run_files(folder / "tables", [register(folder, "nested.json", records)])


def contract_of(tables: Tables, contract_id: str) -> dict[str, Any]:
    return one(tables, f"select * from curated.contracts where contract_id = '{contract_id}'")


@pytest.mark.parametrize("form", ["flat", "nested"])
def test_g8_three_holders_two_amendments_are_one_contract(form, request):
    tables = request.getfixturevalue(form)
    found = contract_of(tables, "G8")
    assert found["amount_initial_eur"] == Decimal(100000)
    assert found["amount_current_eur"] == Decimal(120000)
    assert found["amount_usable_eur"] == Decimal(100000)
    assert (found["holder_count"], found["amendment_count"]) == (3, 2)
    assert (found["year"], found["notified_date"]) == (2024, date(2024, 2, 1))
    holders = rows(tables, f"from curated.holders where uid = '{found['uid']}'")
    assert [holder["holder_id"] for holder in holders] == sorted(HOLDERS)


@pytest.mark.parametrize("form", ["flat", "nested"])
def test_a_contract_amended_twice_keeps_its_year_and_its_initial_amount(form, request):
    tables = request.getfixturevalue(form)
    found = contract_of(tables, "AMENDED")
    assert (found["year"], found["notified_date"]) == (2023, date(2023, 1, 1))
    assert found["amount_initial_eur"] == Decimal(1000)
    assert found["amount_current_eur"] == Decimal(1500)
    amendments = rows(
        tables,
        f"from curated.amendments where uid = '{found['uid']}' order by amendment_number",
    )
    assert [(a["amendment_number"], a["amount_eur"]) for a in amendments] == [
        (1, Decimal(1200)),
        (2, Decimal(1500)),
    ]


def test_the_naive_sum_of_rows_is_the_trap(flat):
    summed = one(flat, "select sum(amount_initial_eur) as eur from curated.contracts")
    assert summed["eur"] == Decimal(100000 + 1000 + 900 + 500 + 700)
    facts = one(flat, "select sum(amount_usable_eur) as eur, count(*) as n from facts.contracts")
    assert facts == {"eur": Decimal(103100), "n": 5}


def test_a_lone_current_row_is_the_contract_as_known(flat):
    found = contract_of(flat, "LATE")
    assert (found["amount_initial_eur"], found["amendment_count"]) == (Decimal(900), 0)


def test_an_amendment_without_amount_leaves_the_current_amount(flat):
    found = contract_of(flat, "DURATION")
    assert found["amount_current_eur"] == Decimal(500)
    assert found["amendment_count"] == 1


def test_holders_are_those_of_the_first_version(flat):
    found = contract_of(flat, "TRANSFER")
    assert found["holder_count"] == 1
    (holder,) = rows(flat, f"from curated.holders where uid = '{found['uid']}'")
    assert holder["holder_id"] == HOLDERS[0]


def test_rows_put_together_are_counted_as_merged(flat):
    balance = one(flat, "from quality.balances where step = 'records'")
    assert (balance["records_in"], balance["kept"], balance["merged"]) == (9 + 3 + 1 + 2 + 2, 5, 12)
    assert open_balances(flat) == []


def test_each_record_made_of_several_rows_has_a_finding(flat):
    several = rows(flat, "select source_pointer from curated.records where row_count > 1")
    said = rows(flat, "select source_pointer from quality.findings where source_file is not null")
    assert {row["source_pointer"] for row in several} <= {row["source_pointer"] for row in said}


def test_two_objects_under_one_id_in_a_flat_file_are_lots(tmp_path):
    lines = flat_rows("LOTS", [("0", "2024-01-10", 100)], HOLDERS[:2])
    other = flat_rows("LOTS", [("0", "2024-01-10", 200)], HOLDERS[:1])
    for line in lines:
        line["objet"] = "Travaux - Lot 2 : peinture"
    for line in other:
        line["objet"] = "Travaux - Lot 1 : gros œuvre"
    tables = run_files(tmp_path / "t", [write_csv(tmp_path, "lots.csv", lines + other)])
    found = rows(tables, "select uid, lot_number, amount_initial_eur from curated.contracts")
    assert [(row["uid"][-2:], row["lot_number"], row["amount_initial_eur"]) for row in found] == [
        ("TS", "1", Decimal(200)),
        ("#2", "2", Decimal(100)),
    ]


def test_dates_of_two_exports_of_one_contract_the_earliest_decides(tmp_path):
    # decp.info puts the last amendment's date on the current row; the older export has the first.
    current = write_csv(
        tmp_path, "2025.csv", flat_rows("MOVED", [("0", "2025-02-01", 1500)], HOLDERS[:1])
    )
    older = write_csv(
        tmp_path, "2023.csv", flat_rows("MOVED", [("0", "2023-01-01", 1000)], HOLDERS[:1])
    )
    middle = write_csv(
        tmp_path, "2024.csv", flat_rows("OTHER", [("0", "2024-01-15", 10)], HOLDERS[:1])
    )
    found = contract_of(run_files(tmp_path / "t", [current, older, middle]), "MOVED")
    assert (found["year"], found["amount_initial_eur"]) == (2023, Decimal(1500))
