"""Changes the state of days and runs, and notes it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.database import database_now
from services.coordinator.models import Day, Run, Step
from services.coordinator.runs.queries import note
from services.coordinator.states import DAY_MOVES, FINISHED_DAYS, RUN_MOVES, DayState, RunState, checked_move, day_name


def move_day(session: Session, run: Run, day: Day, to: DayState, now: dt.datetime, reason: str | None = None) -> None:
    """Change a day's state and note it; a failed day takes its reason from the step that failed."""
    name = day_name(day.role, day.date)
    day.state = checked_move(DAY_MOVES, day.state, to, f"{name} of {run.name}")
    day.reason = reason or (_failure(session, day) if to == "failed" else None)
    day.started_at = day.started_at or (now if to != "skipped" else None)
    day.finished_at = now if to in FINISHED_DAYS | {"failed", "cancelled"} else None
    note(session, run, f"day.{to}", f"{name} is {to}" + (f": {day.reason}" if day.reason else ""), day.date)


def _failure(session: Session, day: Day) -> str:
    query = select(Step).where(Step.day_id == day.id, Step.state == "failed").order_by(Step.finished_at)
    step = session.scalars(query).first()
    if step is None:
        return "a step failed"
    lines = (step.error or "").strip().splitlines() or ["no reason was given"]
    return f"{step.kind} {step.chunk} failed at attempt {step.attempt}: {lines[-1]}"


def move_run(session: Session, run: Run, to: RunState, message: str, reason: str | None = None) -> None:
    """Change a run's state and note it."""
    run.state = checked_move(RUN_MOVES, run.state, to, f"run {run.name}")
    run.reason = reason
    ended = to in {"completed", "cancelled", "failed"}
    run.finished_at = database_now(session) if ended else None
    note(session, run, f"run.{to}", message)


def settle_run(session: Session, run: Run, to: RunState) -> None:
    """Bring a run to the state that its days are in, with the first of those days that it is due to."""
    reason = None
    if to in {"waiting", "failing", "failed"}:
        due: DayState = "maturing" if to == "waiting" else "failed"
        query = select(Day).where(Day.run_id == run.id, Day.state == due).order_by(Day.date, Day.id)
        first = session.scalars(query).first()
        reason = f"{day_name(first.role, first.date)}: {first.reason}" if first else None
    if to != run.state:
        said = {"completed": "is completed", "running": "goes on"}.get(to, f"is {to}: {reason}")
        move_run(session, run, to, f"run {run.name} {said}", reason)
    elif reason:
        run.reason = reason
