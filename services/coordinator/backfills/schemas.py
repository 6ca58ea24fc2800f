"""Messages of the backfill routes: requests, plans, runs and days."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import ConfigDict, Field

from services.coordinator.states import DayState, Role, RunKind, RunState
from shared.dates import AnyDate
from shared.run_config import RunConfig
from shared.wire import NAME_PATTERN, Message


class BackfillRequest(Message):
    """A run to be created: its corpus, its first and last day (both included), its configuration."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    name: str = Field(pattern=NAME_PATTERN, description="Name of the run; it becomes a folder's name.")
    corpus: str = Field(pattern=NAME_PATTERN, description="Name of the corpus.")
    first: AnyDate | None = Field(None, alias="from", description="First day; the corpus' first when absent.")
    last: AnyDate | None = Field(None, alias="to", description="Last day; the corpus' last when absent.")
    config: RunConfig = Field(default_factory=RunConfig, description="Frozen and hashed when the run is created.")


class RetryRequest(Message):
    """The failed day to retry; all failed days when `date` is absent."""

    date: AnyDate | None = None


class PlannedDayView(Message):
    """A planned day. `policy` is the date whose checkpoint would predict it, null for the run's first model: its warm
    start, or the base."""

    date: dt.date
    outcome_date: dt.date | None
    headlines: int
    left_out: dict[str, int]
    state: DayState
    reason: str | None
    policy: dt.date | None


class PlanView(Message):
    """The plan of a run; nothing was stored. `days` are those of the chain, `panel_days` the number of policies scored
    on the panel, `warm_start` the number of headlines of the warm start; steps and rollouts are those of all days."""

    config: RunConfig
    config_hash: str
    days: list[PlannedDayView]
    steps: dict[str, int]
    rollouts: int
    skipped: int
    panel_days: int
    warm_start: int
    warnings: list[str]


class Progress(Message):
    """Steps done and expected. `fraction` is in [0, 1]; `eta_seconds` is null until each kind has a finished step."""

    steps_done: int
    steps_total: int
    fraction: float
    eta_seconds: float | None


class RunView(Message):
    """A run. `days` counts the days of its chain by state, `panel_days` those that score a policy on the panel,
    `warm_start` is the state of its warm start, null if it has none; `steps` counts the steps of all by kind and state.

    `served` is the checkpoint that engines serve now, if it is one of this run's.
    """

    name: str
    kind: RunKind
    corpus: str | None
    state: RunState
    reason: str | None
    config: RunConfig
    config_hash: str
    created_at: dt.datetime
    finished_at: dt.datetime | None
    warnings: list[str]
    days: dict[DayState, int]
    panel_days: dict[DayState, int]
    warm_start: DayState | None
    steps: dict[str, dict[str, int]]
    progress: Progress
    served: str | None


class RunDayView(Message):
    """A day of a run. `policy` is `base` or a checkpoint's id, null as long as that checkpoint is not published.

    `headlines` counts those used, `left_out` the others by reason: late, stale, look_ahead, panel. `bonus` and
    `learning_rate` are null until the day's schedules set them. `decisions` has the figures that they follow from: keys
    `profile`, `bonus`, `learning_rate` with `value`, `figures` and the `day` of the figures; `ab` with the share, the
    profiles of both arms and the headline ids of the second.
    """

    role: Role
    date: dt.date
    outcome_date: dt.date | None
    state: DayState
    reason: str | None
    headlines: int
    left_out: dict[str, int]
    policy: str | None
    profile: str
    bonus: float | None
    learning_rate: float | None
    decisions: dict[str, Any]
    checkpoint: str | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    steps: dict[str, dict[str, int]]
