"""Checkpoints, their aliases, the engines that load them, and the swaps between."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from services.coordinator.models.base import Base, Json


class Checkpoint(Base):
    """A published checkpoint. `trained_until`: the newest publication time of any prompt or outcome in its lineage.
    `promoted_at`: when it was last made the served one, null if it never was."""

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
    promoted_at: Mapped[dt.datetime | None]


class Alias(Base):
    """A movable name of a checkpoint. `scope` is a run's name for final_model*, empty for served and previous."""

    __tablename__ = "aliases"

    scope: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"))
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Engine(Base):
    """The last report of a syncer about its engine. `url` is the engine's address and its identity."""

    __tablename__ = "engines"

    url: Mapped[str] = mapped_column(primary_key=True)
    loaded: Mapped[list[str]]
    load_seconds: Mapped[Json]
    verified_at: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    ready: Mapped[bool] = mapped_column(server_default=sql("false"))
    syncer_url: Mapped[str | None]
    error: Mapped[str | None]
    first_seen: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Swap(Base):
    """A checkpoint that an engine has loaded and verified. `wanted_at` is its promotion if `promoted`, else its
    publication; `seconds` lie between that and `verified_at`, null if the engine first reported later."""

    __tablename__ = "swaps"
    __table_args__ = (UniqueConstraint("checkpoint_id", "engine", "wanted_at"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), index=True)
    engine: Mapped[str]
    wanted_at: Mapped[dt.datetime]
    promoted: Mapped[bool]
    verified_at: Mapped[dt.datetime]
    load_seconds: Mapped[float | None]
    seconds: Mapped[float | None]
