"""A day as a batch: what an objective took of each group, and how minibatches are cut.

Pure: typed values in, typed values out.
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


@dataclass(frozen=True)
class Row:
    """One answer of the batch. `counted` is false where the grammar forced the token; `reward` is the stored one.

    `advantage` is what the objective makes of the answer: GSPO's A_i, KTO's label as 1 or -1, 1 under `sft`.
    """

    rollout_id: int
    token_ids: tuple[int, ...]
    sampler_logprobs: tuple[float, ...]
    counted: tuple[bool, ...]
    reward: float
    advantage: float


@dataclass(frozen=True)
class BatchGroup:
    """The answers to one prompt, and the temperature (> 0) at which they are scored."""

    group_id: int
    prompt_token_ids: tuple[int, ...]
    temperature: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Batch:
    """A day's batch: `minibatches` hold the groups that teach something, one optimizer step each.

    `groups`, `mean_reward` and `reward_std` (mean over groups of the standard deviation within) are those of the whole
    day; `dropped` groups are in no minibatch; `rollouts` are those that the objective looked at; `tokens` counts the
    answer tokens of the minibatches, once.
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


def assemble(groups: Sequence[TrainGroup], kept: Sequence[BatchGroup], minibatches: int, rollouts: int) -> Batch:
    """The batch of a day of `groups`, of which `kept` teach something, in their order."""
    rewards = [[rollout.reward for rollout in group.rollouts] for group in groups]
    everything = [reward for group in rewards for reward in group]
    return Batch(
        minibatches=split(kept, minibatches),
        groups=len(groups),
        dropped=len(groups) - len(kept),
        rollouts=rollouts,
        tokens=sum(len(row.token_ids) for group in kept for row in group.rows),
        mean_reward=statistics.mean(everything) if everything else 0.0,
        reward_std=statistics.mean(map(deviation, rewards)) if rewards else 0.0,
    )


def make_row(rollout: TrainRollout, advantage: float) -> Row:
    """A rollout as a row of the batch."""
    return Row(
        rollout_id=rollout.rollout_id,
        token_ids=tuple(rollout.token_ids),
        sampler_logprobs=tuple(rollout.logprobs),
        counted=tuple(not forced for forced in rollout.forced),
        reward=rollout.reward,
        advantage=advantage,
    )


def check_group(group: TrainGroup) -> None:
    """Raise InvalidInputError, naming the field, for a group that no objective can learn from."""
    if not group.prompt_token_ids:
        raise InvalidInputError(
            f"group {group.group_id}: prompt_token_ids is empty; store the prompt that was sampled from"
        )
    for rollout in group.rollouts:
        _check_rollout(rollout)


def _check_rollout(rollout: TrainRollout) -> None:
    name = f"rollout {rollout.rollout_id}"
    lengths = {len(rollout.token_ids), len(rollout.logprobs), len(rollout.forced)}
    if len(lengths) > 1:
        raise InvalidInputError(f"{name}: token_ids, logprobs and forced differ in length; each token needs all three")
    for field in ("reward", "normalized_score"):
        value = getattr(rollout, field)
        if not math.isfinite(value):
            raise InvalidInputError(f"{name}: {field} is {value}; evaluate the rollout again")
