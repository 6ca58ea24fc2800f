"""Imports of recorded runs."""

from __future__ import annotations

from fastapi import APIRouter

from services.coordinator.api.scopes import scope
from services.coordinator.dependencies import DepsDep
from services.coordinator.imports.schemas import RunImport, RunImported
from services.coordinator.imports.service import import_run
from shared.errors import ConflictError

router = APIRouter(prefix="/v1/imports", tags=["imports"])


@router.post("/runs", status_code=201, openapi_extra=scope("operate", raises=[ConflictError], large=True))
def import_recorded_run(request: RunImport, deps: DepsDep) -> RunImported:
    """Store a recorded run; the evaluator recomputes its scores under preset `legacy`, keeping the recorded ranks."""
    with deps.sessions.begin() as session:
        return import_run(session, request)
