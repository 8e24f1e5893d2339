"""Texts that no spreadsheet runs, CSV files, and files put in place in one step.

A text that begins as a formula gets an apostrophe before it in a CSV (OWASP, "CSV Injection"); in a
workbook `spaser.office` stores it as text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet may run a text that begins so, also after spaces; the last four are full-width."""

_SPACES = " \\t\\r\\n\\f\\v\u00a0\u2007\u2009\u202f\ufeff"
RISKY_PATTERN = f"^([\\t\\r\\n]|[{_SPACES}]*[=+@\uff1d\uff0b\uff0d\uff20-])"
"""Finds a text that a spreadsheet may run; reads the same in Python and in DuckDB (RE2)."""

_RISKY = re.compile(RISKY_PATTERN)
_GUARDED = re.compile("^'+" + RISKY_PATTERN.removeprefix("^"))
_MUST_GUARD = re.compile("^'*" + RISKY_PATTERN.removeprefix("^"))


def is_risky(text: str) -> bool:
    """Whether a spreadsheet may run this text as a formula."""
    return _RISKY.match(text) is not None


def guarded(text: str) -> str:
    """The text as a CSV may hold it: an apostrophe before what a spreadsheet may run.

    `unguarded` undoes it whatever the text: one that already begins with apostrophes gets one more.
    """
    return f"'{text}" if _MUST_GUARD.match(text) else text


def unguarded(text: str) -> str:
    """The text that `guarded` was given, or that a person wrote without it."""
    return text[1:] if _GUARDED.match(text) else text


def guarded_sql(column: str) -> str:
    """The DuckDB expression of `guarded` for a text column."""
    pattern = ("^'*" + RISKY_PATTERN.removeprefix("^")).replace("'", "''")
    return (
        f"case when regexp_matches({column}, '{pattern}') then '''' || {column} else {column} end"
    )


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write `csv_text` in one step."""
    replace_file(path, csv_text(columns, rows).encode())


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV: comma, one line feed a row, texts guarded, null as empty."""
    return "".join([_csv_line(columns), *(_csv_line(row) for row in rows)])


def _csv_line(row: Sequence[object]) -> str:
    target = io.StringIO()
    # Only a terminator that has a carriage return makes the writer quote a text that has one.
    csv.writer(target, lineterminator="\r\n").writerow(
        [guarded(value) if isinstance(value, str) else value for value in row]
    )
    return target.getvalue().removesuffix("\r\n") + "\n"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside the old one and put it in its place: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
