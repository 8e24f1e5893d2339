"""Award criteria with nature and weight: `curated.criteria`.

Grain: one criterion of one contract. A register gives them as a text (`Prix 60 % ; Environnement
10 %`) or as one column a nature; columns win, because nobody had to read them. Source: CCP
art. R2152-7 (weights), DOMAIN §1.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.findings import Finding, findings_table, write_findings
from spaser.values import read_criteria
from spaser.warehouse import Connection, Tables

NATURES = ("price", "technical", "environmental", "social")

_SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("criterion_number", pa.int32()),
        ("label", pa.string()),
        ("nature", pa.string()),
        ("weight", pa.decimal128(9, 6)),
        ("source_file", pa.string()),
        ("source_pointer", pa.string()),
    ]
)


def build(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """Write `curated.criteria` and the findings of texts not understood; returns the rows."""
    weights = [f"weight_{nature}" for nature in NATURES]
    given = " or ".join(f"{name} is not null" for name in ("award_criteria", *weights))
    entries = connection.sql(
        f"""select uid, award_criteria, {", ".join(weights)}, source_file, source_pointer
        from curated.entries where record_kind = 'contract' and ({given}) order by uid"""
    ).to_arrow_table()
    rows: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for entry in entries.to_pylist():
        found, problem = _criteria_of(entry)
        place = {name: entry[name] for name in ("source_file", "source_pointer")}
        rows += [
            {"uid": entry["uid"], "criterion_number": number, **criterion, **place}
            for number, criterion in enumerate(found, start=1)
        ]
        if problem:
            findings.append(
                Finding(
                    problem,
                    table_name="curated.criteria",
                    key=entry["uid"],
                    field="award_criteria",
                    value=entry["award_criteria"],
                    **place,
                )
            )
    connection.register("criteria_rows", pa.Table.from_pylist(rows, schema=_SCHEMA))
    connection.register("criteria_findings", findings_table(findings))
    write_findings(connection, catalogue, tables, "criteria", "select * from criteria_findings")
    return tables.write(connection, "curated.criteria", "select * from criteria_rows")


def _criteria_of(entry: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    columns: Iterable[tuple[str, Decimal | None]] = (
        (nature, entry[f"weight_{nature}"]) for nature in NATURES
    )
    weighed = [
        {"label": None, "nature": nature, "weight": weight}
        for nature, weight in columns
        if weight is not None
    ]
    if weighed or entry["award_criteria"] is None:
        return weighed, None
    read = read_criteria(entry["award_criteria"])
    return [
        {"label": one.label, "nature": one.nature, "weight": one.weight} for one in read.value or ()
    ], read.problem
