"""The work list of facilitators: what to check or to do on each clause.

Every item says what is found with its figures, and what to do, in both languages; the texts are
rows of `assets/references/follow_up_kinds.csv`. Persons are looked at to find hours declared twice
and proofs that do not serve, and none is named: items hold counts only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from spaser.cards import Catalogue
from spaser.hours.carried import Move, Stays
from spaser.hours.eligibility import Criterion, Proof, criteria_of, proof_state
from spaser.hours.followed import Row, read_rows, stand_in, write_rows
from spaser.hours.operations import Ledger, load_ledger
from spaser.hours.report_day import LINES, reference_day
from spaser.hours.returns import Frequency
from spaser.hours.words import Words, number
from spaser.warehouse import Connection, Tables

_LATE_START = timedelta(days=183)
"""A clause that runs for more than six months, or a quarter of its time, should have hours."""

_NAMED_PERIODS = 6
"""Periods of missing returns that a message names; the others are counted."""


@dataclass(frozen=True)
class Item:
    """One thing to do. `values` fill the message; `key` tells it from others of its kind."""

    kind: str
    key: tuple[str | None, ...]
    facilitator: str | None = None
    commitment_id: str | None = None
    contract_uid: str | None = None
    buyer_id: str | None = None
    company_id: str | None = None
    hours: Decimal | None = None
    line_count: int | None = None
    severity: str | None = None
    values: Mapping[str, Words] = field(default_factory=dict)


def build_follow_up(connection: Connection, tables: Tables, catalogue: Catalogue) -> int:
    """`quality.follow_up`: one row per thing to do, by facilitator, as of the day of the run.

    Grain: an operation (clause_without_hours, hours_over_commitment, ended_short, behind_schedule,
    due_unknown, pooled), a contract (clause_without_commitment, hours_without_commitment), an event
    (carried_over), a company (return_missing by operation, quarantined by reason, pending,
    hours_without_contract by reference), companies that declare the same hours (double_counting),
    a facilitator (proof_expired, proof_missing). A contract with a social clause and no commitment
    is a warning where the register says that the clause is about insertion, else information; where
    neither commitments nor hours are followed at all, there is no list. A carry-over is an error
    where hours of it stay with the contract that was to hand them over.
    """
    key = "quality/follow_up"
    stand_in(connection, tables, catalogue, key)
    at = reference_day(connection, tables)
    kinds = {row["kind"]: row for row in catalogue.reference("follow_up_kinds")}
    items = () if at is None else _items(connection, catalogue, at)
    rows = [_row(item, kinds[item.kind]) for item in items]
    return write_rows(connection, tables, catalogue.tables[key], rows)


def _items(connection: Connection, catalogue: Catalogue, at: date) -> Iterator[Item]:
    ledger = load_ledger(connection, catalogue, at)
    connection.execute(_LINES_VIEW)
    operations = read_rows(connection, "select * from curated.operations order by operation_id")
    lines = dict(
        connection.execute(
            f"select commitment_id, count(*) from {LINES} "
            "where commitment_id is not null group by all"
        ).fetchall()
    )
    for operation in operations:
        yield from _of_operation(operation, lines.get(operation["operation_id"], 0), at)
    yield from _clauses_without_commitment(connection)
    yield from _hours_without_contract(connection)
    yield from _hours_without_commitment(connection)
    yield from _carried_over(connection, ledger, at)
    yield from _double_counting(connection)
    yield from _returns_missing(connection, ledger, at)
    yield from _quarantined(connection, catalogue)
    yield from _pending(connection)
    yield from _proofs(connection, catalogue)


_LINES_VIEW = """
create or replace temp view lines_followed as
select h.* replace (coalesce(h.facilitator, o.facilitator) as facilitator)
from curated.hours as h
left join curated.operations as o on o.operation_id = h.commitment_id
"""
"""The hour lines of the files, whatever their month (a wrong one is to be corrected too); a line
that names no facilitator has its operation's."""


def _row(item: Item, kind: Mapping[str, str]) -> Row:
    identity = "\x1f".join((item.kind, *(part or "" for part in item.key)))
    return {
        **vars(item),
        "item_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "severity": item.severity or kind["severity"],
        **{
            f"{text}_{language}": _filled(kind[f"{text}_{language}"], item.values, language)
            for text in ("message", "action")
            for language in ("fr", "en")
        },
    }


