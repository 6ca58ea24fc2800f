"""Ranks with ties."""

from __future__ import annotations

from services.coordinator.stats.ranks import average_ranks


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert average_ranks([3.0, 1.0, 3.0, 2.0]) == [3.5, 1.0, 3.5, 2.0]


def test_no_values_have_no_ranks() -> None:
    assert average_ranks([]) == []
