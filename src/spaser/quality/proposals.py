"""What a department may correct, one row a change: `quality.proposals`.

Four origins, each from tables that may be absent:

* `curated.reconciliation`: a field in which DECP differs (`decp_differs`); what the DECP amount,
  always without VAT, says of the register's own (`tax_basis_from_decp`, `vat_rate_from_decp`); a
  near match to decide (`near_match`);
* `quality.suspicions`: those with a definite repair (`cpv_against_type`);
* `indicators.verdicts` and `indicators.evidence`: unknowns that decide a target (`to_qualify`),
  with nothing proposed, because only the contract documents tell.

Nothing is proposed for a field already corrected, nor a change that was refused. `confidence` sorts
the work: it says how far the other source is believed against the register, which is the reference;
it is null where nothing is proposed. `effect_eur` is what accepting adds to the usable amount of
the scheme, after the proposals above it on the same contract.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spaser import ledger
from spaser.cards import Catalogue, catalogue
from spaser.ledger import SAME_AS, Correction
from spaser.project import Project
from spaser.quality.field_values import FieldValues, is_correctable
from spaser.quality.worth import Contract, Effects, contracts_of, published_of
from spaser.scheme import Scheme
from spaser.warehouse import Connection, Tables, session

COMPARED = (
    "notified_date",
    "procedure",
    "cpv_code",
    "social_considerations",
    "environmental_considerations",
    "object",
)
"""Fields whose DECP value is proposed where it differs; the amount has its own rules, and holders,
which are no single cell, are corrected in the register."""

BELIEF = {"object": Decimal("0.3"), "procedure": Decimal("0.6"), "cpv_code": Decimal("0.6")}
EVEN = Decimal("0.5")
"""Two declarations disagree and nothing tells which is right."""

TOLD = Decimal("0.9")
"""The difference itself tells: a ratio that is a rate of VAT, a day and a month exchanged."""

LESS_SURE = Decimal("0.9")
"""Factor for contracts matched by their description and not by their id."""

VAT_RATES = (Decimal("0.2"), Decimal("0.1"), Decimal("0.055"), Decimal("0.021"), Decimal("0.085"))
"""CGI art. 278, 278 bis, 278-0 bis, 281 quater and, overseas, 296."""

RULES = (
    "decp_differs",
    "tax_basis_from_decp",
    "vat_rate_from_decp",
    "near_match",
    "cpv_against_type",
    "to_qualify",
)

_DECIDED_BY = {
    "has_social_consideration": ("social_considerations",),
    "has_social_clause": ("social_considerations",),
    "has_social_criterion": ("social_considerations",),
    "is_reserved": ("social_considerations",),
    "has_environmental_consideration": ("environmental_considerations",),
    "has_environmental_clause": ("environmental_considerations",),
    "has_environmental_criterion": ("environmental_considerations",),
    "has_social_or_environmental": ("social_considerations", "environmental_considerations"),
    "is_innovative": ("is_innovative",),
    "offers_received": ("offers_received",),
    "is_single_bid": ("offers_received",),
    "published_on_time": ("published_date",),
}
"""Fact → fields of the register that decide it."""


@dataclass(frozen=True)
class Proposal:
    """One row of `quality.proposals`."""

    proposal_id: str
    key: str
    field: str
    current: str | None
    proposed: str | None
    reason_fr: str
    reason_en: str
    confidence: Decimal | None
    rule: str
    effect_eur: Decimal
    year: int | None
    buyer_id: str
    object: str | None
    source_file: str | None
    source_pointer: str | None


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("proposal_id", "key", "field", "current", "proposed")),
        ("reason_fr", pa.string()),
        ("reason_en", pa.string()),
        ("confidence", pa.decimal128(4, 3)),
        ("rule", pa.string()),
        ("effect_eur", pa.decimal128(18, 2)),
        ("year", pa.int32()),
        *((name, pa.string()) for name in ("buyer_id", "object", "source_file", "source_pointer")),
    ]
)


@dataclass(frozen=True)
class Change:
    """A change of one field of one contract, before what is known of the contract is added."""

    key: str
    field: str
    current: Any
    proposed: Any
    reason: tuple[str, str]
    confidence: Decimal | None
    rule: str


def write_proposals(tables: Tables, project: Project, scheme: Scheme) -> int:
    """Write `quality.proposals`; returns the number of rows.

    Raises:
        InputError: the scheme's refusals are damaged.
    """
    cards = catalogue(project.assets)
    refused = ledger.read(ledger.refusals_file(project, scheme.name))
    with session() as connection:
        tables.attach(connection, tables.names())
        found = _proposals(connection, tables, cards, scheme, refused)
        rows = [astuple(proposal) for proposal in found]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields(Proposal))
        arrays = [
            pa.array(list(column), kind.type) for column, kind in zip(columns, SCHEMA, strict=True)
        ]
        connection.register("proposal_rows", pa.table(arrays, schema=SCHEMA))
        return tables.write(connection, "quality.proposals", "select * from proposal_rows")


def _proposals(
    connection: Connection,
    tables: Tables,
    cards: Catalogue,
    scheme: Scheme,
    refused: Iterable[Correction],
) -> list[Proposal]:
    if not tables.exists("curated.entries"):
        return []
    values = FieldValues(cards)
    changes = list(_changes(connection, tables, cards, values))
    contracts = contracts_of(connection, {change.key for change in changes})
    known = {identity(line.key, line.field, line.old, line.new) for line in refused}
    kept = [
        change
        for change in changes
        if change.key in contracts
        and change.field not in contracts[change.key].corrected
        and _identity(change, values) not in known
    ]
    kept.sort(key=lambda c: (RULES.index(c.rule), -(c.confidence or 0), c.key, c.field))
    near = {change.proposed for change in kept if change.field == SAME_AS}
    published = published_of(connection, near) if near else {}
    return list(_dressed(kept, contracts, values, Effects(contracts, published, scheme.precedence)))


def _identity(change: Change, values: FieldValues) -> str:
    if change.field == SAME_AS:
        return identity(change.key, change.field, None, change.proposed)
    texts = (values.text(change.field, value) for value in (change.current, change.proposed))
    return identity(change.key, change.field, *texts)


def identity(key: str, field: str, current: str | None, proposed: str | None) -> str:
    """What tells a proposal from another, and finds one that was refused."""
    told = "\x1f".join(
        (
            key,
            field,
            "\x00" if current is None else current,
            "\x00" if proposed is None else proposed,
        )
    )
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _dressed(
    changes: Iterable[Change],
    contracts: dict[str, Contract],
    values: FieldValues,
    effects: Effects,
) -> Iterator[Proposal]:
    """The changes with their contract and their effect."""
    for change in changes:
        contract = contracts[change.key]
        pseudo = change.field == SAME_AS
        current = None if pseudo else values.text(change.field, change.current)
        proposed = change.proposed if pseudo else values.text(change.field, change.proposed)
        effect = effects.of(change.key, change.field, change.proposed) if proposed else {}
        yield Proposal(
            proposal_id=identity(change.key, change.field, current, proposed),
            key=change.key,
            field=change.field,
            current=current,
            proposed=proposed,
            reason_fr=change.reason[0],
            reason_en=change.reason[1],
            confidence=change.confidence,
            rule=change.rule,
            effect_eur=sum(effect.values(), Decimal(0)),
            year=contract.worth.year,
            buyer_id=contract.buyer_id,
            object=contract.object,
            source_file=contract.source_file,
            source_pointer=contract.source_pointer,
        )


def _changes(
    connection: Connection, tables: Tables, cards: Catalogue, values: FieldValues
) -> Iterator[Change]:
    if tables.exists("curated.reconciliation"):
        yield from _from_decp(connection)
        yield from _near(connection)
    if tables.exists("quality.suspicions"):
        yield from _from_suspicions(connection, values)
    if tables.exists("indicators.verdicts") and tables.exists("indicators.evidence"):
        yield from _to_qualify(connection, cards)


# --- from DECP ----------------------------------------------------------------------------------


def _from_decp(connection: Connection) -> Iterator[Change]:
    both = ", ".join(f"e.{name} as own_{name}, d.{name} as decp_{name}" for name in COMPARED)
    partial = ", ".join(
        f"coalesce(e.{name}_partial, false) or coalesce(d.{name}_partial, false) as {name}_partial"
        for name in COMPARED
        if name.endswith("considerations")
    )
    rows = connection.sql(
        f"""with decp as (
            select p.uid, r.* replace (p.notified_date as notified_date)
            from curated.publications p join curated.records r using (record_number)
            where p.role = 'retained' and p.origin = 'decp' and p.record_kind = 'contract'
        )
        select m.level, m.own_uid, m.differences, coalesce(e.decp_fields, []) as decp_fields,
            {both}, {partial}, e.amount as own_amount, d.amount as decp_amount, e.tax_basis,
            e.vat_rate
        from curated.reconciliation m
        join curated.entries e on e.uid = m.own_uid and e.record_kind = 'contract'
        join decp d on d.uid = m.decp_uid
        where m.level in ('id', 'description', 'decided')
            and (len(m.differences) > 0 or e.tax_basis is distinct from 'ht')
        order by m.own_uid, m.decp_uid"""
    ).to_arrow_table()
    for batch in rows.to_batches(1_000):
        for row in batch.to_pylist():
            yield from _differing(row)
            yield from _amounts(row)


def _differing(row: dict[str, Any]) -> Iterator[Change]:
    for name in COMPARED:
        own, decp = row[f"own_{name}"], row[f"decp_{name}"]
        if (
            name not in (row["differences"] or ())
            or name in row["decp_fields"]
            or row.get(f"{name}_partial")
            or own is None
            or decp is None
            or own == decp
        ):
            continue
        confidence, reason = BELIEF.get(name, EVEN), _DIFFERS
        if name == "notified_date" and _is_swapped(own, decp):
            confidence, reason = TOLD, _SWAPPED
        yield Change(
            row["own_uid"], name, own, decp, reason, _by_level(confidence, row), "decp_differs"
        )


_DIFFERS = (
    "Le DECP publie une autre valeur pour ce marché.",
    "DECP publishes another value for this contract.",
)
_SWAPPED = (
    "Le DECP publie la même date, jour et mois inversés.",
    "DECP publishes the same date with day and month exchanged.",
)


def _by_level(confidence: Decimal, row: dict[str, Any]) -> Decimal:
    factor = LESS_SURE if row["level"] == "description" else Decimal(1)
    return (confidence * factor).quantize(Decimal("0.001"))


def _is_swapped(one: date, other: date) -> bool:
    return (one.year, one.month, one.day) == (other.year, other.day, other.month)


def _amounts(row: dict[str, Any]) -> Iterator[Change]:
    """What the DECP amount, without VAT, says of the register's amount, its basis and its rate."""
    own, decp = row["own_amount"], row["decp_amount"]
    if own is None or decp is None or "amount" in row["decp_fields"]:
        return
    key, basis, vat = row["own_uid"], row["tax_basis"], vat_between(decp, own)
    told, even = _by_level(TOLD, row), _by_level(EVEN, row)
    differs = "amount" in (row["differences"] or ())
    if basis == "ht" and own != decp and differs:
        reason = _with_rate(_HT_LOOKS_TTC, vat) if vat else _DIFFERS
        yield Change(key, "amount", own, decp, reason, told if vat else even, "decp_differs")
    elif basis == "ttc" and row["vat_rate"] is None and vat:
        reason = _with_rate(_RATE, vat)
        yield Change(key, "vat_rate", None, vat, reason, told, "vat_rate_from_decp")
    elif basis not in {"ht", "ttc"} and own == decp:
        yield Change(key, "tax_basis", basis, "ht", _SAME_AMOUNT, told, "tax_basis_from_decp")
    elif basis not in {"ht", "ttc"} and vat:
        reason = _with_rate(_RATE, vat)
        yield Change(key, "tax_basis", basis, "ttc", reason, told, "tax_basis_from_decp")
        if row["vat_rate"] is None:
            yield Change(key, "vat_rate", None, vat, reason, told, "vat_rate_from_decp")
    elif basis not in {"ht", "ttc"} and differs:
        yield Change(key, "amount", own, decp, _OTHER_BASIS, even, "decp_differs")


