"""What is wrong on purpose in the hour logs, and what must be said of it.

Nobody here is real: the names are "Exemple", the social number is of no département, the address
ends in `.invalid`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.generators.demo.clauses import Operation
from tests.generators.demo.hours import (
    IDLE,
    NOTICE,
    REASONS,
    REMINDER,
    STRUCTURES,
    Calendar,
    Event,
    Line,
    log_of,
    periods,
)
from tests.generators.demo.people import (
    ELIGIBILITY_MONTHS,
    MDE,
    MONTHS,
    PLIE,
    Decision,
    Person,
    add_months,
)
from tests.generators.demo.registers import METROPOLE, OneLine, Record

REFUSED = (
    "Camille Exemple", "1 85 05 99 999 999 42", "EXEMPLE 12/03/1985", "06 00 00 00 00",
    "c.exemple@exemple.invalid", "",
)  # fmt: skip
"""Ids that name somebody, or nobody: name, social number, birth date, telephone, address, nothing.
None of the first five may be found in anything that the program writes."""
UNKNOWN_CONTRACT = "2024-MET-7777"
PERMANENT_MONTHS = 48
FIRST_STRANGER = 9_000
"""Numbers from here on are of people planted by hand."""


@dataclass
class Plan:
    """What the traps add to the logs, and the answers.

    people: beside the ordinary ones. sheets: rows of `participants.csv` that are not one a
    decision, as (person, decision, sex written). extras: columns of commitments.
    """

    operations: Sequence[Operation]
    lines: list[Line]
    calendar: Calendar
    people: list[Person] = field(default_factory=list)
    sexes: dict[Person, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    extras: dict[str, Mapping[str, object]] = field(default_factory=dict)
    answers: list[Record] = field(default_factory=list)

    def say(self, trap_id: str, planted: str, **expect: Any) -> None:
        """State a trap and what the tables must hold."""
        self.answers.append({"id": trap_id, "planted": planted, "expect": expect})

    def plant(self, trap_id: str, planted: str, lines: Iterable[Line], **expect: Any) -> None:
        """Add lines, whose outcomes are the answer."""
        added = list(lines)
        self.lines += added
        self.say(trap_id, planted, lines=list(_told(added)), **expect)


def _told(lines: Iterable[Line]) -> Iterator[Record]:
    """Lines as the answers tell them: by contract, month, outcome and reasons, counted."""
    counted: dict[tuple[str, str | None, str, tuple[str, ...]], int] = {}
    for line in lines:
        reference = line.contract.contract_id if line.contract else line.written["marche_id"]
        month = line.month.isoformat() if line.month else None
        key = (reference, month, line.outcome, line.reasons)
        counted[key] = counted.get(key, 0) + 1
    for (reference, month, outcome, reasons), count in counted.items():
        yield OneLine(
            contract_reference=reference, month=month, outcome=outcome, reasons=list(reasons),
            at_least=count,
        )  # fmt: skip


def plant(plan: Plan) -> None:
    """Every trap, in the order of the answers."""
    main = _long(plan, 2022, 2024, PLIE)
    other = _long(plan, 2022, 2024, PLIE, but=main)
    for trap in (
        _unknown_contract, _unknown_month, _unknown_hours, _negative, _unclear, _duplicate,
        _differs, _too_many_hours, _refused_ids, _not_eligible, _double_counting,
        _eligible_by_the_log, _one_number_for_two,
    ):  # fmt: skip
        trap(plan, main, other)
    for alone in (
        _outside, _eligibility_ended, _permanent_hire, _two_sexes, _idle, _carried_over, _reminded,
        _penalties,
    ):  # fmt: skip
        alone(plan)


# --- where to plant ------------------------------------------------------------------------------


def _long(
    plan: Plan,
    first: int,
    last: int,
    facilitator: str,
    but: Operation | None = None,
    length: int = 1,
) -> Operation:
    """An operation that runs from one year to another, with hours and every return."""
    for operation in plan.operations:
        months = operation.months
        if (
            operation is not but
            and operation.facilitator == facilitator
            and operation.buyer is METROPOLE
            and len(operation.contracts) == 1
            and not operation.silent
            and operation.number not in IDLE
            and operation.number % 12
            and (but is None or but.holder != operation.holder)
            and len(months) >= length
            and months[0] < date(first, 6, 1)
            and months[-1] >= date(last, 6, 1)
        ):
            return operation
    msg = "no operation long enough"
    raise LookupError(msg)


def _somebody(
    plan: Plan, operation: Operation, fits: Callable[[Person], bool] = lambda _: True
) -> Person:
    """A person of the operation's facilitator with nothing to do in the months they may work."""
    people = dict.fromkeys(line.person for line in plan.lines if line.person)
    for person in people:
        if (
            person.facilitator == operation.facilitator
            and person.number < FIRST_STRANGER
            and not person.bare
            and not any(decision.for_programme for decision in person.decisions)
            and fits(person)
        ):
            return person
    msg = "nobody fits"
    raise LookupError(msg)


