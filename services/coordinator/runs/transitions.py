"""State transitions of days and runs; each records an event."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.database import database_now
from services.coordinator.models import Day, Run, Step
from services.coordinator.runs.queries import record_event
from services.coordinator.states import (
    DAY_TRANSITIONS,
    FINISHED_DAYS,
    RUN_TRANSITIONS,
    DayState,
    RunState,
    checked_transition,
    day_name,
)


def transition_day(
    session: Session, run: Run, day: Day, to: DayState, now: dt.datetime, reason: str | None = None
) -> None:
    """Change a day's state and record it; a failed day takes its reason from its first failed step.

    Raises ConflictError if the day's present state does not allow it.
    """
    name = day_name(day.role, day.date)
    day.state = checked_transition(DAY_TRANSITIONS, day.state, to, f"{name} of {run.name}")
    day.reason = reason or (_failure(session, day) if to == "failed" else None)
    day.started_at = day.started_at or (now if to != "skipped" else None)
    day.finished_at = now if to in FINISHED_DAYS | {"failed", "cancelled"} else None
    record_event(session, run, f"day.{to}", f"{name} is {to}" + (f": {day.reason}" if day.reason else ""), day.date)


def _failure(session: Session, day: Day) -> str:
    query = select(Step).where(Step.day_id == day.id, Step.state == "failed").order_by(Step.finished_at)
    step = session.scalars(query).first()
    if step is None:
        return "a step failed"
    lines = (step.error or "").strip().splitlines() or ["no reason was given"]
    return f"{step.kind} {step.chunk} failed at attempt {step.attempt}: {lines[-1]}"


def transition_run(session: Session, run: Run, to: RunState, message: str, reason: str | None = None) -> None:
    """Change a run's state and record it. Raises ConflictError if its present state does not allow it."""
    run.state = checked_transition(RUN_TRANSITIONS, run.state, to, f"run {run.name}")
    run.reason = reason
    ended = to in {"completed", "cancelled", "failed"}
    run.finished_at = database_now(session) if ended else None
    record_event(session, run, f"run.{to}", message)


def update_run_state(session: Session, run: Run, to: RunState) -> None:
    """Give a run the state that follows from its days; its reason is that of the first day that causes it."""
    reason = None
    if to in {"waiting", "failing", "failed"}:
        cause: DayState = "maturing" if to == "waiting" else "failed"
        query = select(Day).where(Day.run_id == run.id, Day.state == cause).order_by(Day.date, Day.id)
        first = session.scalars(query).first()
        reason = f"{day_name(first.role, first.date)}: {first.reason}" if first else None
    if to != run.state:
        predicate = {"completed": "is completed", "running": "continues"}.get(to, f"is {to}: {reason}")
        transition_run(session, run, to, f"run {run.name} {predicate}", reason)
    elif reason:
        run.reason = reason
