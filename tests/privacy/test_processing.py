"""The entry of the register of processing says what is really done, and nobody's secret."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import docx
import pytest

from spaser.cards import PEOPLE_FEEDS
from spaser.errors import InputError
from spaser.privacy import processing
from spaser.privacy.documents import Cell, Entry, Table, entry_html, write_entry
from spaser.privacy.processing import processing_entry
from spaser.project import Project
from spaser.pseudonyms import KEY_VARIABLE, ensure_key, key_file
from spaser.scheme import Scheme
from spaser.warehouse import session, write_database
from tests.curate.run import CARDS, ROOT
from tests.privacy.ground import DAY, Ground, Line, person

LOG = "data/raw/x/heures-2021.csv"


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "own" / "key"))
    with session() as connection:
        yield Ground(tmp_path / "project", connection)


def entry(ground: Ground, language: str = "fr", scheme: Scheme | None = None) -> Entry:
    return processing_entry(ground.project, CARDS, scheme or ground.scheme, DAY, language)


def table(found: Entry, anchor: str, caption: str) -> Table:
    (one,) = [
        table
        for section in found.sections
        if section.anchor == anchor
        for table in section.tables
        if table.caption == caption
    ]
    return one


def column(found: Table, number: int = 0) -> list[str]:
    return [row[number].text for row in found.rows]


def installation(ground: Ground) -> dict[str, Cell]:
    found = table(entry(ground), "securite", "Vérifié sur cette installation")
    return {row[0].text.split(" (")[0]: row[1] for row in found.rows}


def test_every_field_about_a_person_is_listed_with_what_becomes_of_it(ground: Ground) -> None:
    found = table(entry(ground), "donnees", "Données reçues sur les personnes")
    kept = dict(zip(column(found), column(found, 2), strict=True))
    about = CARDS.tables["curated/participants"].columns
    for feeds in PEOPLE_FEEDS:
        for name, known in CARDS.fields_of(feeds).items():
            if name in about and about[name].about_person:
                assert known.label_fr in kept, name
    assert "pseudonyme" in kept[CARDS.fields_of("hours")["person_id"].label_fr]
    assert "tranche d'âge" in kept[CARDS.fields_of("hours")["birth_year"].label_fr]


def test_every_table_with_a_column_about_a_person_is_listed(ground: Ground) -> None:
    found = table(entry(ground), "donnees", "Tables et colonnes de la zone restreinte")
    listed = {text.rsplit("(", 1)[1].rstrip(")") for text in column(found)}
    assert listed == {name for name in CARDS.restricted if not name.startswith("staged.")} & {
        card.table for card in CARDS.tables.values()
    }


def test_rules_in_force_are_listed_with_source_and_status(ground: Ground) -> None:
    found = entry(ground)
    kept = table(found, "durees", "Règles de conservation")
    assert kept.rows[0][1].text == "24 mois"
    assert kept.rows[0][5] == Cell("à vérifier", "to_check")
    assert "JORFTEXT000043274920" in kept.rows[0][4].text
    hidden = table(found, "secret", "Seuils en vigueur")
    in_force = [
        row
        for row in CARDS.reference("suppression_rules")
        if row["rule"] not in ("adds_up", "lists_part")
    ]
    assert len(hidden.rows) == len(in_force)
    assert "une entreprise fait plus de 85 % des heures" in column(hidden)
    assert not [text for text in column(hidden) if "=" in text]  # every rule has its words


def test_what_the_controller_must_say_is_to_be_completed(ground: Ground) -> None:
    found = entry(ground)
    facts = dict(found.facts)
    assert facts["Responsable du traitement"] == Cell("à compléter", "to_complete")
    assert found.to_complete == 5


class Signed(Scheme):
    """A scheme that says who answers."""

    controller: str | None = None
    dpo: str | None = None


def test_the_scheme_says_who_answers(ground: Ground) -> None:
    said = {"controller": "Direction des achats", "dpo": "Service de la protection des données"}
    scheme = Signed.model_validate(ground.scheme.model_dump(by_alias=True) | said)
    found = entry(ground, scheme=scheme)
    assert [cell.text for _, cell in found.facts[:2]] == list(said.values())
    assert found.to_complete == 3


def test_an_installation_where_nothing_ran_claims_nothing(ground: Ground) -> None:
    assert {cell.mark for cell in installation(ground).values()} == {"doubt"}


def test_measures_in_place_are_seen(ground: Ground) -> None:
    ensure_key(key_file(), ground.project.root)
    ground.build([Line("A", "2025-05-01", LOG, 2)])
    write_database(ground.tables, ground.tables.root / "spaser.duckdb", CARDS.restricted)
    ground.tables.root.chmod(0o700)
    found = installation(ground)
    assert {what: cell.mark for what, cell in found.items()} == dict.fromkeys(found, "passed")


def test_measures_not_in_place_are_said(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_key(key_file(), ground.project.root)
    key_file().chmod(0o644)
    ground.build([Line("A", "2021-05-01", LOG, 2)])
    staged = ground.rows("staged.insertion_log")
    kinds = dict.fromkeys(staged[0], "VARCHAR")
    ground._write("staged.insertion_log", kinds, [{**staged[0], "person_id": "PLIE-1"}], "raw")
    write_database(ground.tables, ground.tables.root / "spaser.duckdb")
    monkeypatch.setattr(processing, "_modes", lambda folder: [0o755, 0o750])
    found = installation(ground)
    assert {what: cell.mark for what, cell in found.items()} == dict.fromkeys(found, "failed")


def test_the_document_holds_no_secret_and_is_the_same_twice(ground: Ground) -> None:
    key = ensure_key(key_file(), ground.project.root)
    ground.build([Line("A", "2021-05-01", LOG, 2)])
    page = entry_html(entry(ground), Project(ROOT))
    assert page == entry_html(entry(ground), Project(ROOT))
    for secret in (key.secret.hex(), person("A"), str(key_file().parent)):
        assert secret not in page


class _Page(HTMLParser):
    """What a reader of the page relies on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_is_accessible_and_self_contained(ground: Ground, language: str) -> None:
    found = entry(ground, language)
    page = _Page(entry_html(found, Project(ROOT)))
    assert page.of("html") == [{"lang": language}]
    assert len(page.of("h1")) == 1
    assert (
        len(page.of("caption"))
        == len(page.of("table"))
        == sum(len(section.tables) for section in found.sections)
    )
    assert all(head.get("scope") in ("col", "row") for head in page.of("th"))
    targets = {attributes.get("id") for _, attributes in page.tags}
    for link in page.of("a"):
        assert (link["href"] or "").removeprefix("#") in targets
    assert not page.of("script")
    loaded = [
        attributes.get("src") or attributes.get("href")
        for tag, attributes in page.tags
        if tag != "a"
    ]
    assert {place for place in loaded if place} == {"data:,"}


