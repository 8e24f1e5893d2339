"""Tables of a spreadsheet → staged rows: by a card that knows their names, else by a mapping.

The cells stay text as received. What a mapping adds to a row is only what it says: a constant, the
name of the sheet, the tax basis of the amounts, the unit of the header (`k€`) after its numbers.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import pyarrow as pa

from spaser.cards import Catalogue, SourceCard
from spaser.findings import Finding
from spaser.ingest.expressions import Reading, table_fields, table_rest
from spaser.ingest.mapping import Guess, Proposal, Proposer, ValueGuess, tax_of, unit_of
from spaser.ingest.months import HOURS, MONTH, month_columns, unfolded
from spaser.ingest.people import is_shielded, numbered_sheet
from spaser.ingest.personal import may_name_persons, without_persons
from spaser.ingest.recognise import recognise
from spaser.ingest.sheets import SheetTable
from spaser.mappings import HOLDER_PARTS, Mapping, TaxBasis, holder_part, slug, spellings_of
from spaser.values import normalise
from spaser.warehouse import literal

RELATION = "sheet_rows"
"""The name under which the rows of a table are registered in the engine."""

SHARE = 0.5
"""A mapping serves a table that has at least this share of the columns it reads."""

MANY = 0.7
"""Or a table of whose columns it names this share."""

OWN_SHARE = 0.25
"""What is enough for the mapping that bears the name of the file."""

NUMBER = r"^[-+(]?\s*[0-9][0-9.,\s\x{a0}\x{2007}\x{2009}\x{202f}]*\)?-?$"
"""A cell that gives a number alone, which takes the unit of its header."""


@dataclass(frozen=True)
class MappedColumn:
    """A row of `quality.mappings`."""

    sheet: str | None
    column_letter: str
    header: str
    field: str | None
    confidence: Decimal
    reviewed: bool
    samples: str


@dataclass
class Plan:
    """How one table is read.

    `columns` gives the field of each header; `mapping` is null where a proposal or a card that
    knows the names is followed, `known` is that card. `months`: the field that the cells of the
    columns of months fill.
    """

    table: SheetTable
    card: SourceCard
    known: bool = False
    columns: dict[str, str | None] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    mapping: Mapping | None = None
    proposal: Proposal | None = None
    tax_basis: TaxBasis | None = None
    months: str | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_shielded(self) -> bool:
        """Whether no cell nor header of the table may be repeated."""
        return is_shielded(self.card)

    @property
    def sheet(self) -> str | None:
        """How the table's sheet is called in pointers."""
        if self.is_shielded or names_a_person(self.table):
            return numbered_sheet(self.table.place)
        return self.table.sheet

    @property
    def is_reviewed(self) -> bool:
        """Whether the department has agreed to the columns."""
        return self.mapping is not None and self.mapping.reviewed

    @property
    def fields(self) -> set[str]:
        """The fields that a column or a constant fills."""
        return {name for name in self.columns.values() if name} | set(self.constants)


def names_a_person(table: SheetTable) -> bool:
    """Whether the name of the table's sheet may be a person's."""
    return table.sheet is not None and may_name_persons([table.sheet])


def plans_of(
    tables: Sequence[SheetTable],
    cards: Sequence[SourceCard],
    proposer: Proposer,
    mappings: Sequence[Mapping],
    stem: str,
    buyer: str | None,
) -> tuple[list[Plan], list[SheetTable], list[Finding]]:
    """How each table of a file is read, the tables that are of no known kind, and what to say.

    Args:
        tables: the tables of the file, in order.
        cards: every source.
        proposer: tells what an unknown table is.
        mappings: those of the scheme.
        stem: the file's name; its own mapping bears it.
        buyer: SIRET given to the rows of a register that have none.
    """
    plans: list[Plan] = []
    strangers: list[SheetTable] = []
    for table in tables:
        plan = _plan(table, cards, proposer, mappings, stem) if table.names else None
        if plan is None:
            strangers.append(table)
        else:
            plans.append(_complete(plan, proposer.catalogue, buyer))
    _name_sheets(plans)
    findings = [finding for plan in plans for finding in plan.findings]
    return plans, strangers, [*_missing_columns(plans), *_not_reviewed(plans), *findings]


