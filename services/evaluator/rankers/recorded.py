"""The ranker `recorded`: the ranks of imported files."""

from __future__ import annotations

from services.evaluator.dependencies import Dependencies
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers.base import Pool, Ranker, Ranking
from services.evaluator.scoring import normalized_score, places
from shared.errors import InvalidInputError


class RecordedRanker(Ranker):
    """Keeps the ranks of imported files, and their normalised scores to the bit where the files have them."""

    def __init__(self, _dependencies: Dependencies, _inputs: ScoringInputs) -> None:
        """Neither is used: the ranks are in the groups."""

    def rank(self, pool: Pool) -> Ranking:
        """Raises InvalidInputError for a rollout without a recorded rank or with a score outside [0, 1].

        Without a recorded score the rank's order within the group decides, so that a rank beyond the group's size
        (an incomplete file) still gives a score in [0, 1].
        """
        rollouts = pool.group.rollouts
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
        return Ranking(
            ranks,
            [normalized_score(place, len(order)) if s is None else s for place, s in zip(order, recorded, strict=True)],
        )
