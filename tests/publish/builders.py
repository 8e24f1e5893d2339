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
    "00030001200010": "Métropole de Fiction",
    "00030002000013": "Ville de Fiction",
    "00030003800015": "CCAS de Fiction",
}
DIRECTORATES = (
    ("00030001200010", "Direction des routes"),
    ("00030001200010", "Direction du patrimoine"),
    ("00030001200010", "unknown"),
)
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
            buyer="00030002000013",
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
        "directorate": None,
        "framework_role": "none",
        "framework_reference": None,
        "tax_basis": "ht",
        "reserved_for": None,
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
        "has_inclusive_holder": None if unknown else place % 9 == 4,
        "has_inclusive_holder_hub": place % 9 == 4,
        "has_esus_holder": None,
        "has_esus_holder_hub": None,
        "has_insertion_hours": None if unknown else social and place % 2 == 0,
        "is_insertion_object": None if unknown else place == 17,
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


def write_empty(tables: Tables, cards: Catalogue, key: str) -> None:
    """Write the table of a card without a row."""
    card = cards.tables[key]
    columns = ", ".join(f"null::{column.type} as {name}" for name, column in card.columns.items())
    with session() as connection:
        tables.write(connection, card.table, f"select {columns} where false")


def facts(years: range = YEARS, each: int = 40) -> list[dict[str, Any]]:
    """Every contract, and one without a date."""
    rows = [contract(year, place) for year in years for place in range(each)]
    undated = contract(years[-1], 0) | {
        "uid": "00030001200010-SANSDATE",
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
                "directorate",
                "framework_role",
                "framework_reference",
                "tax_basis",
                "reserved_for",
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
                "has_inclusive_holder",
                "has_inclusive_holder_hub",
                "has_esus_holder",
                "has_esus_holder_hub",
                "has_insertion_hours",
                "is_insertion_object",
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
    for key in ("facts/spend", "facts/operations"):
        if not tables.exists(cards.tables[key].table):
            write_empty(tables, cards, key)
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
                "buyer_id": buyer,
                "directorate": directorate,
                "year": year,
                "field": field,
                "required": 40,
                "filled": 40 - place * 7 if buyer == "*" else 40 - place * (2 + rank),
            }
            for year in YEARS
            for rank, (buyer, directorate) in enumerate(
                [("*", "*"), *((buyer, "*") for buyer in BUYERS), *DIRECTORATES]
            )
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


ACTIONS = pa.schema(
    [
        ("action_key", pa.string()),
        ("rank", pa.int32()),
        *((name, pa.string()) for name in ("rule", "field", "buyer_id")),
        ("year", pa.int32()),
        ("severity", pa.string()),
        ("count", pa.int64()),
        ("contracts", pa.int64()),
        ("amount_eur", pa.decimal128(18, 2)),
        *((name, pa.string()) for name in ("gain_fr", "gain_en", "action_fr", "action_en")),
        ("decides", pa.list_(pa.string())),
    ]
)
RECONCILIATION = pa.schema(
    [
        *((name, pa.string()) for name in ("own_uid", "decp_uid", "level")),
        ("score", pa.decimal128(4, 3)),
        ("buyer_id", pa.string()),
        ("year", pa.int32()),
        ("differences", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("own_values", "decp_values", "reason_fr", "reason_en")),
        ("decp_received", pa.bool_()),
        ("is_publication_due", pa.bool_()),
    ]
)
SUSPICIONS = pa.schema(
    [
        *((name, pa.string()) for name in ("rule", "uid", "buyer_id")),
        ("year", pa.int32()),
        *(
            (name, pa.string())
            for name in (
                "field",
                "value",
                "reference_value",
                "detail",
                "source_file",
                "source_pointer",
            )
        ),
        ("amount_eur", pa.decimal128(18, 2)),
    ]
)
METROPOLIS = "00030001200010"


def linked(tables: Tables, root: Path) -> Tables:
    """The same tables under another folder; those written there do not touch the first."""
    for name in tables.names():
        folder = root / name.replace(".", "/")
        folder.mkdir(parents=True)
        for part in tables.folder(name).iterdir():
            (folder / part.name).symlink_to(part)
    return Tables(root)


