"""The view of `quality.*`: what was read, what was lost (nothing), what is to be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from spaser.publish.annexes import Action, Annexes, Filled, Suspicion
from spaser.publish.context import WHOLE, Context
from spaser.publish.reading import Source

EXAMPLES = 3
MAX_ACTIONS = 25
"""Things to do that the page lists; the workbook lists them all."""

MAX_MEMBERS = 12
"""Columns of a table of completeness; beyond, the workbook has them."""

LAST_YEARS = 6

_BANDS = ((Decimal(1), "full"), (Decimal("0.9"), "most"), (Decimal("0.5"), "half"))
"""Least share of each band of completeness; below are `few`, and `none` at zero."""


@dataclass(frozen=True)
class FindingView:
    """The findings of one rule."""

    rule: str
    severity: str
    severity_text: str
    title: str
    count: str
    action: str
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ActionView:
    """A thing to do and its gain."""

    severity: str
    severity_text: str
    action: str
    field: str
    gain: str
    buyer: str
    count: str
    contracts: str
    amount: str


@dataclass(frozen=True)
class Actions:
    """What to do: sentences of what decides an objective, the table, and how many more there are.

    `more` are in the workbook: beyond the table's length, or about other years.
    """

    deciding: tuple[str, ...]
    rows: tuple[ActionView, ...]
    more: int
    several_buyers: bool


@dataclass(frozen=True)
class HeatCell:
    """The completeness of a field for one member: a number, its detail in words, its band."""

    text: str
    detail: str
    band: str


@dataclass(frozen=True)
class Heat:
    """Completeness of the fields (rows) by buyer, directorate or year (columns).

    Fields that are filled everywhere are named in `full`, and have no row.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    full: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class SuspicionView:
    """The suspicions of one rule."""

    severity: str
    severity_text: str
    title: str
    count: str
    contracts: str
    amount: str
    action: str
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class QualityView:
    """The tables of the section, as printed text; None is a table that was not built."""

    inputs: tuple[tuple[str, str, str, str, str, str], ...]
    balances: tuple[tuple[str, str, str, str, str, bool], ...]
    findings: tuple[FindingView, ...]
    completeness: tuple[tuple[str, str, str, str, str], ...]
    checks: tuple[tuple[str, str, str, bool, str], ...]
    actions: Actions | None
    heats: tuple[Heat, ...]
    tax_bases: tuple[tuple[str, str, str, str, str], ...]
    suspicions: tuple[SuspicionView, ...] | None


def quality(context: Context, source: Source) -> QualityView:
    """The section's content."""
    number = context.formats.number
    annexes = Annexes(source)
    filled = annexes.completeness()
    return QualityView(
        tuple(
            (
                item.source_file,
                item.sha256 or "—",
                _source_title(context, item.source),
                number(item.records or 0),
                number(item.kept or 0),
                number(item.rejected or 0),
            )
            for item in source.inputs()
        ),
        tuple(
            (
                row.step,
                number(row.records_in),
                number(row.kept),
                number(row.merged),
                number(row.rejected),
                row.records_in == row.kept + row.merged + row.rejected,
            )
            for row in source.balances()
        ),
        _findings(context, source),
        _completeness(context, filled),
        tuple(
            (
                context.text(row.description_fr, row.description_en) or row.check_name,
                row.table_name,
                row.severity,
                row.passed,
                number(row.unexpected_count or 0),
            )
            for row in source.checks()
        ),
        _actions(context, annexes.actions()) if annexes.has("quality.actions") else None,
        _heats(context, filled),
        tuple(
            (
                context.labels.code("tax.bases", row.tax_basis),
                number(row.contracts),
                number(row.usable),
                "—" if row.usable_eur is None else context.formats.money(row.usable_eur),
                number(row.contracts - row.usable),
            )
            for row in annexes.tax_bases()
        ),
        _suspicions(context, annexes) if annexes.has("quality.suspicions") else None,
    )


