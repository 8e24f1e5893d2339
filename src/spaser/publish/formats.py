"""Numbers and dates as a reader of French or English writes them.

Babel (CLDR) gives the separators: in French U+202F between thousands, U+00A0 before € and %.
Rounding is done before, half up, on decimals: Babel rounds half to even.
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

NBSP = "\u00a0"
NNBSP = "\u202f"

_COMPACT = (  # from, divided by, digits, French suffix, English suffix
    (Decimal(10) ** 9, Decimal(10) ** 9, 1, "Md€", "bn"),
    (Decimal(10) ** 6, Decimal(10) ** 6, 1, "M€", "M"),
    (Decimal(10) ** 4, Decimal(10) ** 3, 0, "k€", "k"),
)


def half_up(value: Decimal, digits: int) -> Decimal:
    """The value rounded half up to that many decimals."""
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


class Formats:
    """The formats of one language (`fr` or `en`)."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = "en" if language == "en" else "fr"

    def number(self, value: Decimal | int, digits: int = 0) -> str:
        """`1 234,50` with exactly that many decimals."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(format_decimal(half_up(Decimal(value), digits), pattern, locale=self.locale))

    def trimmed(self, value: Decimal, digits: int = 2) -> str:
        """`3,5`: at most that many decimals, none that says nothing."""
        rounded = half_up(value, digits)
        needed = next(d for d in range(digits + 1) if rounded == half_up(rounded, d))
        return self.number(rounded, needed)

    def money(self, value: Decimal) -> str:
        """`1 234 567,50 €`."""
        return str(format_currency(half_up(value, 2), "EUR", locale=self.locale))

    def whole_money(self, value: Decimal) -> str:
        """`40 000 €`: cents only where there are any."""
        if value != half_up(value, 0):
            return self.money(value)
        number = self.number(value)
        return f"€{number}" if self.locale == "en" else f"{number}{NBSP}€"

    def compact_money(self, value: Decimal) -> str:
        """`4,2 M€`, `432 k€`: for headlines, never for tables."""
        for start, unit, digits, french, english in _COMPACT:
            if half_up(abs(value), 0) >= start:
                number = self.number(value / unit, digits)
                return f"€{number}{english}" if self.locale == "en" else f"{number}{NBSP}{french}"
        return self.whole_money(half_up(value, 0))

    def hours(self, value: Decimal) -> str:
        """`1 234 h`, `7,5 h`."""
        return f"{self.trimmed(value)}{NBSP}h"

    def full_time(self, value: Decimal) -> str:
        """`78,1 ETP`: full-time equivalents, whose divisor is printed beside."""
        return f"{self.number(value, 1)}{NBSP}{'FTE' if self.locale == 'en' else 'ETP'}"

    def percent(self, share: Decimal) -> str:
        """`12,3 %` from a share 0–1."""
        rounded = half_up(share * 100, 1) / 100
        return str(format_percent(rounded, "#,##0.0" + self._percent_sign, locale=self.locale))

    def date(self, day: dt.date) -> str:
        """`1er janvier 2026`."""
        if self.locale == "en":
            return str(format_date(day, "d MMMM y", locale="en"))
        text = str(format_date(day, "d MMMM y", locale="fr"))
        return f"1er{text[1:]}" if day.day == 1 else text

    def short_date(self, day: dt.date) -> str:
        """`01/02/2026`, `2026-02-01`: for tables."""
        return day.isoformat() if self.locale == "en" else f"{day:%d/%m/%Y}"

    def month(self, day: dt.date) -> str:
        """`mars 2025`."""
        return str(format_date(day, "LLLL y", locale=self.locale))

    @property
    def _percent_sign(self) -> str:
        return "%" if self.locale == "en" else f"{NBSP}%"
