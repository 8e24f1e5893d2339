"""What becomes of every hour line, and who worked: `curated.hours` and `curated.people`.

A line is judged once (`spaser.hours.lines`). A line that retention rules settled keeps what it
became, without the person, even when its file is gone (`privacy.settled`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spaser.cards import Catalogue, Column
from spaser.findings import Balance, write_balances, write_findings
from spaser.hours import eligibility, lines
from spaser.hours.parameters import Settings
from spaser.hours.report_day import reference_day
from spaser.warehouse import Connection, Tables

SETTLED = "privacy.settled"
"""The lines whose person was purged, each as it was judged: every column that is not about a
person."""


def build_hours(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """Write `curated.hours`, its findings (part `hours`) and its balance (step `hours`).

    The balance: lines in = validated, corrected or pending, and rejected or quarantined.
    """
    settings = Settings.of(catalogue.reference("insertion_settings"))
    limit = settings.at("month_hours_limit")
    if limit is None:
        msg = "insertion_settings: no month_hours_limit in force"
        raise ValueError(msg)
    columns = catalogue.tables["curated/hours"].columns
    at = reference_day(connection, tables)
    settled = _lines(connection, tables)
    _contracts(connection, tables)
    _eligibility(connection, settings)
    judged = f"""select {", ".join(columns)} from (
        select *, cast(extract(year from month) as integer) as year,
            cast(hours_declared - hours_validated - hours_corrected_away - hours_rejected
                - hours_pending - hours_quarantined as decimal(18,2)) as hours_difference
        from ({lines.classify_sql(limit.value, at)})) order by source_file, line_id"""
    kept = _write_pieces(connection, tables, judged)
    if settled:
        kept += tables.write(connection, "curated.hours", _settled_sql(settled, columns), "settled")
    tables.attach(connection, ["curated.hours"])
    write_findings(connection, catalogue, tables, "hours", _HOURS_FINDINGS)
    write_balances(connection, tables, "hours", [_balance(connection)])
    return kept


def build_people(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """Write `curated.people` and its findings (part `people`); returns its number of rows.

    A statement counts for a year from its first day on: a later one does not move a past figure.
    Sexes that contradict each other leave the sex unknown.
    """
    criteria = eligibility.criteria_of(catalogue.reference("eligibility_criteria"))
    eligibility.register_criteria(connection, criteria)
    connection.execute(_PRESENT.format(published=lines.published_sql("curated.hours")))
    years = connection.execute("select distinct year from present order by year").fetchall()
    connection.execute(_STATEMENTS)
    connection.execute(_main_criteria(year for (year,) in years))
    kept = tables.write(connection, "curated.people", _PEOPLE)
    write_findings(connection, catalogue, tables, "people", _PEOPLE_FINDINGS)
    return kept


def _main_criteria(years: Iterable[int]) -> str:
    """`main_criteria`: the criterion of each person at the end of each year."""
    at_ends = []
    for year in years:
        at_end = eligibility.main_criteria_sql(f"date '{year}-12-31'")
        at_ends.append(f"select {year} as year, * from ({at_end})")
    none = """select null::integer as year, null::varchar as pseudonym,
        null::varchar as main_criterion, null::integer as criterion_count where false"""
    return f"create or replace temp table main_criteria as {' union all '.join(at_ends) or none}"


PIECE = 150_000
"""Lines judged at a time: a session holds them whatever their number. Nothing in a judgement looks
beyond the lines of one person."""


def _write_pieces(connection: Connection, tables: Tables, judged: str) -> int:
    """Write the lines judged, the persons of one piece after those of another."""
    [(lines_to_judge,)] = connection.execute("select count(*) from lines_to_judge").fetchall()
    pieces = 1 + lines_to_judge // PIECE
    parts = [f"part-{piece:04}" for piece in range(pieces)]
    tables.keep_only("curated.hours", parts)
    kept = 0
    for piece, part in enumerate(parts):
        connection.execute(
            f"""create or replace temp view hour_lines as from lines_to_judge
            where md5_number_lower(coalesce(pseudonym, line_id)) % {pieces} = {piece}"""
        )
        kept += tables.write(connection, "curated.hours", judged, part)
    return kept


def _lines(connection: Connection, tables: Tables) -> str | None:
    """Create `lines_to_judge` and `lines_in` (line_id); gives the SQL of the settled lines."""
    settled = tables.scan(SETTLED) if tables.exists(SETTLED) else None
    but = f"anti join {settled} using (line_id)" if settled else ""
    connection.execute(
        f"""create or replace temp view lines_to_judge as
        select *, coalesce(contract_uid, array_to_string(pooled_uids, ' ; ')) as clause_key
        from curated.hour_lines {but}"""
    )
    also = f"union all select line_id from {settled}" if settled else ""
    connection.execute(
        f"create or replace temp view lines_in as select line_id from lines_to_judge {also}"
    )
    return settled


def _settled_sql(settled: str, columns: Mapping[str, Column]) -> str:
    """The settled lines in the columns of the card; what they do not have is null."""
    kinds = ", ".join(f"null::{column.type} as {name}" for name, column in columns.items())
    names = ", ".join(columns)
    return f"""select {names} from (
        (select {kinds} where false) union all by name (from {settled}))
        order by source_file, line_id"""


def _balance(connection: Connection) -> Balance:
    [(received, kept, set_apart)] = connection.execute(
        """select (select count(*) from lines_in),
            count(*) filter (where outcome in ('validated', 'corrected', 'pending')),
            count(*) filter (where outcome in ('rejected', 'quarantined')) from curated.hours"""
    ).fetchall()
    return Balance("hours", received, kept, 0, set_apart)


def _contracts(connection: Connection, tables: Tables) -> None:
    """Create `clause_contracts` and `clause_terms`: what lines name, its days and its rule."""
    amended = "select null::varchar as uid, null::integer as duration_months where false"
    if tables.exists("curated.amendments"):
        amended = f"select uid, duration_months from {tables.scan('curated.amendments')}"
    connection.execute(_CLAUSE_CONTRACTS)
    connection.execute(_CLAUSE_TERMS.format(amended=amended))


def _eligibility(connection: Connection, settings: Settings) -> None:
    """Create `eligibility_periods` from the decisions on participants."""
    eligibility.register_settings(connection, settings)
    connection.execute(_DECISIONS)
    connection.execute(
        f"create or replace temp table eligibility_periods as {eligibility.PERIODS_SQL}"
    )


_CLAUSE_CONTRACTS = """
create or replace temp table clause_contracts as
select distinct clause_key, contract_uid from lines_to_judge where contract_uid is not null
union all
select clause_key, unnest(pooled_uids) from (
    select distinct clause_key, pooled_uids from lines_to_judge where pooled_uids is not null)
