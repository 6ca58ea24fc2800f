"""Queries of price sets: instruments, spans, coverage, and the closes that settle claims."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.coordinator.models import Close, Instrument, PriceSet
from services.coordinator.prices.rules import Span
from services.coordinator.prices.schemas import InstrumentView, PriceSetDetail, PriceSetView
from shared.errors import NotFoundError
from shared.wire import PriceSeries


def price_set(session: Session, name: str) -> PriceSet:
    """The price set of that name; raises NotFoundError."""
    row = session.scalars(select(PriceSet).where(PriceSet.name == name)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no price set {name!r}; `morrow prices import PATH --name {name}` creates it, "
            "`morrow prices list` shows all"
        )
    return row


def covered_until(session: Session, set_name: str) -> dt.date | None:
    """The last date up to which every instrument of a set has closes: the earliest of their last dates.

    None if the set is empty; raises NotFoundError.
    """
    last = select(func.max(Close.date).label("last")).join(Instrument).group_by(Instrument.id)
    of_set = last.where(Instrument.set_id == price_set(session, set_name).id).subquery()
    earliest: dt.date | None = session.scalar(select(func.min(of_set.c.last)))
    return earliest


def series(session: Session, set_name: str, first: dt.date, last: dt.date) -> list[PriceSeries]:
    """The closes of a set from `first` to `last`, both included, by symbol in order; raises NotFoundError.

    An instrument without a close in the range has an empty series: claims name it, but cannot be settled.
    """
    set_id = price_set(session, set_name).id
    query = select(Close).join(Instrument).where(Instrument.set_id == set_id, Close.date.between(first, last))
    closes: dict[int, list[Close]] = defaultdict(list)
    for close in session.scalars(query.order_by(Close.date)):
        closes[close.instrument_id].append(close)
    return [
        PriceSeries(
            symbol=instrument.symbol,
            aliases=list(instrument.aliases),
            dates=[close.date for close in closes[instrument.id]],
            closes=[close.close for close in closes[instrument.id]],
        )
        for instrument in _instruments(session, set_id)
    ]


def _instruments(session: Session, set_id: int) -> Sequence[Instrument]:
    query = select(Instrument).where(Instrument.set_id == set_id)
    return session.scalars(query.order_by(Instrument.symbol)).all()


def price_set_views(session: Session, *, after: str = "", limit: int = 100) -> list[PriceSetView]:
    """Price sets in order of name: the first `limit` after `after`."""
    query = (
        select(
            PriceSet,
            func.count(func.distinct(Instrument.id)),
            func.count(Close.date),
            func.min(Close.date),
            func.max(Close.date),
        )
        .outerjoin(Instrument, Instrument.set_id == PriceSet.id)
        .outerjoin(Close, Close.instrument_id == Instrument.id)
        .where(PriceSet.name > after)
    )
    return [
        PriceSetView(
            name=row.name,
            instruments=instruments,
            closes=closes,
            first=first,
            last=last,
            covered_until=covered_until(session, row.name),
            created_at=row.created_at,
        )
        for row, instruments, closes, first, last in session.execute(
            query.group_by(PriceSet.id).order_by(PriceSet.name).limit(limit)
        ).all()
    ]


def instrument_views(session: Session, set_id: int, ids: Collection[int] | None = None) -> list[InstrumentView]:
    """The instruments of a set, or those among `ids`, in order of symbol, with number and range of their closes."""
    query = select(Instrument, func.count(Close.date), func.min(Close.date), func.max(Close.date))
    query = query.outerjoin(Close, Close.instrument_id == Instrument.id).where(Instrument.set_id == set_id)
    if ids is not None:
        query = query.where(Instrument.id.in_(ids))
    return [
        InstrumentView(
            symbol=instrument.symbol, aliases=list(instrument.aliases), closes=closes, first=first, last=last
        )
        for instrument, closes, first, last in session.execute(
            query.group_by(Instrument.id).order_by(Instrument.symbol)
        )
    ]


def price_set_detail(session: Session, name: str) -> PriceSetDetail:
    """One set with its instruments; raises NotFoundError."""
    row = price_set(session, name)
    return PriceSetDetail(
        name=row.name,
        covered_until=covered_until(session, name),
        created_at=row.created_at,
        instruments=instrument_views(session, row.id),
    )


def spans(session: Session, set_name: str) -> list[Span]:
    """The spans of a set's instruments that have closes, in order of symbol; empty for an unknown set."""
    query = select(Instrument.symbol, func.min(Close.date), func.max(Close.date))
    query = query.join(PriceSet, PriceSet.id == Instrument.set_id).join(Close, Close.instrument_id == Instrument.id)
    query = query.where(PriceSet.name == set_name).group_by(Instrument.id).order_by(Instrument.symbol)
    return [Span(*row) for row in session.execute(query)]