def _filled(text: str, values: Mapping[str, Words], language: str) -> str:
    return text.format_map({name: getattr(words, language) for name, words in values.items()})


# --- words ---------------------------------------------------------------------------------------


def _same(text: str | None) -> Words:
    return Words(text or "—", text or "—")


def _hours(value: Decimal | None) -> Words:
    if value is None:
        return Words("heures inconnues", "unknown hours")
    return Words(f"{number(value, 'fr')}\u00a0h", f"{number(value, 'en')} h")


def _hours_owed(value: Decimal | None) -> Words:
    if value is None:
        return Words("heures dues inconnues", "hours due unknown")
    return Words(f"{number(value, 'fr')}\u00a0h dues", f"{number(value, 'en')} h due")


def _day(day: date | None) -> Words:
    if day is None:
        return Words("date inconnue", "unknown date")
    return Words(f"{day:%d/%m/%Y}", f"{day:%Y-%m-%d}")


def _month(day: date) -> Words:
    return Words(f"{day:%m/%Y}", f"{day:%Y-%m}")


def _period(last: date, frequency: Frequency) -> Words:
    """A month, or a quarter of the calendar, by its last day."""
    if frequency is Frequency.MONTHLY:
        return _month(last)
    quarter = (last.month + 2) // 3
    return Words(f"T{quarter} {last.year}", f"Q{quarter} {last.year}")


def _counted(count: int, fr: str, en: str, fr_many: str = "", en_many: str = "") -> Words:
    """`3 lignes`; the plural adds an s unless another is given."""
    many_fr, many_en = fr_many or f"{fr}s", en_many or f"{en}s"
    return Words(
        f"{number(count, 'fr')} {fr if count < 2 else many_fr}",
        f"{number(count, 'en')} {en if count == 1 else many_en}",
    )


def _lines(count: int) -> Words:
    return _counted(count, "ligne", "line")


def _company(row: Row) -> Words:
    named = row["company_name"] or row["company_id"]
    return _same(named) if named else Words("Entreprise non indiquée", "Company not given")


# --- by operation --------------------------------------------------------------------------------


def _of_operation(operation: Row, line_count: int, at: date) -> Iterator[Item]:
    short = list(_ended_short(operation, line_count))
    yield from short
    if line_count == 0 and not short and _should_have_hours(operation, at):
        yield _about(
            operation,
            "clause_without_hours",
            operation["due_hours"],
            start=_day(operation["start_date"]),
            due=_hours_owed(operation["due_hours"]),
        )
    if line_count and operation["alert"] == "behind":
        yield _about(
            operation,
            "behind_schedule",
            operation["scheduled_hours"] - operation["validated_hours"],
            line_count,
            alert=_both(operation, "alert"),
        )
    if _is_due_unknown(operation):
        yield _about(
            operation, "due_unknown", None, line_count, reason=_both(operation, "due_reason")
        )
    yield from _over_commitment(operation, line_count)
    uids = operation["contract_uids"] or []
    if len(uids) > 1:
        yield _about(
            operation,
            "pooled",
            operation["due_hours"],
            count=_same(str(len(uids))),
            contracts=_same(", ".join(uids)),
        )


def _about(
    operation: Row, kind: str, hours: Decimal | None, line_count: int | None = None, **values: Words
) -> Item:
    uids = operation["contract_uids"] or []
    return Item(
        kind,
        (operation["operation_id"],),
        facilitator=operation["facilitator"],
        commitment_id=operation["operation_id"],
        contract_uid=uids[0] if len(uids) == 1 else None,
        buyer_id=operation["buyer_id"],
        company_id=operation["company_id"],
        hours=hours,
        line_count=line_count,
        values={
            "operation": _same(operation["operation"] or operation["operation_id"]),
            "hours": _hours(hours),
            **values,
        },
    )


def _should_have_hours(operation: Row, at: date) -> bool:
    """Whether a clause has run long enough, or is over, and owes hours (unknown: it may)."""
    start, end, due = operation["start_date"], operation["end_date"], operation["due_hours"]
    if start is None or start > at or due == 0:
        return False
    elapsed = at - start
    quarter = end is not None and elapsed > (end - start) / 4
    return bool(elapsed > _LATE_START or quarter)