"""
"""One row per contract of what lines name: a contract is its own key; several, of a pooled
commitment, have one key together."""

_CLAUSE_TERMS = """
create or replace temp table clause_terms as
with versions as (
    select commitment_id, order_id, unnest(contract_uids) as contract_uid, start_date, end_date,
        permanent_hire_months, (coalesce(valid_from, date '0001-01-01'), commitment_line_id) as age
    from curated.commitments
), stated as (
    -- The last version that states a day holds: an amendment that extends need not repeat the rest.
    select contract_uid, arg_max(start_date, age) as start_date, arg_max(end_date, age) as end_date,
        arg_max(permanent_hire_months, age) as permanent_hire_months
    from versions group by commitment_id, order_id, contract_uid
), clauses as (
    -- Of several commitments or orders on a contract, the widest days.
    select contract_uid, min(start_date) as start_date, max(end_date) as end_date,
        max(permanent_hire_months) as permanent_hire_months
    from stated group by contract_uid
), extended as (
    -- Some amendments write the whole duration, some what they add: none shortens a contract here.
    select uid, max(duration_months) as duration_months from ({amended}) group by uid
), contracts as (
    select named.clause_key, coalesce(clauses.start_date, c.notified_date) as start_date,
        coalesce(clauses.end_date, cast(c.notified_date
            + to_months(greatest(c.duration_months, extended.duration_months)) as date) - 1)
            as end_date,
        clauses.permanent_hire_months
    from clause_contracts as named
    join curated.contracts c on c.uid = named.contract_uid
    left join clauses on clauses.contract_uid = c.uid
    left join extended on extended.uid = c.uid
)
select clause_key,
    case when count(start_date) = count(*) then min(start_date) end as start_date,
    case when count(end_date) = count(*) then max(end_date) end as end_date,
    max(permanent_hire_months) as permanent_hire_months
from contracts group by clause_key
"""
"""The days of the clause, else of the contract: from its notification, for its longest duration
declared; of several contracts, from the first to the last. What is not known sets no line apart."""

_DECISIONS = """
create or replace temp view eligibility_decisions as
with told as (
    select pseudonym, eligible_from, eligible_to,
        max(eligible_to) over (partition by pseudonym, eligible_from) as end_elsewhere,
        coalesce(pooled_uids, [contract_uid]) as uids
    from curated.participants
    where pseudonym is not null and eligible_from is not null
        and (contract_uid is not null or pooled_uids is not null or contract_reference is null)
), held as (
    select * exclude (uids), unnest(uids) as contract_uid from told
)
select pseudonym, contract_uid, eligible_from,
    coalesce(max(eligible_to), max(end_elsewhere)) as eligible_to