def _free(
    plan: Plan,
    operation: Operation,
    count: int = 1,
    also: Operation | None = None,
    year: int | None = None,
) -> tuple[Person, tuple[date, ...]]:
    """Somebody eligible and idle in some months of an operation (of two), now taken."""
    found: list[date] = []
    running = set(operation.months) & set((also or operation).months)
    years = (2022, 2023, 2024) if year is None else (year,)

    def fits(person: Person) -> bool:
        months = [m for m in person.months if m in running and m.year in years]
        idle = [month for month in months if plan.calendar.is_idle(person, (month,))]
        found[:] = idle[:count]
        return len(idle) >= count

    person = _somebody(plan, operation, fits)
    for month in found:
        plan.calendar.take(person, month, f"trap {operation.number}", 300)
    return person, tuple(found)


def _line(operation: Operation, person: Person | None, month: date | None, **changes: Any) -> Line:
    """A line of ten hours, validated, with what a trap changes."""
    day = (month or date(2023, 5, 1)) + timedelta(days=48)
    line = Line(
        file=log_of((month or date(2023, 5, 1)).year), operation=operation,
        contract=operation.contracts[0], company=operation.holder, month=month,
        declared=Decimal(10), validated=Decimal(10), state="Validée", outcome="validated",
        person=person, modality="Embauche directe", work_contract="CDD", hired=month, decided=day,
    )  # fmt: skip
    return replace(line, **changes)


def _aside(line: Line, *reasons: str, **changes: Any) -> Line:
    return replace(line, outcome="quarantined", reasons=reasons, **changes)


# --- lines set apart -----------------------------------------------------------------------------