def _ended_short(operation: Row, line_count: int) -> Iterator[Item]:
    """A clause that is over and lacks hours, or people where it counts people alone."""
    if not operation["is_closed"]:
        return
    missing = operation["missing_hours"]
    if missing:
        done = _hours(operation["validated_hours"])
        owed, lacking = _hours_owed(operation["due_hours"]), _hours(missing)
        said = Words(f"{done.fr} validées pour {owed.fr}", f"{done.en} validated for {owed.en}")
    elif operation["alert"] == "short" and operation["due_hours"] is None:
        worked, committed = operation["people"], operation["people_committed"]
        lacking = _people(committed - worked)
        done = _people(worked)
        said = Words(
            f"{done.fr} avec des heures validées pour {number(committed, 'fr')} engagées",
            f"{done.en} with validated hours for {number(committed, 'en')} committed",
        )
    else:
        return
    yield _about(
        operation,
        "ended_short",
        missing,
        line_count,
        end=_day(operation["end_date"]),
        done=said,
        missing=lacking,
        penalty=_both(operation, "penalty_words"),
    )


def _people(count: int) -> Words:
    return _counted(count, "personne", "person", en_many="people")


def _is_due_unknown(operation: Row) -> bool:
    """Whether nothing says what a clause that has begun owes, in hours or in people."""
    return (
        operation["due_reason_fr"] is not None
        and operation["people_committed"] is None
        and operation["alert"] != "not_started"
    )


def _both(operation: Row, name: str) -> Words:
    return Words(operation[f"{name}_fr"] or "", operation[f"{name}_en"] or "")


def _over_commitment(operation: Row, line_count: int) -> Iterator[Item]:
    """More validated than engaged; what is due counts too, once it is final."""
    committed, due = operation["committed_hours"], operation["due_hours"]
    limits = [committed] if committed is not None else []
    if due is not None and (limits or operation["is_closed"]):
        limits.append(due)
    if limits and operation["validated_hours"] > max(limits):
        excess = operation["validated_hours"] - max(limits)
        yield _about(
            operation,
            "hours_over_commitment",
            excess,
            line_count,
            validated=_hours(operation["validated_hours"]),
            committed=_engaged(max(limits)),
        )


def _engaged(hours: Decimal) -> Words:
    return Words(f"{number(hours, 'fr')}\u00a0h engagées", f"{number(hours, 'en')} h committed")


# --- by contract ---------------------------------------------------------------------------------


def _clauses_without_commitment(connection: Connection) -> Iterator[Item]:
    for row in read_rows(
        connection,
        """select uid, buyer_id, coalesce(list_contains(clause_themes, 'insertion'), false) as sure
        from curated.contracts
        anti join (select unnest(contract_uids) as uid from curated.commitments) using (uid)
        where has_social_clause and framework_role is distinct from 'call_off'
            and exists (select commitment_id from curated.commitments
                union all select commitment_id from curated.hours)
        order by uid""",
    ):
        yield Item(
            "clause_without_commitment",
            (row["uid"],),
            contract_uid=row["uid"],
            buyer_id=row["buyer_id"],
            severity=None if row["sure"] else "info",
            values={"contract": _same(row["uid"])},
        )


_ONE = "case when min({0}) = max({0}) then min({0}) end as {0}"
_GATHERED = """min(company_name) as company_name, count(*) as line_count,
    coalesce(sum(hours_declared), 0) as hours"""


def _of_lines(kind: str, row: Row, *key: str, **values: Words) -> Item:
    """An item about hour lines that were gathered by `key`."""
    kept = ("facilitator", "commitment_id", "contract_uid", "buyer_id", "company_id")
    return Item(
        kind,
        tuple(row[name] for name in key),
        **{name: row.get(name) for name in kept},
        hours=row["hours"],
        line_count=row["line_count"],
        values={
            "company": _company(row),
            "lines": _lines(row["line_count"]),
            "hours": _hours(row["hours"]),
            **values,
        },
    )


