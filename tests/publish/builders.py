"""Small believable tables, in the shapes the report reads: 3 buyers, 5 years, 40 contracts a year.

Facts are made up here; results, evidence and verdicts come from the real code.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from spaser import indicators
from spaser.cards import Catalogue, catalogue
from spaser.project import Project, definitions_root
from spaser.scheme import Buyer, Period, Scheme, Target, Text
from spaser.warehouse import Tables, session

PROJECT = Project(definitions_root())
YEARS = range(2021, 2026)
FIRST_KNOWN_YEAR = 2023
BUYERS = {
    "00030001400016": "Métropole de Fiction",
    "00030002200019": "Ville de Fiction",
    "00030003000012": "CCAS de Fiction",
}
HOSTILE = "</script><img src=x onerror=\"alert(1)\">=cmd|'/C calc'!A0 & <b>gras</b>"
FORMULA = '=HYPERLINK("http://exemple.invalid")'

SCHEME = Scheme(
    name="fiction",
    title=Text(fr="SPASER 2021-2026 de la Métropole de Fiction", en="SPASER 2021-2026 of Fiction"),
    period=Period(first=2021, last=2026),
    buyers=tuple(Buyer(id=key, name=name) for key, name in BUYERS.items()),
    inputs=("data/raw/fiction/**",),
    targets=(
        Target(id="social", indicator="SOC-01", year=2025, at_least=Decimal("0.30")),
        Target(id="environnement", indicator="ENV-01", year=2025, at_least=Decimal("1")),
        Target(
            id="reserves",
            indicator="SOC-05",
            unit="contracts",
            scope="all",
            year=2026,
            times_baseline=Decimal(3),
            baseline_year=2023,
            label=Text(fr="Tripler les marchés réservés", en="Three times the reserved contracts"),
        ),
        Target(id="une-offre", indicator="ECO-08", year=2025, at_most=Decimal("0.10")),
        Target(
            id="ville",
            indicator="SOC-01",
            measure="value",
            year=2026,
            buyer="00030002200019",
            at_least=Decimal("0.25"),
        ),
        Target(
            id="sans-base",
            indicator="SOC-05",
            unit="contracts",
            scope="all",
            year=2025,
            times_baseline=Decimal(2),
            baseline_year=2021,
        ),
    ),
)

_OBJECTS = {
    "works": (
        "45",
        (
            "Réfection de la toiture du groupe scolaire",
            "Voirie et réseaux, programme annuel",
            "Rénovation énergétique du gymnase",
            "Aménagement de la place centrale",
        ),
    ),
    "supplies": (
        "39",
        (
            "Mobilier des écoles",
            "Fournitures de bureau",
            "Matériel informatique",
            "Vêtements de travail",
        ),
    ),
    "services": (
        "90",
        (
            "Nettoyage des locaux",
            "Entretien des espaces verts",
            "Collecte des biodéchets",
            "Restauration scolaire : étude d'organisation",
        ),
    ),
}


def contract(year: int, place: int) -> dict[str, Any]:
    """One row of `facts.contracts`, from arithmetic on its place: no random, all cases present."""
    buyer = list(BUYERS)[0 if place % 10 < 6 else 1 if place % 10 < 9 else 2]
    kind = ("works", "services", "supplies", "services")[place % 4]
    division, objects = _OBJECTS[kind]
    amount: Decimal | None = Decimal(8000 + (place * 37_911) % 380_000) + Decimal("0.50")
    reason = None
    usable = amount
    if place == 7:
        amount, usable, reason = None, None, "missing"
    if place == 11:
        amount, usable, reason = Decimal("1.00"), None, "symbolic"
    known = year >= FIRST_KNOWN_YEAR
    unknown = not known or place % 13 == 5
    rising = (year - FIRST_KNOWN_YEAR) * 4
    social = None if unknown else (place * 7) % 40 < 8 + rising
    reserved = None if unknown else place in {3, 17, 26}
    green = None if unknown else (place * 11) % 40 < 20 + rising
    offers = None if not known or place % 9 == 4 else 1 + (place * 5) % 6
    text = (
        HOSTILE if place == 1 else FORMULA if place == 2 else f"{objects[place % 4]}, lot {place}"
    )
    notified = dt.date(year, 1 + place % 12, 1 + place % 28)
    return {
        "uid": f"{buyer}-{year}M{place:03d}",
        "buyer_id": buyer,
        "year": year,
        "object": text,
        "notified_date": notified,
        "published_date": notified + dt.timedelta(days=20 + place * 2),
        "cpv_division": None if place == 9 else division,
        "contract_type": kind,
        "procedure_code": "adapted" if place % 3 else "open",
        "amount_band": None if amount is None else "2_25k_40k" if amount < 40_000 else "4_90k_200k",
        "department_code": "35" if place % 5 else "44",
        "framework_role": "none",
        "framework_reference": None,
        "amount_initial_eur": amount,
        "amount_current_eur": amount,
        "amount_usable_eur": usable,
        "amount_exclusion_reason": reason,
        "at_floor": None if amount is None else amount >= 40_000,
        "is_maximum": None if amount is None else place % 8 == 6,
        "has_social_consideration": social if reserved is None else social or reserved,
        "has_social_clause": social,
        "has_social_criterion": None if unknown else place % 17 == 2,
        "is_reserved": reserved,
        "has_environmental_consideration": green,
        "has_environmental_clause": green,
        "has_environmental_criterion": green,
        "has_social_or_environmental": None if social is None else social or reserved or green,
        "is_innovative": None if not known else place == 20,
        "offers_received": offers,
        "is_single_bid": None if offers is None else offers == 1,
        "published_on_time": 20 + place * 2 <= 60,
        "publication_delay_days": 20 + place * 2,
        "required_fields": 26,
        "filled_fields": 26 - place % 5,
        "source_file": f"decp_{year}.json",
        "source_pointer": f"/marches/{place}",
    }


def write(
    tables: Tables, table: str, rows: list[dict[str, Any]], schema: pa.Schema | None = None
) -> None:
    """Write rows as the one part of a table."""
    with session() as connection:
        connection.register("rows", pa.Table.from_pylist(rows, schema=schema))
        tables.write(connection, table, "select * from rows")


def facts(years: range = YEARS, each: int = 40) -> list[dict[str, Any]]:
    """Every contract, and one without a date."""
    rows = [contract(year, place) for year in years for place in range(each)]
    undated = contract(years[-1], 0) | {
        "uid": "00030001400016-SANSDATE",
        "year": None,
        "notified_date": None,
    }
    return [*rows, undated]


FACTS = pa.schema(
    [
        *((name, pa.string()) for name in ("uid", "buyer_id")),
        ("year", pa.int32()),
        ("object", pa.string()),
        ("notified_date", pa.date32()),
        ("published_date", pa.date32()),
        *(
            (name, pa.string())
            for name in (
                "cpv_division",
                "contract_type",
                "procedure_code",
                "amount_band",
                "department_code",
                "framework_role",
                "framework_reference",
            )
        ),
        *(
            (name, pa.decimal128(18, 2))
            for name in ("amount_initial_eur", "amount_current_eur", "amount_usable_eur")
        ),
        ("amount_exclusion_reason", pa.string()),
        *(
            (name, pa.bool_())
            for name in (
                "at_floor",
                "is_maximum",
                "has_social_consideration",
                "has_social_clause",
                "has_social_criterion",
                "is_reserved",
                "has_environmental_consideration",
                "has_environmental_clause",
                "has_environmental_criterion",
                "has_social_or_environmental",
                "is_innovative",
            )
        ),
        ("offers_received", pa.int32()),
        ("is_single_bid", pa.bool_()),
        ("published_on_time", pa.bool_()),
        ("publication_delay_days", pa.int32()),
        ("required_fields", pa.int32()),
        ("filled_fields", pa.int64()),
        ("source_file", pa.string()),
        ("source_pointer", pa.string()),
    ]
)


def build(root: Path, rows: list[dict[str, Any]] | None = None, scheme: Scheme = SCHEME) -> Tables:
    """All the tables the report reads, under a folder."""
    tables = Tables(root)
    cards = catalogue(PROJECT.assets)
    rows = facts() if rows is None else rows
    write(tables, "facts.contracts", rows, FACTS)
    present = sorted({row["buyer_id"] for row in rows})
    named = scheme.buyer_names()
    write(
        tables,
        "curated.buyers",
        [
            {
                "buyer_id": buyer,
                "buyer_name": named.get(buyer),
                "named_in_scheme": buyer in named,
                "in_scheme": True,
                "record_count": 1,
            }
            for buyer in present
        ],
    )
    _quality(tables, cards, scheme, rows)
    years = sorted({row["year"] for row in rows if row["year"] is not None})
    indicators.compute(tables, cards, scheme, years)
    for year in years:
        indicators.judge(tables, cards, scheme, year)
    return tables


def _quality(tables: Tables, cards: Catalogue, scheme: Scheme, rows: list[dict[str, Any]]) -> None:
    files = sorted({row["source_file"] for row in rows})
    write(
        tables,
        "quality.run",
        [
            {
                "scheme": scheme.name,
                "title_fr": scheme.title.fr,
                "title_en": scheme.title.en,
                "as_of": dt.date(2026, 1, 1),
                "floor_eur": scheme.floor_eur,
                "software_version": "0.0.test",
            }
        ],
    )
    write(
        tables,
        "quality.inputs",
        [
            {
                "source_file": name,
                "sha256": f"{place:064x}",
                "source": "sources/decp_2022_json",
                "bytes": 1000,
                "records": 40,
                "kept": 40,
                "rejected": 0,
                "recognised": True,
            }
            for place, name in enumerate(files, start=1)
        ],
    )
    write(
        tables,
        "quality.balances",
        [
            {"step": f"staged {name}", "records_in": 40, "kept": 40, "merged": 0, "rejected": 0}
            for name in files
        ],
    )
    write(
        tables,
        "quality.findings",
        [
            {
                "finding_id": f"f{place}",
                "severity": "warning" if place % 2 else "info",
                "rule": "amount_set_aside" if place % 2 else "republished",
                "source_file": files[0],
                "source_pointer": f"/marches/{place}",
                "table_name": "curated.contracts",
                "key": f"M{place:03d}",
                "field": "amount",
                "value": "=1+1" if place == 1 else "1",
                "detail": None,
                "message_fr": f"Le montant du marché M{place:03d} est écarté.",
                "message_en": f"The amount of contract M{place:03d} is set aside.",
                "action": "Corrigez le montant dans le registre.",
                "action_en": "Correct the amount in the register.",
            }
            for place in range(9)
        ],
    )
    write(
        tables,
        "quality.completeness",
        [
            {
                "buyer_id": "*",
                "year": year,
                "field": field,
                "required": 40,
                "filled": 40 - place * 7,
            }
            for year in YEARS
            for place, field in enumerate(
                name for name, field in cards.fields.items() if field.required
            )
            if place < 6
        ],
    )
    write(
        tables,
        "quality.checks",
        [
            {
                "check_name": "uid_is_unique",
                "table_name": "curated.contracts",
                "severity": "ERROR",
                "passed": True,
                "unexpected_count": 0,
                "description_fr": "Un identifiant ne désigne qu'un marché.",
                "description_en": "An id names one contract.",
            },
            {
                "check_name": "date_known",
                "table_name": "curated.contracts",
                "severity": "WARN",
                "passed": False,
                "unexpected_count": 1,
                "description_fr": "La date de notification est connue.",
                "description_en": "The notification date is known.",
            },
        ],
    )