def _plan(
    table: SheetTable,
    cards: Sequence[SourceCard],
    proposer: Proposer,
    mappings: Sequence[Mapping],
    stem: str,
) -> Plan | None:
    known = recognise(cards, "csv", table.names)
    if known is not None:
        return Plan(table, known, known=True)
    proposal = proposer.propose(table)
    mapping = choose(mappings, table.names, stem)
    if mapping is not None:
        card = proposer.catalogue.sources[f"sources/{mapping.source}"]
        return _by_mapping(Plan(table, card, mapping=mapping, proposal=proposal), proposer)
    if not proposal.is_enough:
        return None
    return _by_proposal(Plan(table, proposal.card, proposal=proposal))


def choose(mappings: Iterable[Mapping], names: Sequence[str], stem: str) -> Mapping | None:
    """The mapping that a table of these names is read through, if any.

    One that has most of its columns there, or names most of the columns that are; the file's own
    (same name) is content with fewer.
    """
    seen = {plain(name) for name in names}
    ranked = []
    for mapping in mappings:
        read = {plain(name) for name in mapping.read_columns()}
        named = {plain(name) for name in mapping.columns}
        share = len(read & seen) / len(read) if read else 0.0
        many = len(named & seen) / len(seen) if seen and read & seen else 0.0
        is_own = mapping.name == slug(stem)
        if share >= SHARE or many >= MANY or (is_own and share >= OWN_SHARE):
            ranked.append((max(share, many), is_own, mapping.reviewed, mapping.name, mapping))
    return max(ranked, key=lambda found: found[:4])[-1] if ranked else None


def plain(name: str) -> str:
    """A header without what retyping it changes: blanks and case."""
    return " ".join(name.split()).casefold()


def _by_mapping(plan: Plan, proposer: Proposer) -> Plan:
    """Read the columns as the mapping says; what it does not name is kept aside and said."""
    mapping, proposal = plan.mapping, plan.proposal
    if mapping is None or proposal is None:
        return plan
    said = {plain(name): target for name, target in mapping.columns.items()}
    plan.months = mapping.months
    guesses = {guess.header: guess for guess in proposal.columns}
    for letter, name in zip(plan.table.letters, plan.table.names, strict=True):
        plan.columns[name] = said.get(plain(name))
        is_quoted = not plan.is_shielded and not guesses[name].is_personal
        is_new = plain(name) not in said and is_quoted
        if is_new and _is_filled(plan.table, name):
            near = guesses[name].field if proposal.card is plan.card else None
            plan.findings.append(_new_column(plan, letter, name, near))
    plan.constants = dict(mapping.constants)
    plan.tax_basis = _tax_basis(mapping, plan.columns)
    if mapping.sheet_field and plan.table.sheet:
        plan.constants[mapping.sheet_field] = without_persons(plan.table.sheet)
    _keep_one_column_a_field(plan, proposer.catalogue)
    if plan.is_shielded:
        return plan
    as_read = replace(
        proposal,
        card=plan.card,
        columns=tuple(
            replace(guess, field=plan.columns[guess.header]) for guess in proposal.columns
        ),
    )
    plan.findings += _values_not_understood(plan, proposer, proposer.values(plan.table, as_read))
    return plan


def _tax_basis(mapping: Mapping, columns: Dict[str, str | None]) -> TaxBasis:
    """What the department reviewed, else what the header says, else what the mapping says."""
    if mapping.reviewed and mapping.tax_basis in ("ht", "ttc"):
        return mapping.tax_basis
    said = next((tax_of(name) for name, target in columns.items() if target == "amount"), None)
    return said or mapping.tax_basis or "unknown"


def _by_proposal(plan: Plan) -> Plan:
    proposal = plan.proposal
    if proposal is None:
        return plan
    plan.columns = {guess.header: guess.field for guess in proposal.columns}
    plan.tax_basis = proposal.tax_basis
    plan.months = proposal.months
    if plan.is_shielded:
        return plan
    for guess in proposal.columns:
        is_unknown = guess.field is None and not guess.is_ignored and not guess.is_personal
        if is_unknown and _is_filled(plan.table, guess.header):
            count, example = _content(plan.table, guess.header)
            plan.findings.append(
                Finding(
                    "mapping_unknown_column",
                    source_pointer=_cell(plan.table, guess.letter),
                    field=guess.header,
                    value=example,
                    detail=str(count),
                )
            )
    plan.findings += [_value_finding(plan, guess) for guess in proposal.values]
    return plan


