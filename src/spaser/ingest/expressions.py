"""Source card → the SQL of one staged row. Text in, text out: no cleaning, no typing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spaser.cards import Catalogue, SourceCard
from spaser.ingest.recognise import alternatives, folded, mapped_names
from spaser.warehouse import literal

EXACT_KINDS = frozenset({"amount", "share"})
"""Kinds where every digit counts: the engine's numbers hold fifteen of them."""

Paths = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class Reading:
    """How one file is read: the `from` clause, and the SQL of what every staged row has.

    `rest`: the columns of a table that no field reads, name → SQL of the cell; those of them that
    the card does not name either are `unknown`.
    """

    relation: str
    position: str
    pointer: str
    kind: str
    fields: Mapping[str, str]
    other: str
    unknown: tuple[str, ...] = ()
    rest: Mapping[str, str] = field(default_factory=dict)


def select(reading: Reading, constants: Mapping[str, str], names: Sequence[str]) -> str:
    """The staged row of `reading`: provenance, every register field in order, the rest."""
    head = [f"{literal(value)} as {name}" for name, value in constants.items()]
    head += [
        f"{reading.pointer} as source_pointer",
        f"{reading.position} as position",
        f"{reading.kind} as record_kind",
    ]
    columns = [f"{reading.fields.get(name, 'null::varchar')} as {name}" for name in names]
    listed = ",\n  ".join([*head, *columns, f"{reading.other} as other_fields"])
    return f"select {listed}\nfrom {reading.relation}"


# --- JSON ---------------------------------------------------------------------------------------


def json_reading(card: SourceCard, catalogue: Catalogue, relation: str) -> Reading:
    """Reads blocks of records (`records.SCHEMA`)."""
    contract: Paths = card.fields
    concession: Paths = {**card.fields, **card.concession_fields}
    paths = sorted({path for fields in (contract, concession) for path in _flat(fields)})
    parents = sorted({path.split("/")[0] for path in paths if "/" in path})
    fetched = [*paths, *(parent for parent in parents if parent not in paths), "_type", "nature"]
    place = {path: f"x[{number}]" for number, path in reversed([*enumerate(fetched, start=1)])}

    def values(name: str, path: str | tuple[str, ...]) -> list[str]:
        exact = catalogue.fields[name].kind in EXACT_KINDS
        return [
            _as_written(key, place[key]) if exact and "/" not in key else place[key]
            for key in alternatives(path)
        ]

    pointers = ", ".join(literal(f"/{path}") for path in fetched)
    kind = (
        "coalesce(kind, case "
        f"when {place['_type']} is not null then "
        f"if({place['_type']} ilike '%concession%', 'concession', 'contract') "
        f"when {_parent(place, 'acheteur')} is not null then 'contract' "
        f"when {_parent(place, 'autoriteConcedante')} is not null then 'concession' "
        f"when {place['nature']} ilike 'concession%' then 'concession' else 'contract' end)"
    )
    unread = _by_kind(_unread(contract, place), _unread(concession, place))
    inner = (
        f"(select *, {unread} as unread from (select *, {kind} as record_kind from "
        f"(select *, json_extract_string(json, [{pointers}]) as x from {relation})))"
    )
    names = dict.fromkeys([*contract, *concession])
    fields = {
        name: _by_kind(
            _first(values(name, contract.get(name, ()))),
            _first(values(name, concession.get(name, ()))),
        )
        for name in names
    }
    return Reading(inner, "position", "pointer", "record_kind", fields, _REST)


def _as_written(key: str, value: str) -> str:
    """A long number as the file writes it, found again by its key and checked by its value.

    The engine prints a JSON number as the shortest text of the same double: 35000.10 as 35000.1,
    which is equal, but 12345678901234567.89 as 12345678901234568.0, which is not.
    """
    written = f"""'"{re.escape(key)}"\\s*:\\s*(-?[0-9][0-9.eE+-]*)'"""
    found = (
        f"list_filter(regexp_extract_all(json, {written}, 1), "
        f"lambda n: try_cast(n as double) = try_cast({value} as double))[1]"
    )
    return f"case when length({value}) > 15 then coalesce({found}, {value}) else {value} end"


def _parent(place: Mapping[str, str], name: str) -> str:
    return place.get(name, "null")


def _flat(fields: Paths) -> list[str]:
    return [path for paths in fields.values() for path in alternatives(paths)]


def _by_kind(contract: str, concession: str) -> str:
    if contract == concession:
        return contract
    return f"case record_kind when 'concession' then {concession} else {contract} end"


def _first(values: Sequence[str]) -> str:
    """The first filled value; failing that the first that is there, even blank."""
    if not values:
        return "null::varchar"
    if len(values) == 1:
        return values[0]
    filled = [f"nullif(trim({value}), '')" for value in values]
    present = ", ".join(values)
    chosen = " ".join(
        f"when {test} is not null then {value}" for test, value in zip(filled, values, strict=True)
    )
    return f"case {chosen} else coalesce({present}) end"


