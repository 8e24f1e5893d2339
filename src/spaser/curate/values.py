"""Text → value: how a register's cell is read.

Each reader takes one text and gives `Read(value, problem)`. A filler (`NC`, `MQ`, `CDL`, `INX …`,
empty) is unknown without a problem, except `INX` which quotes an invalid value. Readers never
repair: what they do not understand is null with a problem (a rule of `finding_rules.csv`).
Fillers: see the national consolidation's tags, MQ = mandatory missing, CDL = optional left empty,
INX = invalid, NC = not communicated.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Generic, TypeVar

Value = TypeVar("Value")

FIRST_PLAUSIBLE_YEAR = 1990
LAST_PLAUSIBLE_YEAR = 2100
LARGEST_AMOUNT = Decimal(10) ** 16
"""What DECIMAL(18,2) cannot hold."""

_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:$|[T ]\d|[+-]\d{2}:?\d{2}$|Z$)")
_FRENCH_DATE = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_FILLERS = {"", "nc", "mq", "cdl", "mq nc", "null", "none", "nan", "n d", "na", "n a"}
_STRUCTURE_WORDS = {
    "considerationsociale",
    "considerationenvironnementale",
    "technique",
    "modaliteexecution",
    "typeprix",
}


@dataclass(frozen=True)
class Read(Generic[Value]):
    """A value or null, and the rule it breaks, if any."""

    value: Value | None
    problem: str | None = None


@dataclass(frozen=True)
class Codes:
    """A multi-valued field: codes known, and whether more was said that is not understood."""

    codes: tuple[str, ...]
    partial: bool = False


def normalise(text: str) -> str:
    """Lower case without accents or punctuation, one space between words."""
    text = text.replace("œ", "oe").replace("Œ", "OE").replace("\\n", " ")
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return " ".join(re.sub(r"[^a-z0-9]+", " ", letters).split())


def is_filler(text: str) -> bool:
    """Whether a text stands for "nothing known here"."""
    words = normalise(text)
    return words in _FILLERS or words.startswith(("mq ", "cdl ", "inx "))


def _quotes_invalid_value(text: str) -> bool:
    return normalise(text).startswith("inx ")


def read_date(text: str) -> Read[date]:
    """A calendar date: ISO, ISO with a time or time zone, or day/month/year.

    A year outside 1990–2100 is `date_implausible`: such years (`0218`, `5021`) are never repaired.
    """
    stripped = text.strip()
    iso = _ISO_DATE.match(stripped)
    french = None if iso else _FRENCH_DATE.fullmatch(stripped)
    if iso:
        year, month, day = (int(part) for part in iso.groups())
    elif french:
        day, month, year = (int(part) for part in french.groups())
    elif is_filler(text):
        return Read(None, "date_unreadable" if _quotes_invalid_value(text) else None)
    else:
        return Read(None, "date_unreadable")
    try:
        value = date(year, month, day)
    except ValueError:
        return Read(None, "date_unreadable")
    if not FIRST_PLAUSIBLE_YEAR <= year <= LAST_PLAUSIBLE_YEAR:
        return Read(None, "date_implausible")
    return Read(value)


def read_decimal(text: str) -> Read[Decimal]:
    """A number as programs or French spreadsheets write it: `14 700,00`, `1.0e17`, `-12.5`."""
    if is_filler(text):
        return Read(None, "number_unreadable" if _quotes_invalid_value(text) else None)
    compact = re.sub(r"[\s\u00a0\u202f\u2009']", "", text).removesuffix("€")
    if "," in compact and "." not in compact and compact.count(",") == 1:
        compact = compact.replace(",", ".")
    try:
        # Decimal would take 2023_10 for 202310.
        value = Decimal(compact.replace("_", "?"))
    except InvalidOperation:
        return Read(None, "number_unreadable")
    return Read(value) if value.is_finite() else Read(None, "number_unreadable")


def read_integer(text: str) -> Read[int]:
    """A whole number; `12.0` is 12, `12.5` is not a whole number."""
    number = read_decimal(text)
    if number.value is None:
        return Read(None, number.problem)
    if number.value != number.value.to_integral_value() or abs(number.value) >= 2**31:
        return Read(None, "number_unreadable")
    return Read(int(number.value))


def read_share(text: str) -> Read[Decimal]:
    """A share between 0 and 1."""
    number = read_decimal(text)
    if number.value is None:
        return number
    return number if 0 <= number.value <= 1 else Read(None, "number_unreadable")


def read_boolean(text: str) -> Read[bool]:
    """`true`/`false`, `oui`/`non`, `1`/`0`."""
    if is_filler(text):
        return Read(None, "code_unreadable" if _quotes_invalid_value(text) else None)
    word = normalise(text)
    if word in {"true", "oui", "1", "vrai"}:
        return Read(True)
    if word in {"false", "non", "0", "faux"}:
        return Read(False)
    return Read(None, "code_unreadable")


@dataclass(frozen=True)
class CodeList:
    """The codes of one field and the spellings met for each, normalised, longest first."""

    spellings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, str]]) -> CodeList:
        """From rows of `assets/references/code_lists.csv` (`code`, `spellings` separated by |)."""
        pairs = [
            (normalise(spelling), row["code"])
            for row in rows
            for spelling in row["spellings"].split("|")
        ]
        return cls(dict(sorted(pairs, key=lambda pair: (-len(pair[0]), pair))))

    def read_one(self, text: str) -> Read[str]:
        """The code of a single-valued field."""
        if is_filler(text):
            return Read(None, "code_unreadable" if _quotes_invalid_value(text) else None)
        code = self.spellings.get(normalise(text))
        return Read(code, None if code else "code_unreadable")

    def read_many(self, text: str) -> Read[Codes]:
        """The codes of a multi-valued field, whatever its shape.

        Wrapped or plain lists, scalars, Python text and comma text all hold the same spellings:
        they are looked for as whole phrases, so no comma or bracket has to be understood. "None"
        beside a positive value keeps the positive value (`none_with_positive`). Words that are no
        spelling leave the list partial: what they may have meant stays unknown.
        """
        if is_filler(text):
            return Read(None, "code_unreadable" if _quotes_invalid_value(text) else None)
        rest = f" {normalise(text)} "
        found: list[str] = []
        for spelling, code in self.spellings.items():
            if f" {spelling} " in rest:
                found.append(code)
                rest = rest.replace(f" {spelling} ", "  ")
                rest = rest.replace(f" {spelling} ", "  ")
        left = [word for word in rest.split() if word not in _STRUCTURE_WORDS]
        unknown = [word for word in left if word not in _FILLERS]
        problem = "code_unreadable" if unknown else None
        positive = tuple(sorted({code for code in found if code != "none"}))
        if positive and "none" in found:
            problem = problem or "none_with_positive"
        if not found or (not positive and left):
            return Read(None, problem)
        return Read(Codes(positive, partial=bool(left)), problem)
