"""Rules of serving: non-inferiority of a checkpoint on a panel, and the engines that answer a forecast. Pure.

Non-inferiority is the rule of promote=panel. For raw validity (of all lines) and for the composite (of valid lines) the
difference over the panel's headlines may be below 0 by its margin at most. The margin is one standard error of the
paired difference, as the bootstrap over headlines gives it, but never more than `MAX_MARGIN`: a small panel's noise
must not excuse a loss that anybody would see.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from services.coordinator.serving.schemas import EngineView
from services.coordinator.stats.bootstrap import Ratio, Unit, paired, paired_difference
from shared.wire import BASE_POLICY

MAX_MARGIN = 0.05
WIDTH = 2 * 1.96
"""Standard errors from one end of a 95 % interval to the other."""
TOLERANCE = 1e-9
Units = Mapping[Hashable, Unit]
"""Of each headline: the sum of a figure over its lines, and the number of these lines."""


@dataclass(frozen=True)
class NonInferiority:
    """A figure of both, None where no line counts. `difference` is candidate less other and may be -`margin`."""

    candidate: float | None
    other: float | None
    difference: float | None
    margin: float

    @property
    def passes(self) -> bool:
        """Whether the candidate is no worse; true where the other has no figure."""
        if self.other is None:
            return True
        return self.difference is not None and self.difference >= -self.margin - TOLERANCE


def non_inferior(candidate: Units, other: Units) -> NonInferiority:
    """The test of one figure, paired by headline."""
    mine, its = Ratio.of(list(candidate.values())).value, Ratio.of(list(other.values())).value
    interval = paired_difference(paired(other, candidate))
    margin = min((interval.high - interval.low) / WIDTH, MAX_MARGIN) if interval else 0.0
    return NonInferiority(mine, its, mine - its if mine is not None and its is not None else None, margin)


SERVED_NOW = "served"
"""The word by which a request names the policy that is served at the moment."""


@dataclass(frozen=True)
class PolicyChoice:
    """A policy, and the engines that can answer by it."""

    policy: str
    engines: Sequence[EngineView]


def choose_policy(
    requested: str, served: str | None, previous: str | None, engines: Sequence[EngineView]
) -> PolicyChoice:
    """The policy that answers a request, with the live engines that have loaded it and whose syncer has a URL.

    `served` means the served checkpoint (the base model if none is); until an engine has loaded it, the one served
    before it.
    """
    candidates = [served or BASE_POLICY] if requested == SERVED_NOW else [requested]
    if requested == SERVED_NOW and served is not None:
        candidates.append(previous or BASE_POLICY)
    choices = [PolicyChoice(policy, _able(policy, engines)) for policy in candidates]
    return next((choice for choice in choices if choice.engines), choices[0])


def _able(policy: str, engines: Sequence[EngineView]) -> list[EngineView]:
    return [engine for engine in engines if not engine.stale and engine.syncer_url and policy in engine.loaded]


def by_load(engines: Sequence[EngineView], busy: Mapping[str, int], tie_break: Callable[[], float]) -> list[EngineView]:
    """Ready engines first, then those with the fewest requests under way; `tie_break` orders equals."""
    return sorted(engines, key=lambda engine: (not engine.ready, busy.get(engine.url, 0), tie_break()))
