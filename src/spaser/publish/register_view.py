"""The department's own register: how it was read, compared with DECP, corrected and audited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from markupsafe import Markup

from spaser.publish.annexes import (
    MATCHED,
    Annexes,
    Audit,
    Correction,
    Difference,
    Duty,
    MappedColumn,
    Match,
    Matches,
    only_own,
)
from spaser.publish.context import WHOLE, Context
from spaser.publish.reading import Result
from spaser.scheme import Precedence

EXAMPLES = 3
MAX_NEAR = 10
MAX_CORRECTIONS = 50
DUTY_YEARS = 5

_ONLY_IF_ANY = {"decided", "decp_not_received"}
"""Rows that say nothing where they count nothing."""


@dataclass(frozen=True)
class MatchRow:
    """A level of the comparison: its name, how many, what is done with them."""

    level: str
    title: str
    count: str
    meaning: str


@dataclass(frozen=True)
class DifferenceRow:
    """A field that differs: in how many pairs, who prevails, the first ones."""

    field: str
    pairs: str
    prevails: str
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class NearRow:
    """Two contracts that may be one."""

    own: str
    decp: str
    score: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """The register beside DECP in the year."""

    matches: tuple[MatchRow, ...]
    differences: tuple[DifferenceRow, ...]
    near: tuple[NearRow, ...]
    more_near: int
    precedence: tuple[str, ...]


@dataclass(frozen=True)
class CorrectionRow:
    """A line of the ledger."""

    key: str
    field: str
    old: str
    new: str
    reason: str
    evidence: str
    author: str
    date: str
    status: str
    found: str


@dataclass(frozen=True)
class Corrections:
    """What was corrected, what was not and why, and how many of each the page leaves out."""

    applied: tuple[CorrectionRow, ...]
    refused: tuple[CorrectionRow, ...]
    more_applied: int
    more_refused: int
    proposed: int


@dataclass(frozen=True)
class MappingView:
    """How a sheet was read: each column, its header, its field (empty: not understood)."""

    title: str
    reviewed: bool
    summary: str
    columns: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class AuditRow:
    """A sample checked against documents, beside the declared rate."""

    code: str
    scope: str
    buyer: str
    sample: str
    declared: Markup
    estimated: str
    interval: str
    verdict: str
    agrees: bool
    sentence: Markup


@dataclass(frozen=True)
class DutyRow:
    """The duty to adopt a scheme, for a buyer and a year."""

    buyer: str
    year: int
    spend: str
    threshold: str
    threshold_status: str | None
    status: str
    status_text: str
    reason: str


@dataclass(frozen=True)
class RegisterView:
    """The parts on the register; None is a part whose input is not there."""

    comparison: Comparison | None
    no_comparison: str
    corrections: Corrections | None
    mappings: tuple[MappingView, ...]
    audits: tuple[AuditRow, ...]
    duty: tuple[DutyRow, ...]

    @property
    def audits_of(self) -> dict[str, list[AuditRow]]:
        """Audits by indicator."""
        found: dict[str, list[AuditRow]] = {}
        for audit in self.audits:
            found.setdefault(audit.code, []).append(audit)
        return found


def register(
    context: Context, annexes: Annexes, precedence: Precedence, results: Iterable[Result]
) -> RegisterView:
    """What the report says of the register, its corrections and its audits."""
    matches = annexes.matches()
    sides = annexes.sides()
    comparable = bool(matches) and sides == {"own", "decp"}
    return RegisterView(
        _comparison(context, annexes, matches, precedence) if comparable else None,
        "" if comparable else _why_no_comparison(context, sides),
        _corrections(context, annexes),
        _mappings(context, annexes.mappings()),
        _audits(context, annexes.audits(), results),
        _duty(context, annexes.duty()),
    )


def _why_no_comparison(context: Context, sides: set[str]) -> str:
    """Which file would bring the comparison."""
    if sides == {"own", "decp"}:
        return context.labels("register.none_this_year", year=context.year)
    return context.labels("register.no_decp" if sides == {"own"} else "register.no_own")


def _comparison(
    context: Context, annexes: Annexes, matches: Sequence[Matches], precedence: Precedence
) -> Comparison:
    near = annexes.near(MAX_NEAR)
    total_near = sum(match.count for match in matches if match.level == "near")
    return Comparison(
        _match_rows(context, matches),
        _differences(context, annexes.differences(EXAMPLES), precedence),
        tuple(_near(context, match) for match in near),
        total_near - len(near),
        tuple(_precedence(context, precedence)),
    )


def _match_rows(context: Context, matches: Sequence[Matches]) -> tuple[MatchRow, ...]:
    """Pairs by level, then the pairs to decide, then what only one side has."""
    counts: dict[str, int] = {}
    for match in matches:
        paired = match.in_own and match.in_decp
        alone = only_own(match.decp_received, match.is_publication_due)
        known = match.level if paired else alone if match.in_own else "only_decp"
        counts[known] = counts.get(known, 0) + match.count
    levels = [*MATCHED, "near", "due", "only_own", "decp_not_received", "only_decp"]
    return tuple(
        MatchRow(
            level,
            context.labels(f"register.levels.{level}"),
            context.formats.number(counts.get(level, 0)),
            context.labels(f"register.meanings.{level}"),
        )
        for level in levels
        if counts.get(level) or level not in _ONLY_IF_ANY
    )


def _differences(
    context: Context, found: Iterable[Difference], precedence: Precedence
) -> tuple[DifferenceRow, ...]:
    grouped: dict[str, list[Difference]] = {}
    for difference in found:
        grouped.setdefault(difference.field, []).append(difference)
    return tuple(
        DifferenceRow(
            context.field(name),
            context.formats.number(pairs[0].pairs),
            context.labels(f"register.prevails.{precedence.of(name)}"),
            tuple(
                (
                    pair.own_uid,
                    context.labels(
                        "register.both",
                        own=_value(context, name, pair.own_values),
                        decp=_value(context, name, pair.decp_values),
                    ),
                )
                for pair in pairs
            ),
        )
        for name, pairs in grouped.items()
    )


def _value(context: Context, field: str, values: str | None) -> str:
    """A field of a JSON text, as a reader writes it."""
    try:
        value = json.loads(values or "{}", parse_float=Decimal).get(field)
    except (ValueError, AttributeError):
        value = None
    if value is None or value == []:
        return context.labels("register.empty")
    if isinstance(value, list):
        return ", ".join(context.code(field, str(part)) for part in value)
    if "amount" in field or field.endswith(("_eur", "_value")):
        return _money(context, str(value))
    return context.code(field, str(value))


def _money(context: Context, text: str) -> str:
    try:
        return context.formats.money(Decimal(text))
    except InvalidOperation:
        return text


def _near(context: Context, match: Match) -> NearRow:
    return NearRow(
        match.own_uid or "—",
        match.decp_uid or "—",
        "—" if match.score is None else context.formats.number(match.score, 2),
        context.text(match.reason_fr, match.reason_en) or "—",
    )


def _precedence(context: Context, precedence: Precedence) -> list[str]:
    """The rules of the scheme in words."""
    labels = context.labels
    sentences = [labels(f"register.precedence.{precedence.default}")]
    for origin in ("own", "decp"):
        names = [
            context.field(field)
            for field, first in sorted(precedence.fields.items())
            if first == origin != precedence.default
        ]
        if names:
            sentences.append(
                labels(f"register.precedence.fields_{origin}", fields=", ".join(names))
            )
    sentences.append(labels(f"register.precedence.{precedence.only_in_decp}"))
    sentences.append(labels("register.precedence.near"))
    return sentences


def _corrections(context: Context, annexes: Annexes) -> Corrections | None:
    proposed = annexes.proposals()
    if not proposed and not annexes.has("curated.corrections"):
        return None
    rows: dict[bool, list[CorrectionRow]] = {True: [], False: []}
    for correction in annexes.corrections():
        rows[correction.status == "applied"].append(_correction(context, correction))
    return Corrections(
        tuple(rows[True][:MAX_CORRECTIONS]),
        tuple(rows[False][:MAX_CORRECTIONS]),
        max(0, len(rows[True]) - MAX_CORRECTIONS),
        max(0, len(rows[False]) - MAX_CORRECTIONS),
        proposed,
    )


def _correction(context: Context, correction: Correction) -> CorrectionRow:
    empty = context.labels("register.empty")
    return CorrectionRow(
        correction.key,
        context.field(correction.field),
        correction.old or empty,
        correction.new or empty,
        correction.reason or "—",
        correction.evidence or "—",
        correction.author or "—",
        correction.date or "—",
        context.labels.code("corrections.status", correction.status),
        correction.found or empty,
    )


def _mappings(context: Context, found: Iterable[MappedColumn]) -> tuple[MappingView, ...]:
    sheets: dict[tuple[str, str | None], list[MappedColumn]] = {}
    for column in found:
        sheets.setdefault((column.source_file, column.sheet), []).append(column)
    return tuple(
        _mapping(context, file, sheet, columns) for (file, sheet), columns in sheets.items()
    )


def _mapping(
    context: Context, file: str, sheet: str | None, columns: Sequence[MappedColumn]
) -> MappingView:
    labels, number = context.labels, context.formats.number
    understood = sum(column.field is not None for column in columns)
    reviewed = all(column.reviewed for column in columns)
    return MappingView(
        file if sheet is None else labels("mappings.sheet", file=file, sheet=sheet),
        reviewed,
        labels(
            "mappings.summary",
            understood=number(understood),
            total=number(len(columns)),
            state=labels("mappings.reviewed" if reviewed else "mappings.proposed"),
        ),
        tuple(
            (
                column.column_letter or "—",
                column.header or "—",
                _filled_by(context, column),
                "—"
                if column.field is None or column.confidence is None
                else context.formats.percent(column.confidence),
            )
            for column in columns
        ),
    )


def _filled_by(context: Context, column: MappedColumn) -> str:
    if column.field:
        return context.field(column.field)
    return context.labels("mappings.left" if column.reviewed else "mappings.unknown")


def _audits(
    context: Context, found: Iterable[Audit], results: Iterable[Result]
) -> tuple[AuditRow, ...]:
    declared = {
        (result.code, result.scope, result.buyer_id): result
        for result in results
        if (result.method, result.measure, result.unit) == ("default", "count", "share")
        and result.dimension == WHOLE
        and result.year == context.year
    }
    return tuple(_audit(context, audit, declared) for audit in found)


def _audit(
    context: Context, audit: Audit, results: Mapping[tuple[str, str, str], Result]
) -> AuditRow:
    labels, formats = context.labels, context.formats
    result = results.get((audit.code, audit.scope, audit.buyer_id))
    figure = None if result is None else context.figure(result, "value")
    current = None if figure is None else figure.raw
    estimated = "—" if audit.estimated_value is None else formats.percent(audit.estimated_value)
    interval = "—"
    if audit.low is not None and audit.high is not None:
        interval = labels(
            "interval.range", low=formats.percent(audit.low), high=formats.percent(audit.high)
        )
    agrees = (
        current is not None
        and audit.low is not None
        and audit.high is not None
        and audit.low <= current <= audit.high
    )
    key = "unknown" if current is None or interval == "—" else "agrees" if agrees else "differs"
    printed = Markup("—") if figure is None else Markup(figure.__html__())
    if audit.declared_value is not None and audit.declared_value != current:
        then = formats.percent(audit.declared_value)
        printed += labels.html("audits.then", value=then)
    sample = labels(
        "audits.sample_undetermined" if audit.undetermined else "audits.sample",
        checked=formats.number(audit.checked),
        population=formats.number(audit.population),
        undetermined=formats.number(audit.undetermined),
    )
    if audit.unknown_checked:
        sample += labels(
            "audits.sample_unknown",
            checked=formats.number(audit.unknown_checked),
            unknown=formats.number(audit.declared_unknown),
            found=formats.number(audit.unknown_found),
        )
    sentence = labels.html(
        "audits.sentence",
        sample=sample,
        scope=context.scope(audit.scope),
        estimated=estimated,
        interval=interval,
        declared=printed,
        verdict=labels(f"audits.{key}"),
    )
    return AuditRow(
        audit.code,
        context.scope(audit.scope),
        context.buyer(audit.buyer_id),
        sample,
        printed,
        estimated,
        interval,
        labels(f"audits.{key}"),
        agrees,
        sentence,
    )


def _duty(context: Context, found: Sequence[Duty]) -> tuple[DutyRow, ...]:
    """Nothing at all where no buyer has data: the report then says which file would bring it."""
    if all(row.status == "no_data" for row in found):
        return ()
    oldest = context.year - DUTY_YEARS
    return tuple(
        DutyRow(
            context.buyer(row.buyer_id),
            row.year,
            _spend(context, row),
            "—"
            if row.threshold_eur is None
            else context.formats.whole_money(row.threshold_eur)
            + ("" if row.threshold_source is None else f" ({row.threshold_source})"),
            row.threshold_status,
            row.status,
            context.labels.code("duty.status", row.status),
            context.text(row.reason_fr, row.reason_en) or "—",
        )
        for row in found
        if row.year > oldest
    )


def _spend(context: Context, row: Duty) -> str:
    """`12,00 €`, `de 12,00 € à 14,00 €`, `au moins 12,00 €`."""
    money, labels = context.formats.money, context.labels
    low, high = row.spend_low_eur, row.spend_high_eur
    if low is None and high is None:
        return "—"
    if low is not None and high is not None:
        if low == high:
            return money(low)
        return labels("interval.range", low=money(low), high=money(high))
    if low is not None:
        return labels("duty.at_least", value=money(low))
    return labels("duty.at_most", value=money(high or Decimal(0)))
