"""A scored day as a GSPO batch: advantages within groups, what is left out, and how minibatches are cut.

Pure: typed values in, typed values out. Source: GSPO, arXiv 2507.18071, equations 5 and 6.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from shared.errors import InvalidInputError
from shared.wire import TrainGroup, TrainRollout

T = TypeVar("T")
EQUAL = 1e-9
"""Rewards of a group that lie no further apart than this are equal: the rest is rounding, not a preference."""


@dataclass(frozen=True)
class Row:
    """One answer of the batch. `counted` is false where the grammar forced the token; `reward` is the stored one."""

    rollout_id: int
    token_ids: tuple[int, ...]
    sampler_logprobs: tuple[float, ...]
    counted: tuple[bool, ...]
    reward: float
    advantage: float


@dataclass(frozen=True)
class BatchGroup:
    """The answers to one prompt, sampled at one temperature (> 0)."""

    group_id: int
    prompt_token_ids: tuple[int, ...]
    temperature: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Batch:
    """A day's batch: `minibatches` hold the groups that teach something, one optimizer step each.

    `groups`, `rollouts`, `mean_reward` and `reward_std` (mean over groups of the standard deviation within) are those
    of the whole day; `dropped` groups are in no minibatch; `tokens` counts the answer tokens of the minibatches.
    """

    minibatches: tuple[tuple[BatchGroup, ...], ...]
    groups: int
    dropped: int
    rollouts: int
    tokens: int
    mean_reward: float
    reward_std: float


def deviation(rewards: Sequence[float]) -> float:
    """Standard deviation with n − 1 below (as TRL has it; the paper leaves it open), 0 for fewer than two rewards."""
    return statistics.stdev(rewards) if len(rewards) > 1 else 0.0


def advantages(rewards: Sequence[float]) -> list[float] | None:
    """A_i = (r_i − mean) / std within a group; None if the rewards are all equal.

    Equation 6 of the paper. Nothing is added below the fraction: TRL's 1e-4 guards against the equal groups that are
    left out here.
    """
    if len(rewards) < 2 or max(rewards) - min(rewards) <= EQUAL:
        return None
    mean, std = statistics.mean(rewards), deviation(rewards)
    return [(reward - mean) / std for reward in rewards]


def split(items: Sequence[T], parts: int) -> tuple[tuple[T, ...], ...]:
    """Cut a sequence into at most `parts` runs whose lengths differ by at most one, the longer ones first."""
    if not items:
        return ()
    length, longer = divmod(len(items), min(parts, len(items)))
    sizes = [length + 1] * longer + [length] * (min(parts, len(items)) - longer)
    ends = list(accumulate(sizes))
    return tuple(tuple(items[end - size : end]) for size, end in zip(sizes, ends, strict=True))


def into_packs(groups: Sequence[BatchGroup], tokens: int) -> tuple[tuple[BatchGroup, ...], ...]:
    """Cut groups into runs of one temperature with at most `tokens` prompt and answer tokens; a larger one is alone."""
    packs: list[tuple[BatchGroup, ...]] = []
    held = 0
    for group in groups:
        size = len(group.prompt_token_ids) + sum(len(row.token_ids) for row in group.rows)
        if packs and held + size <= tokens and packs[-1][0].temperature == group.temperature:
            packs[-1], held = (*packs[-1], group), held + size
        else:
            packs.append((group,))
            held = size
    return tuple(packs)


def make_batch(groups: Sequence[TrainGroup], minibatches: int) -> Batch:
    """The batch of a day, its groups and rollouts in the order given.

    A group is left out if its rewards are all equal or if no token of it can learn (every answer empty or forced).
    Raises InvalidInputError for values that no update can be made of.
    """
    kept = [batch_group for group in groups if (batch_group := _batch_group(group)) is not None]
    rewards = [[rollout.reward for rollout in group.rollouts] for group in groups]
    everything = [reward for group in rewards for reward in group]
    return Batch(
        minibatches=split(kept, minibatches),
        groups=len(groups),
        dropped=len(groups) - len(kept),
        rollouts=len(everything),
        tokens=sum(len(row.token_ids) for group in kept for row in group.rows),
        mean_reward=statistics.mean(everything) if everything else 0.0,
        reward_std=statistics.mean(map(deviation, rewards)) if rewards else 0.0,
    )


def _batch_group(group: TrainGroup) -> BatchGroup | None:
    _check(group)
    scaled = advantages([rollout.reward for rollout in group.rollouts])
    if scaled is None:
        return None
    rows = tuple(_row(rollout, advantage) for rollout, advantage in zip(group.rollouts, scaled, strict=True))
    if not any(any(row.counted) for row in rows):
        return None
    return BatchGroup(group.group_id, tuple(group.prompt_token_ids), group.temperature, rows)


def _row(rollout: TrainRollout, advantage: float) -> Row:
    return Row(
        rollout_id=rollout.rollout_id,
        token_ids=tuple(rollout.token_ids),
        sampler_logprobs=tuple(rollout.logprobs),
        counted=tuple(not forced for forced in rollout.forced),
        reward=rollout.reward,
        advantage=advantage,
    )


def _check(group: TrainGroup) -> None:
    name = f"group {group.group_id}"
    if not group.prompt_token_ids:
        raise InvalidInputError(f"{name}: prompt_token_ids is empty; store the prompt that was sampled from")
    if not (group.temperature > 0 and math.isfinite(group.temperature)):
        raise InvalidInputError(f"{name}: temperature is {group.temperature}; sample at a temperature above 0 to train")
    for rollout in group.rollouts:
        _check_rollout(rollout)


def _check_rollout(rollout: TrainRollout) -> None:
    name = f"rollout {rollout.rollout_id}"
    lengths = {len(rollout.token_ids), len(rollout.logprobs), len(rollout.forced)}
    if len(lengths) > 1:
        raise InvalidInputError(f"{name}: token_ids, logprobs and forced differ in length; each token needs all three")
    if not math.isfinite(rollout.reward):
        raise InvalidInputError(f"{name}: reward is {rollout.reward}; evaluate the rollout again")
    if not all(map(math.isfinite, rollout.logprobs)):
        raise InvalidInputError(f"{name}: logprobs holds a number that is not finite; sample the rollout again")
