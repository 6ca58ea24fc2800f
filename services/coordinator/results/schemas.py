"""Steps, rollouts, evaluations and events as the API returns them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.coordinator.states import Role, StepState
from shared.wire import EvaluationRecord, Message, StepKind


class AttemptView(Message):
    """One attempt at a step. `outcome`: running, accepted, failed, expired or cancelled."""

    attempt: int
    worker: str
    outcome: str
    error: str | None
    started_at: dt.datetime
    ended_at: dt.datetime | None


class StepView(Message):
    """A step of a day. `attempt` is the fence; `items` are headline ids (generate) or group ids (evaluate)."""

    id: int
    run: str
    role: Role
    date: dt.date
    kind: StepKind
    chunk: int
    state: StepState
    attempt: int
    worker: str | None
    items: list[int]
    error: str | None
    lease_until: dt.datetime | None
    next_attempt_at: dt.datetime
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    seconds: float | None
    figures: dict[str, Any]


class StepDetail(StepView):
    """A step with its attempts."""

    attempts: list[AttemptView]


class Sampled(Message):
    """The tokens of a rollout, the sampler's log-probability of each, and whether the grammar forced it."""

    token_ids: list[int]
    logprobs: list[float]
    forced: list[bool]


class RolloutView(Message):
    """A sampled forecast. `tokens` is set if the request asks for tokens."""

    id: int
    date: dt.date
    group_id: int
    headline_id: int | None
    headline: str
    published_at: dt.datetime
    index: int
    arm: str
    rung: str
    attempts: int
    sampled_tokens: int
    raw_text: str
    raw_strict: bool
    text: str
    finish_reason: str
    policy: str
    profile: str
    temperature: float
    seed: int
    recorded: dict[str, Any]
    tokens: Sampled | None


class EvaluationView(EvaluationRecord):
    """The scores of a rollout, with its day and group."""

    date: dt.date
    group_id: int
    index: int


class EventView(Message):
    """An event of a run; `message` is one sentence."""

    id: int
    at: dt.datetime
    date: dt.date | None
    kind: str
    message: str
    data: dict[str, Any]
