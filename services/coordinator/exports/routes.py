"""The days of a run in the legacy layout."""

from __future__ import annotations

from fastapi import APIRouter

from services.coordinator.api.params import DatePath, RunName
from services.coordinator.api.scopes import scope
from services.coordinator.dependencies import DepsDep
from services.coordinator.exports.documents import DayDocuments
from services.coordinator.exports.service import export_day
from shared.errors import NotFoundError

router = APIRouter(prefix="/v1/backfills", tags=["exports"])


@router.get("/{run}/export/{date}", openapi_extra=scope("read", raises=[NotFoundError]))
def export_run_day(run: RunName, date: DatePath, deps: DepsDep) -> DayDocuments:
    """Everything that the legacy layout needs for a day: its documents, logs and checkpoint."""
    with deps.sessions.begin() as session:
        return export_day(session, run, date)
