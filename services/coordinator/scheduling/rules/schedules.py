"""How the bonus and the learning rate change over the days of a run. Pure: figures in, the day's value out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared.run_config import ProfileName

FULL_UNTIL, GONE_AT = 0.80, 0.90
"""Raw validity up to which the bonus is full, and from which on it is `bonus_end`."""


def linear(start: float, end: float, place: int, days: int) -> float:
    """The value on day `place` (from 0) of `days`: `start` on the first and `end` on the last, evenly between."""
    return start if days < 2 else start + (end - start) * place / (days - 1)


def on_validity(start: float, end: float, validity: float) -> float:
    """The value at a raw validity in [0, 1]: `start` up to FULL_UNTIL, `end` from GONE_AT on, evenly between."""
    share = (validity - FULL_UNTIL) / (GONE_AT - FULL_UNTIL)
    return start + (end - start) * min(1.0, max(0.0, share))


def standstills(history: Sequence[float], patience: int) -> int:
    """How often `patience` days in a row brought no new best; each such row is counted from its own beginning."""
    best, still, count = float("-inf"), 0, 0
    for figure in history:
        still = 0 if figure > best else still + 1
        best = max(best, figure)
        if still == patience:
            still, count = 0, count + 1
    return count


def on_plateau(start: float, end: float, history: Sequence[float], patience: int, factor: float) -> float:
    """`start` times `factor` for every standstill of `history`, not below `end` (nor below `start`, if that is less).

    After ReduceLROnPlateau of PyTorch, in its mode `max` with threshold 0 and no cooldown.
    """
    return max(start * factor ** standstills(history, patience), min(start, end))


LADDER: Final[tuple[ProfileName, ...]] = ("tight", "default", "loose")
"""Profiles from the narrowest to the widest."""


NEEDED: Final[tuple[tuple[float, float], ...]] = ((0.0, 1.0), (0.10, 0.10), (0.60, 0.05))
"""For each profile, the raw validity that it takes at least, and the share of leaks that it bears at most."""


def next_profile(current: ProfileName, validity: float, leak: float) -> ProfileName:
    """The profile after a day that was sampled under `current`: one notch towards what its figures allow.

    `validity` is the day's raw validity and `leak` its share of leaking rollouts, both in [0, 1].
    """
    allowed = max(place for place, (least, most) in enumerate(NEEDED) if validity >= least and leak <= most)
    here = LADDER.index(current)
    return LADDER[here + (allowed > here) - (allowed < here)]
