"""Recovers expired leases and lost queue messages."""

from __future__ import annotations

import datetime as dt
import logging

from sqlalchemy import Select, func, select

from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions, database_now
from services.coordinator.models import Day, Outbox, Run, Step
from services.coordinator.runs.queries import locked_run_of_step
from services.coordinator.runs.steps import announce, locked_step
from services.coordinator.states import GRANTING_RUNS
from services.coordinator.steps.leases import give_up_attempt
from services.coordinator.steps.outbox import Backlog
from shared.wire import StepKind

log = logging.getLogger(__name__)


def expire_leases(sessions: Sessions, backoff: Backoff, limit: int = 100) -> int:
    """End the expired attempts of up to `limit` steps, each in its own transaction; returns their number."""
    now = func.clock_timestamp()
    expired = (
        select(Step.id).where(Step.state == "leased", Step.lease_until < now).order_by(Step.lease_until).limit(limit)
    )
    with sessions.begin() as session:
        step_ids = session.scalars(expired).all()
    return sum(_expire(sessions, step_id, backoff) for step_id in step_ids)


def _expire(sessions: Sessions, step_id: int, backoff: Backoff) -> bool:
    with sessions.begin() as session:
        run = locked_run_of_step(session, step_id)
        step = locked_step(session, step_id)
        # Looked at again under the lock: the worker may have renewed, or another coordinator ended the lease.
        if step.state != "leased" or step.lease_until is None or step.lease_until >= database_now(session):
            return False
        error = f"the lease of worker {step.worker} ran out at {step.lease_until:%Y-%m-%d %H:%M:%S %Z}"
        log.warning("step %d attempt %d: %s", step_id, step.attempt, error)
        give_up_attempt(session, run, step, "expired", error, backoff)
        return True


def resend_lost(sessions: Sessions, backlog: Backlog, resend_after: float, limit: int = 500) -> int:
    """Announce up to `limit` steps again that have been due without a claim for `resend_after` seconds.

    Returns their number. A step may wait behind others for long, so that only steps are announced whose queue is empty:
    their message is lost. Raises UnavailableError if the broker does not answer.
    """
    lost = _unclaimed(resend_after)
    with sessions.begin() as session:
        kinds = session.scalars(lost.with_only_columns(Step.kind).distinct()).all()
    empty = [kind for kind in kinds if backlog(kind) == 0]
    if not empty:
        return 0
    with sessions.begin() as session:
        unclaimed = lost.where(Step.kind.in_(empty)).order_by(Step.id).limit(limit)
        steps = session.execute(unclaimed.with_for_update(of=Step, skip_locked=True)).all()
        announce(session, [(step_id, kind) for step_id, kind in steps])
    if steps:
        log.warning("%d steps are due but their queue is empty: sending their messages again", len(steps))
    return len(steps)


def _unclaimed(resend_after: float) -> Select[int, StepKind]:
    since = func.greatest(Step.next_attempt_at, func.coalesce(Step.sent_at, Step.next_attempt_at))
    announced = select(Outbox.id).where(Outbox.step_id == Step.id).exists()
    return (
        select(Step.id, Step.kind)
        .join(Day, Day.id == Step.day_id)
        .join(Run, Run.id == Day.run_id)
        .where(
            Step.state == "queued",
            Run.state.in_(GRANTING_RUNS),
            since < func.clock_timestamp() - dt.timedelta(seconds=resend_after),
            ~announced,
        )
    )