def _unread(fields: Paths, place: Mapping[str, str]) -> str:
    """Pointers of the keys that no field reads, at the top and inside the objects opened."""
    known = sorted({path.split("/")[0] for path in _flat(fields)})
    inside: dict[str, list[str]] = {}
    for path in _flat(fields):
        if "/" in path:
            parent, child = path.split("/", 1)
            inside.setdefault(parent, []).append(child)
    parts = [_pointers("json", "/", known)]
    for parent, children in sorted(inside.items()):
        text = place[parent]
        parts.append(
            f"case when {text} is null then [] "
            f"when starts_with({text}, '{{') and json_valid({text}) "
            f"then {_pointers(text, f'/{parent}/', children)} "
            f"else [{literal(f'/{parent}')}] end"
        )
    return " || ".join(parts)


def _pointers(json_text: str, prefix: str, known: Sequence[str]) -> str:
    return (
        f"list_transform(list_filter(json_keys({json_text}), "
        f"lambda k: not list_contains({_strings(sorted(known))}, k)), "
        f"lambda k: {literal(prefix)} || replace(replace(k, '~', '~0'), '/', '~1'))"
    )


_REST = """case when len(unread) > 0 then '{' || array_to_string(list_transform(unread, lambda p:
    to_json(replace(replace(p[2:], '~1', '/'), '~0', '~'))::varchar
    || ':' || json_extract(json, p)::varchar), ',') || '}' end"""
"""An object of what no field reads."""


def _strings(values: Sequence[str]) -> str:
    return "[" + ", ".join(literal(value) for value in values) + "]"


# --- tables -------------------------------------------------------------------------------------


def table_fields(
    card: SourceCard, columns: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Fields (name → SQL), columns that no field reads (the same), and unknown ones of a table.

    Args:
        card: the source.
        columns: header name → SQL of the cell, in the order of the file.
    """
    exact = dict(columns)
    loose = {folded(name): cell for name, cell in reversed([*columns.items()])}

    def cell(name: str) -> str | None:
        return exact.get(name) or loose.get(folded(name))

    used: set[str] = set()

    def cells(names: Sequence[str]) -> list[str]:
        found = [sql for name in names if (sql := cell(name)) is not None]
        used.update(found)
        return list(dict.fromkeys(found))

    fields: dict[str, str] = {}
    for name in dict.fromkeys([*card.fields, *card.lists]):
        values = []
        groups = [
            group
            for described in card.lists.get(name, ())
            if (group := _group_cells(described, cells))
        ]
        if groups:
            values.append(_list_of(groups, card.absent))
        values += cells(alternatives(card.fields.get(name, ())))
        if values:
            fields[name] = _first(values)
    rest = {name: sql for name, sql in columns.items() if sql not in used}
    known = {folded(name) for name in (*card.ignored, *mapped_names(card))}
    unknown = tuple(name for name in rest if folded(name) not in known)
    return fields, rest, unknown


def _group_cells(
    described: Mapping[str, str | tuple[str, ...]], cells: Callable[[Sequence[str]], list[str]]
) -> dict[str, str]:
    """The cells of a group that the file has."""
    found = {key: cells(alternatives(columns)) for key, columns in described.items()}
    return {key: _first(values) for key, values in found.items() if values}


def table_rest(cells: Mapping[str, str]) -> str:
    """An object of the filled cells that no field reads."""
    if not cells:
        return "null::varchar"
    pairs = ", ".join(
        f"{literal(_json_string(name))} || ':' || to_json({cell})::varchar"
        for name, cell in cells.items()
    )
    return f"nullif('{{' || array_to_string([{pairs}], ',') || '}}', '{{}}')"


def _json_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list_of(groups: Sequence[Mapping[str, str]], absent: Sequence[str]) -> str:
    """JSON text of the groups of cells that say something; null when none does."""
    items = ", ".join(_group(group, absent) for group in groups)
    return f"nullif(to_json(list_filter([{items}], lambda g: g is not null))::varchar, '[]')"


def _group(cells: Mapping[str, str], absent: Sequence[str]) -> str:
    tree: dict[str, Any] = {}
    for path, cell in cells.items():
        node = tree
        *parents, leaf = path.split("/")
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = cell
    return _object(tree, absent)


def _object(tree: Mapping[str, Any], absent: Sequence[str]) -> str:
    """`json_object(…)` of a tree of cells; a key `0` makes a list of one."""
    says = " or ".join(_says(cell, absent) for cell in _leaves(tree))
    if set(tree) == {"0"}:
        made = f"json_array({_node(tree['0'], absent)})"
    else:
        made = (
            "json_object("
            + ", ".join(f"{literal(key)}, {_node(node, absent)}" for key, node in tree.items())
            + ")"
        )
    return f"case when {says} then {made} end"


def _node(node: Any, absent: Sequence[str]) -> str:
    return node if isinstance(node, str) else _object(node, absent)


def _leaves(tree: Mapping[str, Any]) -> list[str]:
    return [
        leaf
        for node in tree.values()
        for leaf in ([node] if isinstance(node, str) else _leaves(node))
    ]


def _says(cell: str, absent: Sequence[str]) -> str:
    return f"coalesce({cell}, '') not in ({', '.join(literal(text) for text in ('', *absent))})"
