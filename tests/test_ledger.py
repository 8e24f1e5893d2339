"""The corrections ledger: what is written is what is read, and damage is named by its line."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser import ledger
from spaser.errors import InputError
from spaser.ledger import Correction

HEAD = ",".join(ledger.COLUMNS)
AMOUNT = Correction(
    key="00020001400017-2024-01",
    field="amount",
    old="1.00",
    new="14700.00",
    reason="Montant symbolique : l'acte d'engagement dit 14 700 €",
    evidence="AE signé le 12/03/2024",
    author="Cellule achats",
    date=date(2026, 11, 21),
)

texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r"))
filled = texts.filter(lambda text: text.strip() and text == text.strip())
optional = st.none() | texts.filter(bool)
lines = st.builds(
    Correction,
    key=filled,
    field=filled,
    old=optional,
    new=optional,
    reason=texts,
    evidence=optional,
    author=optional,
    date=st.none() | st.dates(date(1990, 1, 1), date(2100, 12, 31)),
)


def put(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "corrections.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_no_file_is_no_correction(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "corrections.csv") == ()


def test_lines_are_added_after_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "own" / "corrections.csv"
    other = Correction("K", "object", None, "Toiture", "Vu au dossier", None, None, None)
    assert ledger.append(path, [AMOUNT]) == (AMOUNT,)
    before = path.read_bytes()
    ledger.append(path, [other])
    assert path.read_bytes().startswith(before)
    found = ledger.read(path)
    assert [line.line for line in found] == [2, 3]
    assert (found[1].key, found[1].old, found[1].new) == ("K", None, "Toiture")
    assert found[0].date == date(2026, 11, 21)
    assert [item.name for item in path.parent.iterdir()] == ["corrections.csv"]


def test_the_same_change_twice_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    again = Correction(AMOUNT.key, "amount", "1.00", "14700.00", "bis", None, "Autre", None)
    ledger.append(path, [AMOUNT, again])
    assert ledger.append(path, [again]) == ()
    assert len(ledger.read(path)) == 1


def test_a_change_undone_can_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    undone = Correction(AMOUNT.key, "amount", "14700.00", "1.00", "Erreur", None, None, None)
    for line in (AMOUNT, undone, AMOUNT):
        assert len(ledger.append(path, [line])) == 1


def test_no_cell_starts_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    hostile = "=cmd|' /C calc'!A0"
    ledger.append(path, [Correction("K", "object", hostile, "+1", "@SUM(A1)", "-1", "\t=1", None)])
    with path.open(encoding="utf-8", newline="") as content:
        _, row = csv.reader(content)
    assert row == ["K", "object", "'" + hostile, "'+1", "'@SUM(A1)", "'-1", "'\t=1", ""]
    (found,) = ledger.read(path)
    assert (found.old, found.new, found.evidence) == (hostile, "+1", "-1")


@given(st.lists(lines, max_size=4))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, given_lines: list[Correction]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "corrections.csv"
    added = ledger.append(path, given_lines)
    found = ledger.read(path)
    assert [vars(line) | {"line": 0} for line in found] == [vars(line) for line in added]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_a_spreadsheet_saved_is_read(tmp_path: Path, delimiter: str) -> None:
    row = ["Cellule achats", "21/11/2026", "K", "amount", "", "14 700,00 €", "Vu", ""]
    head = ["author", "date", "key", "field", "old", "new", "reason", "evidence"]
    quoted = [f'"{cell}"' for cell in row]
    path = put(tmp_path, f"\ufeff{delimiter.join(head)}\r\n{delimiter.join(quoted)}\r\n\r\n")
    (found,) = ledger.read(path)
    assert (found.old, found.new, found.date) == (None, "14 700,00 €", date(2026, 11, 21))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clé,champ\nK,amount\n", "ligne 1"),
        (f"{HEAD}\nK,amount,1,2\n", "ligne 2 : 4 cellules au lieu de 8"),
        (f"{HEAD}\nK,amount,1,2,r,e,a,\n,amount,1,2,r,e,a,\n", "ligne 3 : la colonne key est vide"),
        (f"{HEAD}\nK, ,1,2,r,e,a,\n", "ligne 2 : la colonne field est vide"),
        (f"{HEAD}\nK,amount,1,2,r,e,a,hier\n", "ligne 2 : « hier » n'est pas une date"),
        (f'{HEAD}\nK,amount,1,2,"r\nr,e,a,\n', "ligne 2 : ce n'est pas un CSV lisible"),
        (f"{HEAD}\n" + "x\n" * 30, "et 20 autres lignes"),
    ],
    ids=["heads", "cells", "no key", "no field", "date", "quotes", "many"],
)
def test_a_damaged_ledger_is_refused_whole(tmp_path: Path, text: str, told: str) -> None:
    path = put(tmp_path, text)
    with pytest.raises(InputError) as refused:
        ledger.append(path, [AMOUNT])
    assert told in refused.value.fr
    assert "line" in refused.value.en
    assert path.read_text(encoding="utf-8") == text


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    path = put(tmp_path, f"{HEAD}\nK,object,,Réfection,r,e,a,\n", "cp1252")
    with pytest.raises(InputError, match="ligne 2 : le fichier n'est pas en UTF-8"):
        ledger.read(path)


def test_a_ledger_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("")
    with pytest.raises(InputError, match="écriture impossible"):
        ledger.append(tmp_path / "own" / "corrections.csv", [AMOUNT])
