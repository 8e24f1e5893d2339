"""The quality section: what to do and its gain, completeness, suspicions, every table readable."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from spaser import summary as summary_module
from spaser.cards import catalogue
from spaser.publish import quality_view, render
from spaser.summary import summary
from spaser.warehouse import Tables
from tests.publish import builders
from tests.publish.pages import part, rows_of, text_of

CARDS = catalogue(builders.PROJECT.assets)


def test_what_decides_an_objective_is_said_first(full: str) -> None:
    section = part(full, "a-faire")
    sentence = "12 marchés à qualifier décident l'objectif « social »."
    assert text_of(section.split('class="deciding">')[1].split("</ul>")[0]) == sentence
    assert section.index('class="deciding"') < section.index("<table")


def test_actions_have_their_gain_and_those_of_other_years_are_counted(full: str) -> None:
    section = part(full, "a-faire")
    assert [row[:5] for row in rows_of(section, "À faire")] == [
        [
            "Avertissement – Renseignez les considérations sociales. Considérations sociales",
            "12 marchés à qualifier décident l'objectif « social ».",
            "12",
            "12",
            "—",
        ],
        [
            "Avertissement – Confirmez ou corrigez le montant <b>.",
            "2 montants à confirmer : 1,2 M€ rentrent dans les valeurs.",
            "3",
            "2",
            "1 234 567,50 €",
        ],
    ]
    assert "1 autre action, d'une autre année peut-être" in text_of(section)


def test_completeness_is_given_by_field_buyer_directorate_and_year(full: str) -> None:
    section = part(full, "completude")
    assert rows_of(section, "Part des marchés de 2025")[0] == ["Procédure", "5", "40", "12,5 %"]
    buyers = rows_of(section, "Complétude par champ et par acheteur, 2025")
    assert buyers[0] == [
        "Procédure",
        "62,5 % (25 sur 40)",
        "50,0 % (20 sur 40)",
        "37,5 % (15 sur 40)",
    ]
    directorates = rows_of(section, "Complétude par champ et par direction")
    assert directorates[0][1:] == ["25,0 % (10 sur 40)", "12,5 % (5 sur 40)", "0,0 % (0 sur 40)"]
    years = rows_of(section, "Complétude par champ et par année")
    assert len(years[0]) == 1 + len(builders.YEARS)


def test_a_cell_of_completeness_says_its_number_whatever_its_colour(full: str) -> None:
    cells = re.findall(r'<td class="n (\w+)">([^<]+)<span', part(full, "completude"))
    assert {band for band, _ in cells} == {"most", "half", "few", "none"}
    for band, text in cells:
        value = float(text.replace("\u00a0%", "").replace(",", "."))
        least = {"most": 90, "half": 50, "few": 0.1, "none": 0}[band]
        most = {"most": 99.9, "half": 89.9, "few": 49.9, "none": 0}[band]
        assert least <= value <= most, (band, text)


def test_fields_filled_everywhere_are_named_below_and_have_no_row(full: str) -> None:
    section = part(full, "completude")
    assert text_of(section).count("Remplis partout : Identifiant du marché.") == 3
    heads = [row[0] for row in rows_of(section, "Complétude par champ et par année")]
    assert len(heads) == 5
    assert "Identifiant du marché" not in heads


def test_the_least_filled_fields_come_first(full: str) -> None:
    shares = [
        float(row[3].split(" ")[0].replace(",", "."))
        for row in rows_of(part(full, "completude"), "Part des marchés")
    ]
    assert shares == sorted(shares)


def test_a_table_too_wide_says_where_the_rest_is(
    register_tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_view, "MAX_MEMBERS", 2)
    render(register_tables, builders.PROJECT, builders.SCHEME, 2025, tmp_path, "fr")
    section = part((tmp_path / "rapport.html").read_text("utf-8"), "completude")
    assert len(rows_of(section, "Complétude par champ et par acheteur")[0]) == 3
    assert "1 autre colonne dans la feuille « Complétude »" in text_of(section)


def test_one_buyer_one_year_and_no_directorate_have_no_table_of_one_column(
    tables: Tables, tmp_path: Path
) -> None:
    other = builders.linked(tables, tmp_path / "tables")
    row = {"directorate": "*", "year": 2025, "field": "object", "required": 4, "filled": 3}
    builders.write(
        other,
        "quality.completeness",
        [row | {"buyer_id": buyer} for buyer in ("*", builders.METROPOLIS)],
    )
    render(other, builders.PROJECT, builders.SCHEME, 2025, tmp_path / "out", "fr")
    section = part((tmp_path / "out" / "rapport.html").read_text("utf-8"), "completude")
    assert section.count("<table") == 1
    assert rows_of(section, "Part des marchés") == [["Objet", "3", "4", "75,0 %"]]


def test_amounts_are_counted_by_tax_basis_and_only_the_usable_are_summed(full: str) -> None:
    assert rows_of(part(full, "bases"), "Montants des marchés de 2025") == [
        ["Hors taxes", "2", "2", "200,00 €", "0"],
        ["Toutes taxes comprises", "2", "1", "100,00 €", "1"],
        ["Non dite", "1", "0", "—", "1"],
    ]


def test_suspicions_are_grouped_by_rule_and_an_amount_counts_once_a_contract(full: str) -> None:
    found = rows_of(part(full, "a-verifier"), "Ce qui surprend, par règle, 2025")
    assert [row[1:4] for row in found] == [
        ["6", "5", "15 000 000,00 €"],
        ["1", "—", "160 000,00 €"],
        ["1", "1", "—"],
    ]
    assert "4 – quatre marchés réunis" in found[1][5]
    assert found[0][0].endswith("Montant écarté des calculs en valeur")
    assert "Montant HT initial : 5000000.00 (repère : 900000.00)" in found[0][5]
    assert "Marché sans date de notification" in found[2][0], "of no year: shown every year"


class _Tables(HTMLParser):
    """What each table lacks: a caption, a scope on its heads, a region that scrolls."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.lacks: list[str] = []
        self._captions = 0
        self._regions: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "div":
            self._regions.append(given.get("role") == "region" and given.get("tabindex") == "0")
        if tag == "table":
            self.count += 1
            self._captions = 0
            if not any(self._regions):
                self.lacks.append(f"region: {self.get_starttag_text()}")
        if tag == "caption":
            self._captions += 1
        if tag == "th" and given.get("scope") not in {"col", "row", "rowgroup"}:
            self.lacks.append(f"scope: {self.get_starttag_text()}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self._regions.pop()
        if tag == "table" and self._captions != 1:
            self.lacks.append(f"caption: table {self.count}")


@pytest.mark.parametrize("fixture", ["page", "full"])
def test_every_table_has_a_caption_scopes_and_scrolls_by_itself(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    reader = _Tables()
    reader.feed(request.getfixturevalue(fixture).split("<main")[1].split("</main>")[0])
    assert reader.count > 20
    assert reader.lacks == []


@pytest.mark.parametrize("fixture", ["page", "full"])
def test_every_link_of_the_contents_leads_somewhere(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(fixture)
    targets = re.findall(r'href="#([^"]+)"', found)
    identifiers = re.findall(r'\bid="([^"]+)"', found)
    assert set(targets) <= set(identifiers)
    assert len(identifiers) == len(set(identifiers))


def test_findings_come_first_where_nothing_groups_them(page: str, full: str) -> None:
    def order(found: str) -> list[str]:
        return re.findall(r'<h3 id="([^"]+)"', found.split('id="qualite"')[1])

    assert order(page)[0] == "constats"
    assert order(full)[0] == "a-faire"
    assert order(full).count("constats") == 1


def test_hostile_text_of_the_register_stays_text(full: str) -> None:
    assert "<img src=x" not in full
    assert "montant &lt;b&gt;" in full
    assert builders.HOSTILE in text_of(part(full, "colonnes"))


def test_the_summary_gives_what_decides_what_to_do_and_what_is_empty(
    register_tables: Tables,
) -> None:
    told = summary(register_tables, CARDS, "fr")
    assert told.deciding == ("12 marchés à qualifier décident l'objectif « social ».",)
    assert told.todo_rows()[0] == (
        "avertissement",
        "Renseignez les considérations sociales.",
        "12 marchés à qualifier décident l'objectif « social ».",
        "12",
        "12",
    )
    assert len(told.todo) == 3
    assert told.year == 2025
    assert told.completeness_rows()[0] == ("Procédure", "5", "40", "12,5\u00a0%")
    assert told.errors == 0
    widths = {len(told.todo_headers()), *map(len, told.todo_rows())}
    assert widths == {5}
    assert len(told.completeness_headers()) == len(told.completeness_rows()[0])


def test_without_actions_the_summary_groups_the_findings_by_rule(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = summary(tables, CARDS, "en")
    assert told.deciding == ()
    assert told.todo_rows() == [
        ("warning", "Correct the amount in the register.", "", "4", ""),
        ("information", "Correct the amount in the register.", "", "5", ""),
    ]
    monkeypatch.setattr(summary_module, "MAX_ACTIONS", 1)
    assert summary(tables, CARDS, "en").more == 1


def test_a_scheme_without_any_table_has_an_empty_summary(tmp_path: Path) -> None:
    told = summary(Tables(tmp_path), CARDS, "fr")
    assert (told.todo, told.completeness, told.year, told.errors) == ((), (), None, 0)
