"""REST: create, show and control runs; list the days of a run and their logs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy import select

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import DatePath, RoleQuery, RunName, id_after
from services.coordinator.api.scopes import scope
from services.coordinator.backfills.queries import day_views_of, run_view, run_views
from services.coordinator.backfills.schemas import BackfillRequest, PlanView, RetryRequest, RunDayView, RunView
from services.coordinator.backfills.service import cancel, pause, resume, retry, submit_backfill
from services.coordinator.dependencies import DepsDep
from services.coordinator.models import Day, Run
from services.coordinator.results.queries import day_log
from services.coordinator.runs.days import find_day
from services.coordinator.runs.queries import find_run
from shared.dates import parse_date
from shared.errors import ConflictError, NotFoundError

router = APIRouter()
runs = APIRouter(prefix="/v1/backfills", tags=["backfills"])
days = APIRouter(prefix="/v1/backfills/{run}/days", tags=["days"])
DryRun = Annotated[bool, Query(description="Answer the plan of the run; nothing is stored.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Equal keys and bodies make one run.",
    ),
]


@runs.post(
    "",
    status_code=201,
    openapi_extra=scope("operate", raises=[NotFoundError, ConflictError]),
    response_model=RunView,
    responses={200: {"model": PlanView, "description": "The plan, if `dry_run`."}},
)
def create_run(request: BackfillRequest, deps: DepsDep, dry_run: DryRun = False, key: Key = None) -> Response:
    """Create a run and begin it; with `dry_run`, answer its plan."""
    answer = submit_backfill(deps.sessions, request, key, dry_run=dry_run)
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return JSONResponse(answer.body, 200 if dry_run else 201, headers=headers)


@runs.get("", openapi_extra=scope("read"))
def list_runs(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[RunView]:
    """The runs in order of creation, imported ones included."""
    with deps.sessions.begin() as session:
        query = select(Run).where(Run.id > id_after(cursor)).order_by(Run.id).limit(limit + 1)
        runs = session.scalars(query).all()
        views = run_views(session, runs)
    ids = {run.name: run.id for run in runs}
    return page_of(views, limit, lambda view: str(ids[view.name]))


@runs.get("/{run}", openapi_extra=scope("read", raises=[NotFoundError]))
def show_run(run: RunName, deps: DepsDep) -> RunView:
    """One run with its progress."""
    with deps.sessions.begin() as session:
        return run_view(session, find_run(session, run))


@runs.post("/{run}/pause", openapi_extra=scope("operate", raises=[NotFoundError, ConflictError]))
def pause_run(run: RunName, deps: DepsDep) -> RunView:
    """Grant no more steps of this run; running ones finish."""
    with deps.sessions.begin() as session:
        return run_view(session, pause(session, run))


@runs.post("/{run}/resume", openapi_extra=scope("operate", raises=[NotFoundError, ConflictError]))
def resume_run(run: RunName, deps: DepsDep) -> RunView:
    """Resume a paused run."""
    with deps.sessions.begin() as session:
        return run_view(session, resume(session, run))


@runs.post("/{run}/cancel", openapi_extra=scope("operate", raises=[NotFoundError, ConflictError]))
def cancel_run(run: RunName, deps: DepsDep) -> RunView:
    """Cancel a run for good. No further step starts; workers stop at their next renewal."""
    with deps.sessions.begin() as session:
        return run_view(session, cancel(session, run))


@runs.post("/{run}/retry", openapi_extra=scope("operate", raises=[NotFoundError, ConflictError]))
def retry_run(run: RunName, deps: DepsDep, request: RetryRequest | None = None) -> RunView:
    """Retry the failed days, or the one of `date`: only their failed steps are repeated."""
    with deps.sessions.begin() as session:
        return run_view(session, retry(session, run, request.date if request else None))


@days.get("", openapi_extra=scope("read", raises=[NotFoundError]))
def list_days(
    run: RunName, deps: DepsDep, role: RoleQuery = "chain", limit: Limit = 100, cursor: Cursor = None
) -> Page[RunDayView]:
    """The chain days of a run in order, skipped ones with their reason; or its days of another role."""
    after = [Day.date > parse_date(cursor)] if cursor else []
    with deps.sessions.begin() as session:
        views = day_views_of(session, find_run(session, run), Day.role == role, *after, limit=limit + 1)
    return page_of(views, limit, lambda view: view.date.isoformat())


@days.get("/{date}", openapi_extra=scope("read", raises=[NotFoundError]))
def show_day(run: RunName, date: DatePath, deps: DepsDep, role: RoleQuery = "chain") -> RunDayView:
    """One day of a run."""
    with deps.sessions.begin() as session:
        owner = find_run(session, run)
        day = find_day(session, owner, date, role)
        return day_views_of(session, owner, Day.id == day.id)[0]


@days.get("/{date}/logs", openapi_extra=scope("read", raises=[NotFoundError]), response_class=PlainTextResponse)
def show_logs(run: RunName, date: DatePath, deps: DepsDep, role: RoleQuery = "chain") -> str:
    """The logs of all attempts at the day's steps, in order, each after a line that names the attempt."""
    with deps.sessions.begin() as session:
        return day_log(session, find_day(session, find_run(session, run), date, role))


router.include_router(runs)
router.include_router(days)
