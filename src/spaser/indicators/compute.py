"""Computes the results of one year and the evidence behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pyarrow as pa

from spaser.cards import Catalogue, IndicatorCard, TableCard
from spaser.indicators.compiled import (
    Compiled,
    compile_cards,
    evidence_sql,
    median_sql,
    scan_sql,
)
from spaser.indicators.results import results_sql
from spaser.scheme import Scheme
from spaser.warehouse import Connection, DuckDBEngine, Engine, Tables, literal, session

FACT_TABLE = "facts.contracts"
FEW_BUYERS = 1_000
"""Up to so many buyers most of a year's time is planning, which one thread does: two years are
computed at a time, each on one thread with half a session's memory. Above, one after the other."""

HALF_A_SESSION = "200MB"


def years_found(tables: Tables) -> list[int]:
    """The years in which contracts were notified, in order."""
    with session() as connection:
        tables.attach(connection, [FACT_TABLE])
        rows = connection.execute(
            f"select distinct year from {FACT_TABLE} where year is not null order by year"
        ).fetchall()
    return [year for (year,) in rows]


def compute(
    tables: Tables,
    catalogue: Catalogue,
    scheme: Scheme,
    years: Sequence[int],
    *,
    axes: Iterable[str] | None = None,
    with_evidence: bool = True,
) -> int:
    """Write the parts of some years of `indicators.results` and `indicators.evidence`.

    Years do not depend on each other: a few are computed at a time, each in its own session.

    Args:
        tables: where `facts.contracts` is and the results go.
        catalogue: the cards.
        scheme: whose buyers, floor and name the rows carry.
        years: years of first notification.
        axes: compute only the cards of these axes; the rows of the others are kept as they are.
        with_evidence: also write the units behind every figure.

    Returns:
        The number of result rows.
    """
    chosen = None if axes is None else set(axes)
    cards = [
        card
        for _, card in sorted(catalogue.indicators.items())
        if chosen is None or card.axis in chosen
    ]
    if not cards:
        return 0
    compiled = compile_cards(cards, catalogue.tables[FACT_TABLE.replace(".", "/")])
    few = _buyer_count(tables) <= FEW_BUYERS

    def one(year: int) -> int:
        opened = session(HALF_A_SESSION, threads=1) if few else session()
        with opened as connection:
            return _compute_year(
                connection, tables, compiled, cards, scheme, year, with_evidence=with_evidence
            )

    with ThreadPoolExecutor(2 if few else 1) as pool:
        return sum(pool.map(one, years))


def _buyer_count(tables: Tables) -> int:
    with session() as connection:
        query = f"select count(*) from {tables.scan('curated.buyers')}"
        return int(connection.execute(query).fetchall()[0][0])


def _compute_year(
    connection: Connection,
    tables: Tables,
    compiled: Compiled,
    cards: Sequence[IndicatorCard],
    scheme: Scheme,
    year: int,
    *,
    with_evidence: bool,
) -> int:
    part = f"year={year}"
    engine = prepare(connection, tables)
    register_buyers(connection, tables)
    rows = result_rows(connection, engine, compiled, scheme, year)
    kept = _rows_of_other_cards(tables, "indicators.results", part, cards)
    others = f" union all by name {kept}" if kept else ""
    written = tables.write(connection, "indicators.results", rows + others, part)
    if with_evidence:
        batches = _evidence_batches(engine, compiled, scheme, year, cards)
        kept = _rows_of_other_cards(tables, "indicators.evidence", part, cards)
        if kept:
            batches = chain(batches, [engine.query(kept)])
        tables.write_batches("indicators.evidence", batches, part)
    return written


def _evidence_batches(
    engine: Engine,
    compiled: Compiled,
    scheme: Scheme,
    year: int,
    cards: Sequence[IndicatorCard],
) -> Iterator[pa.Table]:
    """Card by card: the evidence of a year has a row per contract, card, scope and measure."""
    for card in cards:
        yield evidence_rows(engine, compiled, scheme.name, year, [card.id])


def _rows_of_other_cards(
    tables: Tables, table: str, part: str, cards: Sequence[IndicatorCard]
) -> str:
    """The query of the rows of a year that these cards do not compute; empty when none."""
    path = tables.folder(table) / f"{part}.parquet"
    if not path.is_file():
        return ""
    codes = ", ".join(literal(card.id) for card in cards)
    return f"select * from read_parquet({literal(path.as_posix())}) where code not in ({codes})"


def prepare(connection: Connection, tables: Tables) -> Engine:
    """An engine that knows the fact table."""
    engine = DuckDBEngine(connection)
    engine.register(
        FACT_TABLE.replace(".", "_"), f"{tables.folder(FACT_TABLE).as_posix()}/*.parquet"
    )
    return engine


def register_buyers(connection: Connection, tables: Tables) -> None:
    """Create `scheme_buyers`: the buyers for which rows exist even when empty."""
    tables.attach(connection, ["curated.buyers"])
    connection.execute(
        """create or replace temp table scheme_buyers as
        select buyer_id from curated.buyers
        where in_scheme and (named_in_scheme or buyer_id in (
            select buyer_id from facts_contracts))"""
    )


def result_rows(
    connection: Connection, engine: Engine, compiled: Compiled, scheme: Scheme, year: int
) -> str:
    """The query of the result rows of a year (parenthesised); the scan has run."""
    buyer_dimensions = scheme.buyers != "all"
    scan = engine.query(scan_sql(compiled, year, buyer_dimensions))
    medians: dict[str, pa.Table] = {
        median.name: engine.query(median_sql(compiled, median, year, buyer_dimensions))
        for median in compiled.medians
    }
    return f"({results_sql(connection, compiled, scan, medians, scheme.name, year)})"


def evidence_rows(
    engine: Engine,
    compiled: Compiled,
    scheme: str,
    year: int,
    codes: Iterable[str] | None = None,
) -> pa.Table:
    """The rows of `indicators.evidence` of a year, for all cards or those named."""
    chosen = None
    if codes is not None:
        wanted = set(codes)
        chosen = [m for m in (*compiled.measured, *compiled.medians) if m.card.id in wanted]
    query = evidence_sql(compiled, year, chosen)
    return engine.query(
        f"select {literal(scheme)} as scheme, e.* from ({query}) e "
        "order by code, method, scope, measure, unit_id, role"
    )


def compile_for(
    catalogue: Catalogue, codes: Iterable[str] | None = None
) -> tuple[TableCard, Compiled]:
    """The fact card and the compiled cards, all or those named."""
    fact = catalogue.tables[FACT_TABLE.replace(".", "/")]
    wanted = None if codes is None else set(codes)
    cards = [c for c in catalogue.indicators.values() if wanted is None or c.id in wanted]
    return fact, compile_cards(cards, fact)
