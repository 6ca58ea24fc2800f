"""Bootstrap intervals of many figures over the same resamples.

What is resampled is whole headlines, since the lines of one are alike. Percentile intervals (Efron and Tibshirani 1993,
chapter 13) of a difference of two ratios of sums. Where both sides have the same headlines, each resample takes the
same ones from both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from random import Random

LEVEL = 0.95
DIGITS = 12
"""Differences are rounded to so many digits, so that the order of a sum cannot make a zero look like something."""


@dataclass(frozen=True)
class Ratio:
    """A figure by headline: sums and counts, one of each per headline. Its value is all sums over all counts."""

    sums: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def value(self) -> float | None:
        """The figure over all headlines; None if nothing is counted."""
        total = math.fsum(self.counts)
        return math.fsum(self.sums) / total if total else None


class Resamples:
    """Resamples of headlines: each names as many places, with repetitions, as there are headlines."""

    def __init__(self, draws: Sequence[Sequence[int]]) -> None:
        self._pick = [itemgetter(*draw) for draw in draws]
        self._totals: dict[tuple[float, ...], list[float]] = {}

    @classmethod
    def drawn(cls, seed: int, size: int, number: int) -> Resamples:
        """`number` resamples of `size` headlines (at least 2), the same ones for the same seed."""
        random = Random(seed)  # noqa: S311 - chance for statistics, not for secrets
        return cls([random.choices(range(size), k=size) for _ in range(number)])

    def totals(self, column: tuple[float, ...]) -> list[float]:
        """The sum of a column's values over each resample."""
        if column not in self._totals:
            self._totals[column] = [sum(pick(column)) for pick in self._pick]
        return self._totals[column]

    def values(self, ratio: Ratio) -> list[float | None]:
        """A figure over each resample; None where a resample has nothing that counts."""
        pairs = zip(self.totals(ratio.sums), self.totals(ratio.counts), strict=True)
        return [total / count if count else None for total, count in pairs]


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a difference over the resamples; `left_out` of these had nothing to count on one side."""

    low: float
    high: float
    left_out: int = 0

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0


def gap(a: Ratio, b: Ratio) -> float | None:
    """B − A; None if one of them has no value."""
    return None if a.value is None or b.value is None else round(b.value - a.value, DIGITS)


def interval(a: Ratio, b: Ratio, of_a: Resamples, of_b: Resamples) -> Interval | None:
    """The interval of B − A. None if fewer than two headlines, or not half of the resamples, can tell it.

    Paired figures are given the same resamples twice.
    """
    if min(len(a.sums), len(b.sums)) < 2:
        return None
    pairs = list(zip(of_a.values(a), of_b.values(b), strict=True))
    known = sorted(right - left for left, right in pairs if left is not None and right is not None)
    if 2 * len(known) < len(pairs) or not known:
        return None
    tail = (1 - LEVEL) / 2
    low, high = quantile(known, tail), quantile(known, 1 - tail)
    return Interval(round(low, DIGITS), round(high, DIGITS), len(pairs) - len(known))


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, between neighbours by proportion (Hyndman and Fan's type 7)."""
    place = share * (len(ascending) - 1)
    lower = math.floor(place)
    upper = min(lower + 1, len(ascending) - 1)
    return ascending[lower] + (place - lower) * (ascending[upper] - ascending[lower])


Unit = tuple[float, int]
"""What one headline adds to a figure: a sum and how many it is the sum of."""


RESAMPLES = 2_000


@dataclass(frozen=True)
class Difference:
    """B less A, and the middle 95 % of it over the resamples."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


def ratio(units: Sequence[Unit]) -> Ratio:
    """Headlines' sums and counts as a figure."""
    return Ratio(tuple(float(total) for total, _ in units), tuple(float(count) for _, count in units))


def mean(units: Sequence[Unit]) -> float | None:
    """The figure over all headlines: all sums over all counts; None if nothing is counted."""
    return ratio(units).value


def difference(
    first: Sequence[Unit], second: Sequence[Unit], *, seed: int, resamples: int = RESAMPLES
) -> Difference | None:
    """Second less first, of different headlines: each side is resampled by itself.

    None if a side has fewer than two headlines, or not half of the resamples has something counted on both sides.
    """
    if min(len(first), len(second)) < 2:
        return None
    sides = Resamples.drawn(seed, len(first), resamples), Resamples.drawn(seed + 1, len(second), resamples)
    return _difference(ratio(first), ratio(second), *sides)


def paired_difference(
    pairs: Sequence[tuple[Unit, Unit]], *, seed: int, resamples: int = RESAMPLES
) -> Difference | None:
    """Second less first, of the same headlines: each resample takes the same ones from both. None as above."""
    if len(pairs) < 2:
        return None
    draws = Resamples.drawn(seed, len(pairs), resamples)
    return _difference(ratio([first for first, _ in pairs]), ratio([second for _, second in pairs]), draws, draws)


def _difference(first: Ratio, second: Ratio, of_first: Resamples, of_second: Resamples) -> Difference | None:
    value, found = gap(first, second), interval(first, second, of_first, of_second)
    return None if value is None or found is None else Difference(value, found.low, found.high)
