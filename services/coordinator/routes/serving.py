"""What engines should hold, and what their syncers say they hold."""

from __future__ import annotations

from fastapi import APIRouter

from services.coordinator.result_messages import EngineView
from services.coordinator.routes.deps import DepsDep
from services.coordinator.routes.paging import Cursor, Limit, Page, page_of
from services.coordinator.serving import engines, remember_engine, wanted
from shared.wire import EngineReport, WantedCheckpoints

router = APIRouter(prefix="/v1", tags=["serving"])


@router.get("/serving")
def show_wanted(deps: DepsDep) -> WantedCheckpoints:
    """The checkpoints that every engine should hold."""
    with deps.sessions.begin() as session:
        return wanted(session)


@router.put("/engines", status_code=204)
def report_engine(report: EngineReport, deps: DepsDep) -> None:
    """A syncer says what its engine holds."""
    with deps.sessions.begin() as session:
        remember_engine(session, report)


@router.get("/engines")
def list_engines(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[EngineView]:
    """The engines that syncers have reported, by URL."""
    with deps.sessions.begin() as session:
        found = engines(session, cursor or "", limit + 1)
    return page_of(found, limit, lambda engine: engine.url)
