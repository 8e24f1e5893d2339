"""Runs the checks of a table and writes what failed.

Up to `FRAME_ROWS` rows Great Expectations reads the table itself as a pandas frame, above that the
summary of one SQL scan; both give the same verdicts. The rows at fault come from the same SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from spaser.cards import Catalogue, Check, Severity, TableCard, Text
from spaser.findings import RAW_COLUMNS, write_findings
from spaser.quality.expectations import Verdict, on_frame, on_summary
from spaser.quality.predicates import columns_of, predicate, quoted
from spaser.warehouse import Connection, Tables, literal, session

if TYPE_CHECKING:
    import pandas as pd

FRAME_ROWS = 100_000
"""Above this a frame costs more than it shows."""

SAMPLES = 200
"""Findings written for one check; their number stands in the detail of each."""

SHOWN_KEYS = 5

COLUMNS_CHECK = Check(
    name="columns_as_declared",
    expectation="expect_table_columns_to_match_set",
    description=Text(
        fr="La table a exactement les colonnes et les types de sa fiche.",
        en="The table has exactly the columns and types of its card.",
    ),
)
"""Holds for every table, so that no card has to say it: a card and its table never disagree."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    unexpected_count: rows at fault; for a check on the table as a whole, what differs.
    samples: keys (or columns) at fault, a few, in order.
    """

    name: str
    table: str
    severity: Severity
    passed: bool
    unexpected_count: int
    description: Text
    samples: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether what follows must not run."""
        return self.severity == "ERROR" and not self.passed


def checks_of(card: TableCard) -> tuple[Check, ...]:
    """Every check of a table: the one on its columns, then its card's."""
    return (COLUMNS_CHECK, *card.checks)


def run_checks(card: TableCard, tables: Tables, frame_rows: int = FRAME_ROWS) -> list[CheckResult]:
    """The outcome of every check of a table, in the order of the card.

    Raises:
        InputError: the card names an expectation or an argument that does not exist.
    """
    with session() as connection:
        return _run(connection, card, tables, frame_rows)


def check_table(
    catalogue: Catalogue, card: TableCard, tables: Tables, frame_rows: int = FRAME_ROWS
) -> list[CheckResult]:
    """Run the checks of a table and write their rows in `quality.checks` and `quality.findings`."""
    with session() as connection:
        results = _run(connection, card, tables, frame_rows)
        _write_results(connection, tables, card, results)
        _write_failures(connection, catalogue, tables, card, results)
    return results


def rule_of(check: Check) -> str:
    """The finding rule of a failed check."""
    return "check_failed" if check.severity == "ERROR" else "check_warned"


def failing_rows(card: TableCard, check: Check, tables: Tables, count: int | None = None) -> str:
    """The query that gives the raw findings of a check: at most `SAMPLES` rows, by key.

    Args:
        card: the table, whose grain is the key of a finding.
        check: one of its checks that is about rows.
        tables: where the table lies.
        count: the number of rows at fault, told in the detail of each finding.
    """
    compiled = predicate(check)
    field = ", ".join(compiled.columns)
    value = _joined(compiled.columns, " ; ")
    detail = field if count is None else f"{field} × {count}"
    return f"""
        with checked as (select * from {tables.scan(card.table)})
        select {literal(rule_of(check))} as rule,
               {_column(card, "source_file")}, {_column(card, "source_pointer")},
               {literal(card.table)} as table_name, {_joined(card.grain, " | ")} as key,
               {literal(check.name)} as field, {value} as value, {literal(detail)} as detail
        from checked where {compiled.violation}
        order by key, value, source_file, source_pointer limit {SAMPLES}"""


def _run(
    connection: Connection, card: TableCard, tables: Tables, frame_rows: int
) -> list[CheckResult]:
    compiled = [(check, predicate(check)) for check in card.checks]
    present = _columns(connection, card, tables)
    runnable = [(check, each) for check, each in compiled if present.keys() >= {*each.columns}]
    _look_at(connection, card, tables, present, columns_of(each for _, each in runnable))
    rows = _rows(connection)
    verdicts = (
        on_frame(_frame(connection), runnable)
        if rows <= frame_rows
        else on_summary(connection, runnable)
    )
    # A check that reads a column the table does not have holds for no row.
    unreadable = Verdict(passed=False, unexpected_count=rows)
    known = _as_built(card, present)
    results = [_columns_result(card, present)]
    for check, each in compiled:
        verdict = verdicts.get(check.name, unreadable)
        failed = not verdict.passed and check.name in verdicts and each.rows is None
        failed = failed and not _is_about_person(known, each.columns)
        samples = _sample_keys(connection, known, check, tables) if failed else ()
        results.append(_result(card, check, verdict, samples))
    return results


def _is_about_person(card: TableCard, columns: Iterable[str]) -> bool:
    """Whether showing the rows at fault would show a person: then only their number is told."""
    return any(card.columns[n].about_person for n in (*card.grain, *columns) if n in card.columns)


