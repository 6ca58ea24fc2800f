"""Forgets what nobody asks for any more: answers to old requests, and events of runs that have long ended."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from services.coordinator.database import Sessions
from services.coordinator.models import Event, IdempotencyKey, Run
from services.coordinator.states import ENDED_RUNS

KEY_DAYS = 7
"""Days for which a request with the same Idempotency-Key is answered alike."""
PRUNE_EVERY = 3600.0
"""Seconds between two looks."""


def prune(sessions: Sessions, event_days: int, most: int = 5_000) -> int:
    """Delete up to `most` old idempotency keys and as many events; answers how many.

    Events go `event_days` days after they happened, 0 is never, and only those of runs that have ended. Rows that
    another coordinator holds are left to it.
    """
    ended = select(Run.id).where(Run.state.in_(ENDED_RUNS))
    deleted = _delete(sessions, IdempotencyKey.key, most, IdempotencyKey.created_at < _days_ago(KEY_DAYS))
    if event_days:
        deleted += _delete(sessions, Event.id, most, Event.at < _days_ago(event_days), Event.run_id.in_(ended))
    return deleted


def _days_ago(days: int) -> ColumnElement[dt.datetime]:
    return func.clock_timestamp() - dt.timedelta(days=days)


def _delete(sessions: Sessions, key: InstrumentedAttribute[Any], most: int, *old: ColumnElement[bool]) -> int:
    chosen = select(key).where(*old).limit(most).with_for_update(skip_locked=True, of=key.class_)
    with sessions.begin() as session:
        return len(session.scalars(delete(key.class_).where(key.in_(chosen)).returning(key)).all())
