"""Idempotency-Key: a repeated key and body get the stored response, another body 422, one in progress 409."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions, database_now
from services.coordinator.models import IdempotencyKey, Json
from shared.errors import ConflictError, InvalidInputError
from shared.wire import Message

ABANDONED = dt.timedelta(seconds=60)
"""Age at which a request in progress counts as abandoned: its coordinator has died."""


def once(sessions: Sessions, key: str, body: Message, work: Callable[[Session], Message]) -> tuple[Json, bool]:
    """Do the work under a key, in one transaction with its response; returns the response, and whether it was stored
    before. Raises InvalidInputError, ConflictError.
    """
    stored = _reserve(sessions, key, hashlib.sha256(body.model_dump_json().encode()).hexdigest())
    if stored is not None:
        return stored, True
    try:
        with sessions.begin() as session:
            answer: Json = work(session).model_dump(mode="json")
            session.execute(update(IdempotencyKey).where(IdempotencyKey.key == key).values(status=201, answer=answer))
    # Also on cancellation: a key that stays reserved would answer 409 until it is abandoned.
    except BaseException:
        with sessions.begin() as session:
            unanswered = (IdempotencyKey.key == key, IdempotencyKey.answer.is_(None))
            session.execute(delete(IdempotencyKey).where(*unanswered))
        raise
    return answer, False


def _reserve(sessions: Sessions, key: str, body_hash: str) -> Json | None:
    """Reserve the key, or return the response stored under it. Raises InvalidInputError, ConflictError."""
    with sessions.begin() as session:
        row = insert(IdempotencyKey).values(key=key, body_hash=body_hash).on_conflict_do_nothing()
        if session.scalar(row.returning(IdempotencyKey.key)):
            return None
        record = session.scalars(select(IdempotencyKey).where(IdempotencyKey.key == key).with_for_update()).one()
        if record.body_hash != body_hash:
            raise InvalidInputError("Idempotency-Key: it was used with another body before; use a fresh key")
        if record.answer is not None:
            return record.answer
        now = database_now(session)
        if now - record.created_at < ABANDONED:
            raise ConflictError("Idempotency-Key: a request with this key is in progress; try again in a moment")
        record.created_at = now
        return None
