"""What is delivered, what it costs, and what the texts are like, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.reports.figures.lines import Decoding, LineFigures, ValidLines, line_figures
from services.coordinator.stats.diversity import distinct, duplicate_share, mean_distinct, words
from tests.unit.coordinator.reports.made import line

TEXTS = st.lists(st.text("ab ", max_size=12), min_size=2, max_size=6)


def test_words_are_lower_case_without_punctuation_and_numbers_stay_whole() -> None:
    assert words("Prob=60%; Claim=S&P 500 gains 1.5% — “now”.") == (
        *("prob", "60%", "claim", "s", "p", "500", "gains", "1.5%", "now"),
    )


def test_distinct_n_of_two_texts_is_the_ordinary_one() -> None:
    # 7 words, of which oil, falls, rises, on, demand are different; of 5 pairs of neighbours all but one are.
    assert distinct(["oil falls on demand", "oil rises demand"], 1) == pytest.approx(5 / 7)
    assert distinct(["oil falls on demand", "oil falls today"], 2) == pytest.approx(4 / 5)


def test_distinct_n_of_three_texts_is_that_of_their_pairs() -> None:
    # Pairs (a b, a c), (a b, d e), (a c, d e) have 3, 4 and 4 different words, each of 4.
    assert distinct(["a b", "a c", "d e"], 1) == pytest.approx(11 / 12)


def test_equal_texts_are_half_distinct_and_one_alone_is_nothing() -> None:
    assert distinct(["oil falls", "oil falls"], 1) == 0.5
    assert distinct(["oil falls"], 1) is None
    assert distinct(["oil", "gas"], 2) is None
    assert mean_distinct([["oil falls", "oil falls"], ["gas"], ["a b", "c d"]], 1) == 0.75


@given(TEXTS)
def test_distinct_n_is_a_share_and_knows_no_order(texts: list[str]) -> None:
    found = distinct(texts, 1)
    assert found is None or 0 < found <= 1
    assert distinct(texts[::-1], 1) == found


def test_duplicates_are_texts_with_the_words_of_an_earlier_one_of_their_group() -> None:
    groups = [["Oil falls.", "oil falls", "OIL, falls", "gas"], ["oil falls"]]
    assert duplicate_share(groups) == pytest.approx(2 / 5)
    assert duplicate_share([]) is None


def test_final_validity_is_that_of_the_arm_that_climbs() -> None:
    lines = [
        line(arm="free", valid=False, verdict="malformed"),
        line(arm="free", valid=False, verdict="malformed"),
        line(index=2),
        line(index=3, valid=False, verdict="abstained"),
    ]
    found = line_figures(lines)
    assert (found.delivered, found.final_validity, found.abstained) == (2, 0.5, 0.5)


def test_without_a_ladder_everything_is_delivered() -> None:
    found = line_figures([line(arm="free"), line(arm="free", index=1, valid=False, verdict="malformed")])
    assert (found.delivered, found.final_validity, found.abstained) == (2, 0.5, 0.0)


def test_the_cost_of_a_valid_line_is_what_all_delivered_ones_cost() -> None:
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


def test_uncounted_tokens_cost_nothing_that_is_known() -> None:
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


def test_of_nothing_nothing_is_known() -> None:
    assert line_figures([]) == LineFigures()
    assert line_figures([line(score=None)]).valid_lines == ValidLines()
