"""By claims settled against prices: 1 − Brier."""

from __future__ import annotations

from services.evaluator.context import Context
from services.evaluator.rankers.base import Pool, Standing, standing_by
from services.evaluator.scoring import resolved_score
from shared.errors import InvalidInputError


class ResolvedRanker:
    """Orders by how good the probability of a settled claim was. A claim that could not be settled scores 0."""

    def __init__(self, context: Context) -> None:
        """Raises InvalidInputError without prices."""
        if not context.job.prices:
            raise InvalidInputError(
                f"prices: the set {context.job.config.prices} has no closes around the day of the forecasts, and the "
                "ranker resolved needs those that claims are about; import them or choose other days"
            )

    def rank(self, pool: Pool) -> Standing:
        """As the readings' settlements have it."""
        return standing_by(pool, [(resolved_score(reading.brier),) for reading in pool.everyone])

    def figures(self) -> dict[str, float]:
        """None of its own: what was settled is counted whatever the ranker is."""
        return {}