_SAME_AMOUNT = (
    "Le DECP, hors taxes, publie le même montant.",
    "DECP, without VAT, publishes the same amount.",
)
_OTHER_BASIS = (
    "Le DECP, hors taxes, publie un autre montant ; dites aussi si celui du registre est HT.",
    "DECP, without VAT, publishes another amount; say also whether the register's has VAT.",
)
_HT_LOOKS_TTC = (
    "L'écart avec le DECP est celui d'une TVA de {rate} % : le montant du registre semble TTC.",
    "The gap with DECP is a VAT of {rate}%: the register's amount seems to include it.",
)
_RATE = (
    "Le montant est celui du DECP, hors taxes, avec une TVA de {rate} %.",
    "The amount is that of DECP, without VAT, plus a VAT of {rate}%.",
)


def _with_rate(reason: tuple[str, str], rate: Decimal) -> tuple[str, str]:
    shown = format((rate * 100).normalize(), "f")
    return reason[0].format(rate=shown.replace(".", ",")), reason[1].format(rate=shown)


def vat_between(without: Decimal, with_tax: Decimal) -> Decimal | None:
    """The rate of VAT between two amounts, to one euro; small amounts prove nothing."""
    if without < 1_000:
        return None
    return next((r for r in VAT_RATES if abs(without * (1 + r) - with_tax) <= 1), None)