def _source_title(context: Context, key: str | None) -> str:
    if key is None:
        return context.labels("quality.unrecognised")
    card = context.catalogue.sources.get(key) or context.catalogue.sources.get(f"sources/{key}")
    return context.card_text(card.title) if card else key


def _findings(context: Context, source: Source) -> tuple[FindingView, ...]:
    examples: dict[str, list[tuple[str, str]]] = {}
    for example in source.finding_examples(EXAMPLES):
        message = context.text(example.message_fr, example.message_en)
        place = _place(example.source_file, example.source_pointer, example.key)
        examples.setdefault(example.rule, []).append((place, message))
    return tuple(
        FindingView(
            group.rule,
            group.severity,
            context.labels.code("quality.severities", group.severity),
            _rule_title(context, group.rule),
            context.formats.number(group.count),
            context.text(group.action, group.action_en),
            tuple(examples.get(group.rule, ())),
        )
        for group in source.findings()
    )


def _place(file: str | None, pointer: str | None, key: str | None) -> str:
    """`marches.xlsx 2024!12`, else the key of the contract."""
    return " ".join(part for part in (file, pointer) if part) or key or "—"


def _rule_title(context: Context, name: str) -> str:
    rule = context.catalogue.rules.get(name)
    return context.text(rule.title_fr, rule.title_en) if rule else name


def _actions(context: Context, found: Sequence[Action]) -> Actions:
    now = [action for action in found if action.year in {None, context.year}]
    shown = now[:MAX_ACTIONS]
    return Actions(
        tuple(context.text(action.gain_fr, action.gain_en) for action in now if action.decides),
        tuple(_action(context, action) for action in shown),
        len(found) - len(shown),
        len({action.buyer_id for action in now} - {None, WHOLE}) > 1,
    )


def _action(context: Context, action: Action) -> ActionView:
    formats = context.formats
    return ActionView(
        action.severity,
        context.labels.code("quality.severities", action.severity),
        context.text(action.action_fr, action.action_en),
        field_names(context, action.field),
        context.text(action.gain_fr, action.gain_en) or "—",
        context.buyer(action.buyer_id or WHOLE),
        formats.number(action.count),
        "—" if action.contracts is None else formats.number(action.contracts),
        "—" if action.amount_eur is None else formats.money(action.amount_eur),
    )


def field_names(context: Context, fields: str | None) -> str:
    """Names of the fields to look at, which a comma separates."""
    names = [name.strip() for name in (fields or "").split(",")]
    return ", ".join(context.field(name) for name in names if name)


def _suspicions(context: Context, annexes: Annexes) -> tuple[SuspicionView, ...]:
    examples: dict[str, list[tuple[str, str]]] = {}
    for found in annexes.suspicion_examples(EXAMPLES):
        examples.setdefault(found.rule, []).append(_suspicion(context, found))
    views = []
    for group in annexes.suspicion_groups():
        rule = context.catalogue.rules.get(group.rule)
        severity = rule.severity if rule else "warning"
        amount = group.amount_eur
        views.append(
            SuspicionView(
                severity,
                context.labels.code("quality.severities", severity),
                _rule_title(context, group.rule),
                context.formats.number(group.count),
                context.formats.number(group.contracts) if group.contracts else "—",
                "—" if amount is None else context.formats.money(amount),
                context.text(rule.action_fr, rule.action_en) if rule else "—",
                tuple(examples.get(group.rule, ())),
            )
        )
    return tuple(views)


def _suspicion(context: Context, found: Suspicion) -> tuple[str, str]:
    """Where, then what: `Montant : 1,00 (référence : 40 000,00)`."""
    said = context.labels(
        "suspicions.value" if found.field else "suspicions.only_value",
        field=context.field(found.field),
        value=found.value or "—",
    )
    if found.reference_value:
        said += context.labels("suspicions.reference", value=found.reference_value)
    if found.detail:
        said += context.labels("suspicions.detail", value=found.detail)
    return found.uid or _place(found.source_file, found.source_pointer, None), said