def _complete(plan: Plan, catalogue: Catalogue, buyer: str | None) -> Plan:
    """Add what the scheme and the header say for every row, and say so."""
    if plan.known:
        return plan
    fields = catalogue.fields_of(plan.card.feeds)
    for letter, name in zip(plan.table.letters, plan.table.names, strict=True):
        target = plan.columns.get(name)
        if target in fields and fields[target].kind == "amount" and (unit := unit_of(name)):
            plan.findings.append(
                Finding(
                    "mapping_header_unit",
                    source_pointer=_cell(plan.table, letter),
                    field=target,
                    value=name,
                    detail=unit,
                )
            )
    if plan.tax_basis and "tax_basis" in fields and "amount" in plan.fields:
        plan.constants.setdefault("tax_basis", plan.tax_basis)
    if "buyer_id" in fields and "buyer_id" not in plan.constants:
        without = _rows_without(plan, "buyer_id")
        is_needed = not plan.is_shielded and "buyer_id" not in plan.fields
        if without and buyer is None and is_needed:
            plan.findings.append(Finding("mapping_no_buyer", detail=str(without)))
        elif without and buyer is not None:
            plan.constants["buyer_id"] = buyer
            plan.findings.append(
                Finding("mapping_buyer_given", field="buyer_id", value=buyer, detail=str(without))
            )
    return plan


def _keep_one_column_a_field(plan: Plan, catalogue: Catalogue) -> None:
    """A field has one column, except lists: a second one is kept aside, and it is said."""
    fields = catalogue.fields_of(plan.card.feeds)
    letters = dict(zip(plan.table.names, plan.table.letters, strict=True))
    by_month = ("month", plan.months) if plan.months and _months(plan) else ()
    first = {target: "months" for target in by_month if target}
    for letter, name in zip(plan.table.letters, plan.table.names, strict=True):
        target = plan.columns[name]
        if target is None or (target in fields and fields[target].kind == "codes"):
            continue
        if target in first:
            plan.columns[name] = None
            plan.findings.append(
                Finding(
                    "mapping_two_columns",
                    source_pointer=_cell(plan.table, letter),
                    field=target,
                    value=letter if plan.is_shielded else name,
                    detail=letters.get(first[target], "months")
                    if plan.is_shielded
                    else first[target],
                )
            )
        first.setdefault(target, name)


def _name_sheets(plans: Sequence[Plan]) -> None:
    """Give each finding the sheet its table is in, where it has no cell."""
    for plan in plans:
        if plan.sheet:
            plan.findings[:] = [
                finding if finding.source_pointer else replace(finding, source_pointer=plan.sheet)
                for finding in plan.findings
            ]


def _months(plan: Plan) -> dict[str, date]:
    """The columns of months of a table, where its cells are lines."""
    if plan.months is None:
        return {}
    named = {name for name, target in plan.columns.items() if target}
    return month_columns(plan.table.names, named)


def unfold(plan: Plan) -> Plan:
    """The plan with one record per cell of a column of months; itself where there is none."""
    monthly = _months(plan)
    if plan.months is None or not monthly:
        return plan
    others = {name: target for name, target in plan.columns.items() if name not in monthly}
    columns = {**others, MONTH: "month", HOURS: plan.months}
    return replace(plan, table=unfolded(plan.table, monthly), columns=columns)


def unread(plan: Plan) -> list[tuple[str, str, int]]:
    """Columns of a mapped table that fill no field and that nobody put aside, where not empty.

    Gives (header, letter, filled cells), in the order of the table.
    """
    named = {plain(name) for name in plan.mapping.columns} if plan.mapping else set()
    monthly = _months(plan)
    return [
        (name, letter, count)
        for letter, name in zip(plan.table.letters, plan.table.names, strict=True)
        if plan.columns.get(name) is None and name not in monthly and plain(name) not in named
        if (count := _content(plan.table, name)[0])
    ]


# --- what is said -------------------------------------------------------------------------------


def _new_column(plan: Plan, letter: str, name: str, near: str | None) -> Finding:
    count, example = _content(plan.table, name)
    return Finding(
        "mapping_new_column",
        source_pointer=_cell(plan.table, letter),
        field=name,
        value=example,
        detail=f"{count} ; {plan.mapping.file if plan.mapping else ''}"
        + (f" ; {near} ?" if near else ""),
    )


def _missing_columns(plans: Sequence[Plan]) -> list[Finding]:
    """Columns that a mapping reads and no table of the file has, with the nearest one there."""
    found: list[Finding] = []
    mappings = {plan.mapping.name: plan.mapping for plan in plans if plan.mapping}
    for mapping in mappings.values():
        served = [plan for plan in plans if plan.mapping is mapping]
        present = {plain(name): name for plan in served for name in plan.table.names}
        named = {plain(name) for name in mapping.columns}
        free = [name for key, name in present.items() if key not in named]
        for header in mapping.read_columns():
            if plain(header) in present:
                continue
            near = difflib.get_close_matches(header, free, n=1, cutoff=0.5)
            sheets = ", ".join(plan.sheet for plan in served if plan.sheet)
            found.append(
                Finding(
                    "mapping_missing_column",
                    source_pointer=sheets or None,
                    key=mapping.columns[header],
                    field=header,
                    value=near[0] if near else None,
                    detail=mapping.file,
                )
            )
    return found


