"""Events, and the stored answers of idempotent requests."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from services.coordinator.models.base import Base, Json


class Event(Base):
    """An event of a run or of the coordinator: a message for people, `data` for programs; ordered by id."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    date: Mapped[dt.date | None]
    kind: Mapped[str]
    message: Mapped[str]
    data: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Base):
    """The stored answer to a request that carried an Idempotency-Key; `answer` is null while it is in progress."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[str]
    status: Mapped[int | None]
    answer: Mapped[Json | None]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
