"""What the baselines take of a scored day: which lines are imitated, and which are wanted or unwanted.

Pure: typed values in, typed values out. A line without a counted token is never taken: there is nothing in it to
learn. The learner scores lines at temperature 1, whatever the sampler's was.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from services.trainer.batch.rules import Batch, BatchGroup, assemble, check_group, make_row
from shared.wire import TrainGroup, TrainRollout

WANTED, UNWANTED = 1.0, -1.0
Labelled = Sequence[tuple[TrainRollout, float]]


def best_line(rollouts: Sequence[TrainRollout]) -> list[TrainRollout]:
    """The valid line of the highest normalized score, of equals the one with the lowest id; none if none is valid."""
    valid = [rollout for rollout in rollouts if rollout.valid]
    return [min(valid, key=lambda rollout: (-rollout.normalized_score, rollout.rollout_id))] if valid else []


def valid_lines(rollouts: Sequence[TrainRollout]) -> list[TrainRollout]:
    """Every valid line, in the order given; of equal ones (token for token) the first."""
    distinct: dict[tuple[int, ...], TrainRollout] = {}
    for rollout in rollouts:
        if rollout.valid:
            distinct.setdefault(tuple(rollout.token_ids), rollout)
    return list(distinct.values())


CHOICES: dict[str, Callable[[Sequence[TrainRollout]], list[TrainRollout]]] = {"best": best_line, "valid": valid_lines}


def labels(rollouts: Sequence[TrainRollout]) -> list[float]:
    """WANTED for the upper half of a group's valid lines by normalized score, UNWANTED for all others.

    The upper half is what reaches the median of the valid lines: equals stay together, and a single valid line is
    wanted.
    """
    scores = [rollout.normalized_score for rollout in rollouts if rollout.valid]
    least = statistics.median(scores) if scores else math.inf
    return [WANTED if rollout.valid and rollout.normalized_score >= least else UNWANTED for rollout in rollouts]


def imitated(groups: Sequence[TrainGroup], minibatches: int, lines: str) -> Batch:
    """The lines that `sft` learns to repeat, forced tokens included; a group without one is left out.

    What the grammar forced is the form, which imitation is there to teach; an objective that weighs the sampler's
    choices has nothing to weigh in it. Raises InvalidInputError for values that no update can be made of.
    """
    whole = [group.model_copy(update={"rollouts": [_whole(one) for one in group.rollouts]}) for group in groups]
    return _batch(whole, minibatches, lambda rollouts: [(rollout, WANTED) for rollout in CHOICES[lines](rollouts)])


def _whole(rollout: TrainRollout) -> TrainRollout:
    return rollout.model_copy(update={"forced": [False] * len(rollout.forced)})


def weighed(groups: Sequence[TrainGroup], minibatches: int) -> Batch:
    """Every line with its label, for `kto`; a group without a token that can learn is left out.

    Raises InvalidInputError for values that no update can be made of.
    """
    return _batch(groups, minibatches, lambda rollouts: list(zip(rollouts, labels(rollouts), strict=True)))


def _batch(groups: Sequence[TrainGroup], minibatches: int, take: Callable[[Sequence[TrainRollout]], Labelled]) -> Batch:
    kept = []
    for group in groups:
        check_group(group)
        taken = take([rollout for rollout in group.rollouts if not all(rollout.forced)])
        rows = tuple(make_row(rollout, label) for rollout, label in taken)
        if rows:
            kept.append(BatchGroup(group.group_id, tuple(group.prompt_token_ids), 1.0, rows))
    return assemble(groups, kept, minibatches, sum(len(group.rows) for group in kept))
