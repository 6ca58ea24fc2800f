"""Moves the names that point to checkpoints. The served one is moved by compare-and-set, under a lock of its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.database import database_now
from services.coordinator.models import Alias, Checkpoint

SERVED, PREVIOUS = "served", "previous"
LOCK = 7_770_126
"""Key of the advisory lock under which `served` and `previous` are moved: before the first promotion there is no row
that could be locked."""


@dataclass(frozen=True)
class Move:
    """A move of `served`: the checkpoint before, and the time of the move (None: it was served already)."""

    before: str | None
    at: dt.datetime | None


def named(session: Session) -> dict[str, str]:
    """The checkpoints of `served` and `previous`, by name; absent while they point to none."""
    names = select(Alias.name, Alias.checkpoint_id).where(Alias.scope == "", Alias.name.in_([SERVED, PREVIOUS]))
    return dict(session.execute(names).all())


def point(session: Session, scope: str, name: str, checkpoint_id: str) -> None:
    """Point a name to a checkpoint."""
    values = {"scope": scope, "name": name, "checkpoint_id": checkpoint_id}
    change = {"checkpoint_id": checkpoint_id, "updated_at": func.now()}
    key = [Alias.scope, Alias.name]
    session.execute(insert(Alias).values(values).on_conflict_do_update(index_elements=key, set_=change))


def lock_served(session: Session) -> str | None:
    """What is served now, which stays so until this transaction ends. Aliases that decide what to serve are read after
    this: a day may be published while one waits here.
    """
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    return named(session).get(SERVED)


def serve(session: Session, checkpoint_id: str) -> Move:
    """Move `served` to this checkpoint and `previous` to the one that was served."""
    before = lock_served(session)
    if before == checkpoint_id:
        return Move(before, None)
    now = database_now(session)
    point(session, "", SERVED, checkpoint_id)
    session.execute(update(Checkpoint).where(Checkpoint.id == checkpoint_id).values(promoted_at=now))
    if before is not None:
        point(session, "", PREVIOUS, before)
    return Move(before, now)
