"""A field's value ↔ its text.

The ledger writes amounts with a point and two decimals, dates as ISO, codes by their French label
(what is read back as the same value); a workbook writes amounts and dates the French way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from spaser.cards import Catalogue, RegisterField
from spaser.office import printable
from spaser.values import (
    CodeList,
    Codes,
    Read,
    read_amount,
    read_boolean,
    read_date,
    read_duration_months,
    read_integer,
    read_percent,
    read_share,
    read_siret,
)

UNCORRECTABLE = frozenset({"contract_id", "buyer_id"})
"""The ledger names contracts by these: they are corrected in the register itself."""

CENT = Decimal("0.01")
_SEPARATORS = re.compile(r"[\s,;|]+")


def is_correctable(field: RegisterField) -> bool:
    """Whether a line of the ledger may change this field: one cell, and no part of the key."""
    return field.kind != "json" and field.field not in UNCORRECTABLE


class FieldValues:
    """Reads and writes the values of the register's fields."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.fields = catalogue.fields
        self._labels: dict[str, dict[str, str]] = {}
        self._lists: dict[str, CodeList] = {}
        rows = catalogue.reference("code_lists")
        for name in {row["field"] for row in rows}:
            own = [row for row in rows if row["field"] == name]
            self._labels[name] = {row["code"]: row["label_fr"] for row in own}
            self._lists[name] = CodeList.of(own)

    def read(self, name: str, text: str | None) -> Read[Any]:
        """The value a text stands for; codes as a sorted tuple, empty for "none".

        A code may be written itself or in any spelling of its list. What is understood in part only
        is a problem: a correction says the whole.
        """
        if text is None or not text.strip():
            return Read(None)
        field = self.fields[name]
        if field.kind in {"code", "codes"}:
            return self._read_codes(field, text)
        if field.kind == "amount":
            return _plain_amount(text)
        found = _READERS[field.kind](text)
        return found if found.problem is None else Read(None, found.problem)

    def _read_codes(self, field: RegisterField, text: str) -> Read[Any]:
        known = self._labels.get(field.field, {})
        parts = {part for part in _SEPARATORS.split(text.strip("[] ")) if part}
        if parts and parts <= set(known):
            if field.kind == "codes":
                return Read(tuple(sorted(parts - {"none"})))
            return Read(parts.pop()) if len(parts) == 1 else Read(None, "code_unreadable")
        codes = self._lists.get(field.field, CodeList())
        if field.kind == "code":
            return codes.read_one(text)
        many = codes.read_many(text)
        if many.problem or not isinstance(many.value, Codes) or many.value.partial:
            return Read(None, many.problem or "code_unreadable")
        return Read(tuple(sorted(many.value.codes)))

    def tax_basis(self, name: str, text: str) -> str | None:
        """The tax basis that the text of an amount says (`1 200 HT`); null when it says none."""
        if name != "amount":
            return None
        read = read_amount(text)
        return None if read.value is None else read.value.tax_basis

    def text(self, name: str, value: Any) -> str | None:
        """The text of a value, which `read` gives back; null has none."""
        if value is None:
            return None
        field = self.fields[name]
        if field.kind in {"code", "codes"}:
            return self._code_text(field, value)
        if isinstance(value, bool):
            return "oui" if value else "non"
        if isinstance(value, Decimal):
            if field.kind == "percent":
                return f"{_trimmed(value * 100)} %"
            return format(value, "f") if field.kind == "amount" else _trimmed(value)
        return value.isoformat() if isinstance(value, date) else str(value)

    def shown(self, name: str, value: Any) -> str | None:
        """The text of a value for a reader of French: `14 700,00`, `12/03/2024`."""
        if (
            isinstance(value, Decimal)
            and name in self.fields
            and self.fields[name].kind == "amount"
        ):
            return f"{value:,.2f}".replace(",", "\u00a0").replace(".", ",")
        if isinstance(value, date):
            return value.strftime("%d/%m/%Y")
        return self.text(name, value)

    def _code_text(self, field: RegisterField, value: Any) -> str:
        codes = [value] if field.kind == "code" else sorted(value) or ["none"]
        labels = self._labels.get(field.field, {})
        text = ", ".join(labels.get(code, code) for code in codes)
        wanted = value if field.kind == "code" else tuple(sorted(value))
        return text if self.read(field.field, text).value == wanted else ", ".join(codes)

    def same(self, name: str, text: str | None, value: Any) -> bool:
        """Whether a text stands for this value, or is what the register wrote of it."""
        if isinstance(value, list):
            value = tuple(sorted(value))
        read = self.read(name, text)
        if read.problem is None and read.value == value:
            return True
        return isinstance(value, str) and text is not None and _kept(text) == _kept(value)


def _kept(text: str) -> str:
    """What is left of a text after a workbook: its spaces may have become others."""
    return " ".join(printable(text).split())


def _plain_amount(text: str) -> Read[Any]:
    read = read_amount(text)
    if read.value is None or read.problem:
        return Read(None, read.problem)
    return Read(read.value.eur.quantize(CENT, ROUND_HALF_UP))


def _trimmed(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_READERS: Mapping[str, Callable[[str], Read[Any]]] = {
    "share": read_share,
    "percent": read_percent,
    "integer": read_integer,
    "months": read_duration_months,
    "boolean": read_boolean,
    "date": read_date,
    "siret": read_siret,
    "text": lambda text: Read(text.strip() or None),
}
