"""Queries of checkpoints and aliases."""

from __future__ import annotations

from typing import Any, overload

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.schemas import AliasView, CheckpointView
from services.coordinator.models import Alias, Checkpoint, Day, Run
from shared.errors import NotFoundError
from shared.wire import CheckpointRef


@overload
def reference(checkpoint: None) -> None: ...
@overload
def reference(checkpoint: Checkpoint | CheckpointView) -> CheckpointRef: ...
def reference(checkpoint: Checkpoint | CheckpointView | None) -> CheckpointRef | None:
    """A checkpoint as messages name it; None of none."""
    if checkpoint is None:
        return None
    return CheckpointRef(id=checkpoint.id, uri=checkpoint.uri, sha256=checkpoint.sha256)


def checkpoints(session: Session, *where: Any, limit: int) -> list[CheckpointView]:
    """Checkpoints in order of their day."""
    query = select(
        Checkpoint.id,
        Run.name.label("run"),
        Day.date,
        Checkpoint.parent_id.label("parent"),
        Checkpoint.fence,
        Checkpoint.uri,
        Checkpoint.sha256,
        Checkpoint.adapter,
        Checkpoint.base_model,
        Checkpoint.files,
        Checkpoint.trained_until,
        Checkpoint.stats,
        Checkpoint.created_at,
    )
    query = query.join(Run, Run.id == Checkpoint.run_id).join(Day, Day.id == Checkpoint.day_id)
    rows = session.execute(query.where(*where).order_by(Day.date).limit(limit))
    return [CheckpointView.model_validate(row, from_attributes=True) for row in rows]


def find_checkpoint(session: Session, checkpoint_id: str) -> CheckpointView:
    """One checkpoint; raises NotFoundError."""
    views = checkpoints(session, Checkpoint.id == checkpoint_id, limit=1)
    if not views:
        raise NotFoundError(
            f"there is no checkpoint {checkpoint_id!r}; GET /v1/backfills/RUN/checkpoints lists those of a run"
        )
    return views[0]


def aliases(session: Session, scope: str | None, after: tuple[str, str], limit: int) -> list[AliasView]:
    """Aliases in order of scope and name."""
    query = select(Alias.scope, Alias.name, Alias.checkpoint_id.label("checkpoint"), Alias.updated_at)
    query = query.where(tuple_(Alias.scope, Alias.name) > after)
    if scope is not None:
        query = query.where(Alias.scope == scope)
    rows = session.execute(query.order_by(Alias.scope, Alias.name).limit(limit))
    return [AliasView.model_validate(row, from_attributes=True) for row in rows]
