"""Parallelism and remaining time of a run, worked by hand."""

from __future__ import annotations

import datetime as dt

from services.coordinator.backfills.rules import WorkPeriod, eta_seconds, parallelism

NOON = dt.datetime(2025, 8, 1, 12, tzinfo=dt.UTC)


def span(start: float, end: float) -> WorkPeriod:
    return WorkPeriod(NOON + dt.timedelta(seconds=start), NOON + dt.timedelta(seconds=end))


def test_two_steps_at_once_are_a_parallelism_of_two() -> None:
    assert parallelism([span(0, 10), span(0, 10)]) == 2.0


def test_gaps_between_steps_do_not_count_below_one() -> None:
    assert parallelism([span(0, 1), span(99, 100)]) == 1.0


def test_no_steps_and_steps_of_no_length_are_done_one_by_one() -> None:
    assert parallelism([]) == 1.0
    assert parallelism([span(0, 0)]) == 1.0


def test_eta_is_the_mean_cost_of_remaining_steps_over_the_parallelism() -> None:
    # 3 x 4 s + 1 x 8 s = 20 s of work, two at a time
    eta = eta_seconds({"generate": 3, "train": 1}, {"generate": 4.0, "train": 8.0}, [span(0, 10), span(0, 10)])
    assert eta == 10.0


def test_eta_is_none_until_each_remaining_kind_has_a_done_step() -> None:
    assert eta_seconds({"generate": 3, "train": 1}, {"generate": 4.0}, [span(0, 10)]) is None
    assert eta_seconds({"generate": 3, "train": 0}, {"generate": 4.0}, [span(0, 10)]) == 12.0
