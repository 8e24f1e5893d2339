"""Counters → `indicators.results`: unpivoted and divided once, after the engine.

Source of the interval: ARCHITECTURE §2 rule 1. With t, f, u the members known true, known false
and unknown, and mt, mf, mu the units that may be members: value = t / (t + f),
low = t / (t + f + u + mf + mu), high = (t + u + mt + mu) / (t + f + u + mt + mu).
"""

from __future__ import annotations

import pyarrow as pa

from spaser.indicators.compiled import ALL, SCOPES, Compiled, Measured, counter_names
from spaser.warehouse import Connection, literal

QUOTIENT = """
create or replace macro quotient(part, whole) as case when whole > 0 then cast(
    cast((2 * cast(part * 100 as hugeint) * 1000000 + cast(whole * 100 as hugeint))
        // (2 * cast(whole * 100 as hugeint)) as decimal(31,0))
    * cast(0.000001 as decimal(6,6)) as decimal(38,6)) end
"""
"""Half-up division at six decimals on exact integers."""


def results_sql(
    connection: Connection,
    compiled: Compiled,
    scan: pa.Table,
    medians: dict[str, pa.Table],
    scheme: str,
    year: int,
) -> str:
    """The query of the rows of a year; registers the tables it reads.

    Needs a relation `scheme_buyers(buyer_id)`: rows without dimension exist for each of them, for
    the whole scheme and for every scope, zeros included.
    """
    connection.execute(QUOTIENT)
    connection.register("scan_rows", scan)
    connection.execute(
        f"""create or replace temp table grid as
        select s.scope, b.buyer_id from (values {", ".join(f"('{scope}')" for scope in SCOPES)})
            s(scope)
        cross join (select '{ALL}' as buyer_id union all select buyer_id from scheme_buyers) b"""
    )
    connection.execute(_cells_sql(compiled))
    for name, table in medians.items():
        connection.register(f"median_{name}", table)
    selects = [_additive_select(compiled), *(_median_select(m) for m in compiled.medians)]
    return f"""select {literal(scheme)} as scheme, r.code, r.method,
        r.method_version, r.scope, r.buyer_id, {year}::integer as year, r.dimension, r.member,
        r.measure, r.unit,
        cast(r.numerator as decimal(38,2)) as numerator,
        cast(r.denominator as decimal(38,2)) as denominator,
        cast(r.unknown as decimal(38,2)) as unknown,
        cast(r.excluded as bigint) as excluded,
        case when r.is_computed then cast(r.value as decimal(38,6)) end as value,
        cast(r.low as decimal(38,6)) as low, cast(r.high as decimal(38,6)) as high,
        case when r.is_computed then 'computed' else 'not_computable' end as status,
        case when not r.is_computed then {_REASON_FR} end as reason_fr,
        case when not r.is_computed then {_REASON_EN} end as reason_en,
        r.axis
    from ({" union all by name ".join(selects)}) r
    order by code, method, measure, unit, scope, buyer_id, dimension, member"""


_UNKNOWN_COUNT = "cast(cast(r.unknown as decimal(38,0)) as varchar)"
_REASON_FR = f"""case
    when r.unknown > 0 and r.measure = 'value' then
        'aucun marché dont l''information soit connue (montant inconnu : '
            || {_UNKNOWN_COUNT} || ' €)'
    when r.unknown > 0 then
        'aucun marché dont l''information soit connue (' || {_UNKNOWN_COUNT} || ' inconnus)'
    when r.excluded > 0 then
        'aucun montant utilisable (' || cast(r.excluded as varchar) || ' marchés écartés)'
    else 'aucun marché dans ce périmètre' end"""
_REASON_EN = f"""case
    when r.unknown > 0 and r.measure = 'value' then
        'no contract whose information is known (unknown amount: ' || {_UNKNOWN_COUNT} || ' €)'
    when r.unknown > 0 then
        'no contract whose information is known (' || {_UNKNOWN_COUNT} || ' unknown)'
    when r.excluded > 0 then
        'no usable amount (' || cast(r.excluded as varchar) || ' contracts set aside)'
    else 'no contract in this scope' end"""


def _head(measured: Measured, unit: str) -> str:
    card = measured.card
    return (
        f"select {literal(card.id)} as code, {literal(measured.method.name)} as method, "
        f"{card.method_version} as method_version, {literal(card.axis)} as axis, "
        f"scope, buyer_id, dimension, member, {literal(measured.measure)} as measure, "
        f"{literal(unit)} as unit"
    )