def _near(connection: Connection) -> Iterator[Change]:
    rows = connection.execute(
        """select own_uid, decp_uid, score, reason_fr, reason_en from curated.reconciliation
        where level = 'near' and own_uid is not null and decp_uid is not null
        order by own_uid, decp_uid"""
    ).fetchall()
    for own, decp, score, french, english in rows:
        reason = (french or "", english or "")
        yield Change(own, SAME_AS, None, decp, reason, score, "near_match")


# --- from suspicions ----------------------------------------------------------------------------


def _from_suspicions(connection: Connection, values: FieldValues) -> Iterator[Change]:
    """The declared type, where the CPV division says another."""
    rows = connection.execute(
        """select s.uid, e.contract_type, s.reference_value, s.detail
        from quality.suspicions s
        join curated.entries e on e.uid = s.uid and e.record_kind = 'contract'
        where s.rule = 'cpv_against_type' and s.field = 'contract_type'
            and e.contract_type is not null and s.reference_value <> e.contract_type
        order by s.uid"""
    ).fetchall()
    for uid, declared, proposed, cpv in rows:
        label = values.text("contract_type", proposed)
        reason = (
            f"Le code CPV {cpv} est de la famille « {label} ».",
            f"The CPV code {cpv} belongs to “{label}”.",
        )
        yield Change(uid, "contract_type", declared, proposed, reason, EVEN, "cpv_against_type")


