"""Text → value: how a register's cell is read.

Each reader takes one text and gives `Read(value, problem)`. A filler (`NC`, `MQ`, `CDL`, `INX …`,
empty) is unknown without a problem, except `INX` which quotes an invalid value. Readers never
guess: what they do not understand, or what has two readings, is null with a problem (a rule of
`finding_rules.csv`). A value beside a problem was understood and repaired or is incomplete.
Fillers: see the national consolidation's tags, MQ = mandatory missing, CDL = optional left empty,
INX = invalid, NC = not communicated.

Dates are read by strict patterns with Babel's month names, not by dateparser: a hundred times
faster, and dateparser swaps `2024-13-01` and `04/13/2024` into days, takes `mercredi 12 mars 2024`
(a Tuesday) and, unless told to be strict, makes a day of `12` or `mars 2024`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Any, Generic, Literal, TypeVar

from babel.dates import get_day_names, get_month_names
from stdnum.fr import siret as siret_number

Value = TypeVar("Value")

FIRST_PLAUSIBLE_YEAR = 1990
LAST_PLAUSIBLE_YEAR = 2100
LARGEST_AMOUNT = Decimal(10) ** 16
"""What DECIMAL(18,2) cannot hold."""

_FILLERS = {
    *("", "mq", "mq nc", "cdl", "null", "none", "nan"),
    *("nc", "n c", "nd", "n d", "na", "n a", "nr", "n r"),
    *("non renseigne", "non renseignee", "non communique", "non communiquee"),
    *("inconnu", "inconnue"),
}
_STRUCTURE_WORDS = {
    "considerationsociale",
    "considerationenvironnementale",
    "technique",
    "modaliteexecution",
    "typeprix",
}
_LINKING_WORDS = {
    *("de", "du", "des", "d", "la", "le", "les", "l", "a", "au", "aux", "en", "par"),
    *("article", "art", "code", "commande", "publique", "ccp"),
}
_NEGATIONS = {"non", "pas", "sans", "aucun", "aucune", "ni", "hors", "neant", "sauf"}


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
    return " ".join(re.sub(r"[^a-z0-9]+", " ", _unaccented(text.replace("\\n", " "))).split())


def _unaccented(text: str) -> str:
    """Lower case without accents, one space between words; punctuation stays."""
    decomposed = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return " ".join(letters.split())


def is_filler(text: str) -> bool:
    """Whether a text stands for "nothing known here"."""
    words = normalise(text)
    return words in _FILLERS or words.startswith(("mq ", "cdl ", "inx "))


def _unknown(text: str, problem: str) -> Read[Any]:
    """How a filler is read: a problem only where it quotes an invalid value."""
    return Read(None, problem if normalise(text).startswith("inx ") else None)


# --- dates --------------------------------------------------------------------------------------

LAST_SHORT_YEAR = 49
"""`24` is 2024. From `50` on the century is not sure (1998 or 2098): such a year is not guessed."""

_TIME = r"(?:[ T,]+(?:à )?[0-9]{1,2}[:h][0-9]{2}(?::[0-9]{2})?)?"
_ISO_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?P<gap>[-/.])(?P<month>[0-9]{2})(?P=gap)(?P<day>[0-9]{2})"
    r"(?:[T ][0-9]{1,2}(?::[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)?)?"
    r" ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
_FRENCH_DATE = re.compile(
    r"(?P<day>[0-9]{1,2}) ?(?P<gap>[-/.]) ?(?P<month>[0-9]{1,2}) ?(?P=gap) ?"
    rf"(?P<year>[0-9]{{4}}|[0-9]{{2}}){_TIME}"
)
_WORDED_DATE = re.compile(
    r"(?:le )?(?:(?P<weekday>[a-z]+) )?(?P<day>[0-9]{1,2})(?: ?er)? (?P<month>[a-z]+) "
    r"(?P<year>[0-9]{4}|[0-9]{2})"
)
_MONTH_ONLY = re.compile(
    r"([a-z]+) (?:[0-9]{4}|[0-9]{2})|(?:0?[1-9]|1[0-2]) [0-9]{4}|[0-9]{4} (?:0[1-9]|1[0-2])"
)
_SERIAL = re.compile(r"([2-7][0-9]{4}|80000)(?:[.,]0+)?")
_SERIAL_EPOCH = date(1899, 12, 30)
"""Day 0 of the 1900 date system for every day after 28 February 1900."""


@cache
def _month_numbers() -> Mapping[str, int]:
    """French and English names and short names of months, normalised."""
    names = {
        normalise(name): number
        for language in ("fr", "en")
        for width in ("wide", "abbreviated")
        for number, name in get_month_names(width, locale=language).items()
    }
    older = {"fev": 2, "juill": 7}
    return names | older


@cache
def _weekday_numbers() -> Mapping[str, int]:
    """French and English names and short names of weekdays, normalised; Monday is 0."""
    return {
        normalise(name): number
        for language in ("fr", "en")
        for width in ("wide", "abbreviated")
        for number, name in get_day_names(width, locale=language).items()
    }


def read_date(text: str) -> Read[date]:
    """A calendar date, for fields that hold dates.

    ISO (with a time or a zone); day/month/year with `/`, `-` or `.`; French or English words
    (`1er janvier 2026`, `mardi 12 mars 2024`, `12-mars-24`), refused when the weekday is not that
    day's; a whole Excel serial from 20000 to 80000, in the 1900 date system. The day comes first
    (`03/04/2024` is 3 April) except in ISO; nothing is swapped. Two digits of a year up to 49 are
    20yy. Problems: `date_incomplete` for a month without its day, `date_implausible` for a year
    outside 1990–2100 or of unsure century: such years (`0218`, `5021`, `98`) are never repaired.
    """
    parts = _numeric_date(text.strip()) or _worded_date(normalise(text))
    if parts:
        return _calendar_date(*parts)
    serial = _SERIAL.fullmatch(text.strip())
    if serial:
        return _plausible(_SERIAL_EPOCH + timedelta(days=int(serial[1])))
    if is_filler(text):
        return _unknown(text, "date_unreadable")
    return Read(None, "date_incomplete" if _is_month(text) else "date_unreadable")


def _numeric_date(text: str) -> tuple[int, int, int] | None:
    """Year, month and day of a date in digits; the year 0 stands for one of unsure century."""
    match = _ISO_DATE.fullmatch(text) or _FRENCH_DATE.fullmatch(text)
    if match is None:
        return None
    return _full_year(match["year"]), int(match["month"]), int(match["day"])


def _worded_date(words: str) -> tuple[int, int, int] | None:
    match = _WORDED_DATE.fullmatch(words)
    month = _month_numbers().get(match["month"]) if match else None
    if match is None or month is None:
        return None
    year, day = _full_year(match["year"]), int(match["day"])
    if match["weekday"] and not _falls_on(match["weekday"], year, month, day):
        return None
    return year, month, day


def _falls_on(weekday: str, year: int, month: int, day: int) -> bool:
    try:
        return date(year, month, day).weekday() == _weekday_numbers().get(weekday)
    except ValueError:
        return False


def _full_year(digits: str) -> int:
    if len(digits) == 4:
        return int(digits)
    return 2000 + int(digits) if int(digits) <= LAST_SHORT_YEAR else 0


def _calendar_date(year: int, month: int, day: int) -> Read[date]:
    try:
        value = date(year or 2000, month, day)  # 2000, a leap year, when the century is not sure
    except ValueError:
        return Read(None, "date_unreadable")
    return _plausible(value) if year else Read(None, "date_implausible")


def _plausible(value: date) -> Read[date]:
    if FIRST_PLAUSIBLE_YEAR <= value.year <= LAST_PLAUSIBLE_YEAR:
        return Read(value)
    return Read(None, "date_implausible")


def _is_month(text: str) -> bool:
    match = _MONTH_ONLY.fullmatch(normalise(text))
    return match is not None and (match[1] is None or match[1] in _month_numbers())


_MONTH_WORDS = re.compile(r"(?P<name>[a-z]+) (?P<year>[0-9]{4}|[0-9]{2})")
_MONTH_NUMBERS = re.compile(
    r"(?P<month>0?[1-9]|1[0-2])[-/. ](?P<year>[0-9]{4})"
    r"|(?P<iso>[0-9]{4})[-/. ]?(?P<second>0[1-9]|1[0-2])"
)


def read_month(text: str) -> Read[date]:
    """A month, as its first day: `2025-03`, `202503`, `03/2025`, `mars 2025`, `mars-25`, any date.

    Problems: `date_unreadable`, and `date_implausible` as `read_date`.
    """
    stripped = text.strip()
    numbers = _MONTH_NUMBERS.fullmatch(stripped)
    if numbers:
        year, month = numbers["year"] or numbers["iso"], numbers["month"] or numbers["second"]
        return _calendar_date(int(year), int(month), 1)
    words = _MONTH_WORDS.fullmatch(normalise(text))
    if words and words["name"] in _month_numbers():
        return _calendar_date(_full_year(words["year"]), _month_numbers()[words["name"]], 1)
    day = read_date(text)
    return Read(day.value.replace(day=1)) if day.value else day


# --- numbers ------------------------------------------------------------------------------------

_BLANK = "[ \u00a0\u2000-\u200a\u202f]"
_GAP = f"{_BLANK}{{0,2}}"
"""At most two: longer blanks are shortened first, so that no text takes long to refuse."""
_NUMBER = rf"""(?P<number>
    [1-9][0-9]{{0,2}} (?P<group>{_BLANK}|['’.,])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*
        (?:(?!(?P=group))[.,][0-9]*)?
  | [0-9]*(?:[.,][0-9]*)?(?:[eE][+-]?[0-9]{{1,9}})?
)"""
_MINUS = "[-\u2212]"
_DECIMAL = re.compile(rf"(?P<sign>[+]|{_MINUS})?{_GAP}{_NUMBER}{_GAP}€?", re.VERBOSE)
_TWO_READINGS = re.compile("[1-9][0-9]{0,2}[.,][0-9]{3}")


def read_decimal(text: str) -> Read[Decimal]:
    """A number as programs or French spreadsheets write it: `14 700,00`, `1.0e17`, `-12.5`.

    `1.234` is a little more than one: for an amount typed by hand see `read_amount`.
    """
    if is_filler(text):
        return _unknown(text, "number_unreadable")
    match = _DECIMAL.fullmatch(_tidy(text))
    if match is None or match["group"] in {".", ","}:
        return Read(None, "number_unreadable")
    return _decimal(match, negative=match["sign"] not in {None, "+"})


def _tidy(text: str) -> str:
    """Without invisible characters, spaces at the ends, nor blanks longer than two."""
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf").strip()
    return re.sub(f"({_BLANK}{{2}}){_BLANK}+", r"\1", seen)


def _decimal(match: re.Match[str], *, negative: bool, power: int = 0) -> Read[Decimal]:
    """The number of a match, times a power of ten. Made from text: arithmetic would round it."""
    digits = match["number"]
    if match["group"]:
        # The marks differ: once the groups are joined, the one that is left is the decimal mark.
        digits = digits.replace(match["group"], "")
    mantissa, _, exponent = digits.replace(",", ".").lower().partition("e")
    try:
        value = Decimal(f"{'-' if negative else ''}{mantissa}e{int(exponent or 0) + power}")
    except InvalidOperation:
        return Read(None, "number_unreadable")
    # Beyond, Python's own arithmetic overflows.
    return Read(value) if abs(value.adjusted()) < 10**6 else Read(None, "number_unreadable")


def read_integer(text: str) -> Read[int]:
    """A whole number; `12.0` is 12, `12.5` is not a whole number."""
    number = read_decimal(text)
    if number.value is None:
        return Read(None, number.problem)
    if abs(number.value) >= 2**31 or number.value != number.value.to_integral_value():
        return Read(None, "number_unreadable")
    return Read(int(number.value))


def read_share(text: str) -> Read[Decimal]:
    """A share between 0 and 1."""
    number = read_decimal(text)
    if number.value is None:
        return number
    return number if 0 <= number.value <= 1 else Read(None, "number_unreadable")


def read_percent(text: str) -> Read[Decimal]:
    """A percentage as a share from 0 to 1: `20`, `20 %` and `0,2` are 0.20.

    With its sign it is a percentage (`0,5 %` is 0.005). Without, up to 1 it is a share, as a
    spreadsheet stores a percentage (`1` is 100 %), above 1 a percentage.
    """
    bare = text.rstrip().removesuffix("%")
    number = read_decimal(bare)
    if number.value is None:
        return number
    if not 0 <= number.value <= 100:
        return Read(None, "number_unreadable")
    signed = bare != text.rstrip()
    return Read(number.value.scaleb(-2)) if signed or number.value > 1 else number


TaxBasis = Literal["ht", "ttc"]


@dataclass(frozen=True)
class Amount:
    """Euros, and whether the cell itself says without (`ht`) or with VAT (`ttc`)."""

    eur: Decimal
    tax_basis: TaxBasis | None = None


_EUROS = "(?:€|(?i:euros?|EUR))"
_TAX = rf"(?i:H\.?T\.?|T\.?T\.?C\.?|hors{_BLANK}taxes?|toutes{_BLANK}taxes{_BLANK}comprises)"
_UNIT = rf"""(?:
    (?P<symbol>[kKM]|Mds?|Mrds?){_GAP}{_EUROS}
  | (?P<word>(?i:mille|milliers?|millions?|milliards?))(?:{_GAP}(?:d['’])?{_EUROS})?
  | {_EUROS}
)"""
_AMOUNT = re.compile(
    rf"""'?(?P<open>\()?{_GAP}
    (?P<before>[+]|{_MINUS})?{_GAP} (?:{_EUROS}{_GAP})? (?P<between>[+]|{_MINUS})?{_GAP}
    {_NUMBER}
    (?:{_GAP}(?P<after>{_MINUS}))? (?:{_GAP}(?P<close>\)))?
    {_GAP}{_UNIT}? {_GAP}(?P<tax>{_TAX}|\({_TAX}\))? {_GAP}(?P<last>\))?""",
    re.VERBOSE,
)


def read_amount(text: str) -> Read[Amount]:
    """Euros as people write them: `14 700,00 €`, `14.700,00`, `12,5 k€`, `(1 200,00)`, `1 200 HT`.

    A minus stands before or after, or brackets stand for it. Three digits behind the only mark
    (`1.200`, `1,200`) are `number_ambiguous`: a thousand or a decimal, both are written so. Not so
    `0,125`, `1234.567` or `1 200,500`, which have one reading. A range, an estimate, two amounts
    in a cell or words are `number_unreadable`: never a part of them. Nothing is rounded.
    """
    if is_filler(text):
        return _unknown(text, "number_unreadable")
    match = _AMOUNT.fullmatch(_tidy(text))
    if match is None:
        return Read(None, "number_unreadable")
    closing = [mark for mark in (match["close"], match["last"]) if mark]
    signs = [s for s in (match["open"], match["before"], match["between"], match["after"]) if s]
    if len(closing) != (match["open"] is not None) or len(signs) > 1:
        return Read(None, "number_unreadable")
    if _TWO_READINGS.fullmatch(match["number"]):
        return Read(None, "number_ambiguous")
    number = _decimal(match, negative=bool(signs) and signs[0] != "+", power=_power(match))
    if number.value is None:
        return Read(None, number.problem)
    return Read(Amount(number.value, _basis(match["tax"])))


def _power(match: re.Match[str]) -> int:
    """The power of ten that a unit stands for: `k€`, `millions d'euros`, `Md€`."""
    if match["symbol"]:
        return {"k": 3, "K": 3, "M": 6}.get(match["symbol"], 9)
    word = (match["word"] or "").lower()
    if not word:
        return 0
    return 6 if word.startswith("million") else 9 if word.startswith("milliard") else 3


def _basis(tax: str | None) -> TaxBasis | None:
    if tax is None:
        return None
    return "ttc" if tax.lstrip("(").lower().startswith("t") else "ht"


_FOLD_DURATION = str.maketrans({"'": " ", "’": " ", "(": " ", ")": " ", ",": " , "})
_COUNTS = {"un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "douze": 12}
_COUNT = rf"(?:[0-9]{{1,3}}|{'|'.join(_COUNTS)})"
_PERIOD = rf"(?:{_COUNT} ans?(?: et | , | )?(?:{_COUNT} mois)?|{_COUNT} mois)"
_DURATION = re.compile(
    rf"(?P<first>{_PERIOD})(?: ?fermes?)?"
    r"(?:(?: ,| et| \+)? ?(?:tacitement )?(?:renouvelables?|reconductibles?)(?: tacitement)? "
    rf"(?P<times>{_COUNT}) ?(?:fois|x)"
    rf"(?:(?: ,| pour)?(?: une)?(?: periode| duree)?(?: de| d)? (?P<each>{_PERIOD}))?)?"
)


def read_duration_months(text: str) -> Read[int]:
    """Whole months: `12`, `12 mois`, `4 ans fermes`, `1 an et 6 mois`, `1 an renouvelable 3 fois`.

    The duration of the public data includes renewals: `1 an renouvelable 3 fois` is 48, and
    `2 ans reconductible 1 fois 6 mois` 30. Anything else (`90 jours`, `1 an renouvelable`, a range,
    a parting of months) is `duration_unreadable`.
    """
    plain = read_integer(text)
    if plain.value is not None or is_filler(text):
        return Read(plain.value, plain.problem and "duration_unreadable")
    match = _DURATION.fullmatch(_unaccented(text.translate(_FOLD_DURATION)))
    if match is None:
        return Read(None, "duration_unreadable")
    first = _months(match["first"])
    times = _counted(match["times"]) if match["times"] else 0
    return Read(first + times * (_months(match["each"]) if match["each"] else first))


def _months(period: str) -> int:
    """The months of a text that `_PERIOD` matches."""
    found = re.findall(rf"({_COUNT}) (an|mois)", period)
    return sum(_counted(count) * (12 if unit == "an" else 1) for count, unit in found)


def _counted(word: str) -> int:
    return _COUNTS.get(word) or int(word)


LARGEST_HOURS = Decimal(10) ** 9
_CLOCK = re.compile(
    r"(?P<sign>-)?(?P<hours>[0-9]{1,9}) ?(?:h|:) ?(?P<minutes>[0-5][0-9])(?: ?mn?| ?min)?"
)
_HOUR_UNIT = re.compile(r"(?i)\s*(?:heures?|hrs?|h)\.?\s*$")


def read_hours(text: str) -> Read[Decimal]:
    """Hours, two decimals: `151,67`, `151,67 h`, `35 heures`, `7h30` and `7:30` (7.50).

    Negative hours are read: what they mean is not for a reader to say. Problem:
    `number_unreadable`, also from a billion hours on.
    """
    clock = _CLOCK.fullmatch(text.strip().lower())
    if clock:
        value = int(clock["hours"]) + Decimal(int(clock["minutes"])) / 60
        return Read(_cents(-value if clock["sign"] else value))
    bare = _HOUR_UNIT.sub("", text)
    number = read_decimal(bare)
    if number.value is None:
        return Read(None, "number_unreadable") if text.strip() and not bare.strip() else number
    if abs(number.value) >= LARGEST_HOURS:
        return Read(None, "number_unreadable")
    return Read(_cents(number.value))


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


# --- ticks and identifiers ----------------------------------------------------------------------

_YES = {"true", "oui", "1", "1 0", "vrai", "o", "x", "yes", "y"}
_NO = {"false", "non", "0", "0 0", "faux", "n", "no"}
_TICKS = {"✓": True, "✔": True, "☑": True, "✅": True, "✗": False, "✘": False, "❌": False}


def read_boolean(text: str) -> Read[bool]:
    """`oui`/`non`, `o`/`n`, `vrai`/`faux`, `true`/`false`, `yes`/`no`, `1`/`0`, `x`, `✓`, `✗`.

    A blank is unknown: whether an empty cell of a column of ticks means no, the column says.
    """
    sign = text.strip().removesuffix("\ufe0f")
    if sign in _TICKS:
        return Read(_TICKS[sign])
    if any(unicodedata.category(c).startswith("S") for c in sign):
        return Read(None, "code_unreadable")
    if is_filler(text):
        return _unknown(text, "code_unreadable")
    word = normalise(text)
    if word in _YES or word in _NO:
        return Read(word in _YES)
    return Read(None, "code_unreadable")


_SCIENTIFIC = re.compile(r"([0-9])(?:[.,]([0-9]+))?[eE][+]?([0-9]{1,3})")


def read_siret(text: str) -> Read[str]:
    """The 14 digits of a SIRET, without the spaces, dots or dashes between them.

    A spreadsheet that took it for a number leaves traces: `21440215800015.0` is whole; 13 digits
    that are a SIRET behind a zero are given it back (`siret_zero_restored`); `2,14402E+13` has lost
    digits (`siret_rounded`). Anything else, a VAT number included, is `siret_malformed`. Whether
    14 digits are a true SIRET is another question: `is_siret`.
    """
    if is_filler(text):
        return _unknown(text, "siret_malformed")
    bare = re.sub(r"^([0-9]{13,14})[.,]0+$", r"\1", _tidy(text).removeprefix("'"))
    scientific = _SCIENTIFIC.fullmatch(bare)
    if scientific:
        mantissa = scientific[1] + (scientific[2] or "")
        if len(mantissa) != int(scientific[3]) + 1:
            return Read(None, "siret_rounded")
        bare = mantissa
    digits = re.sub(r"[\s.-]", "", bare)
    if not re.fullmatch("[0-9]{13,14}", digits) or not int(digits):
        return Read(None, "siret_malformed")
    if len(digits) == 14:
        return Read(digits)
    if is_siret("0" + digits):
        return Read("0" + digits, "siret_zero_restored")
    return Read(None, "siret_malformed")


def is_siret(digits: str) -> bool:
    """Whether 14 digits hold their check digits.

    Luhn's for the SIRET and for its SIREN; for La Poste (SIREN 356000000), whose post offices have
    none, the sum of the digits is a multiple of five.
    """
    return bool(siret_number.is_valid(digits))


# --- award criteria -----------------------------------------------------------------------------

Nature = Literal["price", "cost", "technical", "environmental", "social", "other"]


@dataclass(frozen=True)
class Criterion:
    """An award criterion (CCP R2152-7) and its weight, a share of one.

    `other` says that the words tell no single nature (`RSE`, `développement durable`, `Technique et
    environnement`): it excludes neither a social nor an environmental part.
    """

    label: str
    nature: Nature
    weight: Decimal


_NATURE_WORDS: Mapping[Nature, str] = {
    "price": "prix|tarifs?|tarifaire|montant",
    "cost": "couts?|cycle de vie",
    "technical": "techniques?|qualites?|qualitative?|methodologie|methodes?|delais?|organisation|"
    "moyens|planning|fonctionnel|fonctionnelle|ergonomie|livraison|maintenance|sav|securite",
    "environmental": "environnement(?! de travail| informatique| technique)|environnementaux|"
    "environnementale?s?|ecologi\\w*|carbone|climat|climatiques?|biodiversite|recycl\\w*|reemploi|"
    "(?:gestion|reduction|valorisation) des dechets",
    "social": "social|sociale?s?|sociaux|insertion|handicap\\w*|egalite|apprentissage|"
    "commerce equitable|(?:publics|personnes) eloignee?s de l'emploi|demandeurs d'emploi",
}
_BOTH = re.compile(r"\b(rse|developpement durable|societale?s?|responsab\w*|sustainab\w*)\b")
_WEIGHT = re.compile(
    r"\(?\s*[:=]?\s*(?<![0-9])(?<![0-9][.,])(?P<weight>[0-9]{1,3}(?:[.,][0-9]{1,3})?)\s*"
    r"(?:(?P<unit>%|points?\b|pts?\b|/\s*100\b)|(?=\s*\)?\s*(?:[;|\n/]|,(?![0-9])|[-–]\s|$)))\s*\)?"
)
_NUMBERING = re.compile("^[0-9]{1,2} ?[.)°-] ?")
_AROUND_LABEL = " \t\r\n;,|/:=-–—•+()."


def read_criteria(text: str) -> Read[tuple[Criterion, ...]]:
    """Award criteria with their weights: `Prix 60 % ; Valeur technique 30 % ; Environnement 10 %`.

    The weight stands behind its label, or before all of them; in per cent or in points of 100.
    Weights that do not add up to 100 (± 0.01) are `criteria_sum`: some criterion is missing or a
    sub-criterion was counted twice. Sub-criteria (`dont …`) and labels without weight make all
    `criteria_unreadable`.
    """
    if is_filler(text):
        return _unknown(text, "criteria_unreadable")
    # Blanks are shortened first, so that no text takes long to refuse.
    lines = (" ".join(line.split()) for line in text.splitlines())
    pairs = _weighted_labels("\n".join(line for line in lines if line))
    if not pairs or not all(_is_label(label) for label, _ in pairs):
        return Read(None, "criteria_unreadable")
    if abs(sum((weight for _, weight in pairs), Decimal(0)) - 100) > Decimal("0.01"):
        return Read(None, "criteria_sum")
    return Read(
        tuple(Criterion(label, _nature(label), weight.scaleb(-2)) for label, weight in pairs)
    )


def _is_label(text: str) -> bool:
    return bool(re.search(r"[^\W\d_]", text)) and not re.search(r"\bdont\b", text.casefold())


def _weighted_labels(text: str) -> list[tuple[str, Decimal]]:
    """Labels and percentages; empty when the texts between the weights are not their labels."""
    found = list(_WEIGHT.finditer(text))
    ends = [0, *(match.end() for match in found)]
    starts = [*(match.start() for match in found), len(text)]
    gaps = zip(ends, starts, strict=True)
    between = [_NUMBERING.sub("", text[end:start].strip(_AROUND_LABEL)) for end, start in gaps]
    weights = [Decimal(match["weight"].replace(",", ".")) for match in found]
    if between[-1] and between[0]:
        return []
    labels = between[1:] if between[-1] else between[:-1]
    return list(zip(labels, weights, strict=True))


def _nature(label: str) -> Nature:
    """What a label is about; `other` when its words tell nothing or more than one thing.

    A technical word beside a social or environmental one only qualifies it (`Qualité sociale`),
    unless both are joined (`Technique et environnement`).
    """
    words = _unaccented(label)
    if _BOTH.search(words):
        return "other"
    found = [n for n, known in _NATURE_WORDS.items() if re.search(rf"\b(?:{known})\b", words)]
    joined = re.search(r"\b(?:et|ou|environnement)\b|[&+/,]", words)
    if len(found) == 2 and found[0] == "technical" and not joined:
        return found[1]
    return found[0] if len(found) == 1 else "other"


# --- codes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CodeList:
    """The codes of one field and the spellings met for each, normalised, longest first."""

    spellings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, str]]) -> CodeList:
        """From rows of `assets/references/code_lists.csv` (`code`, `spellings` separated by |).

        The French label is a spelling too. A code may have several rows.
        """
        pairs = [
            (words, row["code"])
            for row in rows
            for spelling in (row.get("label_fr", ""), *row["spellings"].split("|"))
            if (words := normalise(spelling))
        ]
        return cls(dict(sorted(pairs, key=lambda pair: (-len(pair[0]), pair))))

    def read_one(self, text: str) -> Read[str]:
        """The code of a single-valued field.

        Several spellings of one code are that code (`Procédure adaptée (MAPA)`); `unspecified`
        gives way to what says more. Words that are no spelling are not skipped, linking words
        apart: `appel d'offres non ouvert` is not `open`.
        """
        if is_filler(text):
            return _unknown(text, "code_unreadable")
        found, left = self._find(normalise(text))
        codes = set(found)
        codes = codes - {"unspecified"} or codes
        if len(codes) == 1 and not set(left) - _LINKING_WORDS:
            return Read(codes.pop())
        return Read(None, "code_unreadable")

    def read_many(self, text: str) -> Read[Codes]:
        """The codes of a multi-valued field, whatever its shape.

        Wrapped or plain lists, scalars, Python text and comma text all hold the same spellings:
        they are looked for as whole phrases, so no comma or bracket has to be understood. "None"
        beside a positive value keeps the positive value (`none_with_positive`). Words that are no
        spelling leave the list partial: what they may have meant stays unknown; a negation among
        them (`clause sociale : non`) leaves all unknown.
        """
        if is_filler(text):
            return _unknown(text, "code_unreadable")
        found, rest = self._find(_without(normalise(text), _STRUCTURE_WORDS))
        left = [word for word in rest if not found or word not in _LINKING_WORDS | {"et"}]
        if _NEGATIONS & set(left):
            return Read(None, "code_unreadable")
        unknown = [word for word in left if word not in _FILLERS]
        problem = "code_unreadable" if unknown else None
        positive = tuple(sorted({code for code in found if code != "none"}))
        if positive and "none" in found:
            problem = problem or "none_with_positive"
        if not found or (not positive and left):
            return Read(None, problem)
        return Read(Codes(positive, partial=bool(left)), problem)

    def _find(self, words: str) -> tuple[list[str], list[str]]:
        """The codes whose spellings stand in a normalised text as whole phrases, and the rest.

        A lone negation is a spelling only when it is the whole text: elsewhere it negates the rest.
        """
        if words in self.spellings:
            return [self.spellings[words]], []
        rest = f" {words} "
        found: list[str] = []
        for spelling, code in self.spellings.items():
            phrase = f" {spelling} "
            while phrase in rest and spelling not in _NEGATIONS:
                found.append(code)
                # Two blanks: what stood on both sides of a phrase makes no new phrase.
                rest = rest.replace(phrase, "  ")
        return found, rest.split()


def _without(words: str, ignored: Iterable[str]) -> str:
    return " ".join(word for word in words.split() if word not in ignored)
