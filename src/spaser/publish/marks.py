"""A printed figure and the machine-readable mark it carries."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Figure:
    """One printed number, with the key of the result it comes from.

    `raw` is the exact decimal (shares 0–1), `text` what is printed. A test recomputes `raw` from
    `indicators.evidence` joined to `facts.contracts`, and `text` from `raw`.
    """

    code: str
    method: str
    scope: str
    measure: str
    unit: str
    buyer: str
    year: int
    dimension: str
    member: str
    part: str
    raw: Decimal
    text: str

    def __html__(self) -> str:
        """The `<data>` element."""
        names = [field.name for field in fields(self) if field.name not in {"raw", "text"}]
        attributes = "".join(f' data-{name}="{escape(getattr(self, name))}"' for name in names)
        return Markup(
            f'<data class="figure"{attributes} value="{plain(self.raw)}">{escape(self.text)}</data>'
        )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class TargetFigure:
    """A number of an objective that no result holds: its threshold, the contracts to qualify."""

    target: str
    buyer: str
    year: int
    part: str
    raw: Decimal
    text: str

    def __html__(self) -> str:
        """The `<data>` element."""
        return Markup(
            f'<data class="target-figure" data-target="{escape(self.target)}" '
            f'data-buyer="{escape(self.buyer)}" data-year="{self.year}" '
            f'data-part="{self.part}" value="{plain(self.raw)}">{escape(self.text)}</data>'
        )

    def __str__(self) -> str:
        return self.text


def plain(value: Decimal) -> str:
    """`1234.5`: no exponent, no trailing zero."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
