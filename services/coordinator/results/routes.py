"""REST: steps, rollouts, evaluations and events of a run."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import MAX_ID, DateQuery, RoleQuery, RunName, id_after
from services.coordinator.api.scopes import scope
from services.coordinator.dependencies import DepsDep
from services.coordinator.models import Day, Evaluation, Rollout, Step
from services.coordinator.results.queries import evaluations, events, rollouts, steps
from services.coordinator.results.schemas import EvaluationView, EventView, RolloutView, StepView
from services.coordinator.runs.queries import find_run
from services.coordinator.states import Role, StepState
from shared.errors import NotFoundError
from shared.wire import StepKind

router = APIRouter(prefix="/v1/backfills/{run}", tags=["results"])
WithTokens = Annotated[bool, Query(description="Add token ids, log-probabilities and forced tokens.")]
After = Annotated[int | None, Query(ge=0, le=MAX_ID, description="Only events with a greater id.")]


def _on(date: dt.date | None, role: Role) -> list[Any]:
    # A date alone is ambiguous: a chain, a panel and a warm-start day may share it.
    return [Day.role == role, *([] if date is None else [Day.date == date])]


@router.get("/steps", openapi_extra=scope("read", raises=[NotFoundError]))
def list_steps(
    run: RunName,
    deps: DepsDep,
    date: DateQuery = None,
    role: RoleQuery = "chain",
    kind: StepKind | None = None,
    state: StepState | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[StepView]:
    """The steps of a run's chain days in order of creation, or those of a date, role, kind or state."""
    where = _on(date, role) + ([Step.kind == kind] if kind else []) + ([Step.state == state] if state else [])
    with deps.sessions.begin() as session:
        views = steps(session, find_run(session, run), Step.id > id_after(cursor), *where, limit=limit + 1)
    return page_of(views, limit, lambda step: str(step.id))


@router.get("/rollouts", openapi_extra=scope("read", raises=[NotFoundError]))
def list_rollouts(
    run: RunName,
    deps: DepsDep,
    date: DateQuery = None,
    role: RoleQuery = "chain",
    tokens: WithTokens = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RolloutView]:
    """The rollouts of a run's chain days in order of creation, or those of a date or role."""
    with deps.sessions.begin() as session:
        where = (Rollout.id > id_after(cursor), *_on(date, role))
        views = rollouts(session, find_run(session, run), *where, limit=limit + 1, tokens=tokens)
    return page_of(views, limit, lambda rollout: str(rollout.id))


@router.get("/evaluations", openapi_extra=scope("read", raises=[NotFoundError]))
def list_evaluations(
    run: RunName,
    deps: DepsDep,
    date: DateQuery = None,
    role: RoleQuery = "chain",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[EvaluationView]:
    """The evaluations of a run's chain days in order of their rollouts, or those of a date or role."""
    with deps.sessions.begin() as session:
        where = (Evaluation.rollout_id > id_after(cursor), *_on(date, role))
        views = evaluations(session, find_run(session, run), *where, limit=limit + 1)
    return page_of(views, limit, lambda evaluation: str(evaluation.rollout_id))


@router.get("/events", openapi_extra=scope("read", raises=[NotFoundError]))
def list_events(
    run: RunName, deps: DepsDep, after: After = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[EventView]:
    """The events of a run in order; `after` is the id of the last event that the caller has."""
    with deps.sessions.begin() as session:
        since = max(after or 0, id_after(cursor))
        views = events(session, find_run(session, run), since, limit + 1)
    return page_of(views, limit, lambda event: str(event.id))
