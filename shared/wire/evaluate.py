"""An evaluate step: groups and outcomes in, evaluations out."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from shared.wire.base import Message, Verdict
from shared.wire.generate import StepHead


class RolloutToScore(Message):
    """A rollout as the evaluator sees it. `recorded_rank` is set for imported runs only (1 is best, ties share)."""

    rollout_id: int
    text: str
    recorded_rank: float | None = None
    recorded_score: float | None = None


class GroupToScore(Message):
    """A group as the evaluator sees it."""

    group_id: int
    headline: str
    prompt_text: str
    rollouts: list[RolloutToScore]


class EvaluateTask(StepHead):
    """Score groups against the headlines of the outcome day."""

    kind: Literal["evaluate"] = "evaluate"
    outcome_date: dt.date
    outcomes: list[str]
    groups: list[GroupToScore]


class EvaluationRecord(Message):
    """Everything scored about a rollout.

    All scores are in [0, 1] but outcome_score, which is in [0, 10], and reward, which is in [0, 1 + the run's bonus].
    """

    rollout_id: int
    verdict: Verdict
    valid: bool
    failed_slot: str | None = None
    failure: str | None = None
    normalized_text: str | None = None
    changes: list[str] = Field(default_factory=list)
    validity: float
    leak: bool
    leak_stems: list[str] = Field(default_factory=list)
    trade_thinking: float
    trade_parts: dict[str, float] = Field(default_factory=dict)
    semantic: float | None = None
    rank: float
    normalized_score: float
    outcome_score: float
    composite: float
    reward: float


class EvaluateResult(Message):
    """What an evaluate step produced."""

    kind: Literal["evaluate"] = "evaluate"
    evaluations: list[EvaluationRecord]
    ranker: str
    leak_list: str
    seconds: float
