"""The headlines: what corpora there are, and how one is filled."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import CorpusName
from services.coordinator.corpora.queries import corpus_views, day_counts, find_corpus
from services.coordinator.corpora.schemas import CorpusDay, CorpusImport, CorpusImported, CorpusView
from services.coordinator.corpora.service import import_rows
from services.coordinator.dependencies import DepsDep
from services.coordinator.scheduling.service import resume_waiting
from shared.dates import parse_date

router = APIRouter(prefix="/v1/corpora", tags=["corpora"])


@router.get("")
def list_corpora(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[CorpusView]:
    """The corpora in order of name."""
    with deps.sessions.begin() as session:
        views = corpus_views(session, after=cursor or "", limit=limit + 1)
    return page_of(views, limit, lambda view: view.name)


@router.get("/{name}")
def show_corpus(name: CorpusName, deps: DepsDep) -> CorpusView:
    """One corpus with its counts."""
    with deps.sessions.begin() as session:
        find_corpus(session, name)
        return corpus_views(session, name=name)[0]


@router.get("/{name}/days")
def list_corpus_days(name: CorpusName, deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[CorpusDay]:
    """The days of a corpus in order, with how many of their headlines have a false date."""
    after = parse_date(cursor) if cursor else dt.date.min
    with deps.sessions.begin() as session:
        counts = [count for count in day_counts(session, find_corpus(session, name).id) if count.date > after]
    days = [CorpusDay(date=c.date, headlines=c.headlines, late=c.late, stale=c.stale) for c in counts]
    return page_of(days[: limit + 1], limit, lambda day: day.date.isoformat())


@router.post("/{name}/imports")
def import_corpus(name: CorpusName, request: CorpusImport, deps: DepsDep) -> CorpusImported:
    """Import headlines: all of them or none, unless `skip_bad`. The same rows again add nothing.

    A corpus that a run has used takes only headlines of days after those in use (409); forecasts that waited for them
    are settled next.
    """
    with deps.sessions.begin() as session:
        imported = import_rows(session, name, request)
    with deps.sessions.begin() as session:
        resume_waiting(session)
    return imported
