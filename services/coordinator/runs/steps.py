"""Rows of steps, attempts and outbox messages: create, lock, change state, cancel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from services.coordinator.database import storable
from services.coordinator.models import Attempt, Day, Json, Outbox, Step
from services.coordinator.states import OPEN_STEPS, STEP_TRANSITIONS, AttemptOutcome, StepState, checked_transition
from shared.errors import NotFoundError
from shared.wire import StepKind

QueueNews = Literal["announced", "claimed"]
"""A change of a transaction that may let a message be sent: steps were announced, or one was claimed."""
QUEUE_NEWS = "queue_news"
"""Key of a session's info that holds the QueueNews of its transaction."""


def create_steps(session: Session, day: Day, kind: StepKind, chunks: Sequence[Sequence[int]]) -> None:
    """Queue one step per chunk of ids, and the messages that announce them."""
    insert_steps(session, step_rows(day, kind, chunks))


def step_rows(day: Day, kind: StepKind, chunks: Sequence[Sequence[int]]) -> list[Json]:
    """The row of one queued step per chunk of headline or group ids."""
    return [
        {"day_id": day.id, "kind": kind, "chunk": chunk, "items": list(items), "state": "queued"}
        for chunk, items in enumerate(chunks)
    ]


def insert_steps(session: Session, rows: Sequence[Json]) -> None:
    """Insert rows of steps, of any number of days, and the messages that announce them."""
    if rows:
        ids = session.scalars(insert(Step).returning(Step.id, sort_by_parameter_order=True), rows).all()
        announce(session, [(step_id, row["kind"]) for step_id, row in zip(ids, rows, strict=True)])


def announce(session: Session, steps: Sequence[tuple[int, StepKind]]) -> None:
    """Put a message about each (step id, kind) into the outbox; the publisher sends it once the step is due."""
    if steps:
        session.execute(insert(Outbox), [{"step_id": step_id, "kind": kind} for step_id, kind in steps])
        note_queue_news(session, "announced")


def note_queue_news(session: Session, news: QueueNews) -> None:
    """Note it for the publisher, which learns of it when the transaction is committed."""
    if session.info.get(QUEUE_NEWS) != "announced":
        session.info[QUEUE_NEWS] = news


def locked_step(session: Session, step_id: int) -> Step:
    """The step; no other transaction changes it until this one ends. Raises NotFoundError."""
    query = select(Step).where(Step.id == step_id).with_for_update()
    step = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if step is None:
        raise NotFoundError(f"there is no step {step_id}")
    return step


def transition_step(step: Step, to: StepState) -> None:
    """Change a step's state. Raises ConflictError if its present state does not allow it."""
    step.state = checked_transition(STEP_TRANSITIONS, step.state, to, f"step {step.id}")


def attempt_of(session: Session, step: Step, fence: int) -> Attempt:
    """The row of the attempt at a step that has this fence, which exists."""
    return session.get_one(Attempt, (step.id, fence))


def end_attempt(
    session: Session, step: Step, outcome: AttemptOutcome, now: dt.datetime, *, error: str | None = None, log: str = ""
) -> None:
    """Record the outcome, error and log of the step's current attempt."""
    values: Json = {"outcome": outcome, "error": storable(error), "ended_at": now}
    values |= {"log": storable(log)} if log else {}
    current = update(Attempt).where(Attempt.step_id == step.id, Attempt.attempt == step.attempt)
    session.execute(current.values(values), execution_options={"synchronize_session": "evaluate"})


def steps_of_day(session: Session, day_id: int, state: StepState) -> Sequence[Step]:
    """The day's steps in a state, locked, in order."""
    query = select(Step).where(Step.day_id == day_id, Step.state == state).order_by(Step.id).with_for_update()
    return session.scalars(query).all()


def has_open_steps(session: Session, day_id: int) -> bool:
    """Whether any step of a day is queued or leased."""
    query = select(Step.id).where(Step.day_id == day_id, Step.state.in_(OPEN_STEPS)).limit(1)
    return session.scalar(query) is not None


def cancel_open_steps(session: Session, run_id: int) -> int:
    """Cancel every queued and leased step of a run; returns their number."""
    days = select(Day.id).where(Day.run_id == run_id)
    query = (
        update(Step)
        .where(Step.day_id.in_(days), Step.state.in_(OPEN_STEPS))
        .values(state="cancelled", finished_at=func.now(), lease_until=None)
        .returning(Step.id)
        .execution_options(synchronize_session=False)
    )
    ids = session.scalars(query).all()
    ended = update(Attempt).where(Attempt.step_id.in_(ids), Attempt.outcome == "running")
    session.execute(ended.values(outcome="cancelled", ended_at=func.now()))
    return len(ids)


def announce_queued(session: Session, run_id: int) -> None:
    """Announce the run's queued steps without a message in the outbox: workers dropped theirs while it was paused."""
    announced = select(Outbox.step_id)
    query = select(Step.id, Step.kind).join(Day, Day.id == Step.day_id)
    query = query.where(Day.run_id == run_id, Step.state == "queued", Step.id.not_in(announced)).order_by(Step.id)
    announce(session, [(step_id, kind) for step_id, kind in session.execute(query)])
