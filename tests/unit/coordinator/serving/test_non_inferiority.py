"""Whether a checkpoint is no worse than another on a panel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.coordinator.serving.rules import MOST, Units, compared

units = st.dictionaries(
    st.integers(0, 20), st.integers(0, 4).flatmap(lambda n: st.tuples(st.just(float(n)), st.just(4))), max_size=8
)


@settings(deadline=None, max_examples=20)
@given(units)
def test_nothing_is_worse_than_itself(figure: Units) -> None:
    assert compared(figure, figure).holds


@settings(deadline=None, max_examples=30)
@given(units, units)
def test_a_gain_holds_and_a_loss_beyond_the_greatest_margin_does_not(mine: Units, other: Units) -> None:
    found = compared(mine, other)
    assert 0 <= found.margin <= MOST
    if found.difference is not None and found.difference >= 0:
        assert found.holds
    if found.difference is not None and found.difference < -MOST - 1e-6:
        assert not found.holds


def test_where_the_other_has_nothing_valid_nothing_is_lost() -> None:
    assert compared({1: (0.0, 0)}, {1: (0.0, 0)}).holds
    assert compared({1: (0.5, 1)}, {}).holds
    assert not compared({}, {1: (0.5, 1)}).holds


def test_a_loss_that_every_headline_shows_has_no_margin() -> None:
    found = compared(dict.fromkeys(range(8), (0.96, 2)), dict.fromkeys(range(8), (1.0, 2)))
    assert found.difference == pytest.approx(-0.02)
    assert found.margin == pytest.approx(0.0)
    assert not found.holds


def test_a_loss_within_the_noise_of_the_headlines_is_borne() -> None:
    mine: Units = {n: (float(n % 3 != 0), 4) for n in range(40)}
    other: Units = {n: (float(n % 3 != 1), 4) for n in range(40)}
    found = compared(mine, other)
    assert found.difference is not None
    assert -found.margin <= found.difference < 0
    assert found.holds


def test_a_single_headline_bears_no_loss() -> None:
    assert compared({1: (1.0, 4)}, {1: (2.0, 4)}).margin == 0.0
