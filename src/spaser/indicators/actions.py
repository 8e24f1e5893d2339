"""What to do in the registers, and what each repair brings → `quality.actions`.

Findings, suspicions, missing fields and undecidable targets, grouped by what to do. What decides a
target comes first, then what gives euros back to value figures, then what touches most contracts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
from babel.numbers import format_compact_currency, format_decimal

from spaser.cards import Catalogue, IndicatorCard
from spaser.scheme import Scheme
from spaser.warehouse import Connection, Tables, literal, session

TABLE = "quality.actions"
UNDATED = "undated"
"""The part of what belongs to no year."""


@dataclass(frozen=True)
class Group:
    """Things of one kind to do, of one buyer and year; a target has its id and label."""

    rule: str
    field: str | None
    buyer_id: str
    year: int | None
    severity: str
    count: int
    contracts: int | None = None
    amount_eur: Decimal | None = None
    target_id: str | None = None
    label_fr: str = ""
    label_en: str = ""

    @property
    def key(self) -> str:
        """What tells the action from the others, from one run to the next."""
        parts = (self.rule, self.field, self.buyer_id, self.year, self.target_id)
        return ":".join("" if part is None else str(part) for part in parts)


def write_actions(
    tables: Tables, catalogue: Catalogue, scheme: Scheme, years: Sequence[int]
) -> int:
    """Write the parts of some years of `quality.actions`, and that of what has no year.

    Grain: one row per action_key. Where the scheme takes every buyer found, buyers are put
    together (`buyer_id` = `*`). Tables that were not built bring nothing.

    Args:
        tables: where findings, suspicions, completeness and verdicts are.
        catalogue: the cards, for labels and what to do.
        scheme: whose targets are decided.
        years: years of first notification to write.

    Returns:
        The number of rows.
    """
    with session() as connection:
        _attach(connection, tables)
        of_buyer = "'*'" if scheme.buyers == "all" else "{}"
        groups = [
            *_targets(connection, tables, catalogue),
            *_suspicions(connection, tables, catalogue, of_buyer),
            *_findings(connection, tables, catalogue, of_buyer),
            *_missing(connection, tables, catalogue, every_buyer=scheme.buyers == "all"),
        ]
        written = 0
        for year in (*years, None):
            ranked = sorted((g for g in groups if g.year == year), key=_by_gain)
            rows = [_row(catalogue, group, rank) for rank, group in enumerate(ranked, start=1)]
            connection.register("action_rows", pa.Table.from_pylist(rows, schema=_SCHEMA))
            part = UNDATED if year is None else f"year={year}"
            query = "select * from action_rows order by rank"
            written += tables.write(connection, TABLE, query, part)
    return written


def _attach(connection: Connection, tables: Tables) -> None:
    read = (
        "curated.contracts",
        "curated.buyers",
        "quality.findings",
        "quality.suspicions",
        "quality.completeness",
        "indicators.verdicts",
        "indicators.evidence",
    )
    tables.attach(connection, [table for table in read if tables.exists(table)])


def _groups(connection: Connection, query: str) -> list[Group]:
    return [Group(**row) for row in connection.sql(query).to_arrow_table().to_pylist()]


# Where the things to do come from


def _targets(connection: Connection, tables: Tables, catalogue: Catalogue) -> Iterable[Group]:
    """Targets that some contracts, once qualified, decide."""
    if not tables.exists("indicators.verdicts"):
        return
    has_evidence = tables.exists("indicators.evidence")
    verdicts = connection.sql(
        """select target_id, buyer_id, year, code, method, measure, scope, to_qualify, label_fr,
            label_en
        from indicators.verdicts where verdict = 'undecidable' and to_qualify > 0"""
    )
    for row in verdicts.to_arrow_table().to_pylist():
        yield Group(
            rule="to_qualify",
            field=", ".join(fields_read(catalogue.indicators[row["code"]])) or None,
            buyer_id=row["buyer_id"],
            year=row["year"],
            severity=catalogue.rules["to_qualify"].severity,
            count=row["to_qualify"],
            contracts=_unknown(connection, row) if has_evidence else None,
            target_id=row["target_id"],
            label_fr=row["label_fr"],
            label_en=row["label_en"],
        )


def _unknown(connection: Connection, verdict: Mapping[str, Any]) -> int:
    """How many contracts leave the figure of a target open."""
    keys = ("code", "method", "measure", "scope", "year")
    where = " and ".join(f"{key} = ?" for key in keys)
    rows = connection.execute(
        f"""select count(distinct unit_id) from indicators.evidence
        where {where} and role = 'unknown' and ? in ('*', buyer_id)""",
        [*(verdict[key] for key in keys), verdict["buyer_id"]],
    ).fetchall()
    return int(rows[0][0])


def _suspicions(
    connection: Connection, tables: Tables, catalogue: Catalogue, of_buyer: str
) -> list[Group]:
    """Suspicions; a row without uid stands for as many contracts as it says."""
    if not tables.exists("quality.suspicions"):
        return []
    # Of a buyer's wrong SIRET the value is the SIRET, and its contracts are in the detail.
    of_set = "coalesce(try_cast(case rule when 'siret_invalid' then {} else value end as int), 1)"
    found = _groups(
        connection,
        f"""select rule, field, {of_buyer.format("coalesce(buyer_id, '*')")} as buyer_id, year,
            '' as severity,
            cast(sum(case when uid is null then {of_set.format("'1'")} else 1 end) as bigint)
                as count,
            cast(count(distinct uid) + coalesce(sum({of_set.format("detail")})
                filter (uid is null), 0) as bigint) as contracts,
            cast(sum(amount_eur) as decimal(18,2)) as amount_eur
        from quality.suspicions group by all""",
    )
    gains = _gains(catalogue)
    return [
        replace(
            group,
            severity=catalogue.rules[group.rule].severity,
            amount_eur=group.amount_eur if gains[group.rule]["brings_euros"] == "true" else None,
        )
        for group in found
    ]


def _findings(
    connection: Connection, tables: Tables, catalogue: Catalogue, of_buyer: str
) -> list[Group]:
    """The other findings that ask for something, of the scheme's buyers.

    A list that several checks want is one list to provide.
    """
    if not tables.exists("quality.findings"):
        return []
    suspicions = catalogue.tables["quality/suspicions"].columns["rule"].codes
    told = ", ".join(literal(rule) for rule in suspicions)
    asking = ", ".join(literal(rule) for rule in _gains(catalogue))
    found = _groups(
        connection,
        f"""select f.rule, f.field, {of_buyer.format("coalesce(c.buyer_id, '*')")} as buyer_id,
            c.year, f.severity, count(*) as count, nullif(count(distinct c.uid), 0) as contracts
        from quality.findings f
        left join curated.contracts c on c.uid = f.key
        left join curated.buyers b on b.buyer_id = c.buyer_id
        where f.rule not in ({told}) and (f.severity <> 'info' or f.rule in ({asking}))
            and (c.uid is null or b.in_scheme)
        group by all""",
    )
    return [replace(g, count=1) if g.rule == "list_absent" else g for g in found]


def _missing(
    connection: Connection, tables: Tables, catalogue: Catalogue, *, every_buyer: bool
) -> list[Group]:
    """Required fields not filled, by buyer and year."""
    if not tables.exists("quality.completeness"):
        return []
    columns = connection.sql("select * from quality.completeness limit 0").columns
    whole = "directorate = '*'" if "directorate" in columns else "true"
    found = _groups(
        connection,
        f"""select 'field_missing' as rule, field, buyer_id, year, '' as severity,
            required - filled as count, required - filled as contracts
        from quality.completeness
        where {whole} and (buyer_id = '*') = {str(every_buyer).lower()} and filled < required""",
    )
    severity = catalogue.rules["field_missing"].severity
    return [replace(group, severity=severity) for group in found]


# What reads what

_READS: Mapping[str, tuple[str, ...]] = {
    "has_social_consideration": ("social_considerations",),
    "has_social_clause": ("social_considerations",),
    "has_social_criterion": ("social_considerations",),
    "is_reserved": ("social_considerations",),
    "reserved_for": ("reserved_article",),
    "has_environmental_consideration": ("environmental_considerations",),
    "has_environmental_clause": ("environmental_considerations",),
    "has_environmental_criterion": ("environmental_considerations",),
    "has_social_or_environmental": ("social_considerations", "environmental_considerations"),
    "published_on_time": ("published_date",),
    "is_single_bid": ("offers_received",),
    "contract_type": ("cpv_code",),
    "procedure_code": ("procedure",),
}
"""Column of the facts → the fields of a register it is made from, where the names differ."""


def fields_read(card: IndicatorCard) -> list[str]:
    """The fields of a register that an indicator asks about, in the order of its expressions."""
    texts = [text for m in card.methods for text in (m.met, m.of, m.part, m.whole) if text]
    names = [name for text in texts for name in re.findall(r"[a-z_]+", text)]
    found = [field for name in names for field in _READS.get(name, (name,) * (name in _SAME_NAME))]
    return list(dict.fromkeys(found))


_SAME_NAME = frozenset({"is_innovative", "offers_received", "notified_date", "place_code"})

# What each brings

_OTHER = {"gain_fr": "{title} : {n} à traiter", "gain_en": "{title}: {n} to deal with"}


def _gains(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """What the repair of a rule brings, where there is something better to say than its title.

    In a sentence `[one|many]` agrees with the number. `brings_euros`: the repair changes a sum.
    """
    return {row["rule"]: row for row in catalogue.reference("action_gains")}


def _gain(catalogue: Catalogue, group: Group, language: str) -> str:
    english = language == "en"
    rule = catalogue.rules[group.rule]
    field = catalogue.fields.get(group.field or "")
    label = group.label_en if english else group.label_fr
    quoted = f"“{label}”" if english else f"« {label} »"
    many = group.count != 1 if english else group.count > 1
    template = _gains(catalogue).get(group.rule, _OTHER)[f"gain_{language}"]
    agreed = re.sub(r"\[(.*?)\|(.*?)\]", lambda forms: forms[1 + many], template)
    return agreed.format(
        n=format_decimal(group.count, locale=language),
        eur=_money(group.amount_eur, language),
        target=f"{group.target_id} ({quoted}, {group.year})",
        title=rule.title_en if english else rule.title_fr,
        label=group.field if field is None else field.label_en if english else field.label_fr,
    )


def _money(value: Decimal | None, language: str) -> str:
    if value is None:
        return "—"
    return str(format_compact_currency(value, "EUR", locale=language, fraction_digits=1))


def _action(catalogue: Catalogue, group: Group, language: str) -> str:
    rule = catalogue.rules[group.rule]
    text = rule.action_en if language == "en" else rule.action_fr
    return text.replace("{field}", _labels(catalogue, group.field, language))


def _labels(catalogue: Catalogue, fields: str | None, language: str) -> str:
    english = language == "en"
    names = (fields or "—").split(", ")
    known = [catalogue.fields.get(name) for name in names]
    texts = [
        name if field is None else field.label_en if english else field.label_fr
        for name, field in zip(names, known, strict=True)
    ]
    return ", ".join(f"“{text}”" if english else f"« {text} »" for text in texts)


_GRAVITY = {"error": 0, "warning": 1, "info": 2}


def _by_gain(group: Group) -> tuple[Any, ...]:
    return (
        group.target_id is None,
        group.count if group.target_id is not None else 0,
        -(group.amount_eur or Decimal(0)),
        _GRAVITY[group.severity],
        -group.count,
        group.key,
    )


def _row(catalogue: Catalogue, group: Group, rank: int) -> dict[str, Any]:
    return {
        "action_key": group.key,
        "rank": rank,
        "rule": group.rule,
        "field": group.field,
        "buyer_id": group.buyer_id,
        "year": group.year,
        "severity": group.severity,
        "count": group.count,
        "contracts": group.contracts,
        "amount_eur": group.amount_eur,
        "gain_fr": _gain(catalogue, group, "fr"),
        "gain_en": _gain(catalogue, group, "en"),
        "action_fr": _action(catalogue, group, "fr"),
        "action_en": _action(catalogue, group, "en"),
        "decides": [] if group.target_id is None else [group.target_id],
    }


_SCHEMA = pa.schema(
    [
        ("action_key", pa.string()),
        ("rank", pa.int32()),
        ("rule", pa.string()),
        ("field", pa.string()),
        ("buyer_id", pa.string()),
        ("year", pa.int32()),
        ("severity", pa.string()),
        ("count", pa.int64()),
        ("contracts", pa.int64()),
        ("amount_eur", pa.decimal128(18, 2)),
        ("gain_fr", pa.string()),
        ("gain_en", pa.string()),
        ("action_fr", pa.string()),
        ("action_en", pa.string()),
        ("decides", pa.list_(pa.string())),
    ]
)
