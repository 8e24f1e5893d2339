"""What each expectation calls a violation, as SQL over the relation `checked`.

The arguments are Great Expectations' own. A null is no violation, except where the expectation is
about nulls: what is unknown is neither right nor wrong.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from spaser.cards import Check
from spaser.errors import InputError
from spaser.warehouse import literal

Bound = int | float | date | datetime | str


@dataclass(frozen=True)
class Predicate:
    """A check ready to run.

    columns: what it reads. violation: SQL that is true on the rows at fault. rows: for a check on
    the size of the table, its bounds, and then no row is at fault.
    """

    columns: tuple[str, ...]
    violation: str = "false"
    rows: tuple[int | None, int | None] | None = None


def predicate(check: Check) -> Predicate:
    """The violation of a check.

    Raises:
        InputError: an expectation that is not known here, or arguments it does not have.
    """
    compiler = COMPILERS.get(check.expectation)
    if compiler is None:
        known = ", ".join(sorted(COMPILERS))
        raise InputError(
            f"Contrôle « {check.name} » : attente inconnue « {check.expectation} ». "
            f"Attentes connues : {known}.",
            f"Check “{check.name}”: unknown expectation “{check.expectation}”. "
            f"Known expectations: {known}.",
        )
    try:
        inspect.signature(compiler).bind(**check.args)
        return compiler(**check.args)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Contrôle « {check.name} » : arguments de {check.expectation} refusés ({error}). "
            "Corrigez la fiche de la table.",
            f"Check “{check.name}”: arguments of {check.expectation} refused ({error}). "
            "Correct the card of the table.",
        ) from None


def quoted(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _not_null(*, column: str) -> Predicate:
    return Predicate((column,), f"{quoted(column)} is null")


def _unique(*, column: str) -> Predicate:
    return Predicate((column,), _repeated((column,)))


def _compound_unique(
    *,
    column_list: Sequence[str],
    ignore_row_if: Literal["all_values_are_missing"] = "all_values_are_missing",
) -> Predicate:
    _only(ignore_row_if, "all_values_are_missing")
    return Predicate(tuple(column_list), _repeated(column_list))


def _repeated(columns: Sequence[str]) -> str:
    """Rows whose values stand on another row too; nulls are alike, rows of nulls only are left."""
    names = ", ".join(quoted(column) for column in columns)
    same = " and ".join(
        f"repeated.{quoted(column)} is not distinct from checked.{quoted(column)}"
        for column in columns
    )
    filled = " or ".join(f"{quoted(column)} is not null" for column in columns)
    return (
        f"exists (select 1 from (select {names} from checked where {filled} "
        f"group by {names} having count(*) > 1) as repeated where {same})"
    )


def _in_set(*, column: str, value_set: Sequence[Any]) -> Predicate:
    if isinstance(value_set, str) or not value_set:
        msg = "value_set: a list of values is expected"
        raise ValueError(msg)
    members = ", ".join(_literal(value) for value in value_set)
    return Predicate((column,), f"{quoted(column)} not in ({members})")


def _between(
    *,
    column: str,
    min_value: Bound | None = None,
    max_value: Bound | None = None,
    strict_min: bool = False,
    strict_max: bool = False,
) -> Predicate:
    bounds = [
        f"{quoted(column)} {sign} {_literal(bound)}"
        for bound, sign in (
            (min_value, "<=" if strict_min else "<"),
            (max_value, ">=" if strict_max else ">"),
        )
        if bound is not None
    ]
    if not bounds:
        msg = "min_value or max_value is needed"
        raise ValueError(msg)
    return Predicate((column,), " or ".join(bounds))


# What Python and the engine do not read alike: `\d` takes every digit of Unicode in the one only,
# lookarounds exist in the one only.
_UNPORTABLE = re.compile(r"\\[dDwWsSbBAZ]|\(\?")
_END = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|\$")


def _match_regex(*, column: str, regex: str) -> Predicate:
    found = _UNPORTABLE.search(regex)
    if found:
        msg = f"regex: « {found[0]} » does not read alike in every engine; write a class, [0-9]"
        raise ValueError(msg)
    return Predicate((column,), f"not regexp_matches({quoted(column)}, {literal(regex)})")


def python_regex(regex: str) -> str:
    """The same regex for Python, where `$` would also stand before a last line break."""
    return _END.sub(lambda found: r"\Z" if found[0] == "$" else found[0], regex)


EITHER = "either_value_is_missing"


def _pair_greater(
    *,
    column_A: str,  # noqa: N803 (Great Expectations' own name)
    column_B: str,  # noqa: N803
    or_equal: bool = False,
    ignore_row_if: str = EITHER,
) -> Predicate:
    _only(ignore_row_if, EITHER)
    sign = "<" if or_equal else "<="
    return Predicate((column_A, column_B), f"{quoted(column_A)} {sign} {quoted(column_B)}")


def _row_count(*, min_value: int | None = None, max_value: int | None = None) -> Predicate:
    return Predicate((), rows=(min_value, max_value))


def _only(given: str, accepted: str) -> None:
    if given != accepted:
        msg = f"ignore_row_if: only {accepted} is known here"
        raise ValueError(msg)


def _literal(value: Any) -> str:
    """A SQL value; a fraction is a double, as Great Expectations takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value!r}::double"
    if isinstance(value, datetime):
        return f"timestamp {literal(value.isoformat(' '))}"
    if isinstance(value, date):
        return f"date {literal(value.isoformat())}"
    return literal(str(value))


COMPILERS: dict[str, Callable[..., Predicate]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound_unique,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_match_regex": _match_regex,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair_greater,
    "expect_table_row_count_to_be_between": _row_count,
}


def columns_of(predicates: Iterable[Predicate]) -> list[str]:
    """The columns a set of checks reads, once each, in order."""
    return list(dict.fromkeys(column for each in predicates for column in each.columns))
