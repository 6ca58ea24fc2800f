"""Runs and their days."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    ForeignKey,
    Index,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.coordinator.models.base import Base, Json
from services.coordinator.models.corpora import Corpus


class Run(Base):
    """One backfill, or an imported run (`kind` import). `config` is frozen, `config_hash` its digest."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(server_default="backfill")
    corpus_id: Mapped[int | None] = mapped_column(ForeignKey("corpora.id"))
    config: Mapped[Json]
    config_hash: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    warnings: Mapped[list[str]] = mapped_column(server_default=sql("'[]'::jsonb"))
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[dt.datetime | None]

    corpus: Mapped[Corpus | None] = relationship(lazy="raise")
    days: Mapped[list[Day]] = relationship(order_by="Day.position", lazy="raise", back_populates="run")


class Day(Base):
    """One date of a run. `position` counts the days that are not skipped from 0 and is null for skipped ones.

    `policy_day_id` is the day whose checkpoint predicts this one; null means the base model.
    """

    __tablename__ = "days"
    __table_args__ = (UniqueConstraint("run_id", "date"), Index("ix_days_run_state", "run_id", "state"))

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    date: Mapped[dt.date]
    outcome_date: Mapped[dt.date | None]
    position: Mapped[int | None]
    policy_day_id: Mapped[int | None] = mapped_column(ForeignKey("days.id"))
    headline_ids: Mapped[list[int]]
    left_out: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    """Headline ids that the run does not use, each with its reason: late, stale or look_ahead."""
    profile: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]

    run: Mapped[Run] = relationship(lazy="raise", back_populates="days")
