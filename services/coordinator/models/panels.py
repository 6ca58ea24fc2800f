"""Panels: headlines held out of training, on which every checkpoint of a run is scored."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from services.coordinator.models.base import Base, Json


class Panel(Base):
    """A named, fixed selection of a corpus' headlines, each of which has an outcome day in the corpus."""

    __tablename__ = "panels"
    __table_args__ = (UniqueConstraint("corpus_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    corpus_id: Mapped[int] = mapped_column(ForeignKey("corpora.id", ondelete="CASCADE"))
    name: Mapped[str]
    headline_ids: Mapped[list[int]]
    first: Mapped[dt.date]
    last: Mapped[dt.date]
    seed: Mapped[int]
    request: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    """The original request: an open end of its range stays open when the corpus grows."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
