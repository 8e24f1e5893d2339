"""Who is bound to have a SPASER: `indicators.duty`.

The buyer's spend of a calendar year under contracts, Book V apart, without VAT, is strictly above
the threshold of that year: 50 M€ since 2023 (CCP art. L2111-3, D2111-3; décret 2022-767 art. 1).
It is what the accounts say was spent, and never the sum of published contracts.

Spend is an interval. What surely counts and is known without VAT is in both bounds; a line that may
count (under a contract or not, Book V or not, of that year or not) moves one bound only, and a line
whose amount without VAT is unknown leaves the upper bound open. The interval alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
from babel.numbers import format_decimal

from spaser.cards import Catalogue, Text
from spaser.indicators.compute import prepare, register_buyers
from spaser.scheme import Scheme
from spaser.warehouse import Tables, session

FACT_TABLE = "facts.spend"
TABLE = "indicators.duty"
THRESHOLD_KEY = "spaser_duty"

Status = Literal["bound", "not_bound", "undecidable", "no_data"]


@dataclass(frozen=True)
class Threshold:
    """The threshold in force, its legal source, and whether that source was verified."""

    eur: Decimal
    source: str
    status: str


@dataclass(frozen=True)
class Spend:
    """What a buyer's ledger says of a year; `high` is null when nothing bounds the spend above.

    lines: lines of the year, or of no year. unusable: of those that may count, the ones without a
    usable amount. unknown: those not known to be under a contract, Book V apart. undated: those of
    no year.
    """

    low: Decimal | None
    high: Decimal | None
    lines: int
    unusable: int = 0
    unknown: int = 0
    undated: int = 0


def write_duty(tables: Tables, catalogue: Catalogue, scheme: Scheme, year: int) -> int:
    """Write the part of a year of `indicators.duty`: one row per buyer; returns their number."""
    threshold = threshold_of(catalogue, year)
    with session() as connection:
        prepare(connection, tables, [catalogue.tables[FACT_TABLE.replace(".", "/")]])
        register_buyers(connection, tables, ["facts_spend"])
        found = connection.execute(_SPEND, {"year": year}).fetchall()
        rows = [_row(scheme, buyer, year, Spend(*counted), threshold) for buyer, *counted in found]
        connection.register("duty_rows", pa.Table.from_pylist(rows, schema=_SCHEMA))
        query = "select * from duty_rows order by buyer_id"
        return tables.write(connection, TABLE, query, f"year={year}")


def threshold_of(catalogue: Catalogue, year: int) -> Threshold | None:
    """The threshold in force at the end of a year; null before the duty existed."""
    day = date(year, 12, 31).isoformat()
    for row in catalogue.reference("thresholds"):
        in_force = row["valid_from"] <= day and (not row["valid_to"] or day <= row["valid_to"])
        if row["key"] == THRESHOLD_KEY and in_force:
            return Threshold(Decimal(row["value_ht"]), row["source"], row["status"])
    return None


def status_of(spend: Spend, threshold: Threshold | None) -> Status:
    """The duty of a buyer: strictly above the threshold, by the whole interval."""
    if not spend.lines:
        return "no_data"
    if threshold is None:
        return "undecidable"
    if spend.low is not None and spend.low > threshold.eur:
        return "bound"
    if spend.high is not None and spend.high <= threshold.eur:
        return "not_bound"
    return "undecidable"


def _row(
    scheme: Scheme, buyer: str, year: int, spend: Spend, threshold: Threshold | None
) -> dict[str, Any]:
    status = status_of(spend, threshold)
    reason = reason_of(status, spend, threshold)
    has_data = status != "no_data"
    return {
        "scheme": scheme.name,
        "buyer_id": buyer,
        "year": year,
        "spend_low_eur": spend.low if has_data else None,
        "spend_high_eur": spend.high if has_data else None,
        "threshold_eur": threshold.eur if threshold else None,
        "threshold_source": threshold.source if threshold else None,
        "threshold_status": threshold.status if threshold else None,
        "status": status,
        "reason_fr": reason.fr,
        "reason_en": reason.en,
        "line_count": spend.lines,
        "unusable_count": spend.unusable,
        "unknown_count": spend.unknown,
        "undated_count": spend.undated,
    }


def reason_of(status: Status, spend: Spend, threshold: Threshold | None) -> Text:
    """Why, in words that say what to bring when nothing is decided."""
    if status == "no_data":
        return _NO_DATA
    if threshold is None:
        return _NO_THRESHOLD
    return Text(
        fr=_sentence(status, spend, threshold, "fr"), en=_sentence(status, spend, threshold, "en")
    )


def _sentence(status: Status, spend: Spend, threshold: Threshold, language: str) -> str:
    told = (
        _TOLD[status]
        .get(language)
        .format(
            low=_money(spend.low, language),
            high=_money(spend.high, language),
            threshold=_money(threshold.eur, language),
        )
    )
    causes = [
        text.get(language).format(count)
        for count, text in (
            (spend.unusable, _UNUSABLE),
            (spend.unknown, _UNKNOWN),
            (spend.undated, _UNDATED),
        )
        if count
    ]
    if status != "undecidable" or not causes:
        return told
    colon = " : " if language == "fr" else ": "
    return told.removesuffix(".") + colon + (" ; " if language == "fr" else "; ").join(causes) + "."


def _money(eur: Decimal | None, language: str) -> str:
    if eur is None:
        return "un montant inconnu" if language == "fr" else "an unknown amount"
    number = format_decimal(eur, format="#,##0.00", locale=language)
    return f"{number}\u00a0€ HT" if language == "fr" else f"€{number} without VAT"


_TOLD = {
    "bound": Text(
        fr="Au moins {low} dépensés sous marché, au-dessus du seuil de {threshold}.",
        en="At least {low} spent under contracts, above the threshold of {threshold}.",
    ),
    "not_bound": Text(
        fr="Au plus {high} dépensés sous marché : le seuil de {threshold} n'est pas dépassé.",
        en="At most {high} spent under contracts: the threshold of {threshold} is not exceeded.",
    ),
    "undecidable": Text(
        fr="Entre {low} et {high} dépensés sous marché, pour un seuil de {threshold}.",
        en="Between {low} and {high} spent under contracts, for a threshold of {threshold}.",
    ),
}
_UNUSABLE = Text(
    fr="{} ligne(s) sans montant HT utilisable (TTC sans taux, base inconnue ou montant absent)",
    en="{} line(s) without usable amount without VAT (no VAT rate, unknown basis or no amount)",
)
_UNKNOWN = Text(
    fr="{} ligne(s) dont on ne sait pas si elles relèvent d'un marché, livre V à part",
    en="{} line(s) not known to be under a contract, Book V apart",
)
_UNDATED = Text(fr="{} ligne(s) sans année", en="{} line(s) without a year")
_NO_DATA = Text(
    fr="Aucune dépense fournie pour cette année : déposez un export comptable (modèle « spend »). "
    "Les montants des marchés publiés n'en tiennent pas lieu.",
    en="No spend given for this year: bring an accounting export (template “spend”). "
    "The amounts of published contracts do not stand for it.",
)
_NO_THRESHOLD = Text(
    fr="Aucun seuil connu pour cette année.", en="No threshold is known for that year."
)

_SPEND = """
with lines as (
    select buyer_id, amount_usable_eur as usable, amount_received_eur as received,
        year is null as is_undated, counts_for_duty is null as is_unknown,
        year is not null and coalesce(counts_for_duty, false) as is_certain,
        coalesce(counts_for_duty, true) as may_count
    from facts_spend where year = $year or year is null
)
select b.buyer_id,
    -- An amount whose VAT is unknown keeps its sign: without VAT it lies between zero and itself.
    case when count(case when may_count and usable is null and received is null then 1 end) = 0
        then coalesce(sum(case when is_certain then coalesce(usable, least(received, 0))
            when may_count then least(coalesce(usable, received), 0) end), 0) end as low,
    case when count(case when may_count and usable is null and coalesce(received, 1) > 0
            then 1 end) = 0
        then coalesce(sum(case when is_certain then coalesce(usable, 0)
            when may_count then greatest(coalesce(usable, 0), 0) end), 0) end as high,
    count(l.buyer_id) as lines,
    count(case when may_count and usable is null then 1 end) as unusable,
    count(case when is_unknown then 1 end) as unknown,
    count(case when is_undated then 1 end) as undated
from scheme_buyers b left join lines l on l.buyer_id = b.buyer_id
group by b.buyer_id order by b.buyer_id
"""

_MONEY = pa.decimal128(38, 2)
_SCHEMA = pa.schema(
    [
        ("scheme", pa.string()),
        ("buyer_id", pa.string()),
        ("year", pa.int32()),
        ("spend_low_eur", _MONEY),
        ("spend_high_eur", _MONEY),
        ("threshold_eur", _MONEY),
        ("threshold_source", pa.string()),
        ("threshold_status", pa.string()),
        ("status", pa.string()),
        ("reason_fr", pa.string()),
        ("reason_en", pa.string()),
        ("line_count", pa.int64()),
        ("unusable_count", pa.int64()),
        ("unknown_count", pa.int64()),
        ("undated_count", pa.int64()),
    ]
)
