"""Dated parameters of insertion clauses, exact rounding, and months on a calendar.

The parameters are the rows of `assets/references/insertion_settings.csv`: law and practice change,
so a value is chosen by its day, and one that was not read in its source says so (`to_check`).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

Number = Decimal | Fraction | int


@dataclass(frozen=True)
class Setting:
    """One value of a parameter, from a day (null: always) to a day included (null: still).

    `unit` is share, eur, hours, months or day. `status` is verified or to_check.
    """

    key: str
    item: str
    valid_from: date | None
    valid_to: date | None
    value: Decimal
    unit: str
    label_fr: str
    label_en: str
    source: str
    status: str

    def holds(self, day: date | None) -> bool:
        """Whether the value is in force on a day; an unknown day takes the value of today's row."""
        if day is None:
            return self.valid_to is None
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


class Settings:
    """The parameters by key, item and day."""

    def __init__(self, rows: Iterable[Setting]) -> None:
        self.rows = tuple(rows)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, str]]) -> Settings:
        """From the rows of the reference table, as text."""
        return cls(_setting(row) for row in rows)

    def at(self, key: str, item: str = "", day: date | None = None) -> Setting | None:
        """The row in force on a day, null when there is none: then there is no such rule.

        Raises:
            ValueError: two rows are in force on that day (a fault of the reference table).
        """
        found = [row for row in self.rows if (row.key, row.item) == (key, item) and row.holds(day)]
        if len(found) > 1:
            msg = f"insertion_settings: several rows of {key} {item} on {day}"
            raise ValueError(msg)
        return found[0] if found else None

    def items(self, key: str) -> tuple[str, ...]:
        """The items of a key, in the order of the table."""
        return tuple(dict.fromkeys(row.item for row in self.rows if row.key == key))

    def history(self, key: str) -> tuple[Setting, ...]:
        """Every row of a key, in the order of the table."""
        return tuple(row for row in self.rows if row.key == key)


def _setting(row: Mapping[str, str]) -> Setting:
    days = [date.fromisoformat(row[name]) if row[name] else None for name in _DAYS]
    texts = {name: row[name] for name in ("key", "item", *_TEXTS)}
    return Setting(valid_from=days[0], valid_to=days[1], value=Decimal(row["value"]), **texts)


_DAYS = ("valid_from", "valid_to")
_TEXTS = ("unit", "label_fr", "label_en", "source", "status")


def half_up(number: Number, places: int = 0) -> Decimal:
    """A number rounded half up (a half away from zero), exactly, at any size."""
    scaled = Fraction(number) * 10**places
    whole = (2 * abs(scaled) + 1) // 2
    # From text: Decimal arithmetic would round to its precision.
    return Decimal(f"{'-' if scaled < 0 and whole else ''}{whole}e{-places}")


def whole_tranches(number: Number) -> int:
    """The completed units of a quantity: 149.9 is 149; below zero there is none."""
    return max(0, Fraction(number).__floor__())


def plus_months(day: date, months: int) -> date:
    """The same day some months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def month_end(day: date) -> date:
    """The last day of the month of a day."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def full_time_equivalents(hours: Number, divisor: Number) -> Decimal:
    """Hours in full-time equivalents, six decimals, half up.

    The divisor is printed with the figure, because the published ones differ (1 820, 1 607 and
    1 600 hours: `fte_divisor` of the settings).

    Raises:
        ValueError: the divisor is not positive.
    """
    if divisor <= 0:
        msg = "a full-time equivalent has more than zero hours"
        raise ValueError(msg)
    return half_up(Fraction(hours) / Fraction(divisor), 6)
