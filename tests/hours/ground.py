"""Hand-made curated tables: what the tests of operations, returns and the work list stand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from spaser import hours
from spaser.cards import catalogue
from spaser.hours.followed import read_rows
from spaser.project import definitions_root
from spaser.warehouse import Connection, Tables, session

CARDS = catalogue(definitions_root() / "assets")
BUYER = "00030001200010"
HOLDER = "00040001000013"
OTHER = "00040002000012"
UID = f"{BUYER}-M1"
UID2 = f"{BUYER}-M2"

Row = dict[str, Any]


class Ground:
    """Curated tables in a folder, as of a day; `build` gives the rows of a table built on them."""

    def __init__(self, root: Path, as_of: date, **given: Iterable[Mapping[str, Any]]) -> None:
        """`given`: rows by table, without its layer; a table that is not named is not there."""
        self.tables = Tables(root)
        tables = {"quality.run": [{"scheme": "test", "as_of": as_of}]}
        tables |= {f"curated.{name}": list(rows) for name, rows in given.items()}
        with session() as connection:
            for table, rows in tables.items():
                self._write(connection, table, rows)

    def put(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a table with the columns of its card; what a row does not say is null."""
        with session() as connection:
            self._write(connection, table, list(rows))

    def _write(self, connection: Connection, table: str, rows: list[Any]) -> None:
        columns = CARDS.tables[table.replace(".", "/")].columns
        assert all(row.keys() <= columns.keys() for row in rows), rows
        schema = pa.schema([(name, pa.string()) for name in columns])
        texts = [{name: _text(row.get(name)) for name in columns} for row in rows]
        typed = ", ".join(f"cast({n} as {column.type}) as {n}" for n, column in columns.items())
        connection.register("texts", pa.Table.from_pylist(texts, schema=schema))
        self.tables.write(connection, table, f"select {typed} from texts")

    def build(self, key: str) -> list[Row]:
        """Build a table after those it needs; its rows by its grain."""
        for needed in ORDER[: ORDER.index(key) + 1]:
            hours.build(self.tables, CARDS, needed)
        return self.rows(key.replace("/", "."))

    def rows(self, table: str) -> list[Row]:
        """The rows of a table that is there."""
        with session() as connection:
            return read_rows(connection, f"select * from {self.tables.scan(table)}")

    def columns(self, key: str) -> dict[str, str]:
        """The types of a table that is there, by column."""
        with session() as connection:
            scan = self.tables.scan(key.replace("/", "."))
            described = connection.execute(f"describe from {scan}").fetchall()
        return {row[0]: row[1] for row in described}

    def one(self, key: str) -> Row:
        """The only row of a table."""
        (row,) = self.build(key)
        return row

    def kinds(self) -> dict[str, Row]:
        """The items of the work list by kind, each kind once."""
        items = self.build("quality/follow_up")
        by_kind = {item["kind"]: item for item in items}
        assert len(by_kind) == len(items), [item["kind"] for item in items]
        return by_kind

    def rules(self) -> list[str]:
        """The rules of the findings written so far, sorted."""
        return sorted(row["rule"] for row in self.rows("quality.findings"))


ORDER = ("curated/returns", "curated/operations", "facts/operations", "quality/follow_up")


def _text(value: Any) -> str | None:
    """A value as SQL casts it back."""
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    return None if value is None else str(value)


def contract(uid: str = UID, **changes: Any) -> Row:
    """A services contract of one year notified on 1 January 2024, with a social clause."""
    return {
        "uid": uid,
        "buyer_id": BUYER,
        "contract_id": uid.partition("-")[2],
        "object": "Entretien des espaces verts",
        "contract_type": "services",
        "notified_date": date(2024, 1, 1),
        "duration_months": 12,
        "has_social_clause": True,
        "clause_themes": ["insertion"],
        "framework_role": "none",
        **changes,
    }


def commitment(number: int = 1, **changes: Any) -> Row:
    """A fixed commitment of 1 200 h over 2024, of one company, without returns or penalties."""
    return {
        "commitment_line_id": f"engagements.csv {number}",
        "commitment_id": "E1",
        "operation": "Parc des Tilleuls",
        "buyer_id": BUYER,
        "contract_uids": [UID],
        "facilitator": "Maison de l'emploi fictive",
        "company_id": HOLDER,
        "company_name": "Vert Demain",
        "commitment_mode": "fixed",
        "valid_from": date(2024, 1, 1),
        "committed_hours": Decimal(1200),
        "start_date": date(2024, 1, 1),
        "end_date": date(2024, 12, 31),
        "source_file": "engagements.csv",
        "source_pointer": f"ligne {number}",
        **changes,
    }


def line(number: int = 1, **changes: Any) -> Row:
    """A line of 100 validated hours in March 2024; hours follow from `hours` and `outcome`."""
    amount = Decimal(changes.pop("hours", 100))
    outcome = changes.get("outcome", "validated")
    month = changes.get("month", date(2024, 3, 1))
    bucket = "validated" if outcome == "corrected" else outcome
    return {
        "line_id": f"heures.csv {number}",
        "commitment_id": "E1",
        "contract_uid": UID,
        "contract_reference": "M1",
        "buyer_id": BUYER,
        "company_id": HOLDER,
        "company_name": "Vert Demain",
        "month": month,
        "year": None if month is None else month.year,
        "outcome": outcome,
        "quarantine_reasons": [],
        "pseudonym": "a" * 32,
        "hours_declared": amount,
        **{f"hours_{name}": Decimal(0) for name in BUCKETS},
        f"hours_{bucket}": amount,
        "source_file": "heures.csv",
        "source_pointer": f"ligne {number}",
        **changes,
    }


BUCKETS = ("validated", "corrected_away", "rejected", "pending", "quarantined")


def event(number: int, kind: str, day: date | None, **changes: Any) -> Row:
    """A dated fact of the follow-up of the first commitment."""
    return {
        "event_id": f"suivi.csv {number}",
        "commitment_id": "E1",
        "contract_uid": UID,
        "buyer_id": BUYER,
        "event": kind,
        "event_date": day,
        "source_file": "suivi.csv",
        "source_pointer": f"ligne {number}",
        **changes,
    }


def invoice(number: int, day: date, amount: str, **changes: Any) -> Row:
    """An invoice without VAT of the first contract."""
    return {
        "invoice_id": f"factures.csv {number}",
        "contract_uid": UID,
        "invoiced_date": day,
        "amount_eur": Decimal(amount),
        **changes,
    }


def ccap(**changes: Any) -> Row:
    """The clause of CCAP 21_BAM_048: 1 h per 2 000 € invoiced above 2 700 000 €, 200 € an hour."""
    terms = {
        "operation": "CCAP 21_BAM_048",
        "commitment_mode": "per_tranche",
        "committed_hours": None,
        "trigger_amount": Decimal(2_700_000),
        "tranche_amount": Decimal(2_000),
        "hours_per_tranche": Decimal(1),
        "return_frequency": "quarterly",
        "return_day": 15,
        "penalty_per_hour": Decimal(200),
        "penalty_per_day": Decimal(75),
    }
    return commitment(**(terms | changes))
