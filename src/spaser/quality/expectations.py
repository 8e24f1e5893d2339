"""Great Expectations gives the verdicts, on the table itself or on the summary of one scan.

It is imported inside the functions that need it: that alone takes over two seconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from spaser.cards import Check
from spaser.quality.predicates import EITHER, Predicate, python_regex
from spaser.warehouse import Connection

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.batch_definition import BatchDefinition


@dataclass(frozen=True)
class Verdict:
    """What Great Expectations says of one check."""

    passed: bool
    unexpected_count: int


@dataclass(frozen=True)
class Expectation:
    """One expectation by its name and arguments, known by the name of its check."""

    check: str
    name: str
    args: Mapping[str, Any]


def on_frame(frame: pd.DataFrame, checks: Sequence[tuple[Check, Predicate]]) -> dict[str, Verdict]:
    """The verdicts on the rows themselves."""
    return _validate(
        frame, [Expectation(check.name, check.expectation, _native(check)) for check, _ in checks]
    )


def _native(check: Check) -> dict[str, Any]:
    """The arguments of a card as Great Expectations takes them, our readings made explicit."""
    args = dict(check.args)
    if "regex" in args:
        args["regex"] = python_regex(args["regex"])
    if "column_A" in args:
        args.setdefault("ignore_row_if", EITHER)
    return args


def on_summary(
    connection: Connection, checks: Sequence[tuple[Check, Predicate]]
) -> dict[str, Verdict]:
    """The verdicts on one row of violation counts: one scan of `checked`, whatever its size."""
    frame = connection.sql(_summary_sql(checks)).to_arrow_table().to_pandas()
    verdicts = _validate(
        frame,
        [
            Expectation(
                check.name, "expect_column_values_to_be_between", _bounds(position, predicate)
            )
            for position, (check, predicate) in enumerate(checks)
        ],
    )
    row = frame.iloc[0]
    return {
        check.name: Verdict(
            verdicts[check.name].passed,
            verdicts[check.name].unexpected_count
            if predicate.rows is not None
            else int(row[f"violations_{position}"]),
        )
        for position, (check, predicate) in enumerate(checks)
    }


def _summary_sql(checks: Sequence[tuple[Check, Predicate]]) -> str:
    flags = ", ".join(
        f"coalesce({predicate.violation}, false) as flag_{position}"
        for position, (_, predicate) in enumerate(checks)
    )
    counts = ", ".join(
        f"count(*) filter (where flag_{position}) as violations_{position}"
        for position in range(len(checks))
    )
    return f"select count(*) as row_count, {counts} from (select {flags} from checked)"


def _bounds(position: int, predicate: Predicate) -> dict[str, Any]:
    if predicate.rows is not None:
        low, high = predicate.rows
        return {"column": "row_count", "min_value": low, "max_value": high}
    return {"column": f"violations_{position}", "min_value": 0, "max_value": 0}


def _validate(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> dict[str, Verdict]:
    """Run expectations on a frame.

    Raises:
        RuntimeError: Great Expectations could not compute one of them (a fault of ours).
    """
    if not expectations:
        return {}
    with warnings.catch_warnings():
        # Third-party deprecations are no news for who runs the checks.
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.expectations.registry import get_expectation_impl

        suite = gx.ExpectationSuite(
            name="checks",
            expectations=[
                get_expectation_impl(each.name)(**each.args, meta={"check": each.check})
                for each in expectations
            ],
        )
        batch = _frames().get_batch({"dataframe": frame})
        outcome = batch.validate(suite, result_format="BASIC")
    return {_check_of(result): _verdict(result) for result in outcome.results}


@cache
def _frames() -> BatchDefinition[Any]:
    """Where frames are checked: one context a process, in memory, silent."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.analytics_enabled = False
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("checked")
    return asset.add_batch_definition_whole_dataframe("whole")


def _check_of(result: Any) -> str:
    """Great Expectations gives results in an order of its own: the name travels with each."""
    return str(result.expectation_config.meta["check"])


def _verdict(result: Any) -> Verdict:
    if not result.result:
        msg = f"{_check_of(result)}: {result.exception_info}"
        raise RuntimeError(msg)
    # A check on the size of the table has no rows at fault: a failure counts as one.
    count = result.result.get("unexpected_count", int(not result.success))
    return Verdict(bool(result.success), int(count))
