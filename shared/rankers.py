"""The rankers there are: a name that a run's configuration may give, and the class that does it.

A further ranker is one entry here and one module of its own. The class is named by its path and loaded where it
ranks, so that whoever only checks a name stays light.
"""

from __future__ import annotations

from typing import Final

RANKERS: Final[dict[str, str]] = {
    "semantic": "services.evaluator.rankers.semantic:SemanticRanker",
    "judge": "services.evaluator.rankers.judge:JudgeRanker",
    "resolved": "services.evaluator.rankers.resolved:ResolvedRanker",
    "recorded": "services.evaluator.rankers.recorded:RecordedRanker",
}
"""Ranker by name: semantic likeness to the outcomes, a model's pairwise choices, claims settled against prices, and
the ranks of imported files."""
