"""Which years a scheme reports on; results and reports are partitioned by them."""

from __future__ import annotations

from collections.abc import Sequence

from spaser.scheme import Scheme
from spaser.values import FIRST_PLAUSIBLE_YEAR, LAST_PLAUSIBLE_YEAR

WIDEST = range(FIRST_PLAUSIBLE_YEAR, LAST_PLAUSIBLE_YEAR + 1)
"""The years of a scheme without period: every year that a date of a register may have."""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def scheme_years(scheme: Scheme) -> list[int] | None:
    """The period of a scheme and the baseline years before it; none when it has no period."""
    if scheme.period is None:
        return None
    baselines = [target.baseline_year for target in scheme.targets if target.baseline_year]
    return list(range(min([scheme.period.first, *baselines]), scheme.period.last + 1))


def partition_keys(scheme: Scheme) -> list[str]:
    """The partitions of results and reports."""
    return [str(year) for year in scheme_years(scheme) or WIDEST]


def range_tags(years: Sequence[int]) -> dict[str, str]:
    """The tags that make a range of years one run."""
    return {RANGE_START: str(min(years)), RANGE_END: str(max(years))} if years else {}
