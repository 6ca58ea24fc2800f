"""The figures of one update, from the batch, the objective's own, and TRL's log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from services.trainer.batch.rules import Batch
from shared.errors import InvalidInputError
from shared.wire import TrainStats, TrainTask

OBJECTIVE_FIGURES = dict.fromkeys(("clip_share", "log_ratio_mean", "log_ratio_max", "importance_mean", "entropy"))
"""Figures that only some objectives have; None where `own` lacks them."""


def make_stats(
    task: TrainTask,
    batch: Batch,
    steps: Sequence[Mapping[str, float]],
    own: Mapping[str, float],
    seconds: float,
) -> TrainStats:
    """Figures of an update; without a step, loss and gradient norm are 0.

    Loss and gradient norm (before it is scaled down) are means over steps. Raises InvalidInputError if any figure is
    not finite: weights behind such figures are not published.
    """
    stats = TrainStats(
        objective=task.objective,
        loss=_mean([step["loss"] for step in steps]),
        mean_reward=batch.mean_reward,
        reward_std=batch.reward_std,
        grad_norm=_mean([step["grad_norm"] for step in steps]),
        **OBJECTIVE_FIGURES | dict(own),
        groups=batch.groups,
        groups_dropped=batch.dropped,
        rollouts=batch.rollouts,
        tokens=batch.tokens,
        updates=len(steps),
        policy_lag=task.policy_lag,
        learning_rate=task.learning_rate,
        seconds=seconds,
    )
    figures = stats.model_dump(exclude={"objective"}, exclude_none=True)
    bad = [name for name, value in figures.items() if not math.isfinite(value)]
    if bad:
        raise InvalidInputError(f"the update gave no finite {', '.join(bad)}: lower learning_rate or max_grad_norm")
    return stats


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