def _as_built(card: TableCard, present: Iterable[str]) -> TableCard:
    """The card without the columns its table lacks, so that rows at fault can still be shown."""
    columns = {name: card.columns[name] for name in present if name in card.columns}
    grain = tuple(name for name in card.grain if name in columns)
    return card.model_copy(update={"columns": columns, "grain": grain})


def _columns_result(card: TableCard, present: dict[str, str]) -> CheckResult:
    built = {f"{name} {kind}" for name, kind in present.items()}
    declared = {f"{name} {column.type}" for name, column in card.columns.items()}
    differing = built ^ declared
    count = len({each.split(" ")[0] for each in differing})
    verdict = Verdict(not differing, count)
    return _result(card, COLUMNS_CHECK, verdict, tuple(sorted(differing)))


def _result(
    card: TableCard, check: Check, verdict: Verdict, samples: tuple[str, ...]
) -> CheckResult:
    return CheckResult(
        name=check.name,
        table=card.table,
        severity=check.severity,
        passed=verdict.passed,
        unexpected_count=verdict.unexpected_count,
        description=check.description,
        samples=samples,
    )


def _sample_keys(
    connection: Connection, card: TableCard, check: Check, tables: Tables
) -> tuple[str, ...]:
    keys = connection.execute(
        f"select key from ({failing_rows(card, check, tables)}) order by all limit {SHOWN_KEYS}"
    ).fetchall()
    return tuple(str(key) for (key,) in keys)


def _columns(connection: Connection, card: TableCard, tables: Tables) -> dict[str, str]:
    """The type of each column the table has."""
    described = connection.execute(f"describe select * from {tables.scan(card.table)}").fetchall()
    return {row[0]: row[1] for row in described}


def _look_at(
    connection: Connection,
    card: TableCard,
    tables: Tables,
    present: dict[str, str],
    names: Sequence[str],
) -> None:
    """Create the view `checked`: the columns the checks read, in types that both routes compare."""
    columns = [_comparable(name, present[name]) for name in names] or ["1 as one"]
    connection.execute(
        f"create or replace temp view checked as "
        f"select {', '.join(columns)} from {tables.scan(card.table)}"
    )


def _comparable(name: str, kind: str) -> str:
    """Decimals as doubles and lists as text: what a frame and the engine compare alike."""
    if kind.startswith("DECIMAL"):
        return f"{quoted(name)}::double as {quoted(name)}"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"{quoted(name)}::varchar as {quoted(name)}"
    return quoted(name)


def _rows(connection: Connection) -> int:
    counted = connection.execute("select count(*) from checked").fetchall()
    return int(counted[0][0])


def _frame(connection: Connection) -> pd.DataFrame:
    arrow = connection.sql("select * from checked").to_arrow_table()
    frame: pd.DataFrame = arrow.to_pandas(integer_object_nulls=True)
    return frame


def _joined(columns: Sequence[str], separator: str) -> str:
    """The values of some columns as one text, null where the table as a whole is meant."""
    if not columns:
        return "null::varchar"
    texts = ", ".join(f"coalesce({quoted(column)}::varchar, '—')" for column in columns)
    return f"concat_ws({literal(separator)}, {texts})"


def _column(card: TableCard, name: str) -> str:
    return name if name in card.columns else f"null::varchar as {name}"


def _write_results(
    connection: Connection, tables: Tables, card: TableCard, results: Sequence[CheckResult]
) -> None:
    rows = pa.Table.from_pylist(
        [
            {
                "check_name": result.name,
                "table_name": result.table,
                "severity": result.severity,
                "passed": result.passed,
                "unexpected_count": result.unexpected_count,
                "description_fr": result.description.fr,
                "description_en": result.description.en,
            }
            for result in results
        ]
    )
    connection.register("check_rows", rows)
    tables.write(
        connection, "quality.checks", "select * from check_rows order by check_name", card.table
    )


def _write_failures(
    connection: Connection,
    catalogue: Catalogue,
    tables: Tables,
    card: TableCard,
    results: Sequence[CheckResult],
) -> None:
    checks = {check.name: check for check in checks_of(card)}
    queries = [
        _failures(card, checks[result.name], result, tables)
        for result in results
        if not result.passed
    ]
    nothing = "select null::varchar as " + ", null::varchar as ".join(RAW_COLUMNS) + " limit 0"
    query = " union all by name ".join(f"({each})" for each in [nothing, *queries])
    write_findings(connection, catalogue, tables, f"checks-{card.table}", query)


def _failures(card: TableCard, check: Check, result: CheckResult, tables: Tables) -> str:
    """The findings of a failed check: its rows, or one line where the table is at fault."""
    if result.samples and check is not COLUMNS_CHECK:
        return failing_rows(card, check, tables, result.unexpected_count)
    at_fault = ", ".join(result.samples) or card.table
    return f"""
        select {literal(rule_of(check))} as rule, {literal(card.table)} as table_name,
               {literal(check.name)} as field, {literal(at_fault)} as value,
               {literal(str(result.unexpected_count))} as detail"""
