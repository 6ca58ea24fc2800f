"""A day as a batch: the rollouts that an objective learns from, their advantages, and the cut into minibatches.

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
class BatchGroup:
    """The rollouts of one prompt that a loss is computed on, and the `advantages`, one per rollout.

    An advantage is the objective's weight of a rollout: GSPO's A_i, KTO's label as 1 or -1, 1 under `sft`. The
    group's `temperature` (> 0) is the one at which its rollouts are scored.
    """

    group: TrainGroup
    advantages: tuple[float, ...]

    @property
    def answer_tokens(self) -> int:
        """The tokens of all its answers."""
        return sum(len(rollout.token_ids) for rollout in self.group.rollouts)

    @property
    def tokens(self) -> int:
        """The tokens of its prompt, once, and of all its answers."""
        return len(self.group.prompt_token_ids) + self.answer_tokens


@dataclass(frozen=True)
class Batch:
    """A day's batch: one optimizer step per minibatch of the groups that have something to learn from.

    `groups`, `mean_reward` and `reward_std` (mean over groups of the standard deviation within) are those of the whole
    day; `dropped` groups are in no minibatch; `rollouts` are those that the objective considered; `tokens` counts the
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
    """Sample standard deviation (n − 1, as in TRL; the paper leaves it open), 0 for fewer than two rewards."""
    return statistics.stdev(rewards) if len(rewards) > 1 else 0.0


def split(items: Sequence[T], parts: int) -> tuple[tuple[T, ...], ...]:
    """Cut a sequence into at most `parts` runs whose lengths differ by at most one, the longer ones first."""
    if not items:
        return ()
    length, longer = divmod(len(items), min(parts, len(items)))
    sizes = [length + 1] * longer + [length] * (min(parts, len(items)) - longer)
    ends = list(accumulate(sizes))
    return tuple(tuple(items[end - size : end]) for size, end in zip(sizes, ends, strict=True))


def pack_groups(groups: Sequence[BatchGroup], max_tokens: int) -> tuple[tuple[BatchGroup, ...], ...]:
    """Put groups into packs of one temperature and at most `max_tokens` prompt and answer tokens.

    The largest first, each into the first pack that has room (first-fit decreasing); of equal sizes the earlier one
    first. A group that is larger by itself is a pack of its own.
    """
    packs: list[list[BatchGroup]] = []
    room: list[int] = []
    for item in sorted(groups, key=lambda item: -item.tokens):
        fits = [
            place
            for place, pack in enumerate(packs)
            if item.tokens <= room[place] and pack[0].group.temperature == item.group.temperature
        ]
        if fits:
            packs[fits[0]].append(item)
            room[fits[0]] -= item.tokens
        else:
            packs.append([item])
            room.append(max_tokens - item.tokens)
    return tuple(map(tuple, packs))


def assemble(groups: Sequence[TrainGroup], kept: Sequence[BatchGroup], minibatches: int, rollouts: int) -> Batch:
    """The batch of a day of `groups`, of which `kept` have something to learn from, in their order."""
    rewards = [[rollout.reward for rollout in group.rollouts] for group in groups]
    every_reward = [reward for group in rewards for reward in group]
    return Batch(
        minibatches=split(kept, minibatches),
        groups=len(groups),
        dropped=len(groups) - len(kept),
        rollouts=rollouts,
        tokens=sum(group.answer_tokens for group in kept),
        mean_reward=statistics.mean(every_reward) if every_reward else 0.0,
        reward_std=statistics.mean(map(deviation, rewards)) if rewards else 0.0,
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
