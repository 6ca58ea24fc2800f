"""Whether a checkpoint is no worse than another on a panel: the rule of promote=panel. Pure.

For raw validity (of all lines) and for the composite (of valid lines) the difference over the panel's headlines may be
below 0 by its margin at most. The margin is one standard error of the paired difference, as the bootstrap over
headlines gives it, but never more than `MOST`: a small panel's noise must not excuse a loss that anybody would see.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from services.coordinator.stats import bootstrap
from services.coordinator.stats.bootstrap import Unit

MOST = 0.05
SEED = 20250802
WIDTH = 2 * 1.96
"""Standard errors from the one end of a 95 % interval to the other."""
TOLERANCE = 1e-9
Units = Mapping[Hashable, Unit]
"""Of each headline, a figure's sum over its lines and how many lines these are."""


@dataclass(frozen=True)
class Compared:
    """A figure of both, None where nothing is counted; `difference` is candidate less other, which may be -`margin`."""

    candidate: float | None
    other: float | None
    difference: float | None
    margin: float

    @property
    def holds(self) -> bool:
        """Whether the candidate is no worse. Where the other has nothing to be worse than, it is not."""
        if self.other is None:
            return True
        return self.difference is not None and self.difference >= -self.margin - TOLERANCE


def compared(candidate: Units, other: Units) -> Compared:
    """A figure of the candidate beside the other's, headline by headline."""
    nothing: Unit = (0.0, 0)
    keys = sorted(candidate.keys() | other.keys(), key=str)
    pairs = [(other.get(key, nothing), candidate.get(key, nothing)) for key in keys]
    mine, its = bootstrap.mean([second for _, second in pairs]), bootstrap.mean([first for first, _ in pairs])
    found = bootstrap.paired_difference(pairs, seed=SEED)
    margin = min((found.high - found.low) / WIDTH, MOST) if found else 0.0
    return Compared(mine, its, mine - its if mine is not None and its is not None else None, margin)
