"""Steps, their attempts, and the outbox of messages that announce them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.coordinator.models.base import Base, Json
from services.coordinator.models.runs import Day
from services.coordinator.states import AttemptOutcome, StepState
from shared.wire import StepKind


class Step(Base):
    """A unit of a day's work, done by one worker. `attempt` is the fence.

    `items` are headline ids (generate) or group ids (evaluate), empty for train.
    """

    __tablename__ = "steps"
    __table_args__ = (
        UniqueConstraint("day_id", "kind", "chunk"),
        Index("ix_steps_due", "next_attempt_at", postgresql_where=sql("state = 'queued'")),
        Index("ix_steps_lease", "lease_until", postgresql_where=sql("state = 'leased'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    day_id: Mapped[int] = mapped_column(ForeignKey("days.id", ondelete="CASCADE"), index=True)
    kind: Mapped[StepKind]
    chunk: Mapped[int]
    items: Mapped[list[int]]
    state: Mapped[StepState]
    attempt: Mapped[int] = mapped_column(server_default="0")
    forgiven: Mapped[int] = mapped_column(server_default="0")
    """Attempts before the last retry by hand: `max_attempts` counts the later ones."""
    worker: Mapped[str | None]
    lease_until: Mapped[dt.datetime | None]
    next_attempt_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[dt.datetime | None]
    """When the broker last accepted a message about the step."""
    error: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    seconds: Mapped[float | None]
    figures: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    """Figures of the result: tokens, engine calls, ranker, leak list, training statistics."""

    day: Mapped[Day] = relationship(lazy="raise")


class Attempt(Base):
    """One attempt at a step, with its log. `outcome`: running, accepted, failed, expired or cancelled."""

    __tablename__ = "attempts"

    step_id: Mapped[int] = mapped_column(ForeignKey("steps.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str]
    outcome: Mapped[AttemptOutcome]
    error: Mapped[str | None]
    log: Mapped[str] = mapped_column(server_default="")
    started_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[dt.datetime | None]


class Outbox(Base):
    """A message of a committed transaction to be sent. The publisher deletes it once the broker has accepted it."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("steps.id", ondelete="CASCADE"), index=True)
    kind: Mapped[StepKind]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
