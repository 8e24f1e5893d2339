"""The right answers of the demo, computed from its plan with no code of spaser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml

from tests.generators.demo import audit, hour_answers, lists, own, registers, spend
from tests.generators.demo.registers import (
    BUYERS,
    CCAS,
    EXPORT_DAY,
    FIRST_YEAR_2022_FORMAT,
    FLOOR_EUR,
    METROPOLE,
    Book,
    Contract,
    OneLine,
    Record,
)

FACTS: Mapping[str, Callable[[Contract], bool | None]] = {
    **registers.FACTS,
    "SOC-25": lists.has_inclusive_holder,
    "ECO-04": lists.has_esus_holder,
}


@dataclass(frozen=True)
class World:
    """Everything the demo holds: what is published, the centre's register and its ledger, spend.

    `contracts` are those of the demo with the values in force; `hours` the insertion clauses.
    """

    book: Book
    register: Sequence[own.Entry]
    decisions: Sequence[own.Decision]
    spend: Sequence[spend.Line]
    contracts: Sequence[Contract]
    hours: hour_answers.Hours


def make_world() -> World:
    """The demo; the same at every call."""
    book = registers.make_book()
    register = own.entries(book)
    decisions = own.decisions(book, register)
    contracts = own.in_force(book, register, decisions)
    clauses = hour_answers.make_hours(contracts)
    return World(book, register, decisions, spend.lines(), contracts, clauses)


# --- totals --------------------------------------------------------------------------------------


def by_year_and_buyer(world: World) -> Iterator[Record]:
    """Rows of `curated.contracts`, and those of them in the population, per buyer and year."""
    years: tuple[int | None, ...] = (*sorted(METROPOLE.volumes), None)
    for year in years:
        for buyer in (None, *BUYERS):
            found = [c for c in world.contracts if c.year == year and buyer in (None, c.buyer)]
            yield {
                "year": year,
                "buyer_id": buyer.siret if buyer else "*",
                "contracts": len(found),
                "population": sum(not c.is_call_off for c in found),
            }


def results(world: World) -> Iterator[Record]:
    """Numerator, denominator and unknown of the count measure, dimension `*`."""
    for code, fact in FACTS.items():
        for year in range(FIRST_YEAR_2022_FORMAT, max(METROPOLE.volumes) + 1):
            for scope in ("all", "floor"):
                for buyer in (None, *BUYERS):
                    population = [
                        c
                        for c in world.contracts
                        if c.year == year and not c.is_call_off and buyer in (None, c.buyer)
                    ]
                    yield {
                        "code": code,
                        "scope": scope,
                        "year": year,
                        "buyer_id": buyer.siret if buyer else "*",
                        **_tally(population, fact, scope),
                    }


def _tally(
    population: Iterable[Contract], fact: Callable[[Contract], bool | None], scope: str
) -> dict[str, int]:
    tally = {"numerator": 0, "denominator": 0, "unknown": 0}
    for contract in population:
        member = True if scope == "all" else contract.is_above_floor
        met = fact(contract)
        if member is None or (member and met is None):
            tally["unknown"] += 1
        elif member:
            tally["denominator"] += 1
            tally["numerator"] += met is True
    return tally


def share_bounds(contracts: Iterable[Contract], code: str, scope: str) -> tuple[Decimal, Decimal]:
    """Least and most favourable reading of a share in number.

    A contract whose fact is unknown counts as no, then as yes. One without amount may also be out
    of the scope: it is left out of the reading it would help, or hurt.
    """
    met = known = certain = unsure_met = unsure_not_met = 0
    for contract in contracts:
        member = True if scope == "all" else contract.is_above_floor
        fact = FACTS[code](contract)
        if member is None:
            unsure_met += fact is not False
            unsure_not_met += fact is not True
        elif member:
            known += fact is not None
            certain += 1
            met += fact is True
    low = Decimal(met) / (certain + unsure_not_met)
    high = Decimal(met + certain - known + unsure_met) / (certain + unsure_met)
    return low, high


def verdicts(world: World, scheme: Path) -> Iterator[Record]:
    """Verdicts of the scheme's absolute targets on shares in number, and of those not due yet."""
    for target in yaml.safe_load(scheme.read_text(encoding="utf-8"))["targets"]:
        year, code = target["year"], target["indicator"]
        if year > max(METROPOLE.volumes):
            yield {"target_id": target["id"], "verdict": "not_due"}
        elif code in FACTS and target["unit"] == "share" and target["measure"] == "count":
            buyer = target.get("buyer", "*")
            population = [
                c
                for c in world.contracts
                if c.year == year and not c.is_call_off and buyer in ("*", c.buyer.siret)
            ]
            low, high = share_bounds(population, code, target.get("scope", "floor"))
            goal = Decimal(str(target["at_least"]))
            late = "not_reached" if high < goal else "undecidable"
            yield {"target_id": target["id"], "verdict": "reached" if low >= goal else late}


