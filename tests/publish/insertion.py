"""Small tables of insertion clauses, in the shapes the report reads: three operations, two years.

- `OP-A`, a construction lot, closed short of hours, with revisions, incidents and penalties;
- `OP-B`, a programme of several sites, whose sites are published;
- `OP-C`, one company and few people: hidden.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spaser import indicators
from spaser.cards import Catalogue, catalogue
from spaser.warehouse import Tables
from tests.publish import builders

METROPOLIS, CITY, CCAS = builders.BUYERS
PLIE, AGENCY = "PLIE de Fiction", "Mission clauses de Fiction"
YEAR = 2025
AT = dt.date(2026, 1, 1)
COMPANY = "00020001400017"

_TYPES = {
    "VARCHAR": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "DATE": pa.date32(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
    "DECIMAL(9,6)": pa.decimal128(9, 6),
    "DECIMAL(38,2)": pa.decimal128(38, 2),
    "DECIMAL(38,6)": pa.decimal128(38, 6),
}

Rows = Sequence[dict[str, Any]]


def write(tables: Tables, cards: Catalogue, key: str, rows: Rows, part: str = "") -> None:
    """Write rows as the table of a card: what a row does not name is null."""
    columns = cards.tables[key].columns
    schema = pa.schema(
        [(name, _TYPES.get(column.type, pa.string())) for name, column in columns.items()]
    )
    unknown = {name for row in rows for name in row} - set(columns)
    assert not unknown, (key, unknown)
    full = [dict.fromkeys(columns) | row for row in rows]
    builders.write(tables, key.replace("/", "."), full, schema)


def add(tables: Tables, cards: Catalogue | None = None, copies: int = 0) -> None:
    """Add the tables of insertion clauses to those of a report; `copies` more of `OP-A`."""
    cards = cards or catalogue(builders.PROJECT.assets)
    more = [f"OP-{place:03d}" for place in range(copies)]
    write(tables, cards, "curated/operations", [*operations(), *(_as(n, 0) for n in more)])
    write(
        tables,
        cards,
        "facts/operations",
        [r for n in ("OP-A", *more) for r in years(n)] + _others(),
    )
    write(tables, cards, "curated/commitments", [r for n in ("OP-A", *more) for r in versions(n)])
    write(tables, cards, "curated/clause_events", [r for n in ("OP-A", *more) for r in events(n)])
    write(tables, cards, "curated/returns", [r for n in ("OP-A", *more) for r in returns(n)])
    write(tables, cards, "curated/hours", [r for n in ("OP-A", *more) for r in hours(n)])
    write(tables, cards, "curated/operation_people", publics())
    write(tables, cards, "curated/contracts", contracts())
    write(tables, cards, "curated/holders", holders())
    write(tables, cards, "indicators/figures", figures())
    write(tables, cards, "quality/follow_up", tasks())
    indicators.compute(tables, cards, builders.SCHEME, [YEAR])


def publics() -> list[dict[str, Any]]:
    """Who worked in the first operation: six people; the second lost three to a purge."""
    counted = (
        ("sex", "female", 2, "200.50"),
        ("sex", "male", 4, "440.00"),
        ("criterion", "RSA", 1, "140.50"),
        ("criterion", "unknown", 5, "500.00"),
        ("exit_status_6_months", "sustainable", 1, "140.50"),
        ("exit_status_6_months", "unknown", 5, "500.00"),
    )
    erased = {"operation_id": "OP-B", "axis": "erased", "member": "erased", "people": 3}
    return [
        {"operation_id": "OP-A", "axis": axis, "member": name, "people": n, "hours": Decimal(hours)}
        for axis, name, n, hours in counted
    ] + [erased | {"hours": None}]


def _as(name: str, place: int) -> dict[str, Any]:
    return operations()[place] | {"operation_id": name, "operation": f"Opération {name}"}


def operations() -> list[dict[str, Any]]:
    """Three operations."""
    shared = {"at_date": AT, "contract_type": "works", "company_id": COMPANY}
    return [
        shared
        | {
            "operation_id": "OP-A",
            "operation": f"Groupe scolaire Nord {builders.HOSTILE}",
            "buyer_id": METROPOLIS,
            "contract_uids": [f"{METROPOLIS}-2024M001"],
            "facilitator": PLIE,
            "company_name": "Bâtisseurs de Fiction",
            "commitment_mode": "labour_share",
            "notified_date": dt.date(2024, 1, 15),
            "start_date": dt.date(2024, 2, 1),
            "end_date": dt.date(2025, 11, 30),
            "is_closed": True,
            "committed_hours": Decimal("833.00"),
            "committed_formula_fr": "1 000 000 € × 50 % × 5 % ÷ 30 € = 833 h",
            "committed_formula_en": "1,000,000 € × 50% × 5% ÷ 30 € = 833 h",
            "due_hours": Decimal("833.00"),
            "due_formula_fr": "À la clôture, les heures engagées : 833 h",
            "due_formula_en": "At closure, the hours committed: 833 h",
            "scheduled_hours": Decimal("833.00"),
            "declared_hours": Decimal("760.00"),
            "validated_hours": Decimal("640.50"),
            "corrected_away_hours": Decimal("9.50"),
            "rejected_hours": Decimal("35.00"),
            "pending_hours": Decimal("40.00"),
            "quarantined_hours": Decimal("35.00"),
            "training_hours": Decimal("30.00"),
            "people": 6,
            "companies": 2,
            "missing_hours": Decimal("192.50"),
            "computed_penalty_eur": Decimal("38500.00"),
            "penalty_words_fr": "192,50 h × 200 € = 38 500 €. Notifié en partie.",
            "penalty_words_en": "192.50 h × 200 € = 38,500 €. Notified in part.",
            "notified_penalty_eur": Decimal("4000.00"),
            "waived_penalty_eur": Decimal("0.00"),
            "returns_missing": 1,
            "alert": "short",
            "alert_fr": "640,50 h validées pour 833 h attendues : il manque 192,50 h.",
            "alert_en": "640.50 h validated for 833 h expected: 192.50 h are missing.",
        },
        shared
        | {
            "operation_id": "OP-B",
            "operation": "Entretien des écoles",
            "buyer_id": CITY,
            "contract_uids": [f"{CITY}-2024M002", f"{CITY}-2024M003"],
            "facilitator": AGENCY,
            "commitment_mode": "fixed",
            "start_date": dt.date(2025, 1, 1),
            "end_date": dt.date(2026, 12, 31),
            "is_closed": False,
            "committed_hours": Decimal("3000.00"),
            "due_hours": Decimal("3000.00"),
            "declared_hours": Decimal("0.00"),
            "validated_hours": Decimal("0.00"),
            "people": 48,
            "companies": 4,
            "notified_penalty_eur": Decimal("0.00"),
            "waived_penalty_eur": Decimal("0.00"),
            "alert": "on_schedule",
            "alert_fr": "1 600 h validées pour 1 500 h attendues : il manque 0 h.",
            "alert_en": "1,600 h validated for 1,500 h expected: 0 h are missing.",
        },
        shared
        | {
            "operation_id": "OP-C",
            "operation": "Chantier sans marché",
            "commitment_mode": "per_order",
            "is_closed": None,
            "due_reason_fr": "Aucune commande n'est connue.",
            "due_reason_en": "No order is known.",
        },
    ]


def years(name: str) -> list[dict[str, Any]]:
    """The operation at the end of each of its years."""
    ends = {
        2024: ("454.00", "300.00", None, "0.00"),
        2025: ("833.00", "640.50", "192.50", "4000.00"),
    }
    return [
        {
            "operation_year_id": f"{name} {year}",
            "operation_id": name,
            "buyer_id": METROPOLIS,
            "year": year,
            "at_date": dt.date(year, 12, 31),
            "due_hours": Decimal(due),
            "validated_hours": Decimal(validated),
            "missing_hours": None if missing is None else Decimal(missing),
            "penalty_notified_eur": Decimal(notified),
            "penalty_waived_eur": Decimal("0.00"),
        }
        for year, (due, validated, missing, notified) in ends.items()
    ]


def _others() -> list[dict[str, Any]]:
    return [
        {
            "operation_year_id": f"{name} {YEAR}",
            "operation_id": name,
            "buyer_id": buyer,
            "year": YEAR,
        }
        for name, buyer in (("OP-B", CITY), ("OP-C", METROPOLIS))
    ]


def versions(name: str) -> list[dict[str, Any]]:
    """A first version by share of labour, and a revision that gives hours."""
    shared = {"commitment_id": name, "source_file": "engagements.csv"}
    return [
        shared
        | {
            "commitment_line_id": f"{name} 1",
            "commitment_mode": "labour_share",
            "valid_from": dt.date(2024, 1, 15),
            "amount": Decimal("900000.00"),
            "labour_share": Decimal("0.500000"),
            "insertion_rate": Decimal("0.050000"),
            "hourly_cost": Decimal("30.00"),
        },
        shared
        | {
            "commitment_line_id": f"{name} 2",
            "commitment_mode": "labour_share",
            "valid_from": dt.date(2024, 9, 1),
            "revision_reason": "Avenant n° 1",
            "committed_hours": Decimal("833.00"),
        },
    ]


def events(name: str) -> list[dict[str, Any]]:
    """An incident, a formal notice, a penalty."""
    shared = {"commitment_id": name, "company_name": "Bâtisseurs de Fiction"}
    return [
        shared
        | {
            "event_id": f"{name} 1",
            "event": "incident",
            "event_date": dt.date(2024, 6, 3),
            "event_reason": "work_stopped",
            "channel": "email",
        },
        shared
        | {
            "event_id": f"{name} 2",
            "event": "penalty_notified",
            "event_date": dt.date(2025, 12, 12),
            "event_reason": "hours_missing",
            "amount_eur": Decimal("4000.00"),
        },
        shared
        | {
            "event_id": f"{name} 3",
            "event": "reminder",
            "period": dt.date(2025, 9, 1),
            "event_date": dt.date(2025, 10, 20),
        },
    ]


def returns(name: str) -> list[dict[str, Any]]:
    """Two on time, one late, one missing after two reminders."""
    states = (("on_time", None), ("on_time", None), ("late", 12), ("missing", None))
    return [
        {
            "return_id": f"{name} {place}",
            "commitment_id": name,
            "company_id": COMPANY,
            "company_name": "Bâtisseurs de Fiction",
            "first_day": dt.date(2025, 1 + 3 * place, 1),
            "last_day": dt.date(2025, 3 + 3 * place, 30),
            "due_before": dt.date(2025 + place // 3, (4 + 3 * place) % 12, 15),
            "state": state,
            "days_late": days,
            "reminders": 2 if state == "missing" else 0,
            "last_reminder": dt.date(2025, 12, 20) if state == "missing" else None,
        }
        for place, (state, days) in enumerate(states)
    ]


def hours(name: str) -> list[dict[str, Any]]:
    """Eighteen months of validated hours by two companies, and lines of every other outcome."""
    shared = {
        "commitment_id": name,
        "company_id": COMPANY,
        "company_name": "Bâtisseurs de Fiction",
        "company_role": "holder",
        "modality": "direct_hire",
        "activity_sector": "construction",
        "hour_kind": "work",
        "quarantine_reasons": [],
    }
    lines: list[dict[str, Any]] = [
        shared
        | {
            "line_id": f"{name} {place}",
            "month": dt.date(2024 + (place + 2) // 12, (place + 2) % 12 + 1, 1),
            "outcome": "validated",
            "hours_validated": Decimal(30) if place else Decimal("130.50"),
            "modality": "loan" if place % 3 == 0 else "direct_hire",
            "structure_kind": "ETTI" if place % 3 == 0 else None,
            "hour_kind": "training" if place == 5 else "work",
        }
        for place in range(18)
    ]
    other = shared | {"month": dt.date(2025, 10, 1)}
    return [
        *lines,
        # After the day of the report: in no table of the sheet.
        lines[0] | {"line_id": f"{name} L", "month": dt.date(AT.year + 1, 1, 1)},
        other | {"line_id": f"{name} P", "outcome": "pending", "hours_pending": Decimal(40)},
        other
        | {
            "line_id": f"{name} R",
            "outcome": "rejected",
            "decision_reason": "proof_missing",
            "hours_rejected": Decimal(35),
        },
        other
        | {
            "line_id": f"{name} Q",
            "outcome": "quarantined",
            "quarantine_reasons": ["over_month_limit"],
            "hours_quarantined": Decimal(35),
        },
    ]


def contracts() -> list[dict[str, Any]]:
    """The contracts of the register; the third operation has none."""
    shared = {"notified_date": dt.date(2024, 1, 15), "duration_months": 22}
    return [
        shared
        | {
            "uid": f"{METROPOLIS}-2024M001",
            "contract_id": "2024M001",
            "lot_number": "2",
            "buyer_id": METROPOLIS,
            "object": "Construction du groupe scolaire Nord, lot 2 : gros œuvre",
            "contract_type": "works",
        },
        *(
            shared
            | {
                "uid": f"{CITY}-2024M00{place}",
                "contract_id": f"2024M00{place}",
                "buyer_id": CITY,
                "object": f"Nettoyage des écoles, secteur {place}",
                "contract_type": "services",
            }
            for place in (2, 3)
        ),
    ]


def holders() -> list[dict[str, Any]]:
    """Who holds them, as the register publishes it."""
    return [
        {"uid": f"{METROPOLIS}-2024M001", "holder_id": COMPANY, "holder_name": "Bâtisseurs SA"},
        {"uid": f"{CITY}-2024M002", "holder_id": "00020001500014"},
    ]


def figures() -> list[dict[str, Any]]:
    """What is published: totals, operations, the sites of the programme."""
    places = [
        *(("*", "*", "*", measure, value) for measure, value in _TOTALS),
        *((METROPOLIS, "*", "*", measure, None) for measure, _ in _TOTALS),
        *((CITY, "*", "*", measure, value) for measure, value in _TOTALS),
        *((b, "operation", "OP-A", m, None) for b in ("*", METROPOLIS) for m in _MEASURES),
        *(
            (b, "operation", "OP-B", m, v)
            for b in ("*", CITY)
            for m, v in zip(_MEASURES, ("1600.00", "48.00", "52.00"), strict=True)
        ),
        *((buyer, *cell) for buyer in ("*", CITY) for cell in _BREAKDOWNS),
        (CITY, "operation+site", "OP-B+École A", "people", "26.00"),
        (CITY, "operation+site", "OP-B+École A", "hours", "900.50"),
        (CITY, "operation+site", "OP-B+École B", "people", None),
        (CITY, "operation+site", "OP-B+École B", "hours", None),
    ]
    return [
        {
            "year": YEAR,
            "buyer_id": buyer,
            "axis": axis,
            "member": member,
            "measure": measure,
            "value": None if value is None else Decimal(value),
            "is_published": value is not None,
        }
        for buyer, axis, member, measure, value in places
    ]


_BREAKDOWNS = (
    ("sex", "female", "people", "20.00"),
    ("sex", "male", "people", "30.00"),
    ("sex", "unknown", "people", "4.00"),
    ("sex", "female", "hours", "800.00"),
    ("sex", "male", "hours", "1300.00"),
    ("sex", "unknown", "hours", "140.50"),
    ("qpv", "yes", "people", None),
    ("qpv", "no", "people", None),
    ("qpv", "yes", "hours", None),
    ("qpv", "no", "hours", None),
    ("modality", "direct_hire", "hours", "1200.00"),
    ("modality", "loan", "hours", None),
    ("modality", "subcontracting", "hours", None),
    ("criterion", "RSA", "people", "31.00"),
    ("criterion", "TH", "people", None),
    ("criterion", "JEUNE", "people", None),
    ("criterion", "RSA", "hours", "1500.00"),
    ("criterion", "TH", "hours", None),
    ("criterion", "JEUNE", "hours", None),
)
_MEASURES = ("hours", "people", "work_contracts")
_TOTALS = (
    ("hours", "2240.50"),
    ("people", "54.00"),
    ("work_contracts", "60.00"),
    ("contracts", "3.00"),
)


def tasks() -> list[dict[str, Any]]:
    """Things to do of two facilitators, and of none."""
    shared = {"message_en": "English", "action_en": "Do it."}
    return [
        shared
        | {
            "item_id": "1",
            "facilitator": PLIE,
            "kind": "ended_short",
            "severity": "error",
            "commitment_id": "OP-A",
            "buyer_id": METROPOLIS,
            "hours": Decimal("192.50"),
            "message_fr": "Terminée : il manque 192,50 h.",
            "action_fr": "Établissez le bilan.",
        },
        shared
        | {
            "item_id": "2",
            "facilitator": PLIE,
            "kind": "return_missing",
            "severity": "warning",
            "line_count": 1,
            "message_fr": "Un relevé manque.",
            "action_fr": "Relancez.",
        },
        shared
        | {
            "item_id": "3",
            "kind": "clause_without_commitment",
            "severity": "warning",
            "message_fr": builders.FORMULA,
            "action_fr": "Saisissez l'engagement.",
        },
    ]
