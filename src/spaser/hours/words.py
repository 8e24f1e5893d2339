"""Numbers in the words of a formula, in French and in English."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal

from babel import Locale
from babel.numbers import format_currency, format_decimal, format_percent

from spaser.hours.parameters import Number, half_up

Language = Literal["fr", "en"]


@dataclass(frozen=True)
class Words:
    """One text in both languages."""

    fr: str
    en: str


@cache
def _locale(language: Language) -> Locale:
    return Locale.parse("fr_FR" if language == "fr" else "en_GB")


def number(value: Number, language: Language) -> str:
    """`1 234,5` or `1,234.5`, two decimals at most."""
    return str(format_decimal(half_up(value, 2), "#,##0.##", _locale(language)))


def euros(value: Number, language: Language) -> str:
    """`1 000 000 €` or `€1,000,000`: cents only where there are any."""
    amount = half_up(value, 2)
    places = "" if amount == amount.to_integral_value() else ".00"
    pattern = f"#,##0{places}\u00a0¤" if language == "fr" else f"¤#,##0{places}"
    return str(format_currency(amount, "EUR", pattern, _locale(language), currency_digits=False))


def percent(value: Decimal, language: Language) -> str:
    """`5 %` or `5%`, two decimals at most."""
    pattern = "#,##0.##\u00a0%" if language == "fr" else "#,##0.##%"
    return str(format_percent(value, pattern, _locale(language)))
