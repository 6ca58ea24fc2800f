"""Brier, log loss, the reliability table and the calibration error, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from services.coordinator.reports.figures.reliability import calibration_error, reliability, reliability_table
from tests.unit.coordinator.reports.factories import line


def claim(prob: float, *, happened: bool) -> dict[str, Any]:
    likelihood = prob if happened else 1 - prob
    return {"prob": prob, "happened": happened, "brier": (prob - happened) ** 2, "log_loss": -math.log(likelihood)}


def test_settled_claims_are_averaged_and_the_others_only_counted() -> None:
    lines = [
        line(settlement=claim(0.8, happened=True)),
        line(settlement=claim(0.6, happened=False)),
        line(settlement=None),
        line(score=None),
        line(score=None),
    ]
    found = reliability(lines)
    assert (found.settled, found.unsettled, found.pending) == (2, 1, 2)
    assert found.brier == pytest.approx((0.04 + 0.36) / 2)
    assert found.log_loss == pytest.approx((-math.log(0.8) - math.log(0.4)) / 2)


def test_bins_include_their_lower_bound_and_the_last_one_also_certainty() -> None:
    bins = reliability_table([(0.0, False), (0.1, True), (0.3, False), (0.35, True), (0.9, True), (1.0, False)])
    assert [found.count for found in bins] == [1, 1, 0, 2, 0, 0, 0, 0, 0, 2]
    assert (bins[3].stated, bins[3].happened) == pytest.approx((0.325, 0.5))
    assert (bins[9].low, bins[9].high, bins[9].stated) == pytest.approx((0.9, 1.0, 0.95))
    assert (bins[2].stated, bins[2].happened) == (None, None)


def test_every_round_probability_begins_its_bin() -> None:
    bins = reliability_table([(tenth / 10, True) for tenth in range(10)])
    assert [found.count for found in bins] == [1] * 10


def test_calibration_error_weighs_each_gap_by_its_claims() -> None:
    # Three claims at .75 of which one happened: gap .4167; one at .25 that happened: gap .75
    claims = [(0.75, True), (0.75, False), (0.75, False), (0.25, True)]
    assert calibration_error(reliability_table(claims)) == pytest.approx(0.75 * (0.75 - 1 / 3) + 0.25 * 0.75)


def test_honest_probabilities_have_no_calibration_error() -> None:
    claims = [(0.5, True), (0.5, False), (1.0, True), (0.0, False)]
    assert calibration_error(reliability_table(claims)) == 0.0


def test_without_settled_claims_all_figures_are_none() -> None:
    found = reliability([line()])
    assert (found.brier, found.log_loss, found.calibration_error) == (None, None, None)
