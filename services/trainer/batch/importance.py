"""Importance weights: how the sampler's distribution differs from the learner's before the day's first step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from services.trainer.batch.logprobs import answer_logprobs
from services.trainer.batch.tensors import PackedBatch, computed
from services.trainer.settings import LayoutName


def weigh(
    pack: PackedBatch,
    old: Float[Tensor, "answers tokens"],
    entropies: Float[Tensor, "answers tokens"],
    cap: float,
) -> PackedBatch:
    """The pack with importance weights: how its sampler differed from log π_old, the learner's at the day's start.

    w = min(cap, exp(mean over counted tokens of log π_old − log π_sampler)). π_old is the whole distribution at the
    sampler's temperature, π_sampler the truncated one that was drawn from (top-p, top-k, grammar), so that w is
    mostly below 1; the cap bounds what a stale or mismatched sampler can add.
    """
    differences = (old - pack.sampler_logprobs) * pack.counted
    # a row without a counted token gets ratio 0 and weight 1, not 0 / 0
    log_ratios = differences.sum(1) / pack.counted.sum(1).clamp(min=1)
    # clamped as a logarithm: exp of a large ratio would overflow before a cap on the weight
    weights = log_ratios.clamp(max=math.log(cap)).exp()
    return replace(pack, old_logprobs=old, log_ratios=log_ratios, weights=weights, entropies=entropies)


@torch.no_grad()
def score_pack(model: Any, pack: PackedBatch, cap: float, layout: LayoutName = "packed") -> PackedBatch:
    """Compute log π_old with the learner's present weights, and weigh."""
    return weigh(pack, *answer_logprobs(model, pack, layout), cap)


def sampler_figures(packs: Sequence[PackedBatch]) -> dict[str, float]:
    """Figures of an update that compare sampler and learner, by their names in TrainStats.

    Log-ratios (per sequence; `max` is the largest absolute one) and importance weights are over sequences with a
    counted token, the entropy over counted tokens. Raises ValueError for a pack that is not weighed.
    """
    learning = [pack.counted.any(1) for pack in packs]
    ratios = torch.cat([computed(pack.log_ratios)[rows] for pack, rows in zip(packs, learning, strict=True)])
    weights = torch.cat([computed(pack.weights)[rows] for pack, rows in zip(packs, learning, strict=True)])
    entropies = torch.cat([computed(pack.entropies)[pack.counted] for pack in packs])
    return {
        "log_ratio_mean": ratios.mean().item(),
        "log_ratio_max": ratios.abs().max().item(),
        "importance_mean": weights.mean().item(),
        "entropy": entropies.mean().item(),
    }
