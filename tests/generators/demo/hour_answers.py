"""The right answers of the hours half: sums over the planted lines, with no code of spaser."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.generators.demo import hour_files, hour_traps
from tests.generators.demo.clauses import SHARED_IDS, Operation, make_operations
from tests.generators.demo.hour_files import Log
from tests.generators.demo.hours import (
    MODALITY_CODES,
    Calendar,
    Line,
    events_of,
    invoices_of,
    ordinary_lines,
)
from tests.generators.demo.people import make_people
from tests.generators.demo.registers import BUYERS, CLAUSE, Contract, OneLine, Record

SEED = 20260306
FTE_DIVISORS = {"usual": 1820, "legal_year": 1607, "ave": 1600}
SENSITIVE_BELOW, BELOW, MIN_COMPANIES = 11, 5, 3
"""Thresholds that the answers on secrecy are planted for (DOMAIN §5)."""


@dataclass(frozen=True)
class Hours:
    """The logs and their traps."""

    log: Log
    traps: Sequence[Record]


def make_hours(contracts: Sequence[Contract]) -> Hours:
    """The hours half of the demo; the same at every call."""
    operations = make_operations(contracts)
    everybody = make_people()
    calendar = Calendar()
    lines = hour_files.routed(ordinary_lines(operations, everybody, calendar), operations)
    plan = hour_traps.Plan(operations, lines, calendar)
    hour_traps.plant(plan)
    third = next(line for line in plan.lines if line.file == hour_files.RETURNS[-1])
    hour_traps.send_again(plan, third, hour_files.SENT_AGAIN)
    rng = random.Random(SEED)
    events = [*events_of(operations, plan.lines, rng), *plan.events]
    log = Log(
        operations, plan.extras, plan.lines, (*everybody, *plan.people), plan.sexes, events,
        invoices_of(operations, rng),
    )  # fmt: skip
    return Hours(log, plan.answers)


# --- what is true --------------------------------------------------------------------------------


def _places() -> Iterator[tuple[int, str]]:
    for year in range(2021, 2026):
        for buyer in ("*", *(buyer.siret for buyer in BUYERS)):
            yield year, buyer


def _of(lines: Iterable[Line], year: int | None, buyer: str) -> list[Line]:
    return [
        line
        for line in lines
        if (line.month.year if line.month else None) == year and buyer in ("*", line.buyer_id)
    ]


def figures(hours: Hours) -> Iterator[Record]:
    """Before secrecy: people and validated hours by year and buyer, and their parts."""
    for year, buyer in _places():
        counted = [line for line in _of(hours.log.lines, year, buyer) if line.counted > 0]
        yield {"year": year, "buyer_id": buyer, **_figures(counted, year, hours)}


def _figures(lines: Sequence[Line], year: int, hours: Hours) -> Record:
    people = dict.fromkeys(line.person for line in lines if line.person)
    sexes = {person: _sex(person.sex, person in hours.log.sexes) for person in people}
    living = {
        person: {True: "yes", False: "no", None: "unknown"}[person.is_qpv] for person in people
    }
    total = _sum(lines)
    return {
        "people": len(people),
        "hours": _text(total),
        "companies": len({line.company.siret for line in lines}),
        "fte": {name: _share(total, Decimal(divisor)) for name, divisor in FTE_DIVISORS.items()},
        "sex": dict(sorted(Counter(sexes.values()).items())),
        "sex_hours": _by(lines, lambda line: sexes[line.person] if line.person else "unknown"),
        "qpv": dict(sorted(Counter(living.values()).items())),
        "qpv_hours": _by(lines, lambda line: living[line.person] if line.person else "unknown"),
        "criterion": dict(
            sorted(Counter(person.main_criterion(year) or "unknown" for person in people).items())
        ),
        "modality_hours": _by(lines, lambda line: MODALITY_CODES[line.modality]),
        "training_hours": _text(_sum(line for line in lines if line.is_training)),
    }


def _sex(said: str | None, is_contradicted: bool) -> str:
    known = {"Femme": "female", "Homme": "male", None: "unknown"}[said]
    return "unknown" if is_contradicted else known


def _sum(lines: Iterable[Line]) -> Decimal:
    return sum((line.counted for line in lines), Decimal(0))


def _by(lines: Iterable[Line], key: Any) -> Record:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[key(line)] += line.counted
    return {name: _text(sums[name]) for name in sorted(sums)}


def _text(hours: Decimal) -> str:
    return f"{hours:.2f}"


def _share(part: Decimal, whole: Decimal) -> str:
    return str((part / whole).quantize(Decimal("0.000001"), ROUND_HALF_UP))


def balances(hours: Hours) -> Iterator[Record]:
    """Declared = validated + corrected away + rejected + pending + quarantined, and the lines."""
    years: tuple[int | None, ...] = (*range(2021, 2026), None)
    for year in years:
        for buyer in (buyer.siret for buyer in BUYERS):
            lines = _of(hours.log.lines, year, buyer)
            if lines:
                yield {"year": year, "buyer_id": buyer, **_balance(lines)}


def _balance(lines: Sequence[Line]) -> Record:
    counts = Counter(line.outcome for line in lines)
    corrected = [line for line in lines if line.outcome == "corrected"]
    away = sum(
        ((x.declared or Decimal(0)) - (x.validated or Decimal(0)) for x in corrected), Decimal(0)
    )

    def declared(*outcomes: str) -> Decimal:
        return sum(((x.declared or Decimal(0)) for x in lines if x.outcome in outcomes), Decimal(0))

    return {
        "lines": len(lines),
        **{name: counts[name] for name in
           ("validated", "corrected", "rejected", "pending", "quarantined")},
        "hours": OneLine(
            declared=_text(declared(*counts)),
            validated=_text(_sum(lines)),
            corrected_away=_text(away),
            rejected=_text(declared("rejected")),
            pending=_text(declared("pending")),
            quarantined=_text(declared("quarantined")),
        ),
    }  # fmt: skip


def quarantine(hours: Hours) -> Record:
    """Lines set apart, by reason."""
    reasons = Counter(reason for line in hours.log.lines for reason in line.reasons)
    return dict(sorted(reasons.items()))


def decisions(hours: Hours) -> Record:
    """Lines corrected down and up, and rejected by reason as written."""
    corrected = [line for line in hours.log.lines if line.outcome == "corrected"]
    down = sum((line.validated or 0) < (line.declared or 0) for line in corrected)
    rejected = Counter(line.reason for line in hours.log.lines if line.outcome == "rejected")
    return {
        "corrected_down": down,
        "corrected_up": len(corrected) - down,
        "rejected": dict(sorted(rejected.items())),
    }


def committed(hours: Hours) -> Iterator[Record]:
    """SOC-11: hours committed by contracts notified in the year; how many do not tell theirs."""
    for year, buyer in _places():
        found = [
            o
            for o in hours.log.operations
            if o.notified.year == year and buyer in ("*", o.buyer.siret)
        ]
        known = [o.committed for o in found if o.committed is not None]
        yield {
            "year": year,
            "buyer_id": buyer,
            "operations": len(found),
            "hours": _text(sum(known, Decimal(0))),
            "unknown": len(found) - len(known),
        }


def several_buyers(hours: Hours) -> Iterator[Record]:
    """People with hours for more than one buyer: counted once in the scheme."""
    for year in range(2021, 2026):
        seen: dict[Any, set[str]] = defaultdict(set)
        for line in _of(hours.log.lines, year, "*"):
            if line.counted > 0:
                seen[line.person].add(line.buyer_id)
        yield {"year": year, "people": sum(len(buyers) > 1 for buyers in seen.values())}


def secret(hours: Hours) -> Iterator[Record]:
    """Cells that no output may print: few people, few at the RSA, few or one large company."""
    for year, buyer in _places():
        lines = [line for line in _of(hours.log.lines, year, buyer) if line.counted > 0]
        people = dict.fromkeys(line.person for line in lines if line.person)
        at_rsa = sum(person.main_criterion(year) == "RSA" for person in people)
        place = {"year": year, "buyer_id": buyer}
        if 0 < at_rsa < SENSITIVE_BELOW:
            yield {**place, "axis": "criterion", "member": "RSA", "measure": "people"}
        if 0 < len(people) < BELOW:
            yield {**place, "axis": "*", "member": "*", "measure": "people"}
        companies = Counter[str]()
        for line in lines:
            companies[line.company.siret] += int(line.counted * 2)
        most = max(companies.values(), default=0)
        if lines and (len(companies) < MIN_COMPANIES or most > 0.85 * companies.total()):
            yield {**place, "axis": "*", "member": "*", "measure": "hours"}


def without_commitment(contracts: Iterable[Contract], operations: Iterable[Operation]) -> list[str]:
    """Contracts whose register says a social clause and of which the facilitators know nothing."""
    bound = {contract.uid for operation in operations for contract in operation.contracts}
    return sorted(
        c.uid
        for c in contracts
        if CLAUSE in (c.social or ())
        and c.uid not in bound
        and c.contract_id not in SHARED_IDS
        and c.year
        and not c.is_call_off
    )


def records(hours: Hours) -> dict[str, int]:
    """Records that each file holds, by name; the titles of a sheet are read, and set aside."""
    lines = Counter(line.file for line in hours.log.lines)
    lines[hour_files.MONTHLY] += hour_files.TITLE_LINES
    log = hours.log
    return {
        **{name.split("/")[-1]: count for name, count in lines.items()},
        hour_files.COMMITMENTS: sum(len(o.rows) for o in log.operations),
        hour_files.EVENTS: len(log.events),
        hour_files.INVOICED: len(log.invoices),
        hour_files.PARTICIPANTS: len(hour_files.participant_rows(log)),
    }


def answers(hours: Hours, contracts: Iterable[Contract]) -> Record:
    """The section `hours` of the right answers."""
    log = hours.log
    return {
        "operations": len(log.operations),
        "modes": dict(sorted(Counter(o.mode for o in log.operations).items())),
        "people": len({line.person for line in log.lines if line.counted > 0}),
        "lines": len(log.lines),
        "quarantine": quarantine(hours),
        "decisions": decisions(hours),
        "balances": [OneLine(line) for line in balances(hours)],
        "committed": [OneLine(line) for line in committed(hours)],
        "figures": list(figures(hours)),
        "several_buyers": [OneLine(line) for line in several_buyers(hours)],
        "secret": [OneLine(line) for line in secret(hours)],
        "without_commitment": without_commitment(contracts, log.operations),
        "never_written": [text for text in hour_traps.REFUSED if text],
        "traps": list(hours.traps),
    }
