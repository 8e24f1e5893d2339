"""Cards → one portable SQL text per year.

Every unit has three-valued states: `t`, `f` or `u` (unknown) for its membership (population,
floor, maxima) and for what each card asks (`met`). Membership states are group keys, met states
are counters. The finest group-by comes first, then the roll-up, and last, on what little is left,
the join with the small table of scopes; unpivoting and division are done outside the engine
(`results`). All additive measures of one fact table, whatever their cards, are in this one scan.

A fact table without floor or maxima (spend) is the same in every scope: neither bounds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spaser.cards import IndicatorCard, Method, TableCard
from spaser.indicators import predicates

SCOPES = ("all", "floor", "all_no_maxima", "floor_no_maxima")
STATES = ("t", "f", "u")
ALL = "*"
COUNT = "count"
REGISTER = "facts.contracts"
"""A buyer without a row here has no contract. Without a row of another fact table it gave no data:
its total is unknown, not zero."""

OPERATIONS = "facts.operations"
"""A buyer without a row here has no commitment that is followed: its total is unknown, and the
scheme's is that of the others."""

UNKNOWN_MEMBER = "unknown"


@dataclass(frozen=True)
class Measured:
    """One method of one card weighed one way: a group of counters in the scan.

    `true_weight`, `false_weight` and `unknown_weight` are SQL expressions of a unit; a unit whose
    true weight is null has no usable weight: it is excluded.
    """

    card: IndicatorCard
    method: Method
    measure: str
    name: str
    population: str
    met: str
    true_weight: str
    false_weight: str
    unknown_weight: str
    weight: str | None

    @property
    def can_exclude(self) -> bool:
        """Whether a unit may have no usable weight: in value, not in number."""
        return self.weight is not None

    @property
    def has_own_unknown(self) -> bool:
        """Whether unknown units are summed apart; else they are what true and false leave."""
        return self.method.kind in {"ratio", "rate"}

    @property
    def whole(self) -> str:
        """The counter of the weight of all units of the population (see `Compiled.wholes`)."""
        return f"whole_{self.weight or COUNT}_{self.population}"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions along which this measure is printed."""
        return self.card.dimensions_of(self.method)

    @property
    def units(self) -> tuple[str, ...]:
        """The units in which this measure is printed."""
        return tuple(r.unit for r in self.method.results if r.measure == self.measure)


@dataclass(frozen=True)
class Compiled:
    """The methods of one fact table, ready to run."""

    fact: TableCard
    weights: dict[str, str]
    measured: tuple[Measured, ...]
    medians: tuple[Measured, ...]
    dimensions: tuple[str, ...]
    populations: tuple[str, ...]
    mets: tuple[str, ...]

    @property
    def relation(self) -> str:
        """The name of the fact table in the portable SQL: `facts_contracts`."""
        return self.fact.table.replace(".", "_")

    @property
    def silence_is_zero(self) -> bool:
        """Whether a buyer without units has none, rather than gave none."""
        return self.fact.table == REGISTER

    @property
    def whole_needs_all(self) -> bool:
        """Whether the scheme's total is unknown as soon as one of its buyers gave no data."""
        return self.fact.table not in {REGISTER, OPERATIONS}

    @property
    def unit_id(self) -> str:
        """The column that names a unit: the grain of the fact table."""
        return self.fact.grain[0]

    def of(self, codes: Iterable[str]) -> list[Measured]:
        """The measures of some cards."""
        wanted = set(codes)
        return [m for m in (*self.measured, *self.medians) if m.card.id in wanted]


