"""Figures about people in the report: recomputed from published aggregates, or `s` everywhere."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from spaser.cards import catalogue
from spaser.warehouse import Tables, session
from tests.publish import builders
from tests.publish.marks import Mark, Recomputer, marks
from tests.publish.pages import rows_of, text_of, tidy

PEOPLE = {"SOC-12", "SOC-14", "SOC-15", "SOC-16", "SOC-17", "SOC-18", "SOC-19", "SOC-20", "SOC-24"}
SECRET = "s (secret statistique)"
NOTE = "s : secret statistique. Chiffre masqué"


@pytest.fixture(scope="module")
def report_page(clause_report: Path) -> str:
    return (clause_report / "rapport.html").read_text("utf-8")


def article(page: str, anchor: str) -> str:
    return page.split(f'<article id="{anchor}"')[1].split("</article>")[0]


def people_marks(page: str) -> list[Mark]:
    return [mark for mark in marks(page) if mark.data.get("code") in PEOPLE]


def test_every_figure_on_people_is_recomputed_from_published_aggregates(
    clause_tables: Tables, report_page: str
) -> None:
    with session() as connection:
        clause_tables.attach(connection, ["indicators.evidence", "facts.contracts"])
        recomputer = Recomputer(connection, catalogue(builders.PROJECT.assets))
    found = people_marks(report_page)
    assert len(found) > 100
    assert {mark.data["code"] for mark in found} >= {"SOC-12", "SOC-15", "SOC-16", "SOC-18"}
    wrong = [
        (mark.data, mark.value, expected)
        for mark in found
        if mark.data["part"] != "excluded"
        if (expected := recomputer.part(mark.data)) != mark.value
    ]
    assert wrong == []


def test_hours_people_and_full_time_equivalents_have_their_units(report_page: str) -> None:
    values = {
        (mark.data["code"], mark.data["method"]): mark.text
        for mark in people_marks(report_page)
        if mark.data["part"] == "value" and mark.data["buyer"] == mark.data["dimension"] == "*"
    }
    assert values["SOC-12", "default"] == "2\u202f240,5\u00a0h"
    assert values["SOC-15", "default"] == "1,2\u00a0ETP"
    assert values["SOC-14", "default"] == "54"
    # The divisor of the full-time equivalents stands beside the figure.
    assert "Équivalents temps plein de 1 820 heures" in tidy(article(report_page, "soc-15"))


def test_a_hidden_figure_is_s_in_sentence_table_and_note(report_page: str) -> None:
    part = article(report_page, "soc-17")
    assert "Le chiffre de 2025 est couvert par le secret statistique (s)." in text_of(part)
    rows = rows_of(part, "Part des habitants de quartiers prioritaires (QPV), 2025")
    figures = [row for row in rows if len(row) > 1]
    assert [row[1:6] for row in figures] == [[SECRET] * 5] * 2
    tables = re.findall(r'<table class="figures">.*?(?=<table|<details|</article>)', part, re.S)
    for table in tables:
        assert tidy(table).count(NOTE) == (1 if '"secret"' in table else 0)


def test_no_hidden_figure_has_a_mark_a_bar_or_a_zero(report_page: str) -> None:
    hidden = {("SOC-12", "modality", "loan"), ("SOC-18", "criterion", "TH")}
    shown = {
        (mark.data["code"], mark.data["dimension"], mark.data["member"])
        for mark in people_marks(report_page)
        if mark.data["part"] in {"value", "numerator", "denominator"}
    }
    assert not shown & hidden
    charts = json.loads(re.search(r'id="charts-data">(.*?)</script>', report_page, re.S)[1])
    bars = charts["soc-12-modality"]
    assert bars["data"][0]["x"] == [1200.0, None, None]
    marked = {note["y"]: note for note in bars["layout"]["annotations"]}
    assert {note["text"] for note in marked.values()} == {"<b>s</b>"}
    assert marked["Mise à disposition"]["hovertext"].endswith("s\u00a0: secret statistique")
    trend = charts["soc-17-trend-share"]
    assert {line["y"][-1] for line in trend["data"]} == {None}
    assert trend["layout"]["annotations"][-1]["text"] == "s"


def test_the_alternative_of_a_chart_says_s(report_page: str) -> None:
    figure = report_page.split('id="soc-12-modality-text">')[1].split("</figure>")[0]
    assert "Mise à disposition s (secret statistique)" in text_of(figure)
    assert "Embauche directe 1 200 h" in text_of(figure)


def test_a_figure_on_people_opens_on_aggregates_and_never_on_lines(report_page: str) -> None:
    part = article(report_page, "soc-18")
    assert 'class="lines"' not in part
    assert 'href="#soc-18-agregats"' in part
    assert "Les lignes des personnes restent au facilitateur." in text_of(part)
    rows = rows_of(part, "Agrégats publiés")
    assert [
        row[3]
        for row in rows
        if row[0] == "Critère d'éligibilité principal : Travailleur handicapé"
    ]
    assert all(
        row[3] == SECRET
        for row in rows
        if row[0] == "Critère d'éligibilité principal : Travailleur handicapé"
    )


def test_the_workbook_and_the_data_hide_the_same_figures(clause_report: Path) -> None:
    sheet = openpyxl.load_workbook(clause_report / "indicateurs.xlsx")["Résultats"]
    heads = [cell.value for cell in sheet[1]]
    rows = [
        dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True)
    ]
    qpv = [row for row in rows if row["Code"] == "SOC-17" and row["Année"] == 2025]
    hidden = [row for row in qpv if row["État"] == "Masqué"]
    assert hidden
    for row in hidden:
        for head in ("Valeur", "Numérateur", "Dénominateur", "Inconnus", "Bas", "Haut"):
            assert row[head] == "s", (head, row)
        assert str(row["Motif"]).startswith("s\u00a0: secret statistique")
    with (clause_report / "donnees/resultats.csv").open(encoding="utf-8") as file:
        data = [row for row in csv.DictReader(file) if row["code"] == "SOC-17"]
    for row in data:
        if row["status"] == "suppressed":
            assert row["value"] == row["numerator"] == row["denominator"] == row["low"] == ""
    assert any(row["status"] == "suppressed" for row in data)


def test_the_key_figures_and_the_section_on_clauses_say_s(report_page: str) -> None:
    section = report_page.split('<section id="clauses"')[1].split("</section>")[0]
    cards = {
        text_of(card.split("</h3>")[0].split(">", 1)[1]): text_of(card)
        for card in section.split('<li class="card">')[1:]
    }
    qpv = next(text for name, text in cards.items() if "quartiers prioritaires" in name)
    assert SECRET in qpv
    assert "0,0 %" not in qpv
    hours = next(text for name, text in cards.items() if "réalisées" in name)
    assert "2 240,5 h" in hours


def test_a_total_of_hours_is_not_rounded_away(report_page: str) -> None:
    total = next(
        mark
        for mark in people_marks(report_page)
        if (mark.data["code"], mark.data["part"], mark.data["buyer"]) == ("SOC-12", "value", "*")
    )
    assert total.value == Decimal("2240.5")
