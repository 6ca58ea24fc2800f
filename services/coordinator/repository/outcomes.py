"""What settles forecasts: the days of a corpus and their headlines."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from services.coordinator.models import Headline
from shared.run_config import RunConfig


def _usable(corpus_id: int | None, config: RunConfig) -> list[ColumnElement[bool]]:
    sound = [Headline.flag.is_(None)] if config.dates == "enforce" else []
    return [Headline.corpus_id == corpus_id, *sound]


def calendar(session: Session, corpus_id: int | None, config: RunConfig, first: dt.date) -> list[dt.date]:
    """The days from `first` on of which a run may use headlines, in order."""
    query = select(Headline.date).where(*_usable(corpus_id, config), Headline.date >= first).distinct()
    return list(session.scalars(query.order_by(Headline.date)))


def texts_on(
    session: Session, corpus_id: int | None, config: RunConfig, dates: Collection[dt.date]
) -> dict[dt.date, list[str]]:
    """The headlines that a run may use of each of these days, in the day's order."""
    query = select(Headline.date, Headline.text).where(*_usable(corpus_id, config), Headline.date.in_(dates))
    found: dict[dt.date, list[str]] = defaultdict(list)
    for date, text in session.execute(query.order_by(Headline.date, Headline.position)):
        found[date].append(text)
    return found


def dates_of(session: Session, headline_ids: Collection[int]) -> dict[int, dt.date]:
    """The day of each of these headlines."""
    rows = session.execute(select(Headline.id, Headline.date).where(Headline.id.in_(headline_ids)))
    return dict(rows.all())