def _completeness(
    context: Context, filled: Iterable[Filled]
) -> tuple[tuple[str, str, str, str, str], ...]:
    """Every field for all buyers in the year, the least filled first."""
    rows = []
    for row in _of(filled, context.year):
        share = row.share
        rows.append((Decimal(2) if share is None else share, context.field(row.field), row))
    rows.sort(key=lambda item: (item[0], item[1]))
    return tuple(
        (
            label,
            context.formats.number(row.filled),
            context.formats.number(row.required),
            "—" if share > 1 else context.formats.percent(share),
            "0%" if share > 1 else f"{share * 100:.2f}%",
        )
        for share, label, row in rows
    )


def _of(filled: Iterable[Filled], year: int) -> list[Filled]:
    """The whole scheme in a year."""
    whole = (WHOLE, WHOLE, year)
    return [row for row in filled if (row.buyer_id, row.directorate, row.year) == whole]


def _heats(context: Context, filled: Sequence[Filled]) -> tuple[Heat, ...]:
    """Completeness by buyer, by directorate and by year; what has one column says nothing more."""
    year = [row for row in filled if row.year == context.year]
    whole = [row for row in year if row.directorate == WHOLE]
    place = {buyer: number for number, buyer in enumerate(context.buyer_names)}
    whole.sort(key=lambda row: place.get(row.buyer_id, len(place)))
    buyers = [(context.buyer(row.buyer_id), row) for row in whole if row.buyer_id != WHOLE]
    years = [
        (str(row.year), row)
        for row in filled
        if (row.buyer_id, row.directorate) == (WHOLE, WHOLE)
        and context.year - LAST_YEARS < row.year <= context.year
    ]
    heats = (
        _heat(context, "buyer", buyers),
        _heat(context, "directorate", _directorates(context, year)),
        _heat(context, "year", years),
    )
    return tuple(heat for heat in heats if heat is not None)


def _directorates(context: Context, year: Sequence[Filled]) -> list[tuple[str, Filled]]:
    """Directorates of each buyer; their buyer is named where several have some."""
    rows = [row for row in year if row.directorate != WHOLE and row.buyer_id != WHOLE]
    several = len({row.buyer_id for row in rows}) > 1
    named = []
    for row in rows:
        name = context.member("directorate", row.directorate)
        named.append((f"{name} – {context.buyer(row.buyer_id)}" if several else name, row))
    return named


def _heat(context: Context, name: str, named: Sequence[tuple[str, Filled]]) -> Heat | None:
    members = list(dict.fromkeys(member for member, _ in named))
    if len(members) < 2:
        return None
    shown = members[:MAX_MEMBERS]
    cells: dict[str, dict[str, HeatCell]] = {}
    worst: dict[str, Decimal] = {}
    for member, row in named:
        share = row.share
        worst[row.field] = min(
            worst.get(row.field, Decimal(1)), Decimal(1) if share is None else share
        )
        cells.setdefault(row.field, {})[member] = _cell(context, row, share)
    empty = HeatCell("—", context.labels("heat.no_contract"), "empty")
    order = sorted(cells, key=lambda field: (worst[field], context.field(field)))
    return Heat(
        name,
        context.labels(f"heat.{name}", year=context.year),
        tuple(shown),
        tuple(
            (context.field(field), tuple(cells[field].get(member, empty) for member in shown))
            for field in order
            if worst[field] < 1
        ),
        tuple(context.field(field) for field in order if worst[field] == 1),
        len(members) - len(shown),
    )


def _cell(context: Context, row: Filled, share: Decimal | None) -> HeatCell:
    number = context.formats.number
    detail = context.labels("heat.of", filled=number(row.filled), required=number(row.required))
    if share is None:
        return HeatCell("—", detail, "empty")
    band = next((name for least, name in _BANDS if share >= least), "few" if share else "none")
    return HeatCell(context.formats.percent(share), detail, band)
