"""The report of a run."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.coordinator.api.params import RunName
from services.coordinator.api.scopes import scope
from services.coordinator.dependencies import DepsDep
from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.render.formats import RENDERERS
from services.coordinator.reports.service import read_report
from shared.errors import NotFoundError

router = APIRouter(prefix="/v1/backfills", tags=["reports"])
Format = Annotated[Literal["json", "csv", "md"], Query(description="The format of the report.")]


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
    # Rendered here for all three formats; response_model only describes the JSON in the API docs.
    media_type, render = RENDERERS[format]
    return Response(render(report), media_type=media_type)
