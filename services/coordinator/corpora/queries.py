"""Queries of corpora: views, headline counts by day, and the headlines that settle forecasts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from services.coordinator.corpora.rules.headlines import DatedHeadline, DayCount
from services.coordinator.corpora.schemas import CorpusView, Flagged
from services.coordinator.models import Corpus, Headline
from shared.errors import NotFoundError
from shared.run_config import RunConfig


def _flagged(flag: str) -> ColumnElement[int]:
    return func.count(Headline.id).filter(Headline.flag == flag)


def day_counts(session: Session, corpus_id: int, dates: set[dt.date] | None = None) -> list[DayCount]:
    """The days of a corpus in order, or those among `dates`, with their counts."""
    query = select(Headline.date, func.count(Headline.id), _flagged("late"), _flagged("stale"))
    query = query.where(Headline.corpus_id == corpus_id).group_by(Headline.date).order_by(Headline.date)
    counts = [DayCount(*row) for row in session.execute(query)]
    return counts if dates is None else [count for count in counts if count.date in dates]


def find_corpus(session: Session, name: str) -> Corpus:
    """The corpus of that name; raises NotFoundError."""
    corpus = session.scalars(select(Corpus).where(Corpus.name == name)).one_or_none()
    if corpus is None:
        raise NotFoundError(f"there is no corpus {name!r}; `morrow corpus list` shows all")
    return corpus


def locked_corpus(session: Session, name: str) -> Corpus:
    """The corpus of that name; no other transaction changes it until this one ends. Raises NotFoundError."""
    # Looked up first, since a statement that finds no row would lock nothing and say so only by its emptiness.
    query = select(Corpus).where(Corpus.id == find_corpus(session, name).id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def corpus_views(session: Session, *, name: str | None = None, after: str = "", limit: int = 1) -> list[CorpusView]:
    """Corpora in order of name: the one of that name, or the first `limit` after `after`."""
    query = select(
        Corpus,
        func.count(func.distinct(Headline.date)),
        func.count(Headline.id),
        _flagged("late"),
        _flagged("stale"),
        func.min(Headline.date),
        func.max(Headline.date),
    ).outerjoin(Headline)
    query = query.where(Corpus.name == name if name is not None else Corpus.name > after)
    return [
        CorpusView(
            name=corpus.name,
            timezone=corpus.timezone,
            stale_after_days=corpus.stale_after_days,
            days=days,
            headlines=headlines,
            flagged=Flagged(late=late, stale=stale),
            first=first,
            last=last,
            used=corpus.used_at is not None,
            created_at=corpus.created_at,
        )
        for corpus, days, headlines, late, stale, first, last in session.execute(
            query.group_by(Corpus.id).order_by(Corpus.name).limit(limit)
        )
    ]


def dated_headlines(
    session: Session, corpus_id: int, first: dt.date, last: dt.date
) -> dict[dt.date, list[DatedHeadline]]:
    """The headlines of a corpus' days from `first` to `last`, each day's in its order."""
    query = (
        select(Headline.date, Headline.id, Headline.flag, Headline.published_at)
        .where(Headline.corpus_id == corpus_id, Headline.date.between(first, last))
        .order_by(Headline.date, Headline.position)
    )
    by_day: dict[dt.date, list[DatedHeadline]] = defaultdict(list)
    for date, headline_id, flag, published_at in session.execute(query):
        by_day[date].append(DatedHeadline(headline_id, flag, published_at))
    return by_day


def _usable(corpus_id: int | None, config: RunConfig) -> list[ColumnElement[bool]]:
    # dates=warn keeps the flagged ones and counts the look-ahead.
    sound = [Headline.flag.is_(None)] if config.dates == "enforce" else []
    return [Headline.corpus_id == corpus_id, *sound]


def calendar(session: Session, corpus_id: int | None, config: RunConfig, first: dt.date) -> list[dt.date]:
    """The days from `first` on with headlines that a run may use, in order."""
    query = select(Headline.date).where(*_usable(corpus_id, config), Headline.date >= first).distinct()
    return list(session.scalars(query.order_by(Headline.date)))


def texts_on(
    session: Session, corpus_id: int | None, config: RunConfig, dates: Collection[dt.date]
) -> dict[dt.date, list[str]]:
    """The headlines that a run may use of each of these days, in the day's order."""
    query = select(Headline.date, Headline.text).where(*_usable(corpus_id, config), Headline.date.in_(dates))
    by_day: dict[dt.date, list[str]] = defaultdict(list)
    for date, text in session.execute(query.order_by(Headline.date, Headline.position)):
        by_day[date].append(text)
    return by_day


def dates_of(session: Session, headline_ids: Collection[int]) -> dict[int, dt.date]:
    """The day of each of these headlines."""
    rows = session.execute(select(Headline.id, Headline.date).where(Headline.id.in_(headline_ids)))
    return dict(rows.all())
