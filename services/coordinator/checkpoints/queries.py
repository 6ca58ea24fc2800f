"""Queries of checkpoints and aliases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.schemas import AliasView, CheckpointView
from services.coordinator.models import (
    Alias,
    Checkpoint,
    Day,
    Run,
)
from services.coordinator.results.queries import fields_of
from shared.errors import NotFoundError
from shared.wire import (
    CheckpointRef,
)


def reference(checkpoint: Checkpoint | None) -> CheckpointRef | None:
    """A stored checkpoint as messages name it."""
    return CheckpointRef(id=checkpoint.id, uri=checkpoint.uri, sha256=checkpoint.sha256) if checkpoint else None


def checkpoints(session: Session, *where: Any, limit: int) -> list[CheckpointView]:
    """Checkpoints in order of their day."""
    query = select(Checkpoint, Run.name, Day.date).join(Run, Run.id == Checkpoint.run_id)
    query = query.join(Day, Day.id == Checkpoint.day_id).where(*where).order_by(Day.date).limit(limit)
    return [
        CheckpointView(**fields_of(found, CheckpointView), run=run, date=date, parent=found.parent_id)
        for found, run, date in session.execute(query)
    ]


def find_checkpoint(session: Session, checkpoint_id: str) -> CheckpointView:
    """One checkpoint; raises NotFoundError."""
    found = checkpoints(session, Checkpoint.id == checkpoint_id, limit=1)
    if not found:
        raise NotFoundError(f"there is no checkpoint {checkpoint_id!r}")
    return found[0]


def aliases(session: Session, scope: str | None, after: tuple[str, str], limit: int) -> list[AliasView]:
    """Aliases in order of scope and name."""
    query = select(Alias).where(tuple_(Alias.scope, Alias.name) > after)
    if scope is not None:
        query = query.where(Alias.scope == scope)
    found = session.scalars(query.order_by(Alias.scope, Alias.name).limit(limit))
    return [AliasView(**fields_of(alias, AliasView), checkpoint=alias.checkpoint_id) for alias in found]
