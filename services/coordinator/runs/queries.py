"""Runs: find and lock their rows, record their events."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.models import Day, Event, Run, Step
from services.coordinator.states import RunState
from shared.errors import NotFoundError


def find_run(session: Session, name: str) -> Run:
    """The run of that name. Raises NotFoundError."""
    run = session.scalars(select(Run).where(Run.name == name)).one_or_none()
    if run is None:
        raise NotFoundError(f"there is no run {name!r}; `morrow runs` shows those there are")
    return run


def locked_run(session: Session, name: str) -> Run:
    """The run of that name; no other transaction changes it until this one ends. Raises NotFoundError."""
    return locked_run_by_id(session, find_run(session, name).id)


def locked_run_by_id(session: Session, run_id: int) -> Run:
    """The run of that id, which exists, locked and read anew."""
    # FOR NO KEY UPDATE, not FOR UPDATE: events refer to the run, and their foreign keys need not wait for this lock.
    query = select(Run).where(Run.id == run_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def locked_run_of_step(session: Session, step_id: int) -> Run:
    """The run that a step belongs to, locked. Raises NotFoundError."""
    return locked_run_by_id(session, run_id_of_step(session, step_id))


def run_id_of_step(session: Session, step_id: int) -> int:
    """The id of the run that a step belongs to. Raises NotFoundError."""
    run_id = session.scalar(select(Day.run_id).join(Step, Step.day_id == Day.id).where(Step.id == step_id))
    if run_id is None:
        raise NotFoundError(f"there is no step {step_id}")
    return run_id


def share_locked_state(session: Session, run_id: int) -> RunState:
    """The run's state, which cannot change until this transaction ends."""
    # FOR SHARE: claims of one run do not wait for one another, only for a transaction that changes the run.
    return session.scalars(select(Run.state).where(Run.id == run_id).with_for_update(read=True)).one()


def record_event(session: Session, run: Run, kind: str, message: str, date: dt.date | None = None, **data: Any) -> None:
    """Add an event of a run to the transaction; `data` are its machine-readable details."""
    session.add(Event(run_id=run.id, date=date, kind=kind, message=message, data=data))
