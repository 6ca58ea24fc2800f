"""The ranker `semantic`: similarity of the claim to the outcomes, beyond the similarity of its headline."""

from __future__ import annotations

from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.similarity import NOTHING, similarities
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers.base import Pool, Ranker, Ranking, ranking_by
from shared.errors import InvalidInputError


class SemanticRanker(Ranker):
    """Ranks by semantic + beyond: the floor of `semantic` alone would tie most claims of a group.

    docs/decisions/0011-semantic-orders-by-what-is-said-beyond-the-headline.md
    """

    def __init__(self, dependencies: Dependencies, _inputs: ScoringInputs) -> None:
        self._embedder = dependencies.embedder

    def rank(self, pool: Pool) -> Ranking:
        """Raises InvalidInputError without outcomes."""
        if not pool.outcomes:
            raise InvalidInputError("outcomes: none given; the ranker semantic needs headlines of the outcome day")
        claims = [parsed.claim for parsed in pool.everyone]
        similarity_of = similarities(self._embedder, pool.group.headline, claims, pool.outcomes)
        of_texts = [similarity_of.get(claim, NOTHING) for claim in claims]
        keys = [(round(similarity.semantic + similarity.beyond, 6),) for similarity in of_texts]
        return ranking_by(pool, keys, [similarity.semantic for similarity in of_texts[: len(pool.texts)]])
