"""By similarity of the claim to the outcomes, beyond what the headline reaches."""

from __future__ import annotations

from services.evaluator.context import Context
from services.evaluator.embeddings.similarity import NOTHING, similarities
from services.evaluator.rankers.base import Pool, Standing, standing_by
from shared.errors import InvalidInputError


class SemanticRanker:
    """Orders by semantic + beyond: the floor of `semantic` alone would tie most claims of a group.

    docs/decisions/0011-semantic-orders-by-what-is-said-beyond-the-headline.md
    """

    def __init__(self, context: Context) -> None:
        self._embedder = context.tools.embedder

    def rank(self, pool: Pool) -> Standing:
        """Raises InvalidInputError without outcomes."""
        if not pool.outcomes:
            raise InvalidInputError("outcomes: none given; the ranker semantic needs headlines of the outcome day")
        claims = [reading.claim for reading in pool.everyone]
        known = similarities(self._embedder, pool.group.headline, claims, pool.outcomes)
        found = [known.get(claim, NOTHING) for claim in claims]
        keys = [(round(similarity.semantic + similarity.beyond, 6),) for similarity in found]
        return standing_by(pool, keys, [similarity.semantic for similarity in found[: len(pool.readings)]])

    def figures(self) -> dict[str, float]:
        """None of its own."""
        return {}