def _cells_sql(compiled: Compiled) -> str:
    """Every cell of the year, empty ones of the grid included, with all its counters."""
    filled = ", ".join(f"coalesce({name}, 0) as {name}" for name in counter_names(compiled))
    return f"""create or replace temp table cells as
        select g.scope, g.buyer_id, '{ALL}' as dimension, '{ALL}' as member, {filled}
        from grid g left join scan_rows s
            on s.scope = g.scope and s.buyer_id = g.buyer_id and s.dimension = '{ALL}'
        union all
        select scope, buyer_id, dimension, member, {filled}
        from scan_rows where dimension <> '{ALL}'"""


def _additive_select(compiled: Compiled) -> str:
    """All printed figures of every cell: unpivoted in one pass, then one formula a shape."""
    figures = ", ".join(
        _figure(measured, unit) for measured in compiled.measured for unit in measured.units
    )
    return f"""select code, method, method_version, axis, scope, buyer_id, dimension, member,
        measure, unit, excluded, t as numerator,
        case when shape = 'mean' then f else t + f end as denominator,
        case when shape = 'mean' then u + mf + mu else u + mt + mf + mu end as unknown,
        case shape when 'share' then t + f > 0 when 'mean' then f > 0
            -- A total of which nothing is known is unknown, not zero.
            else t + f > 0 or u + mt + mf + mu + excluded = 0 end as is_computed,
        case shape when 'share' then quotient(t, t + f) when 'mean' then quotient(t, f)
            else cast(t as decimal(38,6)) end as value,
        case shape when 'share' then quotient(t, t + f + u + mf + mu)
            -- A mean of which one number is unknown has no upper bound: no interval then.
            when 'mean' then case when u + mf + mu = 0 then quotient(t, f) end
            else cast(t as decimal(38,6)) end as low,
        case shape when 'share' then quotient(t + u + mt + mu, t + f + u + mt + mu)
            when 'mean' then case when u + mf + mu = 0 then quotient(t, f) end
            else cast(t + u + mt + mu as decimal(38,6)) end as high
    from (select * exclude (figure), unnest(figure) from (
        select scope, buyer_id, dimension, member, unnest([{figures}]) as figure from cells))
    where list_contains(dimensions, dimension)
        and (dimension = '{ALL}' or t + f + u + mt + mf + mu + excluded > 0)"""


def _counters(measured: Measured) -> dict[str, str]:
    """The six counters of a measure; unknown is what true and false leave of the whole."""
    name = measured.name
    counters = {state: f"{name}_{state}" for state in ("t", "f", "mt", "mf")}
    if measured.has_own_unknown:
        return counters | {"u": f"{name}_u", "mu": f"{name}_mu"}
    whole = measured.whole
    maybe = whole.replace("whole_", "maybe_")
    if measured.method.kind == "mean":  # its true part weighs offers, its false part counts units
        return counters | {"u": f"{whole} - {name}_f", "mu": f"{maybe} - {name}_mf"}
    return counters | {
        "u": f"{whole} - {name}_t - {name}_f",
        "mu": f"{maybe} - {name}_mt - {name}_mf",
    }


def _figure(measured: Measured, unit: str) -> str:
    card = measured.card
    shape = "mean" if measured.method.kind == "mean" else "share" if unit == "share" else "amount"
    counters = ", ".join(
        f"{name}: cast({expression} as decimal(38,2))"
        for name, expression in _counters(measured).items()
    )
    excluded = "0::bigint"
    if measured.can_exclude:
        excluded = f"cast(excluded_{measured.weight}_{measured.population} as bigint)"
    return (
        f"{{code: {literal(card.id)}, method: {literal(measured.method.name)}, "
        f"method_version: {card.method_version}, axis: {literal(card.axis)}, "
        f"measure: {literal(measured.measure)}, unit: {literal(unit)}, "
        f"dimensions: [{', '.join(literal(name) for name in (ALL, *card.dimensions))}], "
        f"shape: {literal(shape)}, {counters}, excluded: {excluded}}}"
    )


def _median_select(median: Measured) -> str:
    unit = median.units[0]
    dimensions = ", ".join(literal(name) for name in median.card.dimensions) or "null"
    # Typed like the additive rows: a union of two scales would take the cents from all of them.
    return f"""{_head(median, unit)}, 0 as excluded, null as numerator,
        cast(known as decimal(38,2)) as denominator, cast(unknown as decimal(38,2)) as unknown,
        known > 0 as is_computed, quotient(low_middle + high_middle, 2) as value,
        null as low, null as high
    from (
        select g.scope, g.buyer_id, '{ALL}' as dimension, '{ALL}' as member,
            coalesce(m.known, 0) as known, coalesce(m.unknown, 0) as unknown,
            m.low_middle, m.high_middle
        from grid g left join median_{median.name} m on m.scope = g.scope
            and m.buyer_id = g.buyer_id and m.dimension = '{ALL}'
        union all
        select scope, buyer_id, dimension, member, known, unknown, low_middle, high_middle
        from median_{median.name} where dimension in ({dimensions})
    )"""
