"""Predicates of cards: parsed and checked before anything runs; what runs is the parsed tree."""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from spaser.cards import IndicatorCard, TableCard
from spaser.errors import InputError

_ALLOWED: tuple[type[exp.Expr], ...] = (
    exp.And,
    exp.Or,
    exp.Not,
    exp.Paren,
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Neg,
)
_COMPARISONS: tuple[type[exp.Expr], ...] = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Boolean,
)


def predicate(card: IndicatorCard, fact: TableCard, text: str) -> str:
    """The portable SQL of a boolean expression over the columns of a fact table.

    Raises:
        InputError: not one pure boolean expression over known columns.
    """
    tree = _checked(card, fact, text)
    if not _is_condition(tree, fact):
        raise _refused(
            card, text, "ce n'est pas une condition vraie ou fausse", "it is no condition"
        )
    return tree.sql(dialect="postgres", comments=False)


def _is_condition(tree: exp.Expr, fact: TableCard) -> bool:
    """Whether an expression is true, false or unknown, and so is all that it joins."""
    core = tree.unnest()
    if isinstance(core, (exp.And, exp.Or)):
        return _is_condition(core.left, fact) and _is_condition(core.right, fact)
    if isinstance(core, exp.Not):
        return _is_condition(core.this, fact)
    if isinstance(core, exp.Column):
        return fact.columns[core.name].type.upper() == "BOOLEAN"
    return isinstance(core, _COMPARISONS)


def measure(card: IndicatorCard, fact: TableCard, text: str) -> str:
    """The portable SQL of a column that is weighed or averaged.

    Raises:
        InputError: not the name of a column of the fact table.
    """
    tree = _checked(card, fact, text)
    if not isinstance(tree, exp.Column):
        raise _refused(card, text, "un nom de colonne est attendu", "a column name is expected")
    return tree.sql(dialect="postgres", comments=False)


def _checked(card: IndicatorCard, fact: TableCard, text: str) -> exp.Expr:
    try:
        trees = _parsed(text)
    except SqlglotError as error:
        # sqlglot underlines the place with terminal codes.
        reason = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())[:120]
        raise _refused(
            card, text, f"SQL illisible ({reason})", f"unreadable SQL ({reason})"
        ) from None
    if len(trees) != 1 or trees[0] is None:
        raise _refused(
            card, text, "une seule expression est attendue", "one expression is expected"
        )
    tree = trees[0]
    for node in tree.walk():
        if not isinstance(node, _ALLOWED) or node.args.get("query") is not None:
            name = type(node).__name__
            raise _refused(card, text, f"« {name} » n'est pas permis", f"“{name}” is not allowed")
        if isinstance(node, exp.Column):
            _check_column(card, fact, text, node)
    return tree


def _check_column(card: IndicatorCard, fact: TableCard, text: str, column: exp.Column) -> None:
    if column.name not in fact.columns or column.table:
        name = column.sql()
        raise _refused(
            card,
            text,
            f"la colonne « {name} » n'existe pas dans {fact.table}",
            f"column “{name}” does not exist in {fact.table}",
        )


@lru_cache(maxsize=256)
def _parsed(text: str) -> list[exp.Expr | None]:
    return sqlglot.parse(text, dialect="postgres")


def _refused(card: IndicatorCard, text: str, fr: str, en: str) -> InputError:
    return InputError(
        f"assets/{card.key}.yml : l'expression « {text} » est refusée : {fr}. "
        "Écrivez une seule condition sur les colonnes de la table de faits.",
        f"assets/{card.key}.yml: the expression “{text}” is refused: {en}. "
        "Write one condition over the columns of the fact table.",
    )
