"""The difference of one figure between two sides with its bootstrap interval over headlines; see resampling.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.coordinator.resampling import Ratio, Resamples, gap, interval

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
