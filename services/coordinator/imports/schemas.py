"""Wire messages of the import of a recorded run."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from shared.wire import NAME_PATTERN, Message


def _storable(text: str) -> str:
    if "\x00" in text:
        # Postgres cannot store NUL in text.
        raise ValueError("it contains a NUL character: remove it")
    return text


Text = Annotated[str, AfterValidator(_storable)]
UnitScore = Annotated[float, Field(ge=0, le=1)]


class RecordedRollout(Message):
    """A rollout as files record it. `text` was ranked and rewarded; `prediction` is that of the predictions file."""

    rollout_id: int = Field(ge=0, le=100_000)
    text: Text
    prediction: Text | None = None
    prediction_id: Text | None = None
    method: Text | None = None
    timestamp: Text | None = None
    rank: float | None = Field(None, allow_inf_nan=False, description="Place within the group, 1 is best.")
    reward: UnitScore | None = Field(None, description="Reward of the rank, in [0, 1].")
    immediate_reward: float | None = Field(None, allow_inf_nan=False)
    trade_thinking: float | None = Field(None, allow_inf_nan=False)
    composite: float | None = Field(None, allow_inf_nan=False)


class RecordedGroup(Message):
    """The rollouts of one headline at one horizon."""

    headline: Text
    published_at: AwareDatetime | None = None
    horizon: Text | None = None
    prompt: Text = ""
    rollouts: list[RecordedRollout] = Field(min_length=1, max_length=1_000)


class RecordedDay(Message):
    """One day of the run."""

    date: dt.date
    outcome_date: dt.date | None = Field(None, description="The day after, when absent.")
    profile: Text = Field("unknown", description="Sampler profile of the day.")
    groups: list[RecordedGroup] = Field(default_factory=list, max_length=100_000)


class RunImport(Message):
    """A run recorded by another system. `notes` are warnings of the reader of its files; they become the run's."""

    name: str = Field(pattern=NAME_PATTERN)
    timezone: str = Field("America/Los_Angeles", description="Zone of the files' days; the predecessor's by default.")
    policy: Text = Field("imported", min_length=1, max_length=200, description="Policy of every rollout.")
    base_model: Text = Field("unknown", min_length=1, max_length=200)
    notes: list[Text] = Field(default_factory=list, max_length=1_000)
    days: list[RecordedDay] = Field(min_length=1, max_length=10_000)


class SkippedDay(Message):
    """A day that cannot be scored, with the reason."""

    date: dt.date
    reason: str


class RunImported(Message):
    """The stored run; the evaluator recomputes its scores next."""

    name: str
    kind: str
    state: str
    days: int
    groups: int
    rollouts: int
    skipped: list[SkippedDay]
    warnings: list[str]