def _unknown_contract(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    person, months = _free(plan, main, 3)
    written = {"marche_id": UNKNOWN_CONTRACT, "maitre_ouvrage": main.buyer.siret}
    plan.plant(
        "unknown-contract",
        "Trois mois sur un marché qu'aucun registre ne connaît.",
        (
            _aside(_line(main, person, month), "unknown_contract", contract=None, written=written)
            for month in months
        ),
        follow_up=[OneLine(kind="hours_without_contract", at_least=1)],
    )


def _unknown_month(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    person, _ = _free(plan, main)
    plan.plant(
        "unknown-month",
        "Un treizième mois, et une case vide.",
        (
            _aside(_line(main, person, None), "unknown_month", written={"periode": text})
            for text in ("13/2023", "")
        ),
    )


def _unknown_hours(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    person, months = _free(plan, main, 2)
    plan.plant(
        "unknown-hours",
        "Des heures en toutes lettres, et des cases vides.",
        (
            _aside(
                _line(main, person, month), "unknown_hours", declared=None, validated=None,
                written={"heures_realisees": text},
            )
            for month, text in zip(months, ("voir le bulletin", ""), strict=True)
        ),
    )  # fmt: skip


def _negative(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    person, months = _free(plan, main, 2)
    plan.plant(
        "negative-hours",
        "Une reprise écrite en heures négatives.",
        (
            _aside(
                _line(main, person, month), "negative", declared=Decimal("-7.5"), validated=None,
                state="Déclarée", decided=None,
            )
            for month in months
        ),
    )  # fmt: skip


def _unclear(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    person, months = _free(plan, main, 3)
    refused, corrected, waiting = (
        _aside(_line(main, person, month), "decision_unclear") for month in months
    )
    plan.plant(
        "decision-unclear",
        "Rejetée avec des heures validées ; corrigée sans dire à combien ; en attente et validée.",
        (
            replace(refused, state="Rejetée", reason=REASONS[1]),
            replace(corrected, state="Corrigée", validated=None, reason=REASONS[0]),
            replace(waiting, state="Déclarée", decided=None),
        ),
    )


def _duplicate(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    found = [
        line
        for line in plan.lines
        if line.operation is main and line.outcome == "validated" and not line.kind
    ][3:8]
    plan.plant(
        "duplicate-lines",
        "Cinq lignes copiées dans le même journal : une seule compte.",
        (_aside(line, "duplicate") for line in found),
    )


def _differs(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    person, (month,) = _free(plan, main)
    first = _aside(_line(main, person, month), "duplicate_differs")
    second = replace(first, declared=Decimal(14), validated=Decimal(14))
    plan.plant(
        "duplicate-differs",
        "Deux lignes d'une personne, d'un mois et d'un marché, avec des heures différentes.",
        (first, second),
    )


def _too_many_hours(plan: Plan, main: Operation, other: Operation) -> None:
    person, (month,) = _free(plan, main, also=other)
    plan.plant(
        "over-200-hours",
        "121 h dans une entreprise et 108 h dans une autre : tout le mois est à voir.",
        (
            _aside(
                _line(operation, person, month), "over_month_limit", declared=Decimal(hours),
                validated=Decimal(hours),
            )
            for operation, hours in ((main, 121), (other, 108))
        ),
    )  # fmt: skip


def _refused_ids(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    months = [month for month in main.months if month.year == 2023][: len(REFUSED)]
    plan.plant(
        "refused-ids",
        "Un nom, un numéro de sécurité sociale, une date de naissance, un téléphone, une adresse "
        "électronique, rien : aucune personne, et rien de cela ne s'écrit nulle part.",
        (
            _aside(
                _line(main, None, month), "unknown_person", written={"beneficiaire_id": text}
            )
            for month, text in zip(months, REFUSED, strict=True)
        ),
        findings=[OneLine(rule_like="person_id_%", at_least=1)],
    )  # fmt: skip


def _not_eligible(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    months = [month for month in main.months if month.year == 2023][:4]
    plan.plant(
        "not-eligible",
        "Deux personnes sans aucune décision d'éligibilité.",
        (
            _aside(_line(main, _stranger(PLIE, 9_001 + rank % 2), month), "not_eligible")
            for rank, month in enumerate(months)
        ),
    )


def _stranger(facilitator: str, number: int, **changes: Any) -> Person:
    return replace(Person(facilitator, number, "other", None, 1980, None, None), **changes)


def _outside(plan: Plan) -> None:
    """Somebody eligible and idle two months before a contract begins, and two months after."""
    for operation in plan.operations:
        around = (add_months(operation.start, -2), add_months(operation.end, 2))
        if operation.facilitator == PLIE and len(operation.contracts) == 1 and not operation.lot:
            found = [_idle_in(plan, operation, month) for month in around]
            if all(found):
                break
    else:
        msg = "nobody is idle around a contract"
        raise LookupError(msg)
    plan.plant(
        "outside-contract",
        "Deux mois avant le début du marché, deux mois après sa fin.",
        (
            _aside(_line(operation, person, month), "outside_contract")
            for person, month in zip(found, around, strict=True)
        ),
    )


def _idle_in(plan: Plan, operation: Operation, month: date) -> Person | None:
    def fits(person: Person) -> bool:
        return month in person.months and plan.calendar.is_idle(person, (month,))

    try:
        return _somebody(plan, operation, fits)
    except LookupError:
        return None


def _eligibility_ended(plan: Plan) -> None:
    main = _long(plan, 2022, 2024, PLIE)

    def by_rule(person: Person) -> bool:
        (decision, *more) = person.decisions or (None,)
        return (
            decision is not None
            and not more
            and decision.until is None
            and add_months(decision.eligible_from, ELIGIBILITY_MONTHS + 1) in main.months
        )

    def by_statement(person: Person) -> bool:
        (decision, *more) = person.decisions or (None,)
        return (
            decision is not None
            and not more
            and decision.until is not None
            and add_months(decision.until, 1) in main.months
            and not plan.calendar.is_idle(person, person.months)
        )

    late = _somebody(plan, main, by_rule)
    stated = _somebody(plan, main, by_statement)
    until = stated.decisions[0].until or main.end
    first = add_months(late.decisions[0].eligible_from, ELIGIBILITY_MONTHS + 1)
    plan.plant(
        "eligibility-ended",
        "Au-delà de vingt-quatre mois, et après la date de fin écrite par le facilitateur.",
        (
            _aside(_line(main, late, first), "eligibility_ended"),
            _aside(_line(main, stated, add_months(until, 1)), "eligibility_ended"),
        ),
    )


# --- lines that count ----------------------------------------------------------------------------


def _permanent_hire(plan: Plan) -> None:
    """Hired for good within the 24 months: the contract counts it for 48."""
    operation = _long(plan, 2022, 2024, PLIE, length=ELIGIBILITY_MONTHS + 5)
    first = operation.months[1]
    decision = _whole_decision(first, ("DETLD",))
    person = _stranger(PLIE, 9_010, sex="Homme", decisions=(decision,), is_qpv=False)
    plan.people.append(person)
    late = [m for m in operation.months if m >= add_months(first, ELIGIBILITY_MONTHS + 1)][:3]
    plan.extras[operation.commitment_id] = {"cdi_mois": PERMANENT_MONTHS}
    plan.plant(
        "permanent-hire",
        "Un CDI dont le marché compte les heures quarante-huit mois, au lieu de vingt-quatre.",
        (
            _line(operation, person, month, work_contract="CDI", hired=first + timedelta(days=20))
            for month in (first, *late)
        ),
    )


def _whole_decision(first: date, criteria: tuple[str, ...]) -> Decision:
    months = tuple(add_months(first, rank) for rank in range(ELIGIBILITY_MONTHS))
    return Decision(
        first, tuple(m for m in months if m in MONTHS), criteria, first - timedelta(days=20)
    )


def _two_sexes(plan: Plan) -> None:
    operation = _long(plan, 2022, 2024, PLIE)
    first = operation.months[3]
    person = _stranger(PLIE, 9_011, decisions=(_whole_decision(first, ("DELD",)),), is_qpv=True)
    plan.people.append(person)
    plan.sexes[person] = "Femme"
    plan.plant(
        "two-sexes",
        "Une fiche dit « Femme », l'autre « Homme » : le sexe est inconnu, les heures comptent.",
        (_line(operation, person, month) for month in person.decisions[0].months[:2]),
    )


def _eligible_by_the_log(plan: Plan, main: Operation, other: Operation) -> None:
    """Nobody's sheet: the lines themselves say who is eligible since when."""
    del other
    first = main.months[2]
    decision = _whole_decision(first, ("RSA", "SENIOR"))
    person = _stranger(
        PLIE, 9_020, sex="Femme", birth_year=first.year - 55, is_qpv=True, decisions=(decision,)
    )
    written = {
        "sexe": "Femme", "annee_naissance": str(person.birth_year), "publics": "RSA, SENIOR",
        "residence_qpv": "oui", "eligible_du": first.isoformat(),
    }  # fmt: skip
    plan.plant(
        "eligible-by-the-log",
        "L'éligibilité est écrite sur les lignes d'heures, pas dans les fiches ; deux critères, "
        "une personne, comptée au RSA.",
        (_line(main, person, month, written=written) for month in decision.months[:4]),
    )


def _one_number_for_two(plan: Plan, main: Operation, other: Operation) -> None:
    del other
    theirs = next(o for o in plan.operations if o.facilitator == MDE and not o.sites and o.months)
    lines = []
    for operation in (main, theirs):
        first = operation.months[0]
        person = _stranger(
            operation.facilitator, 77, bare=True, sex="Homme", is_qpv=False,
            decisions=(_whole_decision(first, ("RSA",)),),
        )  # fmt: skip
        plan.people.append(person)
        lines.append(_line(operation, person, first))
    plan.plant("one-number-for-two", "Le numéro 00077 de chaque structure : deux personnes.", lines)


def _double_counting(plan: Plan, main: Operation, other: Operation) -> None:
    """The temp agency and the company it lends to declare the same hours."""
    del other
    person, months = _free(plan, main, 3)
    agency = STRUCTURES["ETTI"][0]
    lines = []
    for month in months:
        line = _aside(
            _line(main, person, month), "duplicate_differs", modality="Mise à disposition",
            structure="ETTI", structure_id=agency.siret, work_contract="Contrat de mission",
        )  # fmt: skip
        role = "Entreprise de travail temporaire"
        lines += [line, replace(line, company=agency, role=role)]
    plan.plant(
        "double-counting",
        "L'agence d'intérim et l'entreprise déclarent les mêmes heures des mêmes mois.",
        lines,
        follow_up=[OneLine(kind="double_counting", at_least=1)],
    )


# --- operations ----------------------------------------------------------------------------------


def _idle(plan: Plan) -> None:
    idle = [o for o in plan.operations if o.number in IDLE]
    plan.say(
        "clause-without-hours",
        "Trois engagements sans une heure : deux sont finis, et finis en manque.",
        follow_up=[
            OneLine(
                kind="ended_short" if o.is_over else "clause_without_hours",
                commitment_id=o.commitment_id,
                at_least=1,
            )
            for o in idle
        ],
    )


def _validated(plan: Plan, operation: Operation) -> Decimal:
    return sum((line.counted for line in plan.lines if line.operation is operation), Decimal(0))


def _missing(plan: Plan, operation: Operation) -> Decimal:
    return (operation.in_force or Decimal(0)) - _validated(plan, operation)


def _short(plan: Plan) -> list[Operation]:
    """Closed operations that miss over a quarter and sixty hours, the smallest shortfalls first.

    Of one contract, with a penalty, whose volume needs no invoice.
    """
    found = [
        o
        for o in plan.operations
        if o.end < date(2025, 11, 1) and o.mode in {"fixed", "labour_share"}
        and len(o.contracts) == 1 and o.penalty_per_hour
        and o.number not in IDLE and o.in_force and not o.lot
        and _missing(plan, o) > max(o.in_force / 4, Decimal(60))
    ]  # fmt: skip
    return sorted(found, key=lambda o: (_missing(plan, o), o.number))


def _carried_over(plan: Plan) -> None:
    operation = _short(plan)[0]
    carried = Decimal(int(_missing(plan, operation) / 2))
    target = next(
        o
        for o in plan.operations
        if o.holder.siret[:9] != operation.holder.siret[:9] and o.buyer is operation.buyer
        and o.start > operation.start and o.end > operation.end and len(o.contracts) == 1
        and not o.lot
    )  # fmt: skip
    plan.events.append(
        Event(
            operation.contracts[0], "", operation.holder, "Report d'heures",
            operation.end + timedelta(days=20), reason="Chantier arrêté ou décalé",
            channel="Réunion", hours=carried, to_contract=target.contracts[0].contract_id,
        )
    )  # fmt: skip
    plan.say(
        "ended-short-carried-over",
        "Un marché fini en manque, dont la moitié des heures manquantes passe sur un autre.",
        operations=[
            OneLine(operation_id=operation.commitment_id, carried_out_hours=f"{carried:.2f}"),
            OneLine(operation_id=target.commitment_id, carried_in_hours=f"{carried:.2f}"),
        ],
        follow_up=[OneLine(kind="carried_over", commitment_id=operation.commitment_id, at_least=1)],
    )


def send_again(plan: Plan, line: Line, file: str) -> None:
    """A return once more, under another name and with one line more: the others are there twice."""
    operation = line.operation
    if operation is None:
        msg = "a return is of an operation"
        raise LookupError(msg)
    person, (month,) = _free(plan, operation, year=2025)
    more = _line(operation, person, month, validated=None, decided=None, work_contract="",
                 hired=None, file=file)  # fmt: skip
    copies = [_aside(one, "duplicate", file=file) for one in plan.lines if one.file == line.file]
    plan.plant(
        "return-sent-twice",
        "Le relevé du troisième trimestre, envoyé une seconde fois avec une ligne de plus.",
        [*copies, more],
    )


def _penalties(plan: Plan) -> None:
    """Of the next three that ended short: notified, notified then waived, only computed."""
    notified, waived, computed = _short(plan)[1:4]
    expected = []
    for operation in (notified, waived):
        amount = _missing(plan, operation) * (operation.penalty_per_hour or 0)
        day = operation.end + timedelta(days=60)
        steps = [(NOTICE, -20, None), ("Pénalité notifiée", 0, amount)]
        if operation is waived:
            steps.append(("Pénalité levée", 40, amount))
        plan.events += [
            Event(
                operation.contracts[0], "", operation.holder, kind, day + timedelta(days=shift),
                reason="Heures non réalisées",
                channel="Lettre recommandée avec accusé de réception", amount=euros,
            )
            for kind, shift, euros in steps
        ]  # fmt: skip
        expected.append(
            OneLine(
                operation_id=operation.commitment_id,
                notified_penalty_eur=f"{amount:.2f}",
                waived_penalty_eur=f"{amount if operation is waived else 0:.2f}",
            )
        )
    expected.append(OneLine(operation_id=computed.commitment_id, notified_penalty_eur="0.00"))
    plan.say(
        "penalties",
        "Une pénalité notifiée, une levée, une seulement calculée : la décision est à l'acheteur.",
        operations=expected,
    )


def _reminded(plan: Plan) -> None:
    operation = next(o for o in plan.operations if o.silent and len(o.contracts) == 1)
    month = min(operation.silent)
    opening, closing = next(p for p in periods(operation) if p[0] == month)
    start = max(opening, operation.start)
    day = closing + timedelta(days=45)
    contract, lot = operation.contracts[0], operation.lot
    plan.events += [
        Event(contract, lot, operation.holder, REMINDER, day, start, channel="Courriel"),
        Event(
            contract, lot, operation.holder, NOTICE, day + timedelta(days=30), start,
            reason="Justificatifs manquants",
            channel="Lettre recommandée avec accusé de réception",
        ),
    ]  # fmt: skip
    plan.say(
        "return-missing",
        "Un relevé jamais reçu, relancé deux fois, puis mis en demeure.",
        returns=[
            OneLine(
                commitment_id=operation.commitment_id, company_id=operation.holder.siret,
                first_day=start.isoformat(), state="missing", reminders=2,
            )
        ],
        follow_up=[
            OneLine(kind="return_missing", commitment_id=operation.commitment_id, at_least=1)
        ],
    )  # fmt: skip
