from __future__ import annotations

from services.coordinator.bootstrap import Difference, difference, mean, paired_difference


def test_a_mean_weighs_headlines_by_their_rollouts() -> None:
    assert mean([(3.0, 4), (0.0, 1)]) == 0.6
    assert mean([(0.0, 0)]) is None


def test_a_constant_gain_on_every_headline_is_certain() -> None:
    pairs = [((0.2, 1), (0.3, 1)), ((0.6, 1), (0.7, 1)), ((0.4, 1), (0.5, 1))]
    assert paired_difference(pairs, seed=1) == Difference(0.1, 0.1, 0.1)


def test_the_same_gain_on_other_headlines_is_not() -> None:
    firsts, seconds = [(0.2, 1), (0.6, 1), (0.4, 1)], [(0.3, 1), (0.7, 1), (0.5, 1)]
    found = difference(firsts, seconds, seed=1)
    assert found is not None
    assert found.value == 0.1
    assert not found.excludes_zero


def test_nothing_is_said_of_a_single_headline_or_of_nothing() -> None:
    assert paired_difference([((0.2, 1), (0.3, 1))], seed=1) is None
    assert difference([(0.2, 1)], [(0.3, 1), (0.4, 1)], seed=1) is None
    assert paired_difference([((0.0, 0), (0.3, 1)), ((0.0, 0), (0.4, 1))], seed=1) is None
