"""Rankers: how the texts of a group are ordered.

Adding one takes a module here, an entry of RANKERS and its name in `RankerName` (shared/run_config/names.py).
"""

from __future__ import annotations

from collections.abc import Callable

from services.evaluator.dependencies import Dependencies
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers.base import Pool, Ranker, Ranking, ranking_by
from services.evaluator.rankers.judge import JudgeRanker
from services.evaluator.rankers.recorded import RecordedRanker
from services.evaluator.rankers.resolved import ResolvedRanker
from services.evaluator.rankers.semantic import SemanticRanker
from shared.errors import InvalidInputError

__all__ = ["RANKERS", "Pool", "Ranker", "Ranking", "make_ranker", "ranking_by"]

RANKERS: dict[str, Callable[[Dependencies, ScoringInputs], Ranker]] = {
    "semantic": SemanticRanker,
    "judge": JudgeRanker,
    "resolved": ResolvedRanker,
    "recorded": RecordedRanker,
}
"""Ranker by name: semantic similarity to the outcomes, a model's pairwise choices, claims settled against prices, and
the ranks of imported files."""


def make_ranker(name: str, dependencies: Dependencies, inputs: ScoringInputs) -> Ranker:
    """The ranker of a name, for one task.

    Raises InvalidInputError for an unknown name, naming those that exist, or if the ranker cannot work with its inputs.
    """
    if name not in RANKERS:
        raise InvalidInputError(f"ranker: {name!r} does not exist; choose one of {', '.join(RANKERS)}")
    return RANKERS[name](dependencies, inputs)
