"""Which sampler profile a day gets under profile_policy=auto. Pure; the rule is that of learning.md."""

from __future__ import annotations

from typing import Final

from shared.run_config import ProfileName

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
