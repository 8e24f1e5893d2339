"""The worked example of an indicator card, computed by the code that computes the figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from spaser.cards import Catalogue, IndicatorCard, TableCard, Text
from spaser.errors import InputError
from spaser.indicators import people
from spaser.indicators.compiled import ALL
from spaser.indicators.compute import compile_for, create_empty, result_rows
from spaser.scheme import Scheme
from spaser.warehouse import Connection, DuckDBEngine, EngineError, session

_YEAR = 2024
_DEFAULTS: dict[str, object] = {
    "buyer_id": "00000000000000",
    "year": _YEAR,
    "framework_role": "none",
    "at_floor": True,
    "is_maximum": False,
}
"""What an example does not say of a contract: an ordinary one; its other facts are unknown."""


def example_faults(cards: Catalogue, code: str) -> list[Text]:
    """Where a card's worked example and its computation differ; empty when they agree.

    Raises:
        InputError: a predicate of the card is refused, or its example has a column or a value
            that the fact table has not.
    """
    card = cards.indicators[code]
    results = _results(cards, card)
    return [
        fault for expected in card.example.expected for fault in _faults(code, expected, results)
    ]


def _faults(
    code: str,
    expected: Mapping[str, Any],
    results: Mapping[tuple[str, str, str], Mapping[str, Any]],
) -> Iterator[Text]:
    key = (expected.get("method", "default"), expected["measure"], expected["unit"])
    found = results.get(key)
    where = "/".join(key)
    if found is None:
        yield Text(
            fr=f"{code} : l'exemple attend {where}, que la carte ne calcule pas",
            en=f"{code}: the example expects {where}, which the card does not compute",
        )
        return
    for name, told in expected.items():
        got = found[name]
        if got != (Decimal(str(told)) if isinstance(got, Decimal) and told is not None else told):
            shown = _shown(got)
            yield Text(
                fr=f"{code} : {where}, {name} : l'exemple annonce {told}, le calcul donne {shown}",
                en=f"{code}: {where}, {name}: the example says {told}, computed {shown}",
            )


def _shown(value: object) -> str:
    if value is None:
        return "—"
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def _results(cards: Catalogue, card: IndicatorCard) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The results of an example by method, measure and unit; nothing of it is suppressed."""
    if card.about == "people":
        rows = _about_people(cards, card)
        return {(row["method"], row["measure"], row["unit"]): row for row in rows}
    compiled = compile_for(cards, [card.id])
    scheme = Scheme(name="example", title=Text(fr="", en=""), buyers="all", inputs=())
    with session() as connection:
        for part in compiled:
            _create_facts(connection, part.fact, card)
        found = " union ".join(f"select buyer_id from {part.relation}" for part in compiled)
        connection.execute(f"create temp table scheme_buyers as {found}")
        query = result_rows(connection, DuckDBEngine(connection), compiled, scheme, _YEAR)
        answer = connection.execute(
            f"select * from {query} where scope = ? and buyer_id = '*' and dimension = '*'",
            [card.example.scope],
        )
        names = [column[0] for column in answer.description or []]
        results = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    return {(row["method"], row["measure"], row["unit"]): row for row in results}


def _about_people(cards: Catalogue, card: IndicatorCard) -> list[dict[str, Any]]:
    """The results of an example about people: its rows are published figures of the scheme."""
    table = cards.tables[card.fact_table.replace(".", "/")]
    given = []
    for row in card.example.rows:
        _refuse_unknown_columns(table, card, row)
        given.append((ALL, row["axis"], row["member"], row["measure"], _number(card, row)))
    asked = people.Asked(cards, "example", _YEAR, [], buyer_dimensions=False)
    found = people.results(people.Figures(given), [card], asked)
    return [row for row in found.to_pylist() if row["dimension"] == ALL]


def _number(card: IndicatorCard, row: Mapping[str, Any]) -> Decimal | None:
    try:
        return None if row["value"] is None else Decimal(row["value"])
    except (InvalidOperation, KeyError, TypeError):
        raise InputError(
            f"assets/{card.key}.yml : l'exemple a une ligne sans nombre lisible. "
            "Corrigez la carte.",
            f"assets/{card.key}.yml: the example has a row without a readable number. "
            "Correct the card.",
        ) from None


def _create_facts(connection: Connection, fact: TableCard, card: IndicatorCard) -> None:
    """Create a fact table: the rows of an example that are its own, completed.

    A row of another fact table than the card's names it: `fact_table: facts.spend`.
    """
    create_empty(connection, fact)
    relation = fact.table.replace(".", "_")
    marks = ", ".join("?" for _ in fact.columns)
    for given in card.example.rows:
        row = dict(given)
        if row.pop("fact_table", card.fact_table) != fact.table:
            continue
        _refuse_unknown_columns(fact, card, row)
        values = [row.get(name, _DEFAULTS.get(name)) for name in fact.columns]
        try:
            connection.execute(f"insert into {relation} values ({marks})", values)
        except EngineError as error:
            told = " ".join(str(error).split())[:160]
            raise InputError(
                f"assets/{card.key}.yml : l'exemple a une valeur qui ne convient pas à sa colonne "
                f"({told}). Corrigez la carte.",
                f"assets/{card.key}.yml: the example has a value that does not fit its column "
                f"({told}). Correct the card.",
            ) from None


def _refuse_unknown_columns(fact: TableCard, card: IndicatorCard, row: Mapping[str, Any]) -> None:
    for name in row:
        if name in fact.columns:
            continue
        near = difflib.get_close_matches(name, fact.columns, n=1)
        hint_fr = f" (vouliez-vous dire « {near[0]} » ?)" if near else ""
        hint_en = f" (did you mean “{near[0]}”?)" if near else ""
        raise InputError(
            f"assets/{card.key}.yml : colonne inconnue dans l'exemple, « {name} »{hint_fr}. "
            "Corrigez la carte.",
            f"assets/{card.key}.yml: unknown column in the example, “{name}”{hint_en}. "
            "Correct the card.",
        )
