"""Operation sheets: what the internal ones tell, and what the public ones keep to themselves."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.guards import is_risky
from spaser.publish import consolidation, render, render_public
from spaser.publish.clauses import Published
from spaser.publish.operation_book import MAX_TITLE, sheet_titles
from spaser.publish.operation_view import slugs
from spaser.warehouse import Tables
from tests.publish import builders, insertion
from tests.publish.pages import rows_of, text_of, tidy

NOTE = "s : secret statistique."
DECISION = (
    "La décision appartient à l'acheteur : ce que calcule le programme n'est ni notifié ni dû "
    "tant qu'il n'a rien décidé."
)


@pytest.fixture(scope="module")
def public(clause_tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("public")
    render_public(clause_tables, builders.PROJECT, builders.SCHEME, insertion.YEAR, out, "fr")
    return out


@pytest.fixture(scope="module")
def sheet(clause_report: Path) -> str:
    return (clause_report / "operations" / "op-a.html").read_text("utf-8")


def section(page: str, anchor: str) -> str:
    return page.split(f'<section id="{anchor}"')[1].split("</section>")[0]


def test_the_index_lists_the_operations_of_each_facilitator(clause_report: Path) -> None:
    index = (clause_report / "operations" / "index.html").read_text("utf-8")
    plie = rows_of(index, "Opérations de 2025 suivies par : PLIE de Fiction")
    assert [row[1:] for row in plie] == [
        [
            "Métropole de Fiction",
            "Bâtisseurs de Fiction",
            "30/11/2025",
            "terminée",
            "833 h",
            "833 h",
            "640,5 h",
            "76,9 %",
            "192,5 h",
        ]
    ]
    nobody = rows_of(index, "Opérations de 2025 suivies par : Non attribué")
    assert nobody[0][0] == "Chantier sans marché"
    for link in re.findall(r'href="([^"#]+\.html)"', index):
        assert (clause_report / "operations" / link.split("#")[0]).is_file(), link


def test_the_report_says_how_many_and_leads_there(clause_report: Path) -> None:
    page = section((clause_report / "rapport.html").read_text("utf-8"), "clauses")
    assert "3 opérations courent en 2025." in text_of(page)
    assert "1 en cours, 1 en manque d'heures" in text_of(page)
    assert 'href="operations/index.html"' in page
    assert rows_of(page, "Liste de travail, par nature") == [
        ["Erreur", "Terminée sans toutes les heures", "1"],
        ["Avertissement", "Clause sans engagement", "1"],
        ["Avertissement", "Relevé non reçu", "1"],
    ]


def test_declared_hours_are_followed_to_the_last(sheet: str) -> None:
    rows = rows_of(section(sheet, "heures"), "Des heures déclarées aux heures validées")
    assert [row[:3] for row in rows] == [
        ["Heures validées", "640,5 h", "18"],
        ["Retirées par correction", "9,5 h", "—"],
        ["Rejetées", "35 h", "1"],
        ["En attente", "40 h", "1"],
        ["En quarantaine", "35 h", "1"],
        ["Heures déclarées", "760 h", "21"],
    ]
    assert rows[-1][3] == "Le compte est juste."
    set_apart = rows_of(section(sheet, "heures"), "Lignes en quarantaine, par motif")
    assert set_apart == [["Mois de plus de 200 heures", "1", "35 h"]]
    refused = rows_of(section(sheet, "heures"), "Lignes rejetées, par motif")
    assert refused == [["Justificatif manquant", "1", "35 h"]]


def test_a_computed_penalty_is_not_a_notified_one(sheet: str) -> None:
    part = section(sheet, "penalites")
    assert DECISION in text_of(part)
    assert rows_of(part, "Pénalités de l'opération") == [
        [
            "Calculée",
            "38 500,00 €",
            "192,50 h × 200 € = 38 500 €. Notifié en partie.",
        ],
        [
            "Notifiée par l'acheteur",
            "4 000,00 €",
            "4 000,00 € le 12/12/2025 (heures non réalisées)",
        ],
        ["Levée par l'acheteur", "0,00 €", "Aucune au journal."],
    ]


def test_an_undecided_penalty_says_that_it_is_not_notified(clause_report: Path) -> None:
    page = (clause_report / "operations" / "op-b.html").read_text("utf-8")
    (head, *_), notified, waived = rows_of(section(page, "penalites"), "Pénalités de l'opération")
    assert head == "Calculée, non notifiée"
    assert [notified[1], waived[1]] == ["0,00 €", "0,00 €"]


def test_versions_tell_how_the_hours_are_computed(sheet: str) -> None:
    rows = rows_of(section(sheet, "engagement"), "Versions de l'engagement et commandes")
    formula = "900 000 € × 50,0 % × 5,0 % ÷ 30 € de l'heure"
    assert rows == [
        ["15/01/2024", "—", "Pourcentage de main-d'œuvre", formula, "—", "—"],
        ["01/09/2024", "—", "Pourcentage de main-d'œuvre", "—", "833 h", "Avenant n° 1"],
    ]


def test_missing_returns_and_their_reminders_are_listed(sheet: str) -> None:
    part = section(sheet, "suivi")
    assert "Relevés non reçus 1 Reçus en retard 1 Reçus à temps 2" in text_of(part)
    late, missing = rows_of(part, "Relevés non reçus ou en retard")
    assert late[3:5] == ["Reçu avec 12 jours de retard", "0"]
    assert missing[1:6] == [
        "octobre 2025 – décembre 2025",
        "15/01/2026",
        "Relevés non reçus",
        "2",
        "20/12/2025",
    ]
    incidents = rows_of(part, "Incidents et suites")
    assert incidents == [
        [
            "03/06/2024",
            "Incident",
            "Chantier arrêté ou décalé",
            "Bâtisseurs de Fiction",
            "Courriel",
            "—",
        ]
    ]


def test_the_drawing_has_its_words_and_its_numbers(sheet: str) -> None:
    part = section(sheet, "avancement")
    assert '<svg class="progress"' in part
    words = text_of(part.split("<figcaption>")[1].split("</figure>")[0])
    assert "400,5 h au 31/12/2024, 640,5 h au 31/10/2025" in words
    assert "heures dues : 833 h." in words
    months = rows_of(part, "Heures par mois travaillé")
    assert (months[0], months[-1]) == (
        ["mars 2024", "130,5 h", "130,5 h", "0 h"],
        ["octobre 2025", "0 h", "640,5 h", "40 h"],
    )


def test_what_is_not_known_is_never_zero(clause_report: Path) -> None:
    page = (clause_report / "operations" / "op-c.html").read_text("utf-8")
    headline = text_of(page.split('<dl class="headline">')[1].split("</dl>")[0])
    assert headline.startswith("Heures engagées inconnu À la commande Heures dues inconnu")
    assert "0 h" not in headline
    assert "Aucune commande n'est connue." in text_of(section(page, "engagement"))


def test_only_a_programme_has_its_people_by_site(clause_report: Path) -> None:
    programme = (clause_report / "operations" / "op-b.html").read_text("utf-8")
    part = section(programme, "personnes")
    assert rows_of(part, "Personnes et heures validées de l'opération, par lieu") == [
        ["École A", "2025", "26", "900,5 h"],
        ["École B", "2025", "s (secret statistique)", "s (secret statistique)"],
    ]
    assert tidy(part).count("s : secret statistique.") == 1
    alone = section((clause_report / "operations" / "op-a.html").read_text("utf-8"), "personnes")
    assert "par lieu" not in text_of(alone)


def test_the_internal_sheet_says_who_worked_and_what_became_of_them(clause_report: Path) -> None:
    page = (clause_report / "operations" / "op-a.html").read_text("utf-8")
    people = section(page, "personnes")
    assert rows_of(people, "Personnes et heures validées de l'opération, par sexe") == [
        ["Homme", "4", "440 h"],
        ["Femme", "2", "200,5 h"],
    ]
    assert rows_of(people, "Personnes et heures validées de l'opération, par critère principal")[
        0
    ] == ["Bénéficiaire du RSA", "1", "140,5 h"]
    exits = section(page, "sorties")
    (six,) = [line for line in tidy(exits).split("</tr>") if "140,5" in line]
    assert "Emploi durable" in six or "durable" in six


def test_an_operation_that_lost_people_says_so_instead_of_who_is_left(clause_report: Path) -> None:
    page = (clause_report / "operations" / "op-b.html").read_text("utf-8")
    people, exits = section(page, "personnes"), section(page, "sorties")
    assert "Dont personnes effacées 3" in text_of(people)
    for part in (people, exits):
        assert "Personnes effacées : leur durée de conservation est échue." in text_of(part)
    assert "par sexe" not in text_of(people).split("Personnes effacées :")[0]
    assert "Aucune situation de sortie" not in text_of(exits)


def test_the_public_sheet_says_nothing_of_them(public: Path) -> None:
    pages = [page.read_text("utf-8") for page in sorted(public.glob("operations/*.html"))]
    assert pages
    assert not any("140,5" in page or "Bénéficiaire du RSA" in page for page in pages)


def test_pages_run_no_script_and_ask_for_nothing(clause_report: Path, public: Path) -> None:
    pages = [*clause_report.glob("operations/*.html"), *public.glob("operations/*.html")]
    assert len(pages) == 7
    for path in pages:
        page = path.read_text("utf-8")
        assert "<script" not in page
        assert "<img" not in page
        assert "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;" in page
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_public_pages_hold_contract_facts_and_published_figures_only(public: Path) -> None:
    pages = {path.name: path.read_text("utf-8") for path in public.rglob("*.html")}
    assert sorted(pages) == [
        "00030001200010-2024m001.html",
        "00030002000013-2024m002.html",
        "index.html",
    ]
    everything = tidy(" ".join(text_of(page) for page in pages.values()))
    assert "Construction du groupe scolaire Nord, lot 2 : gros œuvre" in everything
    for kept in (
        "PLIE",
        "Mission clauses",
        "Groupe scolaire Nord <",
        "Chantier sans marché",
        "OP-A",
    ):
        assert kept not in everything
    for number in ("640,5", "833", "38 500", "4 000", "192,5"):
        assert number not in everything
    for word in ("Pénalité", "Relevé", "Incident", "manque"):
        assert word not in everything


def test_a_hidden_figure_is_s_with_its_note_once_a_table(public: Path) -> None:
    page = (public / "operations" / "00030001200010-2024m001.html").read_text("utf-8")
    secret = "s (secret statistique)"
    rows = rows_of(page, "Chiffres publiés de l'opération, par année")
    assert rows == [["2025", secret, secret, secret]]
    assert tidy(page).count(NOTE) == 1
    index = (public / "operations" / "index.html").read_text("utf-8")
    assert rows_of(index, "Opérations de 2025, acheteur : Ville de Fiction") == [
        [
            "Nettoyage des écoles, secteur 2",
            "2024M002",
            "00020001500014",
            "15/01/2024",
            "1 600 h",
            "48",
            "52",
        ]
    ]


def test_a_figure_hidden_for_its_buyer_is_hidden_everywhere(
    clause_tables: Tables, tmp_path: Path
) -> None:
    other = builders.linked(clause_tables, tmp_path / "tables")
    cards = insertion.catalogue(builders.PROJECT.assets)
    rows = insertion.figures()
    for row in rows:
        if (row["axis"], row["buyer_id"]) == ("operation", insertion.CITY):
            row |= {"value": None, "is_published": False}
    for part in other.folder("indicators.figures").iterdir():
        part.unlink()
    insertion.write(other, cards, "indicators/figures", rows)
    render_public(other, builders.PROJECT, builders.SCHEME, insertion.YEAR, tmp_path / "out", "fr")
    page = (tmp_path / "out/operations/00030002000013-2024m002.html").read_text("utf-8")
    assert "1 600" not in tidy(page)


def test_the_same_tables_give_the_same_bytes(
    clause_tables: Tables, clause_report: Path, public: Path, tmp_path: Path
) -> None:
    scheme = builders.SCHEME
    for writer, first in ((render, clause_report), (render_public, public)):
        out = tmp_path / writer.__name__
        files = writer(clause_tables, builders.PROJECT, scheme, insertion.YEAR, out, "fr")
        for path in files:
            again = (first / path.relative_to(out)).read_bytes()
            assert path.read_bytes() == again, path
        assert sorted(files) == sorted(path for path in first_files(out))


def first_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_manifest_names_every_file(clause_report: Path) -> None:
    manifest = json.loads((clause_report / "manifest.json").read_text("utf-8"))
    named = {entry["path"] for entry in manifest["files"]} | {"manifest.json"}
    assert named == {p.relative_to(clause_report).as_posix() for p in first_files(clause_report)}


def test_the_workbook_has_a_sheet_to_print_for_each_operation(clause_report: Path) -> None:
    book = openpyxl.load_workbook(clause_report / "operations.xlsx")
    assert book.sheetnames[:3] == [
        "Opérations",
        "001 Chantier sans marché",
        "002 Entretien des écoles",
    ]
    assert len(book.sheetnames) == 4
    for place in book.sheetnames:
        assert book[place].page_setup.orientation == "landscape"
        assert book[place].print_title_rows == "$1:$1"
    fiche = book[book.sheetnames[3]]
    cells = {str(row[0].value): row for row in fiche.iter_rows()}
    assert cells["Heures validées"][1].value == 640.5
    assert cells["Calculée"][1].value == 38500
    assert DECISION in [tidy(str(row[0].value)) for row in fiche.iter_rows()]
    programme = book["002 Entretien des écoles"]
    secret = [row for row in programme.iter_rows(values_only=True) if row[0] == "École B"]
    assert secret == [("École B", "2025", "s", "s", None, None, None)]


@pytest.mark.parametrize("name", ["operations.xlsx", "suivi-facilitateurs.xlsx"])
def test_no_cell_is_a_formula(clause_report: Path, name: str) -> None:
    texts = 0
    for sheet in openpyxl.load_workbook(clause_report / name):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", (sheet.title, cell.coordinate)
                if isinstance(cell.value, str):
                    texts += 1
                    assert cell.quotePrefix == is_risky(cell.value), (sheet.title, cell.coordinate)
    assert texts > 10


def test_each_facilitator_has_a_work_list(clause_report: Path) -> None:
    book = openpyxl.load_workbook(clause_report / "suivi-facilitateurs.xlsx")
    assert book.sheetnames == ["PLIE de Fiction", "Non attribué"]
    rows = list(book["PLIE de Fiction"].iter_rows(min_row=2, values_only=True))
    assert [(row[0], row[1], row[4], row[6]) for row in rows] == [
        ("Erreur", "Terminée sans toutes les heures", 192.5, "OP-A"),
        ("Avertissement", "Relevé non reçu", None, None),
    ]
    assert all(sheet.auto_filter.ref for sheet in book)


def test_the_consolidation_holds_published_totals_and_names_the_hidden(clause_report: Path) -> None:
    with (clause_report / "donnees/consolidation-nationale.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    whole, metropolis, city = rows
    assert (whole["buyer_id"], whole["hours_validated"], whole["people"]) == ("*", "2240.5", "54")
    assert (whole["buyers"], city["buyers"], whole["suppressed"]) == ("2", "1", "")
    assert metropolis["hours_validated"] == metropolis["people"] == ""
    assert metropolis["suppressed"] == "hours_validated;people;work_contracts;clause_contracts"
    schema = json.loads(
        (clause_report / "donnees/consolidation-nationale.schema.json").read_text("utf-8")
    )
    assert [field["name"] for field in schema["fields"]] == list(rows[0])
    assert all(field["title"] and field["description"] for field in schema["fields"])


def test_a_buyer_with_nothing_validated_is_not_one_of_the_buyers() -> None:
    def totals(buyer: str, hours: str | None, pending: str) -> list[Published]:
        return [
            Published(2025, buyer, "*", "*", "hours", hours and Decimal(hours), hours is not None),
            Published(2025, buyer, "*", "*", "pending_hours", Decimal(pending), True),
        ]

    published = [
        *totals("*", "3000", "12"),
        *totals("00020001000010", "3000", "0"),
        *totals("00020002000019", "0", "12"),
        *totals("00020003000018", None, "0"),
    ]
    run = SimpleNamespace(scheme="x")
    context = SimpleNamespace(buyer=str)
    rows = {row[2]: row for row in consolidation._rows(context, run, published)}
    assert {buyer: row[8] for buyer, row in rows.items()} == {
        "*": "2",
        "00020001000010": "1",
        "00020002000019": "0",
        # Hidden hours are not none.
        "00020003000018": "1",
    }


def test_english_pages_are_in_english(clause_tables: Tables, tmp_path: Path) -> None:
    render(clause_tables, builders.PROJECT, builders.SCHEME, insertion.YEAR, tmp_path, "en")
    page = (tmp_path / "operations" / "op-a.html").read_text("utf-8")
    assert '<html lang="en">' in page
    assert "The decision is the buyer" in page
    assert "640.5 h" in tidy(page)
    for french in ("Heures", "Pénalité", "Relevé", "inconnu", "Sorties"):
        assert french not in page.replace("groupe scolaire", "")


def test_a_scheme_without_clauses_has_none_of_it(
    tables: Tables, report: Path, tmp_path: Path
) -> None:
    assert not (report / "operations").exists()
    assert 'id="clauses"' not in (report / "rapport.html").read_text("utf-8")
    assert render_public(tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "fr") == []
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.text(max_size=120), max_size=12))
def test_slugs_are_file_names_and_no_two_are_alike(names: list[str]) -> None:
    found = slugs(names)
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in found)
    assert "index" not in found


@given(st.lists(st.text(max_size=60), max_size=12))
def test_sheet_titles_are_those_a_workbook_takes(names: list[str]) -> None:
    found = sheet_titles(names)
    assert len({title.casefold() for title in found}) == len(names)
    assert all(0 < len(title) <= MAX_TITLE for title in found)
    assert not any(set(title) & set("[]:*?/\\'") for title in found)
