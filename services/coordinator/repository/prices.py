"""How far the closes of a price set reach."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.coordinator.models import Close, Instrument, PriceSet
from services.coordinator.settling import Span


def spans(session: Session, set_name: str) -> list[Span]:
    """The span of each instrument of a set that has closes, in order of symbol; none if there is no such set."""
    query = select(Instrument.symbol, func.min(Close.date), func.max(Close.date))
    query = query.join(PriceSet, PriceSet.id == Instrument.set_id).join(Close, Close.instrument_id == Instrument.id)
    query = query.where(PriceSet.name == set_name).group_by(Instrument.id).order_by(Instrument.symbol)
    return [Span(*row) for row in session.execute(query)]
