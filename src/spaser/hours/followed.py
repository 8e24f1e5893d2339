"""Commitments as they are followed: terms, dates, companies, and the returns that are expected.

A commitment's row can be a version or an order and need not repeat what an earlier one said: what
stands on a day is what the last row in force says, column by column (terms: those of the same mode
and part, `commitments_of`). Its dates are those of its rows, else those of its contracts in the
register (notification, then duration).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa

from spaser.cards import Catalogue, TableCard
from spaser.findings import Finding, findings_table, write_findings
from spaser.hours.commitments import (
    Commitment,
    Invoice,
    Invoiced,
    Mode,
    carries_hours,
    commitments_of,
    lacking,
    some,
    versions_of,
)
from spaser.hours.parameters import Settings, month_end, plus_months
from spaser.hours.report_day import LINES, reference_day, register_lines
from spaser.hours.returns import (
    Frequency,
    Received,
    Reporter,
    Return,
    follow,
    unexpected,
)
from spaser.values import normalise
from spaser.warehouse import Connection, Tables

Row = dict[str, Any]

# --- tables in and out ---------------------------------------------------------------------------

_ARROW: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "DATE": pa.date32(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
}


def write_rows(
    connection: Connection, tables: Tables, card: TableCard, rows: Iterable[Mapping[str, Any]]
) -> int:
    """Write rows as the table of a card, ordered by its grain; returns their number.

    A column that a row does not name is null.
    """
    schema = pa.schema([(name, _ARROW[column.type]) for name, column in card.columns.items()])
    listed = [{name: row.get(name) for name in card.columns} for row in rows]
    connection.register("rows_to_write", pa.Table.from_pylist(listed, schema=schema))
    query = f"select * from rows_to_write order by {', '.join(card.grain)}"
    return tables.write(connection, card.table, query)


def read_rows(connection: Connection, query: str) -> list[Row]:
    """The rows of a query as dictionaries."""
    return list(connection.sql(query).to_arrow_table().to_pylist())


def stand_in(connection: Connection, tables: Tables, catalogue: Catalogue, key: str) -> None:
    """An empty view for each table that a card depends on and that was not built."""
    for name in catalogue.tables[key].depends_on:
        if not tables.exists(name):
            columns = catalogue.tables[name.replace(".", "/")].columns
            typed = ", ".join(f"cast(null as {c.type}) as {n}" for n, c in columns.items())
            connection.execute(f"create schema if not exists {name.split('.')[0]}")
            connection.execute(f"create or replace view {name} as select {typed} where false")


def write_step_findings(
    connection: Connection,
    tables: Tables,
    catalogue: Catalogue,
    step: str,
    findings: Iterable[Finding],
) -> None:
    """Write the findings of a step, none included: what an earlier run found is gone."""
    connection.register("step_findings", findings_table(findings))
    write_findings(connection, catalogue, tables, step, "select * from step_findings")


# --- commitments ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Company:
    """A company: its SIRET, else its normalised name; and the name as written."""

    company_id: str
    name: str | None


@dataclass(frozen=True)
class Followed:
    """A commitment with its rows (oldest version first) and its contracts in the register.

    Each row says its mode and its order (`versions_of`).
    """

    commitment: Commitment
    rows: tuple[Row, ...]
    contracts: tuple[Row, ...]
    holders: tuple[Company, ...]

    @property
    def name(self) -> str:
        """The commitment's id."""
        return self.commitment.commitment_id

    def standing(self, column: str, at: date) -> Any:
        """What the last row in force on a day says in a column, else the first to say anything.

        The contract's own rows come before those of its orders.
        """
        said = [row for row in self.rows if row[column] is not None]
        own = [row for row in said if row["order_id"] is None] or said
        in_force = [row for row in own if row["valid_from"] is None or row["valid_from"] <= at]
        if in_force:
            return in_force[-1][column]
        return own[0][column] if own else None

    @property
    def _notifications(self) -> list[date]:
        return [row["notified_date"] for row in self.contracts if row["notified_date"] is not None]

    @cached_property
    def notified(self) -> date | None:
        """The first notification of its contracts; else the day of its first version."""
        versions = [row["valid_from"] for row in self.rows if row["valid_from"] is not None]
        return min(self._notifications or versions, default=None)

    @cached_property
    def start(self) -> date | None:
        """The first day of performance, else the first notification in the register."""
        given = [row["start_date"] for row in self.rows if row["start_date"] is not None]
        return min(given or self._notifications, default=None)

    def end(self, at: date) -> date | None:
        """The last day of performance as known on a day.

        The contract's own, else that of its last order, else notification and duration in the
        register; null if one of the contracts has none.
        """
        if any(row["end_date"] is not None and row["order_id"] is None for row in self.rows):
            stated: date | None = self.standing("end_date", at)
            return stated
        orders: list[date] = [row["end_date"] for row in self.rows if row["end_date"] is not None]
        if orders:
            return max(orders)
        ends = [_end_of(row) for row in self.contracts]
        return None if None in ends else max((day for day in ends if day is not None), default=None)

    def mode(self, at: date) -> Mode | None:
        """The mode in force on a day, else that of the first version."""
        parts = self.commitment.in_force(at) or self.commitment.terms[:1]
        return parts[0].mode if parts else None

    def bound(self, at: date) -> tuple[Company, ...]:
        """Who owes the hours: the company of the commitment, else the contracts' holders."""
        company_id = self.standing("company_id", at)
        if company_id is None:
            return self.holders
        return (Company(company_id, self.standing("company_name", at)),)


