"""Position bias: the correlation of a ranker's ranks with the positions in the group. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import stdev

from services.coordinator.reports.figures.lines import Line, by_group, scored
from services.coordinator.stats.means import mean_or_none
from services.coordinator.stats.ranks import average_ranks


@dataclass(frozen=True)
class PositionBias:
    """The mean of Spearman's correlation of rank and position over groups, in [−1, 1], with a 95 % interval.

    Rank 1 is the best: above 0 the ranker favours the first positions, below 0 the last. `samples` counts the arms of
    groups that were correlated, `groups` the groups that they are of.
    """

    mean: float | None
    low: float | None
    high: float | None
    groups: int
    samples: int


UNKNOWN = PositionBias(None, None, None, 0, 0)
"""The bias without a single group."""


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, in [−1, 1]: Pearson's of the average ranks. None where either does not vary."""
    one, two = average_ranks(first), average_ranks(second)
    middle = (len(one) + 1) / 2
    across = sum((a - middle) * (b - middle) for a, b in zip(one, two, strict=True))
    spread = math.sqrt(sum((a - middle) ** 2 for a in one) * sum((b - middle) ** 2 for b in two))
    return across / spread if spread else None


def position_bias(lines: Iterable[Line]) -> PositionBias:
    """The bias over all groups of lines, each arm of a group for itself; arms whose ranks all tie are left out."""
    # The free arm stands before the ladder arm and fails more often: over both arms together that would look like a
    # bias of the ranker.
    arms = by_group(lines, key=lambda line: (line.group, line.arm))
    correlations: dict[int, list[float]] = {}
    for arm in arms.values():
        ranked = [(score.rank, line.index) for line, score in scored(arm)]
        rho = spearman([rank for rank, _ in ranked], [index for _, index in ranked])
        if rho is not None:
            correlations.setdefault(arm[0].group, []).append(rho)
    samples = [rho for of_group in correlations.values() for rho in of_group]
    middle = mean_or_none(samples)
    low = high = None
    if middle is not None and len(samples) > 1:
        # The normal quantile suffices: below 100 groups (MIN_GROUPS) the assessment lets no bias pass.
        margin = 1.96 * stdev(samples) / math.sqrt(len(samples))
        low, high = middle - margin, middle + margin
    return PositionBias(mean=middle, low=low, high=high, groups=len(correlations), samples=len(samples))
