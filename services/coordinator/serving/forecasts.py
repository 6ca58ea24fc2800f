"""Forecasts on demand: fix the policy, ask the engines that have loaded it one after another."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import PREVIOUS, SERVED, named
from services.coordinator.checkpoints.queries import reference
from services.coordinator.database import Sessions
from services.coordinator.models import Checkpoint
from services.coordinator.serving.limits import ServingLimits
from services.coordinator.serving.queries import engines
from services.coordinator.serving.rules import PolicyChoice, by_load, choose_policy
from services.coordinator.serving.schemas import ForecastAnswer, ForecastRequest
from services.coordinator.serving.syncer_client import SyncerClient, SyncerError
from shared.errors import NotFoundError, UnavailableError
from shared.forecast import format_named
from shared.wire import BASE_POLICY, ForecastLines, ForecastTask, PolicyRef

MIN_PAUSE, MAX_PAUSE = 0.05, 0.5
"""Seconds between two attempts to find an engine; each pause is twice the one before."""


@dataclass(frozen=True)
class ForecastPlan:
    """A policy and the engines that can answer by it, as of now. `served` is the served checkpoint."""

    choice: PolicyChoice
    policy: PolicyRef
    served: str | None


def plan(session: Session, requested: str, stale_after: float) -> ForecastPlan:
    """Resolve a requested policy; raises NotFoundError for an unknown checkpoint."""
    names = named(session)
    served = names.get(SERVED)
    choice = choose_policy(requested, served, names.get(PREVIOUS), engines(session, stale_after))
    if choice.policy == BASE_POLICY:
        return ForecastPlan(choice, PolicyRef(), served)
    checkpoint = reference(session.get(Checkpoint, choice.policy))
    if checkpoint is None:
        raise NotFoundError(f"policy: there is no checkpoint {requested!r}; write served, base, or a checkpoint's id")
    return ForecastPlan(choice, PolicyRef(name=checkpoint.id, checkpoint=checkpoint), served)


@dataclass
class Forecaster:
    """Answers forecasts. Waiting for an engine occupies no thread and no session."""

    sessions: Sessions
    limits: ServingLimits
    client: SyncerClient = field(default_factory=SyncerClient)

    async def forecast(self, request: ForecastRequest) -> ForecastAnswer:
        """Lines by one policy. Raises UnavailableError if no engine can give them, NotFoundError, InvalidInputError."""
        # Raises for an unknown format before an engine is asked.
        format_named(request.format)
        if self.client.under_way >= self.limits.max_forecasts:
            raise UnavailableError(f"{self.limits.max_forecasts} forecasts are under way; try again in a moment")
        started, seed = time.monotonic(), secrets.randbelow(2**31) if request.seed is None else request.seed
        task = self._task(request, seed)
        refusals: dict[str, str] = {}
        pause = MIN_PAUSE
        while True:
            # Planned anew in each round: an engine may load the policy, or another one be promoted, meanwhile.
            current = await run_in_threadpool(self._plan, request.policy)
            lines = await self._lines(current, task, started, refusals)
            if lines is not None:
                return _answer(request, task, current, lines, time.monotonic() - started)
            if time.monotonic() - started + pause > self.limits.forecast_patience:
                raise UnavailableError(_why_none(current, refusals))
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)

    def _plan(self, requested: str) -> ForecastPlan:
        with self.sessions.begin() as session:
            return plan(session, requested, self.limits.stale_after)

    def _task(self, request: ForecastRequest, seed: int) -> ForecastTask:
        fields = request.model_dump(include={"headline", "lines", "profile", "format", "max_tokens"})
        date = request.date or dt.datetime.now(dt.UTC).date()
        return ForecastTask(**fields, date=date, policy=PolicyRef(), seed=seed)

    async def _lines(
        self, current: ForecastPlan, task: ForecastTask, started: float, refusals: dict[str, str]
    ) -> ForecastLines | None:
        """The lines of the first engine that gives them; `refusals` collects the reasons of the others by URL."""
        task = task.model_copy(update={"policy": current.policy})
        for engine in by_load(current.choice.engines, self.client.busy, secrets.SystemRandom().random):
            left = self.limits.forecast_timeout - (time.monotonic() - started)
            if left <= 0:
                break
            try:
                return await self.client.forecast(engine, task, left)
            except SyncerError as error:
                refusals[engine.url] = error.detail
        return None


def _answer(
    request: ForecastRequest, task: ForecastTask, current: ForecastPlan, lines: ForecastLines, seconds: float
) -> ForecastAnswer:
    same = request.model_dump(include={"profile", "format"})
    own = {"policy": lines.policy, "engine": lines.engine, "lines": lines.lines, "seconds": seconds}
    return ForecastAnswer(**own, **same, served=current.served, date=task.date, seed=task.seed)


def _why_none(current: ForecastPlan, refusals: Mapping[str, str]) -> str:
    """Why there is no forecast, and the cure."""
    if refusals:
        reasons = "; ".join(f"{url}: {why}" for url, why in sorted(refusals.items()))
        return f"no engine gave a forecast by {current.policy.name}: {reasons}"
    return (
        f"no live engine with a syncer has loaded {current.policy.name}; start an engine and its syncer "
        "(`morrow up` starts both), or see what they report: `morrow serving`, GET /v1/engines"
    )
