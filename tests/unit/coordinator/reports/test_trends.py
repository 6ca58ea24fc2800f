"""Slopes and their intervals, by hand."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.reports.figures.lines import ValidLines
from services.coordinator.reports.figures.panel import PanelFigures
from services.coordinator.reports.figures.trends import Trend, slope, t_quantile, trend, trends_of
from tests.unit.coordinator.reports.factories import day


def test_slope_is_that_of_least_squares() -> None:
    # mean x 1.5, mean y 3; Σ dx·dy = 1.5·2 + .5·1 + .5·1 + 1.5·2 = 7; Σ dx² = 5
    assert slope([(0, 1.0), (1, 2.0), (2, 4.0), (3, 5.0)]) == pytest.approx(1.4)


def test_four_days_give_the_slope_an_interval() -> None:
    # Residuals .1, −.3, .3, −.1: squares .2 over 2 degrees of freedom are .1; √(.1 / 5) · 4.303 = .6085
    found = trend("composite", list(enumerate([1.0, 2.0, 4.0, 5.0])))
    assert (found.days, found.first, found.last) == (4, 1.0, 5.0)
    assert (found.slope, found.low, found.high) == pytest.approx((1.4, 0.79146, 2.00854), abs=1e-4)


def test_three_days_give_a_slope_and_no_interval() -> None:
    assert trend("leak", [(0, 0.0), (1, 0.5), (2, 1.0)]) == Trend("leak", 3, 0.0, 1.0, 0.5, None, None)


def test_one_day_gives_no_slope_and_no_day_gives_no_figure() -> None:
    assert trend("leak", [(0, 0.25), (1, None)]) == Trend("leak", 1, 0.25, 0.25, None, None, None)
    assert trend("leak", [(0, None)]) == Trend("leak", 0, None, None, None, None, None)


def test_day_without_the_figure_keeps_its_number() -> None:
    assert trend("leak", [(0, 0.0), (1, None), (2, 1.0)]).slope == 0.5


def test_quantile_of_students_t_comes_from_the_table_and_then_from_the_expansion() -> None:
    assert (t_quantile(2), t_quantile(10), t_quantile(30)) == (4.303, 2.228, 2.042)
    assert t_quantile(40) == pytest.approx(2.0211, abs=1e-3)
    assert t_quantile(10_000) == pytest.approx(1.96, abs=1e-3)


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(4, 20))
def test_points_on_a_line_have_its_slope_and_an_interval_without_width(height: float, rise: float, days: int) -> None:
    found = trend("x", [(x, height + rise * x) for x in range(days)])
    assert found.slope == pytest.approx(rise, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((rise, rise), abs=1e-6)


def test_run_has_trends_of_its_chain_and_of_its_panel() -> None:
    days = [
        day(18, raw_validity=0.1, training={"loss": -0.1, "clip_share": None}),
        day(19, state="skipped"),
        day(20, raw_validity=0.3, training={"loss": -0.3}),
    ]
    scored = [
        PanelFigures(
            dt.date(2025, 8, 17 + n), "p", "scored", updates=2 * n, valid_lines=ValidLines(composite=0.1 + 0.2 * n)
        )
        for n in range(2)
    ]
    found = {one.figure: one for one in trends_of(days, scored)}
    assert set(found) == {"raw_validity", "training_loss", "panel_composite"}
    assert found["raw_validity"].slope == pytest.approx(0.2), "a skipped day is no day of the chain"
    assert found["panel_composite"].slope == pytest.approx(0.1), "per update, of which two lie between"