# --- the centre's own register, spend, suppliers, suspicions -------------------------------------


def records(world: World) -> Record:
    """What the files hold, record by record, and what becomes of it."""
    book, register = world.book, world.register
    published = sum(len(entries) for entries in book.files.values()) - len(book.concessions)
    years = Counter(line.year for line in world.spend)
    files = {name: len(found) for name, found in book.files.items()}
    files |= {own.FILE: own.rows_read(register)}
    files |= {name: years[year] for year, name in spend.FILES.items()}
    files |= {name: len(content().splitlines()) - 1 for name, content in lists.FILES.items()}
    files |= hour_answers.records(world.hours)
    return {
        "files": {name: files[name] for name in sorted(files)},
        "contract_records": published + len(register),
        "publications": len(book.truth) + len(register),
        "merged": published - len(book.truth),
        "rejected": 0,
        "contracts": len(world.contracts),
        "concessions": len(book.concessions),
    }


def register_answers(world: World) -> Record:
    """What is said of the centre's register beside DECP."""
    awarded = [entry for entry in world.register if entry.outcome == "awarded"]
    levels: Counter[str] = Counter(entry.level for entry in awarded if entry.level != "none")
    weights = [
        label.rsplit(" ", 2)[0]
        for rank, entry in enumerate(world.register)
        for label in (own.criteria_of(entry.told, rank) or "").split(" ; ")
        if label
    ]
    return {
        "levels": {level: levels[level] for level in (*own.MATCHED, "near")},
        "missing_in_decp": [e.told.contract_id for e in awarded if e.level == "none"],
        "missing_in_register": [c.contract_id for c in own.missing(world.book)],
        "differences": {e.told.contract_id: list(e.differs) for e in awarded if e.differs},
        "not_by_id": {
            e.told.contract_id: e.published.contract_id
            for e in awarded
            if e.published and e.level != "id"
        },
        "corrections": dict(sorted(Counter(d.status for d in world.decisions).items())),
        "lots": dict(sorted(Counter(entry.outcome for entry in world.register).items())),
        "criteria": dict(sorted(Counter(weights).items())),
        "tax_basis": {
            "ht": sum(entry.with_tax is None for entry in awarded),
            "ttc": sum(entry.with_tax is not None for entry in awarded),
        },
        "without_usable_amount": [
            e.told.contract_id for e in awarded if e.with_tax is not None and e.rate is None
        ],
        "hidden": [e.told.contract_id for e in awarded if e.is_hidden],
    }


def is_usable(amount: Decimal | None) -> bool:
    """Whether an amount is one (official rules: absurd and symbolic ones are set aside)."""
    if amount is None or amount <= 1 or amount > 3_000_000_000:
        return False
    digits = str(amount).removesuffix(".00")
    repeated = max(Counter(digit for digit in digits if digit != "0").values(), default=0)
    return amount <= 100_000_000 or not (digits.startswith("123456789") or repeated > 6)


def suspicions(world: World) -> Iterator[Record]:
    """How many rows each rule has in `quality.suspicions`; of a habit, by buyer and year."""
    entries = {e.told.uid: e for e in world.register}
    known = [c for c in world.contracts if c.holders]
    articles = {uid: entry.article or "unspecified" for uid, entry in entries.items()}
    yield {
        "rule": "reserved_holder_not_listed",
        "rows": sum(
            lists.is_reserved(c)
            and not lists.is_admitted(c, articles.get(c.uid, "unspecified"))
            and all(holder.kind == "SIRET" for holder in c.holders)
            for c in known
        ),
    }
    yield {"rule": "siret_closed", "rows": sum(map(lists.closed_holders, known))}
    absent = {(c.buyer.siret, c.year) for c in known if lists.NOT_IN_EXTRACT in c.holders}
    yield {"rule": "siren_not_in_extract", "rows": len(absent)}
    planted = Counter(
        one["rule"] for trap in world.book.traps for one in trap.expect.get("suspicions", [])
    )
    yield from ({"rule": rule, "rows": planted[rule]} for rule in sorted(planted))
    yield {"rule": "cpv_against_type", "rows": sum(e.kind is not None for e in world.register)}
    amounts = [c.amount for c in world.contracts if c.amount is not None]
    yield {"rule": "amount_symbolic", "rows": sum(amount == 1 for amount in amounts)}
    aside = sum(not is_usable(amount) and amount != 1 for amount in amounts)
    yield {"rule": "amount_set_aside", "rows": aside}
    yield {"rule": "tax_included_without_rate", "rows": 1}
    with_tax = {entry.told.uid for entry in world.register if entry.with_tax is not None}
    for year in own.YEARS:
        for buyer in BUYERS:
            mine = [c for c in world.contracts if c.buyer is buyer and c.year == year]
            late = [
                c
                for c in mine
                if c.is_above_floor
                and c.uid not in with_tax
                and registers.FACTS["GOV-05"](c) is False
            ]
            maxima = [c for c in mine if c.is_framework and is_usable(c.amount)]
            for rule, found in (("published_late", late), ("maximum_as_value", maxima)):
                yield {
                    "rule": rule, "buyer_id": buyer.siret, "year": year, "value": str(len(found))
                }  # fmt: skip


