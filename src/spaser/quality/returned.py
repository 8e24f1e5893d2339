"""Reading back a workbook that a person filled in: sorted, filtered, rows deleted, columns moved.

Columns are known by their heads, in French or in English, wherever they are; several sheets may
hold them. A cell is its text: numbers without a trailing `.0`, dates ISO, formulas by their last
value, errors as empty. Macros are never run.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter

from spaser.cards import Text
from spaser.errors import InputError
from spaser.values import normalise, read_boolean

HEAD_ROWS = 50
"""The heads are looked for so far down: a title may have been put above them."""

LARGEST = 1_000_000_000
"""Bytes of an unpacked workbook: beyond, it is none that was sent out."""

MAX_FAULTS = 20
"""Cells that one message names; it says how many more there are."""

_OLE = b"\xd0\xcf\x11\xe0"
"""How a workbook begins that is protected by a password, or of the old format (.xls)."""


@dataclass(frozen=True)
class Row:
    """A row that was filled in: its texts by column, and where they are."""

    sheet: str
    number: int
    cells: Mapping[str, str | None]
    letters: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """The text of a column, trimmed; empty is null."""
        text = (self.cells.get(name) or "").strip()
        return text or None

    def place(self, name: str) -> str:
        """Where a cell is: `À faire!G12`."""
        return f"{self.sheet}!{self.letters.get(name, '')}{self.number}"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cell."""

    place: str
    fr: str
    en: str


def refuse(file: Path, faults: Sequence[Fault]) -> None:
    """Tell every fault in one message, if there is one.

    Raises:
        InputError: there is at least one fault.
    """
    if not faults:
        return
    shown, more = faults[:MAX_FAULTS], len(faults) - MAX_FAULTS
    fr = " ; ".join(f"{fault.place} : {fault.fr}" for fault in shown)
    en = "; ".join(f"{fault.place}: {fault.en}" for fault in shown)
    if more > 0:
        fr, en = f"{fr} ; et {more} autres cellules", f"{en}; and {more} more cells"
    raise InputError(
        f"{file.name} : {fr}. Corrigez le classeur et importez-le à nouveau ; "
        "rien n'a été enregistré.",
        f"{file.name}: {en}. Correct the workbook and import it again; nothing was recorded.",
    )


def read_rows(file: Path, heads: Mapping[str, Text], required: Sequence[str]) -> list[Row]:
    """The rows of every sheet that has the required heads; rows with no text are left out.

    Raises:
        InputError: no file, no readable workbook, protected, or no sheet with these heads.
    """
    book = _open(file)
    try:
        rows: list[Row] = []
        found = False
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            read = _sheet_rows(sheet, heads, required)
            found = found or read is not None
            rows += read or []
    except Exception as error:
        raise _unreadable(file, error) from None
    finally:
        book.close()
    if not found:
        names = ", ".join(f"« {heads[name].fr} »" for name in required)
        english = ", ".join(f"“{heads[name].en}”" for name in required)
        raise InputError(
            f"{file.name} : aucune feuille n'a les colonnes {names}. Repartez du classeur exporté, "
            "sans renommer ses colonnes.",
            f"{file.name}: no sheet has the columns {english}. Start again from the exported "
            "workbook, without renaming its columns.",
        )
    return rows


def _open(file: Path) -> Any:
    try:
        with file.open("rb") as content:
            start = content.read(4)
        if start == _OLE:
            raise InputError(
                f"{file.name} : classeur protégé par mot de passe, ou de l'ancien format .xls. "
                "Retirez le mot de passe et enregistrez-le au format .xlsx.",
                f"{file.name}: workbook protected by a password, or of the old format .xls. "
                "Remove the password and save it as .xlsx.",
            )
        with zipfile.ZipFile(file) as archive:
            if sum(item.file_size for item in archive.infolist()) > LARGEST:
                msg = "too large / trop grand"
                raise ValueError(msg)
        return openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except FileNotFoundError:
        raise InputError(
            f"Fichier introuvable : {file}. Vérifiez le nom.",
            f"File not found: {file}. Check the name.",
        ) from None
    except InputError:
        raise
    except Exception as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> InputError:
    told = " ".join(f"{type(error).__name__} {error}".split())[:200]
    return InputError(
        f"{file.name} : ce n'est pas un classeur .xlsx lisible ({told}). "
        "Enregistrez-le à nouveau au format .xlsx.",
        f"{file.name}: not a readable .xlsx workbook ({told}). Save it again as .xlsx.",
    )


def _sheet_rows(sheet: Any, heads: Mapping[str, Text], required: Sequence[str]) -> list[Row] | None:
    """The rows under the heads; None where the sheet does not have them."""
    known = {normalise(text): name for name, head in heads.items() for text in (head.fr, head.en)}
    columns: dict[str, int] = {}
    rows: list[Row] = []
    for number, cells in _texts(sheet):
        if not columns:
            found: dict[str, int] = {}
            for place, text in enumerate(cells):
                name = known.get(normalise(text or ""))
                if name is not None:
                    found.setdefault(name, place)
            if set(required) <= set(found):
                columns = found
            elif number > HEAD_ROWS:
                return None
            continue
        picked = {
            name: cells[place] if place < len(cells) else None for name, place in columns.items()
        }
        if any((text or "").strip() for text in picked.values()):
            letters = {name: get_column_letter(place + 1) for name, place in columns.items()}
            rows.append(Row(sheet.title, number, picked, letters))
    return rows if columns else None


def _texts(sheet: Any) -> Iterator[tuple[int, list[str | None]]]:
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        yield number, [None if cell.data_type == "e" else _text(cell.value) for cell in cells]


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(" ")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def read_yes_no(text: str, yes: frozenset[str], no: frozenset[str]) -> bool | None:
    """A yes or a no as people type it, whatever the case and the spaces; null when it is neither.

    Args:
        text: what was typed.
        yes: normalised words that mean yes here, beside the usual ones (`oui`, `x`, `✓`).
        no: normalised words that mean no here.
    """
    word = normalise(text)
    if word in yes:
        return True
    if word in no:
        return False
    return read_boolean(text).value
