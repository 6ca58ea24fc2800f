"""Price sets: the daily closes that settle claims."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from services.coordinator.models.base import Base


class PriceSet(Base):
    """A named set of instruments. It may grow: later closes let pending forecasts mature."""

    __tablename__ = "price_sets"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Instrument(Base):
    """One instrument of a set; `aliases` are its other names in the Proxy slot of forecasts."""

    __tablename__ = "instruments"
    __table_args__ = (UniqueConstraint("set_id", "symbol"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("price_sets.id", ondelete="CASCADE"))
    symbol: Mapped[str]
    aliases: Mapped[list[str]] = mapped_column(server_default=sql("'[]'::jsonb"))


class Close(Base):
    """The close of an instrument on a date."""

    __tablename__ = "closes"

    instrument_id: Mapped[int] = mapped_column(ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True)
    date: Mapped[dt.date] = mapped_column(primary_key=True)
    close: Mapped[float]