def _hours_without_contract(connection: Connection) -> Iterator[Item]:
    for row in read_rows(
        connection,
        f"""select facilitator, buyer_id, company_id, contract_reference,
            {_ONE.format("commitment_id")}, {_GATHERED}
        from lines_followed where list_contains(quarantine_reasons, 'unknown_contract')
        group by facilitator, buyer_id, company_id, contract_reference order by all""",
    ):
        reference = row["contract_reference"]
        words = _same(reference) if reference else Words("non indiqué", "not given")
        yield _of_lines(
            "hours_without_contract",
            row,
            *("facilitator", "buyer_id", "company_id", "contract_reference"),
            reference=words,
        )


def _hours_without_commitment(connection: Connection) -> Iterator[Item]:
    for row in read_rows(
        connection,
        f"""select facilitator, contract_uid, {_ONE.format("buyer_id")},
            {_ONE.format("company_id")}, {_GATHERED}
        from lines_followed
        where contract_uid is not null and commitment_id is null and outcome <> 'rejected'
        group by facilitator, contract_uid order by all""",
    ):
        yield _of_lines(
            "hours_without_commitment",
            row,
            *("facilitator", "contract_uid"),
            contract=_same(row["contract_uid"]),
        )


def _carried_over(connection: Connection, ledger: Ledger, at: date) -> Iterator[Item]:
    moves = ledger.carried.by(at).moves
    for row in read_rows(
        connection,
        f"""select e.event_id, e.event_date, e.hours, e.to_contract_uid, e.commitment_id,
            e.contract_uid, e.contract_reference, coalesce(e.buyer_id, o.buyer_id) as buyer_id,
            coalesce(e.company_id, o.company_id) as company_id, o.facilitator, o.operation
        from curated.clause_events as e
        left join curated.operations as o on o.operation_id = e.commitment_id
        where e.event = 'carry_over' and (e.event_date is null or e.event_date <= date '{at}')
        order by e.event_id""",
    ):
        names = ("facilitator", "commitment_id", "contract_uid", "buyer_id", "company_id", "hours")
        taker = row["to_contract_uid"]
        giver = row["operation"] or row["commitment_id"] or row["contract_reference"]
        move = moves.get(row["event_id"])
        yield Item(
            "carried_over",
            (row["event_id"],),
            **{name: row[name] for name in names},
            severity=None if move is None or move.stays is None else "error",
            values={
                "operation": _same(giver),
                "hours": _hours(row["hours"]),
                "to": _same(taker) if taker else Words("un marché inconnu", "an unknown contract"),
                "date": _day(row["event_date"]),
                "outcome": _WITHIN if move is None else _moved(move),
            },
        )


_WITHIN = Words(
    "les deux marchés doivent ces heures ensemble, rien ne change",
    "the two contracts owe these hours together, nothing changes",
)
_STAYS = {
    Stays.HOURS_UNKNOWN: Words("le nombre d'heures manque", "the number of hours is missing"),
    Stays.GIVER_NOT_FOLLOWED: Words(
        "le marché qui les reporte n'a pas d'engagement suivi",
        "the contract that hands them over has no commitment followed",
    ),
    Stays.TAKER_NOT_FOLLOWED: Words(
        "le marché qui les reçoit n'a pas d'engagement suivi",
        "the contract that receives them has no commitment followed",
    ),
    Stays.DUE_UNKNOWN: Words(
        "les heures dues par l'opération sont inconnues",
        "the hours that the operation owes are unknown",
    ),
    Stays.OWED_LESS: Words(
        "l'opération n'en devait pas davantage ce jour-là",
        "the operation owed no more of them that day",
    ),
}


def _moved(move: Move) -> Words:
    hours = _hours(move.hours)
    moved = Words(f"{hours.fr} y sont dues", f"{hours.en} are due there")
    if move.stays is None:
        return moved
    why = _STAYS[move.stays]
    return Words(f"{moved.fr}, pas plus : {why.fr}", f"{moved.en}, no more: {why.en}")


# --- by company ----------------------------------------------------------------------------------

