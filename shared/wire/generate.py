"""A generate step: headlines in, groups of rollouts out."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from shared.run_config import ProfileName, RunConfig
from shared.wire.base import Arm, Message, Rung
from shared.wire.policy import PolicyRef


class HeadlineItem(Message):
    """One headline to forecast from."""

    id: int
    text: str
    published_at: dt.datetime
    source: str | None = None


class StepHead(Message):
    """What every step carries."""

    step_id: int
    fence: int
    run: str
    date: dt.date
    config: RunConfig


class GenerateTask(StepHead):
    """Sample a group for each headline with one policy."""

    kind: Literal["generate"] = "generate"
    policy: PolicyRef
    profile: ProfileName
    headlines: list[HeadlineItem]


class RolloutRecord(Message):
    """One sampled forecast.

    `token_ids`, `logprobs` and `forced` have one entry per answer token, a sampled end token included. `logprobs` are
    the sampler's processed log-probabilities (after temperature, top-p, top-k, grammar); `forced` marks tokens that
    were the only one allowed, or that a repair kept. `raw_text` and `raw_strict` are those of the first, free attempt;
    `sampled_tokens` counts what all its attempts sampled.
    """

    index: int
    arm: Arm
    rung: Rung
    attempts: int
    sampled_tokens: int = 0
    raw_text: str
    raw_strict: bool
    text: str
    token_ids: list[int]
    logprobs: list[float]
    forced: list[bool]
    finish_reason: Literal["stop", "length"]
    policy: str
    profile: ProfileName
    temperature: float
    seed: int


class GroupRecord(Message):
    """The rollouts of one headline with the prompt that they were sampled from, token for token."""

    headline_id: int
    prompt_text: str
    prompt_token_ids: list[int]
    rollouts: list[RolloutRecord]


class GenerateResult(Message):
    """What a generate step produced; `tokens` counts sampled tokens, those of failed attempts included."""

    kind: Literal["generate"] = "generate"
    groups: list[GroupRecord]
    engine_calls: int
    tokens: int
    seconds: float