# --- unknowns that decide -----------------------------------------------------------------------


def _to_qualify(connection: Connection, cards: Catalogue) -> Iterator[Change]:
    rows = connection.execute(
        """select distinct e.unit_id, v.code, v.method, v.scope, e.reason,
            coalesce(v.label_fr, v.target_id) as label_fr,
            coalesce(v.label_en, v.label_fr, v.target_id) as label_en
        from indicators.verdicts v join indicators.evidence e
            on e.scheme = v.scheme and e.code = v.code and e.method = v.method
            and e.scope = v.scope and e.measure = v.measure and e.year = v.year
            and (v.buyer_id = '*' or e.buyer_id = v.buyer_id)
        where e.role = 'unknown'
            -- A target is decided by its due year, its trajectory by the latest one.
            and (v.verdict = 'undecidable' or (v.trajectory = 'undecidable'
                and v.year = (select max(year) from indicators.verdicts)))
        order by all"""
    ).fetchall()
    targets: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
    for uid, code, method, scope, reason, french, english in rows:
        for name in _deciding_fields(cards, code, method, scope, reason):
            targets.setdefault((uid, name), {})[french, english] = None
    for (uid, name), labels in _still_unknown(connection, cards, targets):
        told = (
            "À qualifier : décide « " + " », « ".join(fr for fr, _ in labels) + " ».",
            "To qualify: decides “" + "”, “".join(en for _, en in labels) + "”.",
        )
        yield Change(uid, name, None, None, told, None, "to_qualify")


def _deciding_fields(
    cards: Catalogue, code: str, method: str, scope: str, reason: str | None
) -> tuple[str, ...]:
    """The fields that would say whether a unit counts."""
    card = cards.indicators.get(code)
    found: list[str] = []
    if card is not None and (reason or "").endswith("met_unknown"):
        asked = [m for m in card.methods if m.name == method]
        words = {
            word
            for m in asked
            for word in re.findall(r"[a-z_]+", " ".join(filter(None, (m.met, m.of, m.part))))
        }
        found = [name for word in sorted(words) for name in _DECIDED_BY.get(word, ())]
    if (reason or "").startswith("membership_unknown") and scope.startswith("floor"):
        found.append("amount")
    return tuple(dict.fromkeys(found))


def _still_unknown(
    connection: Connection,
    cards: Catalogue,
    targets: dict[tuple[str, str], dict[tuple[str, str], None]],
) -> Iterator[tuple[tuple[str, str], list[tuple[str, str]]]]:
    """Those whose field the register leaves empty: one that is filled is another question."""
    names = {name for _, name in targets if is_correctable(cards.fields[name])}
    for name in sorted(names):
        asked = sorted(uid for uid, field in targets if field == name)
        connection.register("asked_uids", pa.table({"uid": pa.array(asked, pa.string())}))
        empty = f"{name} is null"
        if name == "amount":
            empty += (
                " and amount_text is null and amount_with_tax is null and maximum_amount is null"
            )
        rows = connection.execute(
            f"""select uid from curated.entries semi join asked_uids using (uid)
            where record_kind = 'contract' and {empty} order by uid"""
        ).fetchall()
        for (uid,) in rows:
            yield (uid, name), list(targets[uid, name])