def compile_cards(cards: Iterable[IndicatorCard], fact: TableCard) -> Compiled:
    """Parse and check every predicate of the methods of a fact table, and lay out the counters.

    Raises:
        InputError: a predicate that is no pure boolean expression over the fact table.
    """
    additive: list[Measured] = []
    medians: list[Measured] = []
    populations: dict[str, str] = {}
    mets: dict[str, str] = {}
    weights: dict[str, str] = {}
    dimensions: dict[str, None] = {}
    for card in sorted(cards, key=lambda card: card.id):
        for method in card.methods:
            if card.table_of(method) != fact.table:
                continue
            dimensions |= dict.fromkeys(card.dimensions_of(method))
            population = predicates.predicate(card, fact, method.population or card.population)
            population_name = populations.setdefault(population, f"population_{len(populations)}")
            met = _met(card, fact, method)
            met_name = mets.setdefault(met, f"met_{len(mets)}")
            for measure in dict.fromkeys(result.measure for result in method.results):
                target = medians if method.kind == "median" else additive
                true, false, unknown = _weights(card, fact, method, measure)
                target.append(
                    Measured(
                        card,
                        method,
                        measure,
                        f"m{len(additive) + len(medians)}",
                        population_name,
                        met_name,
                        true,
                        false,
                        unknown,
                        weight=weights.setdefault(true, f"weight_{len(weights)}")
                        if card.weight_of(method, measure) is not None
                        and method.kind in {"share", "total"}
                        else None,
                    )
                )
    return Compiled(
        fact,
        {name: weight for weight, name in weights.items()},
        tuple(additive),
        tuple(medians),
        tuple(dimensions),
        tuple(populations),
        tuple(mets),
    )


def _met(card: IndicatorCard, fact: TableCard, method: Method) -> str:
    """What makes a unit true, false or unknown; means and medians know a unit that has a number."""
    if method.of is not None:
        column = predicates.measure(card, fact, method.of)
        return f"CASE WHEN NOT {column} IS NULL THEN TRUE END"
    if method.part is not None and method.whole is not None:
        part = predicates.measure(card, fact, method.part)
        whole = predicates.measure(card, fact, method.whole)
        return f"CASE WHEN NOT {part} IS NULL AND NOT {whole} IS NULL THEN TRUE END"
    return predicates.predicate(card, fact, method.met)


def _weights(
    card: IndicatorCard, fact: TableCard, method: Method, measure: str
) -> tuple[str, str, str]:
    """Weight of a unit when true, when false, when unknown."""
    if method.of is not None:
        return predicates.measure(card, fact, method.of), "1", "1"
    if method.part is not None and method.whole is not None:
        part = predicates.measure(card, fact, method.part)
        whole = predicates.measure(card, fact, method.whole)
        return part, f"{whole} - {part}", "1" if method.kind == "rate" else whole
    column = card.weight_of(method, measure)
    if column is not None:
        weight = predicates.measure(card, fact, column)
        return weight, weight, weight
    return "1", "1", "1"


def _state(expression: str) -> str:
    return f"CASE WHEN {expression} THEN 't' WHEN NOT ({expression}) THEN 'f' ELSE 'u' END"


def units_sql(compiled: Compiled, year: int, extra: Sequence[str] = ()) -> str:
    """The units of a year with their states and weights (a common table expression's body)."""
    weights = dict.fromkeys(
        weight
        for measured in (*compiled.measured, *compiled.medians)
        for weight in (measured.true_weight, measured.false_weight, measured.unknown_weight)
        if weight != "1"
    )
    columns = dict.fromkeys(column for weight in weights for column in weight.split(" - "))
    lines = [
        *extra,
        "buyer_id",
        *(
            f"coalesce(cast({name} as varchar), '{UNKNOWN_MEMBER}') as {name}"
            for name in compiled.dimensions
        ),
        f"{_scope_state(compiled.fact, 'at_floor', 't')} as floor_state",
        f"{_scope_state(compiled.fact, 'is_maximum', 'f')} as maxima_state",
        *(f"{_state(text)} as population_{n}" for n, text in enumerate(compiled.populations)),
        *(f"{_state(text)} as met_{n}" for n, text in enumerate(compiled.mets)),
        *columns,
    ]
    return f"select {', '.join(lines)}\nfrom {compiled.relation}\nwhere year = {year}"


def _scope_state(fact: TableCard, column: str, otherwise: str) -> str:
    return _state(column) if column in fact.columns else f"'{otherwise}'"


def providers_sql(compiled: Compiled, year: int) -> str:
    """The buyers that have a unit of the fact table in a year."""
    return f"select buyer_id from {compiled.relation} where year = {year} group by buyer_id"


SCOPES_SQL = """
select 'all' as scope, f.state as floor_state, m.state as maxima_state, 't' as membership
from states f cross join states m
union all
select 'floor', f.state, m.state, f.state
from states f cross join states m where f.state <> 'f'
union all
select 'all_no_maxima', f.state, m.state, case when m.state = 'f' then 't' else 'u' end
from states f cross join states m where m.state <> 't'
union all
select 'floor_no_maxima', f.state, m.state,
    case when f.state = 't' and m.state = 'f' then 't' else 'u' end
from states f cross join states m where f.state <> 'f' and m.state <> 't'
"""
"""Which units a scope holds: by the state of the floor and of the maxima; `f` rows are left out."""

