"""The headers of sheets with a column a month."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from spaser.values import read_date, read_month

FEW = 3
"""Fewer months in figures, one after the other, may be two dates of a record."""


@lru_cache(maxsize=20_000)
def month_of(header: str) -> date | None:
    """The month that a header names: `mars 2025`, `03/2025`, `2025-03-01`; its last line decides.

    A day that is not the first of its month is a date, no header of hours.
    """
    text = re.sub(r"[T ]00:00:00$", "", header.rsplit(" / ", 1)[-1].strip())
    if len(text) > 20 or (text.isdigit() and len(text) != len("202503")):
        return None
    month = read_month(text).value
    day = read_date(text).value
    return month if day is None or day == month else None


def months_in_a_row(texts: Sequence[str]) -> int:
    """How many cells of a row are months, each the one after that of the cell before it.

    Two are enough where words name them (`janv. 2025`, `févr. 2025`).
    """
    best = run = 0
    worded = True
    before: date | None = None
    for text in texts:
        month = month_of(text)
        if month is None:
            run, before = 0, None
            continue
        run = run + 1 if before is not None and _follows(month, before) else 1
        worded = any(letter.isalpha() for letter in text) and (worded or run == 1)
        before = month
        if run >= FEW or (run > 1 and worded):
            best = max(best, run)
    return best


def _follows(month: date, before: date) -> bool:
    return (month.year * 12 + month.month) - (before.year * 12 + before.month) == 1
