"""The hour lines of the demo, and what must become of each of them.

Every line is written with its outcome beside it (`Line.outcome`, `Line.reasons`): the right answers
are sums over them, made with no code of spaser. The ordinary lines cannot go wrong by construction
(one per person, month and contract; under 150 hours a month; within the contract and the person's
eligibility); what goes wrong is planted in `hour_traps.py`.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from tests.generators.demo.clauses import AS_OF, Operation
from tests.generators.demo.lists import STRUCTURES_LISTED
from tests.generators.demo.people import LAST_MONTH, Person, add_months
from tests.generators.demo.registers import Contract, Holder

SEED = 20260305
HALF = Decimal("0.5")
MOST_HALVES = 300
"""Half hours that a person may have in a month, whatever the contracts: far under 200 hours."""
MOST_CONTRACTS = 5
LAST_DECISION = date(2026, 2, 27)

STAYS = 0.88
"""How often a spell on an operation is of somebody who is there already."""

MODALITIES = {"direct": "Embauche directe", "loan": "Mise à disposition", "sub": "Sous-traitance"}
MODALITY_CODES = {
    "Embauche directe": "direct_hire", "Mise à disposition": "loan",
    "Sous-traitance": "subcontracting", "": "unknown",
}  # fmt: skip
MIX = {
    "construction": (34, 50, 16), "cleaning": (46, 20, 34), "green_spaces": (20, 22, 58),
    "waste": (30, 60, 10),
}  # fmt: skip
KINDS = {
    "loan": (("ETTI", "AI", "GEIQ"), (60, 18, 22)),
    "sub": (("EI", "ACI", "EA", "ESAT"), (40, 34, 13, 13)),
}
CONTRACT_TYPES = {
    "ETTI": "Contrat de mission", "AI": "CDD", "GEIQ": "Contrat de professionnalisation",
    "EI": "CDDI", "ACI": "CDDI", "EA": "CDD tremplin", "ESAT": "Autre contrat",
}  # fmt: skip
SECTOR_LABELS = {
    "construction": "BTP", "cleaning": "Propreté", "green_spaces": "Espaces verts",
    "catering": "Restauration", "waste": "Déchets", "transport": "Transport et logistique",
    "social_care": "Aide à la personne et animation", "office_it": "Bureau et numérique",
    "other": "Autre secteur",
}  # fmt: skip
REASONS = (
    "Bulletin de paie différent", "Justificatif manquant", "Personne hors public", "Hors marché",
    "Déjà comptées ailleurs",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of a log and its truth.

    contract: null where the line names none that exists. person: null where no usable id is
    written. written: columns of the canonical log that are not as the truth says.
    """

    file: str
    operation: Operation | None
    contract: Contract | None
    company: Holder
    month: date | None
    declared: Decimal | None
    validated: Decimal | None
    state: str
    outcome: str
    person: Person | None
    modality: str = ""
    structure: str = ""
    structure_id: str = ""
    work_contract: str = ""
    hired: date | None = None
    kind: str = ""
    reason: str = ""
    decided: date | None = None
    role: str = ""
    site: str = ""
    host: str = ""
    reasons: tuple[str, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def buyer_id(self) -> str:
        """The buyer written on the line."""
        return self.contract.buyer.siret if self.contract else self.written["maitre_ouvrage"]

    @property
    def counted(self) -> Decimal:
        """Hours that a published figure counts."""
        if self.outcome not in {"validated", "corrected"}:
            return Decimal(0)
        return (self.declared if self.validated is None else self.validated) or Decimal(0)

    @property
    def is_training(self) -> bool:
        """Whether these are hours of training."""
        return self.kind == "Formation"


def log_of(year: int) -> str:
    """The yearly log of the two facilitators; all but the last are packed."""
    return f"heures-{year}.csv" if year == LAST_MONTH.year else f"heures-{year}.csv.gz"


# --- who works where -----------------------------------------------------------------------------


class Calendar:
    """Who is busy when: at most five contracts and 150 hours a month for a person."""

    def __init__(self) -> None:
        self._contracts: dict[tuple[Person, date], set[str]] = defaultdict(set)
        self._halves: dict[tuple[Person, date], int] = defaultdict(int)
        self._lengths: dict[tuple[Person, date], set[int]] = defaultdict(set)

    def distinct(self, person: Person, month: date, halves: int) -> int:
        """Half hours that no other line of the person's month has, from these on.

        What looks like one work declared twice is planted, and nowhere by chance.
        """
        taken = self._lengths[person, month]
        while halves in taken:
            halves += 1
        taken.add(halves)
        return halves

    def is_free(self, person: Person, month: date, contract: str, halves: int) -> bool:
        """Whether a line would be neither a duplicate nor too much."""
        there = self._contracts[person, month]
        return (
            contract not in there
            and len(there) < MOST_CONTRACTS
            and self._halves[person, month] + halves <= MOST_HALVES
        )

    def take(self, person: Person, month: date, contract: str, halves: int) -> None:
        """Note a line."""
        self._contracts[person, month].add(contract)
        self._halves[person, month] += halves

    def is_idle(self, person: Person, months: Iterable[date]) -> bool:
        """Whether a person has nothing in these months."""
        return not any(self._contracts[person, month] for month in months)


class Roster:
    """People of a facilitator, by the sector they look for work in."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._by: dict[tuple[str, str], list[Person]] = defaultdict(list)
        self.programme: list[Person] = []
        for person in people:
            if any(decision.for_programme for decision in person.decisions):
                self.programme.append(person)
            else:
                self._by[person.facilitator, person.sector].append(person)
                self._by[person.facilitator, "*"].append(person)

    def pick(self, operation: Operation, rng: random.Random) -> Person:
        """Somebody for an operation, most often of its sector."""
        if operation.sites:
            return rng.choice(self.programme)
        sector = operation.sector if rng.random() < 0.8 else "*"
        found = self._by[operation.facilitator, sector]
        return rng.choice(found or self._by[operation.facilitator, "*"])


@dataclass(frozen=True)
class Post:
    """How somebody is employed on an operation."""

    company: Holder
    role: str
    modality: str
    structure: str
    structure_id: str
    work_contract: str


STRUCTURES: Mapping[str, tuple[Holder, ...]] = {
    kind: tuple(s.holder for s in STRUCTURES_LISTED if s.kind == kind)
    for kind in ("ETTI", "AI", "GEIQ", "EI", "ACI", "EA", "ESAT")
}


def _post(operation: Operation, rng: random.Random) -> Post:
    """Modality, structure and work contract; one operation in twelve has its subcontractor."""
    way = rng.choices(("direct", "loan", "sub"), MIX.get(operation.sector, (50, 30, 20)))[0]
    if operation.sites:
        way = "sub"
    holder = operation.holder
    modality = "" if rng.random() < 0.01 else MODALITIES[way]
    if way == "direct":
        kind = rng.choices(("CDD", "CDI", "Contrat d'apprentissage"), (66, 20, 14))[0]
        return Post(holder, "", modality, "", "", kind)
    kind = "ACI" if operation.sites else rng.choices(*KINDS[way])[0]
    # An operation keeps to one structure of each kind.
    listed = STRUCTURES[kind]
    structure = listed[operation.number % len(listed)]
    is_own = way == "sub" and operation.number % 12 == 0
    return Post(
        structure if is_own else holder,
        "Sous-traitant" if is_own else "",
        modality,
        kind,
        structure.siret,
        CONTRACT_TYPES[kind],
    )


# --- the ordinary lines --------------------------------------------------------------------------


def ordinary_lines(
    operations: Sequence[Operation], people: Sequence[Person], calendar: Calendar
) -> list[Line]:
    """The lines of every operation, until what it expects is there or nobody is free."""
    rng = random.Random(SEED)
    roster = Roster(people)
    lines: list[Line] = []
    for operation in operations:
        if operation.number not in IDLE:
            lines += _of_operation(operation, roster, calendar, rng)
    return lines


IDLE = frozenset({37, 151, 236})
"""Operations without any hour, long after they began."""


def _wanted(operation: Operation, rng: random.Random) -> int:
    """Half hours to reach: what is expected by the day of the export, more or less.

    Some of them are rejected or wait, hence the usual rates above one.
    """
    rate = rng.choices((0.55, 0.85, 1.04, 1.07, 1.15), (9, 12, 32, 32, 15))[0]
    total = len(operation.months)
    if not operation.is_over:
        total += 3
    whole = (operation.end.year - operation.start.year) * 12
    whole += operation.end.month - operation.start.month + 1
    return int(operation.expected * 2 * Decimal(rate) * total / max(whole, 1))


@dataclass(frozen=True)
class Spell:
    """Some months of a person on a contract, at about so many half hours a month."""

    person: Person
    contract: Contract
    months: tuple[date, ...]
    halves: int


def _of_operation(
    operation: Operation, roster: Roster, calendar: Calendar, rng: random.Random
) -> Iterator[Line]:
    """Whoever is there stays with the employer, most often; a new hiring only after a break."""
    spells: dict[Person, list[Spell]] = defaultdict(list)
    for spell in _spells(operation, roster, calendar, rng):
        spells[spell.person].append(spell)
    for person, found in spells.items():
        post = _post(operation, rng)
        hirings = _hirings({month for spell in found for month in spell.months}, rng)
        for spell in found:
            yield from _lines_of(operation, person, spell, post, hirings, calendar, rng)


def _spells(
    operation: Operation, roster: Roster, calendar: Calendar, rng: random.Random
) -> Iterator[Spell]:
    months = [month for month in operation.months if month not in operation.silent]
    team: list[Person] = []
    wanted, misses = _wanted(operation, rng), 0
    while wanted > 0 and misses < 250 and months:
        stays = bool(team) and rng.random() < STAYS
        person = rng.choice(team) if stays else roster.pick(operation, rng)
        halves = rng.randint(8, 40)
        contract = rng.choice(operation.contracts)
        eligible = set(person.months)
        first = rng.choice(months)
        span = [m for m in months if first <= m < add_months(first, rng.randint(2, 10))]
        free = [
            month
            for month in span
            if month in eligible and calendar.is_free(person, month, _key(contract), halves + 24)
        ]
        if not free:
            misses += 1
            continue
        misses = 0
        if not stays:
            team.append(person)
        needed = tuple(free[: wanted // halves + 1])
        for month in needed:
            calendar.take(person, month, _key(contract), halves + 24)
        wanted -= halves * len(needed)
        yield Spell(person, contract, needed, halves)


def _hirings(months: Iterable[date], rng: random.Random) -> dict[date, date]:
    """For each month worked, the day of the hiring: a new one after more than two months idle."""
    found: dict[date, date] = {}
    before: date | None = None
    for month in sorted(months):
        if before is None or month > add_months(before, 3):
            hired = month + timedelta(days=rng.randint(0, 6))
        found[month] = hired
        before = month
    return found


def _key(contract: Contract) -> str:
    return f"{contract.uid} {contract.title}"


def _lines_of(
    operation: Operation,
    person: Person,
    spell: Spell,
    post: Post,
    hirings: Mapping[date, date],
    calendar: Calendar,
    rng: random.Random,
) -> Iterator[Line]:
    """The months of one person on one contract, with some training at times."""
    trains = rng.random() < 0.06
    site = rng.choice(operation.sites) if operation.sites else ""
    host = operation.hosts[operation.sites.index(site) % len(operation.hosts)] if site else ""
    for month in spell.months:
        worked = HALF * calendar.distinct(person, month, max(spell.halves + rng.randint(-6, 6), 2))
        line = Line(
            file=log_of(month.year), operation=operation, contract=spell.contract,
            company=post.company, month=month, declared=worked, validated=None, state="",
            outcome="", person=person, modality=post.modality, structure=post.structure,
            structure_id=post.structure_id, work_contract=post.work_contract,
            hired=hirings[month], role=post.role, site=site, host=host,
        )  # fmt: skip
        yield decide(line, rng)
        if trains and rng.random() < 0.6:
            taught = HALF * calendar.distinct(person, month, rng.randint(4, 12))
            training = replace(line, declared=taught, kind="Formation")
            yield decide(training, rng)


def decide(line: Line, rng: random.Random) -> Line:
    """The facilitator's decision, as the logs of the time wrote it."""
    month = line.month or LAST_MONTH
    turn = rng.random()
    waiting = {date(2025, 11, 1): 0.3, LAST_MONTH: 0.75}.get(month, 0.004)
    if turn < waiting:
        return replace(line, state="Déclarée", outcome="pending")
    day = min(add_months(month, 1) + timedelta(days=rng.randint(14, 40)), LAST_DECISION)
    decided = replace(line, decided=day)
    turn = rng.random()
    if turn < 0.02:
        reason = rng.choice(REASONS)
        return replace(decided, state="Rejetée", outcome="rejected", reason=reason)
    declared = line.declared or Decimal(0)
    if turn < 0.055 and declared > 4:
        change = rng.choice((-4, -3, -2, -1, 1, 2)) * HALF
        return replace(
            decided, validated=declared + change, outcome="corrected", reason=REASONS[0],
            state="" if month.year == 2021 else "Corrigée",
        )  # fmt: skip
    # The log of 2021 had no column for decisions: hours validated say it.
    state = "" if month.year == 2021 else "Validée"
    return replace(decided, validated=declared, outcome="validated", state=state)


# --- what companies send, and what is invoiced ---------------------------------------------------


@dataclass(frozen=True)
class Event:
    """One row of the clause events."""

    contract: Contract
    lot: str
    company: Holder
    kind: str
    day: date
    period: date | None = None
    reason: str = ""
    channel: str = ""
    amount: Decimal | None = None
    hours: Decimal | None = None
    to_contract: str = ""


RECEIVED, REMINDER, NOTICE = "Relevé reçu", "Relance", "Mise en demeure"


def periods(operation: Operation, at: date = AS_OF) -> Iterator[tuple[date, date]]:
    """First month and last day of each return of an operation that may be due by a day."""
    step = 1 if operation.monthly else 3
    first = operation.start.replace(day=1)
    opening = first if operation.monthly else date(first.year, (first.month - 1) // 3 * 3 + 1, 1)
    while opening <= min(operation.end, at):
        following = add_months(opening, step)
        yield opening, following - timedelta(days=1)
        opening = following


def events_of(
    operations: Iterable[Operation], lines: Iterable[Line], rng: random.Random
) -> list[Event]:
    """The returns received, late or never, by contract and company; some incidents."""
    declared: dict[int, dict[tuple[str, str], set[date]]] = defaultdict(lambda: defaultdict(set))
    named: dict[str, Holder] = {}
    for line in lines:
        if line.operation and line.contract and line.month:
            pair = (line.contract.contract_id, line.company.siret)
            declared[line.operation.number][pair].add(line.month)
            named[line.company.siret] = line.company
    events: list[Event] = []
    for operation in operations:
        months = declared[operation.number]
        named[operation.holder.siret] = operation.holder
        # The company bound reports from start to end, another from its first hours to its last.
        for contract in operation.contracts:
            months[contract.contract_id, operation.holder.siret] = {date.min, date.max}
        by_id = {contract.contract_id: contract for contract in operation.contracts}
        for (contract_id, siret), found in sorted(months.items()):
            between = (min(found), max(found))
            events += _returns(operation, by_id[contract_id], named[siret], between, rng)
        events += _incidents(operation, rng)
    return events


def _returns(
    operation: Operation,
    contract: Contract,
    company: Holder,
    between: tuple[date, date],
    rng: random.Random,
) -> Iterator[Event]:
    first, last = between
    for opening, closing in periods(operation):
        due = (closing + timedelta(days=1)).replace(day=operation.return_day)
        if due > AS_OF or closing < first or opening > last:
            continue
        start = max(opening, operation.start, first)

        def event(kind: str, day: date, channel: str = "", *, start: date = start) -> Event:
            return Event(contract, operation.lot, company, kind, day, start, channel=channel)

        if set(operation.silent) & {opening}:
            yield event(REMINDER, due + timedelta(days=12), "Courriel")
            continue
        if rng.random() < 0.09:
            late = min(due + timedelta(days=rng.randint(1, 40)), AS_OF)
            if (late - due).days > 12:
                yield event(REMINDER, due + timedelta(days=10), "Courriel")
            yield event(RECEIVED, late)
        else:
            yield event(
                RECEIVED, closing + timedelta(days=rng.randint(2, operation.return_day - 1))
            )


INCIDENTS = (
    "Absence de candidats", "Chantier arrêté ou décalé", "Rupture du contrat de travail",
    "Entreprise en difficulté",
)  # fmt: skip


def _incidents(operation: Operation, rng: random.Random) -> Iterator[Event]:
    if rng.random() < 0.2:
        month = rng.choice(operation.months)
        yield Event(
            operation.contracts[0], operation.lot, operation.holder, "Incident",
            month + timedelta(days=rng.randint(3, 25)), reason=rng.choice(INCIDENTS),
            channel=rng.choice(("Réunion", "Téléphone", "Courriel")),
        )  # fmt: skip


@dataclass(frozen=True)
class Invoice:
    """One row of the amounts invoiced."""

    contract: Contract
    day: date
    amount: Decimal | None
    to_date: Decimal | None
    basis: str = "HT"


def invoices_of(operations: Iterable[Operation], rng: random.Random) -> list[Invoice]:
    """What was invoiced on the contracts whose hours follow it, quarter by quarter.

    One contract in two gives the sum to date instead of each amount.
    """
    invoices: list[Invoice] = []
    for operation in operations:
        if operation.mode != "per_tranche":
            continue
        contract = operation.contracts[0]
        whole = (operation.end.year - operation.start.year) * 12 + 12
        each = Decimal(int((contract.amount or 0) * 3 / max(whole, 3)) // 100 * 100)
        total = Decimal(0)
        cumulative = operation.number % 2 == 0
        for opening, closing in periods(operation, date(2025, 12, 31)):
            del opening
            amount = each * rng.randint(80, 120) / 100
            total += amount
            day = closing + timedelta(days=rng.randint(5, 25))
            if cumulative:
                invoices.append(Invoice(contract, day, None, total))
            else:
                invoices.append(Invoice(contract, day, amount, None))
    return invoices