def audited(world: World) -> dict[str, str]:
    """What the audited figure declares of each contract."""
    return audit.declared(world.contracts, FACTS[audit.CODE])


HEADER = """\
# Right answers of the demo registers. Written by `python -m tests.generators.demo`: do not edit.
#
# Computed while the records are written, in plain Python, with no code of spaser.
# traps[].expect, all about the trap's buyer:
#   contracts, holders, amendments, concessions: of the curated table of that name, exactly `count`
#     rows match; each matching row of `contracts` has the values in `columns` (null = NULL,
#     "*" = any value; money and dates as text).
#   findings: at least `at_least` rows of quality.findings whose key begins with the contract's uid
#     (`contract_id`), or about that field (`field`).
#   suspicions: rows of quality.suspicions of that rule about the contract.
#   evidence: the role of the contract in indicators.evidence (`*` buyer and its own);
#     null = no row there as numerator, denominator_only or unknown.
# totals.results: measure count, dimension `*`, method default. totals.spend: GEN-01.
#   totals.verdicts: the targets whose verdict follows from these counts alone, or not due yet.
# register: the centre's own one, which is the reference for 2024 and 2025.
#   levels: rows of curated.reconciliation with both sides. not_by_id: register -> DECP.
# duties: indicators.duty. suspicions: rows of a rule, or the number a habit tells.
# hours: the insertion clauses, before secrecy.
#   quarantine: lines of curated.hours by reason. balances: its lines and hours by year and buyer.
#   committed: SOC-11. figures: SOC-12, 14 to 17, 19, 24 and main criterion, of
#     facts.people_figures. secret: cells that indicators.figures must not publish.
#   never_written: texts of the logs that no table, report or message may hold.
#   traps[].expect: lines of curated.hours, rows of quality.follow_up, of curated.returns and
#     curated.operations (values in the row), of quality.findings; at least as many as said.
"""


class _Dumper(yaml.SafeDumper):
    """Digits stay text for every YAML reader: SIRETs begin with zeros."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if value.replace("-", "").isdigit() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _line(dumper: yaml.SafeDumper, value: OneLine) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(OneLine, _line)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


def answers_text(world: World, scheme: Path) -> str:
    """The content of `demo_answers.yml`."""
    content = {
        "as_of": EXPORT_DAY.isoformat(),
        "floor_eur": int(FLOOR_EUR),
        "buyers": {buyer.siret: buyer.name for buyer in BUYERS},
        "records": records(world),
        "totals": {
            "contracts": [OneLine(line) for line in by_year_and_buyer(world)],
            "results": [OneLine(line) for line in results(world)],
            "spend": [OneLine(line) for line in spend.under_contract(world.spend)],
            "verdicts": [OneLine(line) for line in verdicts(world, scheme)],
        },
        "register": {"buyer_id": CCAS.siret, **register_answers(world)},
        "spend": [OneLine(line) for line in spend.by_basis(world.spend)],
        "duties": [OneLine(line) for line in spend.duties(world.spend)],
        "suspicions": [OneLine(line) for line in suspicions(world)],
        "audit": audit.audit_answers(audited(world)),
        "hours": hour_answers.answers(world.hours, world.contracts),
        "traps": [
            {
                "id": trap.trap_id,
                "planted": trap.planted,
                "buyer_id": trap.buyer.siret,
                "contract_ids": list(trap.contract_ids),
                "expect": trap.expect,
            }
            for trap in world.book.traps
        ],
    }
    body = yaml.dump(
        content,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=160,
    )
    return HEADER + body