_STATES_SQL = "select 't' as state union all select 'f' union all select 'u'"


def counter_names(compiled: Compiled) -> list[str]:
    """The counters of the scan.

    Of each measure `_t`, `_f` for members and `_mt`, `_mf` for units that may be members, `_u`
    and `_mu` where unknown units are summed apart. Of each population the `whole_…` of members
    and the `maybe_…` of units that may be members, in number and in value, and `excluded_…`.
    """
    names = [
        f"{measured.name}_{prefix}{state}"
        for measured in compiled.measured
        for state in _own_states(measured)
        for prefix in ("", "m")
    ]
    for population in _populations(compiled):
        for weight in (COUNT, *compiled.weights):
            names += [f"whole_{weight}_{population}", f"maybe_{weight}_{population}"]
        names += [f"excluded_{weight}_{population}" for weight in compiled.weights]
    return names


def _populations(compiled: Compiled) -> list[str]:
    return [f"population_{n}" for n in range(len(compiled.populations))]


def _own_states(measured: Measured) -> tuple[str, ...]:
    return STATES if measured.has_own_unknown else ("t", "f")


def _finest_counters(measured: Measured) -> list[str]:
    """Sums of weight by met state, inside the finest group."""
    weights = {
        "t": measured.true_weight,
        "f": measured.false_weight,
        "u": measured.unknown_weight,
    }
    # A mean, a ratio or a rate knows both its parts of a unit, or neither.
    both = measured.method.kind in {"mean", "ratio", "rate"}
    return [
        _sum_where(f"{measured.met} = '{'t' if both and state == 'f' else state}'", weights[state])
        + f" as {measured.name}_{state}"
        for state in _own_states(measured)
    ]


def _sum_where(condition: str, weight: str) -> str:
    if weight == "1":
        return f"count(case when {condition} then 1 end)"
    return f"sum(case when {condition} then {weight} else 0 end)"


def _finest_wholes(compiled: Compiled) -> list[str]:
    """What all units of a finest group weigh, and how many have no usable weight."""
    counters = [f"count(*) as whole_{COUNT}"]
    for name, weight in compiled.weights.items():
        counters.append(f"sum({weight}) as whole_{name}")
        counters.append(f"count(case when {weight} is null then 1 end) as excluded_{name}")
    return counters


def _summed(compiled: Compiled) -> list[str]:
    """The roll-up of the finest counters."""
    columns = [f"{m.name}_{state}" for m in compiled.measured for state in _own_states(m)]
    columns.append(f"whole_{COUNT}")
    columns += [f"{what}_{name}" for name in compiled.weights for what in ("whole", "excluded")]
    return [f"sum({column}) as {column}" for column in columns]


def _scoped_counters(compiled: Compiled) -> list[str]:
    """Members' counters and those of units that may be members."""
    counters: list[str] = []
    for measured in compiled.measured:
        for state in _own_states(measured):
            column, maybe = f"{measured.name}_{state}", f"{measured.name}_m{state}"
            counters += _split(column, measured.population, column, maybe)
    for population in _populations(compiled):
        for weight in (COUNT, *compiled.weights):
            whole, maybe = f"whole_{weight}", f"maybe_{weight}_{population}"
            counters += _split(whole, population, f"{whole}_{population}", maybe)
        counters += [
            f"sum(case when {population} <> 'f' then excluded_{weight} else 0 end)"
            f" as excluded_{weight}_{population}"
            for weight in compiled.weights
        ]
    return counters


def _split(column: str, population: str, certain_name: str, maybe_name: str) -> list[str]:
    """A rolled counter as the sum of members and the sum of units that may be members."""
    certain = f"membership = 't' and {population} = 't'"
    possible = f"{population} <> 'f' and (membership = 'u' or {population} = 'u')"
    return [
        f"sum(case when {certain} then {column} else 0 end) as {certain_name}",
        f"sum(case when {possible} then {column} else 0 end) as {maybe_name}",
    ]


def _grouping_sets(compiled: Compiled, buyer_dimensions: bool) -> list[tuple[str, ...]]:
    sets: list[tuple[str, ...]] = [(), ("buyer_id",)]
    for name in compiled.dimensions:
        sets.append((name,))
        if buyer_dimensions:
            sets.append(("buyer_id", name))
    return sets


