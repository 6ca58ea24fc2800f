"""Idempotency-Key: the same key and body get the stored answer, another body 422, one in progress 409."""

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
"""Age of a request in progress from which on its coordinator is taken to have died."""


def once(sessions: Sessions, key: str, body: Message, work: Callable[[Session], Message]) -> tuple[Json, bool]:
    """Do the work under a key, in one transaction with its answer; the answer, and whether it was a stored one."""
    stored = _begun(sessions, key, hashlib.sha256(body.model_dump_json().encode()).hexdigest())
    if stored is not None:
        return stored, True
    try:
        with sessions.begin() as session:
            answer: Json = work(session).model_dump(mode="json")
            session.execute(update(IdempotencyKey).where(IdempotencyKey.key == key).values(status=201, answer=answer))
    except BaseException:
        with sessions.begin() as session:
            unanswered = (IdempotencyKey.key == key, IdempotencyKey.answer.is_(None))
            session.execute(delete(IdempotencyKey).where(*unanswered))
        raise
    return answer, False


def _begun(sessions: Sessions, key: str, body_hash: str) -> Json | None:
    """Take the key, or the answer stored under it."""
    with sessions.begin() as session:
        row = insert(IdempotencyKey).values(key=key, body_hash=body_hash).on_conflict_do_nothing()
        if session.scalar(row.returning(IdempotencyKey.key)):
            return None
        found = session.scalars(select(IdempotencyKey).where(IdempotencyKey.key == key).with_for_update()).one()
        if found.body_hash != body_hash:
            raise InvalidInputError("Idempotency-Key: it came with another body before; use a fresh key")
        if found.answer is not None:
            return found.answer
        now = database_now(session)
        if now - found.created_at < ABANDONED:
            raise ConflictError("Idempotency-Key: a request with this key is in progress; ask again in a moment")
        found.created_at = now
        return None
