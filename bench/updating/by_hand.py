"""The loss of an update worked by hand: equation 5 of GSPO from full logits, one answer at a time, in plain torch.

It shares no code with Morrow or with TRL beyond the model, and reads tokens and rewards as they are stored.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from shared.wire import TrainGroup, TrainRollout


def mean_logprob(model: Any, group: TrainGroup, rollout: TrainRollout) -> Tensor:
    """Mean over the tokens that were not forced of log π(token | prompt, tokens before) at the group's temperature."""
    prompt, answer = group.prompt_token_ids, rollout.token_ids
    device = next(model.parameters()).device
    logits = model(torch.tensor([prompt + answer], device=device)).logits[0, len(prompt) - 1 : -1].float()
    every = torch.log_softmax(logits / group.temperature, -1)
    chosen = every[torch.arange(len(answer)), torch.tensor(answer, device=device)]
    return chosen[[not forced for forced in rollout.forced]].mean()


def terms_by_hand(model: Any, group: TrainGroup, low: float, high: float, cap: float) -> Iterator[Tensor]:
    """A group's terms of equation 5, each times min(cap, exp(mean of log π_old − log π_sampler)).

    π_old is π, since no step has been made. Rewards of a group must differ; a sequence without a free token counts 0.
    """
    rewards = [rollout.reward for rollout in group.rollouts]
    for rollout in group.rollouts:
        if all(rollout.forced):
            yield torch.zeros(())
            continue
        advantage = (rollout.reward - statistics.mean(rewards)) / statistics.stdev(rewards)
        ours = mean_logprob(model, group, rollout)
        pairs = zip(rollout.logprobs, rollout.forced, strict=True)
        sampler = statistics.mean(logprob for logprob, forced in pairs if not forced)
        weight = min(cap, math.exp(float(ours.detach()) - sampler))
        ratio = torch.exp(ours - ours.detach())
        bounded = ratio.clamp(1 - low, 1 + high)
        yield weight * torch.minimum(ratio * advantage, bounded * advantage)


def loss_by_hand(model: Any, groups: Sequence[TrainGroup], low: float, high: float, cap: float) -> Tensor:
    """Minus equation 5: the mean over all sequences of all groups."""
    terms = [term for group in groups for term in terms_by_hand(model, group, low, high, cap)]
    return -torch.stack(terms).mean()
