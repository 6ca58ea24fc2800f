"""Create, pause, resume, cancel and retry runs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.api.idempotency import once
from services.coordinator.backfills.days import insert_days
from services.coordinator.backfills.planner import name_taken, plan_backfill, view_of_plan
from services.coordinator.backfills.queries import run_view
from services.coordinator.backfills.schemas import BackfillRequest
from services.coordinator.corpora.queries import find_corpus, locked_corpus
from services.coordinator.database import Sessions, database_now
from services.coordinator.models import Corpus, Day, Json, Run
from services.coordinator.runs.days import day_views, days_by_id, find_day
from services.coordinator.runs.queries import locked_run, record_event
from services.coordinator.runs.steps import announce, announce_queued, cancel_open_steps, steps_of_day, transition_step
from services.coordinator.runs.transitions import transition_day, transition_run
from services.coordinator.scheduling.chain import store_planned_steps
from services.coordinator.scheduling.rules.graph import stage_of_failed
from services.coordinator.scheduling.service import advance
from services.coordinator.states import GRANTING_RUNS, OPEN_DAYS
from shared.errors import ConflictError, InvalidInputError


@dataclass(frozen=True)
class Submitted:
    """The answer to a request for a run, as JSON; `replayed`: it was stored under the key by an earlier request."""

    body: Json
    replayed: bool = False


def submit_backfill(sessions: Sessions, request: BackfillRequest, key: str | None, *, dry_run: bool) -> Submitted:
    """Create a run and begin it, once per idempotency key; a dry run answers its plan and stores nothing, not even a
    key.

    Raises NotFoundError without the corpus, InvalidInputError, ConflictError if the name is taken or the key in use.
    """
    if dry_run:
        with sessions.begin() as session:
            planned, warnings = plan_backfill(session, request, find_corpus(session, request.corpus))
            return Submitted(view_of_plan(request, planned, warnings).model_dump(mode="json"))
    if key is None:
        with sessions.begin() as session:
            return Submitted(run_view(session, create_backfill(session, request)).model_dump(mode="json"))
    return Submitted(*once(sessions, key, request, lambda s: run_view(s, create_backfill(s, request))))


def create_backfill(session: Session, request: BackfillRequest) -> Run:
    """Store a run with its days and begin it. From now on its corpus takes only headlines of later days.

    Raises NotFoundError, InvalidInputError, ConflictError.
    """
    # Locked until the run is stored: an import in between could add headlines to a day that is already planned.
    corpus = locked_corpus(session, request.corpus)
    planned, warnings = plan_backfill(session, request, corpus)
    if not planned.chain:
        first = planned.days[0]
        raise InvalidInputError(f"from, to: no day of the range can be run. {first.date}: {first.reason}")
    run = _insert_run(session, request, corpus, warnings)
    corpus.used_at = corpus.used_at or database_now(session)
    insert_days(session, run, request.config, planned)
    store_planned_steps(session, run)
    record_event(
        session, run, "run.created", f"run {run.name} over {len(planned.days)} days of corpus {request.corpus}"
    )
    advance(session, run)
    return run


def _insert_run(session: Session, request: BackfillRequest, corpus: Corpus, warnings: list[str]) -> Run:
    values = {
        "name": request.name,
        "corpus_id": corpus.id,
        "config": request.config,
        "config_hash": request.config.digest(),
        "state": "running",
        "warnings": warnings,
    }
    statement = insert(Run).values(values).on_conflict_do_nothing(index_elements=[Run.name]).returning(Run.id)
    if session.scalar(statement) is None:
        raise name_taken(request.name)
    return locked_run(session, request.name)


def pause(session: Session, name: str) -> Run:
    """Grant no more steps; running ones finish. Pausing a paused run changes nothing.

    Raises NotFoundError, ConflictError if the run has ended.
    """
    run = locked_run(session, name)
    if run.state != "paused":
        transition_run(session, run, "paused", f"run {name} is paused")
    return run


def resume(session: Session, name: str) -> Run:
    """Grant steps again. Resuming a running run changes nothing. Raises NotFoundError, ConflictError."""
    run = locked_run(session, name)
    if run.state == "paused":
        transition_run(session, run, "running", f"run {name} continues")
        announce_queued(session, run.id)
        advance(session, run)
    elif run.state not in GRANTING_RUNS:
        raise ConflictError(f"run {name} is {run.state} and cannot be resumed; a failed run is retried")
    return run


def cancel(session: Session, name: str) -> Run:
    """Cancel a run with its open days and steps. Cancelling a cancelled run changes nothing.

    Raises NotFoundError, ConflictError if the run is completed.
    """
    run = locked_run(session, name)
    if run.state == "cancelled":
        return run
    transition_run(session, run, "cancelled", f"run {name} is cancelled")
    steps = cancel_open_steps(session, run.id)
    days = update(Day).where(Day.run_id == run.id, Day.state.in_(OPEN_DAYS))
    session.execute(days.values(state="cancelled", finished_at=func.now(), reason="the run was cancelled"))
    run.reason = f"cancelled by request; {steps} steps were open"
    return run


def retry(session: Session, name: str, date: dt.date | None) -> Run:
    """Queue the failed steps of all failed days again, or of those of a date; `max_attempts` counts anew.

    Raises NotFoundError, ConflictError if the run has ended or no such day has failed.
    """
    run = locked_run(session, name)
    if run.state in {"cancelled", "completed"}:
        raise ConflictError(f"run {name} is {run.state}; nothing of it can be retried")
    views = {v.id: v for v in day_views(session, run.id, 0) if v.state == "failed" and date in {None, v.date}}
    if not views and date is not None:
        day = find_day(session, run, date)
        raise ConflictError(f"date: day {date} of {name} is {day.state}; only failed days are retried")
    if not views:
        raise ConflictError(f"no day of {name} has failed")
    now = database_now(session)
    for day_id, day in sorted(days_by_id(session, views).items()):
        _queue_again(session, day, now)
        transition_day(session, run, day, stage_of_failed(views[day_id]), now)
    if run.state in {"failing", "failed"}:
        transition_run(session, run, "running", f"run {name} is retried: {len(views)} days")
    session.flush()
    advance(session, run)
    return run


def _queue_again(session: Session, day: Day, now: dt.datetime) -> None:
    steps = steps_of_day(session, day.id, "failed")
    for step in steps:
        transition_step(step, "queued")
        step.forgiven, step.error, step.finished_at = step.attempt, None, None
        step.next_attempt_at = now
    announce(session, [(step.id, step.kind) for step in steps])
