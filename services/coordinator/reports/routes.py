"""What a run came to: its report, and its days in the legacy layout."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.coordinator.api.params import DatePath, RunName
from services.coordinator.api.scopes import scope
from services.coordinator.dependencies import DepsDep
from services.coordinator.exports.documents import DayDocuments
from services.coordinator.exports.service import export_day
from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.render.formats import RENDERERS
from services.coordinator.reports.service import read_report
from shared.errors import NotFoundError

router = APIRouter(prefix="/v1/backfills", tags=["reports"])
Format = Annotated[Literal["json", "csv", "md"], Query(description="How the report is written.")]


@router.get(
    "/{run}/report",
    response_model=Report,
    responses={200: {"content": {"text/csv": {}, "text/markdown": {}}}},
    openapi_extra=scope("read", raises=[NotFoundError]),
)
def show_report(run: RunName, deps: DepsDep, format: Format = "json") -> Response:  # noqa: A002 - the query's name
    """The figures of a run: assessment, days, totals, averages, look-ahead, trends, panel, flags and failures."""
    with deps.sessions.begin() as session:
        report = read_report(session, run)
    media_type, render = RENDERERS[format]
    return Response(render(report), media_type=media_type)


@router.get("/{run}/export/{date}", openapi_extra=scope("read", raises=[NotFoundError]))
def export_run_day(run: RunName, date: DatePath, deps: DepsDep) -> DayDocuments:
    """Everything that the legacy layout needs for a day: its documents, logs and checkpoint."""
    with deps.sessions.begin() as session:
        return export_day(session, run, date)