def add_register(tables: Tables) -> None:
    """What the department's own register brings: comparison, corrections, mappings, audits…"""
    write(tables, "quality.actions", _actions(), ACTIONS)
    write(tables, "quality.suspicions", _suspicions(), SUSPICIONS)
    write(tables, "curated.reconciliation", _reconciliation(), RECONCILIATION)
    write(tables, "curated.corrections", _corrections())
    write(tables, "quality.mappings", _mappings())
    write(tables, "quality.proposals", [{"proposal_id": "P1", "year": 2025}])
    write(tables, "quality.audits", _audits())
    write(tables, "indicators.duty", _duty())
    write(tables, "curated.contracts", _contracts())


def _actions() -> list[dict[str, Any]]:
    empty = dict.fromkeys(ACTIONS.names)
    return [
        empty
        | {
            "action_key": "qualify",
            "rank": 1,
            "field": "social_considerations",
            "buyer_id": METROPOLIS,
            "year": 2025,
            "severity": "warning",
            "count": 12,
            "contracts": 12,
            "gain_fr": "12 marchés à qualifier décident l'objectif « social ».",
            "gain_en": "12 contracts to qualify decide the target “social”.",
            "action_fr": "Renseignez les considérations sociales.",
            "action_en": "Fill in the social considerations.",
            "decides": ["social"],
        },
        empty
        | {
            "action_key": "amounts",
            "rank": 2,
            "rule": "amount_set_aside",
            "buyer_id": "*",
            "year": 2025,
            "severity": "warning",
            "count": 3,
            "contracts": 2,
            "amount_eur": Decimal("1234567.50"),
            "gain_fr": "2 montants à confirmer : 1,2 M€ rentrent dans les valeurs.",
            "gain_en": "2 amounts to confirm: €1.2M enter the values.",
            "action_fr": "Confirmez ou corrigez le montant <b>.",
            "action_en": "Confirm or correct the amount <b>.",
            "decides": [],
        },
        empty
        | {
            "action_key": "old",
            "rank": 1,
            "rule": "undated",
            "buyer_id": "*",
            "year": 2023,
            "severity": "info",
            "count": 1,
            "action_fr": "Complétez la date de 2023.",
            "action_en": "Fill in the date of 2023.",
        },
    ]


def _suspicions() -> list[dict[str, Any]]:
    empty = dict.fromkeys(SUSPICIONS.names) | {"buyer_id": METROPOLIS, "year": 2025}
    return [
        *(
            empty
            | {
                "rule": "amount_set_aside",
                "uid": f"{METROPOLIS}-2025M{place:03d}",
                "field": "amount",
                "value": HOSTILE if place == 1 else f"{place}000000.00",
                "reference_value": "900000.00",
                "source_file": "marches.xlsx",
                "source_pointer": f"2025!{place}",
                "amount_eur": Decimal(place * 1_000_000),
            }
            for place in range(1, 6)
        ),
        empty
        | {
            "rule": "amount_set_aside",
            "uid": f"{METROPOLIS}-2025M005",
            "field": "amount",
            "value": "le même marché, une autre fois",
            "amount_eur": Decimal(5_000_000),
        },
        empty
        | {
            "rule": "lots_share_id",
            "value": "4",
            "detail": "quatre marchés réunis",
            "amount_eur": Decimal(160_000),
        },
        empty | {"rule": "undated", "uid": f"{METROPOLIS}-X", "value": "—", "year": None},
        empty | {"rule": "cpv_zero_restored", "value": "d'une autre année", "year": 2023},
    ]


def _reconciliation() -> list[dict[str, Any]]:
    def line(own: str | None, decp: str | None, level: str, **more: Any) -> dict[str, Any]:
        names = {
            "own_uid": None if own is None else f"{METROPOLIS}-{own}",
            "decp_uid": None if decp is None else f"{METROPOLIS}-{decp}",
        }
        shared = {"level": level, "buyer_id": METROPOLIS, "year": 2025, "differences": []}
        return dict.fromkeys(RECONCILIATION.names) | names | shared | more

    return [
        *(line(f"A{place}", f"A{place}", "id", score=Decimal(1)) for place in range(4)),
        line(
            "B1",
            "B1",
            "id",
            score=Decimal(1),
            differences=["amount", "social_considerations"],
            own_values='{"amount": "14700.00", "social_considerations": ["social_clause"]}',
            decp_values='{"amount": 17640.0, "social_considerations": null}',
        ),
        line(
            "C1",
            "D1",
            "description",
            score=Decimal("0.950"),
            differences=["amount"],
            own_values='{"amount": "=1+1"}',
            decp_values='{"amount": "2.00"}',
        ),
        line(
            "E1",
            "E2",
            "near",
            score=Decimal("0.810"),
            differences=["notified_date"],
            reason_fr="Montants dans le rapport de 1,2 : TTC et HT ?",
            reason_en="Amounts in the ratio of 1.2: with and without VAT?",
        ),
        line("F1", None, "none", decp_received=True, is_publication_due=True),
        line("F2", None, "none", decp_received=True, is_publication_due=False),
        line("F3", None, "none", decp_received=False),
        line(None, "G1", "none"),
        line("H1", "H1", "id", year=2024),
    ]


