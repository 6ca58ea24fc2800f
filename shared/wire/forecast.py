"""A forecast on demand: a headline in, lines out. The coordinator asks the syncer of a ready engine."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from shared.run_config import ProfileName
from shared.wire.base import Message, Rung, Verdict
from shared.wire.policy import PolicyRef


class ForecastTask(Message):
    """What a syncer is asked: `lines` forecasts of a headline under one policy. `retries` bounds each line's ladder."""

    headline: str = Field(min_length=1, max_length=2000)
    date: dt.date
    policy: PolicyRef
    lines: int = Field(1, ge=1, le=64)
    profile: ProfileName = "default"
    format: str = "one_line"
    max_tokens: int = Field(160, ge=16, le=1024)
    retries: int = Field(3, ge=0, le=10)
    seed: int = Field(0, ge=0, le=2**31 - 1)


class ForecastLine(Message):
    """One forecast: its text, the verdict on it, the rung of the ladder that made it and the engine calls it took."""

    text: str
    verdict: Verdict
    rung: Rung
    attempts: int


class ForecastLines(Message):
    """The answer: every line was spoken by `policy`, on the engine at `engine`."""

    policy: str
    engine: str
    lines: list[ForecastLine]
    seconds: float
