"""People, hours, companies and contracts by axis: `facts.people_figures`, before suppression.

Only validated hours count, whole or as corrected (`lines.published_sql`); pending ones stand
beside. A person counts once in each cell, however many lines, contracts or criteria; so does a
company and a contract. What is known of a person is what `curated.people` says for the year; what
is not known is the member `unknown`, never absent.

Restricted: nothing leaves this table without suppression (`spaser.privacy`).
"""

from __future__ import annotations

from spaser.cards import Catalogue
from spaser.findings import Balance, write_balances, write_findings
from spaser.hours.lines import published_sql
from spaser.warehouse import Connection, Tables

TABLE = "facts.people_figures"
SETTLED = "privacy.settled_figures"
"""The rows of the years whose people were purged, frozen on the day of the purge."""

PERSON_AXES = ("sex", "age_band", "qpv", "criterion", "training_level")
LINE_AXES = (
    "modality",
    "structure_kind",
    "activity_sector",
    "hour_kind",
    "work_contract_type",
    "contract_type",
    "operation",
)

AXES: dict[str, tuple[str, ...]] = {
    "*": (),
    **{name: (name,) for name in (*PERSON_AXES, *LINE_AXES)},
    "activity_sector+sex": ("activity_sector", "sex"),
    "operation+site": ("programme", "site"),
    "operation+host_structure": ("programme", "host_structure"),
    "operation+criterion": ("programme", "criterion"),
    "left_6_months": ("left_6_months",),
    "left_6_months+exit_6_months": ("left_6_months", "exit_6_months"),
    "left_12_months": ("left_12_months",),
    "left_12_months+exit_12_months": ("left_12_months", "exit_12_months"),
}
"""Axis → the columns whose members it crosses.

`programme` is the operation where, that year, it has several sites or host structures; `left_…` is
`yes` for people whose last validated month, of all years, is in the year and ended at least so many
months before the reference day. Whoever has no programme or has not left is in no cell of the axis.
"""

_PARTIAL = ("programme", "left_6_months", "left_12_months")
"""Columns that leave out the lines where they are null."""

_EMPTY = {
    "curated.hours": "curated/hours",
    "curated.people": "curated/people",
    "curated.contracts": "curated/contracts",
    "curated.buyers": "curated/buyers",
    "quality.run": "quality/run",
    SETTLED: "facts/people_figures",
}
"""What is read, and the card that gives the columns of a table that was not built."""


