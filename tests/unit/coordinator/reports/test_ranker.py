"""Statistics of a ranker over the steps of a run."""

from __future__ import annotations

from services.coordinator.reports.figures.ranker import over_steps


def test_counts_are_added_up_and_means_weighted_by_comparisons() -> None:
    steps = [{"comparisons": 10.0, "first_option": 0.25}, {"comparisons": 30.0, "first_option": 0.75}, {"cached": 3.0}]
    assert over_steps(steps) == {"comparisons": 40.0, "first_option": 0.625, "cached": 3.0}


def test_mean_without_comparisons_is_zero() -> None:
    assert over_steps([{"comparisons": 0.0, "first_option": 0.5}]) == {"comparisons": 0.0, "first_option": 0.0}
