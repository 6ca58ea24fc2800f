"""Figures of serving: seconds per swap on each engine, rollouts by policy, decisions of promote=panel. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SwapFigures:
    """A checkpoint on an engine. `seconds` run from `wanted_at` (its promotion if `promoted`, else its publication) to
    the probe that verified it; 0 if the engine had loaded it before, None if the engine registered later."""

    checkpoint: str
    date: dt.date
    engine: str
    promoted: bool
    wanted_at: dt.datetime
    verified_at: dt.datetime
    load_seconds: float | None
    seconds: float | None


@dataclass(frozen=True)
class PolicyFigures:
    """A day's rollouts by the policy that generated them; each rollout names exactly one. `strays` counts those of
    another policy than the day's, None where the day's policy is unknown (an import)."""

    date: dt.date
    role: str
    policy: str | None
    rollouts: Mapping[str, int]
    strays: int | None


@dataclass(frozen=True)
class PromotionDecision:
    """The decision of promote=panel on a checkpoint; the reason names the figures."""

    date: dt.date
    checkpoint: str | None
    promoted: bool
    reason: str


@dataclass(frozen=True)
class ServingFigures:
    """Swaps, rollouts by policy and promotion decisions of a run. `strays` must be 0; None if unknown of any day."""

    swaps: Sequence[SwapFigures] = ()
    policies: Sequence[PolicyFigures] = ()
    decisions: Sequence[PromotionDecision] = ()
    strays: int | None = 0


NO_SERVING = ServingFigures()


def serving_of(
    swaps: Sequence[SwapFigures], policies: Sequence[PolicyFigures], decisions: Sequence[PromotionDecision]
) -> ServingFigures:
    """The figures of serving, with the strays of all days added up."""
    strays = [day.strays for day in policies if day.strays is not None]
    # A sum over the known days alone would pass for the whole run's.
    return ServingFigures(swaps, policies, decisions, sum(strays) if len(strays) == len(policies) else None)
