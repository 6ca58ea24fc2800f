"""Each formula against numbers worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.scoring import (
    balanced_win,
    beyond_headline,
    composite,
    normalized_score,
    outcome_score,
    places,
    resolved_score,
    reward,
    semantic_score,
    tied,
    validity,
    weighted_mean,
    win_share,
)
from shared.run_config import RunConfig
from tests.unit.evaluator.group_texts import unhurried

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]), min_size=1, max_size=10)


def test_validity_is_one_or_zero() -> None:
    assert (validity(True), validity(False)) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("claim", "headline", "expected"),
    [(0.75, 0.25, 0.5), (0.25, 0.75, 0.0), (0.5, 0.5, 0.0), (0.1, -0.3, 0.1), (-0.2, -0.4, 0.0), (1.0, 0.0, 1.0)],
)
def test_semantic_score_is_the_claims_cosine_minus_the_headlines(
    claim: float, headline: float, expected: float
) -> None:
    assert semantic_score(claim, headline) == expected


def test_ties_share_the_mean_of_their_places() -> None:
    assert places([0.9, 0.1, 0.4, 0.4]) == [1, 4, 2.5, 2.5]
    assert places([0.2, 0.2, 0.2, 0.7]) == [3, 3, 3, 1]
    assert places([0.0] * 8) == [4.5] * 8


def test_identical_texts_tie_whatever_their_keys() -> None:
    assert tied(["a", "b", " a"], [(0.25,), (0.5,), (0.75,)]) == [(0.5,)] * 3
    assert tied(["a", "a", "b"], [(0.25, 1.0), (0.75, 0.0), (0.1, 0.2)]) == [(0.5, 0.5), (0.5, 0.5), (0.1, 0.2)]
    assert tied(["a", "a", "a"], [(0.1,), (0.1,), (0.1,)]) == [(0.1,)] * 3
    assert tied(["", "a"], [(), (0.1,)]) == [(), (0.1,)]


def test_keys_are_compared_number_by_number_and_the_empty_one_is_last() -> None:
    assert places([(0.5, 0.1), (0.5, 0.2), (), (0.4, 0.9)]) == [2, 1, 4, 3]


@pytest.mark.parametrize(
    ("score", "others", "expected"),
    [(0.5, [0.1, 0.2, 0.5, 0.9], 0.625), (0.5, [0.5, 0.5], 0.5), (0.0, [0.1], 0.0), (1.0, [0.1, 0.2], 1.0)],
)
def test_win_share_is_the_share_below_plus_half_of_the_ties(score: float, others: list[float], expected: float) -> None:
    assert win_share(score, others) == expected


@pytest.mark.parametrize(
    ("relevance", "residual", "expected"),
    [(0.25, 0.5, 0.25), (1.0, 0.0, 0.0), (0.0, 0.9, 0.0), (-0.3, 0.9, 0.0), (0.49, -0.1, 0.0), (0.5, 0.5, 0.353553)],
)
def test_beyond_weighs_the_residual_by_relevance_to_the_headline(
    relevance: float, residual: float, expected: float
) -> None:
    assert beyond_headline(relevance, residual) == expected


def test_balanced_win_cancels_position_bias() -> None:
    assert balanced_win(0.75, 0.25) == 0.75
    assert balanced_win(0.9, 0.9) == 0.5
    assert balanced_win(1.0, 0.5) == 0.75


def test_resolved_score_is_one_minus_brier_and_zero_if_unsettled() -> None:
    assert resolved_score(0.1444) == 0.8556
    assert resolved_score(None) == 0.0


def test_a_mix_is_the_mean_of_its_weighted_scores() -> None:
    assert weighted_mean({"a": 0.5, "b": 1.0, "c": 0.0}, {"a": 3.0, "b": 1.0}) == 0.625


@pytest.mark.parametrize(
    ("rank", "n", "expected"), [(1, 8, 1.0), (8, 8, 0.0), (2, 8, 6 / 7), (4.5, 8, 0.5), (2.5, 4, 0.5), (1, 1, 0.5)]
)
def test_normalized_score_scales_the_rank_to_zero_to_one(rank: float, n: int, expected: float) -> None:
    assert normalized_score(rank, n) == pytest.approx(expected)


def test_the_outcome_score_is_ten_times_the_normalized_one() -> None:
    assert outcome_score(0.75) == 7.5


def test_composite_weighs_rank_and_trade_thinking_geometrically() -> None:
    assert composite(1.0, 1.0) == 1.0
    assert composite(0.5, 0.7) == pytest.approx(0.5531061)  # exp(.7 ln .5 + .3 ln .7)
    assert composite(6 / 7, 0.1) == pytest.approx(0.4499220)  # exp(.7 ln(6/7) + .3 ln .1)
    assert composite(0.0, 1.0) == composite(1.0, 0.0) == composite(0.0, 0.0) == 0.0


def test_the_reward_is_gated_base_plus_bonus_for_validity() -> None:
    gated, ungated = RunConfig(), RunConfig(gate="off")
    assert reward(0.4, "strict", (), gated, 0.1) == 0.5
    assert reward(0.4, "strict", ("restated",), gated, 0.1) == 0.5
    assert reward(0.4, "malformed", (), gated, 0.1) == 0.0
    assert reward(0.4, "abstained", (), gated, 0.1) == 0.0
    assert reward(0.4, "malformed", (), ungated, 0.1) == 0.4
    assert reward(0.4, "strict", (), ungated, 0.0) == 0.4


def test_near_miss_opens_the_gate_and_gets_a_bonus_only_where_that_is_for_valid_lines() -> None:
    assert reward(0.4, "normalized", (), RunConfig(), 0.1) == 0.4
    assert reward(0.4, "normalized", (), RunConfig(bonus_for="valid"), 0.1) == 0.5
    assert reward(0.4, "malformed", (), RunConfig(bonus_for="valid"), 0.1) == 0.0


def test_sound_gate_closes_for_a_restated_headline() -> None:
    sound = RunConfig(gate="sound")
    assert reward(0.4, "strict", (), sound, 0.1) == 0.5
    assert reward(0.4, "strict", ("restated",), sound, 0.1) == 0.1
    assert reward(0.4, "strict", ("placeholder", "duplicate"), sound, 0.0) == 0.0
    assert reward(0.4, "malformed", (), sound, 0.1) == 0.0


def test_duplicate_alone_does_not_close_the_sound_gate() -> None:
    assert reward(0.4, "strict", ("duplicate",), RunConfig(gate="sound"), 0.1) == 0.5


def test_grounded_gate_scales_with_grounding_above_one_half() -> None:
    grounded = RunConfig(gate="grounded")
    assert reward(0.4, "strict", (), grounded, 0.1, 1.0) == 0.5
    assert reward(0.4, "strict", (), grounded, 0.1, 0.75) == pytest.approx(0.4 * 0.5 + 0.1)
    assert reward(0.4, "strict", (), grounded, 0.1, 0.5) == 0.1
    assert reward(0.4, "strict", (), grounded, 0.1, 0.2) == 0.1
    assert reward(0.4, "strict", (), grounded, 0.1, None) == 0.5
    assert reward(0.4, "strict", ("restated",), grounded, 0.1, 1.0) == 0.1
    assert reward(0.4, "malformed", (), grounded, 0.1, 1.0) == 0.0


@unhurried
@given(SCORES)
def test_places_lie_in_the_group_and_sum_to_all_of_them(scores: list[float]) -> None:
    n = len(scores)
    ranks = places(scores)
    assert all(1 <= rank <= n for rank in ranks)
    assert sum(ranks) == n * (n + 1) / 2
    assert all(0 <= normalized_score(rank, n) <= 1 for rank in ranks)


@unhurried
@given(st.permutations(list(range(6))), st.lists(st.sampled_from([0.0, 0.3, 0.8]), min_size=6, max_size=6))
def test_a_permutation_of_scores_permutes_the_places(order: list[int], scores: list[float]) -> None:
    assert places([scores[i] for i in order]) == [places(scores)[i] for i in order]


@unhurried
@given(st.floats(0, 1), st.floats(0, 1))
def test_composite_lies_between_zero_and_one(normalized: float, trade: float) -> None:
    assert 0 <= composite(normalized, trade) <= 1
