"""Runs: find and lock their rows, record their events."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from services.coordinator.models import Day, Event, Run, Step
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
    """The run that a step belongs to, locked and read anew. Raises NotFoundError."""
    return _found(session, _run_of(step_id).with_for_update(key_share=True), step_id)


def share_locked_run_of_step(session: Session, step_id: int) -> Run:
    """The run that a step belongs to, read anew; its state cannot change until this transaction ends.

    Raises NotFoundError.
    """
    # FOR SHARE: claims of one run do not wait for one another, only for a transaction that changes the run.
    return _found(session, _run_of(step_id).with_for_update(read=True), step_id)


def _run_of(step_id: int) -> Select[Run]:
    run_id = select(Day.run_id).join(Step, Step.day_id == Day.id).where(Step.id == step_id)
    return select(Run).where(Run.id == run_id.scalar_subquery())


def _found(session: Session, query: Select[Run], step_id: int) -> Run:
    run = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if run is None:
        raise NotFoundError(f"there is no step {step_id}")
    return run


def record_event(session: Session, run: Run, kind: str, message: str, date: dt.date | None = None, **data: Any) -> None:
    """Add an event of a run to the transaction; `data` are its machine-readable details."""
    session.add(Event(run_id=run.id, date=date, kind=kind, message=message, data=data))
