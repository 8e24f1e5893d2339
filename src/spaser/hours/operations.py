"""Operations: from the commitment to the balance, on the day of the report and year by year.

What is owed: the terms in force on the day (`hours_due`), less the debt of hours carried over to
another contract, more the one received (`carried`); a carried hour is owed once. A clause that is
fixed, by share of labour, by people or by order owes all of it from the start, and its schedule
says how much was to be done by a day; a clause by tranche owes what is invoiced so far, at closure
too. An operation is closed on the day after which nothing more is to be performed (`end_date` ≤ the
day).
Only validated hours count against it, of the months begun by the day (`report_day`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from spaser.cards import Catalogue
from spaser.errors import InputError
from spaser.findings import Finding
from spaser.hours.carried import CarryOvers, load_carry_overs
from spaser.hours.commitments import Due, Invoiced, Mode, hours_committed, hours_due
from spaser.hours.followed import (
    Followed,
    Row,
    load_followed,
    load_invoiced,
    of_commitment,
    read_rows,
    settings_of,
    stand_in,
    write_rows,
    write_step_findings,
)
from spaser.hours.penalties import (
    Decided,
    Penalty,
    Rates,
    late_days,
    missing_hours,
    penalty,
    total_known,
)
from spaser.hours.report_day import LINES, reference_day, register_lines
from spaser.hours.schedule import (
    Linear,
    Milestones,
    Progress,
    Schedule,
    differs,
    expected_hours,
    progress,
    read_schedule,
)
from spaser.hours.words import Words, number
from spaser.warehouse import Connection, Tables

_UNDATED_MODES = (Mode.PER_TRANCHE, Mode.PER_ORDER)
"""Modes that owe what was invoiced or ordered, whatever the day: they have no schedule of ours."""


@dataclass(frozen=True)
class Ledger:
    """All that says what each commitment owes."""

    followed: tuple[Followed, ...]
    invoiced: Invoiced
    carried: CarryOvers
    penalties: Mapping[str, tuple[Row, ...]]


def load_ledger(connection: Connection, catalogue: Catalogue, at: date) -> Ledger:
    """Commitments, invoices, carried hours and penalties, from the curated tables.

    Makes the lines by the day of the report readable (`report_day`).
    """
    register_lines(connection, at)
    followed = load_followed(connection, settings_of(catalogue))
    invoiced = load_invoiced(connection)
    penalties: dict[str, list[Row]] = {}
    for row in read_rows(connection, _PENALTIES_SQL):
        penalties.setdefault(row["commitment_id"], []).append(row)
    return Ledger(
        followed,
        invoiced,
        load_carry_overs(connection, followed, invoiced),
        {name: tuple(rows) for name, rows in penalties.items()},
    )


_PENALTIES_SQL = """
select commitment_id, event, event_date, amount_eur
from curated.clause_events
where commitment_id is not null and event in ('penalty_notified', 'penalty_waived')
order by commitment_id, event_date, event_id
"""


# --- what is owed on a day -----------------------------------------------------------------------


@dataclass(frozen=True)
class Owed:
    """What one commitment owes on a day.

    due: all that is owed, carried hours included. schedule: how it is spread, null where the mode
    owes it whatever the day. end: as known on the day of the report.
    """

    due: Due
    schedule: Schedule | None
    end: date | None
    carried_in: Decimal
    carried_out: Decimal

    def is_closed(self, at: date) -> bool | None:
        """Whether nothing more is to be performed; null where the end is unknown."""
        return None if self.end is None else self.end <= at


def owed(ledger: Ledger, followed: Followed, at: date, end: date | None) -> Owed:
    """What a commitment owes on a day; `end` is its last day of performance."""
    carried = ledger.carried.by(at)
    taken = carried.taken.get(followed.name, Decimal(0))
    given = carried.given.get(followed.name, Decimal(0))
    due = hours_due(followed.commitment, at, ledger.invoiced)
    return Owed(
        _with_carried(due, taken, given),
        _schedule(followed, at, end),
        end,
        taken,
        given,
    )


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def _with_carried(due: Due, taken: Decimal, given: Decimal) -> Due:
    formula = list(due.formula)
    if taken:
        formula.append(_CARRIED_IN.filled(taken))
    if given:
        formula.append(_CARRIED_OUT.filled(given))
    hours = None if due.hours is None else due.hours + taken - given
    return replace(due, hours=hours, formula=tuple(formula))


class _Sentence(Words):
    """Words with `{}` where hours are written."""

    def filled(self, *hours: Decimal) -> Words:
        """The sentence with its hours."""
        return Words(
            self.fr.format(*(number(value, "fr") for value in hours)),
            self.en.format(*(number(value, "en") for value in hours)),
        )


_CARRIED_IN = _Sentence(
    "+ {}\u00a0h reçues d'un autre marché", "+ {} h received from another contract"
)
_CARRIED_OUT = _Sentence(
    "− {}\u00a0h reportées sur un autre marché", "− {} h carried over to another contract"
)


def _schedule(followed: Followed, at: date, end: date | None) -> Schedule | None:
    text = followed.standing("schedule", at)
    if text is not None:
        try:
            return read_schedule(text)
        except InputError:
            pass  # A finding says so; the hours are then spread as if no schedule were given.
    if followed.mode(at) in _UNDATED_MODES:
        return None
    return Linear(followed.start, end)


# --- curated.operations --------------------------------------------------------------------------


def build_operations(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """`curated.operations`: one row per commitment, as of the day of the run.

    Hours in hours, amounts in euros. Declared = validated + corrected away + rejected + pending +
    quarantined, over every line of the commitment. `people` is null where some validated line names
    nobody, unless a purge erased and counted them. A penalty for missing hours is computed once the
    operation is closed, or at any day where hours follow invoices or orders; it is never notified
    by us: what was notified or waived is what the log of events says (a sum is null where no amount
    is known). `alert`: not_started, on_schedule, behind, reached, short (closed with missing
    hours), unknown.

    Findings: a schedule that cannot be read, or that ends on other hours than those due; an end
    before the start; one id written for several buyers.
    """
    key = "curated/operations"
    stand_in(connection, tables, catalogue, key)
    at = reference_day(connection, tables)
    findings: list[Finding] = []
    rows: list[Row] = []
    if at is not None:
        ledger = load_ledger(connection, catalogue, at)
        _register_erased(connection, tables, at)
        worked = {row["commitment_id"]: row for row in read_rows(connection, _WORKED_SQL)}
        returns = _returns_of(connection)
        for followed in ledger.followed:
            stands = owed(ledger, followed, at, followed.end(at))
            findings += _findings(followed, stands, at)
            rows.append(
                _operation(
                    ledger,
                    followed,
                    stands,
                    worked.get(followed.name, _NOTHING_WORKED),
                    returns.get(followed.name, []),
                    at,
                )
            )
    write_step_findings(connection, tables, catalogue, "curated_operations", findings)
    return write_rows(connection, tables, catalogue.tables[key], rows)


_COUNTS = "outcome in ('validated', 'corrected') and hours_validated > 0"
"""The lines that figures count (`hours.lines.published_sql`)."""

_BUCKETS = ("declared", "validated", "corrected_away", "rejected", "pending", "quarantined")

_LINES = f"""select *, pseudonym is null
    and line_id not in (select line_id from erased_lines) as is_unnamed from {LINES}"""
"""`is_unnamed`: nobody is named, and no purge says how many they were."""

_WORKED_SQL = f"""
select commitment_id,
    {", ".join(f"coalesce(sum(hours_{b}), 0) as {b}_hours" for b in _BUCKETS)},
    coalesce(sum(hours_validated) filter ({_COUNTS} and hour_kind = 'training'), 0)
        as training_hours,
    case when count(*) filter ({_COUNTS} and is_unnamed) = 0
        then count(distinct pseudonym) filter ({_COUNTS})
            + coalesce(any_value(erased.people), 0) end as people,
    count(distinct company_id) filter ({_COUNTS}) as companies
