"""Moves the names that point to checkpoints. The served one is moved by compare-and-set, under a lock on its row."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.database import database_now
from services.coordinator.models import Alias, Checkpoint
from shared.errors import ConflictError

SERVED, PREVIOUS = "served", "previous"


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


def serve(session: Session, checkpoint_id: str, expected: str | None = None) -> Move:
    """Move `served` to this checkpoint and `previous` to the one that was served.

    With `expected`, only if that one is served now (an empty text: none is); raises ConflictError otherwise.
    """
    first = insert(Alias).values(scope="", name=SERVED, checkpoint_id=checkpoint_id).on_conflict_do_nothing()
    made = session.scalars(first.returning(Alias.name)).one_or_none() is not None
    here = (Alias.scope == "", Alias.name == SERVED)
    before = None if made else session.scalars(select(Alias.checkpoint_id).where(*here).with_for_update()).one()
    if expected is not None and expected != (before or ""):
        raise ConflictError(
            f"expected: served is {before or 'nothing'}, not {expected or 'nothing'}; look again (GET /v1/serving)"
        )
    if before == checkpoint_id:
        return Move(before, None)
    now = database_now(session)
    session.execute(update(Alias).where(*here).values(checkpoint_id=checkpoint_id, updated_at=now))
    session.execute(update(Checkpoint).where(Checkpoint.id == checkpoint_id).values(promoted_at=now))
    if before is not None:
        point(session, "", PREVIOUS, before)
    return Move(before, now)
