"""The corrections ledger: `pipelines/<scheme>/corrections.csv`, and what was refused.

One line a decision: `key` (the contract's uid), `field`, `old`, `new`, `reason`, `evidence`,
`author`, `date`. A line changes a figure, so it is only ever added, never rewritten. An empty `old`
or `new` is an unknown value. The fields `same_as` and `not_same_as` decide whether a contract of
the register is the one of DECP that `new` names. `refusals.csv` has the same columns: `new` is what
was proposed and refused, and is not proposed again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from spaser.errors import InputError
from spaser.guards import unguarded, write_csv
from spaser.project import Project
from spaser.values import read_date

COLUMNS = ("key", "field", "old", "new", "reason", "evidence", "author", "date")
SAME_AS, NOT_SAME_AS = "same_as", "not_same_as"
"""Pseudo-fields: `new` is the uid of the DECP contract that is, or is not, the register's."""

MAX_FAULTS = 10
"""Lines that one message names; it says how many more there are."""


@dataclass(frozen=True)
class Correction:
    """One line of the ledger; `line` is its place in the file, 0 while it is not in one."""

    key: str
    field: str
    old: str | None
    new: str | None
    reason: str
    evidence: str | None
    author: str | None
    date: date | None
    line: int = 0


def ledger_file(project: Project, scheme: str) -> Path:
    """Where the corrections of a scheme are."""
    return project.pipelines / scheme / "corrections.csv"


def refusals_file(project: Project, scheme: str) -> Path:
    """Where the refused proposals of a scheme are."""
    return project.pipelines / scheme / "refusals.csv"


def read(path: Path) -> tuple[Correction, ...]:
    """The lines of a ledger in their order; none when there is no file.

    Read as written here (UTF-8, comma) or as a spreadsheet writes it (byte order mark, semicolon or
    tab, columns moved, day/month/year).

    Raises:
        InputError: not UTF-8, no CSV, a column missing or unknown, a line without key or field,
            with too few or too many cells, or whose date is none: every faulty line is named.
    """
    if not path.is_file():
        return ()
    heads, rows = _rows(path)
    faults: list[tuple[int, str, str]] = []
    lines: list[Correction] = []
    for number, cells in rows:
        read_line = _line(number, heads, cells)
        if isinstance(read_line, Correction):
            lines.append(read_line)
        else:
            faults.append((number, *read_line))
    if faults:
        raise _told(path, faults)
    return tuple(lines)


def append(path: Path, lines: Sequence[Correction]) -> tuple[Correction, ...]:
    """Add lines at the end of a ledger, all or none; gives those that were added.

    A line is left out when the last one on the same key and field already says the same change.

    Raises:
        InputError: the ledger there is damaged (see `read`), or cannot be written.
    """
    present = read(path)
    last = {(line.key, line.field): (line.old, line.new) for line in present}
    added: list[Correction] = []
    for line in lines:
        if last.get((line.key, line.field)) == (line.old, line.new):
            continue
        last[(line.key, line.field)] = (line.old, line.new)
        added.append(replace(line, line=0))
    if added:
        _write(path, (*present, *added))
    return tuple(added)


def _write(path: Path, lines: Iterable[Correction]) -> None:
    try:
        write_csv(path, COLUMNS, ([getattr(line, name) for name in COLUMNS] for line in lines))
    except OSError as error:
        raise InputError(
            f"{path} : écriture impossible ({error.strerror}). Rien n'a été ajouté. Fermez le "
            "fichier s'il est ouvert ailleurs, et vérifiez la place et les droits.",
            f"{path}: cannot be written ({error.strerror}). Nothing was added. Close the file if "
            "it is open elsewhere, and check space and rights.",
        ) from None


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The heads, and each line that is not blank with its number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}, ligne {line} : le fichier n'est pas en UTF-8. Réenregistrez-le au format "
            "« CSV UTF-8 ».",
            f"{path}, line {line}: the file is not UTF-8. Save it again as “CSV UTF-8”.",
        ) from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}, ligne {start} : ce n'est pas un CSV lisible ({error}). Vérifiez les "
            "guillemets de cette ligne.",
            f"{path}, line {start}: not a readable CSV ({error}). Check the quotes of this line.",
        ) from None
    heads = [cell.strip() for cell in rows[0][1]] if rows else list(COLUMNS)
    _check_heads(path, heads)
    return heads, rows[1:]


def _check_heads(path: Path, heads: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in heads]
    unknown = [name for name in heads if name not in COLUMNS]
    double = sorted({name for name in heads if heads.count(name) > 1})
    if missing or unknown or double:
        odd = ", ".join([*missing, *unknown, *double])
        raise InputError(
            f"{path}, ligne 1 : colonnes absentes, inconnues ou répétées ({odd}). La première "
            f"ligne doit être : {','.join(COLUMNS)}.",
            f"{path}, line 1: columns missing, unknown or repeated ({odd}). The first line must "
            f"be: {','.join(COLUMNS)}.",
        )


def _line(number: int, heads: list[str], cells: list[str]) -> Correction | tuple[str, str]:
    """A line, or what is wrong with it."""
    if len(cells) != len(heads):
        return (
            f"{len(cells)} cellules au lieu de {len(heads)}",
            f"{len(cells)} cells instead of {len(heads)}",
        )
    row = {name: unguarded(cell) for name, cell in zip(heads, cells, strict=True)}
    for name in ("key", "field"):
        if not row[name].strip():
            return f"la colonne {name} est vide", f"the column {name} is empty"
    day = read_date(row["date"])
    if row["date"].strip() and day.value is None:
        return f"« {row['date']} » n'est pas une date", f"“{row['date']}” is no date"
    return Correction(
        key=row["key"].strip(),
        field=row["field"].strip(),
        old=row["old"] or None,
        new=row["new"] or None,
        reason=row["reason"],
        evidence=row["evidence"] or None,
        author=row["author"] or None,
        date=day.value,
        line=number,
    )


def _told(path: Path, faults: list[tuple[int, str, str]]) -> InputError:
    shown, more = faults[:MAX_FAULTS], len(faults) - MAX_FAULTS
    fr = " ; ".join(f"ligne {line} : {text}" for line, text, _ in shown)
    en = "; ".join(f"line {line}: {text}" for line, _, text in shown)
    if more > 0:
        fr, en = f"{fr} ; et {more} autres lignes", f"{en}; and {more} more lines"
    return InputError(
        f"{path} : {fr}. Corrigez ces lignes ; aucune correction n'a été lue.",
        f"{path}: {en}. Correct these lines; no correction was read.",
    )
