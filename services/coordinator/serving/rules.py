"""Whether a checkpoint is no worse than another on a panel: the rule of promote=panel. Pure.

For raw validity (of all lines) and for the composite (of valid lines) the difference over the panel's headlines may be
below 0 by its margin at most. The margin is one standard error of the paired difference, as the bootstrap over
headlines gives it, but never more than `MOST`: a small panel's noise must not excuse a loss that anybody would see.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from services.coordinator.serving.schemas import EngineView
from services.coordinator.stats.bootstrap import Ratio, Unit, paired, paired_difference
from shared.wire import BASE_POLICY

MOST = 0.05
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
    mine, its = Ratio.of(list(candidate.values())).value, Ratio.of(list(other.values())).value
    found = paired_difference(paired(other, candidate))
    margin = min((found.high - found.low) / WIDTH, MOST) if found else 0.0
    return Compared(mine, its, mine - its if mine is not None and its is not None else None, margin)


SERVED_NOW = "served"
"""The word by which a request asks for whatever is served."""


@dataclass(frozen=True)
class Choice:
    """A policy and the engines that hold it."""

    policy: str
    engines: Sequence[EngineView]


def choose(asked: str, served: str | None, previous: str | None, engines: Sequence[EngineView]) -> Choice:
    """The policy that a request is answered by, and who can: engines that are heard of, whose syncer can be asked.

    `served` means the served checkpoint (the base model if none is); as long as no engine holds it, what was served
    before it.
    """
    wished = [served or BASE_POLICY] if asked == SERVED_NOW else [asked]
    if asked == SERVED_NOW and served is not None:
        wished.append(previous or BASE_POLICY)
    choices = [Choice(policy, _holders(policy, engines)) for policy in wished]
    return next((choice for choice in choices if choice.engines), choices[0])


def _holders(policy: str, engines: Sequence[EngineView]) -> list[EngineView]:
    return [engine for engine in engines if not engine.stale and engine.syncer_url and policy in engine.loaded]


def in_order(engines: Sequence[EngineView], busy: Mapping[str, int], lot: Callable[[], float]) -> list[EngineView]:
    """The ready ones first, then those with the fewest requests under way; `lot` decides among equals."""
    return sorted(engines, key=lambda engine: (not engine.ready, busy.get(engine.url, 0), lot()))
