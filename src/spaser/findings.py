"""How a finding is written: `quality.findings` and `quality.balances`.

A step states what it found as rows of `(rule, source_file, source_pointer, table_name, key, field,
value, detail)`; severity, messages and what to do come from the rule's row in
`assets/references/finding_rules.csv`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.warehouse import Connection, Tables

RAW_COLUMNS = (
    "rule",
    "source_file",
    "source_pointer",
    "table_name",
    "key",
    "field",
    "value",
    "detail",
)


@dataclass(frozen=True)
class Finding:
    """One thing to look at, before its messages are written."""

    rule: str
    source_file: str | None = None
    source_pointer: str | None = None
    table_name: str | None = None
    key: str | None = None
    field: str | None = None
    value: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Balance:
    """One step: records_in = kept + merged + rejected."""

    step: str
    records_in: int
    kept: int
    merged: int
    rejected: int


def findings_table(findings: Iterable[Finding]) -> pa.Table:
    """Findings as an Arrow table of the raw columns."""
    rows = [astuple(finding) for finding in findings]
    names = [field.name for field in fields(Finding)]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table(
        {
            name: pa.array(list(column), pa.string())
            for name, column in zip(names, columns, strict=True)
        }
    )


_RAW_COLUMNS = (
    *("rule", "source_file", "source_pointer", "table_name"),
    *("key", "field", "value", "detail"),
)


def write_findings(
    connection: Connection, catalogue: Catalogue, tables: Tables, step: str, raw_query: str
) -> int:
    """Write the part `step` of `quality.findings` from a query that gives the raw columns.

    Raises:
        ValueError: a finding names a rule that has no row (a fault of ours).
    """
    rules = pa.Table.from_pylist([rule.model_dump() for rule in catalogue.rules.values()])
    connection.register("finding_rules", rules)
    # A null that no query types is a number in the oldest engine.
    texts = ", ".join(f"cast({name} as varchar) as {name}" for name in _RAW_COLUMNS)
    connection.execute(
        f"create or replace temp table raw_findings as select {texts} from ({raw_query})"
    )
    orphans = connection.execute(
        "select distinct rule from raw_findings anti join finding_rules using (rule) order by rule"
    ).fetchall()
    if orphans:
        msg = f"finding rules without a row: {[rule for (rule,) in orphans]}"
        raise ValueError(msg)
    return tables.write(connection, "quality.findings", _FINDINGS_SQL, part=step)


def _filled(language: str) -> str:
    text = f"message_{language}"
    for name in ("value", "field", "key"):
        text = f"replace({text}, '{{{name}}}', coalesce({name}, '—'))"
    return f"replace({text}, '{{detail}}', coalesce({_DETAIL[language]}, '—'))"


_DETAIL = {
    "fr": "split_part(detail, chr(31), 1)",
    "en": "coalesce(nullif(split_part(detail, chr(31), 2), ''), detail)",
}
"""A detail in words has both languages, French first, with `chr(31)` between them."""


_FINDINGS_SQL = f"""
select md5(concat_ws(chr(31), rule, source_file, source_pointer, table_name, key, field, value,
                     detail, row_number() over (partition by rule, source_file, source_pointer,
                         table_name, key, field, value, detail))) as finding_id,
       severity, rule, source_file, source_pointer, table_name, key, field, value,
       replace(detail, chr(31), ' / ') as detail,
       {_filled("fr")} as message_fr, {_filled("en")} as message_en,
       action_fr as action, action_en
from raw_findings join finding_rules using (rule)
order by severity, rule, source_file, source_pointer, key, field, value, finding_id
"""


def write_balances(
    connection: Connection, tables: Tables, part: str, balances: Sequence[Balance]
) -> None:
    """Write one part of `quality.balances`."""
    rows = pa.Table.from_pylist(
        [vars(balance) for balance in balances],
        schema=pa.schema(
            [
                ("step", pa.string()),
                *((name, pa.int64()) for name in ("records_in", "kept", "merged", "rejected")),
            ]
        ),
    )
    connection.register("balance_rows", rows)
    query = "select *, records_in - kept - merged - rejected as difference from balance_rows"
    tables.write(connection, "quality.balances", f"{query} order by step", part)