def scan_sql(compiled: Compiled, year: int, buyer_dimensions: bool) -> str:
    """One scan of a year: a row per scope, buyer and dimension member, a column per counter."""
    states = ["floor_state", "maxima_state"]
    states += [f"population_{n}" for n in range(len(compiled.populations))]
    keys = ["buyer_id", *compiled.dimensions, *states]
    finest = [counter for m in compiled.measured for counter in _finest_counters(m)]
    finest += _finest_wholes(compiled)
    summed = _summed(compiled)
    scoped = _scoped_counters(compiled)
    sets = ",\n    ".join(
        f"({', '.join([*states, *names])})" for names in _grouping_sets(compiled, buyer_dimensions)
    )
    dimension = _grouped({name: f"'{name}'" for name in compiled.dimensions})
    member = _grouped({name: name for name in compiled.dimensions})
    # Units out of every population would only carry zeros.
    possible = " or ".join(f"population_{n} <> 'f'" for n in range(len(compiled.populations)))
    return f"""with states as ({_STATES_SQL}),
scopes as ({SCOPES_SQL}),
units as (
{units_sql(compiled, year)}
),
finest as (
select {", ".join(keys)},
    {_lines(finest)}
from units where {possible}
group by {", ".join(keys)}
),
rolled as (
select {", ".join(states)},
    case when grouping(buyer_id) = 0 then buyer_id else '{ALL}' end as buyer_id,
    {dimension} as dimension,
    {member} as member,
    {_lines(summed)}
from finest
group by grouping sets (
    {sets}
)
)
select s.scope, r.buyer_id, r.dimension, r.member,
    {_lines(scoped)}
from rolled r join scopes s
    on s.floor_state = r.floor_state and s.maxima_state = r.maxima_state
group by s.scope, r.buyer_id, r.dimension, r.member"""


def _grouped(values: dict[str, str]) -> str:
    """The value of the dimension that a row is grouped by."""
    if not values:
        return f"'{ALL}'"
    cases = " ".join(f"when grouping({name}) = 0 then {value}" for name, value in values.items())
    return f"case {cases} else '{ALL}' end"


def _lines(expressions: Sequence[str]) -> str:
    return ",\n    ".join(expressions)


def median_sql(compiled: Compiled, median: Measured, year: int, buyer_dimensions: bool) -> str:
    """Exact medians by cumulative counts: values and their numbers first, then the two middles.

    A row per scope, buyer and dimension member: `known`, `unknown`, `low_middle`, `high_middle`.
    """
    value = median.true_weight
    groups = [(ALL, ALL, ALL), ("buyer_id", ALL, ALL)]
    for name in compiled.dimensions:
        groups.append((ALL, name, name))
        if buyer_dimensions:
            groups.append(("buyer_id", name, name))
    selects = []
    for buyer, dimension, member in groups:
        buyer_sql = f"'{ALL}'" if buyer == ALL else buyer
        member_sql = f"'{ALL}'" if member == ALL else member
        selects.append(
            f"select scope, {buyer_sql} as buyer_id, '{dimension}' as dimension,"
            f" {member_sql} as member, known, {value} as x from scoped"
        )
    certain = f"s.membership = 't' and units.{median.population} = 't'"
    return f"""with states as ({_STATES_SQL}),
scopes as ({SCOPES_SQL}),
units as (
{units_sql(compiled, year)}
),
scoped as (
select s.scope, case when {certain} and {median.met} = 't' then 't' else 'u' end as known, units.*
from units join scopes s
    on s.floor_state = units.floor_state and s.maxima_state = units.maxima_state
where units.{median.population} <> 'f'
),
valued as (
{" union all ".join(selects)}
),
counted as (
select scope, buyer_id, dimension, member, known, x, count(*) as n
from valued group by scope, buyer_id, dimension, member, known, x
),
totals as (
select scope, buyer_id, dimension, member,
    sum(case when known = 't' then n else 0 end) as known,
    sum(case when known = 'u' then n else 0 end) as unknown
from counted group by scope, buyer_id, dimension, member
),
cumulated as (
select scope, buyer_id, dimension, member, x, n,
    sum(n) over (partition by scope, buyer_id, dimension, member order by x) as reached
from counted where known = 't'
)
select t.scope, t.buyer_id, t.dimension, t.member, t.known, t.unknown,
    min(case when 2 * c.reached >= t.known then c.x end) as low_middle,
    min(case when 2 * c.reached > t.known then c.x end) as high_middle
from totals t left join cumulated c
    on c.scope = t.scope and c.buyer_id = t.buyer_id
    and c.dimension = t.dimension and c.member = t.member
group by t.scope, t.buyer_id, t.dimension, t.member, t.known, t.unknown"""


