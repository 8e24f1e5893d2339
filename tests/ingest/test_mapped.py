"""Spreadsheets of a department → staged rows, through a mapping, a proposal, or a known card."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.errors import InputError
from spaser.ingest import stage
from spaser.mappings import Mapping
from spaser.values import read_amount
from tests.ingest.conftest import REPOSITORY, Bench

BRETAGNE = REPOSITORY.parent / "shared/data/decp/registre_region-bretagne_2021.csv"
BUYER = "00020003000013"
HEADER = "N° de marché;Objet;Date de notification;Montant HT"
REGISTER = f"{HEADER};Obs.\nA;Toiture;12/03/2024;14 700,00 €;x\nB;Peinture;;12 k€;\n"

Sheet = Sequence[Sequence[Any]]


def run(bench: Bench, *mappings: Mapping, buyer: str | None = BUYER) -> None:
    files = sorted(path for path in bench.inputs.rglob("*") if path.is_file())
    stage(files, bench.tables, bench.catalogue, bench.inputs, mappings, buyer)


def rows(bench: Bench) -> list[dict[str, Any]]:
    return bench.staged("department_register")


def found(bench: Bench, rule: str) -> list[tuple[Any, ...]]:
    return [
        (row["source_pointer"], row["field"], row["value"], row["detail"])
        for row in bench.rows("quality.findings", "source_pointer, field, value")
        if row["rule"] == rule
    ]


def rules(bench: Bench) -> set[str]:
    return {row["rule"] for row in bench.rows("quality.findings")}


def mapping(columns: dict[str, str | None], **more: Any) -> Mapping:
    content = {"name": "registre", "source": "department_register", "reviewed": True, **more}
    return Mapping.model_validate({**content, "columns": columns})


WHOLE: dict[str, str | None] = {
    "N° de marché": "contract_id",
    "Objet": "object",
    "Date de notification": "notified_date",
    "Montant HT": "amount",
    "Obs.": None,
}


# A register of one's own


def test_a_csv_of_no_known_form_is_staged_as_proposed(bench: Bench):
    bench.put("registre.csv", REGISTER)
    run(bench)
    first, second = rows(bench)
    assert (first["contract_id"], first["object"], first["amount"]) == (
        "A",
        "Toiture",
        "14 700,00 €",
    )
    assert (first["source_pointer"], second["source_pointer"]) == ("L2", "L3")
    assert (first["buyer_id"], first["tax_basis"]) == (BUYER, "ht")
    assert json.loads(first["other_fields"]) == {"Obs.": "x"}
    assert second["other_fields"] is None
    assert second["notified_date"] is None
    assert bench.balance() == (2, 2, 0)
    assert rules(bench) == {"mapping_not_reviewed", "mapping_unknown_column", "mapping_buyer_given"}
    assert found(bench, "mapping_unknown_column") == [("E", "Obs.", "x", "1")]
    assert found(bench, "mapping_buyer_given") == [(None, "buyer_id", BUYER, "2")]


def test_every_column_is_told_with_its_confidence(bench: Bench):
    bench.put("registre.csv", REGISTER)
    run(bench)
    told = bench.rows("quality.mappings", "column_letter")
    assert [(row["column_letter"], row["field"], row["reviewed"]) for row in told] == [
        ("A", "contract_id", False),
        ("B", "object", False),
        ("C", "notified_date", False),
        ("D", "amount", False),
        ("E", None, False),
    ]
    assert told[3]["samples"] == "14 700,00 € | 12 k€"
    assert told[3]["confidence"] == Decimal("1.000")


def test_a_known_form_has_no_row_among_the_mappings(bench: Bench):
    bench.put("a.csv", "id_marche,date_notification,montant_marche,id_acheteur\nA,2024-01-02,5,1\n")
    run(bench)
    assert bench.rows("quality.mappings") == []


def test_without_a_buyer_the_register_says_so(bench: Bench):
    bench.put("registre.csv", REGISTER)
    run(bench, buyer=None)
    assert found(bench, "mapping_no_buyer") == [(None, None, None, "2")]
    assert rows(bench)[0]["buyer_id"] is None


def test_the_buyer_of_the_scheme_fills_only_what_is_empty(bench: Bench):
    bench.put(
        "registre.csv",
        f"SIRET acheteur;{HEADER}\n00020001400017;A;Voirie;12/03/2024;5\n ;B;Quais;12/03/2024;6\n",
    )
    run(bench)
    assert [row["buyer_id"] for row in rows(bench)] == ["00020001400017", BUYER]
    assert found(bench, "mapping_buyer_given") == [(None, "buyer_id", BUYER, "1")]


def test_a_column_to_ignore_is_kept_without_a_word(bench: Bench):
    bench.put("registre.csv", f"Année;{HEADER}\n2024;A;Voirie;12/03/2024;5\n")
    run(bench)
    assert json.loads(rows(bench)[0]["other_fields"]) == {"Année": "2024"}
    assert found(bench, "mapping_unknown_column") == []


def test_holders_are_composed_and_the_first_is_flat_too(bench: Bench):
    bench.put(
        "registre.csv",
        f"{HEADER};Titulaire;SIRET;Titulaire 2;SIRET titulaire 2\n"
        "A;Voirie;12/03/2024;5;Un;000 200 014 00017;Deux;\nB;Voirie;12/03/2024;5;;;;\n",
    )
    run(bench)
    first, second = rows(bench)
    assert json.loads(first["holders"]) == [
        {"titulaire": {"id": "000 200 014 00017", "denominationSociale": "Un"}},
        {"titulaire": {"id": None, "denominationSociale": "Deux"}},
    ]
    assert (first["holder_id"], first["holder_name"]) == ("000 200 014 00017", "Un")
    assert second["holders"] is None


def test_columns_of_one_list_are_put_together(bench: Bench):
    bench.put(
        "registre.csv",
        f"{HEADER};Thème 1;Thème 2\nA;Voirie;12/03/2024;5;Insertion;Carbone\n"
        "B;Quais;12/03/2024;5;;Carbone\nC;Parcs;12/03/2024;5;;\n",
    )
    run(bench)
    assert [row["clause_themes"] for row in rows(bench)] == ["Insertion | Carbone", "Carbone", None]


@pytest.mark.parametrize(
    ("cell", "staged"),
    [
        ("12,5", "12,5 k€"),
        ("1 250", "1 250 k€"),
        ("-3", "-3 k€"),
        ("40 k€", "40 k€"),
        ("12 500 €", "12 500 €"),
        ("à définir", "à définir"),
        ("", None),
    ],
)
def test_the_unit_of_the_header_follows_the_numbers_that_have_none(
    bench: Bench, cell: str, staged: str | None
):
    bench.put(
        "registre.csv",
        f"{HEADER.replace('HT', '(k€ HT)')}\nA;Voirie;12/03/2024;{cell}\nB;Quais;;7\n",
    )
    run(bench)
    assert rows(bench)[0]["amount"] == staged
    assert found(bench, "mapping_header_unit") == [("D", "amount", "Montant (k€ HT)", "k€")]


def test_amounts_in_thousands_are_read_in_thousands(bench: Bench):
    bench.put("registre.csv", f"{HEADER.replace('HT', '(k€ HT)')}\nA;Voirie;12/03/2024;12,5\n")
    run(bench)
    read = read_amount(rows(bench)[0]["amount"]).value
    assert read is not None
    assert read.eur == Decimal(12_500)


# Reviewed mappings


def test_a_reviewed_mapping_is_followed_without_a_warning(bench: Bench):
    bench.put("registre.csv", REGISTER)
    run(
        bench,
        mapping(
            {**WHOLE, "Objet": "lot_title", "Montant HT": "estimated_value"},
            constants={"buyer_id": "00020001400017", "procedure": "MAPA"},
        ),
        buyer=None,
    )
    [first, _] = rows(bench)
    assert (first["object"], first["lot_title"]) == (None, "Toiture")
    assert (first["amount"], first["estimated_value"]) == (None, "14 700,00 €")
    assert (first["buyer_id"], first["procedure"]) == ("00020001400017", "MAPA")
    assert rules(bench) == set()
    told = bench.rows("quality.mappings", "column_letter")
    assert {(row["reviewed"], row["confidence"]) for row in told} == {(True, Decimal("1.000"))}


def test_a_mapping_serves_next_years_file(bench: Bench):
    bench.put("registre-2025.csv", REGISTER)
    run(bench, mapping(WHOLE, name="registre-2024"))
    assert rules(bench) == {"mapping_buyer_given"}


def test_a_mapping_of_other_columns_does_not_serve(bench: Bench):
    bench.put("registre.csv", REGISTER)
    run(bench, mapping({"Référence": "contract_id", "Prix": "amount", "Le": "notified_date"}))
    assert "mapping_not_reviewed" in rules(bench)
    assert rows(bench)[0]["contract_id"] == "A"


def test_a_column_that_is_gone_is_an_error_and_the_rows_stay(bench: Bench):
    bench.put("registre.csv", REGISTER.replace("Montant HT", "Montant H.T. notifié"))
    run(bench, mapping({**WHOLE, "Montant HT notifié": "amount"} | {"Montant HT": None}))
    assert found(bench, "mapping_missing_column") == [
        (None, "Montant HT notifié", "Montant H.T. notifié", "mappings/registre.yml")
    ]
    assert [row["amount"] for row in rows(bench)] == [None, None]
    assert json.loads(rows(bench)[0]["other_fields"])["Montant H.T. notifié"] == "14 700,00 €"
    assert bench.balance() == (2, 2, 0)


def test_a_column_the_mapping_does_not_name_is_said_and_not_guessed(bench: Bench):
    bench.put("registre.csv", f"{HEADER};Procédure\nA;Voirie;12/03/2024;5;MAPA\n")
    run(bench, mapping(WHOLE))
    assert rows(bench)[0]["procedure"] is None
    assert found(bench, "mapping_new_column") == [
        ("E", "Procédure", "MAPA", "1 ; mappings/registre.yml ; procedure ?")
    ]


def test_two_columns_of_one_field_keep_the_second_aside(bench: Bench):
    bench.put("registre.csv", REGISTER)
    run(bench, mapping({**WHOLE, "Obs.": "object"}))
    assert [row["object"] for row in rows(bench)] == ["Toiture", "Peinture"]
    assert json.loads(rows(bench)[0]["other_fields"]) == {"Obs.": "x"}
    assert found(bench, "mapping_two_columns") == [("E", "object", "Obs.", "Objet")]


@pytest.mark.parametrize(
    ("header", "said", "reviewed", "basis"),
    [
        ("Montant HT", None, True, "ht"),
        ("Montant HT", "unknown", True, "ht"),
        ("Montant", "ht", True, "ht"),
        ("Montant", "ttc", False, "ttc"),
        ("Montant HT", "ttc", True, "ttc"),
        ("Montant HT", "ttc", False, "ht"),
        ("Montant", None, True, "unknown"),
    ],
)
def test_the_tax_basis_is_the_reviewed_one_else_the_headers(
    bench: Bench, header: str, said: str | None, reviewed: bool, basis: str
):
    bench.put("registre.csv", REGISTER.replace("Montant HT", header))
    columns = {name.replace("Montant HT", header): field for name, field in WHOLE.items()}
    run(bench, mapping(columns, tax_basis=said, reviewed=reviewed))
    assert {row["tax_basis"] for row in rows(bench)} == {basis}


def test_the_tax_basis_of_a_row_comes_first(bench: Bench):
    bench.put(
        "registre.csv", f"{HEADER};HT/TTC\nA;Voirie;12/03/2024;5;TTC\nB;Voirie;12/03/2024;5;\n"
    )
    run(bench)
    assert [row["tax_basis"] for row in rows(bench)] == ["TTC", "ht"]


def test_a_text_outside_its_list_is_to_review_until_it_is(bench: Bench):
    bench.put("registre.csv", f"{HEADER};Procédure\nA;Voirie;12/03/2024;5;Appel d'ofres ouvert\n")
    columns = {**WHOLE, "Procédure": "procedure"}
    run(bench, mapping(columns))
    assert found(bench, "mapping_value_not_reviewed") == [
        ("E", "procedure", "Appel d'ofres ouvert", "1")
    ]
    run(bench, mapping(columns, values={"procedure": {"appel d'ofres ouvert": "open"}}))
    assert found(bench, "mapping_value_not_reviewed") == []
    run(bench, mapping(columns, values={"procedure": {"Appel d'ofres ouvert": None}}))
    assert found(bench, "mapping_value_not_reviewed") == []
    assert rows(bench)[0]["procedure"] == "Appel d'ofres ouvert"  # as received


# Workbooks


def test_every_sheet_is_read_and_rows_keep_their_place(bench: Bench):
    header = HEADER.split(";")
    bench.workbook(
        "registre.xlsx",
        **{
            "2023": [
                ["Registre 2023"],
                [],
                header,
                ["A", "Voirie", "2023-03-12", 5],
                ["Total", "", "", 5],
            ],
            "2024": [header, ["B", "Voirie", "2024-03-12", 6], ["C", "Voirie", "2024-03-12", 7]],
        },
    )
    run(bench)
    assert [(row["contract_id"], row["source_pointer"]) for row in rows(bench)] == [
        ("A", "2023!4"),
        ("B", "2024!2"),
        ("C", "2024!3"),
    ]
    assert len({row["position"] for row in rows(bench)}) == 3
    assert bench.balance() == (5, 3, 2)
    assert {"row_total", "row_note"} <= rules(bench)
    [inputs] = bench.rows("quality.inputs")
    assert (inputs["records"], inputs["source"]) == (5, "sources/department_register")


def test_the_name_of_the_sheet_fills_the_field_it_is_mapped_to(bench: Bench):
    header = [*HEADER.split(";"), "Service"]
    bench.workbook(
        "registre.xlsx",
        **{
            "DGA Culture": [header, ["A", "Voirie", "2024-03-12", 5, None]],
            "DGA Sports": [header, ["B", "Voirie", "2024-03-12", 6, "Piscines"]],
        },
    )
    run(bench, mapping({**WHOLE, "Service": "directorate"}, sheet_field="directorate"))
    assert [row["directorate"] for row in rows(bench)] == ["DGA Culture", "Piscines"]


def test_a_sheet_of_another_kind_is_counted_and_said(bench: Bench):
    bench.workbook(
        "registre.xlsx",
        Marchés=[HEADER.split(";"), ["A", "Voirie", "2024-03-12", 5]],
        Menu=[["Lundi", "Mardi", "Jeudi"], ["Purée", "Riz", "Pois"], ["Soupe", "Blé", "Œufs"]],
    )
    run(bench)
    assert found(bench, "sheet_not_recognised") == [
        ("Menu", None, "colonne A, colonne B, colonne C", "2")
    ]
    assert bench.balance() == (3, 1, 2)


def test_a_workbook_of_another_kind_is_unknown_with_its_columns(bench: Bench):
    bench.put("a.csv", REGISTER)
    bench.workbook(
        "menu.xlsx",
        Menu=[["Lundi", "Mardi", "Jeudi"], ["Purée", "Riz", "Pois"], ["Soupe", "Blé", "Œufs"]],
    )
    run(bench)
    assert found(bench, "input_unknown_form") == [
        (None, None, "colonne A, colonne B, colonne C", None)
    ]


def test_a_decp_table_saved_as_a_workbook_is_read_by_its_card(bench: Bench):
    bench.workbook(
        "export.xlsx",
        Feuil1=[
            [
                "id_marche",
                "date_notification",
                "objet_marche",
                "montant_marche",
                "id_acheteur",
                "x",
            ],
            ["A", "2024-01-02", "Voirie", 5.5, 21440215800015, "y"],
        ],
    )
    run(bench)
    [row] = bench.staged("aws_flat")
    assert (row["buyer_id"], row["amount"]) == ("21440215800015", "5.5")
    assert row["source_pointer"] == "Feuil1!2"
    assert row["tax_basis"] is None
    assert [(r["rule"], r["field"]) for r in bench.rows("quality.findings")] == [
        ("input_unknown_field", "x")
    ]


def test_two_kinds_of_table_in_one_workbook_go_to_two_tables(bench: Bench):
    bench.workbook(
        "achats.xlsx",
        Marchés=[
            HEADER.split(";"),
            ["A", "Voirie", "2024-03-12", 5],
            ["B", "Voirie", "2024-03-12", 5],
        ],
        Mandats=[
            ["Exercice", "N° mandat", "Tiers", "SIRET", "Montant HT"],
            [2024, 7, "Un", "00020001400017", 12.5],
        ],
    )
    run(bench)
    assert [row["contract_id"] for row in rows(bench)] == ["A", "B"]
    [paid] = bench.staged("spend_ledger")
    assert (paid["supplier_id"], paid["amount"], paid["year"]) == ("00020001400017", "12.5", "2024")
    assert "object" not in paid
    assert bench.balance() == (3, 3, 0)


def test_a_text_that_is_no_register_and_breaks_off_is_only_unknown(bench: Bench):
    bench.put("a.csv", REGISTER)
    bench.put("notes.txt", 'Penser à;rappeler\nle "fournisseur;"demain\n"à 10 h\n')
    run(bench)
    assert "input_unknown_form" in rules(bench)


def test_a_register_that_breaks_off_is_damaged(bench: Bench):
    bench.put("a.csv", REGISTER + 'C;"Voirie;12/03/2024;5;x\n' + "D;Voirie;12/03/2024;5;x\n" * 3)
    with pytest.raises(InputError):
        run(bench)


CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters=';"\ufeff'),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() == text)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=4))
def test_no_cell_is_lost_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
):
    bench = Bench(tmp_path_factory.mktemp("cells"))
    lines = [f"M{n};Voirie;12/03/2024;{amount};{note}" for n, (amount, note) in enumerate(cells)]
    bench.put("registre.csv", "\n".join([f"{HEADER};Obs.", *lines]) + "\n")
    run(bench)
    received, kept, rejected = bench.balance()
    assert received == kept + rejected == len(cells)
    read = {row["contract_id"]: row for row in rows(bench)}
    for n, (amount, note) in enumerate(cells):
        row = read[f"M{n}"]
        rest = json.loads(row["other_fields"] or "{}")
        assert amount in (row["amount"], rest.get("Montant HT"))
        assert rest["Obs."] == note


# The register of a region, without any hand-written mapping


@pytest.mark.skipif(not BRETAGNE.is_file(), reason=f"no real register at {BRETAGNE}")
@pytest.mark.real_data
def test_the_register_of_bretagne_is_staged_without_a_hand_written_mapping(bench: Bench):
    with BRETAGNE.open(encoding="utf-8", newline="") as lines:
        expected = list(csv.DictReader(lines, delimiter="|"))
    stage([BRETAGNE], bench.tables, bench.catalogue, BRETAGNE.parent)
    staged = rows(bench)
    assert len(staged) == len(expected) == 195
    contracts = {(row["acheteur_id"], row["id"]): row["montant"] for row in expected}
    assert {(row["buyer_id"], row["contract_id"]) for row in staged} == contracts.keys()
    assert len(contracts) == 191

    def eur(text: str) -> Decimal:
        return Decimal(text.replace("\u00a0", "").replace(",", "."))

    total = sum(map(eur, contracts.values()))
    read = {(row["buyer_id"], row["contract_id"]): read_amount(row["amount"]) for row in staged}
    amounts = [found.value.eur for found in read.values() if found.value is not None]
    assert len(amounts) == 191
    assert sum(amounts) == total == Decimal("17765139.86")
    assert {row["tax_basis"] for row in staged} == {"ht"}
    unknown = ("social_considerations", "environmental_considerations", "social_clause", "reserved")
    assert {row[name] for row in staged for name in unknown} == {None}
    assert json.loads(staged[0]["holders"]) == [
        {
            "titulaire": {
                "id": expected[0]["titulaires_id"],
                "typeIdentifiant": "Siret",
                "denominationSociale": expected[0]["titulaires_denominationSociale"],
            }
        }
    ]
    assert rules(bench) == {"mapping_not_reviewed"}
    assert Path(staged[0]["source_file"]).name == BRETAGNE.name
