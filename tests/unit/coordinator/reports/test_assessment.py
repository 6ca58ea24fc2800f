"""Thresholds, their outcomes, and the day on which a collapse begins."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.coordinator.reports.figures.assessment import THRESHOLDS, AssessedFigures, Check, Threshold, assess
from services.coordinator.reports.figures.collapse import Collapse, collapses_of
from services.coordinator.reports.figures.lines import Signs, ValidLines
from services.coordinator.reports.figures.panel import PanelFigures, PanelGain
from services.coordinator.reports.figures.position_bias import UNKNOWN, PositionBias
from services.coordinator.stats.bootstrap import Difference
from tests.unit.coordinator.reports.factories import day

TRAINING = {"clip_share": 0.1, "reward_std": 0.2, "groups": 8, "groups_dropped": 2}
SOUND = {"final_validity": 1.0, "signs": Signs(0.0, 0.0, 0.05, 0.0), "training": TRAINING}


def checks(**overrides: Any) -> dict[str, Check]:
    found: dict[str, Any] = {"days": [day(18, **SOUND)], "look_ahead": 0, "position_bias": UNKNOWN}
    return {check.name: check for check in assess(AssessedFigures(**found | overrides))}


def outcome(name: str, **overrides: Any) -> tuple[float | None, str, str]:
    (found,) = [check for full, check in checks(**overrides).items() if full.startswith(name)]
    return found.figure, found.outcome, found.where


def test_threshold_writes_its_bounds_and_applies_them() -> None:
    both = Threshold("x", lambda _: None, low=0, high=0.9)
    above = Threshold("x", lambda _: None, low=0, above=True)
    upper = Threshold("x", lambda _: None, high=1)
    assert [threshold.bounds for threshold in (both, above, upper)] == ["0 to 0.9", "> 0", "≤ 1"]
    assert [both.passes(figure) for figure in (0, 0.9, -0.1, 0.91)] == [True, True, False, False]
    assert [above.passes(figure) for figure in (0, 0.1)] == [False, True]


def test_every_threshold_is_one_check_and_a_sound_run_fails_none() -> None:
    found = checks()
    assert len(found) == len(THRESHOLDS)
    assert [check.name for check in found.values() if check.outcome == "fail"] == []


def test_checks_without_a_figure_are_not_applicable() -> None:
    found = checks(days=[day(18, state="pending")], look_ahead=None)
    assert {check.outcome for check in found.values()} == {"not_applicable"}


def test_worst_day_decides_the_outcome_and_is_named() -> None:
    days = [
        day(18, final_validity=1.0, signs=Signs(duplicate=0.05), training=TRAINING),
        day(19, final_validity=0.98, signs=Signs(duplicate=0.11), training=TRAINING | {"groups_dropped": 5}),
        day(20, state="skipped"),
    ]
    assert outcome("final validity", days=days) == (0.98, "fail", "20250819")
    assert outcome("duplicates within", days=days) == (0.11, "fail", "20250819")
    assert outcome("groups dropped", days=days) == (0.625, "fail", "20250819")
    assert outcome("clip share", days=days) == (0.1, "pass", "20250818")


def test_single_rollout_with_look_ahead_fails_the_check() -> None:
    assert outcome("look-ahead", look_ahead=1)[:2] == (1, "fail")


@pytest.mark.parametrize(
    ("mean", "groups", "expected"),
    [
        (-0.04, 100, (0.04, "pass", "100 groups")),
        (-0.06, 100, (0.06, "fail", "100 groups")),
        (0.03, 99, (None, "not_applicable", "")),
        (0.055, 99, (None, "not_applicable", "")),
        (-0.9, 50, (0.9, "fail", "50 groups")),
    ],
)
def test_position_bias_is_absolute_and_cannot_pass_with_fewer_than_a_hundred_groups(
    mean: float, groups: int, expected: tuple[float | None, str, str]
) -> None:
    bias = PositionBias(mean, mean - 0.01, mean + 0.01, groups, groups)
    assert outcome("position bias", position_bias=bias) == expected


def test_panel_checks_use_the_low_end_of_the_interval_over_the_base() -> None:
    gain = PanelGain(
        "RUN-20250819-x",
        base={},
        last={},
        differences={
            "raw_validity": Difference(0.6, 0.5, 0.7),
            "composite": Difference(0.1, -0.01, 0.2),
            "trade_thinking": None,
        },
    )
    panel = [
        PanelFigures(dt.date(2025, 8, 17), "base", "scored", valid_lines=ValidLines(1, duplicates=0.5)),
        PanelFigures(dt.date(2025, 8, 19), "RUN-20250819-x", "scored", valid_lines=ValidLines(9, duplicates=0.1)),
        PanelFigures(dt.date(2025, 8, 20), None, "pending"),
    ]
    overrides = {"panel": panel, "panel_gain": gain}
    assert outcome("panel: raw validity", **overrides) == (0.6, "pass", "RUN-20250819-x")
    assert outcome("panel: composite", **overrides) == (-0.01, "fail", "RUN-20250819-x")
    assert outcome("panel: trade-thinking", **overrides) == (None, "not_applicable", "")
    assert outcome("panel: duplicates", **overrides) == (0.1, "pass", "RUN-20250819-x")


def shares(*values: float | None) -> list[Any]:
    return [day(18 + place, signs=Signs(duplicate=value)) for place, value in enumerate(values)]


def begun(*values: float | None) -> list[int]:
    return [collapse.date.day for collapse in collapses_of(shares(*values))]


def test_collapse_is_reported_on_its_first_day_only() -> None:
    assert begun(0.02, 0.02, 0.03, 0.25, 0.30, 0.28) == [21]
    assert begun(0.25, 0.30) == [18]
    assert begun(0.25, 0.02, 0.25) == [18, 20]


def test_doubling_against_the_three_days_before_is_a_collapse_below_the_limit() -> None:
    (found,) = collapses_of(shares(0.9, 0.02, 0.03, 0.04, 0.06))[1:]
    assert found == Collapse(dt.date(2025, 8, 22), "duplicate", 0.06, found.before, 0.10)
    assert found.before == pytest.approx(0.03)


def test_doubling_below_the_floor_is_no_collapse() -> None:
    assert begun(0.01, 0.01, 0.01, 0.05) == []
    assert begun(0.0, 0.0, 0.0, 0.051) == [21]


def test_days_without_figures_are_skipped() -> None:
    assert begun(0.02, None, 0.06) == [20]


def test_each_sign_has_a_limit_of_its_own() -> None:
    days = [day(18, signs=Signs(0.0, 0.0, 0.0, 0.0)), day(19, signs=Signs(0.02, 0.03, 0.9, 0.0))]
    assert [(found.sign, found.limit) for found in collapses_of(days)] == [("empty", 0.01), ("placeholder", 0.02)]
    found = checks(days=days, collapses=collapses_of(days))
    assert found["collapses: empty share over its limit or doubled"].figure == 1
    assert found["collapses: empty share over its limit or doubled"].where == "20250819"
    assert found["collapses: duplicate share over its limit or doubled"].outcome == "pass"
