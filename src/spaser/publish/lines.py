"""The contract lines embedded in the page: once the contracts, then a letter per contract a figure.

`contracts` holds columns; `roles["SOC-01|default|floor|count"]` is a text with one character per
contract, in the same order: `.` where the contract plays no part, else a key of `parts`.
Weights are 1, the usable amount, or listed where they are neither. A ratio weighs a contract twice:
`weights` holds its part, `wholes` the whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from spaser.publish.context import Context
from spaser.publish.reading import DIMENSIONS, Line, Role

MAX_LINES = 5_000
"""Above that many contracts in the year the page and the workbook would weigh too much: their
lines are in the CSV of evidence, and `spaser explain` gives those of one figure."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ORDER = ("numerator", "denominator_only", "unknown", "excluded")
_SCALE = 6
_MEMBERSHIP = "membership_unknown"
"""A ratio splits a contract whose membership is unknown in two parts: one reason for both."""


def embedded(context: Context, lines: Sequence[Line], roles: Sequence[Role]) -> dict[str, Any]:
    """The content of the page's `lines` script; amounts in cents, weights in millionths."""
    places = {line.uid: place for place, line in enumerate(lines)}
    methods = {
        (card.id, method.name): method.kind
        for card in context.catalogue.indicators.values()
        for method in card.methods
    }
    roles = [
        replace(role, reason=_MEMBERSHIP)
        if methods.get((role.code, role.method)) == "ratio"
        and role.role == "unknown"
        and (role.reason or "").startswith(_MEMBERSHIP)
        else role
        for role in roles
    ]
    parts = _parts(roles)
    letters = {part: letter for letter, part in parts.items()}
    texts: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    weights: dict[str, dict[int, Decimal]] = {}
    wholes: dict[str, dict[int, Decimal]] = {}
    for role in roles:
        place = places.get(role.unit_id)
        if place is None:
            continue
        key = "|".join((role.code, role.method, role.scope, role.measure))
        kinds[key] = methods.get((role.code, role.method), "share")
        text = texts.setdefault(key, ["."] * len(lines))
        weight = role.weight or Decimal(0)
        part = weights.setdefault(key, {})
        if kinds[key] == "ratio" and role.role != "unknown":
            whole = wholes.setdefault(key, {})
            whole[place] = whole.get(place, Decimal(0)) + weight
            text[place] = letters["numerator", ""]
            part[place] = weight if role.role == "numerator" else part.get(place, Decimal(0))
            continue
        text[place] = letters[role.role, role.reason or ""]
        # Only a ratio has several rows for one contract: both parts of its whole.
        part[place] = part.get(place, Decimal(0)) + weight
    return {
        "contracts": _columns(context, lines),
        "parts": {letter: [role, reason] for letter, (role, reason) in parts.items()},
        "reasons": {
            reason: context.labels.code("reasons", reason) for _, reason in parts.values() if reason
        },
        "roles": {key: "".join(text) for key, text in texts.items()},
        "kinds": {key: kind for key, kind in kinds.items() if kind in {"mean", "median", "ratio"}},
        "weights": {key: _weights(found, lines) for key, found in weights.items()},
        "wholes": {key: _weights(found, lines) for key, found in wholes.items()},
        "labels": context.labels.family("dialog")
        | {f"role_{name}": text for name, text in context.labels.family("roles").items()},
        "separators": {"fr": ["\u202f", ",", "\u00a0€", ""], "en": [",", ".", "", "€"]}[
            context.language
        ],
        "locale": context.language,
    }


def _parts(roles: Sequence[Role]) -> dict[str, tuple[str, str]]:
    found = {(role.role, role.reason or "") for role in roles}
    ordered = sorted(found, key=lambda part: (_ORDER.index(part[0]), part[1]))
    return dict(zip(_LETTERS, ordered, strict=False))


def _columns(context: Context, lines: Sequence[Line]) -> dict[str, Any]:
    dimensions = {
        name: _coded([getattr(line, name) or "unknown" for line in lines]) for name in DIMENSIONS
    }
    return {
        "uid": [line.uid for line in lines],
        "object": [line.object or "—" for line in lines],
        "buyer": _coded([line.buyer_id for line in lines], context.buyer),
        "date": [line.notified_date.isoformat() if line.notified_date else "" for line in lines],
        "amount": [_cents(line.amount_initial_eur) for line in lines],
        "usable": [_cents(line.amount_usable_eur) for line in lines],
        "file": _coded([line.source_file or "—" for line in lines]),
        "pointer": [line.source_pointer or "" for line in lines],
        "dimensions": dimensions,
    }


def _coded(values: Sequence[str], name: Callable[[str], str] = str) -> dict[str, Any]:
    """Distinct values once, then their places."""
    codes = sorted(set(values))
    place = {code: index for index, code in enumerate(codes)}
    return {
        "codes": codes,
        "names": [name(code) for code in codes],
        "at": [place[value] for value in values],
    }


def _cents(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount.scaleb(2))


def _weights(weights: dict[int, Decimal], lines: Sequence[Line]) -> str | list[int]:
    counted = {place: weight for place, weight in weights.items() if weight}
    if all(weight == 1 for weight in counted.values()):
        return "one"
    if all(weight == lines[place].amount_usable_eur for place, weight in counted.items()):
        return "amount"
    return [int(weights.get(place, Decimal(0)).scaleb(_SCALE)) for place in range(len(lines))]


def script_json(content: object) -> str:
    """JSON that can stand inside a `<script>`: no `<` ever closes or opens anything."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