def _corrections() -> list[dict[str, Any]]:
    line = {
        "key": f"{METROPOLIS}-2025M003",
        "field": "amount",
        "old": "1.00",
        "new": "35000.00",
        "reason": "Acte d'engagement relu",
        "evidence": FORMULA,
        "author": "Service des marchés",
        "date": dt.date(2025, 12, 1),
        "status": "applied",
        "found": "1.00",
        "line": 2,
    }
    return [
        line,
        line | {"field": "object", "old": None, "new": "Objet précisé", "line": 3},
        line | {"key": "INCONNU", "status": "unknown_key", "found": None, "line": 4},
        line | {"old": "2.00", "status": "refused", "line": 5},
    ]


def _mappings() -> list[dict[str, Any]]:
    columns = [
        ("A", "N° du marché", "contract_id", "1.000"),
        ("B", "Montant (€ HT)", "amount", "0.930"),
        ("C", HOSTILE, None, None),
    ]
    return [
        {
            "source_file": "marches.xlsx",
            "sheet": sheet,
            "column_letter": letter,
            "header": header,
            "field": field,
            "confidence": None if confidence is None else Decimal(confidence),
            "reviewed": sheet == "2025",
            "samples": "2025-001",
        }
        for sheet in ("2024", "2025")
        for letter, header, field, confidence in columns
    ]


def _audits() -> list[dict[str, Any]]:
    return [
        {
            "code": "SOC-01",
            "year": year,
            "scope": "floor",
            "buyer_id": "*",
            "declared_value": Decimal("0.500000"),
            "estimated_value": Decimal("0.400000"),
            "low": Decimal("0.300000"),
            "high": Decimal("0.550000"),
            "sampled": 25,
            "checked": 20,
            "undetermined": 2,
            "population": 34,
            "declared_unknown": 4,
            "unknown_checked": 3,
            "unknown_found": 1,
            "seed": "7",
            "agreement": Decimal("0.900000"),
        }
        for year in (2024, 2025)
    ]


def _duty() -> list[dict[str, Any]]:
    verdicts = [
        (METROPOLIS, 2025, "52000000.00", "52000000.00", "bound"),
        ("00030002000013", 2025, "12000000.00", None, "undecidable"),
        ("00030003800015", 2025, None, None, "no_data"),
        (METROPOLIS, 2024, "49000000.00", "49500000.00", "not_bound"),
    ]
    return [
        {
            "scheme": SCHEME.name,
            "buyer_id": buyer,
            "year": year,
            "spend_low_eur": None if low is None else Decimal(low),
            "spend_high_eur": None if high is None else Decimal(high),
            "threshold_eur": Decimal("50000000.00"),
            "threshold_source": "CCP art. D2111-3",
            "threshold_status": "to_check" if year == 2024 else "verified",
            "status": status,
            "reason_fr": "des lignes TTC sans taux" if status == "undecidable" else None,
            "reason_en": "lines with VAT without rate" if status == "undecidable" else None,
        }
        for buyer, year, low, high, status in verdicts
    ]


def _contracts() -> list[dict[str, Any]]:
    amount = Decimal("100.00")
    return [
        {
            "buyer_id": METROPOLIS,
            "year": year,
            "tax_basis": basis,
            "amount_initial_eur": amount,
            "amount_usable_eur": amount if basis == "ht" or rate else None,
        }
        for year, basis, rate in [
            (2025, "ht", False),
            (2025, "ht", False),
            (2025, "ttc", True),
            (2025, "ttc", False),
            (2025, None, False),
            (2024, "ht", False),
        ]
    ]
