"""Totals, both averages, look-ahead and warnings of a report."""

from __future__ import annotations

from typing import Any

import pytest

from services.coordinator.reports.figures.day import Seconds
from services.coordinator.reports.figures.report import RunFacts, warnings_of
from services.coordinator.reports.figures.totals import averages_of, look_ahead_of, totals_of
from tests.unit.coordinator.reports.factories import FACTS, day


def facts(**overrides: Any) -> RunFacts:
    return RunFacts(**vars(FACTS) | overrides)


def test_averages_weigh_days_equally_or_by_their_evaluations() -> None:
    days = [day(18, composite=0.2, evaluations=10), day(19, composite=0.5, evaluations=30), day(20, state="skipped")]
    averages = averages_of(days)
    assert averages.by_day["composite"] == pytest.approx(0.35)
    assert averages.by_evaluation["composite"] == pytest.approx((0.2 * 10 + 0.5 * 30) / 40)


def test_raw_validity_is_weighted_by_rollouts_because_it_needs_no_evaluation() -> None:
    days = [day(18, raw_validity=1.0, rollouts=2, evaluations=0), day(19, raw_validity=0.0, rollouts=6, evaluations=6)]
    assert averages_of(days).by_evaluation["raw_validity"] == 0.25


def test_final_validity_is_weighted_by_delivered_rollouts() -> None:
    days = [
        day(18, final_validity=1.0, delivered=1, evaluations=9),
        day(19, final_validity=0.5, delivered=3, evaluations=3),
    ]
    assert averages_of(days).by_evaluation["final_validity"] == pytest.approx(0.625)


def test_average_without_values_is_none_and_not_zero() -> None:
    averages = averages_of([day(18, state="skipped")])
    assert averages.by_day["reward"] is None
    assert averages.by_evaluation["reward"] is None


def test_totals_add_up_the_existing_values() -> None:
    days = [
        day(18, headlines=3, rollouts=6, evaluations=6, checkpoint="c1", seconds=Seconds(1.5, None, 2.0), tokens=7),
        day(19, headlines=2, rollouts=4, state="evaluating", seconds=Seconds(0.5), left_out={"late": 3, "stale": 1}),
    ]
    totals = totals_of(days)
    assert (totals.headlines, totals.rollouts, totals.evaluations, totals.checkpoints) == (5, 10, 6, 1)
    assert (totals.left_out, totals.tokens, totals.states) == (4, 7, {"published": 1, "evaluating": 1})
    assert totals.seconds == Seconds(2.0, None, 2.0)


def test_look_ahead_is_unknown_if_that_of_any_day_is() -> None:
    assert look_ahead_of([day(18, look_ahead=2), day(19, look_ahead=3)]) == 5
    assert look_ahead_of([day(18, look_ahead=2), day(19, look_ahead=None)]) is None
    assert look_ahead_of([]) == 0


def test_run_without_lag_has_a_look_ahead_warning_first() -> None:
    warnings = warnings_of(facts(config={"lag": 0}), ["stored"], [day(18, look_ahead=0, rollouts=2)])
    assert warnings[0].startswith("This run looked ahead: under lag 0")
    assert warnings[1] == "stored"


def test_look_ahead_warning_names_false_dates_as_the_cause() -> None:
    days = [day(18, look_ahead=3, rollouts=8)]
    warnings = warnings_of(facts(config={"lag": 1, "dates": "warn"}), [], days)
    assert warnings[0].startswith("This run looked ahead: 3 of 8 rollouts")
    assert "dates=warn" in warnings[0]
    assert warnings_of(FACTS, [], days)[0].endswith("published after their own.")


def test_sound_run_has_no_warning() -> None:
    assert warnings_of(FACTS, [], [day(18, rollouts=8)]) == []


def test_look_ahead_of_an_imported_run_is_unknown() -> None:
    assert warnings_of(facts(kind="import"), [], [day(18, look_ahead=None)])[0].startswith("Look-ahead is unknown")
