"""Wire messages of a comparison."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from shared.wire import Message

Among = Literal["all", "valid", "delivered", "groups"]
"""The lines that a figure is of: all, the valid ones, those delivered (the ladder arm; all where there is none), or the
pairs of valid lines within each group."""


class Figure(Message):
    """One figure of both sides. `difference` is B less A; `low` to `high` its 95 % bootstrap interval over headlines.

    Shares and scores are in [0, 1], tokens are counts. None where there is nothing to average; no interval with fewer
    than two headlines, or if fewer than half of the resamples count a line on both sides. The other resamples are
    `left_out` of the interval.
    """

    name: str
    among: Among
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    excludes_zero: bool | None
    left_out: int = 0


class SideView(Message):
    """A side; `operand` is the text of the request. `policy` is `base`, a checkpoint's id, or None if the
    lines are by several policies. `look_ahead` counts the lines whose policy had learned from headlines published
    after their own (None if unknown)."""

    operand: str
    run: str
    policy: str | None
    dates: list[dt.date]
    headlines: int
    lines: int
    valid: int
    look_ahead: int | None
    trained_until: dt.datetime | None


class Comparison(Message):
    """Two checkpoints or runs side by side. `paired`: the same `headlines` on both sides, resampled together."""

    a: SideView
    b: SideView
    panel: str | None = Field(description="The panel; null where two runs are compared on their common dates.")
    paired: bool
    headlines: int
    seed: int
    resamples: int
    level: float
    figures: list[Figure]
    notes: list[str]
