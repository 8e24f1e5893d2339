"""What a contract's penalties would amount to: computed, never notified.

The rates are parameters of the contract (CCAP 21_BAM_048 art. 8.2.2: 200 € per missing hour, 75 €
per day of delay from the buyer's formal notice); without a rate there is no amount. Whether to
notify or to waive is the buyer's decision, and the words say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from spaser.hours.parameters import half_up
from spaser.hours.words import Words, euros, number


@dataclass(frozen=True)
class Rates:
    """The penalties that a contract provides for, in euros; null: none in the contract."""

    per_hour_eur: Decimal | None = None
    per_day_eur: Decimal | None = None


@dataclass(frozen=True)
class Penalty:
    """A computed penalty; null where the rate, the hours due or the days are unknown.

    missing_hours: due less validated, never below zero. words: the computation, and who decides.
    """

    missing_hours: Decimal | None
    hours_eur: Decimal | None
    late_days: int | None
    days_eur: Decimal | None
    words: Words


def missing_hours(due: Decimal | None, validated: Decimal) -> Decimal | None:
    """Hours due and not validated; null while the hours due are unknown."""
    return None if due is None else max(Decimal(0), due - validated)


def late_days(formal_notice: date | None, until: date) -> int | None:
    """Days after the buyer's formal notice, until the documents came or a day; null without one.

    Without a formal notice no day counts: the delay begins with it.
    """
    return None if formal_notice is None else max(0, (until - formal_notice).days)


def penalty(
    rates: Rates,
    due: Decimal | None,
    validated: Decimal,
    days: int | None = None,
) -> Penalty:
    """The penalties of a contract for the hours missing and the days of delay."""
    missing = missing_hours(due, validated)
    hours_eur = _times(missing, rates.per_hour_eur)
    days_eur = _times(days, rates.per_day_eur)
    return Penalty(
        missing, hours_eur, days, days_eur, _words(rates, missing, hours_eur, days, days_eur)
    )


def _times(quantity: Decimal | int | None, rate: Decimal | None) -> Decimal | None:
    if quantity is None or rate is None:
        return None
    return half_up(Fraction(quantity) * Fraction(rate), 2)


_DECISION = Words(
    "Montant calculé, non notifié : la décision appartient à l'acheteur.",
    "Computed and not notified: the decision is the buyer's.",
)


def _words(
    rates: Rates,
    missing: Decimal | None,
    hours_eur: Decimal | None,
    days: int | None,
    days_eur: Decimal | None,
) -> Words:
    fr: list[str] = []
    en: list[str] = []
    if missing is not None and hours_eur is not None and rates.per_hour_eur is not None:
        fr.append(
            f"{number(missing, 'fr')}\u00a0h manquantes × {euros(rates.per_hour_eur, 'fr')} = "
            f"{euros(hours_eur, 'fr')}."
        )
        en.append(
            f"{number(missing, 'en')} h missing × {euros(rates.per_hour_eur, 'en')} = "
            f"{euros(hours_eur, 'en')}."
        )
    if days is not None and days_eur is not None and rates.per_day_eur is not None:
        fr.append(
            f"{days} jours de retard × {euros(rates.per_day_eur, 'fr')} = {euros(days_eur, 'fr')}."
        )
        en.append(
            f"{days} days of delay × {euros(rates.per_day_eur, 'en')} = {euros(days_eur, 'en')}."
        )
    if not fr:
        return Words("Aucune pénalité calculable.", "No penalty can be computed.")
    return Words(" ".join([*fr, _DECISION.fr]), " ".join([*en, _DECISION.en]))
