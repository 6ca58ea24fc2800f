"""Whether a ranker favours a place in the group. Pure."""

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

    Rank 1 is the best: above 0 the first places are favoured, below 0 the last. `samples` are the parts of groups that
    were correlated, `groups` the groups that they are of.
    """

    mean: float | None
    low: float | None
    high: float | None
    groups: int
    samples: int


UNKNOWN = PositionBias(None, None, None, 0, 0)
"""Of no group."""


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, in [−1, 1]: Pearson's of the average ranks. None where either does not vary."""
    one, two = average_ranks(first), average_ranks(second)
    middle = (len(one) + 1) / 2
    across = sum((a - middle) * (b - middle) for a, b in zip(one, two, strict=True))
    spread = math.sqrt(sum((a - middle) ** 2 for a in one) * sum((b - middle) ** 2 for b in two))
    return across / spread if spread else None


def position_bias(lines: Iterable[Line]) -> PositionBias:
    """The bias over all groups of lines.

    The arms of a group are correlated apart: the free arm stands before the ladder's and fails more often, which is no
    bias of the ranker. Parts whose ranks all tie say nothing and are left out.
    """
    parts = by_group(lines, key=lambda line: (line.group, line.arm))
    found: dict[int, list[float]] = {}
    for part in parts.values():
        ranked = [(score.rank, line.index) for line, score in scored(part)]
        rho = spearman([rank for rank, _ in ranked], [index for _, index in ranked])
        if rho is not None:
            found.setdefault(part[0].group, []).append(rho)
    every = [rho for of_group in found.values() for rho in of_group]
    middle = mean_or_none(every)
    low = high = None
    if middle is not None and len(every) > 1:
        margin = 1.96 * stdev(every) / math.sqrt(len(every))
        low, high = middle - margin, middle + margin
    return PositionBias(mean=middle, low=low, high=high, groups=len(found), samples=len(every))
