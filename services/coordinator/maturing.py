"""Goes on with the runs whose outcomes may have come: after an import, and now and then."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.models import Day, Run
from services.coordinator.runs.queries import locked_run_by_id
from services.coordinator.scheduler import advance
from services.coordinator.states import GRANTING_RUNS


def runs_that_wait(session: Session) -> Sequence[int]:
    """The ids of the runs under way that have maturing days."""
    query = select(Run.id).join(Day, Day.run_id == Run.id)
    waiting = query.where(Day.state == "maturing", Run.state.in_(GRANTING_RUNS)).distinct()
    return session.scalars(waiting.order_by(Run.id)).all()


def mature(session: Session) -> None:
    """Plan the outcomes of the days that wait for them anew, and score those that can be settled now."""
    for run_id in runs_that_wait(session):
        advance(session, locked_run_by_id(session, run_id))