from ({_LINES}) left join (
    select commitment_id, cast(sum(people) as bigint) as people from erased_people
    group by commitment_id
) as erased using (commitment_id)
where commitment_id is not null
group by commitment_id
"""
_NOTHING_WORKED: Row = {
    **{f"{bucket}_hours": Decimal(0) for bucket in (*_BUCKETS, "training")},
    "people": 0,
    "companies": 0,
}


def _register_erased(connection: Connection, tables: Tables, at: date) -> None:
    """Create `erased_lines` (line_id) and `erased_people` (commitment_id, year, people).

    What a purge kept of the lines whose person it erased: `year` is that of a person's first
    validated hour in the operation, by the year of the report.
    """
    for view, table, empty, limit in (
        ("erased_lines", "privacy.settled", "null::varchar as line_id", ""),
        (
            "erased_people",
            "privacy.settled_people",
            "null::varchar as commitment_id, null::integer as year, null::bigint as people",
            f" where year <= {at.year}",
        ),
    ):
        known = tables.scan(table) if tables.exists(table) else f"(select {empty} limit 0)"
        connection.execute(f"create or replace temp view {view} as select * from {known}{limit}")


def _returns_of(connection: Connection) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in read_rows(
        connection,
        """select commitment_id, company_id, state, received_on, formal_notice
        from curated.returns where state = 'missing' or formal_notice is not null
        order by return_id""",
    ):
        found.setdefault(row["commitment_id"], []).append(row)
    return found


def _operation(
    ledger: Ledger, followed: Followed, stands: Owed, worked: Row, returns: list[Row], at: date
) -> Row:
    validated: Decimal = worked["validated_hours"]
    advance = progress(stands.schedule, stands.due.hours, validated, at)
    alert, alert_words = _alert(followed, stands, worked, advance, at)
    decided = Decided(
        _decided(ledger, followed, "penalty_notified", at),
        _decided(ledger, followed, "penalty_waived", at),
    )
    fine = _penalty(followed, stands, validated, returns, decided, at)
    bound = followed.bound(at)
    committed = hours_committed(followed.commitment, at)
    return {
        **worked,
        **_identity(followed, at),
        "company_id": bound[0].company_id if bound else None,
        "company_name": bound[0].name if bound else None,
        "end_date": stands.end,
        "at_date": at,
        "is_closed": stands.is_closed(at),
        "committed_hours": committed.hours,
        **_formula("committed_formula", committed.formula),
        "people_committed": committed.people,
        "due_hours": stands.due.hours,
        **_formula("due_formula", stands.due.formula),
        **_both("due_reason", stands.due.reason),
        "scheduled_hours": advance.expected,
        "carried_in_hours": stands.carried_in,
        "carried_out_hours": stands.carried_out,
        "missing_hours": missing_hours(stands.due.hours, validated),
        "computed_penalty_eur": fine.total_eur,
        **_both("penalty_words", fine.words),
        "notified_penalty_eur": decided.notified_eur,
        "waived_penalty_eur": decided.waived_eur,
        "returns_missing": sum(row["state"] == "missing" for row in returns),
        "alert": alert,
        **_both("alert", alert_words),
    }


def _identity(followed: Followed, at: date) -> Row:
    mode = followed.mode(at)
    kinds = {row["contract_type"] for row in followed.contracts}
    objects = [row["object"] for row in followed.contracts if row["object"] is not None]
    named = followed.standing("operation", at)
    return {
        "operation_id": followed.name,
        "operation": named or (objects[0] if objects else None),
        "buyer_id": followed.standing("buyer_id", at),
        "contract_uids": list(followed.commitment.contracts),
        "facilitator": followed.standing("facilitator", at),
        "commitment_mode": mode.value if mode else None,
        # Contracts of several types pooled together have no type.
        "contract_type": kinds.pop() if len(kinds) == 1 else None,
        "notified_date": followed.notified,
        "start_date": followed.start,
    }


def _formula(name: str, formula: Sequence[Words]) -> Row:
    return {
        f"{name}_fr": " ; ".join(words.fr for words in formula) or None,
        f"{name}_en": "; ".join(words.en for words in formula) or None,
    }


def _both(name: str, words: Words | None) -> Row:
    return {f"{name}_fr": words.fr if words else None, f"{name}_en": words.en if words else None}


def _decided(ledger: Ledger, followed: Followed, event: str, at: date) -> Decimal | None:
    """Euros that the buyer notified or waived by a day; an undated event counts."""
    rows = [
        row
        for row in ledger.penalties.get(followed.name, ())
        if row["event"] == event and (row["event_date"] is None or row["event_date"] <= at)
    ]
    return _amount_of(rows)


def _amount_of(rows: Sequence[Row]) -> Decimal | None:
    """The sum of the amounts known: zero without any event, null where none has an amount."""
    return total_known(*(row["amount_eur"] for row in rows)) if rows else Decimal(0)


def _penalty(
    followed: Followed,
    stands: Owed,
    validated: Decimal,
    returns: Iterable[Row],
    decided: Decided,
    at: date,
) -> Penalty:
    rates = Rates(
        followed.standing("penalty_per_hour", at), followed.standing("penalty_per_day", at)
    )
    days = _days_late(returns, at)
    if stands.is_closed(at) or stands.schedule is None:
        return penalty(rates, stands.due.hours, validated, days, decided)
    found = penalty(rates, None, validated, days, decided)
    if rates.per_hour_eur is None:
        return found
    words = _STILL_RUNNING
    if found.days_eur is not None or decided.is_something:
        words = Words(f"{found.words.fr} {words.fr}", f"{found.words.en} {words.en}")
    return replace(found, words=words)


_STILL_RUNNING = Words(
    "L'opération court encore : les heures manquantes ne se comptent qu'à sa fin.",
    "The operation is still running: missing hours are counted at its end only.",
)


def _days_late(returns: Iterable[Row], at: date) -> int | None:
    """Days of delay after formal notices; one notice for several returns runs until the last came.

    A return that came on an unknown day adds none.
    """
    runs: dict[tuple[str, date], date] = {}
    for row in returns:
        until = at if row["state"] == "missing" else row["received_on"]
        if row["formal_notice"] is not None and until is not None:
            key = (row["company_id"], row["formal_notice"])
            runs[key] = max(until, runs.get(key, until))
    days = [late_days(notice, until) for (_, notice), until in runs.items()]
    return sum(day for day in days if day is not None) if days else None


def _alert(
    followed: Followed, stands: Owed, worked: Row, advance: Progress, at: date
) -> tuple[str, Words]:
    if followed.start is not None and followed.start > at:
        return "not_started", _NOT_STARTED
    people = stands.due.people
    closed = stands.is_closed(at)
    if stands.due.hours is None and people is not None and worked["people"] is not None:
        return _alert_of_people(people, worked["people"], closed, at)
    if advance.alert is None:
        return "unknown", advance.words
    if closed:
        return ("short" if advance.alert else "reached"), advance.words
    return ("behind" if advance.alert else "on_schedule"), advance.words


_NOT_STARTED = Words("L'exécution n'a pas commencé.", "Performance has not begun.")


def _alert_of_people(
    committed: int, worked: int, closed: bool | None, at: date
) -> tuple[str, Words]:
    words = Words(
        f"{worked} personnes ayant des heures validées pour {committed} engagées au {at:%d/%m/%Y}.",
        f"{worked} people with validated hours for {committed} committed by {at:%Y-%m-%d}.",
    )
    if worked >= committed:
        return "reached", words
    return ("short" if closed else "unknown"), words


def _findings(followed: Followed, stands: Owed, at: date) -> Iterable[Finding]:
    last = followed.rows[-1]
    if followed.start is not None and stands.end is not None and stands.end < followed.start:
        yield of_commitment("commitment_dates_reversed", last, "end_date", f"{stands.end}")
    buyers = {row["buyer_id"] for row in followed.rows if row["buyer_id"] is not None}
    if len(buyers) > 1:
        yield of_commitment(
            "commitment_several_buyers", last, "buyer_id", ", ".join(sorted(buyers))
        )
    text = followed.standing("schedule", at)
    if text is None:
        return
    row = next(row for row in reversed(followed.rows) if row["schedule"] == text)
    if not isinstance(stands.schedule, Milestones):
        yield of_commitment("commitment_schedule_unreadable", row, "schedule", text)
    elif differs(stands.schedule, stands.due.hours):
        yield of_commitment("commitment_schedule_differs", row, "schedule", text)


# --- facts.operations ----------------------------------------------------------------------------


@dataclass
class _Worked:
    """Validated hours of one commitment by year and company, and people by their first year.

    `unnamed`: years whose validated lines name nobody, without a purge that counted them.
    """

    hours: dict[int, dict[str | None, Decimal]]
    newcomers: dict[int, int]
    unnamed: set[int]


def build_operation_years(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """`facts.operations`: one row per operation and year, from notification or start to the end.

    Each row is as of 31 December, or the day of the run. `committed_hours`: by the version in force
    at notification, orders those of the year of notification. `due_hours`: what the schedule (or an
    even spread) asks for by that day; once closed, all that is owed, with the invoices and carried
    hours that came after the end, up to the day of the run. Hours and people are counted since the
    start. `missing_hours` in the year of closure only. Penalties in the year of their event;
    outside the years of the operation, in the nearest one, and undated in the last.
    """
    key = "facts/operations"
    stand_in(connection, tables, catalogue, key)
    at = reference_day(connection, tables)
    rows: list[Row] = []
    if at is not None:
        ledger = load_ledger(connection, catalogue, at)
        _register_erased(connection, tables, at)
        worked = _worked_by_year(connection)
        for followed in ledger.followed:
            rows += _years(ledger, followed, worked.get(followed.name, _Worked({}, {}, set())), at)
    return write_rows(connection, tables, catalogue.tables[key], rows)


def _worked_by_year(connection: Connection) -> dict[str, _Worked]:
    counted = f"select * from ({_LINES}) where commitment_id is not null and {_COUNTS}"
    found: dict[str, _Worked] = {}

    def of(row: Row) -> _Worked:
        return found.setdefault(row["commitment_id"], _Worked({}, {}, set()))

    for row in read_rows(
        connection,
        f"""select commitment_id, year, company_id, sum(hours_validated) as hours,
            bool_or(is_unnamed) as is_unnamed
        from ({counted}) group by all order by all""",
    ):
        of(row).hours.setdefault(row["year"], {})[row["company_id"]] = row["hours"]
        if row["is_unnamed"]:
            of(row).unnamed.add(row["year"])
    for row in read_rows(
        connection,
        f"""select commitment_id, year, cast(sum(people) as bigint) as people from (
            select commitment_id, year, 1 as people
            from (select commitment_id, pseudonym, min(year) as year from ({counted})
                where pseudonym is not null group by all)
            union all
            select commitment_id, year, people from erased_people)
        group by all order by all""",
    ):
        of(row).newcomers[row["year"]] = row["people"]
    return found


def _years(ledger: Ledger, followed: Followed, worked: _Worked, at: date) -> Iterable[Row]:
    days = [day for day in (followed.start, followed.notified) if day is not None]
    begun = [day.year for day in days] or sorted(worked.hours)[:1]
    if not begun or min(begun) > at.year:
        return
    end = followed.end(at)
    first = min(begun)
    last = at.year if end is None else max(first, min(end.year, at.year))
    penalties = _penalties_by_year(ledger, followed, first, last, at)
    committed = _committed_at_notification(followed).hours
    for year in range(first, last + 1):
        day = min(date(year, 12, 31), at)
        yield {
            "operation_year_id": f"{followed.name} {year}",
            "year": year,
            "at_date": day,
            "committed_hours": committed,
            **_named(followed, day),
            **_of_year(ledger, followed, worked, day, end, at),
            **penalties(year),
        }


def _named(followed: Followed, day: date) -> Row:
    identity = _identity(followed, day)
    return {
        name: identity[name]
        for name in ("operation_id", "buyer_id", "commitment_mode", "contract_type")
    }


def _of_year(
    ledger: Ledger, followed: Followed, worked: _Worked, day: date, end: date | None, at: date
) -> Row:
    closed = None if end is None else end <= day
    # The final invoices and decisions come after the end, and belong to the balance.
    stands = owed(ledger, followed, at if closed else day, end)
    by_company = _until(worked, day.year)
    validated = _sum(by_company.values())
    due = stands.due.hours if closed else expected_hours(stands.schedule, stands.due.hours, day)
    notified = followed.notified
    return {
        "is_notified_in_year": None if notified is None else notified.year == day.year,
        "is_closed_in_year": closed and end is not None and end.year == day.year,
        "due_hours": due,
        "validated_hours": validated,
        "missing_hours": missing_hours(due, validated) if closed else None,
        "companies": len(by_company.keys() - {None}),
        "largest_company_hours": max(by_company.values(), default=Decimal(0)),
        "people": _people_until(worked, day.year),
    }


def _until(worked: _Worked, year: int) -> dict[str | None, Decimal]:
    total: dict[str | None, Decimal] = {}
    for worked_year, companies in worked.hours.items():
        if worked_year <= year:
            for company, hours in companies.items():
                total[company] = total.get(company, Decimal(0)) + hours
    return total


def _people_until(worked: _Worked, year: int) -> int | None:
    if any(unnamed <= year for unnamed in worked.unnamed):
        return None
    return sum(count for first, count in worked.newcomers.items() if first <= year)


def _committed_at_notification(followed: Followed) -> Due:
    """What was engaged when the contract was notified; orders, by the end of that year."""
    versions = [row["valid_from"] for row in followed.rows if row["valid_from"] is not None]
    if followed.notified is None or not versions:
        return hours_committed(followed.commitment, date.max)
    day = max(followed.notified, min(versions))
    if followed.mode(day) is Mode.PER_ORDER:
        day = date(day.year, 12, 31)
    return hours_committed(followed.commitment, day)


def _penalties_by_year(
    ledger: Ledger, followed: Followed, first: int, last: int, at: date
) -> Callable[[int], Row]:
    events: dict[tuple[str, int], list[Row]] = {}
    for row in ledger.penalties.get(followed.name, ()):
        day = row["event_date"]
        if day is None or day <= at:
            year = last if day is None else min(max(day.year, first), last)
            events.setdefault((row["event"], year), []).append(row)

    def of(year: int) -> Row:
        notified = events.get(("penalty_notified", year), [])
        waived = events.get(("penalty_waived", year), [])
        unknown = any(row["amount_eur"] is None for row in (*notified, *waived))
        return {
            "penalty_notified_eur": _amount_of(notified),
            "penalty_waived_eur": _amount_of(waived),
            "amount_exclusion_reason": "penalty_amount_unknown" if unknown else None,
        }

    return of
