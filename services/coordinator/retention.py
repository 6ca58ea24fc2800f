"""Deletes expired idempotency keys, and events of finished runs past the retention period."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from services.coordinator.database import Sessions
from services.coordinator.models import Event, IdempotencyKey, Run
from services.coordinator.states import ENDED_RUNS

KEY_RETENTION_DAYS = 7
"""Days for which an Idempotency-Key and its stored answer are kept."""
PRUNE_INTERVAL = 3600.0
"""Seconds between two calls of `prune`."""


def prune(sessions: Sessions, event_days: int, limit: int = 5_000) -> int:
    """Delete up to `limit` expired idempotency keys and up to `limit` events; returns the number of deleted rows.

    Events of finished runs expire after `event_days` days, never if that is 0. Rows that another coordinator has locked
    are left to it.
    """
    ended = select(Run.id).where(Run.state.in_(ENDED_RUNS))
    deleted = _delete(sessions, IdempotencyKey.key, limit, IdempotencyKey.created_at < _days_ago(KEY_RETENTION_DAYS))
    if event_days:
        deleted += _delete(sessions, Event.id, limit, Event.at < _days_ago(event_days), Event.run_id.in_(ended))
    return deleted


def _days_ago(days: int) -> ColumnElement[dt.datetime]:
    return func.clock_timestamp() - dt.timedelta(days=days)


def _delete(sessions: Sessions, key: InstrumentedAttribute[Any], limit: int, *expired: ColumnElement[bool]) -> int:
    rows = select(key).where(*expired).limit(limit).with_for_update(skip_locked=True, of=key.class_)
    with sessions.begin() as session:
        return len(session.scalars(delete(key.class_).where(key.in_(rows)).returning(key)).all())