def _end_of(contract: Row) -> date | None:
    start, months = contract["notified_date"], contract["duration_months"]
    if start is None or months is None:
        return None
    return plus_months(start, months) - timedelta(days=1)


def settings_of(catalogue: Catalogue) -> Settings:
    """The dated parameters of insertion clauses."""
    return Settings.of(catalogue.reference("insertion_settings"))


def load_followed(connection: Connection, settings: Settings) -> tuple[Followed, ...]:
    """Every commitment of `curated.commitments`, by its id."""
    rows = read_rows(connection, _COMMITMENTS_SQL)
    by_commitment = versions_of(rows)
    contracts = {row["uid"]: row for row in read_rows(connection, _CONTRACTS_SQL)}
    holders = _holders(connection)
    return tuple(
        Followed(
            commitment,
            by_commitment[commitment.commitment_id],
            tuple(contracts[uid] for uid in commitment.contracts if uid in contracts),
            tuple(
                dict.fromkeys(
                    holder for uid in commitment.contracts for holder in holders.get(uid, ())
                )
            ),
        )
        for commitment in commitments_of(rows, settings)
    )


_COMMITMENTS_SQL = """
select * replace (coalesce(valid_from, order_date) as valid_from)
from curated.commitments
where commitment_id is not null
order by commitment_id, coalesce(valid_from, order_date) nulls first, source_file,
    try_cast(regexp_extract(source_pointer, '[0-9]+$') as bigint), commitment_line_id
"""
"""An order without another date holds from the day it was placed; of one day the last row holds."""

_BOUND_UIDS = (
    "(select distinct unnest(contract_uids) as uid from curated.commitments "
    "where commitment_id is not null)"
)
_CONTRACTS_SQL = f"""
select uid, object, contract_type, notified_date,
    -- Some amendments write the whole duration, some what they add: none shortens a contract here.
    greatest(duration_months, (select max(a.duration_months) from curated.amendments as a
        where a.uid = c.uid)) as duration_months
from curated.contracts as c semi join {_BOUND_UIDS} using (uid) order by uid
"""


def _holders(connection: Connection) -> dict[str, list[Company]]:
    found = read_rows(
        connection,
        f"""select uid, siret, holder_id, holder_name
        from curated.holders semi join {_BOUND_UIDS} using (uid)
        where record_kind is distinct from 'concession'
            and coalesce(siret, holder_id, holder_name) is not null
        order by uid, holder_number, siret, holder_id, holder_name""",
    )
    holders: dict[str, list[Company]] = {}
    for row in found:
        name = row["holder_name"]
        # As in the hour lines: the SIRET, else the name; an id of another kind where it is all.
        company = Company(row["siret"] or (normalise(name) if name else row["holder_id"]), name)
        holders.setdefault(row["uid"], []).append(company)
    return holders


def load_invoiced(connection: Connection) -> Invoiced:
    """What was invoiced by contract (`curated.invoiced`); rows without contract or date apart."""
    rows = read_rows(
        connection,
        """select contract_uid, invoiced_date, amount_eur, amount_to_date_eur
        from curated.invoiced
        where contract_uid is not null and invoiced_date is not null
        order by contract_uid, invoiced_date, amount_to_date_eur, invoice_id""",
    )
    return Invoiced(Invoice(*row.values()) for row in rows)


# --- contracts with hours committed ---------------------------------------------------------------


