"""`quality.completeness`: by field, buyer, directorate and year, `*` standing for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.cards import catalogue
from spaser.project import definitions_root
from spaser.warehouse import Connection, session

FIELDS = ("amount", "object")
Contract = tuple[str, str | None, int | None, Sequence[str]]


def prepare(connection: Connection) -> None:
    connection.execute("create schema curated; create schema reference")
    connection.execute("create table curated.buyers (buyer_id varchar, in_scheme boolean)")
    connection.execute("insert into curated.buyers values ('A', true), ('B', true), ('X', false)")
    connection.execute(
        "create table curated.contracts (buyer_id varchar, directorate varchar, year integer, "
        "missing_fields varchar[])"
    )
    connection.execute("create table reference.required_fields (field varchar)")
    connection.executemany(
        "insert into reference.required_fields values (?)", [[field] for field in FIELDS]
    )


def completeness(
    connection: Connection, contracts: Iterable[Contract]
) -> dict[tuple[str, str, int, str], tuple[int, int]]:
    """(required, filled) by buyer, directorate, year and field."""
    connection.execute("delete from curated.contracts")
    for row in contracts:
        connection.execute("insert into curated.contracts values (?, ?, ?, ?)", list(row))
    sql = catalogue(definitions_root() / "assets").sql("quality/completeness")
    rows = connection.execute(sql).fetchall()
    found = {(b, d, y, f): (required, filled) for b, d, y, f, required, filled in rows}
    assert len(found) == len(rows), "one row a key"
    return found


@pytest.fixture(scope="module")
def engine() -> Iterable[Connection]:
    with session() as connection:
        prepare(connection)
        yield connection


def test_each_level_counts_its_contracts(engine: Connection) -> None:
    found = completeness(
        engine,
        [
            ("A", "Routes", 2024, ["amount"]),
            ("A", "Écoles", 2024, ["amount", "object"]),
            ("A", None, 2024, []),
            ("B", None, 2024, ["object"]),
        ],
    )
    assert found["*", "*", 2024, "amount"] == (4, 2)
    assert found["A", "*", 2024, "object"] == (3, 2)
    assert found["A", "Routes", 2024, "amount"] == (1, 0)
    assert found["A", "unknown", 2024, "amount"] == (1, 1)
    assert found["*", "Routes", 2024, "object"] == (1, 1)


def test_a_buyer_whose_register_names_no_directorate_has_none(engine: Connection) -> None:
    found = completeness(engine, [("A", "Routes", 2024, []), ("B", None, 2024, [])])
    assert {key[1] for key in found if key[0] == "B"} == {"*"}
    assert ("*", "unknown", 2024, "amount") not in found


def test_other_buyers_and_undated_contracts_are_in_no_line(engine: Connection) -> None:
    assert completeness(engine, [("X", "Routes", 2024, []), ("A", "Routes", None, [])]) == {}


contracts = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "X"]),
        st.sampled_from([None, "Routes", "Écoles"]),
        st.sampled_from([None, 2023, 2024]),
        st.lists(st.sampled_from(FIELDS), unique=True),
    ),
    max_size=12,
)


@given(rows=contracts)
def test_directorates_add_up_to_their_buyer_and_buyers_to_the_scheme(
    engine: Connection, rows: list[Contract]
) -> None:
    found = completeness(engine, rows)
    totals: dict[tuple[str, str, int, str], tuple[int, int]] = {}
    for (buyer, directorate, year, field), (required, filled) in found.items():
        assert 0 <= filled <= required
        if buyer == "*":
            continue
        up = ("*", directorate, year, field) if directorate == "*" else (buyer, "*", year, field)
        for key in {up, ("*", directorate, year, field)}:
            before = totals.get(key, (0, 0))
            totals[key] = (before[0] + required, before[1] + filled)
    assert {key: value for key, value in totals.items() if found[key] != value} == {}
