"""The ledger's lines judged: `curated.corrections`.

Grain: one line of `pipelines/<scheme>/corrections.csv`. A line is applied once, to the values in
force, in the order of the file: one whose `old` is no longer the value is refused, and nothing of
it is applied (ARCHITECTURE §8). What identifies a contract (`contract_id`, `buyer_id`) is corrected
in the register itself, because the ledger names contracts by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spaser.cards import Catalogue, RegisterField
from spaser.curate import in_force, typed
from spaser.findings import Finding, findings_table, write_findings
from spaser.ledger import NOT_SAME_AS, SAME_AS, Correction
from spaser.scheme import Precedence
from spaser.values import Read
from spaser.warehouse import Connection, Tables

KEY_FIELDS = frozenset({"contract_id", "buyer_id"})
PSEUDO_FIELDS = frozenset({SAME_AS, NOT_SAME_AS})

_RULES = {
    "applied": "correction_applied",
    "refused": "correction_refused",
    "unknown_key": "correction_unknown_key",
    "unknown_field": "correction_unknown_field",
    "unreadable": "correction_unreadable",
}


@dataclass(frozen=True)
class Judged:
    """A line of the ledger, what became of it, and the value that was there."""

    correction: Correction
    status: str
    found: str | None = None


def build(
    connection: Connection,
    tables: Tables,
    catalogue: Catalogue,
    precedence: Precedence,
    ledger: Sequence[Correction],
) -> int:
    """Write `curated.corrections` and its findings; returns the number of lines."""
    current = _current(connection, catalogue, precedence, ledger)
    judged = list(_judge(catalogue, current, _uids(connection), ledger))
    connection.register("correction_rows", _table(judged))
    rows = tables.write(
        connection, "curated.corrections", "select * from correction_rows order by line, key, field"
    )
    connection.register("correction_findings", findings_table(map(_finding, judged)))
    write_findings(
        connection, catalogue, tables, "corrections", "select * from correction_findings"
    )
    return rows


def overrides(
    connection: Connection, catalogue: Catalogue, corrections: Iterable[dict[str, Any]]
) -> dict[str, pa.Table]:
    """Per field, the values that applied corrections put in force: `uid`, `value`.

    Args:
        connection: not used for the values, which are read as a register's are.
        catalogue: the fields and their readers.
        corrections: rows of `curated.corrections`, in the order of the ledger.
    """
    del connection
    values: dict[str, dict[str, Any]] = {}
    for row in corrections:
        if row["status"] == "applied" and row["field"] not in PSEUDO_FIELDS:
            field = catalogue.fields[row["field"]]
            values.setdefault(field.field, {})[row["key"]] = read_value(
                catalogue, field, row["new"]
            ).value
    return {
        name: pa.table(
            {
                "uid": pa.array(list(found), pa.string()),
                "value": pa.array(
                    list(found.values()),
                    typed.reading_of(catalogue, catalogue.fields[name], {}).arrow,
                ),
            }
        )
        for name, found in sorted(values.items())
    }


def read_value(catalogue: Catalogue, field: RegisterField, text: str | None) -> Read[Any]:
    """A value as a correction writes it: as the register would, or the codes themselves."""
    if text is None or not text.strip():
        return Read(None)
    if field.kind in {"code", "codes"}:
        known = {
            row["code"] for row in catalogue.reference("code_lists") if row["field"] == field.field
        }
        parts = [part for part in re.split(r"[\s,;|]+", text.strip("[] ")) if part]
        if set(parts) <= known:
            if field.kind == "code":
                return Read(parts[0]) if len(parts) == 1 else Read(None, "code_unreadable")
            codes = sorted(set(parts) - {"none"})
            return Read({"codes": codes, "partial": False})
    return typed.reading_of(catalogue, field, {}).read(text)


def _current(
    connection: Connection,
    catalogue: Catalogue,
    precedence: Precedence,
    ledger: Sequence[Correction],
) -> dict[str, dict[str, Any]]:
    """The values in force of the contracts that the ledger names."""
    in_force.create_views(connection, catalogue, precedence)
    keys = sorted({line.key for line in ledger})
    if not keys:
        return {}
    connection.register("ledger_keys", pa.table({"uid": pa.array(keys, pa.string())}))
    found = connection.sql(
        "select * from entries_in_force semi join ledger_keys using (uid)"
    ).to_arrow_table()
    return {row["uid"]: row for row in found.to_pylist()}


def _uids(connection: Connection) -> frozenset[str]:
    """Every uid of DECP that a decision may name."""
    rows = connection.execute("select distinct uid from sides where origin = 'decp'").fetchall()
    return frozenset(uid for (uid,) in rows)


def _judge(
    catalogue: Catalogue,
    current: dict[str, dict[str, Any]],
    decp_uids: frozenset[str],
    ledger: Sequence[Correction],
) -> Iterable[Judged]:
    for line in ledger:
        field = catalogue.fields.get(line.field)
        if line.key not in current:
            yield Judged(line, "unknown_key")
        elif line.field in PSEUDO_FIELDS:
            yield Judged(line, "applied" if line.new in decp_uids else "unknown_key", line.new)
        elif field is None or line.field in KEY_FIELDS or field.kind == "json":
            yield Judged(line, "unknown_field")
        else:
            yield _judge_value(catalogue, field, current[line.key], line)


def _judge_value(
    catalogue: Catalogue, field: RegisterField, row: dict[str, Any], line: Correction
) -> Judged:
    present = row[line.field]
    shown = _shown(present)
    old, new = (read_value(catalogue, field, text) for text in (line.old, line.new))
    if new.value is None and (line.new or "").strip():
        return Judged(line, "unreadable", shown)
    if _plain(old.value) != _plain(present) and line.old != shown:
        return Judged(line, "refused", shown)
    # The next line on this field starts from here.
    row[line.field] = _plain(new.value)
    return Judged(line, "applied", shown)


def _plain(value: Any) -> Any:
    """A value as the typed column holds it."""
    if isinstance(value, dict):
        if "codes" in value:
            return sorted(value["codes"])
        return value["eur"]
    if isinstance(value, list):
        return sorted(value)
    return value


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, list):
        return ", ".join(sorted(value)) or "none"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def _finding(judged: Judged) -> Finding:
    line = judged.correction
    return Finding(
        _RULES[judged.status],
        source_file="corrections.csv",
        source_pointer=f"L{line.line}",
        table_name="curated.corrections",
        key=line.key,
        field=line.field,
        value=line.new,
        detail=f"{line.old or '—'} → {line.new or '—'} ({judged.found or '—'})",
    )


def _table(judged: Sequence[Judged]) -> pa.Table:
    texts = ("key", "field", "old", "new", "reason", "evidence", "author")
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(item.correction, name) for item in judged], pa.string())
        for name in texts
    }
    columns["date"] = pa.array([item.correction.date for item in judged], pa.date32())
    columns["line"] = pa.array([item.correction.line for item in judged], pa.int32())
    columns["status"] = pa.array([item.status for item in judged], pa.string())
    columns["found"] = pa.array([item.found for item in judged], pa.string())
    return pa.table(columns)