def evidence_sql(compiled: Compiled, year: int, chosen: Sequence[Measured] | None = None) -> str:
    """The units behind every figure of a year, with their role, weight and reason."""
    selects = [
        select
        for measured in (chosen or (*compiled.measured, *compiled.medians))
        for select in _evidence_selects(measured, year)
    ]
    return f"""with states as ({_STATES_SQL}),
scopes as ({SCOPES_SQL}),
units as (
{units_sql(compiled, year, extra=(f"{compiled.unit_id} as unit_id", "amount_exclusion_reason"))}
),
scoped as (
select s.scope, s.membership, units.*
from units join scopes s
    on s.floor_state = units.floor_state and s.maxima_state = units.maxima_state
)
{" union all ".join(selects)}"""


_MAYBE_MET = "'membership_unknown_met'"
_MAYBE_NOT_MET = "'membership_unknown_not_met'"


def _evidence_selects(measured: Measured, year: int) -> list[str]:
    certain = f"membership = 't' and {measured.population} = 't'"
    usable = f"{measured.true_weight} is not null"
    met = measured.met
    if measured.method.kind == "rate":
        # As a ratio, whose rest may be negative; an unknown unit has no hours, it counts for one.
        known, rest = f"{certain} and {met} = 't'", measured.false_weight
        unknown = f"not ({certain}) or {met} = 'u'"
        return [
            _evidence_select(measured, year, known, "'numerator'", measured.true_weight, "null"),
            _evidence_select(measured, year, known, "'denominator_only'", rest, "null"),
            _evidence_select(measured, year, unknown, "'unknown'", "1", _reason(certain, met)),
        ]
    if measured.method.kind == "ratio":
        # A unit's filled part weighs in the numerator, the rest in the denominator only; of a unit
        # that may be a member, both parts stay apart because they move low and high differently.
        member, maybe = f"{certain} and {met} = 't'", f"not ({certain}) and {met} = 't'"
        filled, rest = measured.true_weight, measured.false_weight
        parts = (
            (member, "'numerator'", filled, "null"),
            (member, "'denominator_only'", rest, "null"),
            (maybe, "'unknown'", filled, _MAYBE_MET),
            (maybe, "'unknown'", rest, _MAYBE_NOT_MET),
            (f"{met} = 'u'", "'unknown'", measured.unknown_weight, _reason(certain, met)),
        )
        return [_evidence_select(measured, year, *part) for part in parts]
    excluded = f"not ({usable})" if measured.can_exclude else "false"
    role = (
        f"case when {excluded} then 'excluded' when {certain} and {met} = 't' then 'numerator' "
        f"when {certain} and {met} = 'f' then 'denominator_only' else 'unknown' end"
    )
    weight = measured.true_weight
    reason = (
        f"case when {excluded} then coalesce(amount_exclusion_reason, 'missing') "
        f"else {_reason(certain, met)} end"
    )
    return [_evidence_select(measured, year, "true", role, weight, reason)]


def _reason(certain: str, met: str) -> str:
    return (
        f"case when {certain} and {met} = 'u' then 'met_unknown' "
        f"when not ({certain}) and {met} = 't' then {_MAYBE_MET} "
        f"when not ({certain}) and {met} = 'f' then {_MAYBE_NOT_MET} "
        f"when not ({certain}) then 'membership_unknown_met_unknown' end"
    )


def _evidence_select(
    measured: Measured, year: int, where: str, role: str, weight: str, reason: str
) -> str:
    card, method = measured.card, measured.method
    return (
        f"select '{card.id}' as code, '{method.name}' as method, scope, "
        f"'{measured.measure}' as measure, {year} as year, buyer_id, unit_id, "
        f"{role} as role, cast({weight} as decimal(18,2)) as weight, {reason} as reason "
        f"from scoped where {measured.population} <> 'f' and ({where})"
    )
