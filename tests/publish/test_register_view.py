"""The parts of the report on the department's own register, in the page and in the workbook."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from spaser.cards import catalogue
from spaser.publish import annex_sheets, register_view, render
from spaser.publish.annexes import Annexes, Filled
from spaser.publish.context import Context
from spaser.publish.formats import Formats
from spaser.publish.labels import Labels
from spaser.publish.reading import Source
from spaser.publish.register_view import RegisterView, register
from spaser.scheme import Precedence
from spaser.warehouse import Tables, session
from tests.publish import builders
from tests.publish.marks import Recomputer, marks, wrong_figures
from tests.publish.pages import part, rows_of, text_of, tidy

MOVED = (
    "l'ancienne valeur n'est plus celle du registre : refaites la correction Valeur trouvée : 1.00"
)
SAMPLE = (
    "20 marchés contrôlés sur 34 et 2 tirés sans réponse ; "
    "à part, 3 des 4 inconnus contrôlés, dont 1 oui"
)


def view(tables: Tables, precedence: Precedence) -> RegisterView:
    """The view alone, without the page."""
    context = Context(
        catalogue(builders.PROJECT.assets),
        Labels(builders.PROJECT.reports, "fr"),
        Formats("fr"),
        2025,
        dt.date(2026, 1, 1),
        Decimal(40000),
        builders.BUYERS,
    )
    with session() as connection:
        return register(context, Annexes(Source(connection, tables, 2025)), precedence, [])


@pytest.fixture(scope="module")
def book(register_report: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(register_report / "indicateurs.xlsx")


def test_contracts_are_counted_by_how_they_were_matched_in_the_year(full: str) -> None:
    found = rows_of(part(full, "registre-decp"), "Rapprochement du registre et de DECP")
    assert {row[0]: row[1] for row in found} == {
        "Même identifiant": "5",
        "Même description": "1",
        "Ressemblants, à décider": "1",
        "Absents de DECP, publication due": "1",
        "Dans le registre seul": "1",
        "Sans DECP reçu": "1",
        "Dans DECP seul": "1",
    }


def test_a_differing_field_has_its_pairs_who_prevails_and_first_examples(full: str) -> None:
    found = rows_of(part(full, "registre-decp"), "Champs qui diffèrent")
    assert [row[:3] for row in found] == [
        ["Montant HT initial", "2", "registre"],
        ["Considérations sociales", "1", "registre"],
    ]
    assert "registre : 14 700,00 € ; DECP : 17 640,00 €" in found[0][3]
    assert "registre : =1+1 ; DECP : 2,00 €" in found[0][3]
    assert "DECP : vide" in found[1][3]


def test_a_near_match_is_listed_and_said_to_stay_apart(full: str) -> None:
    section = part(full, "registre-decp")
    found = rows_of(section, "Marchés ressemblants, à décider")
    assert found == [
        [
            f"{builders.METROPOLIS}-E1",
            f"{builders.METROPOLIS}-E2",
            "0,81",
            "Montants dans le rapport de 1,2 : TTC et HT ?",
        ]
    ]
    assert "Jamais fusionnés" in text_of(section)


@pytest.mark.parametrize(
    ("precedence", "said", "unsaid"),
    [
        (Precedence(), "Le registre de la collectivité fait foi.", "est compté, et listé"),
        (Precedence(), "DECP l'emporte pour : Date de publication des données.", "Le registre l'"),
        (Precedence(), "n'entre dans aucun chiffre", "DECP fait foi"),
        (
            Precedence(default="decp", fields={"amount": "own", "object": "decp"}),
            "Le registre l'emporte pour : Montant HT initial.",
            "DECP l'emporte pour",
        ),
        (Precedence(default="decp"), "DECP fait foi.", "Le registre de la collectivité fait"),
        (Precedence(only_in_decp="counted"), "est compté, et listé", "aucun chiffre"),
    ],
)
def test_the_rules_in_force_are_said_in_words(
    register_tables: Tables, precedence: Precedence, said: str, unsaid: str
) -> None:
    comparison = view(register_tables, precedence).comparison
    assert comparison is not None
    told = tidy(" ".join(comparison.precedence))
    assert said in told
    assert unsaid not in told


def test_the_page_prints_the_rules_of_the_scheme(full: str) -> None:
    told = text_of(part(full, "registre-decp"))
    assert "Le registre de la collectivité fait foi." in told
    assert "DECP l'emporte pour : Date de publication des données." in told


def test_corrections_say_what_who_and_why_and_those_refused_say_why_not(full: str) -> None:
    section = part(full, "corrections")
    assert "1 correction est proposée." in text_of(section)
    applied = rows_of(section, "Corrections appliquées")
    assert len(applied) == 2
    assert applied[0][1:4] == ["Montant HT initial", "1.00", "35000.00"]
    assert "Acte d'engagement relu" in applied[0][4]
    assert "Service des marchés 2025-12-01" in applied[0][5]
    assert applied[1][2] == "vide"
    refused = rows_of(section, "Corrections qui n'ont pas été appliquées")
    assert [row[4] for row in refused] == [
        "aucun marché n'a cette clé Valeur trouvée : vide",
        MOVED,
    ]


def test_each_sheet_says_which_column_fills_which_field_and_whether_it_was_reviewed(
    full: str,
) -> None:
    section = part(full, "colonnes")
    found = rows_of(section, "Colonnes de marches.xlsx, feuille 2025")
    assert found[1] == ["B", "Montant (€ HT)", "Montant HT initial", "93,0 %"]
    assert found[2][1:] == [builders.HOSTILE, "laissée de côté : gardée, hors des chiffres", "—"]
    proposed = rows_of(section, "Colonnes de marches.xlsx, feuille 2024")
    assert proposed[2][2] == "non comprise : gardée, hors des chiffres"
    told = text_of(section)
    assert "feuille 2024 2 colonnes utilisées sur 3 ; lecture proposée, à relire" in told
    assert "feuille 2025 2 colonnes utilisées sur 3 ; lecture relue" in told


def test_an_audit_stands_beside_the_declared_rate_in_the_card_too(full: str) -> None:
    row = rows_of(part(full, "audits"), "Taux déclarés et taux constatés")[0]
    assert row[1:] == [
        SAMPLE,
        "47,1 % (50,0 % au tirage)",
        "40,0 %",
        "de 30,0 % à 55,0 %",
        "Le taux déclaré est dans l'intervalle.",
    ]
    card = full.split('id="soc-01"')[1].split("</article>")[0]
    assert "taux déclaré : 47,1 %" in text_of(card.split('<p class="audit">')[1])


def test_the_declared_rate_of_an_audit_is_a_marked_figure(
    full: str, register_tables: Tables
) -> None:
    printed = [mark for mark in marks(part(full, "audits")) if mark.kind == "figure"]
    assert [(mark.data["code"], mark.data["part"], mark.text) for mark in printed] == [
        ("SOC-01", "value", "47,1\u00a0%")
    ]
    with session() as connection:
        register_tables.attach(connection, ["indicators.evidence", "facts.contracts"])
        recomputer = Recomputer(connection, catalogue(builders.PROJECT.assets))
        assert wrong_figures(full, recomputer) == []


def test_the_duty_is_bound_not_bound_or_undecidable_with_its_interval(full: str) -> None:
    found = rows_of(part(full, "obligation"), "Obligation d'adopter un schéma, par acheteur")
    assert [[*row[:3], row[4], row[5]] for row in found] == [
        ["Métropole de Fiction", "2025", "52 000 000,00 €", "Tenu", "—"],
        [
            "Ville de Fiction",
            "2025",
            "au moins 12 000 000,00 €",
            "Indécidable",
            "des lignes TTC sans taux",
        ],
        ["CCAS de Fiction", "2025", "—", "Sans données", "—"],
        [
            "Métropole de Fiction",
            "2024",
            "de 49 000 000,00 € à 49 500 000,00 €",
            "Non tenu",
            "—",
        ],
    ]
    assert found[0][3] == "50 000 000 € (CCP art. D2111-3) vérifié"
    assert found[3][3].endswith("à vérifier")


def test_without_a_register_the_page_says_which_file_would_bring_it(page: str) -> None:
    assert "Aucun registre de la collectivité n'a été lu" in text_of(part(page, "registre-decp"))
    assert "l'export comptable des dépenses mandatées" in text_of(part(page, "obligation"))
    assert "spaser audit sample" in text_of(part(page, "audits"))
    for absent in ("corrections", "colonnes", "a-verifier", "bases", "a-faire"):
        assert f'id="{absent}"' not in page
        assert f'href="#{absent}"' not in page


@pytest.mark.parametrize(
    ("sides", "year", "said"),
    [
        (("own_uid",), 2025, "Aucun fichier DECP n'a été lu"),
        (("decp_uid",), 2025, "Aucun registre de la collectivité n'a été lu"),
        (("own_uid", "decp_uid"), 2024, "ne couvre pas 2025"),
    ],
)
def test_what_cannot_be_compared_is_said(
    tmp_path: Path, tables: Tables, sides: tuple[str, ...], year: int, said: str
) -> None:
    other = builders.linked(tables, tmp_path)
    line = dict.fromkeys(builders.RECONCILIATION.names)
    line |= {"level": "none", "buyer_id": builders.METROPOLIS, "year": year, "differences": []}
    line |= dict.fromkeys(sides, "X")
    builders.write(other, "curated.reconciliation", [line], builders.RECONCILIATION)
    found = view(other, Precedence())
    assert found.comparison is None
    assert said in found.no_comparison


def test_the_workbook_lists_every_line_to_look_at(book: openpyxl.Workbook) -> None:
    sheet = book["Rapprochement"]
    found = [[cell.value for cell in row[:3]] for row in sheet.iter_rows(min_row=2)]
    assert len(found) == 7, "agreeing pairs are left out, other years too"
    assert [f"{builders.METROPOLIS}-F1", None, "Absents de DECP, publication due"] in found
    assert [f"{builders.METROPOLIS}-F3", None, "Sans DECP reçu"] in found
    assert [None, f"{builders.METROPOLIS}-G1", "Dans DECP seul"] in found
    assert book["Corrections"].max_row == 5
    assert book["Colonnes"].max_row == 7
    assert book["À faire"].max_row == 4, "actions of other years too"
    assert book["Complétude"]["G2"].number_format == "0.0%"


def test_no_cell_of_the_new_sheets_is_a_formula(book: openpyxl.Workbook) -> None:
    quoted = set()
    for sheet in book:
        assert all(cell.value for cell in sheet[1]), sheet.title
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", (sheet.title, cell.coordinate)
                if cell.value == builders.FORMULA and cell.quotePrefix:
                    quoted.add(sheet.title)
    assert "Corrections" in quoted


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_status_and_level_of_the_tables_has_a_text(language: str) -> None:
    texts = Labels(builders.PROJECT.reports, language).texts
    statuses = ("applied", "refused", "unknown_key", "unknown_field", "unreadable")
    assert {f"corrections.status.{status}" for status in statuses} <= set(texts)
    duties = ("bound", "not_bound", "undecidable", "no_data")
    assert {f"duty.status.{status}" for status in duties} <= set(texts)
    sides = ("due", "only_own", "decp_not_received", "only_decp")
    for level in ("id", "description", "decided", "near", *sides):
        assert {f"register.levels.{level}", f"register.meanings.{level}"} <= set(texts)


def test_the_english_report_says_it_in_english(register_tables: Tables, tmp_path: Path) -> None:
    render(register_tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "en")
    told = text_of(part((tmp_path / "rapport.html").read_text("utf-8"), "registre-decp"))
    assert "The department's register prevails." in told
    assert "register: €14,700.00; DECP: €17,640.00" in told
    assert not re.search(r"registre :|vide", told)


def test_a_share_is_exact_and_null_where_nothing_is_expected() -> None:
    assert Filled("*", "*", 2025, "object", 40, 19).share == Decimal("0.475")
    assert Filled("*", "*", 2025, "object", 0, 0).share is None


def test_a_sheet_too_long_says_where_the_rest_is(
    register_tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annex_sheets, "MAX_ROWS", 2)
    monkeypatch.setattr(register_view, "MAX_CORRECTIONS", 1)
    render(register_tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "fr")
    book = openpyxl.load_workbook(tmp_path / "indicateurs.xlsx")
    for title in ("Rapprochement", "À vérifier", "Colonnes"):
        assert book[title].max_row == 4
        assert book[title]["A4"].value == "La suite est dans les tables de spaser.duckdb."
    section = part((tmp_path / "rapport.html").read_text("utf-8"), "corrections")
    assert len(rows_of(section, "Corrections appliquées")) == 1
    assert "1 autre dans la feuille « Corrections »" in text_of(section)
