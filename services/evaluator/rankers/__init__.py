"""Rankers: how the texts of a group are ordered.

Adding one takes a module here, an entry of RANKERS and its name in `RankerName` (shared/run_config/names.py).
"""

from __future__ import annotations

from collections.abc import Callable

from services.evaluator.context import Context
from services.evaluator.rankers.base import Pool, Ranker, Standing, standing_by
from services.evaluator.rankers.judge import JudgeRanker
from services.evaluator.rankers.recorded import RecordedRanker
from services.evaluator.rankers.resolved import ResolvedRanker
from services.evaluator.rankers.semantic import SemanticRanker
from shared.errors import InvalidInputError

__all__ = ["RANKERS", "Pool", "Ranker", "Standing", "make_ranker", "standing_by"]

RANKERS: dict[str, Callable[[Context], Ranker]] = {
    "semantic": SemanticRanker,
    "judge": JudgeRanker,
    "resolved": ResolvedRanker,
    "recorded": RecordedRanker,
}
"""Ranker by name: semantic similarity to the outcomes, a model's pairwise choices, claims settled against prices, and
the ranks of imported files."""


def make_ranker(name: str, context: Context) -> Ranker:
    """The ranker of a name, made for one task. Raises InvalidInputError, naming those that exist, for another name."""
    if name not in RANKERS:
        raise InvalidInputError(f"ranker: {name!r} does not exist; choose one of {', '.join(RANKERS)}")
    return RANKERS[name](context)
