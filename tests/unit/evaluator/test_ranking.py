"""Rankers order by what is said, never by where it stands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.ranking import RANKERS, RecordedRanker, SemanticRanker, best_cosines, make_ranker
from services.evaluator.records import Standing, read_group
from shared.errors import InvalidInputError
from shared.forecast import TEMPLATE
from shared.run_config import RunConfig
from shared.wire import GroupToScore, RolloutToScore
from tests.unit.evaluator.group_texts import FIRST_EXAMPLE, HEADLINE, OWN, WordEmbedder, group, unhurried

CONFIG = RunConfig.model_validate({})
OUTCOMES = ["Rivals see profit and shares fall", "Weather"]
TEXTS = ["rivals see profit", "shares of rivals", "profit", "profit", "", TEMPLATE, HEADLINE, FIRST_EXAMPLE, OWN]


def semantic(*texts: str) -> Standing:
    asked = group(*texts)
    return SemanticRanker(WordEmbedder()).rank(asked, read_group(asked, CONFIG), OUTCOMES)


def recorded(*ranks: float | None, scores: tuple[float | None, ...] | None = None) -> Standing:
    given_scores = scores or (None,) * len(ranks)
    rollouts = [
        RolloutToScore(rollout_id=i, text="same", recorded_rank=rank, recorded_score=score)
        for i, (rank, score) in enumerate(zip(ranks, given_scores, strict=True))
    ]
    asked = GroupToScore(group_id=1, headline=HEADLINE, prompt_text="", rollouts=rollouts)
    return RecordedRanker().rank(asked, read_group(asked, CONFIG), [])


def test_the_best_cosine_over_all_outcomes_counts() -> None:
    outcomes = np.asarray([[1, 0], [0.6, 0.8]], dtype=np.float32)
    vectors = np.asarray([[0, 1], [0.8, 0.6], [-1, 0]], dtype=np.float32)
    assert best_cosines(vectors, outcomes) == pytest.approx([0.8, 0.96, -0.6])


def test_semantic_is_the_claims_best_cosine_less_the_headlines() -> None:
    # Outcome 1 has 4 of the words, the claim 2 of them: 2 / sqrt(4 · 2); the headline has none of them.
    assert semantic("rivals see profit", "other").semantic == pytest.approx([0.707107, 0.0], abs=1e-3)


def test_the_claim_slot_is_what_is_compared() -> None:
    line = OWN.replace("KHC falls at least 3% by Monday", "Rivals see a profit by Monday")
    alone = semantic("Rivals see a profit by Monday", line)
    assert alone.semantic is not None
    assert alone.semantic[0] == alone.semantic[1] > 0


def test_texts_that_say_nothing_of_their_own_share_the_last_places() -> None:
    standing = semantic(
        "rivals see profit", "", TEMPLATE, HEADLINE, FIRST_EXAMPLE, "No forecast: profit and shares unclear"
    )
    assert standing.semantic is not None
    assert standing.semantic[1:] == [0.0] * 5
    assert standing.ranks == [1] + [4] * 5
    assert standing.normalized == pytest.approx([1.0] + [0.4] * 5)


def test_a_group_that_says_nothing_shares_the_mean_place() -> None:
    assert semantic("", "", TEMPLATE, HEADLINE).normalized == [0.5] * 4


def test_outcomes_are_embedded_once_for_all_groups_of_a_task() -> None:
    from services.evaluator.embedder import Cached

    inner = WordEmbedder()
    ranker = make_ranker("semantic", Cached(inner))
    for asked in (group("profit", "profit"), group("profit", "shares")):
        ranker.rank(asked, read_group(asked, CONFIG), OUTCOMES)
    assert sorted(inner.asked) == sorted([HEADLINE, "profit", "shares", *OUTCOMES])


def test_semantic_refuses_to_rank_against_nothing() -> None:
    with pytest.raises(InvalidInputError, match="outcomes: none given"):
        SemanticRanker(WordEmbedder()).rank(group("a"), [], [])


@unhurried
@given(st.permutations(TEXTS))
def test_a_permuted_group_has_permuted_scores(texts: list[str]) -> None:
    standing, fixed = semantic(*texts), semantic(*TEXTS)
    assert standing.normalized == [fixed.normalized[TEXTS.index(text)] for text in texts]


def test_recorded_ranks_and_scores_are_kept_to_the_bit() -> None:
    kept = recorded(2, 3, 1, scores=(0.8571428571428572, 0.7142857142857143, 1.0))
    assert kept == Standing([2, 3, 1], [0.8571428571428572, 0.7142857142857143, 1.0])


def test_a_score_follows_from_a_recorded_rank_where_none_is_recorded() -> None:
    assert recorded(2, 3, 1).normalized == [0.5, 0.0, 1.0]
    assert recorded(1.5, 1.5, 3).normalized == [0.75, 0.75, 0.0]


def test_ranks_beyond_an_incomplete_group_still_give_shares() -> None:
    standing = recorded(2, 8, 5)
    assert standing.ranks == [2, 8, 5]
    assert standing.normalized == [1.0, 0.0, 0.5]


def test_a_missing_rank_and_a_score_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="rollouts: 1 has no recorded_rank"):
        recorded(1, None)
    with pytest.raises(InvalidInputError, match="recorded_score of 1 is outside"):
        recorded(1, 2, scores=(1.0, 8.5))


def test_a_further_ranker_is_one_entry_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RANKERS, "other", lambda _: RecordedRanker())
    assert isinstance(make_ranker("other", WordEmbedder()), RecordedRanker)


def test_an_unknown_ranker_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="choose one of semantic, recorded"):
        make_ranker("judge", WordEmbedder())
