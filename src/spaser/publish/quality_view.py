"""The view of `quality.*`: what was read, what was lost (nothing), what is to be corrected."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from spaser.publish.context import Context
from spaser.publish.reading import Source

EXAMPLES = 3
NOTEWORTHY_FILES = 200


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
class QualityView:
    """The tables of the section, as printed text."""

    inputs: tuple[tuple[str, str, str, str, str, str], ...]
    balances: tuple[tuple[str, str, str, str, str, bool], ...]
    findings: tuple[FindingView, ...]
    completeness: tuple[tuple[str, str, str, str, str], ...]
    checks: tuple[tuple[str, str, str, bool, str], ...]


def quality(context: Context, source: Source) -> QualityView:
    """The section's content."""
    number = context.formats.number
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
        _completeness(context, source),
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
    )


def _source_title(context: Context, key: str | None) -> str:
    if key is None:
        return context.labels("quality.unrecognised")
    card = context.catalogue.sources.get(key) or context.catalogue.sources.get(f"sources/{key}")
    return context.card_text(card.title) if card else key


def _findings(context: Context, source: Source) -> tuple[FindingView, ...]:
    examples: dict[str, list[tuple[str, str]]] = {}
    for example in source.finding_examples(EXAMPLES):
        where = " ".join(part for part in (example.source_file, example.source_pointer) if part)
        message = context.text(example.message_fr, example.message_en)
        examples.setdefault(example.rule, []).append((where or example.key or "—", message))
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


def _rule_title(context: Context, name: str) -> str:
    rule = context.catalogue.rules.get(name)
    return context.text(rule.title_fr, rule.title_en) if rule else name


def _completeness(context: Context, source: Source) -> tuple[tuple[str, str, str, str, str], ...]:
    rows = []
    for row in source.completeness():
        share = Decimal(row.filled) / Decimal(row.required) if row.required else None
        field = context.catalogue.fields.get(row.field)
        label = context.text(field.label_fr, field.label_en) if field else row.field
        rows.append((share if share is not None else Decimal(2), label, row))
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
