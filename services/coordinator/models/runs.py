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

from services.coordinator.models.base import Base, Json, StepCounts
from services.coordinator.models.corpora import Corpus
from services.coordinator.states import DayState, Role, RunKind, RunState
from shared.run_config import RunConfig


class Run(Base):
    """One backfill, or an imported run (`kind` import). `config` is frozen, `config_hash` its digest."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[RunKind] = mapped_column(server_default="backfill")
    corpus_id: Mapped[int | None] = mapped_column(ForeignKey("corpora.id"))
    config: Mapped[RunConfig]
    config_hash: Mapped[str]
    state: Mapped[RunState]
    reason: Mapped[str | None]
    warnings: Mapped[list[str]] = mapped_column(server_default=sql("'[]'::jsonb"))
    planned_steps: Mapped[StepCounts] = mapped_column(server_default=sql("'{}'::jsonb"))
    """Steps by kind that the days which are not skipped will have cost; empty for an import, whose steps all exist."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[dt.datetime | None]

    corpus: Mapped[Corpus | None] = relationship(lazy="raise")
    days: Mapped[list[Day]] = relationship(order_by="Day.position", lazy="raise", back_populates="run")


class Day(Base):
    """One date of a run. `position` counts the days that are not skipped from 0 and is null for skipped ones.

    `role` is `chain`; `panel`, for the scores of a checkpoint on the panel under that checkpoint's date (the base's
    under the day before the first); or `warm_start`. Only chain and warm-start days have a position, a warm start −1.
    `policy_day_id` is the day whose checkpoint predicts this one; null means the base model. `bonus` and
    `learning_rate` are null until the day's schedules have set them.
    """

    __tablename__ = "days"
    __table_args__ = (UniqueConstraint("run_id", "role", "date"), Index("ix_days_run_state", "run_id", "state"))

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    date: Mapped[dt.date]
    role: Mapped[Role] = mapped_column(server_default="chain")
    outcome_date: Mapped[dt.date | None]
    position: Mapped[int | None]
    policy_day_id: Mapped[int | None] = mapped_column(ForeignKey("days.id"))
    headline_ids: Mapped[list[int]]
    left_out: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    """Headline ids that the run does not use, each with its reason: late, stale, look_ahead or panel."""
    profile: Mapped[str]
    bonus: Mapped[float | None]
    learning_rate: Mapped[float | None]
    decisions: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    """Keys `profile`, `bonus`, `learning_rate`, `ab`: each with the value, the figures and the day they are of."""
    state: Mapped[DayState]
    reason: Mapped[str | None]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]

    run: Mapped[Run] = relationship(lazy="raise", back_populates="days")