def _not_reviewed(plans: Sequence[Plan]) -> list[Finding]:
    """One warning a source that is read without the department's agreement."""
    unread = [plan for plan in plans if not plan.known and not plan.is_reviewed]
    found = []
    for name in sorted({plan.card.key for plan in unread}):
        mine = [plan for plan in unread if plan.card.key == name]
        columns = {header for plan in mine for header, target in plan.columns.items() if target}
        files = sorted({plan.mapping.file for plan in mine if plan.mapping})
        found.append(
            Finding(
                "mapping_not_reviewed",
                key=name.removeprefix("sources/"),
                value=", ".join(files) or None,
                detail=str(len(columns)),
            )
        )
    return found


def _values_not_understood(
    plan: Plan, proposer: Proposer, guesses: Iterable[ValueGuess]
) -> list[Finding]:
    """Texts of code lists that no spelling and no reviewed value understands."""
    mapping = plan.mapping
    if mapping is None:
        return []
    agreed = spellings_of([mapping], proposer.catalogue)
    declined = mapping.values if mapping.reviewed else {}
    known = {
        (name, normalise(text))
        for source in (agreed, declined)
        for name, texts in source.items()
        for text in texts
    }
    return [
        _value_finding(plan, guess)
        for guess in guesses
        if (guess.field, normalise(guess.text)) not in known
    ]


def _value_finding(plan: Plan, guess: ValueGuess) -> Finding:
    letter = next(
        letter
        for letter, name in zip(plan.table.letters, plan.table.names, strict=True)
        if plan.columns[name] == guess.field
    )
    return Finding(
        "mapping_value_not_reviewed",
        source_pointer=_cell(plan.table, letter),
        key=guess.code,
        field=guess.field,
        value=guess.text[:200],
        detail=str(guess.count),
    )


def _is_filled(table: SheetTable, name: str) -> bool:
    place = table.names.index(name)
    return any((row[place] or "").strip() for row in table.rows)


def _content(table: SheetTable, name: str) -> tuple[int, str | None]:
    """How many cells of a column are filled, and the first."""
    place = table.names.index(name)
    filled = [text for row in table.rows if (text := row[place]) and text.strip()]
    return len(filled), (filled[0][:200] if filled else None)


def _cell(table: SheetTable, letter: str) -> str:
    """A column of a table: `2024!F`, in a CSV `F`."""
    return f"{table.sheet}!{letter}" if table.sheet else letter


def _rows_without(plan: Plan, target: str) -> int:
    names = [name for name, found in plan.columns.items() if found == target]
    if not names:
        return len(plan.table.rows)
    place = plan.table.names.index(names[0])
    return sum(not (row[place] or "").strip() for row in plan.table.rows)


# --- staged rows --------------------------------------------------------------------------------


def rows_of(plan: Plan, start: int) -> pa.Table:
    """The rows of a table: `position` from `start` on, `pointer`, and a column `c<n>` a header."""
    table = plan.table
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.names)
    data = {
        "position": pa.array(range(start, start + len(table.rows)), pa.int64()),
        "pointer": pa.array(list(_pointers(plan)), pa.string()),
    }
    data |= {f"c{place}": pa.array(list(cells), pa.string()) for place, cells in enumerate(columns)}
    return pa.table(data)


def _pointers(plan: Plan) -> Iterator[str]:
    """The row of each record, or its cell: `2024!12`, `2024!F12`; in a CSV `L12`, `L12 (F)`."""
    table = plan.table
    cells = table.cells or [""] * len(table.rows)
    for number, letter in zip(table.row_numbers, cells, strict=True):
        if plan.sheet is not None:
            yield f"{plan.sheet}!{letter}{number}"
        else:
            yield f"L{number} ({letter})" if letter else f"L{number}"


