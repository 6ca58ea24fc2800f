"""Corpora and their headlines."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    ForeignKey,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.coordinator.models.base import Base


class Corpus(Base):
    """A named set of headlines. `used_at` is set by the first run over it; from then on it takes only later days'."""

    __tablename__ = "corpora"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    timezone: Mapped[str]
    stale_after_days: Mapped[float]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[dt.datetime | None]


class Headline(Base):
    """One headline of a corpus' day, in the day's order. `flag`: late, stale, or null if its date is sound."""

    __tablename__ = "headlines"
    __table_args__ = (UniqueConstraint("corpus_id", "date", "text_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    corpus_id: Mapped[int] = mapped_column(ForeignKey("corpora.id", ondelete="CASCADE"))
    date: Mapped[dt.date]
    position: Mapped[int]
    text: Mapped[str]
    text_key: Mapped[str]
    published_at: Mapped[dt.datetime]
    source: Mapped[str | None]
    link: Mapped[str | None]
    flag: Mapped[str | None]
    filed_under: Mapped[dt.date]
    """The date the file gave; it differs from `date` after a regrouping import."""
    origin: Mapped[str]
