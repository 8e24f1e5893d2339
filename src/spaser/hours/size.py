"""How many hours a clause asks for: the calculator behind `spaser clause size`.

hours = amount without VAT × labour share × insertion rate ÷ hourly cost, rounded half up to whole
hours (practice of facilitators, DOMAIN §2.1: 1 000 000 € × 50 % × 5 % ÷ 30 € = 833 h).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction

from spaser.errors import InputError
from spaser.hours.parameters import Setting, Settings, half_up
from spaser.hours.words import Words, euros, number, percent
from spaser.values import normalise


@dataclass(frozen=True)
class Parameter:
    """One figure of a computation, and where it comes from.

    `source` is null for what the asker gave; `status` is given, verified or to_check.
    """

    name: str
    value: Decimal
    unit: str
    label: Words
    source: str | None = None
    status: str = "given"


@dataclass(frozen=True)
class Sizing:
    """The hours of a clause, the formula with its figures, and each figure's origin.

    `exact` is before rounding. `warnings` says which figures are out of the usual range.
    """

    hours: int
    exact: Fraction
    formula: Words
    explanation: Words
    parameters: tuple[Parameter, ...]
    warnings: tuple[Words, ...]


def labour_hours(
    amount_eur: Decimal, labour_share: Decimal, insertion_rate: Decimal, hourly_cost_eur: Decimal
) -> Fraction:
    """The formula, exact and not rounded."""
    return (
        Fraction(amount_eur)
        * Fraction(labour_share)
        * Fraction(insertion_rate)
        / Fraction(hourly_cost_eur)
    )


def formula(
    amount_eur: Decimal, labour_share: Decimal, insertion_rate: Decimal, hourly_cost_eur: Decimal
) -> Words:
    """The formula with its figures and its result."""
    exact = labour_hours(amount_eur, labour_share, insertion_rate, hourly_cost_eur)
    fr = (
        f"{euros(amount_eur, 'fr')} × {percent(labour_share, 'fr')} × "
        f"{percent(insertion_rate, 'fr')} ÷ {euros(hourly_cost_eur, 'fr')} = "
        f"{number(exact, 'fr')}\u00a0h, arrondi à {number(half_up(exact), 'fr')}\u00a0h"
    )
    en = (
        f"{euros(amount_eur, 'en')} × {percent(labour_share, 'en')} × "
        f"{percent(insertion_rate, 'en')} ÷ {euros(hourly_cost_eur, 'en')} = "
        f"{number(exact, 'en')} h, rounded to {number(half_up(exact), 'en')} h"
    )
    return Words(fr, en)


def clause_size(
    settings: Settings,
    amount_eur: Decimal,
    *,
    trade: str | None = None,
    labour_share: Decimal | None = None,
    insertion_rate: Decimal | None = None,
    hourly_cost_eur: Decimal | None = None,
    on: date | None = None,
) -> Sizing:
    """The hours to write in a clause, with every figure used and its source.

    The labour share is given, or found by the trade (`labour_share` of the settings). Without a
    rate or an hourly cost, the usual ones of the settings in force on the day serve, and are named.

    Raises:
        InputError: neither or both of trade and labour share, an unknown trade, an amount that is
            not positive, a share or rate outside 0–1, an hourly cost that is not positive.
    """
    share = _labour_share(settings, trade, labour_share, on)
    rate = _given_or_usual(settings, "insertion_rate", insertion_rate, "share", _RATE, on)
    cost = _given_or_usual(settings, "hourly_cost", hourly_cost_eur, "eur", _COST, on)
    amount = Parameter("amount", amount_eur, "eur", _AMOUNT)
    parameters = (amount, share, rate, cost)
    for parameter in parameters:
        _check(parameter)
    values = [parameter.value for parameter in parameters]
    exact = labour_hours(*values)
    warnings = (*_out_of_practice(settings, rate, on), *_out_of_practice(settings, cost, on))
    return Sizing(
        int(half_up(exact)),
        exact,
        formula(*values),
        _explanation(parameters, warnings),
        parameters,
        warnings,
    )


_AMOUNT = Words("Montant HT du marché ou du lot", "Amount of the contract or lot without VAT")
_SHARE = Words("Part de main-d'œuvre", "Labour share")
_RATE = Words("Taux d'insertion", "Insertion rate")
_COST = Words("Coût horaire", "Hourly cost")


def _labour_share(
    settings: Settings, trade: str | None, share: Decimal | None, on: date | None
) -> Parameter:
    trades = _trades(settings)
    if (trade is None) == (share is None):
        raise InputError(
            "Donnez soit le corps d'état, soit la part de main-d'œuvre, et un seul des deux. "
            f"Corps d'état connus : {', '.join(words.fr for words in trades.values())}.",
            "Give either the trade or the labour share, and only one of them. "
            f"Known trades: {', '.join(words.en for words in trades.values())}.",
        )
    if share is not None:
        return Parameter("labour_share", share, "share", _SHARE)
    item = _item_of(str(trade), trades)
    found = settings.at("labour_share", item, on) if item else None
    if found is None:
        raise _unknown_trade(str(trade), trades.values())
    return _from(found)


def _trades(settings: Settings) -> dict[str, Words]:
    """The trades by item, named as their labels end: `Part de main-d'œuvre, peinture`."""
    return {
        row.item: Words(row.label_fr.rpartition(", ")[2], row.label_en.rpartition(", ")[2])
        for row in settings.history("labour_share")
    }


def _item_of(trade: str, trades: Mapping[str, Words]) -> str | None:
    """The item of a trade named in French, in English or by its code."""
    asked = normalise(trade)
    for item, words in trades.items():
        if asked in {normalise(item), normalise(words.fr), normalise(words.en)}:
            return item
    return None


def _unknown_trade(trade: str, known: Iterable[Words]) -> InputError:
    words = list(known)
    french, english = [word.fr for word in words], [word.en for word in words]
    near_fr, near_en = get_close_matches(trade, french, n=1), get_close_matches(trade, english, n=1)
    fr = f" Vouliez-vous dire « {near_fr[0]} » ?" if near_fr else ""
    en = f" Did you mean “{near_en[0]}”?" if near_en else ""
    return InputError(
        f"Le corps d'état « {trade} » n'a pas de part de main-d'œuvre connue.{fr} Connus : "
        f"{', '.join(french)}. Pour un autre, donnez la part elle-même.",
        f"The trade “{trade}” has no known labour share.{en} Known: {', '.join(english)}. For "
        "another, give the share itself.",
    )


def _given_or_usual(
    settings: Settings, key: str, value: Decimal | None, unit: str, label: Words, on: date | None
) -> Parameter:
    if value is not None:
        return Parameter(key, value, unit, label)
    usual = settings.at(key, "usual", on)
    if usual is None:
        raise InputError(
            f"{label.fr} : aucune valeur usuelle à cette date. Donnez-la.",
            f"{label.en}: no usual value on that date. Give it.",
        )
    return _from(usual)


def _from(setting: Setting) -> Parameter:
    return Parameter(
        setting.key,
        setting.value,
        setting.unit,
        Words(setting.label_fr, setting.label_en),
        setting.source,
        setting.status,
    )


MOST_EUR = Decimal("1e16")
"""Above, no amount fits a DECIMAL(18,2)."""


def _check(parameter: Parameter) -> None:
    if parameter.unit == "share":
        most = Decimal(1)
        fr, en = (
            "une part entre 0 et 100 %, zéro exclu",
            "a share between 0 and 100%, zero excluded",
        )
    else:
        most = MOST_EUR
        fr, en = "un montant en euros plus grand que zéro", "an amount in euros above zero"
    if not (parameter.value.is_finite() and 0 < parameter.value <= most):
        raise InputError(
            f"{parameter.label.fr} : {parameter.value} ne convient pas. Donnez {fr}.",
            f"{parameter.label.en}: {parameter.value} does not fit. Give {en}.",
        )


def _out_of_practice(
    settings: Settings, parameter: Parameter, on: date | None
) -> tuple[Words, ...]:
    """A warning where a figure is below or above what practice shows."""
    low = settings.at(parameter.name, "low", on)
    high = settings.at(parameter.name, "high", on)
    if (low is None or low.value <= parameter.value) and (
        high is None or parameter.value <= high.value
    ):
        return ()
    source = (low or high or settings.rows[0]).source
    return (
        Words(
            f"{parameter.label.fr} : {_shown(parameter, 'fr')} est hors des pratiques relevées "
            f"({source}).",
            f"{parameter.label.en}: {_shown(parameter, 'en')} is out of the practice seen "
            f"({source}).",
        ),
    )


def _shown(parameter: Parameter, language: str) -> str:
    if parameter.unit == "share":
        return percent(parameter.value, "fr" if language == "fr" else "en")
    return euros(parameter.value, "fr" if language == "fr" else "en")


_METHOD = Words(
    "Heures = montant HT × part de main-d'œuvre × taux d'insertion ÷ coût horaire, arrondies à "
    "l'heure la plus proche (une demi-heure vers le haut).",
    "Hours = amount without VAT × labour share × insertion rate ÷ hourly cost, rounded to the "
    "nearest hour (half an hour up).",
)
_STATUSES = {
    "given": Words("donné", "given"),
    "verified": Words("vérifié", "verified"),
    "to_check": Words("à vérifier", "to check"),
}


def _explanation(parameters: tuple[Parameter, ...], warnings: tuple[Words, ...]) -> Words:
    fr, en = [_METHOD.fr], [_METHOD.en]
    for parameter in parameters:
        status = _STATUSES[parameter.status]
        source = f", {parameter.source}" if parameter.source else ""
        fr.append(f"{parameter.label.fr} : {_shown(parameter, 'fr')} ({status.fr}{source}).")
        en.append(f"{parameter.label.en}: {_shown(parameter, 'en')} ({status.en}{source}).")
    fr += [f"Attention : {warning.fr}" for warning in warnings]
    en += [f"Beware: {warning.en}" for warning in warnings]
    return Words("\n".join(fr), "\n".join(en))
