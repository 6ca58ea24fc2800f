"""Two sampler profiles within one day: whose headlines run with which. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from services.coordinator.draws import drawn, share_of
from services.coordinator.planning import chunks
from shared.run_config import RunConfig


def b_arm(ids: Sequence[int], date: dt.date, config: RunConfig) -> list[int]:
    """The headlines of a day that run with `ab_profile`, in the day's order: a share drawn by seed, date and id."""
    chosen = drawn(ids, share_of(len(ids), config.ab_share), config.seed, "ab", date)
    return [headline_id for headline_id in ids if headline_id in chosen]


def arm_chunks(ids: Sequence[int], b: Collection[int], size: int) -> list[list[int]]:
    """`ids` in pieces of at most `size` that hold headlines of one arm only, those of the A arm first."""
    sides = ([i for i in ids if i not in b], [i for i in ids if i in b])
    return [piece for side in sides for piece in chunks(side, size)]


def step_profile(profile: str, decisions: Mapping[str, Any], items: Sequence[int]) -> str:
    """The profile of a generate step over these headlines: the day's, or the B arm's if they are of it."""
    ab = decisions.get("ab")
    return str(ab["profiles"][1]) if ab and items and items[0] in ab["headlines"] else profile
