"""What a contract's penalties would amount to: computed, never notified by us.

The rates are parameters of the contract (CCAP 21_BAM_048 art. 8.2.2: 200 € per missing hour, 75 €
per day of delay from the buyer's formal notice); without a rate there is no amount. Whether to
notify or to waive is the buyer's decision: the words say so, and what it decided.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    @property
    def total_eur(self) -> Decimal | None:
        """Hours and days together; null where none of the two is known."""
        return total_known(self.hours_eur, self.days_eur)


@dataclass(frozen=True)
class Decided:
    """What the buyer notified and waived, in euros: zero is nothing, null an unknown amount."""

    notified_eur: Decimal | None = Decimal(0)
    waived_eur: Decimal | None = Decimal(0)

    @property
    def is_something(self) -> bool:
        """Whether the buyer notified or waived anything."""
        return self.notified_eur != 0 or self.waived_eur != 0


NOTHING_DECIDED = Decided()


def total_known(*amounts: Decimal | None) -> Decimal | None:
    """The sum of the amounts known; null where none is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


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
    decided: Decided = NOTHING_DECIDED,
) -> Penalty:
    """The penalties of a contract for the hours missing and the days of delay."""
    missing = missing_hours(due, validated)
    hours_eur = _times(missing, rates.per_hour_eur)
    days_eur = _times(days, rates.per_day_eur)
    told = _computation(rates, missing, hours_eur, days, days_eur)
    decision = _decision(total_known(hours_eur, days_eur), decided)
    return Penalty(missing, hours_eur, days, days_eur, _joined([*told, *decision]))


def _joined(sentences: Sequence[Words]) -> Words:
    return Words(
        " ".join(words.fr for words in sentences), " ".join(words.en for words in sentences)
    )


def _times(quantity: Decimal | int | None, rate: Decimal | None) -> Decimal | None:
    if quantity is None or rate is None:
        return None
    return half_up(Fraction(quantity) * Fraction(rate), 2)


_NOT_NOTIFIED = Words(
    "Montant calculé, non notifié : la décision appartient à l'acheteur.",
    "Computed and not notified: the decision is the buyer's.",
)


def _decision(computed: Decimal | None, decided: Decided) -> list[Words]:
    """What the buyer decided; without a decision, that a computed amount is not notified."""
    acts = [
        (Words("notifié", "notified"), decided.notified_eur),
        (Words("levé", "waived"), decided.waived_eur),
    ]
    told = [
        Words(f"{verb.fr} {extent.fr}", f"{verb.en} {extent.en}")
        for verb, amount in acts
        if amount != 0
        for extent in [_extent(amount, computed)]
    ]
    if not told:
        return [] if computed is None else [_NOT_NOTIFIED]
    return [
        Words(
            f"Décidé par l'acheteur : {', '.join(words.fr for words in told)}.",
            f"Decided by the buyer: {', '.join(words.en for words in told)}.",
        )
    ]


def _extent(amount: Decimal | None, computed: Decimal | None) -> Words:
    """How much of what is computed an amount is."""
    if amount is None:
        return Words("pour un montant inconnu", "for an unknown amount")
    extent = Words("pour {}", "for {}")
    if computed:
        if amount < computed:
            extent = Words("en partie ({})", "in part ({})")
        elif amount == computed:
            extent = Words("en totalité ({})", "in whole ({})")
        else:
            extent = Words("au-delà du calcul ({})", "beyond the computation ({})")
    return Words(extent.fr.format(euros(amount, "fr")), extent.en.format(euros(amount, "en")))


def _computation(
    rates: Rates,
    missing: Decimal | None,
    hours_eur: Decimal | None,
    days: int | None,
    days_eur: Decimal | None,
) -> list[Words]:
    told = []
    if missing is not None and hours_eur is not None and rates.per_hour_eur is not None:
        told.append(
            Words(
                f"{number(missing, 'fr')}\u00a0h manquantes × {euros(rates.per_hour_eur, 'fr')} = "
                f"{euros(hours_eur, 'fr')}.",
                f"{number(missing, 'en')} h missing × {euros(rates.per_hour_eur, 'en')} = "
                f"{euros(hours_eur, 'en')}.",
            )
        )
    if days is not None and days_eur is not None and rates.per_day_eur is not None:
        late_fr, late_en = euros(rates.per_day_eur, "fr"), euros(rates.per_day_eur, "en")
        told.append(
            Words(
                f"{days} jours de retard × {late_fr} = {euros(days_eur, 'fr')}.",
                f"{days} days of delay × {late_en} = {euros(days_eur, 'en')}.",
            )
        )
    return told or [_NOTHING_COMPUTED]


_NOTHING_COMPUTED = Words("Aucune pénalité calculable.", "No penalty can be computed.")
