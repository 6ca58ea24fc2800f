"""Runs: find one, lock one, note what happened to it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.models import Day, Event, Run, Step
from services.coordinator.states import RunState
from shared.errors import NotFoundError


def find_run(session: Session, name: str) -> Run:
    """The run of that name; raises NotFoundError."""
    run = session.scalars(select(Run).where(Run.name == name)).one_or_none()
    if run is None:
        raise NotFoundError(f"there is no run {name!r}; `morrow runs` shows those there are")
    return run


def locked_run(session: Session, name: str) -> Run:
    """The run of that name, nobody else's to change until this transaction ends."""
    return _locked(session, find_run(session, name).id)


def locked_run_by_id(session: Session, run_id: int) -> Run:
    """The run of that id, locked."""
    return _locked(session, run_id)


def locked_run_of_step(session: Session, step_id: int) -> Run:
    """The run that a step belongs to, locked; raises NotFoundError."""
    return _locked(session, run_id_of_step(session, step_id))


def run_id_of_step(session: Session, step_id: int) -> int:
    """The id of the run that a step belongs to; raises NotFoundError."""
    run_id = session.scalar(select(Day.run_id).join(Step, Step.day_id == Day.id).where(Step.id == step_id))
    if run_id is None:
        raise NotFoundError(f"there is no step {step_id}")
    return run_id


def _locked(session: Session, run_id: int) -> Run:
    # Not FOR UPDATE: events refer to the run, and their foreign keys need not wait for us.
    query = select(Run).where(Run.id == run_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def state_for_grant(session: Session, run_id: int) -> RunState:
    """The run's state, held as it is until this transaction ends; many may hold it at once."""
    return session.scalars(select(Run.state).where(Run.id == run_id).with_for_update(read=True)).one()


def note(session: Session, run: Run, kind: str, message: str, date: dt.date | None = None, **data: Any) -> None:
    """Write an event."""
    session.add(Event(run_id=run.id, date=date, kind=kind, message=message, data=data))
