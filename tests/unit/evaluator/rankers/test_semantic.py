"""The semantic score and what orders a group by it, against vectors worked by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.model import Cached, Vectors
from services.evaluator.embeddings.similarity import best_cosines, similarities
from services.evaluator.rankers import Ranking, make_ranker
from services.evaluator.service import pool_of
from shared.errors import InvalidInputError
from shared.forecast import TEMPLATE
from tests.unit.evaluator.group_texts import FIRST_EXAMPLE, HEADLINE, OWN, WordEmbedder, group, inputs, ranked

OUTCOMES = ["Rivals see profit and shares fall", "Weather"]


class PlaneEmbedder:
    """Texts of known unit vectors; the headline is (1, 0, 0), the outcome (.8, .6, 0)."""

    KNOWN: dict[str, tuple[float, float, float]] = {  # noqa: RUF012
        HEADLINE: (1, 0, 0),
        "outcome": (0.8, 0.6, 0),
        "same words": (1, 0, 0),
        "further": (0.6, 0.8, 0),
        "nearer": (0.96, 0.28, 0),
        "elsewhere": (0, 0, 1),
    }

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.asarray([self.KNOWN[text] for text in texts], dtype=np.float32)


def semantic(*texts: str) -> Ranking:
    return ranked(group(*texts), inputs(OUTCOMES))


def test_the_best_cosine_over_all_outcomes_counts() -> None:
    outcomes = np.asarray([[1, 0], [0.6, 0.8]], dtype=np.float32)
    vectors = np.asarray([[0, 1], [0.8, 0.6], [-1, 0]], dtype=np.float32)
    assert best_cosines(vectors, outcomes) == pytest.approx([0.8, 0.96, -0.6])


def test_beyond_is_the_claims_component_orthogonal_to_its_headline() -> None:
    claims = ["same words", "further", "nearer", "elsewhere"]
    similarity_of = similarities(PlaneEmbedder(), HEADLINE, claims, ["outcome"])
    # semantic: max(0, c·o − .8). beyond: √(c·h) · r·o with r = c − (c·h)h, so r·o = c₂ · .6.
    assert similarity_of["same words"].semantic == similarity_of["same words"].beyond == 0.0
    assert similarity_of["further"].semantic == pytest.approx(0.16)  # .6·.8 + .8·.6 − .8
    assert similarity_of["further"].beyond == pytest.approx(0.371806)  # √.6 · .48
    assert similarity_of["nearer"].semantic == pytest.approx(0.136)  # .96·.8 + .28·.6 − .8
    assert similarity_of["nearer"].beyond == pytest.approx(0.164606)  # √.96 · .168
    assert similarity_of["elsewhere"].semantic == similarity_of["elsewhere"].beyond == 0.0


def test_group_is_ranked_by_semantic_plus_beyond() -> None:
    ranking = ranked(group("same words", "nearer", "further"), inputs(["outcome"]), Dependencies(PlaneEmbedder()))
    assert ranking.ranks == [3.0, 2.0, 1.0]
    assert ranking.semantic == pytest.approx([0.0, 0.136, 0.16])


def test_claims_tied_at_the_semantic_floor_are_ranked_by_beyond() -> None:
    headline = "Rivals see profit and shares fall"  # which is the outcome, so that no claim reaches more
    scored = group("Rivals", "Rivals and weather", "Profit and shares fall").model_copy(update={"headline": headline})
    ranking = ranked(scored, inputs([headline, "Weather"]))
    assert ranking.semantic == [0.0, 0.0, 0.0]
    assert ranking.ranks[1] == 1.0


def test_semantic_is_the_claims_best_cosine_less_the_headlines() -> None:
    # Outcome 1 has 4 of the words, the claim 2 of them: 2 / sqrt(4 · 2); the headline has none of them.
    assert semantic("rivals see profit", "other").semantic == pytest.approx([0.707107, 0.0], abs=1e-3)


def test_only_the_claim_slot_is_compared() -> None:
    line = OWN.replace("KHC falls at least 3% by Monday", "Rivals see a profit by Monday")
    alone = semantic("Rivals see a profit by Monday", line)
    assert alone.semantic is not None
    assert alone.semantic[0] == alone.semantic[1] > 0


def test_texts_without_own_words_share_the_last_places_and_score_zero() -> None:
    ranking = semantic(
        "rivals see profit", "", TEMPLATE, HEADLINE, FIRST_EXAMPLE, "No forecast: profit and shares unclear"
    )
    assert ranking.semantic is not None
    assert ranking.semantic[1:] == [0.0] * 5
    assert ranking.ranks == [1] + [4] * 5
    assert ranking.normalized == [1.0] + [0.0] * 5


def test_outcomes_are_embedded_once_for_all_groups_of_a_task() -> None:
    inner = WordEmbedder()
    of = inputs(OUTCOMES)
    ranker = make_ranker("semantic", Dependencies(Cached(inner)), of)
    for scored in (group("profit", "profit"), group("profit", "shares")):
        ranker.rank(pool_of(scored, of))
    assert sorted(inner.texts) == sorted([HEADLINE, "profit", "shares", *OUTCOMES])


def test_semantic_needs_outcomes() -> None:
    with pytest.raises(InvalidInputError, match="outcomes: none given"):
        ranked(group("a"), inputs(()))
