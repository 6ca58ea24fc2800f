"""The days of a run, and what their workers logged."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import DatePath, RoleQuery, RunName
from services.coordinator.dependencies import DepsDep
from services.coordinator.models import Day
from services.coordinator.overview import day_views_of
from services.coordinator.results.queries import day_log
from services.coordinator.run_messages import RunDayView
from services.coordinator.runs.days import find_day
from services.coordinator.runs.queries import find_run
from shared.dates import parse_date

router = APIRouter(prefix="/v1/backfills/{run}/days", tags=["days"])


@router.get("")
def list_days(
    run: RunName, deps: DepsDep, role: RoleQuery = "chain", limit: Limit = 100, cursor: Cursor = None
) -> Page[RunDayView]:
    """The days of a run's chain in order, skipped ones with their reason; or its days of another role."""
    after = [Day.date > parse_date(cursor)] if cursor else []
    with deps.sessions.begin() as session:
        views = day_views_of(session, find_run(session, run), Day.role == role, *after, limit=limit + 1)
    return page_of(views, limit, lambda view: view.date.isoformat())


@router.get("/{date}")
def show_day(run: RunName, date: DatePath, deps: DepsDep, role: RoleQuery = "chain") -> RunDayView:
    """One day of a run."""
    with deps.sessions.begin() as session:
        found = find_run(session, run)
        day = find_day(session, found, date, role)
        return day_views_of(session, found, Day.id == day.id)[0]


@router.get("/{date}/logs", response_class=PlainTextResponse)
def show_logs(run: RunName, date: DatePath, deps: DepsDep, role: RoleQuery = "chain") -> str:
    """What every attempt at the day's steps logged, in order, each behind a line that names it."""
    with deps.sessions.begin() as session:
        return day_log(session, find_day(session, find_run(session, run), date, role))
