"""Spearman's correlation and the position bias, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.reports.figures.position_bias import position_bias, spearman
from tests.unit.coordinator.reports.factories import line


def test_spearman_without_ties_is_the_textbook_formula() -> None:
    # 1 − 6 Σd² / (n (n² − 1)) with d = 0, −1, −1, 2: 1 − 36/60
    assert spearman([1, 2, 3, 4], [1, 3, 4, 2]) == pytest.approx(0.4)
    assert spearman([1, 2, 3], [10, 20, 30]) == 1.0
    assert spearman([1, 2, 3], [3, 2, 1]) == -1.0


def test_spearman_with_ties_is_pearsons_of_the_shared_places() -> None:
    # Places 1.5, 1.5, 3 against 1, 2, 3: Σ = .5 + 0 + 1 over √(1.5 · 2)
    assert spearman([0, 0, 5], [1, 2, 3]) == pytest.approx(1.5 / 3**0.5)


def test_constant_values_have_no_correlation() -> None:
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert spearman([], []) is None


@given(st.lists(st.integers(0, 5), min_size=2, max_size=8))
def test_spearman_lies_between_minus_one_and_one(values: list[int]) -> None:
    found = spearman(values, range(len(values)))
    assert found is None or -1 - 1e-12 <= found <= 1 + 1e-12


def test_ranker_that_follows_the_positions_has_a_bias_of_one() -> None:
    lines = [line(group, index, rank=index + 1.0) for group in range(3) for index in range(4)]
    found = position_bias(lines)
    assert (found.mean, found.groups, found.samples) == (1.0, 3, 3)
    assert (found.low, found.high) == (1.0, 1.0)


def test_arms_of_a_group_are_correlated_separately() -> None:
    ranks = {0: 3.0, 1: 4.0, 2: 2.0, 3: 1.0}
    lines = [line(1, index, arm="free" if index < 2 else "ladder", rank=rank) for index, rank in ranks.items()]
    found = position_bias(lines)
    assert (found.mean, found.groups, found.samples) == (0.0, 1, 2), "+1 among the free, −1 on the ladder"


def test_groups_whose_ranks_tie_are_left_out() -> None:
    tied = [line(1, index, rank=1.5) for index in range(2)]
    found = position_bias([*tied, line(2, 0, rank=2.0), line(2, 1, rank=1.0), line(3, 0, score=None)])
    assert (found.mean, found.groups, found.low) == (-1.0, 1, None)
    assert position_bias(tied).mean is None
