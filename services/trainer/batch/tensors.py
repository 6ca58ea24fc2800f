"""Groups of a batch as tensors, as many as one forward pass computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from services.trainer.batch.rules import BatchGroup


@dataclass(frozen=True, eq=False, kw_only=True)
class PackedBatch:
    """Groups sampled at one temperature; their answers are rows, group after group, padded on the right.

    `prompts` holds one of at least one token per group, and `sizes` the number of its answers. `mask` is true at
    tokens, `counted` at tokens that the grammar did not force: only these are in a mean.

    The fields that may be None are computed with the weights of the day's start: `old_logprobs`; `log_ratios`, means
    over counted tokens of learner minus sampler, 0 for rows without any; the truncated importance `weights`, > 0; and
    `entropies` in nats at the sampler's temperature. Those per token are 0 where no token is counted.
    """

    prompts: tuple[Int[Tensor, " prompt"], ...]
    sizes: tuple[int, ...]
    answers: Int[Tensor, "answers tokens"]
    mask: Bool[Tensor, "answers tokens"]
    counted: Bool[Tensor, "answers tokens"]
    sampler_logprobs: Float[Tensor, "answers tokens"]
    advantages: Float[Tensor, " answers"]
    temperature: float
    old_logprobs: Float[Tensor, "answers tokens"] | None = None
    log_ratios: Float[Tensor, " answers"] | None = None
    weights: Float[Tensor, " answers"] | None = None
    entropies: Float[Tensor, "answers tokens"] | None = None


def computed(tensor: Tensor | None) -> Tensor:
    """An optional field of a pack that has been weighed. Raises ValueError for one that has not."""
    if tensor is None:
        raise ValueError("the pack has no figures of the weights of the day's start; weigh it first")
    return tensor


def to_tensors(groups: Sequence[BatchGroup], pad: int, device: torch.device) -> PackedBatch:
    """The tensors of one or more groups of one temperature."""

    def padded(rows: list[list[Any]], dtype: torch.dtype, value: float) -> Tensor:
        tensors = [torch.tensor(row, dtype=dtype) for row in rows]
        return pad_sequence(tensors, batch_first=True, padding_value=value).to(device)

    rollouts = [rollout for item in groups for rollout in item.group.rollouts]
    advantages = [advantage for item in groups for advantage in item.advantages]
    return PackedBatch(
        prompts=tuple(torch.tensor(item.group.prompt_token_ids, dtype=torch.long, device=device) for item in groups),
        sizes=tuple(len(item.group.rollouts) for item in groups),
        answers=padded([rollout.token_ids for rollout in rollouts], torch.long, pad),
        mask=padded([[True] * len(rollout.token_ids) for rollout in rollouts], torch.bool, False),
        counted=padded([[not forced for forced in rollout.forced] for rollout in rollouts], torch.bool, False),
        sampler_logprobs=padded([rollout.logprobs for rollout in rollouts], torch.float32, 0.0),
        advantages=torch.tensor(advantages, dtype=torch.float32, device=device),
        temperature=groups[0].group.temperature,
    )
