"""Import headlines into a corpus."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.api.imports import refuse_bad_rows
from services.coordinator.corpora.queries import day_counts
from services.coordinator.corpora.rules.advice import advice
from services.coordinator.corpora.rules.headlines import (
    CheckedRow,
    check_rows,
    flag_of,
    fold,
    parse_zone,
)
from services.coordinator.corpora.schemas import CorpusDay, CorpusImport, CorpusImported
from services.coordinator.models import Corpus, Day, Headline, Run
from shared.errors import ConflictError, InvalidInputError

INSERT_SIZE = 1_000
"""Rows of one insert statement."""


def import_rows(session: Session, name: str, request: CorpusImport) -> CorpusImported:
    """Add rows to a corpus, creating it if it is new. The same rows again add nothing.

    Raises InvalidInputError for bad rows unless `skip_bad`, ConflictError for other settings than the corpus has and
    for days in use.
    """
    zone = parse_zone(request.timezone)
    checked, bad = check_rows((row.raw() for row in request.rows), zone, request.dates)
    refuse_bad_rows(bad, request.skip_bad)
    if not checked:
        raise InvalidInputError("rows: there is no headline to import; check the path and the format")
    rows, duplicates = fold(checked)
    # Locked before the stored rows are read: two imports of the same file at once must not both find them missing.
    corpus = _locked_corpus(session, name, request)
    fresh, unchanged, folded = _against_stored(session, corpus, rows)
    _refuse_days_in_use(session, corpus, fresh)
    _store(session, corpus, fresh)
    counts = day_counts(session, corpus.id, {row.date for row in rows})
    return CorpusImported(
        corpus=name,
        added=len(fresh),
        duplicates=duplicates + folded,
        unchanged=unchanged,
        bad=bad,
        days=[CorpusDay(**asdict(count)) for count in counts],
        advice=advice(counts, corpus.stale_after_days),
    )


def _refuse_days_in_use(session: Session, corpus: Corpus, fresh: Sequence[CheckedRow]) -> None:
    """Days that a run was planned over never change; headlines of later days settle its forecasts."""
    if corpus.used_at is None:
        return
    in_runs = select(func.greatest(func.max(Day.date), func.max(Day.outcome_date))).join(Run)
    stored = select(func.max(Headline.date)).where(Headline.corpus_id == corpus.id)
    last = session.scalar(in_runs.where(Run.corpus_id == corpus.id)) or session.scalar(stored)
    early = [row for row in fresh if last is not None and row.date <= last]
    if early:
        raise ConflictError(
            f"corpus {corpus.name!r} has been used by a run and takes only headlines of days after {last}; "
            f"{len(early)} of these are new and of earlier days; import them under another name"
        )


def _locked_corpus(session: Session, name: str, request: CorpusImport) -> Corpus:
    values = {"name": name, "timezone": request.timezone, "stale_after_days": request.stale_after_days}
    session.execute(insert(Corpus).values(values).on_conflict_do_nothing())
    corpus = session.scalars(select(Corpus).where(Corpus.name == name).with_for_update()).one()
    for field in ("timezone", "stale_after_days"):
        stored, requested = getattr(corpus, field), getattr(request, field)
        if stored != requested:
            raise ConflictError(
                f"{field}: corpus {name!r} has {stored}, not {requested}; import with {stored} or under another name"
            )
    return corpus


def _against_stored(session: Session, corpus: Corpus, rows: Sequence[CheckedRow]) -> tuple[list[CheckedRow], int, int]:
    """The new rows, and the numbers of stored ones and of those that fold into a stored one of another time."""
    stored = session.execute(
        select(Headline.date, Headline.text_key, Headline.published_at, Headline.filed_under).where(
            Headline.corpus_id == corpus.id
        )
    ).all()
    published = {(h.date, h.text_key): h.published_at for h in stored}
    filed = {(h.filed_under, h.text_key, h.published_at): h.date for h in stored}
    # Kept and regrouped headlines in one corpus would store the same headline twice, on different days.
    for row in rows:
        if filed.get((row.filed_under, row.text_key, row.published_at), row.date) != row.date:
            raise ConflictError(
                f"dates: corpus {corpus.name!r} was imported with the other way of filing ({row.origin} is there "
                "under another day); import under another name"
            )
    fresh = [row for row in rows if (row.date, row.text_key) not in published]
    repeated = [row for row in rows if (row.date, row.text_key) in published]
    unchanged = sum(published[row.date, row.text_key] == row.published_at for row in repeated)
    return fresh, unchanged, len(repeated) - unchanged


def _store(session: Session, corpus: Corpus, rows: Sequence[CheckedRow]) -> None:
    zone, stale_after = parse_zone(corpus.timezone), dt.timedelta(days=corpus.stale_after_days)
    last = select(Headline.date, func.max(Headline.position).label("position")).where(Headline.corpus_id == corpus.id)
    positions: dict[dt.date, int] = {row.date: row.position for row in session.execute(last.group_by(Headline.date))}
    values = []
    for row in rows:
        positions[row.date] = positions.get(row.date, -1) + 1
        flag = flag_of(row.published_at, row.date, zone, stale_after)
        values.append(asdict(row) | {"corpus_id": corpus.id, "position": positions[row.date], "flag": flag})
    for start in range(0, len(values), INSERT_SIZE):
        session.execute(insert(Headline), values[start : start + INSERT_SIZE])
