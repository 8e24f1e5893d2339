"""One row per contract, lot or concession, with the fields in force: `curated.entries`.

Grain: uid and record kind. The values are those of the precedence (`in_force`), then the applied
corrections of the ledger, each once; `decp_fields` and `corrected_fields` say which. A contract of
DECP that the own register covers and does not have is set aside unless the scheme counts it.
"""

from __future__ import annotations

from spaser.cards import Catalogue
from spaser.curate import corrections, in_force
from spaser.findings import Balance, write_balances
from spaser.scheme import Precedence
from spaser.warehouse import Connection, Tables


def build(
    connection: Connection, tables: Tables, catalogue: Catalogue, precedence: Precedence
) -> int:
    """Write `curated.entries` and its balance; returns the number of rows."""
    in_force.create_views(connection, catalogue, precedence)
    lines = (
        connection.sql("select * from curated.corrections order by line").to_arrow_table()
    ).to_pylist()
    corrected = corrections.overrides(connection, catalogue, lines)
    for name, values in corrected.items():
        connection.register(f"corrected_{name}", values)
    rows = tables.write(connection, "curated.entries", _query(catalogue, list(corrected)))
    [(received, paired, aside)] = connection.execute(
        "select (select count(*) from sides), (select count(*) from pairs), "
        "(select count(*) from set_aside)"
    ).fetchall()
    balance = Balance("entries", received, rows, paired, aside)
    write_balances(connection, tables, "entries", [balance])
    return rows


def _query(catalogue: Catalogue, names: list[str]) -> str:
    replaced = [column for name in names for column in _corrected(catalogue, name)]
    joins = "\n".join(
        f"left join corrected_{name} c_{name} on c_{name}.uid = e.uid" for name in names
    )
    fields = ", ".join(f"case when c_{name}.uid is not null then '{name}' end" for name in names)
    listed = f"list_filter([{fields}], lambda f: f is not null)" if names else "[]::varchar[]"
    replace = f"replace ({', '.join(replaced)})" if replaced else ""
    columns = ", ".join(catalogue.tables["curated/entries"].columns)
    return f"""select {columns}
        from (select e.* {replace}, {listed} as corrected_fields from entries_in_force e {joins})
        order by uid, record_kind"""


def _corrected(catalogue: Catalogue, name: str) -> list[str]:
    """The typed columns of a corrected field."""
    kind = catalogue.fields[name].kind
    value = {"amount": "value.eur", "codes": "value.codes"}.get(kind, "value")
    columns = {name: f"c_{name}.{value}"}
    if kind == "amount":
        columns[f"{name}_text"] = f"cast(c_{name}.value.eur as varchar)"
        columns[f"{name}_out_of_range"] = "false"
    if kind == "codes":
        columns[f"{name}_partial"] = "false"
    if name == "notified_date":
        columns["first_notified_date"] = f"c_{name}.value"
    if name == "published_date":
        columns["first_published_date"] = f"c_{name}.value"
    return [
        f"case when c_{name}.uid is not null then {new} else e.{column} end as {column}"
        for column, new in columns.items()
    ]
