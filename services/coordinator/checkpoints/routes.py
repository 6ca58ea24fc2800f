"""REST: published checkpoints, their files and aliases."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import RunName
from services.coordinator.api.scopes import scope
from services.coordinator.checkpoints.queries import aliases, checkpoints, find_checkpoint, reference
from services.coordinator.checkpoints.schemas import AliasView, CheckpointView
from services.coordinator.dependencies import DepsDep
from services.coordinator.models import Checkpoint, Day
from services.coordinator.runs.queries import find_run
from shared.checkpoints import MANIFEST
from shared.dates import parse_date
from shared.errors import CheckpointCorruptError, NotFoundError

router = APIRouter(prefix="/v1", tags=["checkpoints"])
Scope = Annotated[str | None, Query(max_length=63, description="A run's name; empty for `served` and `previous`.")]


@router.get("/backfills/{run}/checkpoints", openapi_extra=scope("read", raises=[NotFoundError]))
def list_checkpoints(run: RunName, deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[CheckpointView]:
    """The checkpoints of a run in order of their day."""
    after = [Day.date > parse_date(cursor)] if cursor else []
    with deps.sessions.begin() as session:
        of_run = Checkpoint.run_id == find_run(session, run).id
        views = checkpoints(session, of_run, *after, limit=limit + 1)
    return page_of(views, limit, lambda checkpoint: checkpoint.date.isoformat())


@router.get("/checkpoints/{checkpoint}", openapi_extra=scope("read", raises=[NotFoundError]))
def show_checkpoint(checkpoint: str, deps: DepsDep) -> CheckpointView:
    """One checkpoint."""
    with deps.sessions.begin() as session:
        return find_checkpoint(session, checkpoint)


@router.get(
    "/checkpoints/{checkpoint}/files/{name}",
    response_class=FileResponse,
    openapi_extra=scope("read", raises=[NotFoundError, CheckpointCorruptError]),
)
def show_file(checkpoint: str, name: str, deps: DepsDep) -> FileResponse:
    """One file of a checkpoint, or its manifest.json.

    Raises NotFoundError for an unknown checkpoint or file, CheckpointCorruptError for a file missing from the store.
    """
    with deps.sessions.begin() as session:
        view = find_checkpoint(session, checkpoint)
    # Only names of the manifest are served, so that no path leads out of the checkpoint.
    if name != MANIFEST and name not in view.files:
        raise NotFoundError(f"checkpoint {checkpoint} has no file {name!r}; it has {', '.join(sorted(view.files))}")
    path = deps.store.file(reference(view), name)
    if not path.is_file():
        raise CheckpointCorruptError(f"checkpoint {checkpoint}: {name} is missing from the store")
    return FileResponse(path, media_type="application/octet-stream", filename=name)


@router.get("/aliases", openapi_extra=scope("read"))
def list_aliases(deps: DepsDep, scope: Scope = None, limit: Limit = 100, cursor: Cursor = None) -> Page[AliasView]:
    """Aliases of checkpoints, all or those of a scope."""
    after_scope, _, after_name = (cursor or "/").partition("/")
    with deps.sessions.begin() as session:
        views = aliases(session, scope, (after_scope, after_name), limit + 1)
    return page_of(views, limit, lambda alias: f"{alias.scope}/{alias.name}")
