"""The six parts of a trade and what each is worth: the frame that both trade-thinking rubrics fill."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

TENTHS: Final = {"instrument": 2, "direction": 2, "time_frame": 1, "level": 2, "catalyst": 2, "risk": 1}
"""Weights in tenths, which add up without rounding."""


@dataclass(frozen=True)
class Rubric:
    """A score in [0, 1] and what each part earned: its weight or 0."""

    total: float
    parts: dict[str, float]


def graded(found: AbstractSet[str]) -> Rubric:
    """The rubric of a text in which these parts were found."""
    parts = {name: tenths / 10 if name in found else 0.0 for name, tenths in TENTHS.items()}
    return Rubric(sum(TENTHS[name] for name in found) / 10, parts)
