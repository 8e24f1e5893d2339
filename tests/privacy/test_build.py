"""The door: what `privacy.build` lets out, and that nobody derives the rest of it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings

from spaser.cards import Catalogue, catalogue
from spaser.errors import InputError
from spaser.privacy import build, seal, sealed
from spaser.privacy.rules import rules_on
from spaser.warehouse import Tables, session
from tests.privacy import cubes
from tests.privacy.published import attack

ROOT = Path(__file__).resolve().parents[2]
SCHEMES = (
    200 if settings.get_profile(settings.get_current_profile_name()).max_examples > 1000 else 20
)
CITY, METROPOLIS, COLLEGE = "00020001400017", "00020002200010", "00020003000013"
SMALL = (cubes.Size(12, 1, 3), cubes.Size(30, 2, 4, 1), cubes.Size(80, 3, 6, 1))


@pytest.fixture(scope="session")
def cards() -> Catalogue:
    return catalogue(ROOT / "assets")


def row(axis: str = "*", member: str = "*", people: int = 0, hours: int = 0, **other: object):
    """One row of `facts.people_figures`: ten companies, one employment contract for each person."""
    worked = Decimal(hours or people * 300)
    given = {
        "year": 2025,
        "buyer_id": "*",
        "axis": axis,
        "member": member,
        "people": people,
        "hours": worked,
        "companies": 10,
        "largest_company_hours": worked / 5,
        "work_contracts": people,
        "contracts": 4,
        "pending_hours": Decimal(0),
    }
    return given | other


def by(axis: str, counts: dict[str, int], **other: object) -> list[dict[str, object]]:
    return [row(axis, member, people, **other) for member, people in counts.items()]


def published(tables: Tables, measure: str = "people", buyer: str = "*") -> dict[str, object]:
    """member (`axis=member`) → value, nothing where it is hidden."""
    query = (
        "select axis || '=' || member, value, is_published from "
        f"{tables.scan('indicators.figures')} where measure = ? and buyer_id = ? order by all"
    )
    with session() as connection:
        rows = connection.execute(query, [measure, buyer]).fetchall()
    assert all((value is not None) == shown for _, value, shown in rows)
    return {name: value if value is None else int(value) for name, value, _ in rows}


def exposed(tables: Tables) -> list[str]:
    query = f"select key from {tables.scan('quality.findings')} order by key"
    with session() as connection:
        return [key for (key,) in connection.execute(query).fetchall()]


def digest_of(tables: Tables, name: str) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(tables.folder(name).glob("*.parquet")))


def test_without_figures_the_tables_are_empty_and_have_their_columns(
    tmp_path: Path, cards: Catalogue
):
    tables = Tables(tmp_path)
    assert build(tables, cards) == 0
    for name, key in (
        ("indicators.figures", "indicators/figures"),
        ("quality.suppression", "quality/suppression"),
    ):
        with session() as connection:
            described = connection.execute(f"describe select * from {tables.scan(name)}").fetchall()
        columns = {column: kind for column, kind, *_ in described}
        assert columns == {n: column.type for n, column in cards.tables[key].columns.items()}


def test_thirty_participants_four_of_them_on_rsa(tmp_path: Path, cards: Catalogue):
    """DOMAIN G10, through the tables: RSA is hidden, and a second cell with it."""
    counts = by("criterion", {"RSA": 4, "DETLD": 12, "JEUNE": 14})
    tables = cubes.write(tmp_path, [row(people=30), *counts])
    assert build(tables, cards) == 4 * 5
    shown = published(tables)
    assert shown == {
        "*=*": 30,
        "criterion=RSA": None,
        "criterion=DETLD": None,
        "criterion=JEUNE": 14,
    }
    assert published(tables, "hours")["criterion=RSA"] is None
    assert attack(tables) == []


def test_one_hidden_cell_shown_and_the_attack_succeeds(tmp_path: Path, cards: Catalogue):
    counts = by("criterion", {"RSA": 4, "DETLD": 12, "JEUNE": 14})
    tables = cubes.write(tmp_path, [row(people=30), *counts])
    build(tables, cards)
    with session() as connection:
        tables.attach(connection, ["indicators.figures"])
        connection.execute("create temp table leaked as from indicators.figures")
        connection.execute(
            "update leaked set value = 12, is_published = true "
            "where member = 'DETLD' and measure = 'people'"
        )
        tables.write(connection, "indicators.figures", "select * from leaked")
    assert any("criterion=RSA" in told for told in attack(tables))


def test_three_buyers_and_their_scheme(tmp_path: Path, cards: Catalogue):
    """Three people on RSA at one buyer do not follow from the scheme less the two others."""
    buyers = {CITY: (3, 40), METROPOLIS: (30, 50), COLLEGE: (20, 25)}
    rows = [row(people=168), *by("criterion", {"RSA": 53, "JEUNE": 115})]
    for buyer, (rsa, young) in buyers.items():
        rows.append(row(people=rsa + young, buyer_id=buyer))
        rows += by("criterion", {"RSA": rsa, "JEUNE": young}, buyer_id=buyer)
    tables = cubes.write(tmp_path, rows)
    build(tables, cards)
    rsa = [published(tables, buyer=buyer)["criterion=RSA"] for buyer in ("*", *buyers)]
    assert rsa[1] is None
    assert rsa.count(None) >= 2
    assert attack(tables) == []


def test_two_editions_do_not_tell_of_one_late_person(tmp_path: Path, cards: Catalogue):
    before = [row(people=60), *by("criterion", {"RSA": 12, "JEUNE": 48})]
    after = [row(people=67), *by("criterion", {"RSA": 13, "JEUNE": 54})]
    tables = cubes.write(tmp_path, before)
    build(tables, cards)
    assert published(tables)["criterion=RSA"] == 12
    seal(tables, 2025, date(2026, 3, 1))
    cubes.write(tmp_path, after)
    build(tables, cards)
    assert published(tables)["criterion=RSA"] is None
    assert attack(tables) == []
    assert exposed(tables) == []
    (tables.root / "editions/2025-1.json").unlink()
    build(tables, cards)
    assert published(tables)["criterion=RSA"] == 13, "it is the edition before that hides it"


def test_a_city_printed_before_is_not_taken_from_its_metropolis(tmp_path: Path, cards: Catalogue):
    city = [row(people=80), *by("criterion", {"TH": 37, "JEUNE": 43})]
    alone = [*city, *({**line, "buyer_id": CITY} for line in city)]
    tables = cubes.write(tmp_path, alone)
    build(tables, cards)
    seal(tables, 2025, date(2026, 3, 1))
    wider = [row(people=200), *by("criterion", {"TH": 40, "JEUNE": 160})]
    both = [*wider, *({**line, "buyer_id": CITY} for line in city)]
    cubes.write(tmp_path, both)
    build(tables, cards)
    assert published(tables, buyer=CITY)["criterion=TH"] == 37
    assert published(tables)["criterion=TH"] is None
    assert attack(tables) == []


def test_what_an_edition_told_too_much_of_is_a_finding_without_a_number(
    tmp_path: Path, cards: Catalogue
):
    tables = cubes.write(tmp_path, [row(people=30), *by("criterion", {"RSA": 14, "JEUNE": 16})])
    build(tables, cards)
    path = seal(tables, 2025, date(2026, 3, 1))
    assert path is not None
    cubes.write(tmp_path, [row(people=30), *by("criterion", {"RSA": 4, "JEUNE": 26})])
    path.write_text(path.read_text().replace('"14"', '"4"').replace('"16"', '"26"'))
    build(tables, cards)
    assert published(tables)["criterion=RSA"] is None
    with session() as connection:
        query = f"select rule, severity, key, value from {tables.scan('quality.findings')}"
        found = connection.execute(query).fetchall()
    assert ("suppression_exposed", "warning", "people, criterion = RSA, year = 2025", None) in found


@pytest.mark.parametrize("seed", range(SCHEMES))
def test_nothing_hidden_is_derived_from_the_tables_of_a_random_scheme(
    seed: int, tmp_path: Path, cards: Catalogue
):
    tables = cubes.write(tmp_path, cubes.rows(cubes.draw(seed, SMALL[seed % len(SMALL)])))
    build(tables, cards)
    assert None in published(tables).values(), "a scheme that hides nothing tests nothing"
    assert attack(tables) == []


def test_leavers_of_six_and_of_twelve_months_are_one_figure_once_they_are_the_same(
    tmp_path: Path, cards: Catalogue
):
    """A total printed under one name would undo the secret of a part under the other."""
    found = [row(people=40), row("left_6_months", "yes", 20), row("left_12_months", "yes", 20)]
    for months, counts in ((6, {"sustainable": 8, "no_job": 12}), (12, {"other": 3, "no_job": 17})):
        axis = f"left_{months}_months+exit_{months}_months"
        found += by(axis, {f"yes+{name}": people for name, people in counts.items()})
    tables = cubes.write(tmp_path, found)
    build(tables, cards)
    shown = published(tables)
    assert shown["left_6_months=yes"] == shown["left_12_months=yes"]
    assert shown["left_12_months+exit_12_months=yes+other"] is None
    assert (
        shown["left_12_months+exit_12_months=yes+no_job"] is None or not shown["left_6_months=yes"]
    )
    assert attack(tables) == []
    assert seal(tables, 2025, date(2026, 3, 1)) is not None
    build(tables, cards)
    assert attack(tables) == []


def test_an_operation_named_with_a_plus_keeps_its_sites(tmp_path: Path, cards: Catalogue):
    """Three people at one site of `A+B` follow from the operation and its other site."""
    sites = by("operation+site", {"A+B+north": 3, "A+B+south": 20})
    rows = [row(people=40), *by("operation", {"A+B": 23, "C": 17}), *sites]
    tables = cubes.write(tmp_path, rows)
    build(tables, cards)
    assert published(tables)["operation+site=A+B+north"] is None
    assert None in (
        published(tables)["operation+site=A+B+south"],
        published(tables)["operation=A+B"],
    )
    assert attack(tables) == []


def test_hours_of_people_without_an_id_are_hidden(tmp_path: Path, cards: Catalogue):
    """Whether they are one person's or fifty's is unknown; that nobody was identified is not."""
    rows = [
        row(people=40, hours=9000),
        *by("modality", {"loan": 40}),
        row("modality", "direct_hire"),
    ]
    rows[-1] |= {"hours": Decimal(900), "largest_company_hours": Decimal(100)}
    rows[1] |= {"hours": Decimal(8100)}
    tables = cubes.write(tmp_path, rows)
    build(tables, cards)
    assert published(tables)["modality=direct_hire"] == 0
    assert published(tables, "hours")["modality=direct_hire"] is None
    assert published(tables, "hours")["modality=loan"] is None


@pytest.mark.parametrize(("people", "shown"), [(40, True), (3, False), (0, False)])
def test_pending_hours_are_printed_of_all_buyers_or_none(
    people: int, shown: bool, tmp_path: Path, cards: Catalogue
):
    rows = [row(people=50 + people, pending_hours=Decimal(140))]
    rows.append(row(people=50, buyer_id=CITY, pending_hours=Decimal(105)))
    rows.append(row(people=people, buyer_id=COLLEGE, pending_hours=Decimal(35)))
    rows += by("modality", {"loan": 50 + people}, pending_hours=Decimal(140))
    tables = cubes.write(tmp_path, rows)
    build(tables, cards)
    printed = [published(tables, "pending_hours", buyer)["*=*"] for buyer in (CITY, COLLEGE)]
    assert printed == ([105, 35] if shown else [None, None])
    assert published(tables, "pending_hours")["modality=loan"] is None
    assert attack(tables) == []


def test_employment_contracts_fewer_than_people_are_not_printed(tmp_path: Path, cards: Catalogue):
    rows = [row(people=40), *by("sex", {"female": 20, "male": 20})]
    tables = cubes.write(tmp_path, rows)
    build(tables, cards)
    assert published(tables, "work_contracts")["sex=female"] == 20
    rows[1]["work_contracts"] = 19
    cubes.write(tmp_path, rows)
    build(tables, cards)
    assert set(published(tables, "work_contracts").values()) == {None}


def test_whoever_works_at_an_esat_is_protected_as_a_health_fact_is(
    tmp_path: Path, cards: Catalogue
):
    rows = [row(people=90), *by("structure_kind", {"ESAT": 10, "EI": 30, "ETTI": 50})]
    tables = cubes.write(tmp_path, rows)
    build(tables, cards)
    assert published(tables)["structure_kind=ESAT"] is None


def test_the_same_rows_give_the_same_bytes(tmp_path: Path, cards: Catalogue):
    found = cubes.rows(cubes.draw(4, SMALL[1]))
    first, second = cubes.write(tmp_path / "a", found), cubes.write(tmp_path / "b", found[::-1])
    for tables in (first, second):
        build(tables, cards)
    for name in ("indicators.figures", "quality.suppression"):
        assert digest_of(first, name) == digest_of(second, name)


# --- editions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["decimal", "spaser"])
def test_a_year_masked_apart_runs_nothing_of_the_folder_it_is_called_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cards: Catalogue, module: str
) -> None:
    (tmp_path / f"{module}.py").write_text("open('run', 'w').close()\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    rules = rules_on(cards.reference("suppression_rules"), date(2026, 1, 1))
    apart = sys.modules["spaser.privacy.build"]
    assert apart._decide_apart((), (), rules) == apart.decide((), (), rules)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("answer", [b"", b"not a pickle", pickle.dumps("no year")])
def test_an_unreadable_answer_is_a_year_masked_here(
    monkeypatch: pytest.MonkeyPatch, cards: Catalogue, answer: bytes
) -> None:
    apart = sys.modules["spaser.privacy.build"]
    rules = rules_on(cards.reference("suppression_rules"), date(2026, 1, 1))
    done = subprocess.CompletedProcess([], 0, stdout=answer)
    monkeypatch.setattr(apart.subprocess, "run", lambda *_, **__: done)
    assert apart._decide_apart((), (), rules) == apart.decide((), (), rules)


def test_an_edition_is_read_as_it_was_sealed_and_sealed_once(tmp_path: Path, cards: Catalogue):
    tables = cubes.write(tmp_path, [row(people=30), *by("criterion", {"RSA": 4, "JEUNE": 26})])
    build(tables, cards)
    path = seal(tables, 2025, date(2026, 3, 1))
    assert path is not None
    assert seal(tables, 2025, date(2026, 4, 1)) == path
    (edition,) = sealed(tables, 2025)
    values = {
        (figure.key[0], dict(figure.key[1]).get("criterion")): figure.value
        for figure in edition.figures
    }
    assert values["people", "RSA"] == 4
    assert {dict(place).get("criterion") for _, place in edition.hidden} == {"RSA", "JEUNE"} | (
        {None} if published(tables)["*=*"] is None else set()
    )
    cubes.write(tmp_path, [row(people=60), *by("criterion", {"RSA": 20, "JEUNE": 40})])
    build(tables, cards)
    again = seal(tables, 2025, date(2026, 5, 1))
    assert again is not None
    assert (path.name, again.name) == ("2025-1.json", "2025-2.json")
    assert seal(tables, 2019, date(2026, 5, 1)) is None


@pytest.mark.parametrize("text", ["", "[]", '{"figures": [{}]}', '{"figures": [{"measure": "x"}]}'])
def test_an_edition_that_cannot_be_read_stops_publication(
    text: str, tmp_path: Path, cards: Catalogue
):
    tables = cubes.write(tmp_path, [row(people=30)])
    folder = tmp_path / "editions"
    folder.mkdir()
    (folder / "2025-1.json").write_text(text)
    with pytest.raises(InputError, match=r"2025-1\.json.*sauvegarde"):
        build(tables, cards)