def build_people_figures(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """Write `facts.people_figures`, its findings and its balance (step `people_figures`).

    Grain: year, buyer (`*`: the whole scheme), axis and member. The years that
    `privacy.settled_figures` holds are taken from it as they are.

    Returns:
        The number of rows.
    """
    _attach(connection, tables, catalogue)
    connection.execute(_LINES_SQL)
    connection.execute(_UNITS_SQL)
    connection.execute(_cells_table(catalogue))
    for axis, names in AXES.items():
        connection.execute(_count_sql(axis, names))
    columns = ", ".join(catalogue.tables["facts/people_figures"].columns)
    query = f"""select {columns} from (
        select {columns} from cells union all select {columns} from {SETTLED})
        order by year, buyer_id, axis, member"""
    written = tables.write(connection, TABLE, query)
    write_findings(connection, catalogue, tables, "people_figures", _FINDINGS_SQL)
    write_balances(connection, tables, "people_figures", [_balance(connection)])
    return written


def _attach(connection: Connection, tables: Tables, catalogue: Catalogue) -> None:
    """Every table that is read, under its name; one that was not built is empty."""
    for table, key in _EMPTY.items():
        if tables.exists(table):
            tables.attach(connection, [table])
            continue
        columns = ", ".join(
            f"cast(null as {column.type}) as {name}"
            for name, column in catalogue.tables[key].columns.items()
        )
        connection.execute(f"create schema if not exists {table.split('.')[0]}")
        connection.execute(f"create or replace view {table} as select {columns} where false")


def _cells_table(catalogue: Catalogue) -> str:
    columns = catalogue.tables["facts/people_figures"].columns.items()
    listed = ", ".join(f"{name} {column.type}" for name, column in columns)
    return f"create or replace temp table cells ({listed})"


_LINES_SQL = f"""
create or replace temp table lines as
with scheme as (
    -- A scheme that names no buyer reports on all of them, those of no register included.
    select not coalesce(bool_or(named_in_scheme), false) as takes_all from curated.buyers
), counted as (
    select line_id, hours_validated as hours, 0 as pending
    from ({published_sql("curated.hours")})
    union all
    select line_id, 0, hours_pending from curated.hours where outcome = 'pending'
), placed as (
    select coalesce(h.buyer_id, c.buyer_id, 'unknown') as buyer_id, c.contract_type, h.*,
        n.hours, n.pending
    from counted n join curated.hours h using (line_id)
    left join curated.contracts c on c.uid = h.contract_uid
), summed as (
    select year, buyer_id, pseudonym, company_id, commitment_id as operation, site, host_structure,
        modality, structure_kind, activity_sector, hour_kind, work_contract_type, contract_type,
        hire_date,
        coalesce(contract_uid, commitment_id, concat_ws('|', buyer_id, contract_reference,
            lot_number)) as contract,
        sum(hours) as hours, sum(pending) as pending, count(*) as line_count,
        count(*) filter (where hours > 0) as validated_count
    from placed group by all
)
select s.*,
    s.buyer_id = 'unknown' or coalesce(b.in_scheme, (select takes_all from scheme)) as in_scheme
from summed s left join curated.buyers b on b.buyer_id = s.buyer_id
"""
"""Lines that count, summed over the months and what no axis tells."""


_SIMPLE = {
    **dict.fromkeys(("sex", "age_band", "training_level"), "p.{name}"),
    "qpv": "case when p.is_qpv then 'yes' when not p.is_qpv then 'no' end",
    "criterion": "p.main_criterion",
    "exit_6_months": "p.exit_status_6_months",
    "exit_12_months": "p.exit_status_12_months",
}
_FROM_LINES = tuple(
    name for name in (*LINE_AXES, "site", "host_structure") if name != "work_contract_type"
)


def _left(months: int) -> str:
    # A month that has ended so many months before the reference day, its last day included.
    return (
        f"case when extract(year from p.last_month) = p.year and p.last_month "
        f"+ interval {months + 1} month <= (select max(as_of) from quality.run) + interval 1 day "
        f"then 'yes' end as left_{months}_months"
    )


_MEMBERS = ",\n    ".join(
    f"coalesce({text.format(name=name)}, 'unknown') as {name}"
    for name, text in (
        *_SIMPLE.items(),
        *((name, "l.{name}") for name in (*_FROM_LINES, "work_contract_type")),
    )
)

_UNITS_SQL = f"""
create or replace temp table units as
with used as (
    select * from lines
    where in_scheme and year is not null and year not in (select year from {SETTLED})
), people as (
    select pseudonym, row_number() over () as person from used group by pseudonym
), work_contracts as (
    select pseudonym, company_id, work_contract_type, hire_date,
        row_number() over () as work_contract
    from used group by all
), programmes as (
    select year, operation as programme from used
    where hours > 0 and operation is not null
    group by year, operation
    having count(distinct site) > 1 or count(distinct host_structure) > 1
)
select l.year, l.buyer_id, l.company_id, l.contract,
    case when l.pseudonym is not null then n.person end as person, w.work_contract,
    {_MEMBERS},
    g.programme,
    {_left(6)},
    {_left(12)},
    l.hours, l.pending
from used l
join people n on n.pseudonym is not distinct from l.pseudonym
join work_contracts w on w.pseudonym is not distinct from l.pseudonym
    and w.company_id is not distinct from l.company_id
    and w.work_contract_type is not distinct from l.work_contract_type
    and w.hire_date is not distinct from l.hire_date
left join curated.people p on p.pseudonym = l.pseudonym and p.year = l.year
left join programmes g on g.programme = l.operation and g.year = l.year
"""
"""Those lines with the members they have on every axis; persons and contracts are numbered, which
is lighter to count than their names."""

_JOIN = " || '+' || "


def _count_sql(axis: str, names: tuple[str, ...]) -> str:
    """The cells of an axis, of each buyer and of the scheme."""
    member = _JOIN.join(names) or "'*'"
    place = f"case when grouping(buyer_id) = 0 then buyer_id else '*' end as buyer_id, {member}"
    columns = "".join(f", {name}" for name in names)
    partial = " and ".join(f"{name} is not null" for name in names if name in _PARTIAL) or "true"
    return f"""
insert into cells by name
with by_company as (
    select year, {place} as member, company_id, sum(hours) as hours
    from units where hours > 0 and {partial}
    group by grouping sets ((year, company_id{columns}), (year, company_id, buyer_id{columns}))
), companies as (
    select year, buyer_id, member, count(company_id) as companies,
        -- Hours of which no company is known could all be those of the first one.
        coalesce(max(hours) filter (where company_id is not null), 0)
            + coalesce(sum(hours) filter (where company_id is null), 0) as largest_company_hours
    from by_company group by year, buyer_id, member
), counted as (
    select year, {place} as member,
        count(distinct person) filter (where hours > 0) as people,
        sum(hours) as hours,
        count(distinct work_contract) filter (where hours > 0) as work_contracts,
        count(distinct contract) filter (where hours > 0) as contracts,
        sum(pending) as pending_hours
    from units where {partial}
    group by grouping sets ((year{columns}), (year, buyer_id{columns}))
)
select year, buyer_id, '{axis}' as axis, member, people, hours,
    coalesce(companies, 0) as companies,
    coalesce(largest_company_hours, 0) as largest_company_hours,
    work_contracts, contracts, pending_hours
from counted left join companies using (year, buyer_id, member)"""


def _balance(connection: Connection) -> Balance:
    """Lines validated or pending: those of the scheme's buyers, dated, and the others."""
    [(total, kept)] = connection.execute(
        """select coalesce(sum(line_count), 0),
            coalesce(sum(line_count) filter (where in_scheme and year is not null), 0)
        from lines"""
    ).fetchall()
    return Balance("people_figures", total, kept, 0, total - kept)


_FINDINGS_SQL = f"""
select 'hours_buyer_outside_scheme' as rule, null as source_file, null as source_pointer,
    '{TABLE}' as table_name, buyer_id as key, 'buyer_id' as field, null as value,
    cast(sum(line_count) as varchar) as detail
from lines where not in_scheme group by buyer_id
union all
select 'hours_settled_year_differs', null, null, '{TABLE}', cast(s.year as varchar), null, null,
    null
from {SETTLED} s
left join (select year, sum(hours) as hours from lines where in_scheme group by year) l
    on l.year = s.year
where s.buyer_id = '*' and s.axis = '*' and l.hours <> s.hours
order by rule, key
"""