def test_no_text_is_left_in_one_language(ground: Ground) -> None:
    french, english = ({cell.text for cell in entry(ground, lang).cells} for lang in ("fr", "en"))
    same = {text for text in french & english if " " in text and not text.startswith("spaser ")}
    sources = {
        row["source"]
        for name in ("retention_rules", "suppression_rules")
        for row in CARDS.reference(name)
    }
    quoted = {text for text in same - sources if "art." not in text and "CNIL" not in text}
    assert quoted <= {"Insee, secret statistique", "Règle du projet, par analogie"}


def test_a_page_is_written_in_one_step(ground: Ground, tmp_path: Path) -> None:
    path = tmp_path / "new" / "traitements.html"
    write_entry(entry(ground), Project(ROOT), path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [found.name for found in path.parent.iterdir()] == ["traitements.html"]


def test_another_kind_of_file_is_refused(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.html ou en \.docx"):
        write_entry(entry(ground), Project(ROOT), tmp_path / "traitements.pdf")


def test_a_docx_holds_every_cell_and_no_clock(ground: Ground, tmp_path: Path) -> None:
    path, again = tmp_path / "traitements.docx", tmp_path / "encore.docx"
    found = entry(ground)
    write_entry(found, Project(ROOT), path)
    write_entry(found, Project(ROOT), again)
    tables = docx.Document(str(path)).tables
    written = [cell.text for table in tables for row in table.rows[1:] for cell in row.cells]
    assert written == [cell.text for cell in found.cells[len(found.facts) :]]
    assert path.read_bytes() == again.read_bytes()
