"""Two profiles of a day, and policies on the panel, side by side."""

from __future__ import annotations

import datetime as dt

import pytest

from services.coordinator.reports.figures.arms import arms_of, units
from services.coordinator.reports.figures.panel import panel_figures, panel_gain
from tests.unit.coordinator.reports.factories import line


def test_units_are_sums_and_counts_by_headline() -> None:
    lines = [line(1, 0, composite=0.25), line(1, 1, composite=0.5), line(2, 0, score=None)]
    assert units(lines, lambda one: one.score.composite if one.score else None) == {101: (0.75, 2), 102: (0, 0)}


def test_arms_of_a_day_are_separated_by_profile_and_compared_by_headline() -> None:
    a = [line(group, n, composite=0.2, raw_strict=n == 0) for group in range(4) for n in range(2)]
    b = [line(group, n, composite=0.5, profile="loose", leak=True) for group in range(4, 8) for n in range(2)]
    found = arms_of([*a, *b], "tight")
    assert found is not None
    assert (found.a.profile, found.a.headlines, found.a.rollouts, found.b.profile) == ("tight", 4, 8, "loose")
    assert (found.a.figures["raw_validity"], found.b.figures["leak"]) == (0.5, 1.0)
    composite, raw = found.differences["composite"], found.differences["raw_validity"]
    assert composite is not None
    assert raw is not None
    assert (composite.value, composite.low, composite.high) == pytest.approx((0.3, 0.3, 0.3))
    assert raw.value == pytest.approx(-0.5)
    assert found == arms_of([*a, *b], "tight"), "the same draws every time"


def test_day_of_one_profile_has_no_arms() -> None:
    assert arms_of([line()], "tight") is None
    assert arms_of([line(profile="loose"), line(2, profile="default")], "tight") is None


def test_panel_scores_of_a_policy_are_those_of_its_valid_lines() -> None:
    lines = [
        line(1, 0, raw_strict=True, composite=0.6),
        line(1, 1, valid=False, verdict="malformed", composite=0.0),
        line(2, 0, composite=0.2),
    ]
    found = panel_figures(dt.date(2025, 8, 18), "base", "scored", 0, lines)
    assert (found.headlines, found.rollouts, found.raw_validity) == pytest.approx((2, 3, 1 / 3))
    assert (found.valid_lines.count, found.valid_lines.composite) == pytest.approx((2, 0.4))
    assert panel_figures(dt.date(2025, 8, 18), "base", "pending", 0, []).raw_validity is None


def test_panel_gain_is_paired_by_headline() -> None:
    base = [line(group, n, composite=0.1 * group, valid=n == 0) for group in range(1, 5) for n in range(2)]
    last = [line(group, n, composite=0.1 * group + 0.2, raw_strict=True) for group in range(1, 5) for n in range(2)]
    found = panel_gain("RUN-x", base, last)
    assert (found.base["composite"], found.last["composite"]) == pytest.approx((0.25, 0.45))
    composite, raw = found.differences["composite"], found.differences["raw_validity"]
    assert composite is not None
    assert raw is not None
    assert (composite.low, composite.high) == pytest.approx((0.2, 0.2)), "pairs differ by the same, whatever is drawn"
    assert (raw.value, raw.low) == (1.0, 1.0)


def test_panel_gain_over_a_base_without_valid_lines_is_none() -> None:
    base = [line(group, valid=False) for group in range(3)]
    found = panel_gain("RUN-x", base, [line(group) for group in range(3)])
    assert (found.base["composite"], found.differences["composite"]) == (None, None)
    assert found.differences["raw_validity"] is not None