def build_committed_contracts(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """`curated.committed_contracts`: does the clause of each contract ask for hours (SOC-03)?

    One row per contract that a commitment names, read as the hours due are (`carries_hours`), at
    any date: a version without one is the first. Null: no commitment of the contract says yes, and
    one has terms that are missing or cannot be.

    Findings: each version whose hours cannot be computed for want of a term, with what is missing.
    Rows without a mode or a date have findings of their own.
    """
    key = "curated/committed_contracts"
    stand_in(connection, tables, catalogue, key)
    rows = [
        row | {"valid_from": row["valid_from"] or date.min}
        for row in read_rows(connection, _COMMITMENTS_SQL)
    ]
    lines = {row["commitment_line_id"]: row for row in rows}
    versions = versions_of(rows)
    answers: dict[str, list[bool | None]] = {}
    findings: list[Finding] = []
    for commitment in commitments_of(rows, settings_of(catalogue)):
        unread = len(versions[commitment.commitment_id]) - len(commitment.terms)
        asks = some([carries_hours(commitment), *[None] * unread])
        for uid in commitment.contracts:
            answers.setdefault(uid, []).append(asks)
        for terms, fault in lacking(commitment):
            finding = of_commitment("commitment_due_unknown", lines[str(terms.line_id)], None, None)
            findings.append(replace(finding, detail=f"{fault.fr}{chr(31)}{fault.en}"))
    write_step_findings(connection, tables, catalogue, "curated_committed_contracts", findings)
    found = [{"uid": uid, "has_insertion_hours": some(given)} for uid, given in answers.items()]
    return write_rows(connection, tables, catalogue.tables[key], found)


# --- returns -------------------------------------------------------------------------------------

_STAY = ("holder", "co_contractor")
"""Roles of companies that report until the end of the contract; others come and go."""


@dataclass(frozen=True)
class _Watch:
    """All that is known of the returns of one commitment, companies resolved."""

    followed: Followed
    reporters: tuple[Reporter, ...]
    names: Mapping[str, str | None]
    events: tuple[Row, ...]
    received: tuple[tuple[Received, Row | None], ...]


def build_returns(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """`curated.returns`: one row per return expected of a company, and where it stands at `as_of`.

    Expected: of commitments that say a frequency; the day is theirs, else `return_day` of the
    settings. One return a company and period covers a whole commitment, also where it pools several
    contracts (`contract_uid` is then null). Companies: the bound one, else the contracts' holders,
    from the first day to the last; another holder that declares hours, from its first month on; a
    subcontractor or agency, from its first month to its last. Received: an event `return_received`
    gives the day; lines of hours of the period say that it came, not when. An event that names no
    company is about the bound ones; a reminder without a period is about all that was missing that
    day.

    Findings: a day of the month that cannot be; a return received that nothing asks for.
    """
    key = "curated/returns"
    stand_in(connection, tables, catalogue, key)
    at = reference_day(connection, tables)
    settings = settings_of(catalogue)
    findings: list[Finding] = []
    rows: list[Row] = []
    if at is not None:
        register_lines(connection, at)
        for watch in _watches(connection, settings, at, findings):
            rows += _return_rows(watch, at)
            findings += _unexpected(watch, at)
    write_step_findings(connection, tables, catalogue, "curated_returns", findings)
    return write_rows(connection, tables, catalogue.tables[key], rows)


def _watches(
    connection: Connection, settings: Settings, at: date, findings: list[Finding]
) -> Iterable[_Watch]:
    events = _grouped(read_rows(connection, _EVENTS_SQL))
    declared = _grouped(read_rows(connection, _DECLARED_SQL))
    for followed in load_followed(connection, settings):
        frequency = followed.standing("return_frequency", at)
        start = followed.start
        if frequency is None or start is None:
            continue
        day = _return_day(followed, settings, at, findings)
        yield _watch(
            followed,
            Reporter(followed.name, "", start, followed.end(at), Frequency(frequency), day),
            events.get(followed.name, []),
            declared.get(followed.name, []),
            at,
        )


_EVENTS_SQL = """
select commitment_id, event, event_date, period, company_id,
    source_file, source_pointer
from curated.clause_events
where commitment_id is not null and event in ('return_received', 'reminder', 'formal_notice')
order by commitment_id, event_date, event_id
"""

_DECLARED_SQL = f"""
select commitment_id, company_id, month, min(company_name) as company_name,
    coalesce(bool_or(company_role in {_STAY}), false) as stays
from {LINES}
where commitment_id is not null and company_id is not null and month is not null
group by commitment_id, company_id, month
order by commitment_id, company_id, month
"""


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["commitment_id"], []).append(row)
    return groups


def _return_day(followed: Followed, settings: Settings, at: date, findings: list[Finding]) -> int:
    given: int | None = followed.standing("return_day", at)
    if given is not None and 1 <= given <= 28:
        return given
    usual = settings.at("return_day", "", at)
    if given is not None:
        row = next(row for row in reversed(followed.rows) if row["return_day"] == given)
        findings.append(of_commitment("commitment_return_day", row, "return_day", str(given)))
    return int(usual.value) if usual else 15


def of_commitment(rule: str, row: Row, field: str | None, value: str | None) -> Finding:
    """A finding at a row of commitments."""
    return Finding(
        rule,
        row["source_file"],
        row["source_pointer"],
        "curated.commitments",
        row["commitment_id"],
        field,
        value,
    )


def _watch(
    followed: Followed, whole: Reporter, events: list[Row], declared: list[Row], at: date
) -> _Watch:
    bound = followed.bound(at)
    names: dict[str, str | None] = {company.company_id: company.name for company in bound}
    for row in declared:
        names[row["company_id"]] = names.get(row["company_id"]) or row["company_name"]
    speakers = [company.company_id for company in bound]
    resolved = tuple(
        {**event, "companies": [event["company_id"]] if event["company_id"] else speakers}
        for event in events
    )
    received = [
        (Received(followed.name, company, event["period"], event["event_date"]), event)
        for event in resolved
        if event["event"] == "return_received" and event["period"] is not None
        for company in event["companies"]
    ]
    lines = [(Received(followed.name, row["company_id"], row["month"]), None) for row in declared]
    return _Watch(
        followed,
        tuple(_reporters(whole, speakers, declared)),
        names,
        resolved,
        (*received, *lines),
    )


def _reporters(whole: Reporter, bound: list[str], declared: list[Row]) -> Iterable[Reporter]:
    for company in bound:
        yield _of(whole, company, whole.start, whole.end)
    by_company: dict[str, list[Row]] = {}
    for row in declared:
        by_company.setdefault(row["company_id"], []).append(row)
    for company, rows in by_company.items():
        if company in bound:
            continue
        start = max(whole.start, rows[0]["month"])
        stays = any(row["stays"] for row in rows)
        last = whole.end if stays else month_end(rows[-1]["month"])
        end = last if whole.end is None or last is None else min(last, whole.end)
        if end is None or start <= end:
            yield _of(whole, company, start, end)


def _of(whole: Reporter, company: str, start: date, end: date | None) -> Reporter:
    return Reporter(whole.contract, company, start, end, whole.frequency, whole.before_day)


def _return_rows(watch: _Watch, at: date) -> Iterable[Row]:
    followed = watch.followed
    uids = followed.commitment.contracts
    fixed = {
        "commitment_id": followed.name,
        "contract_uid": uids[0] if len(uids) == 1 else None,
        "buyer_id": followed.standing("buyer_id", at),
        "facilitator": followed.standing("facilitator", at),
    }
    for item in follow(watch.reporters, [received for received, _ in watch.received], at):
        expected = item.expected
        yield {
            **fixed,
            "return_id": f"{followed.name} {expected.company} {expected.first_day}",
            "company_id": expected.company,
            "company_name": watch.names.get(expected.company),
            "first_day": expected.first_day,
            "last_day": expected.last_day,
            "due_before": expected.due_before,
            "state": item.state.value,
            "received_on": item.received_on,
            "days_late": item.days_late,
            **_reminders(watch, item, at),
        }


def _reminders(watch: _Watch, item: Return, at: date) -> Row:
    said = [
        event
        for event in watch.events
        if event["event_date"] is not None
        and event["event_date"] <= at
        and item.expected.company in event["companies"]
        and _concerns(event, item)
    ]
    reminders = [event["event_date"] for event in said if event["event"] == "reminder"]
    notices = [event["event_date"] for event in said if event["event"] == "formal_notice"]
    return {
        "reminders": len(reminders),
        "last_reminder": max(reminders, default=None),
        "formal_notice": min(notices, default=None),
    }


def _concerns(event: Row, item: Return) -> bool:
    """Whether an event is about a return: by its period, else because it was missing that day."""
    expected = item.expected
    if event["period"] is not None:
        first = expected.first_day.replace(day=1)
        return bool(first <= event["period"] <= month_end(expected.last_day))
    still_out = item.state.value == "missing" or (
        item.received_on is not None and item.received_on > event["event_date"]
    )
    return bool(still_out and event["event_date"] >= expected.due_before)


def _unexpected(watch: _Watch, at: date) -> Iterable[Finding]:
    """Returns that an event says received and that nothing asks for, and those of no period."""
    came = {received: event for received, event in watch.received if event is not None}
    stray = [came[item] for item in unexpected(watch.reporters, came, at)]
    stray += [
        event
        for event in watch.events
        if event["event"] == "return_received" and event["period"] is None
    ]
    return [
        Finding(
            "return_unexpected",
            event["source_file"],
            event["source_pointer"],
            "curated.clause_events",
            watch.followed.name,
            "period",
            None if event["period"] is None else f"{event['period']:%Y-%m}",
        )
        for event in stray
    ]
