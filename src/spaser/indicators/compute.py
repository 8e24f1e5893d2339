"""Computes the results of one year and the evidence behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from spaser.cards import PEOPLE_TABLE, Catalogue, IndicatorCard, TableCard
from spaser.indicators import guard, people
from spaser.indicators.compiled import (
    Compiled,
    compile_cards,
    evidence_sql,
    median_sql,
    providers_sql,
    scan_sql,
)
from spaser.indicators.results import register_cells, results_sql
from spaser.scheme import Scheme
from spaser.warehouse import Connection, DuckDBEngine, Engine, Tables, literal, session

FACT_TABLE = "facts.contracts"
FEW_BUYERS = 1_000
"""Up to so many buyers most of a year's time is planning, which one thread does: two years are
computed at a time, each on one thread with half a session's memory. Above, one after the other."""

HALF_A_SESSION = "200MB"


def years_found(tables: Tables) -> list[int]:
    """The years in which contracts were notified or insertion hours worked, in order."""
    found = [name for name in (FACT_TABLE, PEOPLE_TABLE) if tables.exists(name)]
    years = " union ".join(f"select year from {tables.scan(name)}" for name in found)
    with session() as connection:
        rows = connection.execute(
            f"select distinct year from ({years}) where year is not null order by year"
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
        tables: where the fact tables are and the results go.
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
    compiled = _compile(catalogue, cards)
    few = _buyer_count(tables) <= FEW_BUYERS

    def one(year: int) -> int:
        opened = session(HALF_A_SESSION, threads=1) if few else session()
        with opened as connection:
            return _compute_year(
                connection,
                tables,
                catalogue,
                compiled,
                cards,
                scheme,
                year,
                with_evidence=with_evidence,
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
    catalogue: Catalogue,
    compiled: Sequence[Compiled],
    cards: Sequence[IndicatorCard],
    scheme: Scheme,
    year: int,
    *,
    with_evidence: bool,
) -> int:
    part = f"year={year}"
    figures = people.read_figures(connection, tables, year)
    engine = prepare(connection, tables, [one.fact for one in compiled])
    register_buyers(connection, tables, [one.relation for one in compiled], figures.found)
    asked = _asked(connection, catalogue, scheme, year)
    connection.register("people_results", people.results(figures, cards, asked))
    hidden = guard.register(connection, catalogue, compiled, figures, year)
    rows = guard.guarded_sql(result_rows(connection, engine, compiled, scheme, year), hidden)
    kept = _rows_of_other_cards(tables, "indicators.results", part, cards)
    others = f" union all by name {kept}" if kept else ""
    query = f"{rows} union all by name select * from people_results{others}"
    written = tables.write(connection, "indicators.results", query, part)
    if with_evidence:
        kept = _rows_of_other_cards(tables, "indicators.evidence", part, cards)
        about = people.evidence(figures, cards, asked)
        batches = _evidence_batches(connection, engine, compiled, scheme, year, cards, kept, about)
        tables.write_batches("indicators.evidence", batches, part)
    return written


def _asked(connection: Connection, catalogue: Catalogue, scheme: Scheme, year: int) -> people.Asked:
    """What the cards about people are asked: the buyers are those of `scheme_buyers`."""
    rows = connection.execute("select buyer_id from scheme_buyers order by buyer_id").fetchall()
    buyers = [buyer for (buyer,) in rows]
    return people.Asked(catalogue, scheme.name, year, buyers, scheme.buyers != "all")


def _evidence_batches(
    connection: Connection,
    engine: Engine,
    compiled: Sequence[Compiled],
    scheme: Scheme,
    year: int,
    cards: Sequence[IndicatorCard],
    kept: str,
    about_people: pa.Table,
) -> Iterator[pa.Table]:
    """Card by card: the evidence of a year has a row per unit, card, scope and measure."""
    for card in cards:
        for one in compiled:
            if one.of([card.id]):
                rows = evidence_rows(engine, one, scheme.name, year, [card.id])
                if card.about == "companies":
                    rows = guard.guarded_evidence(connection, rows)
                yield rows
    yield about_people
    if kept:
        yield engine.query(kept)


def _rows_of_other_cards(
    tables: Tables, table: str, part: str, cards: Sequence[IndicatorCard]
) -> str:
    """The query of the rows of a year that these cards do not compute; empty when none."""
    path = tables.folder(table) / f"{part}.parquet"
    if not path.is_file():
        return ""
    codes = ", ".join(literal(card.id) for card in cards)
    return f"select * from read_parquet({literal(path.as_posix())}) where code not in ({codes})"


def prepare(connection: Connection, tables: Tables, facts: Iterable[TableCard]) -> Engine:
    """An engine that knows the fact tables; one that was not built is empty."""
    engine = DuckDBEngine(connection)
    for fact in facts:
        relation = fact.table.replace(".", "_")
        if tables.exists(fact.table):
            engine.register(relation, f"{tables.folder(fact.table).as_posix()}/*.parquet")
        else:
            create_empty(connection, fact)
    return engine


def create_empty(connection: Connection, fact: TableCard) -> None:
    """A fact table without rows, under its name in the portable SQL."""
    columns = ", ".join(f"{name} {column.type}" for name, column in fact.columns.items())
    connection.execute(f"create temp table {fact.table.replace('.', '_')} ({columns})")


def register_buyers(
    connection: Connection, tables: Tables, relations: Sequence[str], others: Iterable[str] = ()
) -> None:
    """Create `scheme_buyers`: the buyers for which rows exist even when empty.

    Those the scheme names, those with a unit in a fact table, and the others given.
    """
    tables.attach(connection, ["curated.buyers"])
    listed = pa.table({"buyer_id": pa.array(sorted(others), pa.string())})
    connection.register("other_buyers", listed)
    found = " union ".join(
        f"select buyer_id from {relation}" for relation in (*relations, "other_buyers")
    )
    connection.execute(
        f"""create or replace temp table scheme_buyers as
        select buyer_id from curated.buyers where in_scheme and named_in_scheme
        union ({found}) order by buyer_id"""
    )


def result_rows(
    connection: Connection,
    engine: Engine,
    compiled: Sequence[Compiled],
    scheme: Scheme,
    year: int,
) -> str:
    """The query of the result rows of a year (parenthesised); the scans have run."""
    for one in compiled:
        _count_cells(connection, engine, one, scheme, year)
    return f"({results_sql(compiled, scheme.name, year)})"


def _count_cells(
    connection: Connection, engine: Engine, compiled: Compiled, scheme: Scheme, year: int
) -> None:
    """Scan a fact table, and register the counters of every cell of the year."""
    buyer_dimensions = scheme.buyers != "all"
    medians: dict[str, pa.Table] = {
        median.name: engine.query(median_sql(compiled, median, year, buyer_dimensions))
        for median in compiled.medians
    }
    register_cells(
        connection,
        compiled,
        engine.query(scan_sql(compiled, year, buyer_dimensions)),
        medians,
        engine.query(providers_sql(compiled, year)),
    )


def evidence_rows(
    engine: Engine,
    compiled: Compiled,
    scheme: str,
    year: int,
    codes: Iterable[str] | None = None,
) -> pa.Table:
    """The rows of `indicators.evidence` of one fact table and year, of all cards or those named."""
    query = evidence_sql(compiled, year, None if codes is None else compiled.of(codes))
    return engine.query(
        f"select {literal(scheme)} as scheme, e.* from ({query}) e "
        "order by code, method, scope, measure, unit_id, role"
    )


def compile_for(catalogue: Catalogue, codes: Iterable[str] | None = None) -> list[Compiled]:
    """The cards compiled, all or those named: one part for each fact table that they read."""
    wanted = None if codes is None else set(codes)
    cards = [c for c in catalogue.indicators.values() if wanted is None or c.id in wanted]
    return _compile(catalogue, cards)


def _compile(catalogue: Catalogue, cards: Sequence[IndicatorCard]) -> list[Compiled]:
    names = dict.fromkeys(name for card in cards for name in card.fact_tables)
    return [
        compile_cards(cards, catalogue.tables[name.replace(".", "/")]) for name in sorted(names)
    ]
