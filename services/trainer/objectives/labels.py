"""Labels of the baselines: the lines of a scored day that are imitated, and those that are desirable or undesirable.

Pure: typed values in, typed values out. A line without a counted token is never taken: there is nothing in it to
learn. The learner scores lines at temperature 1, whatever the sampler's was.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from services.trainer.batch.rules import Batch, BatchGroup, assemble, check_group
from shared.wire import TrainGroup, TrainRollout

DESIRABLE, UNDESIRABLE = 1.0, -1.0
Lines = Sequence[TrainRollout]
LabelledLines = Sequence[tuple[TrainRollout, float]]


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


SELECTIONS: dict[str, Callable[[Lines], list[TrainRollout]]] = {
    "best": best_line,
    "valid": valid_lines,
}


def labels(rollouts: Sequence[TrainRollout]) -> list[float]:
    """DESIRABLE for the upper half of a group's valid lines by normalized score, UNDESIRABLE for all others.

    The upper half is what reaches the median of the valid lines: equals stay together, and a single valid line is
    desirable.
    """
    scores = [rollout.normalized_score for rollout in rollouts if rollout.valid]
    median = statistics.median(scores) if scores else math.inf
    return [DESIRABLE if rollout.valid and rollout.normalized_score >= median else UNDESIRABLE for rollout in rollouts]


def imitation(groups: Sequence[TrainGroup], minibatches: int, lines: str) -> Batch:
    """The lines that `sft` learns to repeat, forced tokens included; a group without one is left out.

    What the grammar forced is the form, which imitation is there to teach; an objective that weighs the sampler's
    choices has nothing to weigh in it. Raises InvalidInputError for values that no update can be made of.
    """
    whole = [group.model_copy(update={"rollouts": [_whole(one) for one in group.rollouts]}) for group in groups]
    return _batch(
        whole, minibatches, lambda rollouts: [(rollout, DESIRABLE) for rollout in SELECTIONS[lines](rollouts)]
    )


def _whole(rollout: TrainRollout) -> TrainRollout:
    return rollout.model_copy(update={"forced": [False] * len(rollout.forced)})


def labelled(groups: Sequence[TrainGroup], minibatches: int) -> Batch:
    """Every line with its label, for `kto`; a group without a counted token is left out.

    Raises InvalidInputError for values that no update can be made of.
    """
    return _batch(groups, minibatches, lambda rollouts: list(zip(rollouts, labels(rollouts), strict=True)))


def _batch(groups: Sequence[TrainGroup], minibatches: int, take: Callable[[Lines], LabelledLines]) -> Batch:
    kept = []
    for group in groups:
        check_group(group)
        lines = take([rollout for rollout in group.rollouts if not all(rollout.forced)])
        if lines:
            rollouts = [rollout for rollout, _ in lines]
            taken = group.model_copy(update={"rollouts": rollouts, "temperature": 1.0})
            kept.append(BatchGroup(taken, tuple(label for _, label in lines)))
    return assemble(groups, kept, minibatches, sum(len(item.advantages) for item in kept))
