"""The figures of one update, from the batch, the learner's first look at it, and TRL's log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import torch

from services.trainer.batch import Batch
from services.trainer.scored import ScoredPack
from shared.errors import InvalidInputError
from shared.wire import TrainStats, TrainTask


def make_stats(
    task: TrainTask, batch: Batch, packs: Sequence[ScoredPack], steps: Sequence[Mapping[str, float]], seconds: float
) -> TrainStats:
    """Figures of an update; without a step, loss, norms and shares are 0 and the importance weight is 1.

    Loss, gradient norm (before it is scaled down) and clip share are means over steps; log-ratios (per sequence; `max`
    is the largest absolute one) and importance weights are over sequences with a counted token, entropy over counted
    tokens. Raises InvalidInputError if any figure is not finite: weights behind such figures are not published.
    """
    stats = TrainStats(
        objective=task.objective,
        loss=_mean([step["loss"] for step in steps]),
        mean_reward=batch.mean_reward,
        reward_std=batch.reward_std,
        grad_norm=_mean([step["grad_norm"] for step in steps]),
        clip_share=_mean([step["clip_ratio/region_mean"] for step in steps]),
        **_sampler_figures(packs),
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


def _sampler_figures(packs: Sequence[ScoredPack]) -> dict[str, float]:
    if not packs:
        return {"log_ratio_mean": 0.0, "log_ratio_max": 0.0, "importance_mean": 1.0, "entropy": 0.0}
    learning = [scored.pack.counted.any(1) for scored in packs]
    ratios = torch.cat([scored.log_ratios[rows] for scored, rows in zip(packs, learning, strict=True)])
    weights = torch.cat([scored.weights[rows] for scored, rows in zip(packs, learning, strict=True)])
    entropies = torch.cat([scored.entropies[scored.pack.counted] for scored in packs])
    return {
        "log_ratio_mean": ratios.mean().item(),
        "log_ratio_max": ratios.abs().max().item(),
        "importance_mean": weights.mean().item(),
        "entropy": entropies.mean().item(),
    }
