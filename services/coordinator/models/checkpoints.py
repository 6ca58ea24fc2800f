"""Checkpoints, their names, and the engines that hold them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    ForeignKey,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.coordinator.models.base import Base, Json


class Checkpoint(Base):
    """A published checkpoint. `trained_until`: the newest publication time of any prompt or outcome in its lineage."""

    __tablename__ = "checkpoints"

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    day_id: Mapped[int] = mapped_column(ForeignKey("days.id", ondelete="CASCADE"), unique=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("checkpoints.id"))
    fence: Mapped[int]
    uri: Mapped[str]
    sha256: Mapped[str]
    adapter: Mapped[str]
    base_model: Mapped[str]
    files: Mapped[Json]
    trained_until: Mapped[dt.datetime | None]
    stats: Mapped[Json]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Alias(Base):
    """A movable name of a checkpoint. `scope` is a run's name for final_model*, empty for served and previous."""

    __tablename__ = "aliases"

    scope: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"))
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Engine(Base):
    """What a syncer last said about its engine."""

    __tablename__ = "engines"

    url: Mapped[str] = mapped_column(primary_key=True)
    loaded: Mapped[list[str]]
    load_seconds: Mapped[Json]
    error: Mapped[str | None]
    seen_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
