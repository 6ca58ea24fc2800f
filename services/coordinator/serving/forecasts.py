"""A forecast on demand: fixes the policy, asks an engine that holds it, and goes on to the next one if it must."""

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
from services.coordinator.serving.limits import ServingRules
from services.coordinator.serving.queries import engines
from services.coordinator.serving.rules import Choice, choose, in_order
from services.coordinator.serving.schemas import ForecastAnswer, ForecastRequest
from services.coordinator.serving.syncer_client import Forwarder
from shared.errors import NotFoundError, UnavailableError
from shared.forecast import format_named
from shared.wire import BASE_POLICY, ForecastLines, ForecastTask, PolicyRef

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""Seconds between two looks for an engine; each pause is twice the one before."""


@dataclass(frozen=True)
class Plan:
    """Who is to answer by which policy, as things stand now."""

    choice: Choice
    policy: PolicyRef
    served: str | None


def plan(session: Session, asked: str, stale_after: float) -> Plan:
    """Resolve what was asked for; raises NotFoundError for a checkpoint that there is not."""
    names = named(session)
    served = names.get(SERVED)
    choice = choose(asked, served, names.get(PREVIOUS), engines(session, stale_after))
    if choice.policy == BASE_POLICY:
        return Plan(choice, PolicyRef(), served)
    checkpoint = reference(session.get(Checkpoint, choice.policy))
    if checkpoint is None:
        raise NotFoundError(f"policy: there is no checkpoint {asked!r}; write served, base, or a checkpoint's id")
    return Plan(choice, PolicyRef(name=checkpoint.id, checkpoint=checkpoint), served)


@dataclass
class Forecaster:
    """Answers forecasts. Waiting for an engine occupies no thread and no session."""

    sessions: Sessions
    rules: ServingRules
    forwarder: Forwarder = field(default_factory=Forwarder)

    async def forecast(self, request: ForecastRequest) -> ForecastAnswer:
        """Lines by one policy. Raises UnavailableError if no engine can give them, NotFoundError, InvalidInputError."""
        format_named(request.format)
        if self.forwarder.under_way >= self.rules.most_forecasts:
            raise UnavailableError(f"{self.rules.most_forecasts} forecasts are under way; try again in a moment")
        began, seed = time.monotonic(), secrets.randbelow(2**31) if request.seed is None else request.seed
        task = self._task(request, seed)
        refusals: dict[str, str] = {}
        pause = FIRST_PAUSE
        while True:
            found = await run_in_threadpool(self._plan, request.policy)
            lines = await self._ask(found, task, began, refusals)
            if lines is not None:
                return _answer(request, task, found, lines, time.monotonic() - began)
            if time.monotonic() - began + pause > self.rules.forecast_patience:
                raise UnavailableError(_nobody(found, refusals))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _plan(self, asked: str) -> Plan:
        with self.sessions.begin() as session:
            return plan(session, asked, self.rules.stale_after)

    def _task(self, request: ForecastRequest, seed: int) -> ForecastTask:
        asked = request.model_dump(include={"headline", "lines", "profile", "format", "max_tokens"})
        return ForecastTask(**asked, date=request.date or dt.datetime.now(dt.UTC).date(), policy=PolicyRef(), seed=seed)

    async def _ask(
        self, found: Plan, task: ForecastTask, began: float, refusals: dict[str, str]
    ) -> ForecastLines | None:
        asked = task.model_copy(update={"policy": found.policy})
        lot = secrets.SystemRandom().random
        for engine in in_order(found.choice.engines, self.forwarder.busy, lot):
            left = self.rules.forecast_timeout - (time.monotonic() - began)
            if left <= 0:
                break
            answer = await self.forwarder.ask(engine, asked, left)
            if isinstance(answer, ForecastLines):
                return answer
            refusals[engine.url] = answer
        return None


def _answer(
    request: ForecastRequest, task: ForecastTask, found: Plan, lines: ForecastLines, seconds: float
) -> ForecastAnswer:
    same = request.model_dump(include={"profile", "format"})
    own = {"policy": lines.policy, "engine": lines.engine, "lines": lines.lines, "seconds": seconds}
    return ForecastAnswer(**own, **same, served=found.served, date=task.date, seed=task.seed)


def _nobody(found: Plan, refusals: Mapping[str, str]) -> str:
    """Why there is no forecast, and the cure."""
    if refusals:
        said = "; ".join(f"{url}: {why}" for url, why in sorted(refusals.items()))
        return f"no engine gave a forecast by {found.policy.name}: {said}"
    return (
        f"no engine that is heard of holds {found.policy.name} and can be asked; start an engine and its syncer "
        "(`morrow up` starts both), or look at what they report: `morrow serving`, GET /v1/engines"
    )
