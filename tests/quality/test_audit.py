"""Audit samples: the draw, the workbook and what comes back, and the interval that must cover."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaser.errors import InputError
from spaser.quality import audit
from spaser.quality.estimate import Stratum, estimate
from spaser.warehouse import session
from tests.curate.run import CARDS, rows
from tests.quality.ground import SCHEME, Ground, contract

YES, NO, UNKNOWN = 30, 50, 20
HEADS = [head.fr for head in audit.HEADS.values()]


# --- the estimate -------------------------------------------------------------------------------


def test_a_whole_census_gives_the_exact_rate() -> None:
    found = estimate([Stratum(7, 7, 6, 1), Stratum(13, 13, 2, 11)])
    assert (found.value, found.low, found.high) == (Fraction(8, 20),) * 3


def test_strata_weigh_by_their_size() -> None:
    assert estimate([Stratum(10, 5, 5, 0), Stratum(90, 9, 1, 8)]).value == Fraction(10 + 10, 100)


def test_without_an_answer_a_stratum_leaves_all_open() -> None:
    found = estimate([Stratum(10, 5, 0, 0), Stratum(90, 90, 0, 90)])
    assert (found.value, found.low, found.high) == (None, 0, Fraction(10, 100))


def test_an_undetermined_contract_widens_the_interval() -> None:
    sure = estimate([Stratum(100, 40, 20, 20)])
    less = estimate([Stratum(100, 40, 18, 18)])
    assert less.low < sure.low < sure.high < less.high


def test_an_empty_population_is_our_fault() -> None:
    with pytest.raises(ValueError, match="empty population"):
        estimate([Stratum(0, 0, 0, 0)])


strata = st.integers(1, 60).flatmap(
    lambda size: st.integers(1, size).flatmap(
        lambda drawn: st.integers(0, drawn).flatmap(
            lambda yes: st.integers(0, drawn - yes).map(lambda no: Stratum(size, drawn, yes, no))
        )
    )
)


@settings(max_examples=60)
@given(st.lists(strata, min_size=1, max_size=3))
def test_the_interval_holds_the_estimate_and_what_was_seen(given_strata: list[Stratum]) -> None:
    found = estimate(given_strata)
    total = sum(stratum.size for stratum in given_strata)
    seen = Fraction(sum(stratum.yes for stratum in given_strata), total)
    unseen = 1 - Fraction(sum(stratum.no for stratum in given_strata), total)
    assert seen <= found.low <= found.high <= unseen
    if found.value is not None and not any(stratum.undetermined for stratum in given_strata):
        assert found.low <= found.value <= found.high


def test_the_interval_covers_the_true_rate_at_least_95_times_in_100() -> None:
    random = np.random.default_rng(20261121)
    covered = 0
    for _ in range(500):
        checked, truth, population = [], 0, 0
        for _ in range(2):
            size = int(random.integers(1, 400))
            true = int(random.binomial(size, random.uniform()))
            drawn = min(size, int(random.integers(1, 50)))
            yes = int(random.hypergeometric(true, size - true, drawn))
            lost = random.binomial(1, 0.1, 2)
            found_yes, found_no = max(0, yes - lost[0]), max(0, drawn - yes - lost[1])
            checked.append(Stratum(size, drawn, int(found_yes), int(found_no)))
            truth, population = truth + true, population + size
        found = estimate(checked)
        covered += found.low <= Fraction(truth, population) <= found.high
    assert covered >= 475


# --- the draw -----------------------------------------------------------------------------------


def units(yes: int, no: int, unknown: int = 0) -> list[dict[str, Any]]:
    counts = {"yes": yes, "no": no, "unknown": unknown}
    return [
        {"uid": f"{answer}-{number}", "declared": answer}
        for answer, count in counts.items()
        for number in range(count)
    ]


def drawn(chosen: Iterable[dict[str, Any]]) -> dict[str, int]:
    answers = [unit["declared"] for unit in chosen]
    return {answer: answers.count(answer) for answer in ("yes", "no", "unknown")}


@pytest.mark.parametrize(
    ("population", "size", "expected"),
    [
        ((300, 700, 0), 100, {"yes": 30, "no": 70, "unknown": 0}),
        ((10, 990, 0), 100, {"yes": 10, "no": 99, "unknown": 0}),
        ((4, 996, 0), 100, {"yes": 4, "no": 100, "unknown": 0}),
        ((20, 30, 0), 60, {"yes": 20, "no": 30, "unknown": 0}),
        ((300, 700, 500), 100, {"yes": 30, "no": 70, "unknown": 50}),
        ((300, 700, 3), 100, {"yes": 30, "no": 70, "unknown": 3}),
    ],
)
def test_strata_are_drawn_in_proportion_with_a_minimum(
    population: tuple[int, int, int], size: int, expected: dict[str, int]
) -> None:
    assert drawn(audit.draw_units(units(*population), size, "graine")) == expected


@given(st.permutations(units(8, 12, 5)))
def test_the_draw_does_not_depend_on_the_order_of_the_rows(given_units: list[Any]) -> None:
    assert audit.draw_units(given_units, 10, "g") == audit.draw_units(units(8, 12, 5), 10, "g")


def test_another_seed_draws_others_and_every_contract_has_its_chance() -> None:
    draws = [
        {unit["uid"] for unit in audit.draw_units(units(50, 50), 20, str(seed))}
        for seed in range(200)
    ]
    counts = [sum(f"yes-{number}" in draw for draw in draws) for number in range(50)]
    assert sum(counts) == 200 * 10
    assert min(counts) > 15
    assert max(counts) < 70


# --- the workbook -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred contracts: 30 declared yes, 50 no, 20 unknown; one hostile object."""
    ground = Ground(tmp_path_factory.mktemp("audit"))
    said = ["Clause sociale"] * YES + ["Pas de considération sociale"] * NO + [None] * UNKNOWN
    ground.run(
        [
            contract(
                1,
                contract_id=f"M{number:03d}",
                position=number,
                object="=cmd|' /C calc'!A0" if number == 0 else f"Objet {number}",
                amount=str(50_000 + number),
                social_considerations=text,
            )
            for number, text in enumerate(said)
        ],
        [],
    )
    ground.again(targets=True)
    return ground.project.root


