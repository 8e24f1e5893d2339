"""Counters → `indicators.results`: unpivoted and divided once, after the engine.

Source of the interval: ARCHITECTURE §2 rule 1. With t, f, u the members known true, known false
and unknown, and mt, mf, mu the units that may be members: value = t / (t + f),
low = t / (t + f + u + mf + mu), high = (t + u + mt + mu) / (t + f + u + mt + mu).

Figures that tell what companies had validated (`about: companies`) are then hidden where the rules
on hours say so: see `guarded_sql`.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def register_cells(
    connection: Connection,
    compiled: Compiled,
    scan: pa.Table,
    medians: dict[str, pa.Table],
    providers: pa.Table,
) -> None:
    """Register the counters of every cell of a fact table, and its medians.

    Needs a relation `scheme_buyers(buyer_id)`: rows without dimension exist for each of them, for
    the whole scheme and for every scope, zeros included. `missing` is the number of buyers of a
    cell that gave nothing, where that is not the same as having nothing.
    """
    name = compiled.relation
    connection.execute(QUOTIENT)
    connection.register(f"scan_{name}", scan)
    connection.register(f"providers_{name}", providers)
    connection.execute(
        f"""create or replace temp table grid as
        select s.scope, b.buyer_id from (values {", ".join(f"('{scope}')" for scope in SCOPES)})
            s(scope)
        cross join (select '{ALL}' as buyer_id union all select buyer_id from scheme_buyers) b"""
    )
    connection.execute(_missing_sql(compiled))
    connection.execute(_cells_sql(compiled))
    for median, table in medians.items():
        connection.register(f"median_{name}_{median}", table)


def results_sql(parts: Sequence[Compiled], scheme: str, year: int) -> str:
    """The query of the rows of a year, over the cells registered for each fact table."""
    selects = [
        select
        for compiled in parts
        for select in (
            *([_additive_select(compiled)] if compiled.measured else []),
            *(_median_select(compiled, median) for median in compiled.medians),
        )
    ]
    return f"""select {literal(scheme)} as scheme, r.code, r.method,
        r.method_version, r.scope, r.buyer_id, {year}::integer as year, r.dimension, r.member,
        r.measure, r.unit,
        cast(r.numerator as decimal(38,2)) as numerator,
        cast(r.denominator as decimal(38,2)) as denominator,
        cast(r.unknown as decimal(38,2)) as unknown,
        cast(r.excluded as bigint) as excluded,
        case when r.is_computed then cast(r.value as decimal(38,6)) end as value,
        case when r.missing = 0 then cast(r.low as decimal(38,6)) end as low,
        case when r.missing = 0 then cast(r.high as decimal(38,6)) end as high,
        case when r.is_computed then 'computed' else 'not_computable' end as status,
        case when not r.is_computed then {_REASON_FR} end as reason_fr,
        case when not r.is_computed then {_REASON_EN} end as reason_en,
        r.axis
    from ({" union all by name ".join(selects)}) r
    order by code, method, measure, unit, scope, buyer_id, dimension, member"""


def _told(units: str, nothing_known: str, unknown_eur: str, unknown: str, excluded: str,
          nothing: str) -> str:  # fmt: skip
    """Why a figure is not computed, for the fact tables whose units have that name."""
    count = "cast(cast(r.unknown as decimal(38,0)) as varchar)"
    number = "cast(r.excluded as varchar)"
    return f"""when r.units = '{units}' and r.unknown <> 0 and r.measure = 'value' then
        {_filled(nothing_known + unknown_eur, count)}
    when r.units = '{units}' and r.unknown <> 0 then {_filled(nothing_known + unknown, count)}
    when r.units = '{units}' and r.excluded > 0 then {_filled(excluded, number)}
    when r.units = '{units}' then {literal(nothing)}"""


def _filled(text: str, expression: str) -> str:
    """A SQL text with an expression in the place of `{}`."""
    return f" || {expression} || ".join(literal(part) for part in text.split("{}"))


_NONE_GIVEN_FR = "aucune dépense fournie pour {} acheteur(s) cette année-là"
_NONE_GIVEN_EN = "no spend given for {} buyer(s) that year"
_NONE_FOLLOWED_FR = "aucune opération suivie cette année-là"
_NONE_FOLLOWED_EN = "no operation followed that year"
_REASON_FR = f"""case
    when r.missing > 0 and r.units = 'operations' then {literal(_NONE_FOLLOWED_FR)}
    when r.missing > 0 then {_filled(_NONE_GIVEN_FR, "cast(r.missing as varchar)")}
    {
    _told(
        "contracts",
        "aucun marché dont l'information soit connue ",
        "(montant inconnu : {} €)",
        "({} inconnus)",
        "aucun montant utilisable ({} marchés écartés)",
        "aucun marché dans ce périmètre",
    )
}
    {
    _told(
        "spend",
        "aucune dépense dont l'information soit connue ",
        "(montant inconnu : {} €)",
        "({} lignes inconnues)",
        "aucun montant hors taxes utilisable ({} lignes écartées)",
        "aucune dépense dans ce périmètre",
    )
}
    {
    _told(
        "operations",
        "aucune opération dont la valeur soit connue ",
        "(montant inconnu : {} €)",
        "({} inconnues)",
        "aucune valeur connue ({} opérations écartées)",
        "aucune opération dans ce cas",
    )
} end"""
_REASON_EN = f"""case
    when r.missing > 0 and r.units = 'operations' then {literal(_NONE_FOLLOWED_EN)}
    when r.missing > 0 then {_filled(_NONE_GIVEN_EN, "cast(r.missing as varchar)")}
    {
    _told(
        "contracts",
        "no contract whose information is known ",
        "(unknown amount: {} €)",
        "({} unknown)",
        "no usable amount ({} contracts set aside)",
        "no contract in this scope",
    )
}
    {
    _told(
        "spend",
        "no spend whose information is known ",
        "(unknown amount: {} €)",
        "({} unknown lines)",
        "no usable amount without VAT ({} lines set aside)",
        "no spend in this scope",
    )
}
    {
    _told(
        "operations",
        "no operation whose value is known ",
        "(unknown amount: {} €)",
        "({} unknown)",
        "no known value ({} operations set aside)",
        "no such operation",
    )
} end"""


def _head(measured: Measured, unit: str) -> str:
    card = measured.card
    return (
        f"select {literal(card.id)} as code, {literal(measured.method.name)} as method, "
        f"{card.method_version} as method_version, {literal(card.axis)} as axis, "
        f"scope, buyer_id, dimension, member, {literal(measured.measure)} as measure, "
        f"{literal(unit)} as unit"
    )


def _missing_sql(compiled: Compiled) -> str:
    """How many buyers gave nothing, of each buyer (0 or 1) and of the whole scheme."""
    name = compiled.relation
    counted = "count(*) - count(p.buyer_id)"
    least = f"(select 1 - least(count(*), 1) from providers_{name})"
    whole = counted if compiled.whole_needs_all else "0 * count(*)"
    if compiled.silence_is_zero:
        counted, least = "0 * count(*)", "0"
    return f"""create or replace temp table missing_{name} as
        select b.buyer_id, {counted} as missing
        from scheme_buyers b left join providers_{name} p on p.buyer_id = b.buyer_id
        group by b.buyer_id
        union all
        select '{ALL}', greatest({least}, {whole})
        from scheme_buyers b left join providers_{name} p on p.buyer_id = b.buyer_id"""


def _cells_sql(compiled: Compiled) -> str:
    """Every cell of the year, empty ones of the grid included, with all its counters."""
    name = compiled.relation
    counters = counter_names(compiled)
    filled = ", ".join(f"coalesce({counter}, 0) as {counter}" for counter in counters)
    return f"""create or replace temp table cells_{name} as
        select g.scope, g.buyer_id, '{ALL}' as dimension, '{ALL}' as member, missing, {filled}
        from grid g left join scan_{name} s
            on s.scope = g.scope and s.buyer_id = g.buyer_id and s.dimension = '{ALL}'
        join missing_{name} m on m.buyer_id = g.buyer_id
        union all
        select scope, s.buyer_id, dimension, member, missing, {filled}
        from scan_{name} s join missing_{name} m on m.buyer_id = s.buyer_id
        where dimension <> '{ALL}'"""


def _additive_select(compiled: Compiled) -> str:
    """All printed figures of every cell: unpivoted in one pass, then one formula a shape."""
    figures = ", ".join(
        _figure(measured, unit) for measured in compiled.measured for unit in measured.units
    )
    name = compiled.relation
    unknown = "u + mt + mf + mu"
    # Credit notes may outweigh spend: no share then, and the bounds are put in order.
    return f"""select code, method, method_version, axis, scope, buyer_id, dimension, member,
        '{_units(compiled)}' as units, missing, measure, unit, excluded, t as numerator,
        case when shape = 'mean' then f else t + f end as denominator,
        case when shape = 'mean' then u + mf + mu else {unknown} end as unknown,
        missing = 0 and case shape when 'share' then t + f > 0 and t >= 0 and f >= 0
            when 'rate' then t + f > 0
            when 'mean' then f > 0
            -- A total of which nothing is known is unknown, not zero.
            else t + f <> 0 or {unknown} + excluded = 0 end as is_computed,
        case when shape in ('share', 'rate') then quotient(t, t + f)
            when shape = 'mean' then quotient(t, f)
            else cast(t as decimal(38,6)) end as value,
        case when one_bound > other_bound then other_bound else one_bound end as low,
        case when one_bound > other_bound then one_bound else other_bound end as high
    from (select *,
        case shape when 'share' then quotient(t, t + f + u + mf + mu)
            -- A mean or a rate of which one number is unknown has no upper bound: no interval.
            when 'mean' then case when u + mf + mu = 0 then quotient(t, f) end
            when 'rate' then case when u + mu = 0 then quotient(t, t + f) end
            else cast(t as decimal(38,6)) end as one_bound,
        case shape when 'share' then quotient(t + u + mt + mu, t + f + u + mt + mu)
            when 'mean' then case when u + mf + mu = 0 then quotient(t, f) end
            when 'rate' then case when u + mu = 0 then quotient(t, t + f) end
            else cast(t + u + mt + mu as decimal(38,6)) end as other_bound
    from (select * exclude (figure), unnest(figure) from (
        select scope, buyer_id, dimension, member, missing, unnest([{figures}]) as figure
        from cells_{name})))
    where list_contains(dimensions, dimension)
        and (dimension = '{ALL}' or t + f + {unknown} + excluded <> 0)"""


def _units(compiled: Compiled) -> str:
    """What a unit is called in reasons: `contracts`, `spend`."""
    return compiled.fact.table.split(".")[1]


def _counters(measured: Measured) -> dict[str, str]:
    """The six counters of a measure; unknown is what true and false leave of the whole."""
    name = measured.name
    counters = {state: f"{name}_{state}" for state in ("t", "f", "mt", "mf")}
    if measured.method.kind == "rate":  # its unknown units are counted, they have no hours
        maybe = measured.whole.replace("whole_", "maybe_")
        return counters | {"mt": "0", "mf": "0", "u": f"{name}_u", "mu": maybe}
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
    of_kind = {"mean": "mean", "rate": "rate"}
    shape = of_kind.get(measured.method.kind, "share" if unit == "share" else "amount")
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
        f"dimensions: [{', '.join(literal(name) for name in (ALL, *measured.dimensions))}], "
        f"shape: {literal(shape)}, {counters}, excluded: {excluded}}}"
    )


def _median_select(compiled: Compiled, median: Measured) -> str:
    name = compiled.relation
    unit = median.units[0]
    dimensions = ", ".join(literal(name) for name in median.dimensions) or "null"
    # Typed like the additive rows: a union of two scales would take the cents from all of them.
    return f"""{_head(median, unit)}, '{_units(compiled)}' as units, missing,
        0 as excluded, null as numerator,
        cast(known as decimal(38,2)) as denominator, cast(unknown as decimal(38,2)) as unknown,
        missing = 0 and known > 0 as is_computed, quotient(low_middle + high_middle, 2) as value,
        null as low, null as high
    from (
        select g.scope, g.buyer_id, '{ALL}' as dimension, '{ALL}' as member,
            coalesce(m.known, 0) as known, coalesce(m.unknown, 0) as unknown,
            m.low_middle, m.high_middle
        from grid g left join median_{name}_{median.name} m on m.scope = g.scope
            and m.buyer_id = g.buyer_id and m.dimension = '{ALL}'
        union all
        select scope, buyer_id, dimension, member, known, unknown, low_middle, high_middle
        from median_{name}_{median.name} where dimension in ({dimensions})
    ) join missing_{name} using (buyer_id)"""
