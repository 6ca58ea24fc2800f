"""A pack, and what the learner makes of it before the day's first step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from services.trainer.logps import answer_logps
from services.trainer.packs import Pack
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
