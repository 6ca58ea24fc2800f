"""The judge: both orders of each pair, fitted strengths, and no position bias."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.dependencies import Dependencies
from services.evaluator.rankers.judge import JudgeRanker, strengths
from services.evaluator.service import score_groups
from shared.errors import InvalidInputError, StoppedError
from shared.forecast import TEMPLATE
from tests.unit.evaluator.group_texts import HEADLINE, LeaningEngine, WordEmbedder, few, group, inputs, pool, ranked

JUDGED = inputs(ranker="judge")


def dependencies(engine: LeaningEngine) -> Dependencies:
    return Dependencies(WordEmbedder(), engine)


def test_two_texts_are_as_far_apart_as_their_odds() -> None:
    assert strengths(2, [(0, 1)], [0.75]) == pytest.approx([math.log(3) / 2, -math.log(3) / 2], abs=0.03)


def test_equal_shares_tie_and_no_comparison_ties_too() -> None:
    assert strengths(3, [(0, 1), (1, 2), (0, 2)], [0.5] * 3) == [0.0] * 3
    assert strengths(1, [], []) == [0.0]


def test_strengths_use_comparisons_of_other_texts_too() -> None:
    first, second, third = strengths(3, [(0, 1), (1, 2)], [0.9, 0.8])
    assert first > second > third


@few
@given(st.integers(2, 8).flatmap(lambda n: st.tuples(st.just(n), st.lists(
    st.sampled_from([0.0, 0.001, 0.3, 0.5, 1.0]), min_size=n * (n - 1) // 2, max_size=n * (n - 1) // 2))))  # fmt: skip
def test_any_win_shares_can_be_fitted(case: tuple[int, list[float]]) -> None:
    n, wins = case
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    assert all(math.isfinite(strength) for strength in strengths(n, pairs, wins))


@pytest.mark.parametrize("prior", [0.0, 3.0, -3.0])
def test_every_pair_is_asked_in_both_orders_so_that_position_bias_cancels(prior: float) -> None:
    engine = LeaningEngine(prior)
    ranking = ranked(group("profit", "rivals profit", "rivals profit shares", "none"), JUDGED, dependencies(engine))
    assert ranking.ranks == [3.0, 2.0, 1.0, 4.0]
    assert len(engine.prompts) == 12
    assert len(set(engine.prompts)) == 12


def test_texts_without_a_claim_lose_without_a_question() -> None:
    engine = LeaningEngine()
    texts = ("", "profit", TEMPLATE, HEADLINE, "rivals profit", "No forecast: nothing new")
    ranking = ranked(group(*texts), JUDGED, dependencies(engine))
    assert ranking.ranks == [4.5, 2.0, 4.5, 4.5, 1.0, 4.5]
    assert ranking.normalized == [0.0, 0.8, 0.0, 0.0, 1.0, 0.0]
    assert len(engine.prompts) == 2


def test_texts_with_the_same_claim_tie() -> None:
    engine = LeaningEngine(2.0)
    ranking = ranked(group("profit", "rivals", " profit", "rivals"), JUDGED, dependencies(engine))
    assert ranking.ranks[0] == ranking.ranks[2]
    assert ranking.ranks[1] == ranking.ranks[3]
    assert len(engine.prompts) == 2


def test_number_of_pairs_is_limited_by_judge_pairs() -> None:
    engine = LeaningEngine()
    ranked(
        group(*(f"rivals {word * 2}" for word in "abcdefgh")),
        inputs(ranker="judge", judge_pairs=10),
        dependencies(engine),
    )
    assert len(engine.prompts) == 20


def test_figures_are_the_number_of_questions_and_the_first_option_share() -> None:
    result = score_groups([group("profit", "rivals")] * 2, JUDGED, dependencies(LeaningEngine(40.0)))
    assert result.figures == {"comparisons": 4, "first_option": pytest.approx(1.0)}
    assert score_groups([group("", "")], JUDGED, dependencies(LeaningEngine())).figures == {"comparisons": 0}


def test_judge_stops_between_questions() -> None:
    def stop() -> None:
        raise StoppedError("cancelled")

    engine = LeaningEngine()
    ranker = JudgeRanker(dependencies(engine), replace(JUDGED, between=stop))
    with pytest.raises(StoppedError):
        ranker.rank(pool("profit", "rivals"))
    assert engine.prompts == []


def test_judge_needs_an_engine_and_outcomes() -> None:
    with pytest.raises(InvalidInputError, match="set MORROW_ENGINE_URL"):
        ranked(group("a"), JUDGED)
    with pytest.raises(InvalidInputError, match="outcomes: none given"):
        ranked(group("a"), inputs((), ranker="judge"), dependencies(LeaningEngine()))
