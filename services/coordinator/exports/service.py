"""Reads the rows of a day for the legacy layout."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from services.coordinator.exports.documents import (
    CheckpointFiles,
    DayDocuments,
    DayRows,
    headlines_document,
    outcome_document,
    predictions_document,
)
from services.coordinator.exports.scored_documents import evaluations_document, training_document
from services.coordinator.models import Alias, Attempt, Checkpoint, Corpus, Day, Group, Headline, Rollout, Run, Step
from services.coordinator.results.queries import attempt_header
from services.coordinator.runs.days import checkpoint_of, find_day
from services.coordinator.runs.queries import find_run


def export_day(session: Session, name: str, date: dt.date) -> DayDocuments:
    """The documents of a day, from one snapshot; must be the first read of its transaction.

    Raises NotFoundError if there is no such run, or no such day of it.
    """
    # One snapshot for all queries: documents of one day must agree while workers commit results.
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    run = find_run(session, name)
    day = find_day(session, run, date)
    rows, checkpoint = _rows(session, run, day), checkpoint_of(session, day.id)
    return DayDocuments(
        run=run.name,
        date=day.date,
        state=day.state,
        headlines=headlines_document(rows),
        predictions=predictions_document(rows),
        outcome_tracking=outcome_document(rows),
        evaluations=evaluations_document(rows),
        training=training_document(
            rows, checkpoint.id if checkpoint else None, checkpoint.stats if checkpoint else None
        ),
        logs=_logs(session, day),
        checkpoint=_files(session, run, checkpoint) if checkpoint else None,
    )


def _rows(session: Session, run: Run, day: Day) -> DayRows:
    corpus = session.get(Corpus, run.corpus_id) if run.corpus_id is not None else None
    outcomes = _headlines(session, run, day.outcome_date)
    # As for the evaluator: under dates=enforce flagged headlines are no outcomes.
    if run.config.dates == "enforce":
        outcomes = [headline for headline in outcomes if headline.flag is None]
    query = select(Group).where(Group.day_id == day.id).order_by(Group.position)
    # Two further queries for all rollouts and evaluations, not one per group.
    loaded = query.options(selectinload(Group.rollouts).selectinload(Rollout.evaluation))
    return DayRows(
        run=run,
        day=day,
        timezone=corpus.timezone if corpus else None,
        collected_at=corpus.created_at if corpus else run.created_at,
        headlines=_headlines(session, run, day.date),
        outcomes=outcomes,
        groups=session.scalars(loaded).all(),
    )


def _headlines(session: Session, run: Run, date: dt.date | None) -> list[Headline]:
    if run.corpus_id is None or date is None:
        return []
    query = select(Headline).where(Headline.corpus_id == run.corpus_id, Headline.date == date)
    return list(session.scalars(query.order_by(Headline.position)))


def _logs(session: Session, day: Day) -> dict[str, str]:
    """The logs of the day's attempts by stage, each behind a line that names it."""
    query = select(Step, Attempt).join(Attempt, Attempt.step_id == Step.id).where(Step.day_id == day.id)
    logs: dict[str, list[str]] = defaultdict(list)
    for step, attempt in session.execute(query.order_by(Step.kind, Step.chunk, Attempt.attempt)):
        head = attempt_header(step.kind, step.chunk, attempt)
        lines = [line for line in (attempt.log.rstrip("\n"), (attempt.error or "").rstrip("\n")) if line]
        logs[step.kind].append("\n".join([head, *lines]))
    return {kind: "\n".join(parts) + "\n" for kind, parts in logs.items()}


def _files(session: Session, run: Run, checkpoint: Checkpoint) -> CheckpointFiles:
    query = select(Alias.name).where(Alias.scope == run.name, Alias.checkpoint_id == checkpoint.id)
    return CheckpointFiles(
        id=checkpoint.id,
        sha256=checkpoint.sha256,
        files=checkpoint.files,
        aliases=list(session.scalars(query.order_by(Alias.name))),
    )