@pytest.fixture
def ground(built: Path, tmp_path: Path) -> Ground:
    shutil.copytree(built, tmp_path / "audit", symlinks=True)
    return Ground(tmp_path / "audit")


def draw(ground: Ground, **choices: Any) -> audit.SampleOutcome:
    return audit.sample(
        ground.tables, ground.project, SCHEME, "SOC-01", 2024, ground.book, **choices
    )


def answer(ground: Ground, found: dict[str, str | None]) -> None:
    """Fill in « Constaté » by what is declared, or by contract."""
    book = openpyxl.load_workbook(ground.book)
    for name in {"Contrôle", "Inconnus"} & set(book.sheetnames):
        for row in book[name].iter_rows(min_row=2):
            key, declared = row[0].value, row[HEADS.index("Déclaré")].value
            row[HEADS.index("Constaté")].value = found.get(key, found.get(declared))
    book.save(ground.book)


def test_the_sample_is_the_same_each_time(ground: Ground) -> None:
    told = draw(ground, size=40)
    assert told.draw.sizes == {"yes": YES, "no": NO, "unknown": UNKNOWN}
    assert told.drawn == {"yes": 15, "no": 25, "unknown": 10}
    assert "15/30" in told.told("fr")
    first = ground.book.read_bytes()
    draw(ground, size=40)
    assert ground.book.read_bytes() == first
    draw(ground, size=40, seed="autre")
    assert ground.book.read_bytes() != first


def test_the_workbook_has_its_sheets_its_list_and_no_formula(ground: Ground) -> None:
    draw(ground, size=100)
    book = openpyxl.load_workbook(ground.book)
    assert book.sheetnames == ["Contrôle", "Inconnus", "Méthode", "Tirage"]
    sheet = book["Contrôle"]
    assert [cell.value for cell in sheet[1]] == HEADS
    assert sheet.max_row == 1 + YES + NO
    (rule,) = sheet.data_validations.dataValidation
    assert rule.formula1 == '"oui,non,indéterminable"'
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells)
    assert sum(bool(cell.quotePrefix) for cell in cells) == 1


def test_a_census_comes_back_with_the_real_rate(ground: Ground) -> None:
    draw(ground, size=100)
    answer(ground, {"oui": "oui", "non": "Non ", "inconnu": "oui"} | wrong(ground, 3, 4))
    told = audit.import_audit(ground.project, SCHEME, ground.book)
    row = told.row
    assert told.path.name == "SOC-01-2024.csv"
    assert (row["declared_value"], row["population"]) == (Fraction(30, 80), 80)
    assert row["estimated_value"] == row["low"] == row["high"] == Fraction(30 - 3 + 4, 80)
    assert (row["checked"], row["undetermined"], row["unknown_found"]) == (80, 0, 20)
    assert float(row["agreement"]) == pytest.approx(73 / 80)
    assert "déclaré 37,5\u00a0%, estimé sur pièces 38,8\u00a0%" in told.told("fr")
    assert "declared 37.5%, estimated on documents 38.8%" in told.told("en")


def wrong(ground: Ground, yes: int, no: int) -> dict[str, str | None]:
    """Contracts whose documents say the contrary of what is declared."""
    sheet = openpyxl.load_workbook(ground.book)["Contrôle"]
    lines = list(sheet.iter_rows(min_row=2, values_only=True))
    declared = {str(line[0]): line[HEADS.index("Déclaré")] for line in lines}
    first = [uid for uid, text in declared.items() if text == "oui"][:yes]
    second = [uid for uid, text in declared.items() if text == "non"][:no]
    return dict.fromkeys(first, "non") | dict.fromkeys(second, "oui")


