"""From a checked sample to an estimated rate and its exact interval.

The population is cut in strata (declared yes, declared no), each sampled at random without
replacement. The rate is the strata's rates weighted by their sizes. The interval adds up exact
bounds of each stratum (test inversion of the hypergeometric law: Clopper and Pearson 1934 for the
principle, Wright 1991, "Exact confidence bounds when sampling from small finite universes"), the
risk being shared between strata (Bonferroni): it holds at least its confidence whatever the sizes.
A contract drawn and not checked, or that could not be decided, counts as no in the low bound and as
yes in the high one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

RISK = 0.05
"""1 − confidence of the interval."""


@dataclass(frozen=True)
class Stratum:
    """A stratum: its size, what was drawn of it, and what was found."""

    size: int
    drawn: int
    yes: int
    no: int

    @property
    def checked(self) -> int:
        """Contracts with an answer."""
        return self.yes + self.no

    @property
    def undetermined(self) -> int:
        """Contracts drawn without an answer."""
        return self.drawn - self.checked


@dataclass(frozen=True)
class Estimate:
    """A rate (null where a stratum has no answer) and its interval."""

    value: Fraction | None
    low: Fraction
    high: Fraction


def estimate(strata: Sequence[Stratum], risk: float = RISK) -> Estimate:
    """The estimated rate of a population and its interval.

    Raises:
        ValueError: the population is empty, or more was drawn than there is.
    """
    filled = [stratum for stratum in strata if stratum.size]
    total = sum(stratum.size for stratum in filled)
    if not total or any(s.undetermined < 0 or s.drawn > s.size for s in strata):
        msg = "empty population, or a stratum drawn beyond its size"
        raise ValueError(msg)
    share = risk / len(filled)
    bounds = [_bounds(stratum, share / 2) for stratum in filled]
    value: Fraction | None = None
    if all(stratum.checked for stratum in filled):
        parts = (Fraction(s.size * s.yes, s.checked) for s in filled)
        value = sum(parts, Fraction(0)) / total
    return Estimate(
        value,
        Fraction(sum(low for low, _ in bounds), total),
        Fraction(sum(high for _, high in bounds), total),
    )


def _bounds(stratum: Stratum, tail: float) -> tuple[int, int]:
    """The least and the greatest number of yes that the sample does not rule out.

    What was seen cannot be undone: at least the yes found, at most all but the no found.
    """
    # Half a second, which only an audit is worth.
    from scipy.stats import hypergeom  # type: ignore[import-untyped]

    size, drawn = stratum.size, stratum.drawn
    least, most = stratum.yes, size - stratum.no
    fewest, greatest = stratum.yes, stratum.yes + stratum.undetermined

    def enough(count: int) -> bool:
        return float(hypergeom.sf(fewest - 1, size, count, drawn)) > tail

    def too_many(count: int) -> bool:
        return float(hypergeom.cdf(greatest, size, count, drawn)) <= tail

    return _first(least, most, enough), _first(least, most + 1, too_many) - 1


def _first(start: int, end: int, holds: Callable[[int], bool]) -> int:
    """The first number of a range that holds, where all that follow it do; else its end."""
    while start < end:
        middle = (start + end) // 2
        if holds(middle):
            end = middle
        else:
            start = middle + 1
    return end
