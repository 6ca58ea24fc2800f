"""Whether a checkpoint is no worse than another on a panel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.coordinator.serving.rules import MAX_MARGIN, Units, non_inferior

units = st.dictionaries(
    st.integers(0, 20), st.integers(0, 4).flatmap(lambda n: st.tuples(st.just(float(n)), st.just(4))), max_size=8
)


@settings(deadline=None, max_examples=20)
@given(units)
def test_a_figure_passes_against_itself(figure: Units) -> None:
    assert non_inferior(figure, figure).passes


@settings(deadline=None, max_examples=30)
@given(units, units)
def test_a_gain_passes_and_a_loss_beyond_the_maximum_margin_fails(mine: Units, other: Units) -> None:
    found = non_inferior(mine, other)
    assert 0 <= found.margin <= MAX_MARGIN
    if found.difference is not None and found.difference >= 0:
        assert found.passes
    if found.difference is not None and found.difference < -MAX_MARGIN - 1e-6:
        assert not found.passes


def test_a_candidate_passes_where_the_other_has_no_figure() -> None:
    assert non_inferior({1: (0.0, 0)}, {1: (0.0, 0)}).passes
    assert non_inferior({1: (0.5, 1)}, {}).passes
    assert not non_inferior({}, {1: (0.5, 1)}).passes


def test_a_loss_that_every_headline_shows_has_no_margin() -> None:
    found = non_inferior(dict.fromkeys(range(8), (0.96, 2)), dict.fromkeys(range(8), (1.0, 2)))
    assert found.difference == pytest.approx(-0.02)
    assert found.margin == pytest.approx(0.0)
    assert not found.passes


def test_a_loss_within_one_standard_error_passes() -> None:
    mine: Units = {n: (float(n % 3 != 0), 4) for n in range(40)}
    other: Units = {n: (float(n % 3 != 1), 4) for n in range(40)}
    found = non_inferior(mine, other)
    assert found.difference is not None
    assert -found.margin <= found.difference < 0
    assert found.passes


def test_a_single_headline_has_no_margin() -> None:
    assert non_inferior({1: (1.0, 4)}, {1: (2.0, 4)}).margin == 0.0
