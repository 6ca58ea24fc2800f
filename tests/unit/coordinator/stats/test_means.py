"""Means of values that may be missing."""

from __future__ import annotations

from services.coordinator.stats.means import mean_or_none


def test_mean_is_that_of_the_values_that_exist() -> None:
    assert mean_or_none([0.25, None, 0.75]) == 0.5


def test_nothing_to_average_is_none_and_not_zero() -> None:
    assert mean_or_none([]) is None
    assert mean_or_none([None]) is None
    assert mean_or_none([1.0, None], [0, 3]) is None


def test_weighted_mean_counts_each_value_by_its_weight() -> None:
    assert mean_or_none([0.25, None, 0.75], [1, 5, 3]) == 0.625
