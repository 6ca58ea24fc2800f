"""Bootstrap confidence intervals for differences of two ratios of sums, resampled over headlines.

The headline is the resampling unit, because the lines of one headline resemble one another. The intervals are
percentile intervals (Efron and Tibshirani 1993, chapter 13). Sides with the same headlines are paired: each resample
takes the same headlines from both.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from random import Random
from typing import TypeVar

LEVEL = 0.95
RESAMPLES = 2_000
SEED = 20250802
"""Seed of the resamples wherever the caller has no seed of its own: the same rollouts give the same interval."""
DIGITS = 12
"""Decimals of a difference, so that rounding errors of a sum cannot make a zero look like something."""
MIN_HEADLINES = 2
Unit = tuple[float, int]
"""What one headline adds to a figure: the sum over its lines, and the number of lines in that sum."""
NO_LINES: Unit = (0.0, 0)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Ratio:
    """A figure by headline: sums and counts, one of each per headline. Its value is all sums over all counts."""

    sums: tuple[float, ...]
    counts: tuple[float, ...]

    @classmethod
    def of(cls, units: Sequence[Unit]) -> Ratio:
        """The figure made of headlines' sums and counts."""
        return cls(tuple(float(total) for total, _ in units), tuple(float(count) for _, count in units))

    @property
    def value(self) -> float | None:
        """The figure over all headlines; None if no line is counted."""
        total = math.fsum(self.counts)
        return math.fsum(self.sums) / total if total else None


class Resamples:
    """Resamples of headlines: each names as many places, with repetitions, as there are headlines."""

    def __init__(self, draws: Sequence[Sequence[int]]) -> None:
        self._pick = [itemgetter(*draw) for draw in draws]
        # The same column of counts serves many figures: its sums over all resamples are computed once.
        self._totals: dict[tuple[float, ...], list[float]] = {}

    @classmethod
    def sampled(cls, seed: int, size: int, number: int) -> Resamples:
        """`number` resamples of `size` headlines, the same ones for the same seed; none of fewer than two headlines."""
        if size < MIN_HEADLINES:
            return cls([])
        random = Random(seed)  # noqa: S311 - chance for statistics, not for secrets
        return cls([random.choices(range(size), k=size) for _ in range(number)])

    def totals(self, column: tuple[float, ...]) -> list[float]:
        """The sum of a column's values over each resample."""
        if column not in self._totals:
            self._totals[column] = [sum(pick(column)) for pick in self._pick]
        return self._totals[column]

    def values(self, ratio: Ratio) -> list[float | None]:
        """A figure over each resample; None where a resample counts no line."""
        pairs = zip(self.totals(ratio.sums), self.totals(ratio.counts), strict=True)
        return [total / count if count else None for total, count in pairs]


@dataclass(frozen=True)
class Difference:
    """B − A with its 95 % interval `low` to `high`: the middle 95 % of the differences over the resamples."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


def difference(a: Ratio, b: Ratio) -> float | None:
    """B − A over all headlines, to 12 decimals; None if one of them has no value."""
    return None if a.value is None or b.value is None else round(b.value - a.value, DIGITS)


def bootstrap_ci(a: Ratio, b: Ratio, of_a: Resamples, of_b: Resamples) -> Difference | None:
    """B − A with its percentile interval. Paired figures are given the same resamples twice.

    None if a side has fewer than two headlines, or if fewer than half of the resamples count a line on both sides.
    """
    value = difference(a, b)
    if value is None or min(len(a.sums), len(b.sums)) < MIN_HEADLINES:
        return None
    pairs = list(zip(of_a.values(a), of_b.values(b), strict=True))
    ascending = sorted(right - left for left, right in pairs if left is not None and right is not None)
    if 2 * len(ascending) < len(pairs) or not ascending:
        return None
    tail = (1 - LEVEL) / 2
    low, high = quantile(ascending, tail), quantile(ascending, 1 - tail)
    return Difference(value, round(low, DIGITS), round(high, DIGITS))


def left_out(a: Ratio, b: Ratio, of_a: Resamples, of_b: Resamples) -> int:
    """The number of resamples that count no line on one side, and so add nothing to the interval."""
    counts = zip(of_a.totals(a.counts), of_b.totals(b.counts), strict=True)
    return sum(not (left and right) for left, right in counts)


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, between neighbours by proportion (Hyndman and Fan's type 7)."""
    place = share * (len(ascending) - 1)
    lower = math.floor(place)
    upper = min(lower + 1, len(ascending) - 1)
    return ascending[lower] + (place - lower) * (ascending[upper] - ascending[lower])


def paired(first: Mapping[Key, Unit], second: Mapping[Key, Unit]) -> list[tuple[Unit, Unit]]:
    """Both sides' units by headline, in the order of the headlines' names; a side without a headline has no lines."""
    # Sorted, so that a seed draws the same headlines whatever the order of the rows.
    keys = sorted(first.keys() | second.keys(), key=str)
    return [(first.get(key, NO_LINES), second.get(key, NO_LINES)) for key in keys]


def paired_difference(
    pairs: Sequence[tuple[Unit, Unit]], *, seed: int = SEED, resamples: int = RESAMPLES
) -> Difference | None:
    """Second less first, of the same headlines: each resample takes the same ones from both. None as bootstrap_ci."""
    draws = Resamples.sampled(seed, len(pairs), resamples)
    first, second = Ratio.of([unit for unit, _ in pairs]), Ratio.of([unit for _, unit in pairs])
    return bootstrap_ci(first, second, draws, draws)


def unpaired_difference(
    first: Sequence[Unit], second: Sequence[Unit], *, seed: int = SEED, resamples: int = RESAMPLES
) -> Difference | None:
    """Second less first, of different headlines: each side is resampled by itself. None as bootstrap_ci."""
    # Seeds of their own: with one seed, sides of equal size would be drawn in step, as if they were paired.
    of_first = Resamples.sampled(seed, len(first), resamples)
    of_second = Resamples.sampled(seed + 1, len(second), resamples)
    return bootstrap_ci(Ratio.of(first), Ratio.of(second), of_first, of_second)