def reading_of(plan: Plan, catalogue: Catalogue) -> Reading:
    """The SQL of the staged rows of a table registered as `RELATION`."""
    cells = {name: f"c{place}" for place, name in enumerate(plan.table.names)}
    if plan.known:
        fields, rest, unknown = table_fields(plan.card, cells)
        return _reading(fields, rest, unknown)
    kinds = {name: known.kind for name, known in catalogue.fields_of(plan.card.feeds).items()}
    columns, by_field = _cells_by_field(plan, cells, kinds)
    fields, rest, _ = table_fields(_as_card(plan.card, by_field, set(kinds)), columns)
    for name, text in sorted(plan.constants.items()):
        fields[name] = _or_constant(fields.get(name), text)
    return _reading(fields, rest)


def _reading(
    fields: Dict[str, str], rest: Dict[str, str], unknown: tuple[str, ...] = ()
) -> Reading:
    other = table_rest(rest)
    return Reading(RELATION, "position", "pointer", "'contract'", fields, other, unknown, rest)


def _cells_by_field(
    plan: Plan, cells: dict[str, str], kinds: Dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Header → SQL, and field → header; the columns of one list are put together as one."""
    columns: dict[str, str] = {}
    by_field: dict[str, str] = {}
    for name, cell in cells.items():
        target = plan.columns.get(name)
        if target is not None and target in by_field:
            first = by_field[target]
            columns[first] = _joined(columns[first], cell)
            continue
        unit = unit_of(name) if target and kinds.get(target) == "amount" else None
        columns[name] = _with_unit(cell, unit) if unit else cell
        if target is not None:
            by_field[target] = name
    return columns, by_field


def _as_card(card: SourceCard, by_field: dict[str, str], fields: set[str]) -> SourceCard:
    """A card for this table alone: a mapping is one."""
    groups: dict[int, dict[str, str | tuple[str, ...]]] = {}
    for target, name in by_field.items():
        part = holder_part(target) if card.feeds == "register" else None
        if part is not None:
            groups.setdefault(part[1], {})[f"titulaire/{part[0]}"] = name
    ordered = {path: number for number, path in enumerate(HOLDER_PARTS.values())}
    lists = tuple(
        dict(sorted(groups[number].items(), key=lambda pair: ordered[pair[0].split("/")[1]]))
        for number in sorted(groups)
    )
    return card.model_copy(
        update={
            "fields": {target: name for target, name in by_field.items() if target in fields},
            "lists": {"holders": lists} if lists else {},
        }
    )


def _joined(one: str, other: str) -> str:
    filled = ", ".join(f"nullif(trim({cell}), '')" for cell in (one, other))
    return f"nullif(concat_ws(' | ', {filled}), '')"


def _with_unit(cell: str, unit: str) -> str:
    pattern = literal(NUMBER)
    return (
        f"case when regexp_matches(trim({cell}), {pattern}) "
        f"then {cell} || ' {unit}' else {cell} end"
    )


def _or_constant(cell: str | None, text: str) -> str:
    if cell is None:
        return literal(text)
    return f"case when trim(coalesce({cell}, '')) = '' then {literal(text)} else {cell} end"


def mapped_columns(plan: Plan) -> list[MappedColumn]:
    """The columns of a table that a mapping or a proposal reads, for `quality.mappings`."""
    if plan.known or plan.proposal is None:
        return []
    named = {plain(name) for name in plan.mapping.columns} if plan.mapping else set()
    monthly = _months(plan)
    columns = [
        _mapped_column(plan, guess, plain(guess.header) in named)
        for guess in plan.proposal.columns
        if guess.header not in monthly
    ]
    columns += [
        MappedColumn(
            plan.sheet,
            guess.letter,
            guess.header.rsplit(" / ", 1)[-1],  # what stands above the month may be a name
            "month",
            Decimal("1.000"),
            plan.is_reviewed,
            "" if plan.is_shielded else guess.shown,
        )
        for guess in plan.proposal.columns
        if guess.header in monthly
    ]
    return columns


def _mapped_column(plan: Plan, guess: Guess, is_named: bool) -> MappedColumn:
    is_agreed = plan.is_reviewed and is_named
    target = plan.columns[guess.header]
    is_hidden = (
        plan.is_shielded and not is_named and not (target and guess.is_plain)
    ) or may_name_persons([guess.header])
    return MappedColumn(
        plan.sheet,
        guess.letter,
        f"colonne {guess.letter}" if is_hidden else guess.header,
        target,
        Decimal("1.000") if is_agreed else guess.confidence,
        is_agreed,
        "" if plan.is_shielded else guess.shown,
    )


def counted(plans: Iterable[Plan]) -> Counter[str]:
    """Rows of each source."""
    counts: Counter[str] = Counter()
    for plan in plans:
        counts[plan.card.key] += len(plan.table.rows)
    return counts
