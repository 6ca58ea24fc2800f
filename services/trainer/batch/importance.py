"""A pack, and what the learner makes of it before the day's first step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from services.trainer.batch.logprobs import answer_logps
from services.trainer.batch.tensors import Pack
from services.trainer.settings import LayoutName


@dataclass(frozen=True, eq=False)
class ScoredPack:
    """A pack with `old_logps` [B, T] of the weights that the day began with.

    `log_ratios` [B] are means over counted tokens of learner minus sampler, 0 for rows without any; `weights` [B] are
    the truncated importance weights; `entropies` [B, T] are in nats at the sampler's temperature. Both [B, T] are 0
    where no token is counted.
    """

    pack: Pack
    old_logps: Tensor
    log_ratios: Tensor
    weights: Tensor
    entropies: Tensor


def weigh(pack: Pack, old: Tensor, entropies: Tensor, cap: float) -> ScoredPack:
    """Weigh each row by how its sampler differed from log π_old [B, T], the learner's at the day's start.

    w = min(cap, exp(mean over counted tokens of log π_old − log π_sampler)). π_old is the whole distribution at the
    sampler's temperature, π_sampler the truncated one that was drawn from (top-p, top-k, grammar), so that w is
    mostly below 1; the cap bounds what a stale or mismatched sampler can add.
    """
    differences = (old - pack.sampler_logps) * pack.counted
    log_ratios = differences.sum(1) / pack.counted.sum(1).clamp(min=1)
    weights = log_ratios.clamp(max=math.log(cap)).exp()
    return ScoredPack(pack, old, log_ratios, weights, entropies)


@torch.no_grad()
def score_pack(model: Any, pack: Pack, cap: float, layout: LayoutName = "packed") -> ScoredPack:
    """Compute log π_old with the learner's present weights, and weigh."""
    return weigh(pack, *answer_logps(model, pack, layout), cap)


def sampler_figures(packs: Sequence[ScoredPack]) -> dict[str, float]:
    """Figures of an update that lie between sampler and learner, by their names in TrainStats.

    Log-ratios (per sequence; `max` is the largest absolute one) and importance weights are over sequences with a
    counted token, the entropy over counted tokens.
    """
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