_DOUBLE_SQL = f"""
with usable as (
    select * from lines_followed
    where pseudonym is not null and month is not null and company_id is not null
        and hours_declared > 0 and outcome <> 'rejected'
), same_hours as (
    select pseudonym, month, hours_declared from usable
    group by all having min(company_id) <> max(company_id)
), suspects as (
    select *,
        -- An agency or a subcontractor and whom it works for may name different contracts.
        bool_or(coalesce(company_role in ('temp_agency', 'subcontractor'), false))
            over (partition by pseudonym, month, hours_declared) as is_chain,
        coalesce(commitment_id, contract_uid, contract_reference) as place
    from usable semi join same_hours using (pseudonym, month, hours_declared)
), cases as (
    select list_sort(list(distinct company_id)) as company_ids,
        list_sort(list(distinct coalesce(company_name, company_id))) as companies,
        min(facilitator) as facilitator, {_ONE.format("commitment_id")},
        {_ONE.format("contract_uid")}, {_ONE.format("buyer_id")}, count(*) as line_count,
        (count(distinct company_id) - 1) * hours_declared as hours
    from suspects
    group by pseudonym, month, hours_declared, case when is_chain then null else place end
    having min(company_id) <> max(company_id)
)
select facilitator, commitment_id, contract_uid, buyer_id, company_ids,
    list_sort(list_distinct(flatten(list(companies)))) as companies,
    count(*) as cases, sum(line_count) as line_count, sum(hours) as hours
from cases
group by facilitator, commitment_id, contract_uid, buyer_id, company_ids
order by all
"""


def _double_counting(connection: Connection) -> Iterator[Item]:
    """Equal hours of one person and month declared by two companies, on one operation or chain."""
    for row in read_rows(connection, _DOUBLE_SQL):
        cases = _counted(row["cases"], "cas", "case", fr_many="cas")
        yield Item(
            "double_counting",
            (
                *(row[name] for name in ("facilitator", "commitment_id", "contract_uid")),
                *(row["buyer_id"], *row["company_ids"]),
            ),
            facilitator=row["facilitator"],
            commitment_id=row["commitment_id"],
            contract_uid=row["contract_uid"],
            buyer_id=row["buyer_id"],
            hours=row["hours"],
            line_count=int(row["line_count"]),
            values={
                "companies": _same(", ".join(row["companies"])),
                "cases": cases,
                "hours": _hours(row["hours"]),
            },
        )


def _returns_missing(connection: Connection, ledger: Ledger, at: date) -> Iterator[Item]:
    frequencies = {
        item.name: Frequency(item.standing("return_frequency", at))
        for item in ledger.followed
        if item.standing("return_frequency", at) is not None
    }
    by_company: dict[tuple[str, str], list[Row]] = {}
    for row in read_rows(
        connection,
        "select * from curated.returns where state = 'missing' "
        "order by commitment_id, company_id, first_day",
    ):
        by_company.setdefault((row["commitment_id"], row["company_id"]), []).append(row)
    for key, rows in by_company.items():
        names = ("facilitator", "commitment_id", "contract_uid", "buyer_id", "company_id")
        yield Item(
            "return_missing",
            key,
            **{name: rows[0][name] for name in names},
            line_count=len(rows),
            values={
                "company": _company(rows[0]),
                "returns": _counted(
                    len(rows),
                    "relevé attendu et non reçu",
                    "return due and not received",
                    "relevés attendus et non reçus",
                    "returns due and not received",
                ),
                "periods": _periods(rows, frequencies[key[0]]),
                "reminders": _reminded(rows),
            },
        )


def _periods(rows: list[Row], frequency: Frequency) -> Words:
    named = [_period(row["last_day"], frequency) for row in rows[:_NAMED_PERIODS]]
    fr, en = ", ".join(words.fr for words in named), ", ".join(words.en for words in named)
    others = len(rows) - len(named)
    if others:
        return Words(f"{fr} et {others} de plus", f"{en} and {others} more")
    return Words(fr, en)


def _reminded(rows: list[Row]) -> Words:
    most = max(row["reminders"] for row in rows)
    last = max((row["last_reminder"] for row in rows if row["last_reminder"]), default=None)
    notices = [row["formal_notice"] for row in rows if row["formal_notice"]]
    said = Words("aucune relance", "no reminder")
    if last is not None:
        count, day = _counted(most, "relance", "reminder"), _day(last)
        each_fr, each_en = ("", "") if len(rows) == 1 else (" au plus par relevé", " at most each")
        said = Words(
            f"{count.fr}{each_fr}, la dernière le {day.fr}",
            f"{count.en}{each_en}, the last on {day.en}",
        )
    if notices:
        day = _day(min(notices))
        said = Words(
            f"{said.fr}, mise en demeure le {day.fr}", f"{said.en}, formal notice on {day.en}"
        )
    return said


