"""Delivery, decoding cost and texts of a day's rollouts, by hand."""

from __future__ import annotations

import pytest

from services.coordinator.reports.figures.lines import Decoding, LineFigures, ValidLines, line_figures
from tests.unit.coordinator.reports.factories import line


def test_final_validity_is_that_of_the_ladder_arm() -> None:
    lines = [
        line(arm="free", valid=False, verdict="malformed"),
        line(arm="free", valid=False, verdict="malformed"),
        line(index=2),
        line(index=3, valid=False, verdict="abstained"),
    ]
    found = line_figures(lines)
    assert (found.delivered, found.final_validity, found.abstained) == (2, 0.5, 0.5)


def test_all_lines_are_delivered_without_a_ladder_arm() -> None:
    found = line_figures([line(arm="free"), line(arm="free", index=1, valid=False, verdict="malformed")])
    assert (found.delivered, found.final_validity, found.abstained) == (2, 0.5, 0.0)


def test_cost_per_valid_line_includes_the_invalid_delivered_ones() -> None:
    lines = [
        line(arm="free", sampled_tokens=1000, attempts=1, tokens=1000),
        line(index=1, sampled_tokens=30, tokens=30),
        line(index=2, sampled_tokens=90, tokens=30, attempts=3, valid=False),
    ]
    assert line_figures(lines).decoding == Decoding(
        calls_per_rollout=2.0,
        tokens_per_rollout=60.0,
        calls_per_valid=4.0,
        tokens_per_valid=120.0,
        failed_tokens=60,
        failed_share=0.5,
    )


def test_uncounted_tokens_give_no_decoding_cost() -> None:
    assert line_figures([line()]).decoding == Decoding()


def test_signs_are_shares_of_all_scored_rollouts() -> None:
    lines = [
        line(arm="free", signs=["empty"], valid=False, form_score=0.0),
        line(signs=["restated", "duplicate"]),
        line(form_score=0.5),
        line(score=None),
        line(),
    ]
    found = line_figures(lines)
    assert (found.signs.empty, found.signs.restated, found.signs.placeholder) == (0.25, 0.25, 0.0)
    assert found.form_score == pytest.approx(0.625)


def test_valid_lines_are_compared_within_their_groups() -> None:
    lines = [
        line(1, 0, text="oil falls", trade_thinking=0.2, leak=True),
        line(1, 1, text="oil falls", trade_thinking=0.4, signs=["restated"]),
        line(1, 2, text="oil falls", valid=False),
        line(2, 0, text="oil falls", trade_thinking=0.6, arm="free"),
    ]
    found = line_figures(lines).valid_lines
    assert (found.count, found.trade_thinking, found.distinct_1) == pytest.approx((3, 0.4, 0.5))
    assert (found.duplicates, found.restated, found.leak) == (1 / 3, 1 / 3, 1 / 3)


def test_day_without_scored_rollouts_has_no_figures() -> None:
    assert line_figures([]) == LineFigures()
    assert line_figures([line(score=None)]).valid_lines == ValidLines()
