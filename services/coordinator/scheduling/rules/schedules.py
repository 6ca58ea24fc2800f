"""Schedules of bonus, learning rate and sampler profile over the days of a run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared.run_config import ProfileName

FULL_UNTIL, END_FROM = 0.80, 0.90
"""Raw validity up to which the bonus is `bonus`, and from which on it is `bonus_end`."""


def linear(start: float, end: float, place: int, days: int) -> float:
    """The value on day `place` (from 0) of `days`: `start` on the first and `end` on the last, evenly between."""
    return start if days < 2 else start + (end - start) * place / (days - 1)


def on_validity(start: float, end: float, validity: float) -> float:
    """The value at a raw validity in [0, 1]: `start` up to FULL_UNTIL, `end` from END_FROM on, evenly between."""
    share = (validity - FULL_UNTIL) / (END_FROM - FULL_UNTIL)
    return start + (end - start) * min(1.0, max(0.0, share))


def standstills(history: Sequence[float], patience: int) -> int:
    """Number of plateaus: stretches of `patience` days without a new best, counted without overlap."""
    best, still, count = float("-inf"), 0, 0
    for figure in history:
        still = 0 if figure > best else still + 1
        best = max(best, figure)
        if still == patience:
            still, count = 0, count + 1
    return count


def on_plateau(start: float, end: float, history: Sequence[float], patience: int, factor: float) -> float:
    """`start` times `factor` per plateau of `history`, bounded below by the lesser of `start` and `end`.

    After ReduceLROnPlateau of PyTorch, in its mode `max` with threshold 0 and no cooldown.
    """
    return max(start * factor ** standstills(history, patience), min(start, end))


PROFILES: Final[tuple[ProfileName, ...]] = ("tight", "default", "loose")
"""Profiles from the narrowest to the widest."""

REQUIREMENTS: Final[tuple[tuple[float, float], ...]] = ((0.0, 1.0), (0.10, 0.10), (0.60, 0.05))
"""For each profile, the minimum raw validity and the maximum share of leaking rollouts, in [0, 1]."""


def profile_schedule(current: ProfileName, validity: float, leak: float) -> ProfileName:
    """The profile after a day sampled under `current`: at most one step towards the widest that its figures allow.

    `validity` is the day's raw validity and `leak` its share of leaking rollouts, both in [0, 1].
    """
    allowed = max(
        place
        for place, (min_validity, max_leak) in enumerate(REQUIREMENTS)
        if validity >= min_validity and leak <= max_leak
    )
    here = PROFILES.index(current)
    return PROFILES[here + (allowed > here) - (allowed < here)]
