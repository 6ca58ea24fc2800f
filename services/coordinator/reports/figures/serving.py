"""What a report says of serving: how long each engine took to hold each checkpoint, and whose rollouts a day's are.

Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SwapFigures:
    """A checkpoint at an engine. `seconds` lie between `wanted_at` (its promotion if `promoted`, else its publication)
    and the probe that verified it; 0 where it was held before, None where the engine came later."""

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
    """A day's rollouts by the policy that spoke them. `strays` are those of another policy than the day's, None where
    the day's is not known (an import); each rollout names exactly one."""

    date: dt.date
    role: str
    policy: str | None
    rollouts: Mapping[str, int]
    strays: int | None


@dataclass(frozen=True)
class Decision:
    """What promote=panel decided of a checkpoint, and by which figures."""

    date: dt.date
    checkpoint: str | None
    promoted: bool
    reason: str


@dataclass(frozen=True)
class Serving:
    """`strays` must be 0; None if it is not known of every day."""

    swaps: Sequence[SwapFigures] = ()
    policies: Sequence[PolicyFigures] = ()
    decisions: Sequence[Decision] = ()
    strays: int | None = 0


NO_SERVING = Serving()


def serving_of(
    swaps: Sequence[SwapFigures], policies: Sequence[PolicyFigures], decisions: Sequence[Decision]
) -> Serving:
    """The section from its rows."""
    known = [found.strays for found in policies if found.strays is not None]
    return Serving(swaps, policies, decisions, sum(known) if len(known) == len(policies) else None)