def test_the_table_is_what_was_imported(ground: Ground) -> None:
    assert audit.write_audits(ground.tables, ground.project, SCHEME) == 0
    draw(ground, size=40)
    answer(ground, {"oui": "x", "non": "0", "inconnu": None} | wrong(ground, 1, 1))
    told = audit.import_audit(ground.project, SCHEME, ground.book)
    assert audit.write_audits(ground.tables, ground.project, SCHEME) == 1
    (found,) = rows(ground.tables, "select * from quality.audits")
    assert found == told.row
    assert found["low"] < found["estimated_value"] < found["high"]
    with session() as connection:
        described = connection.execute(
            f"describe select * from {ground.tables.scan('quality.audits')}"
        ).fetchall()
    card = CARDS.tables["quality/audits"]
    assert {name: kind for name, kind, *_ in described} == {
        name: column.type for name, column in card.columns.items()
    }


def test_rows_deleted_and_cells_left_empty_only_widen(ground: Ground) -> None:
    draw(ground, size=40)
    answer(ground, {"oui": "oui", "non": "non"})
    whole = audit.import_audit(ground.project, SCHEME, ground.book).row
    book = openpyxl.load_workbook(ground.book)
    book["Contrôle"].delete_rows(2, 10)
    del book["Inconnus"]
    book.save(ground.book)
    less = audit.import_audit(ground.project, SCHEME, ground.book).row
    assert (less["checked"], less["undetermined"], less["sampled"]) == (30, 10, 40)
    assert less["low"] < whole["low"] <= whole["high"] < less["high"]
    assert len(list((ground.project.own("essai") / "audits").iterdir())) == 1


def test_nothing_answered_gives_no_rate(ground: Ground) -> None:
    draw(ground, size=40)
    row = audit.import_audit(ground.project, SCHEME, ground.book).row
    assert (row["estimated_value"], row["agreement"], row["checked"]) == (None, None, 0)
    assert (row["low"], row["high"]) == (0, 1)


@pytest.mark.parametrize(
    ("sheet", "cell", "value", "told"),
    [
        ("Contrôle", "G2", "sans doute", "Contrôle!G2 : « sans doute » n'est ni oui"),
        ("Contrôle", "A2", "autre", "Contrôle!A2 : « autre » n'a pas été tiré"),
        ("Tirage", "D3", "2023", "Tirage!D3 : le tirage a été modifié"),
        ("Tirage", "B2", "peut-être", "le tirage a été modifié"),
        ("Tirage", "A1", "Sans nom", "aucune feuille n'a les colonnes"),
    ],
)  # fmt: skip
def test_one_wrong_cell_and_nothing_is_recorded(
    ground: Ground, sheet: str, cell: str, value: str, told: str
) -> None:
    draw(ground, size=40)
    book = openpyxl.load_workbook(ground.book)
    book[sheet][cell] = value
    book.save(ground.book)
    with pytest.raises(InputError) as refused:
        audit.import_audit(ground.project, SCHEME, ground.book)
    assert told in refused.value.fr
    assert not (ground.project.own("essai") / "audits").exists()


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"code": "GEN-03"}, "n'est pas une part en nombre"),
        ({"code": "XXX-01"}, "SOC-01"),
        ({"year": 1999}, "--year 1999"),
        ({"buyer": "00020002200010"}, "Aucun marché connu"),
        ({"size": 0}, "au moins un marché"),
    ],
)
def test_a_sample_that_cannot_be_drawn_says_why(
    ground: Ground, choices: dict[str, Any], told: str
) -> None:
    asked = {"code": "SOC-01", "year": 2024} | choices
    code, year = asked.pop("code"), asked.pop("year")
    with pytest.raises(InputError) as refused:
        audit.sample(ground.tables, ground.project, SCHEME, code, year, ground.book, **asked)
    assert told in refused.value.fr


def test_two_records_of_one_figure_are_refused(ground: Ground) -> None:
    draw(ground, size=40)
    path = audit.import_audit(ground.project, SCHEME, ground.book).path
    shutil.copy(path, path.with_name("copie.csv"))
    with pytest.raises(
        InputError, match=r"copie\.csv : un autre fichier|SOC-01-2024\.csv : un autre"
    ):
        audit.write_audits(ground.tables, ground.project, SCHEME)


def test_a_damaged_record_is_named(ground: Ground) -> None:
    folder = ground.project.own("essai") / "audits"
    folder.mkdir(parents=True)
    (folder / "SOC-01-2024.csv").write_text("code,year\nSOC-01,x\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"SOC-01-2024\.csv : contrôle illisible"):
        audit.write_audits(ground.tables, ground.project, SCHEME)