def _quarantined(connection: Connection, catalogue: Catalogue) -> Iterator[Item]:
    """By company and reason; a line with several reasons counts in each.

    Lines of no known contract are items of their own.
    """
    for row in read_rows(
        connection,
        f"""select facilitator, company_id, reason, {_ONE.format("buyer_id")},
            {_ONE.format("commitment_id")}, {_ONE.format("contract_uid")}, {_GATHERED}
        from (select *, unnest(quarantine_reasons) as reason from lines_followed
            where outcome = 'quarantined')
        where reason <> 'unknown_contract'
        group by facilitator, company_id, reason order by all""",
    ):
        rule = catalogue.rules[f"hours_{row['reason']}"]
        yield _of_lines(
            "quarantined",
            row,
            *("facilitator", "company_id", "reason"),
            reason=Words(rule.title_fr.lower(), rule.title_en.lower()),
            action=Words(rule.action_fr, rule.action_en),
        )


def _pending(connection: Connection) -> Iterator[Item]:
    for row in read_rows(
        connection,
        f"""select facilitator, company_id, {_ONE.format("buyer_id")},
            {_ONE.format("commitment_id")}, {_ONE.format("contract_uid")}, {_GATHERED},
            min(month) as first_month
        from lines_followed where outcome = 'pending'
        group by facilitator, company_id order by all""",
    ):
        yield _of_lines(
            "pending", row, "facilitator", "company_id", month=_month(row["first_month"])
        )


# --- by facilitator ------------------------------------------------------------------------------

_DECISIONS_SQL = """
select facilitator, pseudonym, coalesce(hire_date, eligible_from) as hired_on, proof_date, criteria,
    count(*) as line_count
from curated.participants
where pseudonym is not null and eligible_from is not null and len(criteria) > 0
    and not coalesce(criteria_partial, false)
group by all order by all
"""
_PROOF_KINDS = {
    Proof.EXPIRED: "proof_expired",
    Proof.LATER: "proof_missing",
    Proof.UNDATED: "proof_missing",
}
"""What a proof that does not serve is told as."""


def _proofs(connection: Connection, catalogue: Catalogue) -> Iterator[Item]:
    """People eligible and hired without a proof that served that day; counted, never named.

    One that serves is enough, of any criterion, on any line about that day. Who met a criterion
    that asks no age of its proof lacks none.
    """
    criteria = {
        item.code: item for item in criteria_of(catalogue.reference("eligibility_criteria"))
    }
    hirings: dict[tuple[str | None, str, date], list[Row]] = {}
    for row in read_rows(connection, _DECISIONS_SQL):
        key = (row["facilitator"], row["pseudonym"], row["hired_on"])
        hirings.setdefault(key, []).append(row)
    people: dict[tuple[str | None, str], set[str]] = {}
    line_counts: Counter[tuple[str | None, str]] = Counter()
    for (facilitator, pseudonym, hired_on), rows in hirings.items():
        kind = _kind_of_proofs(rows, hired_on, criteria)
        if kind is not None:
            people.setdefault((facilitator, kind), set()).add(pseudonym)
            line_counts[facilitator, kind] += sum(row["line_count"] for row in rows)
    for (facilitator, kind), found in people.items():
        yield Item(
            kind,
            (facilitator,),
            facilitator=facilitator,
            line_count=line_counts[facilitator, kind],
            values={"people": _people(len(found))},
        )


def _kind_of_proofs(
    rows: Iterable[Row], hired_on: date, criteria: Mapping[str, Criterion]
) -> str | None:
    """What is wrong with every proof of a hiring; null where one serves or cannot be judged."""
    states = {
        proof_state(criteria[code], row["proof_date"], hired_on) if code in criteria else None
        for row in rows
        for code in row["criteria"]
    }
    wrong = [kind for state, kind in _PROOF_KINDS.items() if state in states]
    return wrong[0] if states <= _PROOF_KINDS.keys() else None
