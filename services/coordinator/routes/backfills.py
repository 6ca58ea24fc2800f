"""Runs over real days: make one, look at it, and stop, resume, cancel or retry it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select

from services.coordinator.api.idempotency import once
from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import RunName, id_after
from services.coordinator.backfills import create_backfill
from services.coordinator.control import cancel, pause, resume, retry
from services.coordinator.dependencies import DepsDep
from services.coordinator.models import Run
from services.coordinator.overview import run_view, run_views
from services.coordinator.run_messages import BackfillRequest, PlanView, RetryRequest, RunView
from services.coordinator.run_plan import plan_backfill, view_of_plan
from services.coordinator.runs.queries import find_run

router = APIRouter(prefix="/v1/backfills", tags=["backfills"])
DryRun = Annotated[bool, Query(description="Only say what the run would do; nothing is stored.")]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="The same key and body make one run."),
]


@router.post(
    "",
    status_code=201,
    response_model=RunView,
    responses={200: {"model": PlanView, "description": "The plan, if `dry_run`."}},
)
def create_run(request: BackfillRequest, deps: DepsDep, dry_run: DryRun = False, key: Key = None) -> Response | RunView:
    """Make a run and begin it; with `dry_run`, answer its plan."""
    if dry_run:
        with deps.sessions.begin() as session:
            _, planned, warnings = plan_backfill(session, request)
            plan = view_of_plan(request, planned, warnings)
        return JSONResponse(plan.model_dump(mode="json"), 200)
    if key is None:
        with deps.sessions.begin() as session:
            return run_view(session, create_backfill(session, request))
    answer, replayed = once(deps.sessions, key, request, lambda s: run_view(s, create_backfill(s, request)))
    return JSONResponse(answer, 201, headers={"Idempotency-Replayed": "true"} if replayed else None)


@router.get("")
def list_runs(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[RunView]:
    """The runs in order of creation, imported ones included."""
    with deps.sessions.begin() as session:
        query = select(Run).where(Run.id > id_after(cursor)).order_by(Run.id).limit(limit + 1)
        runs = session.scalars(query).all()
        views = run_views(session, runs)
    ids = {run.name: run.id for run in runs}
    return page_of(views, limit, lambda view: str(ids[view.name]))


@router.get("/{run}")
def show_run(run: RunName, deps: DepsDep) -> RunView:
    """One run with its progress."""
    with deps.sessions.begin() as session:
        return run_view(session, find_run(session, run))


@router.post("/{run}/pause")
def pause_run(run: RunName, deps: DepsDep) -> RunView:
    """Hand out nothing more of this run; what is being worked on is finished."""
    with deps.sessions.begin() as session:
        return run_view(session, pause(session, run))


@router.post("/{run}/resume")
def resume_run(run: RunName, deps: DepsDep) -> RunView:
    """Go on with a paused run."""
    with deps.sessions.begin() as session:
        return run_view(session, resume(session, run))


@router.post("/{run}/cancel")
def cancel_run(run: RunName, deps: DepsDep) -> RunView:
    """Cancel a run for good. Nothing of it starts afterwards; workers are told with their next renewal."""
    with deps.sessions.begin() as session:
        return run_view(session, cancel(session, run))


@router.post("/{run}/retry")
def retry_run(run: RunName, deps: DepsDep, request: RetryRequest | None = None) -> RunView:
    """Try the failed days again, or the one of `date`: only what failed of them is done anew."""
    with deps.sessions.begin() as session:
        return run_view(session, retry(session, run, request.date if request else None))
