"""Rankers: how the rollouts of a group are ordered. One interface; a further ranker is one entry of RANKERS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import numpy as np

from services.evaluator.embedder import Embedder, Vectors
from services.evaluator.records import Reading, Standing, standing_by
from services.evaluator.scoring import normalized_score, places, semantic_score
from shared.errors import InvalidInputError
from shared.wire import GroupToScore


class Ranker(Protocol):
    """Orders a group by how well it fits the outcome headlines."""

    def rank(self, group: GroupToScore, readings: Sequence[Reading], outcomes: Sequence[str]) -> Standing:
        """The group's standing, in the order of its rollouts. Depends on texts only, not on their positions."""
        ...


def best_cosines(vectors: Vectors, outcomes: Vectors) -> list[float]:
    """For each unit vector of (n, d), its highest cosine with the unit vectors of (m, d), m ≥ 1; in [−1, 1]."""
    return [float(best) for best in np.clip((vectors @ outcomes.T).max(axis=1), -1.0, 1.0)]


class SemanticRanker:
    """By similarity of the claim to the outcomes, less what the headline reaches. No claim scores 0."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def rank(self, group: GroupToScore, readings: Sequence[Reading], outcomes: Sequence[str]) -> Standing:
        """Raises InvalidInputError without outcomes."""
        if not outcomes:
            raise InvalidInputError("outcomes: none given; the ranker semantic needs headlines of the outcome day")
        claims = sorted({reading.claim for reading in readings if reading.claim})
        vectors = self._embedder.embed([group.headline, *claims])
        headline, *best = best_cosines(vectors, self._embedder.embed(outcomes))
        by_claim = {claim: semantic_score(cosine, headline) for claim, cosine in zip(claims, best, strict=True)}
        scores = [by_claim.get(reading.claim, 0.0) for reading in readings]
        return standing_by(scores, [reading.rollout.text for reading in readings], scores)


class RecordedRanker:
    """Keeps the ranks of imported files, and their normalised scores to the bit where the files hold them."""

    def rank(self, group: GroupToScore, readings: Sequence[Reading], outcomes: Sequence[str]) -> Standing:  # noqa: ARG002
        """Raises InvalidInputError for a rollout without a recorded rank or with a score outside [0, 1].

        Without a recorded score the rank's order within the group decides, so that a rank beyond the group's size
        (an incomplete file) still gives a score in [0, 1].
        """
        rollouts = [reading.rollout for reading in readings]
        ranks = [r.recorded_rank for r in rollouts if r.recorded_rank is not None]
        if len(ranks) < len(rollouts):
            missing = next(r.rollout_id for r in rollouts if r.recorded_rank is None)
            raise InvalidInputError(f"rollouts: {missing} has no recorded_rank; set ranker=semantic to rank it anew")
        wrong = [r.rollout_id for r in rollouts if not 0 <= (r.recorded_score or 0) <= 1]
        if wrong:
            raise InvalidInputError(
                f"rollouts: recorded_score of {wrong[0]} is outside 0..1; divide a 0..10 score by 10"
            )
        order = places([-rank for rank in ranks])
        recorded = [r.recorded_score for r in rollouts]
        return Standing(
            ranks,
            [normalized_score(place, len(order)) if s is None else s for place, s in zip(order, recorded, strict=True)],
        )


RANKERS: Final[dict[str, Callable[[Embedder], Ranker]]] = {
    "semantic": SemanticRanker,
    "recorded": lambda _: RecordedRanker(),
}
"""Ranker by name. Each is made anew for a task."""


def make_ranker(name: str, embedder: Embedder) -> Ranker:
    """The ranker of a name; raises InvalidInputError naming those that exist."""
    if name not in RANKERS:
        raise InvalidInputError(f"ranker: {name!r} does not exist; choose one of {', '.join(RANKERS)}")
    return RANKERS[name](embedder)
