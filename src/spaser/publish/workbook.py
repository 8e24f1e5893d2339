"""`indicateurs.xlsx`: results, evidence, objectives, findings, quality, glossary, method.

The sheets on the register come from `annex_sheets`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from spaser.office import (
    DECIMAL,
    EURO,
    PERCENT,
    WHOLE,
    Cell,
    Column,
    Number,
    add_sheet,
    new_book,
    save_book,
)
from spaser.publish.annex_sheets import annex_sheets
from spaser.publish.annexes import Annexes
from spaser.publish.context import SCOPES, SECRET, Context
from spaser.publish.quality_view import QualityView
from spaser.publish.reading import DIMENSIONS, Line, Result, Role, Run, Source, Verdict
from spaser.publish.wording import is_secret

MAX_FINDINGS = 20_000
"""The gravest come first; `quality.findings` has them all."""

MAX_BUYERS = 50
"""Above that many buyers the workbook has the whole scheme only; the CSV has every buyer."""

_WEIGHTS = ("numerator", "denominator", "unknown")

_FORMS = {"share": PERCENT, "eur": EURO, "contracts": WHOLE, "people": WHOLE, "fte": "#,##0.0"}
"""Number formats of the units; hours and others show their cents."""

BREAKDOWN_SCOPES = ("floor", "all")
"""Scopes whose breakdowns, by buyer included, the workbook holds; the CSV has every one."""


def write(
    path: Path,
    context: Context,
    run: Run,
    source: Source,
    results: Sequence[Result],
    verdicts: Sequence[Verdict],
    line_count: int,
    lines: Sequence[Line],
    roles: Sequence[Role],
    quality: QualityView,
) -> None:
    """Write the workbook."""
    t = context.labels
    title = context.text(run.title_fr, run.title_en)
    book = new_book(t("page.document", year=context.year, title=title))
    add_sheet(book, t("workbook.results"), *_results(context, results))
    if lines or not line_count:
        add_sheet(book, t("workbook.evidence"), *_evidence(context, lines, roles))
        add_sheet(book, t("workbook.contracts"), *_contracts(context, lines))
    else:
        add_sheet(book, t("workbook.evidence"), *_too_many(context, line_count))
    add_sheet(book, t("workbook.objectives"), *_objectives(context, verdicts))
    add_sheet(book, t("workbook.findings"), *_findings(context, source))
    add_sheet(book, t("workbook.quality"), *_quality(context, quality))
    for sheet in annex_sheets(context, Annexes(source)):
        add_sheet(book, sheet.title, sheet.columns, sheet.rows)
    add_sheet(book, t("workbook.glossary"), *_glossary(context))
    add_sheet(book, t("workbook.method"), *_methods(context, run))
    save_book(book, path, run.as_of)


def _value(unit: str, value: Decimal | None) -> Number:
    form = _FORMS.get(unit, DECIMAL)
    return Number(value, form)


def _numbers(result: Result) -> list[Number]:
    """Value, numerator, denominator, unknown, low, high, excluded."""
    computed = result.status == "computed"
    return [
        _value(result.unit, result.value if computed else None),
        *(_weight(result.measure, getattr(result, part)) for part in _WEIGHTS),
        _value(result.unit, result.low),
        _value(result.unit, result.high),
        Number(result.excluded),
    ]


def _weight(measure: str, value: Decimal | None) -> Number:
    if measure == "value":
        return Number(value, EURO)
    whole = value is None or value == value.to_integral_value()
    return Number(value, WHOLE if whole else DECIMAL)


def _results(
    context: Context, results: Sequence[Result]
) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    t = context.labels
    columns = [
        Column(t("workbook.code"), 9),
        Column(t("workbook.title"), 44),
        Column(t("workbook.method_name"), 11),
        Column(t("parts.measure"), 28),
        Column(t("parts.scope"), 34),
        Column(t("parts.year"), 8),
        Column(t("dimensions.buyer"), 30),
        Column(t("workbook.dimension"), 22),
        Column(t("workbook.member"), 34),
        Column(t("parts.value"), 17),
        Column(t("parts.numerator"), 18),
        Column(t("parts.denominator"), 18),
        Column(t("parts.unknown"), 16),
        Column(t("parts.low"), 14),
        Column(t("parts.high"), 14),
        Column(t("parts.excluded"), 10),
        Column(t("workbook.status"), 14),
        Column(t("workbook.reason"), 46),
        Column(t("workbook.version"), 9),
    ]

    buyers = {r.buyer_id for r in results}
    named = buyers if len(buyers) <= MAX_BUYERS else {"*"}

    def rows() -> Iterable[Sequence[Cell]]:
        for r in sorted(results, key=lambda r: (r.code, r.dimension != "*")):
            if r.buyer_id not in named:
                continue
            whole = (r.buyer_id, r.dimension) == ("*", "*")
            if not whole and r.scope not in BREAKDOWN_SCOPES:
                continue
            if r.scope != "all" and not context.counts_contracts(r.code, r.method):
                continue
            card = context.catalogue.indicators.get(r.code)
            computed = r.status == "computed"
            yield (
                r.code,
                context.card_text(card.labels) if card else r.code,
                r.method,
                context.kind_name(r.code, r.method, r.unit, r.measure),
                context.scope_of(r),
                r.year,
                context.buyer(r.buyer_id),
                "" if r.dimension == "*" else context.dimension(r.dimension),
                "" if r.dimension == "*" else context.member(r.dimension, r.member),
                *(SECRET if is_secret(r) and not cell.value else cell for cell in _numbers(r)),
                t("workbook.computed") if computed else t.code("status", r.status),
                context.text(r.reason_fr, r.reason_en),
                r.method_version,
            )

    return columns, rows()


def _evidence(
    context: Context, lines: Sequence[Line], roles: Sequence[Role]
) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    """One row per figure and contract, with a column per scope: a filter on one gives the lines."""
    t = context.labels
    columns = [
        Column(t("workbook.code"), 9),
        Column(t("workbook.method_name"), 11),
        Column(t("parts.measure"), 10),
        *(Column(t("workbook.role_in", scope=context.scope(scope)), 24) for scope in SCOPES),
        Column(t("dialog.weight"), 16),
        Column(t("dialog.uid"), 30),
        Column(t("dialog.object"), 60),
    ]
    by_uid = {line.uid: line for line in lines}
    ratios = {
        (card.id, method.name)
        for card in context.catalogue.indicators.values()
        for method in card.methods
        if method.kind == "ratio"
    }
    grouped: dict[tuple[str, str, str, str, str], dict[str, Role]] = {}
    for role in roles:
        # A ratio counts a contract twice: its part, and the rest of its whole.
        part = f"{role.role} {role.reason}" if (role.code, role.method) in ratios else ""
        key = (role.code, role.method, role.measure, role.unit_id, part)
        grouped.setdefault(key, {})[role.scope] = role

    def rows() -> Iterable[Sequence[Cell]]:
        for (code, method, measure, uid, _), found in grouped.items():
            line = by_uid.get(uid)
            weight = next(iter(found.values())).weight
            yield (
                code,
                method,
                t.code("measures", measure),
                *(_role(context, found.get(scope)) for scope in SCOPES),
                _weight(measure, weight),
                uid,
                None if line is None else line.object,
            )

    return columns, rows()


def _too_many(context: Context, count: int) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    """What stands in the place of more evidence than a workbook can carry."""
    t = context.labels
    message = t("workbook.too_many", count=context.formats.number(count))
    return [Column(t("workbook.text"), 90)], [(message,)]


def _contracts(
    context: Context, lines: Sequence[Line]
) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    """The contracts that the evidence sheet names."""
    t = context.labels
    columns = [
        Column(t("dialog.uid"), 32),
        Column(t("dialog.object"), 70),
        Column(t("dialog.buyer"), 30),
        Column(t("dialog.date"), 12),
        Column(t("dialog.amount"), 18),
        Column(t("workbook.reason"), 30),
        *(Column(t(f"dimensions.{name}"), 26) for name in DIMENSIONS),
        Column(t("dialog.source"), 50),
    ]

    def rows() -> Iterable[Sequence[Cell]]:
        for line in lines:
            reason = line.amount_exclusion_reason
            yield (
                line.uid,
                line.object,
                context.buyer(line.buyer_id),
                line.notified_date,
                Number(line.amount_initial_eur, EURO),
                t.code("reasons", reason) if reason else None,
                *(context.member(name, getattr(line, name) or "unknown") for name in DIMENSIONS),
                " ".join(part for part in (line.source_file, line.source_pointer) if part),
            )

    return columns, rows()


def _role(context: Context, role: Role | None) -> str | None:
    if role is None:
        return None
    text = context.labels.code("roles", role.role)
    return f"{text} ({context.labels.code('reasons', role.reason)})" if role.reason else text


def _objectives(
    context: Context, verdicts: Sequence[Verdict]
) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    t = context.labels
    columns = [
        Column(t("objectives.objective"), 50, wrap=True),
        Column(t("workbook.code"), 9),
        Column(t("parts.measure"), 28),
        Column(t("parts.scope"), 34),
        Column(t("objectives.buyer"), 28),
        Column(t("objectives.threshold"), 14),
        Column(t("objectives.due"), 10),
        Column(t("objectives.value", year=context.year), 14),
        Column(t("parts.low"), 14),
        Column(t("parts.high"), 14),
        Column(t("objectives.verdict"), 16),
        Column(t("workbook.trajectory"), 24),
        Column(t("objectives.gap"), 16),
    ]

    def rows() -> Iterable[Sequence[Cell]]:
        for v in verdicts:
            card = context.catalogue.indicators.get(v.code)
            label = context.text(v.label_fr, v.label_en)
            trajectory = v.trajectory or "null"
            yield (
                label or (context.card_text(card.labels) if card else v.code),
                v.code,
                context.kind_name(v.code, v.method, v.unit, v.measure),
                context.scope_of(v),
                context.buyer(v.buyer_id),
                _value(v.unit, v.threshold),
                v.due_year,
                _value(v.unit, v.value),
                _value(v.unit, v.low),
                _value(v.unit, v.high),
                t.code("objectives", v.verdict),
                t.code("objectives", f"trajectory_{trajectory}") if v.verdict == "not_due" else "",
                Number(v.to_qualify),
            )

    return columns, rows()


def _findings(context: Context, source: Source) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    t = context.labels
    columns = [
        Column(t("quality.severity"), 14),
        Column(t("quality.rule"), 34, wrap=True),
        Column(t("workbook.message"), 70, wrap=True),
        Column(t("quality.action"), 50, wrap=True),
        Column(t("quality.file"), 34),
        Column(t("workbook.pointer"), 20),
        Column(t("workbook.key"), 30),
        Column(t("workbook.field"), 22),
        Column(t("workbook.value"), 30),
    ]
    english = context.language == "en"

    def rows() -> Iterable[Sequence[Cell]]:
        for item in source.all_findings(MAX_FINDINGS):
            rule = context.catalogue.rules.get(item.rule)
            yield (
                t.code("quality.severities", item.severity),
                context.text(rule.title_fr, rule.title_en) if rule else item.rule,
                item.message_en if english else item.message_fr,
                (item.action_en if english else item.action) or "",
                item.source_file,
                item.source_pointer,
                item.key,
                item.field,
                item.value,
            )

    return columns, rows()


def _quality(
    context: Context, quality: QualityView
) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    t = context.labels
    columns = [
        Column(t("workbook.kind"), 26),
        Column(t("workbook.subject"), 50, wrap=True),
        *(
            Column(t(f"quality.{name}"), 14)
            for name in ("records_in", "kept", "merged", "rejected")
        ),
        Column(t("quality.share"), 10),
        Column(t("quality.result"), 18),
        Column(t("quality.sha256"), 68),
    ]
    rows: list[Sequence[Cell]] = []
    for field, filled, required, share, _ in quality.completeness:
        rows.append(
            (t("quality.completeness"), field, required, filled, None, None, share, None, None)
        )
    for step, records, kept, merged, rejected, closes in quality.balances:
        outcome = t("quality.closed") if closes else t("quality.open")
        rows.append(
            (t("quality.balances"), step, records, kept, merged, rejected, None, outcome, None)
        )
    for file, sha256, title, records, kept, rejected in quality.inputs:
        rows.append((t("quality.inputs"), file, records, kept, None, rejected, None, title, sha256))
    for description, table, _, passed, unexpected in quality.checks:
        outcome = t("quality.passed") if passed else t("quality.failed")
        subject = f"{description} ({table})"
        rows.append(
            (t("quality.checks"), subject, None, None, None, unexpected, None, outcome, None)
        )
    return columns, rows


def _glossary(context: Context) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    t = context.labels
    entries = (entry.split("|") for entry in t.family("glossary").values())
    columns = [Column(t("workbook.term"), 36), Column(t("workbook.definition"), 100, wrap=True)]
    return columns, ((term, definition) for term, definition in entries)


def _methods(context: Context, run: Run) -> tuple[list[Column], Iterable[Sequence[Cell]]]:
    t = context.labels
    columns = [
        Column(t("workbook.code"), 14),
        Column(t("workbook.subject"), 28),
        Column(t("workbook.text"), 110, wrap=True),
    ]
    rows: list[Sequence[Cell]] = [
        ("", t("page.as_of"), context.formats.date(run.as_of)),
        ("", t("page.floor"), t("page.floor_value", amount=context.floor)),
        ("", t("sections.method"), t("tables.note")),
        ("", t("secret.title"), t("secret.note")),
    ]
    for card in context.catalogue.indicators.values():
        rows += [
            (card.id, t("workbook.title"), context.card_text(card.labels)),
            (card.id, t("method.counts"), context.card_text(card.counts)),
            (card.id, t("method.perimeter"), context.card_text(card.population_text)),
            (card.id, t("method.version"), str(card.method_version)),
            *((card.id, t("method.caveats"), context.card_text(text)) for text in card.caveats),
            *(
                (
                    card.id,
                    t("method.legal"),
                    f"{context.card_text(law.text)} – {law.source} ({t('method.' + law.status)})",
                )
                for law in card.legal
            ),
            *(
                (
                    card.id,
                    t("method.changelog"),
                    f"{item.version} ({item.date}) – {context.card_text(item.text)}",
                )
                for item in card.changelog
            ),
        ]
    return columns, rows
