"""The batch of GSPO: advantages within groups; groups without any are left out.

Pure: typed values in, typed values out. Source: GSPO, arXiv 2507.18071, equation 6.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from services.trainer.batch.rules import Batch, BatchGroup, assemble, check_group, deviation
from shared.errors import InvalidInputError
from shared.wire import TrainGroup

EQUAL = 1e-9
"""Rewards of a group that differ by no more than this are equal: the rest is rounding."""


def advantages(rewards: Sequence[float]) -> list[float] | None:
    """A_i = (r_i − mean) / std within a group; None if the rewards are all equal.

    Equation 6 of the paper. Nothing is added to the denominator: TRL's 1e-4 guards against the equal groups that are
    left out here.
    """
    if len(rewards) < 2 or max(rewards) - min(rewards) <= EQUAL:
        return None
    mean, std = statistics.mean(rewards), deviation(rewards)
    return [(reward - mean) / std for reward in rewards]


def make_batch(groups: Sequence[TrainGroup], minibatches: int) -> Batch:
    """The batch of a day, its groups and rollouts in the order given; all rollouts count as considered.

    A group is left out if its rewards are all equal or if no token of it can learn (every answer empty or forced).
    Raises InvalidInputError for values that no update can be made of.
    """
    kept = [batch_group for group in groups if (batch_group := _batch_group(group)) is not None]
    return assemble(groups, kept, minibatches, sum(len(group.rollouts) for group in groups))


def _batch_group(group: TrainGroup) -> BatchGroup | None:
    check_group(group)
    _check_sampler(group)
    scaled = advantages([rollout.reward for rollout in group.rollouts])
    if scaled is None:
        return None
    if all(all(rollout.forced) for rollout in group.rollouts):
        return None
    return BatchGroup(group, tuple(scaled))


def _check_sampler(group: TrainGroup) -> None:
    if not (group.temperature > 0 and math.isfinite(group.temperature)):
        raise InvalidInputError(
            f"group {group.group_id}: temperature is {group.temperature}; sample at a temperature above 0 to train"
        )
    for rollout in group.rollouts:
        if not all(map(math.isfinite, rollout.logprobs)):
            raise InvalidInputError(
                f"rollout {rollout.rollout_id}: logprobs contains a number that is not finite; sample the rollout again"
            )
