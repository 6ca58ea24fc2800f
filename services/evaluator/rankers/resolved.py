"""The ranker `resolved`: claims settled against prices, by 1 − Brier."""

from __future__ import annotations

from services.evaluator.dependencies import Dependencies
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers.base import Pool, Ranker, Ranking, ranking_by
from services.evaluator.scoring import resolved_score
from shared.errors import InvalidInputError


class ResolvedRanker(Ranker):
    """Ranks by the Brier score of settled claims. A claim that could not be settled scores 0."""

    def __init__(self, _dependencies: Dependencies, inputs: ScoringInputs) -> None:
        """Raises InvalidInputError without prices."""
        if not inputs.prices:
            raise InvalidInputError(
                f"prices: the set {inputs.config.prices} has no closes around the day of the forecasts, and the "
                "ranker resolved needs those that claims are about; import them or choose other days"
            )

    def rank(self, pool: Pool) -> Ranking:
        """By the settlements of the parsed texts."""
        return ranking_by(pool, [(resolved_score(parsed.brier),) for parsed in pool.everyone])
