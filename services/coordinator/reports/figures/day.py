"""The figures of a day in a report. Pure.

Scores are means in [0, 1] (outcome_score in [0, 10]) and unrounded; None where there is nothing to average.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.coordinator.reports.figures.arms import Arms
from services.coordinator.reports.figures.lines import NO_DECODING, NO_LINES, NO_SIGNS, Decoding, Signs, ValidLines

SCORES = (
    "raw_validity",
    "final_validity",
    "composite",
    "trade_thinking",
    "leak",
    "outcome_score",
    "normalized_score",
    "reward",
)


@dataclass(frozen=True)
class Seconds:
    """Seconds of work per stage, summed over its steps, which may have run in parallel; None if no step is done."""

    generate: float | None = None
    evaluate: float | None = None
    train: float | None = None


@dataclass(frozen=True)
class DayReport:
    """One day. `raw_validity` is the share of rollouts whose free attempt was strict, `final_validity` the share of
    the `delivered` ones whose text is valid, `abstained` the share of those that abstain. Delivered is the ladder arm,
    or all rollouts where there is no ladder arm. `reward` is the mean training reward; `training` are the statistics
    of the update.

    `policies` and `final_sources` count the rollouts by policy and by the rung of the ladder that they came from;
    `look_ahead` counts those whose policy had learned from headlines published after their own (None if unknown).
    `profile`, `bonus` and `learning_rate` are the day's own, `decisions` the stored figures that decided them.
    """

    date: dt.date
    state: str
    headlines: int = 0
    rollouts: int = 0
    sampler: str | None = None
    raw_validity: float | None = None
    final_validity: float | None = None
    composite: float | None = None
    trade_thinking: float | None = None
    leak: float | None = None
    outcome_score: float | None = None
    normalized_score: float | None = None
    reward: float | None = None
    evaluations: int = 0
    checkpoint: str | None = None
    training: Mapping[str, Any] | None = None
    seconds: Seconds = field(default_factory=Seconds)
    tokens: int = 0
    look_ahead: int | None = 0
    policies: Mapping[str, int] = field(default_factory=dict)
    final_sources: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    outcome_date: dt.date | None = None
    reason: str | None = None
    role: str = "chain"
    delivered: int = 0
    abstained: float | None = None
    form_score: float | None = None
    decoding: Decoding = NO_DECODING
    signs: Signs = NO_SIGNS
    valid_lines: ValidLines = NO_LINES
    profile: str | None = None
    bonus: float | None = None
    learning_rate: float | None = None
    objective: str | None = None
    decisions: Mapping[str, Any] = field(default_factory=dict)
    arms: Arms | None = None

    def trained(self, name: str) -> float | None:
        """A figure of the day's update by the name that shared.wire.TrainStats gives it."""
        # Stored JSON: an update may lack a statistic, or have it as null.
        value = (self.training or {}).get(name)
        return float(value) if isinstance(value, int | float) else None
