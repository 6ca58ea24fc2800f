"""The arithmetic mean where there may be nothing to average."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean


def mean_or_none(values: Iterable[float | None], weights: Iterable[float] | None = None) -> float | None:
    """The mean of the values that are not None, each with its weight of `weights` (≥ 0) if these are given.

    None without such a value, or if all weights are 0.
    """
    if weights is None:
        numbers = [value for value in values if value is not None]
        return fmean(numbers) if numbers else None
    pairs = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None and weight]
    return fmean([value for value, _ in pairs], [weight for _, weight in pairs]) if pairs else None
