"""Bootstrap intervals, by hand."""

from __future__ import annotations

import itertools
from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.stats.bootstrap import (
    Difference,
    Ratio,
    Resamples,
    Unit,
    bootstrap_ci,
    difference,
    left_out,
    paired,
    paired_difference,
    quantile,
    unpaired_difference,
)

SHARES = st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=2, max_size=12)


def means(*values: float) -> Ratio:
    return Ratio(values, (1.0,) * len(values))


def every_resample(size: int) -> Resamples:
    return Resamples(list(itertools.product(range(size), repeat=size)))


def test_constant_difference_has_an_interval_without_width() -> None:
    a, b = means(0.1, 0.7, 0.3), means(0.3, 0.9, 0.5)
    draws = Resamples.sampled(seed=1, size=3, number=500)
    assert bootstrap_ci(a, b, draws, draws) == Difference(0.2, 0.2, 0.2)


def test_equal_sides_differ_by_zero_and_the_interval_includes_it() -> None:
    draws = Resamples.sampled(seed=1, size=3, number=500)
    interval = bootstrap_ci(means(0.1, 0.7, 0.3), means(0.1, 0.7, 0.3), draws, draws)
    assert interval == Difference(0.0, 0.0, 0.0)
    assert not interval.excludes_zero


def test_interval_of_two_headlines_by_hand() -> None:
    # Differences 0 and 1: of the four resamples one has 0, two .5, one 1. In order 0, .5, .5, 1 the place of
    # 2.5 % is .075, which gives .0375; 97.5 % mirrors it.
    draws = every_resample(2)
    interval = bootstrap_ci(means(0.25, 0.25), means(0.25, 1.25), draws, draws)
    assert interval == Difference(0.5, 0.0375, 0.9625)
    assert interval.excludes_zero


def test_unpaired_interval_is_wider_than_a_paired_one() -> None:
    # Each side swings between .2 and .8. Together they differ by .1 always; drawn apart by −.5, .1 or .7.
    a, b = means(0.2, 0.8), means(0.3, 0.9)
    draws = list(itertools.product(range(2), repeat=2))
    together = Resamples(draws)
    apart = [Resamples([pair[side] for pair in itertools.product(draws, repeat=2)]) for side in (0, 1)]
    assert bootstrap_ci(a, b, together, together) == Difference(0.1, 0.1, 0.1)
    # Sorted over the 16 pairs: −.5 once, −.2 four times, .1 six times, .4 four times, .7 once; place .375 of 15.
    assert bootstrap_ci(a, b, *apart) == Difference(0.1, -0.3875, 0.5875)


def test_ratio_weighs_headlines_by_their_line_counts() -> None:
    assert Ratio.of([(3.0, 4), (0.0, 1)]).value == 0.6
    assert Ratio((3.0, 0.0), (3.0, 1.0)).value == 0.75
    assert Ratio.of([(0.0, 0)]).value is None
    assert difference(Ratio((0.0,), (0.0,)), means(1.0)) is None


def test_resamples_without_a_counted_line_are_left_out_and_counted() -> None:
    # One of two headlines has a valid line on side A: the resample that misses it twice counts no line.
    a, b = Ratio((0.5, 0.0), (1.0, 0.0)), means(0.75, 0.75)
    draws = every_resample(2)
    assert bootstrap_ci(a, b, draws, draws) == Difference(0.25, 0.25, 0.25)
    assert left_out(a, b, draws, draws) == 1
    assert left_out(b, b, draws, draws) == 0


def test_too_few_headlines_have_no_interval() -> None:
    assert bootstrap_ci(means(0.1), means(0.2), Resamples([(0, 0)]), Resamples([(0, 0)])) is None
    rare = Ratio((1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))
    only = Resamples([(1, 2, 3, 1), (1, 1, 1, 1), (0, 0, 0, 0)])
    assert bootstrap_ci(rare, means(0, 0, 0, 0), only, only) is None


def test_same_seed_draws_the_same_resamples() -> None:
    column = (1.0, 2.0, 4.0, 8.0)
    same = [Resamples.sampled(7, 4, 50).totals(column) for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != Resamples.sampled(8, 4, 50).totals(column)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (1.0, 4.0), (0.5, 2.5), (0.25, 1.75)])
def test_quantiles_lie_between_neighbours_by_proportion(share: float, value: float) -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], share) == value


@given(SHARES, st.integers(0, 99))
def test_interval_lies_within_the_differences_and_mirrors_when_the_sides_are_swapped(
    values: list[float], seed: int
) -> None:
    a, b = means(*values), means(*reversed(values))
    draws = Resamples.sampled(seed, len(values), 40)
    there, back = bootstrap_ci(a, b, draws, draws), bootstrap_ci(b, a, draws, draws)
    assert there is not None
    assert back is not None
    differences = [right - left for left, right in zip(a.sums, b.sums, strict=True)]
    assert min(differences) <= there.low <= there.high <= max(differences)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


def test_units_are_paired_by_headline_in_the_order_of_their_names() -> None:
    first: dict[Hashable, Unit] = {"b": (0.5, 1), "a": (1.0, 2)}
    second: dict[Hashable, Unit] = {"c": (0.25, 1), "b": (0.75, 1)}
    assert paired(first, second) == [((1.0, 2), (0.0, 0)), ((0.5, 1), (0.75, 1)), ((0.0, 0), (0.25, 1))]


def test_constant_gain_on_every_headline_is_certain() -> None:
    pairs = [((0.2, 1), (0.3, 1)), ((0.6, 1), (0.7, 1)), ((0.4, 1), (0.5, 1))]
    assert paired_difference(pairs, seed=1) == Difference(0.1, 0.1, 0.1)


def test_same_gain_on_other_headlines_is_uncertain() -> None:
    firsts, seconds = [(0.2, 1), (0.6, 1), (0.4, 1)], [(0.3, 1), (0.7, 1), (0.5, 1)]
    gain = unpaired_difference(firsts, seconds, seed=1)
    assert gain is not None
    assert gain.value == 0.1
    assert not gain.excludes_zero


def test_single_headline_or_none_has_no_difference() -> None:
    assert paired_difference([((0.2, 1), (0.3, 1))], seed=1) is None
    assert paired_difference([]) is None
    assert unpaired_difference([(0.2, 1)], [(0.3, 1), (0.4, 1)], seed=1) is None
    assert paired_difference([((0.0, 0), (0.3, 1)), ((0.0, 0), (0.4, 1))], seed=1) is None
