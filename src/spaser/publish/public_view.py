"""The public sheet of an operation: contract facts, and figures after suppression.

It holds what the register publishes of the contract (object, buyer, holders, dates) and what
`indicators.figures` publishes of the operation. Names that a facilitator typed, returns, incidents,
penalties and hours by company are internal: none of them is here. An operation whose contract is
not in the register has no public sheet.
"""

from __future__ import annotations

from collections.abc import Sequence

from spaser.publish.clauses import Contract, Operation, Published, grouped
from spaser.publish.context import Context
from spaser.publish.operation_view import Ground, slugs
from spaser.publish.sheet import Item, Section, Sheet, Table, Teller

MEASURES = ("hours", "people", "work_contracts")
"""What is published of an operation, year by year."""

CROSSINGS = frozenset({"operation+criterion"})
"""Breakdowns whose members are codes. Sites and host structures are free text that a facilitator
typed, where a small place or a name may stand: they stay internal."""


class PublicBuilder(Teller):
    """Builds the public sheets of the operations of a year."""

    def __init__(self, context: Context, ground: Ground) -> None:
        super().__init__(context)
        self.ground = ground

    def sheets(self, operations: Sequence[Operation]) -> list[Sheet]:
        """One sheet an operation whose contract is in the register, by contract."""
        known = [(op, contracts) for op in operations if (contracts := self.contracts(op))]
        known.sort(key=lambda pair: (pair[1][0].uid, pair[0].operation_id))
        names = slugs([contracts[0].uid for _, contracts in known])
        return [
            self.sheet(op, contracts, slug)
            for (op, contracts), slug in zip(known, names, strict=True)
        ]

    def contracts(self, op: Operation) -> list[Contract]:
        """The contracts of an operation that are in the register."""
        found = self.ground.contracts
        return [found[uid] for uid in sorted(op.contract_uids or ()) if uid in found]

    def sheet(self, op: Operation, contracts: Sequence[Contract], slug: str) -> Sheet:
        """The public sheet of one operation."""
        first = contracts[0]
        title = first.object or first.contract_id or first.uid
        buyer = self.context.buyer(first.buyer_id) if first.buyer_id else ""
        return Sheet(
            slug,
            title,
            buyer or self.labels("operation.unknown"),
            self.labels("operation.public_summary", buyer=buyer, contracts=len(contracts)),
            None,
            [],
            [self.identity(contracts), self.figures(op)],
            self.index_row(op, first, contracts),
        )

    def identity(self, contracts: Sequence[Contract]) -> Section:
        """What the register publishes of the contracts."""
        t = self.labels
        return Section(
            "marches",
            t("operation.sections.contracts"),
            tables=[
                Table(
                    t("operation.contracts_caption"),
                    [
                        (t(f"operation.{head}"), head == "duration")
                        for head in (
                            "contract",
                            "lot",
                            "object",
                            "holders",
                            "contract_type",
                            "notified",
                            "duration",
                        )
                    ],
                    [self.contract(contract) for contract in contracts],
                )
            ],
        )

    def contract(self, contract: Contract) -> tuple[Item, ...]:
        """The public facts of a contract."""
        return (
            self.text(contract.contract_id or contract.uid),
            self.text(contract.lot_number) if contract.lot_number else self.blank(),
            self.text(contract.object),
            self.text(", ".join(contract.holders or ())),
            self.code("contract_type", contract.contract_type),
            self.day(contract.notified_date),
            self.number(contract.duration_months),
        )

    def figures(self, op: Operation) -> Section:
        """What is published of the operation, year by year, then its breakdowns."""
        t = self.labels
        found = self.ground.figures.get(op.operation_id, ())
        by_axis = grouped(found, lambda figure: figure.axis)
        tables = [self.year_table(by_axis.pop("operation", []))]
        tables += [
            self.crossing(axis, rows) for axis, rows in sorted(by_axis.items()) if axis in CROSSINGS
        ]
        return Section(
            "chiffres",
            t("operation.sections.figures"),
            lead=[t("operation.public_lead")],
            tables=tables,
        )

    def year_table(self, rows: Sequence[Published]) -> Table:
        """Validated hours, people and employment contracts of each year."""
        t = self.labels
        years = grouped(rows, lambda row: row.year)
        return Table(
            t("operation.public_caption"),
            [
                (t("operation.year"), False),
                *((t(f"operation.measure.{m}"), True) for m in MEASURES),
            ],
            [(self.text(str(year)), *self.measures(rows)) for year, rows in sorted(years.items())],
            t("operation.public_none"),
        )

    def measures(self, rows: Sequence[Published]) -> list[Item]:
        """The figures of one place, in the order of `MEASURES`; a dash where there is none."""
        by_measure = {row.measure: row for row in rows}
        return [
            self.blank()
            if (row := by_measure.get(measure)) is None
            else self.published(measure, row.value, row.is_published)
            for measure in MEASURES
        ]

    def crossing(self, axis: str, rows: Sequence[Published]) -> Table:
        """A breakdown of the operation, one row a member and year."""
        t, other = self.labels, axis.split("+", 1)[1]
        cells = grouped(rows, lambda row: (row.member.split("+", 1)[1], row.year))
        return Table(
            t("operation.crossing_caption", by=self.context.dimension(other, "by")),
            [
                (self.context.dimension(other), False),
                (t("operation.year"), False),
                *((t(f"operation.measure.{m}"), True) for m in MEASURES),
            ],
            [
                (
                    self.text(self.context.member(other, member)),
                    self.text(str(year)),
                    *self.measures(found),
                )
                for (member, year), found in sorted(cells.items())
            ],
        )

    def index_heads(self) -> list[tuple[str, bool]]:
        """The heads of `index_row`."""
        t = self.labels
        names = [(t("operation.contract"), False), (t("operation.holders"), False)]
        names.append((t("operation.notified"), False))
        return [*names, *((t(f"operation.measure.{m}"), True) for m in MEASURES)]

    def index_row(
        self, op: Operation, first: Contract, contracts: Sequence[Contract]
    ) -> list[Item]:
        """The operation in the list: its contract, its holders, the figures of the year."""
        year = [
            row
            for row in self.ground.figures.get(op.operation_id, ())
            if row.axis == "operation" and row.year == self.context.year
        ]
        holders = dict.fromkeys(name for one in contracts for name in one.holders or ())
        return [
            self.text(first.contract_id or first.uid),
            self.text(", ".join(holders)),
            self.day(first.notified_date),
            *self.measures(year),
        ]
