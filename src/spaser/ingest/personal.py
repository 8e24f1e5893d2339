"""What in a text may name a person, and the age band that a birth date becomes.

Shapes are all that can be seen: an e-mail address, a telephone or social number, a birth date, the
words behind « Mme ». A bare name in a free text has no shape; the user's guide says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

REMOVED = "[retiré]"
"""What stands where a text was removed: no reader understands it, so the cell is not empty."""

LONGEST_TEXT = 1000
"""A longer text is no name of a site, a company or a contract: it is removed whole."""

_GAP = r"[\s.\u00a0\u202f-]?"
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_TOLD = re.compile(
    r"\b(?:n[ée](?:\(?e\)?)?\s+le|domicili[ée]\w*|demeurant|habitant\s+(?:au|à|a)|adresse\s*:)"
    r"[^;|\n]*",
    re.I,
)
_PARTICLES = r"(?:(?:de|du|des|la|le|d['’]|l['’]|von|van|el|ben|al)\s*)*"
_TITLED = re.compile(
    r"\b(?P<title>(?:M\.|MM\.|Mr\.?|Mme|Mmes|Mlle|Mlles|Monsieur|Messieurs|Madame|Mesdames"
    r"|Mademoiselle|MME|MMES|MLLE|MONSIEUR|MADAME|MADEMOISELLE|mme|mlle|monsieur|madame))"
    rf"(?P<gap>[\s\u00a0\u202f]*){_PARTICLES}\w[\w'’.-]*"
    rf"(?:[ \u00a0]+{_PARTICLES}[A-ZÀ-ÖØ-Þ][\w'’.-]*){{0,3}}"
)
_SOCIAL = re.compile(
    rf"(?<!\d)[1-478]{_GAP}\d{{2}}{_GAP}\d{{2}}{_GAP}(?:\d{{2}}|2[ABab]){_GAP}\d{{3}}{_GAP}"
    rf"\d{{3}}(?:{_GAP}\d{{2}})?(?!\d)"
)
_LONG_NUMBER = re.compile(r"(?<!\d)(?:\d{13}|\d{15})(?!\d)")
_TELEPHONE = re.compile(
    rf"(?<!\d)(?:(?:\+|00)33{_GAP}(?:\(0\))?|0)[1-9](?:{_GAP}\d{{2}}){{4}}(?!\d)"
)
_MOBILE_OR_SPACED = re.compile(
    rf"(?<!\d)(?:(?:\+|00)33{_GAP}(?:\(0\))?[1-9](?:{_GAP}\d{{2}}){{4}}|0[67]\d{{8}}"
    r"|0[1-9](?:[\s.\u00a0\u202f-]\d{2}){4})(?!\d)"
)
_BIRTH_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}[/.-]\d{1,2}[/.-](?:19\d{2}|200\d)|(?:19\d{2}|200\d)-\d{2}-\d{2}"
    r"|\d{1,2}/\d{1,2}/[3-9]\d)(?!\d)"
)


def without_persons(text: str) -> str:
    """A free text with `REMOVED` in the place of what may name a person."""
    if len(text) > LONGEST_TEXT:
        return REMOVED
    cleaned = _TITLED.sub(rf"\g<title> {REMOVED}", _TOLD.sub(REMOVED, _EMAIL.sub(REMOVED, text)))
    for shape in (_SOCIAL, _LONG_NUMBER, _TELEPHONE, _BIRTH_DATE):
        cleaned = shape.sub(REMOVED, cleaned)
    return cleaned


def reference_without_persons(text: str) -> str:
    """A contract number or a lot: the same, but its own digits are no person's.

    `202100000000100` is a contract number of DECP 2019. Digits that begin like a year stay unless
    they are a whole social number with its key; ten digits in one piece only go as a mobile number.
    """
    if len(text) > LONGEST_TEXT:
        return REMOVED
    cleaned = _TITLED.sub(rf"\g<title> {REMOVED}", _TOLD.sub(REMOVED, _EMAIL.sub(REMOVED, text)))
    cleaned = _SOCIAL.sub(
        lambda found: REMOVED if _is_social_number(found.group()) else found.group(), cleaned
    )
    return _BIRTH_DATE.sub(REMOVED, _MOBILE_OR_SPACED.sub(REMOVED, cleaned))


def _is_social_number(text: str) -> bool:
    """Whether 13 or 15 digits are more likely a social number than a contract number."""
    digits = re.sub(r"[^0-9AB]", "", text.upper())
    if not re.match("20[0-9]{2}", digits):
        return True
    if len(digits) < 15:
        return False
    body = digits[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and int(digits[13:]) == 97 - int(body) % 97


def may_name_persons(texts: Iterable[str]) -> bool:
    """Whether some text has a shape that only persons have."""
    return any(without_persons(text) != text for text in texts)


_YEARS = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_SHORT_DATE = re.compile(r"\s*\d{1,2}[/.-]\d{1,2}[/.-](\d{2})\s*")
_WORKING_AGES = range(14, 100)
_BANDS = ((26, "1_under_26"), (41, "2_26_40"), (51, "3_41_50"), (1000, "4_over_50"))
"""The first age beyond each band: the bands of the national observatory of insertion clauses."""


def age_band(birth: str, year: int) -> str | None:
    """The code of the age reached in a year, from a birth year or date; null when it says none.

    A year of two digits is the latest that gives a working age. Ages under 14 or from 100 on are
    no worker's.
    """
    born = _birth_year(birth, year)
    if born is None or year - born not in _WORKING_AGES:
        return None
    return next(code for beyond, code in _BANDS if year - born < beyond)


def _birth_year(birth: str, year: int) -> int | None:
    short = _SHORT_DATE.fullmatch(birth)
    if short:
        born = 2000 + int(short[1])
        return born if year - born in _WORKING_AGES else born - 100
    years = _YEARS.findall(birth)
    return int(years[0]) if len(years) == 1 else None
