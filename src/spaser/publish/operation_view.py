"""The internal sheet of an operation: from the commitment to the balance.

Hours and counts of an operation are internal; its people are told by sex, age or criterion only
where `indicators.figures` publishes such a crossing. No penalty is decided here: the three amounts
are what the program computes, what the buyer notified and what it waived.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from spaser.publish import progress_chart
from spaser.publish.clauses import (
    AXES,
    Clauses,
    Contract,
    Event,
    Month,
    Operation,
    OperationYear,
    Part,
    Public,
    Published,
    Return,
    Version,
    grouped,
)
from spaser.publish.context import Context
from spaser.publish.sheet import Chart, Item, Section, Sheet, Table, Teller

_SCHEDULED = frozenset({"fixed", "labour_share", "people"})
"""Modes whose hours are expected over time; per tranche or order they follow what is invoiced."""

_PENALTIES = frozenset({"penalty_notified", "penalty_waived"})
_RETURNS = frozenset({"return_received", "reminder"})
_STATES = ("missing", "late", "on_time", "received_undated", "not_due")
_SLUG_LENGTH = 80

LATE = frozenset({"behind", "short"})
"""Alerts of an operation that lacks hours: while it runs, and once it is over."""
_FORMULA = {
    "labour_share": ("amount", "labour_share", "insertion_rate", "hourly_cost"),
    "per_tranche": ("hours_per_tranche", "tranche_amount", "trigger_amount"),
    "people": ("people_count", "hours_per_person"),
}
"""What the formula of each mode needs; without all of it the formula is not told."""


@dataclass(frozen=True)
class Ground:
    """Everything read for the sheets of a year, by operation."""

    years: Mapping[str, Sequence[OperationYear]] = field(default_factory=dict)
    versions: Mapping[str, Sequence[Version]] = field(default_factory=dict)
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    returns: Mapping[str, Sequence[Return]] = field(default_factory=dict)
    months: Mapping[str, Sequence[Month]] = field(default_factory=dict)
    parts: Mapping[str, Sequence[Part]] = field(default_factory=dict)
    figures: Mapping[str, Sequence[Published]] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    publics: Mapping[str, Sequence[Public]] = field(default_factory=dict)

    @classmethod
    def read(cls, clauses: Clauses) -> Ground:
        """Read it all, once for every operation."""
        return cls(
            clauses.years(),
            clauses.versions(),
            clauses.events(),
            clauses.returns(),
            clauses.months(),
            clauses.parts(),
            clauses.operation_figures(),
            clauses.contracts(),
            clauses.publics(),
        )

    @classmethod
    def read_public(cls, clauses: Clauses) -> Ground:
        """Read what public sheets may tell, and nothing else."""
        return cls(figures=clauses.operation_figures(), contracts=clauses.contracts())


def slugs(names: Sequence[str]) -> list[str]:
    """A file name for each, lower case, letters, digits and dashes, no two alike."""
    found: list[str] = []
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        words = "".join(char if char.isalnum() else " " for char in plain).split()
        base = "-".join(words)[:_SLUG_LENGTH].strip("-") or "operation"
        # `index` is the page that lists them.
        slug, place = base if base != "index" else "index-1", 1
        while slug in found:
            place += 1
            slug = f"{base}-{place}"
        found.append(slug)
    return found


_PUBLICS = ("sex", "age_band", "criterion", "qpv", "training_level")
_EXITS = ("exit_status", "exit_status_6_months", "exit_status_12_months")


class SheetBuilder(Teller):
    """Builds the internal sheets of the operations of a year."""

    def __init__(self, context: Context, ground: Ground) -> None:
        super().__init__(context)
        self.ground = ground

    def sheets(self, operations: Sequence[Operation]) -> list[Sheet]:
        """One sheet an operation, in the order given."""
        names = slugs([operation.operation_id for operation in operations])
        return [
            self.sheet(operation, slug) for operation, slug in zip(operations, names, strict=True)
        ]

    def sheet(self, op: Operation, slug: str) -> Sheet:
        """The sheet of one operation."""
        unattributed = self.labels("operation.unattributed")
        return Sheet(
            slug,
            op.operation or op.operation_id,
            op.facilitator or unattributed,
            self.summary(op),
            self.alert(op),
            self.headline(op),
            [
                self.identity(op),
                self.progress(op),
                self.commitment(op),
                self.hours_section(op),
                self.people(op),
                self.means(op),
                self.follow_up(op),
                self.penalties(op),
                self.exits(op),
            ],
            self.index_row(op),
        )

    def summary(self, op: Operation) -> str:
        """`Métropole de Fiction, du 01/01/2025 au 31/12/2025`."""
        buyer = self.labels("operation.unknown") if op.buyer_id is None else self._buyer(op)
        return self.labels("operation.summary", buyer=buyer, dates=self.dates(op))

    def _buyer(self, op: Operation) -> str:
        return "" if op.buyer_id is None else self.context.buyer(op.buyer_id)

    def dates(self, op: Operation) -> str:
        """`du 01/01/2025 au 31/12/2025`; an end that is not known is said so."""
        return self.labels(
            "operation.dates", start=self.day(op.start_date).text, end=self.day(op.end_date).text
        )

    def alert(self, op: Operation) -> tuple[str, str] | None:
        """The alert of shortfall: `late` or `info`, and the words."""
        words = self.context.text(op.alert_fr, op.alert_en)
        level = "late" if op.alert in LATE else "info"
        return (level, words) if words else None

    def state(self, op: Operation) -> Item:
        """Running, over, or not known."""
        name = {True: "closed", False: "running", None: "end_unknown"}[op.is_closed]
        return self.text(self.labels(f"operation.state.{name}"))

    def rate(self, op: Operation) -> Decimal | None:
        """Validated over due; null where nothing is due or it is not known."""
        if not op.due_hours or op.validated_hours is None:
            return None
        return op.validated_hours / op.due_hours

    def headline(self, op: Operation) -> list[tuple[str, Item, str]]:
        """Committed, due, validated, missing."""
        t, rate = self.labels, self.rate(op)
        of_due = "" if rate is None else t("operation.of_due", rate=self.formats.percent(rate))
        # Hours are missing only once the operation is over; before, they are still to be done.
        left = "missing" if op.is_closed else "remaining"
        on = t("operation.on_day", day=self.day(op.at_date).text)
        return [
            (t("operation.committed"), self.hours(op.committed_hours), self.mode(op)),
            (t("operation.due"), self.hours(op.due_hours), on),
            (t("operation.validated"), self.hours(op.validated_hours), of_due),
            (t(f"operation.{left}"), self.hours(op.missing_hours), t("operation.missing_is")),
        ]

    def mode(self, op: Operation) -> str:
        """`Volume fixe`."""
        return self.code("commitment_mode", op.commitment_mode).text

    def index_row(self, op: Operation) -> list[Item]:
        """The operation in the list: after its name, what the heads of `index_heads` say."""
        rate = self.rate(op)
        percent = self.percent(rate)
        return [
            self.text(self._buyer(op) or None),
            self.text(op.company_name or op.company_id),
            self.day(op.end_date),
            self.state(op),
            self.hours(op.committed_hours),
            self.hours(op.due_hours),
            self.hours(op.validated_hours),
            percent,
            self.hours(op.missing_hours),
        ]

    def index_heads(self) -> list[tuple[str, bool]]:
        """The heads of `index_row`."""
        names = [(name, False) for name in ("buyer", "company", "end", "state_head")]
        numbers = [
            (f"short.{n}", True) for n in ("committed", "due", "validated", "rate", "missing")
        ]
        return [(self.labels(f"operation.{name}"), number) for name, number in names + numbers]

    def identity(self, op: Operation) -> Section:
        """Who, what, when."""
        t = self.labels
        contracts = [
            self.ground.contracts[uid]
            for uid in op.contract_uids or ()
            if uid in self.ground.contracts
        ]
        return Section(
            "reperes",
            t("operation.sections.identity"),
            entries=[
                (t("operation.id"), self.text(op.operation_id)),
                (t("operation.buyer"), self.text(self._buyer(op) or None)),
                (t("operation.company"), self.text(self.company(op))),
                (t("operation.facilitator"), self.text(op.facilitator)),
                (t("operation.contract_type"), self.code("contract_type", op.contract_type)),
                (t("operation.notified"), self.day(op.notified_date)),
                (t("operation.execution"), self.text(self.dates(op))),
                (t("operation.state_head"), self.state(op)),
                (t("operation.described"), self.day(op.at_date)),
            ],
            tables=[self.contract_table(contracts)],
        )

    def company(self, op: Operation) -> str | None:
        """The company bound: its name, and its SIRET."""
        named = [part for part in (op.company_name, op.company_id) if part]
        return f"{named[0]} ({named[1]})" if len(named) == 2 else named[0] if named else None

    def contract_table(self, contracts: Sequence[Contract]) -> Table:
        """The contracts of the register that share the commitment."""
        t = self.labels
        return Table(
            t("operation.contracts_caption"),
            [
                (t("operation.contract"), False),
                (t("operation.lot"), False),
                (t("operation.object"), False),
                (t("operation.holders"), False),
                (t("operation.notified"), False),
            ],
            [
                (
                    self.text(contract.contract_id or contract.uid),
                    self.text(contract.lot_number) if contract.lot_number else self.blank(),
                    self.text(contract.object),
                    self.text(", ".join(contract.holders or ())),
                    self.day(contract.notified_date),
                )
                for contract in contracts
            ],
            t("operation.contracts_none"),
        )

    def progress(self, op: Operation) -> Section:
        """Validated hours against the schedule, over time and by year."""
        t = self.labels
        scheduled = self.hours(op.scheduled_hours)
        spread = "progress_lead" if op.commitment_mode in _SCHEDULED else "progress_lead_due"
        lead = t(f"operation.{spread}", day=self.day(op.at_date).text, hours=scheduled.text)
        return Section(
            "avancement",
            t("operation.sections.progress"),
            lead=[] if scheduled.is_unknown else [lead],
            chart=self.chart(op),
            tables=[self.year_table(op), self.month_table(op)],
        )

    @cached_property
    def _chart_names(self) -> dict[str, str]:
        return {
            name: self.labels(f"operation.chart.{name}")
            for name in ("validated", "expected", "due")
        }

    def chart(self, op: Operation) -> Chart | None:
        """The drawing of the hours over time; none without any hour."""
        months = [
            (month.month, month.validated) for month in self.ground.months.get(op.operation_id, ())
        ]
        validated = progress_chart.cumulated(months, op.start_date)
        if not validated or op.at_date is None:
            return None
        expected, stepped = self.expected(op)
        drawing = progress_chart.draw(
            progress_chart.Progress(validated, expected, op.due_hours, op.at_date, stepped),
            self.formats,
            self._chart_names,
        )
        year = grouped(validated[1:], lambda point: point[0].year)
        said = ", ".join(
            self.labels(
                "operation.chart.at",
                hours=self.formats.hours(points[-1][1]),
                day=self.formats.short_date(points[-1][0]),
            )
            for points in year.values()
        )
        due = self.hours(op.due_hours).text
        return Chart(
            self.labels("operation.chart.title"),
            drawing,
            self.labels(
                "operation.chart.alternative",
                validated=said,
                expected=self.hours(op.scheduled_hours).text,
                due=due,
                day=self.day(op.at_date).text,
            ),
        )

    def expected(self, op: Operation) -> tuple[progress_chart.Curve, bool]:
        """What the schedule expects, and whether it goes by steps; nothing where no rule says."""
        if (
            op.commitment_mode not in _SCHEDULED
            or op.start_date is None
            or op.committed_hours is None
        ):
            return [], False
        origin = (op.start_date, Decimal(0))
        versions = self.ground.versions.get(op.operation_id, ())
        written = next((v.schedule for v in reversed(versions) if v.schedule), None)
        points = progress_chart.milestones(written)
        if written is not None:
            return ([origin, *points] if points else []), True
        if op.end_date is None or op.end_date <= op.start_date:
            return [], False
        return [origin, (op.end_date, op.committed_hours)], False

    def year_table(self, op: Operation) -> Table:
        """The operation at the end of each year."""
        t = self.labels
        heads = ("at", "due", "validated", "missing", "penalty_notified", "penalty_waived")
        return Table(
            t("operation.years_caption"),
            [
                (t("operation.year"), False),
                *((t(f"operation.{head}"), head != "at") for head in heads),
            ],
            [
                (
                    self.text(str(row.year)),
                    self.day(row.at_date),
                    self.hours(row.due_hours),
                    self.hours(row.validated_hours),
                    # Hours are missing only once the operation is over.
                    self.blank() if row.missing_hours is None else self.hours(row.missing_hours),
                    self.money(row.penalty_notified_eur),
                    self.money(row.penalty_waived_eur),
                )
                for row in self.ground.years.get(op.operation_id, ())
            ],
        )

    def month_table(self, op: Operation) -> Table:
        """Validated and pending hours by month, and since the beginning."""
        t, total = self.labels, Decimal(0)
        rows = []
        for month in self.ground.months.get(op.operation_id, ()):
            total += month.validated
            head = self.text(self.formats.month(month.month))
            rows.append(
                (head, self.hours(month.validated), self.hours(total), self.hours(month.pending))
            )
        heads = ("month", "validated", "cumulated", "pending")
        return Table(
            t("operation.months_caption"),
            [(t(f"operation.{head}"), head != "month") for head in heads],
            rows,
            t("operation.months_none"),
            folded=True,
        )

    def commitment(self, op: Operation) -> Section:
        """The commitment in force, how it and what is due are computed, and its revisions."""
        t, text = self.labels, self.context.text
        entries = [
            (t("operation.mode"), self.code("commitment_mode", op.commitment_mode)),
            (t("operation.committed"), self.hours(op.committed_hours)),
            (
                t("operation.formula_head"),
                self.text(text(op.committed_formula_fr, op.committed_formula_en)),
            ),
            (t("operation.due"), self.hours(op.due_hours)),
            (
                t("operation.due_formula"),
                self.text(
                    text(op.due_formula_fr, op.due_formula_en)
                    or text(op.due_reason_fr, op.due_reason_en)
                ),
            ),
        ]
        if op.people_committed is not None:
            entries.append((t("operation.people_committed"), self.number(op.people_committed)))
        for name, hours in (
            ("carried_in", op.carried_in_hours),
            ("carried_out", op.carried_out_hours),
        ):
            if hours:
                entries.append((t(f"operation.{name}"), self.hours(hours)))
        heads = ("valid_from", "order", "mode", "formula_head", "committed", "reason")
        return Section(
            "engagement",
            t("operation.sections.commitment"),
            entries=entries,
            tables=[
                Table(
                    t("operation.versions_caption"),
                    [(t(f"operation.{head}"), head == "committed") for head in heads],
                    [self.version(v) for v in self.ground.versions.get(op.operation_id, ())],
                    t("operation.versions_none"),
                )
            ],
        )

    def version(self, version: Version) -> tuple[Item, ...]:
        """A dated version of the commitment, or an order."""
        is_order = version.order_id is not None or version.order_date is not None
        hours = self.hours(version.committed_hours)
        return (
            self.day(version.order_date or version.valid_from),
            self.text(version.order_id) if is_order else self.blank(),
            self.code("commitment_mode", version.commitment_mode),
            self.text(self.formula(version)) if self.formula(version) else self.blank(),
            self.blank() if version.committed_hours is None and self.formula(version) else hours,
            self.text(version.revision_reason) if version.revision_reason else self.blank(),
        )

    def formula(self, version: Version) -> str:
        """`1 000 000 € × 50 % × 5 % ÷ 30,00 €/h`; empty where the hours are given as such."""
        mode = version.commitment_mode or ""
        names = _FORMULA.get(mode, ())
        values = {name: getattr(version, name) for name in names}
        if not names or any(value is None for value in values.values()):
            return ""
        money, percent = self.formats.whole_money, self.formats.percent
        told = {
            "amount": money,
            "labour_share": percent,
            "insertion_rate": percent,
            "hourly_cost": money,
            "hours_per_tranche": self.formats.hours,
            "tranche_amount": money,
            "trigger_amount": money,
            "people_count": self.formats.number,
            "hours_per_person": self.formats.hours,
        }
        words = {name: told[name](value) for name, value in values.items()}
        return self.labels(f"operation.formula.{mode}", **words)

    def hours_section(self, op: Operation) -> Section:
        """What became of the hours declared; nothing is lost on the way."""
        t = self.labels
        parts = grouped(self.ground.parts.get(op.operation_id, ()), lambda part: part.axis)
        lines = {part.member: part.lines for part in parts.get("outcome", ())}
        buckets = (
            (
                "validated",
                op.validated_hours,
                lines.get("validated", 0) + lines.get("corrected", 0),
            ),
            ("corrected_away", op.corrected_away_hours, None),
            ("rejected", op.rejected_hours, lines.get("rejected", 0)),
            ("pending", op.pending_hours, lines.get("pending", 0)),
            ("quarantined", op.quarantined_hours, lines.get("quarantined", 0)),
        )
        rows = [
            (
                self.text(t(f"operation.{name}")),
                self.hours(hours),
                self.blank() if count is None else self.number(count),
                self.text(t(f"operation.meaning.{name}")),
            )
            for name, hours, count in buckets
        ]
        total = (
            self.text(t("operation.declared")),
            self.hours(op.declared_hours),
            self.number(sum(lines.values())),
            self.text(self.balance(op)),
        )
        heads = [(t("operation.outcome"), False), (t("operation.hours"), True)]
        heads += [(t("operation.lines"), True), (t("operation.meaning_head"), False)]
        return Section(
            "heures",
            t("operation.sections.hours"),
            lead=[t("operation.hours_lead")],
            tables=[
                Table(t("operation.hours_caption"), heads, [*rows, total]),
                self.reason_table("quarantined", parts.get("quarantined", ())),
                self.reason_table("rejected", parts.get("rejected", ())),
            ],
        )

    def balance(self, op: Operation) -> str:
        """Whether what was declared is the sum of what became of it."""
        parts = (
            op.validated_hours,
            op.corrected_away_hours,
            op.rejected_hours,
            op.pending_hours,
            op.quarantined_hours,
        )
        if op.declared_hours is None or None in parts:
            return self.labels("operation.balance_unknown")
        closes = sum((part for part in parts if part is not None), Decimal(0)) == op.declared_hours
        return self.labels("operation.balance_closed" if closes else "operation.balance_open")

    def reason_table(self, kind: str, parts: Sequence[Part]) -> Table:
        """Lines set apart or refused, counted by reason."""
        t = self.labels
        return Table(
            t(f"operation.{kind}_caption"),
            [
                (t("operation.reason"), False),
                (t("operation.lines"), True),
                (t("operation.hours"), True),
            ],
            [
                (
                    self.text(self.reason(kind, part.member)),
                    self.number(part.lines),
                    self.hours(part.hours),
                )
                for part in parts
            ],
            t(f"operation.{kind}_none"),
        )

    def reason(self, kind: str, code: str | None) -> str:
        """Why lines were refused (a facilitator's reason) or set apart (a rule of the program)."""
        if code is None:
            return self.labels("operation.no_reason")
        rule = self.context.catalogue.rules.get(f"hours_{code}")
        if kind == "quarantined" and rule is not None:
            return self.context.text(rule.title_fr, rule.title_en)
        return self.context.code("decision_reason", code)

    def people(self, op: Operation) -> Section:
        """People: the count, and who they are. The sheet is internal: nothing is hidden here."""
        t = self.labels
        figures = self.ground.figures.get(op.operation_id, ())
        crossings = [
            self.crossing_table(axis, rows)
            for axis, rows in grouped(figures, lambda figure: figure.axis).items()
            if axis != "operation"
        ]
        tables = [*self.public_tables(op, _PUBLICS), *crossings]
        erased = self.erased(op)
        notes = [t("operation.people_erased_note")] if erased else []
        return Section(
            "personnes",
            t("operation.sections.people"),
            lead=[t("operation.people_lead")],
            entries=[
                (t("operation.people"), self.number(op.people)),
                *([(t("operation.people_erased"), self.number(erased))] if erased else []),
                (t("operation.companies"), self.number(op.companies)),
            ],
            tables=tables,
            notes=notes or ([] if tables else [t("operation.people_none")]),
        )

    def erased(self, op: Operation) -> int:
        """How many of the people a purge erased: who is left is not broken down."""
        publics = self.ground.publics.get(op.operation_id, ())
        return sum(row.people for row in publics if row.axis == "erased")

    def public_tables(self, op: Operation, axes: Sequence[str]) -> list[Table]:
        """A table an axis: people of the operation and their validated hours by member."""
        t = self.labels
        found = grouped(self.ground.publics.get(op.operation_id, ()), lambda row: row.axis)
        return [
            Table(
                t("operation.crossing_caption", by=self.context.dimension(axis, "by")),
                [
                    (self.context.dimension(axis), False),
                    (t("operation.people"), True),
                    (t("operation.validated"), True),
                ],
                [
                    (
                        self.text(self.context.member(axis, row.member)),
                        self.number(row.people),
                        self.hours(row.hours),
                    )
                    for row in found[axis]
                ],
            )
            for axis in axes
            if axis in found
        ]

    def crossing_table(self, axis: str, rows: Sequence[Published]) -> Table:
        """A published breakdown of the operation, one row a member and year."""
        t = self.labels
        other = axis.split("+", 1)[1]
        cells = grouped(rows, lambda row: (row.member.split("+", 1)[1], row.year))
        found = []
        for (member, year), figures in sorted(cells.items()):
            by_measure = {figure.measure: figure for figure in figures}
            found.append(
                (
                    self.text(self.context.member(other, member)),
                    self.text(str(year)),
                    *(
                        self.figure(by_measure.get(measure), measure)
                        for measure in ("people", "hours")
                    ),
                )
            )
        return Table(
            t("operation.crossing_caption", by=self.context.dimension(other, "by")),
            [
                (self.context.dimension(other), False),
                (t("operation.year"), False),
                (t("operation.people"), True),
                (t("operation.validated"), True),
            ],
            found,
        )

    def figure(self, figure: Published | None, measure: str) -> Item:
        """A published figure, `s`, or a dash where there is none."""
        if figure is None:
            return self.blank()
        return self.published(measure, figure.value, figure.is_published)

    def means(self, op: Operation) -> Section:
        """How and with whom the hours are done."""
        t = self.labels
        parts = grouped(self.ground.parts.get(op.operation_id, ()), lambda part: part.axis)
        return Section(
            "moyens",
            t("operation.sections.means"),
            entries=[(t("operation.training"), self.hours(op.training_hours))],
            tables=[
                self.part_table(axis, parts[axis], self._companies(op))
                for axis in ("company", *AXES)
                if axis in parts
            ],
            notes=[] if parts.get("company") else [t("operation.means_none")],
        )

    def _companies(self, op: Operation) -> dict[str, str]:
        """The names of the companies known of an operation, by SIRET."""
        named = [(row.company_id, row.company_name) for row in self._returns(op)]
        named.append((op.company_id, op.company_name))
        return {siret: f"{name} ({siret})" for siret, name in named if siret and name}

    def _returns(self, op: Operation) -> Sequence[Return]:
        return self.ground.returns.get(op.operation_id, ())

    def part_table(self, axis: str, parts: Sequence[Part], companies: Mapping[str, str]) -> Table:
        """Validated hours along an axis; `companies`: what a SIRET is printed as."""
        t = self.labels
        total = sum((part.hours or Decimal(0) for part in parts), Decimal(0))
        name = t(f"operation.axis.{axis}")
        rows = []
        for part in parts:
            known = axis == "company" and part.member
            text = (
                companies.get(part.member or "", part.member)
                if known
                else self.code(axis, part.member).text
            )
            share = None if part.hours is None or not total else part.hours / total
            percent = self.blank() if share is None else self.percent(share)
            rows.append((self.text(text), self.hours(part.hours), percent))
        heads = [(name, False), (t("operation.validated"), True), (t("operation.share"), True)]
        return Table(t("operation.part_caption", axis=name.lower()), heads, rows)

    def follow_up(self, op: Operation) -> Section:
        """What was logged, and the returns expected."""
        t = self.labels
        returns = self._returns(op)
        events = self.ground.events.get(op.operation_id, ())
        counts = {state: sum(row.state == state for row in returns) for state in _STATES}
        reminders = sum(row.reminders or 0 for row in returns)
        entries = [
            (t(f"operation.returns.{state}"), self.number(counts[state])) for state in _STATES
        ]
        return Section(
            "suivi",
            t("operation.sections.follow_up"),
            entries=[*entries, (t("operation.returns.reminders"), self.number(reminders))],
            tables=[
                self.return_table([row for row in returns if row.state in {"missing", "late"}]),
                self.event_table([e for e in events if e.event not in _PENALTIES | _RETURNS]),
            ],
        )

    def return_table(self, returns: Sequence[Return]) -> Table:
        """Returns that are late or were not received, and the reminders sent."""
        t = self.labels
        heads = ("company", "period", "due_before", "return_state", "reminders", "last_reminder")
        return Table(
            t("operation.returns_caption"),
            [
                *((t(f"operation.{head}"), head == "reminders") for head in heads),
                (t("operation.formal_notice"), False),
            ],
            [
                (
                    self.text(row.company_name or row.company_id),
                    self.text(self.period(row.first_day, row.last_day)),
                    self.day(row.due_before),
                    self.text(self.return_state(row)),
                    self.number(row.reminders or 0),
                    self.day(row.last_reminder) if row.last_reminder else self.blank(),
                    self.day(row.formal_notice) if row.formal_notice else self.blank(),
                )
                for row in returns
            ],
            t("operation.returns_none"),
        )

    def period(self, first: dt.date | None, last: dt.date | None) -> str | None:
        """`janvier 2025`, or `janvier 2025 – mars 2025`."""
        if first is None or last is None:
            return None
        months = dict.fromkeys(self.formats.month(day) for day in (first, last))
        return " – ".join(months)

    def return_state(self, row: Return) -> str:
        """`non reçu`, `reçu en retard (12 jours)`."""
        if row.state == "late" and row.days_late is not None:
            return str(self.labels.plural("operation.late_by", row.days_late, n=row.days_late))
        return self.labels(f"operation.returns.{row.state}")

    def event_table(self, events: Sequence[Event]) -> Table:
        """Incidents, formal notices, hours carried over, closing balances."""
        t = self.labels
        heads = ("date", "event", "reason", "company", "channel", "hours")
        return Table(
            t("operation.events_caption"),
            [(t(f"operation.{head}"), head == "hours") for head in heads],
            [
                (
                    self.day(event.event_date),
                    self.code("event", event.event),
                    self.code("event_reason", event.event_reason)
                    if event.event_reason
                    else self.blank(),
                    self.text(event.company_name) if event.company_name else self.blank(),
                    self.code("channel", event.channel) if event.channel else self.blank(),
                    self.blank() if event.hours is None else self.hours(event.hours),
                )
                for event in events
            ],
            t("operation.events_none"),
        )

    def penalties(self, op: Operation) -> Section:
        """Computed and not notified, notified, waived; the decision is the buyer's."""
        t = self.labels
        computed = (
            self.blank() if op.computed_penalty_eur is None else self.money(op.computed_penalty_eur)
        )
        words = self.context.text(op.penalty_words_fr, op.penalty_words_en)
        # Where the buyer decided, the words say what; an amount decided may also be unknown.
        decided = op.notified_penalty_eur != 0 or op.waived_penalty_eur != 0
        rows = [
            (
                self.text(t(f"operation.penalty.{'computed' if decided else 'undecided'}")),
                computed,
                self.text(words or t("operation.penalty.no_rule")),
            ),
            (
                self.text(t("operation.penalty.notified")),
                self.money(op.notified_penalty_eur),
                self.text(self.decisions(op, "penalty_notified")),
            ),
            (
                self.text(t("operation.penalty.waived")),
                self.money(op.waived_penalty_eur),
                self.text(self.decisions(op, "penalty_waived")),
            ),
        ]
        heads = [(t("operation.penalty.head"), False), (t("operation.penalty.amount"), True)]
        return Section(
            "penalites",
            t("operation.sections.penalties"),
            lead=[t("operation.penalty.decision")],
            tables=[
                Table(
                    t("operation.penalty.caption"),
                    [*heads, (t("operation.penalty.how"), False)],
                    rows,
                )
            ],
        )

    def decisions(self, op: Operation, kind: str) -> str:
        """`4 000,00 € le 12/01/2026 (heures non réalisées)`, one after the other."""
        told = []
        for event in self.ground.events.get(op.operation_id, ()):
            if event.event != kind:
                continue
            reason = (
                ""
                if event.event_reason is None
                else self.context.code("event_reason", event.event_reason)
            )
            text = self.labels(
                "operation.penalty.one",
                amount=self.money(event.amount_eur).text,
                day=self.day(event.event_date).text,
            )
            told.append(f"{text} ({reason[:1].lower()}{reason[1:]})" if reason else text)
        return " ; ".join(told) or self.labels("operation.penalty.none")

    def exits(self, op: Operation) -> Section:
        """What became of the people, as the last answers say."""
        tables = self.public_tables(op, _EXITS)
        none = "operation.people_erased_note" if self.erased(op) else "operation.exits_none"
        return Section(
            "sorties",
            self.labels("operation.sections.exits"),
            lead=[self.labels("operation.exits")],
            tables=tables,
            notes=[] if tables else [self.labels(none)],
        )
