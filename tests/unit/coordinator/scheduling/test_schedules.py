"""Schedules of the bonus and the learning rate, against numbers worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.scheduling.rules.schedules import linear, on_plateau, on_validity, standstills


def test_linear_begins_with_the_start_and_ends_with_the_end() -> None:
    assert [linear(0.1, 0.02, place, 5) for place in range(5)] == pytest.approx([0.1, 0.08, 0.06, 0.04, 0.02])


def test_a_single_day_has_the_start() -> None:
    assert linear(0.1, 0.0, 0, 1) == 0.1


@pytest.mark.parametrize(
    ("validity", "expected"), [(0.0, 0.1), (0.80, 0.1), (0.825, 0.08), (0.85, 0.06), (0.90, 0.02), (1.0, 0.02)]
)
def test_bonus_falls_linearly_while_raw_validity_rises_from_80_to_90_percent(validity: float, expected: float) -> None:
    assert on_validity(0.1, 0.02, validity) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], 0),
        ([0.5], 0),
        ([0.1, 0.2, 0.3, 0.4], 0),
        ([0.5, 0.4, 0.5], 1),
        ([0.5, 0.4, 0.6, 0.5], 0),
        ([0.5, 0.4, 0.3, 0.2, 0.1], 2),
        ([0.5, 0.5, 0.5, 0.6, 0.6], 1),
        ([0.5, 0.5, 0.5, 0.6, 0.6, 0.6], 2),
    ],
)
def test_plateau_is_two_consecutive_days_without_a_new_best(history: list[float], expected: int) -> None:
    assert standstills(history, 2) == expected


def test_on_plateau_halves_at_each_plateau_down_to_its_floor() -> None:
    still = [0.5] * 7
    found = [on_plateau(2e-4, 3e-5, still[:days], 2, 0.5) for days in range(8)]
    assert found == pytest.approx([2e-4, 2e-4, 2e-4, 1e-4, 1e-4, 5e-5, 5e-5, 3e-5])


def test_a_floor_above_the_start_does_not_lift_it() -> None:
    assert on_plateau(0.1, 0.5, [], 2, 0.5) == 0.1


@given(st.floats(0, 1), st.floats(0, 1), st.lists(st.floats(0, 1), max_size=12), st.integers(1, 5))
def test_no_schedule_leaves_the_range_between_its_ends(
    start: float, end: float, history: list[float], patience: int
) -> None:
    low, high = min(start, end) - 1e-12, max(start, end) + 1e-12
    values = [linear(start, end, place, 6) for place in range(6)]
    values += [on_validity(start, end, validity) for validity in history]
    values.append(on_plateau(start, end, history, patience, 0.5))
    assert all(low <= value <= high for value in values)