from (
    select * from held
    union all
    -- Who is eligible for a contract is for what is pooled with it.
    select held.* replace (clause_key as contract_uid)
    from held join clause_contracts using (contract_uid) where clause_key <> contract_uid
)
group by pseudonym, contract_uid, eligible_from
"""
"""One decision a person, contract (or contracts pooled) and first day: its end is stated once, not
on every line. A decision for a contract that is not found holds for none."""

_HOURS_FINDINGS = f"""
from ({lines.findings_sql("curated.hours")})
union all
select 'hours_declared_assumed', source_file, min(source_pointer), 'curated.hours', null,
    'declared_hours', null, cast(count(*) as varchar)
from curated.hours where is_declared_assumed group by source_file
"""

_PRESENT = """
create or replace temp table present as
select pseudonym, year, sum(hours_validated) as hours_validated,
    min(month) as first_month, max(month) as last_month
from ({published}) where pseudonym is not null
group by pseudonym, year
"""

_STATEMENTS = """
create or replace temp view statements as
select *, coalesce(eligible_from, hire_date, proof_date, date '0001-01-01') as day,
    coalesce(work_end_date, hire_date, eligible_from, date '0001-01-01') as exit_day
from curated.participants semi join present using (pseudonym);
create or replace temp view person_criteria as
select pseudonym, unnest(criteria) as criterion, eligible_from from statements
"""

_PEOPLE = """
with year_lines as (
    -- What the lines of the year say, the last month first.
    select pseudonym, year, arg_max(age_band, (month, age_band)) as age_band,
        arg_max(is_qpv, (month, is_qpv)) as is_qpv,
        arg_max(training_level, (month, training_level)) as training_level
    from curated.hours where pseudonym is not null group by pseudonym, year
), by_year as (
    select p.pseudonym, p.year, arg_max(s.age_band, (s.day, s.age_band)) as age_band,
        arg_max(s.is_qpv, (s.day, s.is_qpv)) as is_qpv,
        arg_max(s.training_level, (s.day, s.training_level)) as training_level,
        bool_or(list_contains(s.criteria, 'QPV')) as has_qpv_criterion
    from present p
    join statements s on s.pseudonym = p.pseudonym and s.day <= make_date(p.year, 12, 31)
    group by p.pseudonym, p.year
), persons as (
    select pseudonym, case when count(distinct sex) = 1 then min(sex) end as sex,
        arg_max(exit_status, (exit_day, participation_id)) as exit_status,
        arg_max(exit_status_6_months, (exit_day, participation_id)) as exit_status_6_months,
        arg_max(exit_status_12_months, (exit_day, participation_id)) as exit_status_12_months
    from statements group by pseudonym
)
select p.pseudonym, p.year, persons.sex,
    coalesce(l.age_band, s.age_band) as age_band,
    coalesce(l.training_level, s.training_level) as training_level,
    c.main_criterion, c.criterion_count,
    coalesce(l.is_qpv, s.is_qpv, case when s.has_qpv_criterion then true end) as is_qpv,
    min(p.first_month) over (partition by p.pseudonym) as first_month,
    max(p.last_month) over (partition by p.pseudonym) as last_month,
    cast(p.hours_validated as decimal(18,2)) as hours_validated,
    persons.exit_status, persons.exit_status_6_months, persons.exit_status_12_months
from present p
left join persons on persons.pseudonym = p.pseudonym
left join by_year s on s.pseudonym = p.pseudonym and s.year = p.year
left join year_lines l on l.pseudonym = p.pseudonym and l.year = p.year
left join main_criteria c on c.pseudonym = p.pseudonym and c.year = p.year
order by p.year, p.pseudonym
"""
"""Who has the criterion of a priority district lives in one, where nothing else says it."""

_PEOPLE_FINDINGS = """
select 'person_sex_contradictory' as rule, source_file, null::varchar as source_pointer,
    'curated.people' as table_name, null::varchar as key, 'sex' as field, null::varchar as value,
    cast(count(distinct pseudonym) as varchar) as detail
from statements
semi join (select pseudonym from statements group by pseudonym having count(distinct sex) > 1)
    using (pseudonym)
where sex is not null
group by source_file
"""
"""Counted by file, and nothing more: who it is, the facilitator finds in the restricted zone."""
