"""The names that a run's configuration may give, and how many days each horizon spans."""

from __future__ import annotations

from typing import Literal

Preset = Literal["default", "legacy"]
ProfileName = Literal["tight", "default", "loose"]
Horizon = Literal["1d", "1w", "1m", "1q"]
Schedule = Literal["constant", "linear", "on_plateau"]
Objective = Literal["gspo", "sft", "kto"]
Gate = Literal["validity", "sound", "grounded", "off"]
BonusFor = Literal["strict", "valid"]
RewardPart = Literal["composite", "normalized_score", "semantic", "resolved", "trade_thinking", "grounding"]
RankerName = Literal["semantic", "judge", "resolved", "recorded"]
"""Each has a class in `services/evaluator/rankers/`: RANKERS there maps name to class."""

HORIZON_DAYS: dict[str, int] = {"1d": 1, "1w": 7, "1m": 30, "1q": 91}
"""Calendar days from a forecast's day to the earliest day that can settle it."""
