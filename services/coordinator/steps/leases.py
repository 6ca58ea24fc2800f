"""Leases of steps: claim, renew, fail, expire. Each grant has a fence, the number of the attempt.

Every function works within the caller's transaction. The run's row is locked before the step's, here as everywhere.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from sqlalchemy.orm import Session

from services.coordinator.backoff import Backoff
from services.coordinator.database import database_now, storable
from services.coordinator.models import Attempt, Day, Run, Step
from services.coordinator.runs.queries import locked_run_of_step, record_event, share_locked_run_of_step
from services.coordinator.runs.steps import (
    announce,
    attempt_of,
    end_attempt,
    locked_step,
    note_queue_news,
    transition_step,
)
from services.coordinator.scheduling.service import advance
from services.coordinator.states import GRANTING_RUNS, RunState, step_name
from services.coordinator.steps.kinds.base import StepContext
from services.coordinator.steps.kinds.registry import KINDS
from shared.errors import StaleFenceError
from shared.wire import ClaimAnswer, FailRequest, Message, RenewAnswer

Refused = Literal["done", "leased", "not_due", "cancelled", "failed", "paused"]


class FailAnswer(Message):
    """The state of a failed attempt's step; `already`: the attempt had ended before, nothing changed."""

    status: Literal["queued", "failed", "already", "cancelled"]


def claim(session: Session, step_id: int, worker: str, lease_seconds: float) -> ClaimAnswer:
    """Grant the step to a worker under a new fence, or refuse it with the reason. Raises NotFoundError."""
    run = share_locked_run_of_step(session, step_id)
    step = locked_step(session, step_id)
    now = database_now(session)
    if refusal := _refusal(step, run.state, now):
        status, reason = refusal
        return ClaimAnswer(status=status, reason=reason)
    transition_step(step, "leased")
    note_queue_news(session, "claimed")
    step.attempt += 1
    step.worker, step.error, step.sent_at = worker, None, None
    step.started_at, step.lease_until = now, now + dt.timedelta(seconds=lease_seconds)
    session.add(Attempt(step_id=step.id, attempt=step.attempt, worker=worker, outcome="running", started_at=now))
    session.flush()
    day = session.get_one(Day, step.day_id)
    task = KINDS[step.kind].build_task(StepContext(session, run, day, step))
    return ClaimAnswer(status="granted", lease_seconds=lease_seconds, task=task)


def _refusal(step: Step, run_state: RunState, now: dt.datetime) -> tuple[Refused, str] | None:
    if step.state == "leased":
        return "leased", f"leased by {step.worker} until {step.lease_until}"
    if step.state == "done":
        return "done", "its result is stored"
    if step.state in {"cancelled", "failed"}:
        return ("cancelled" if step.state == "cancelled" else "failed"), step.error or f"the step is {step.state}"
    if run_state not in GRANTING_RUNS:
        return "paused", f"the run is {run_state}"
    return ("not_due", f"its next attempt is at {step.next_attempt_at}") if step.next_attempt_at > now else None


LeaseState = Literal["held", "done", "failed", "cancelled"]


def lease_state(session: Session, step: Step, fence: int) -> LeaseState:
    """Whether the fence's lease is held, or how its attempt ended.

    An expired lease still counts as held until another worker claims the step: its result would be as good.
    Raises StaleFenceError if a later attempt has begun, or the lease expired and the step failed.
    """
    if fence != step.attempt or fence == 0:
        raise StaleFenceError(f"step {step.id} is at attempt {step.attempt}: fence {fence} is stale")
    if step.state == "cancelled" or step.state == "done":  # noqa: PLR1714 - mypy narrows by `==` only
        return step.state
    if step.state == "leased":
        return "held"
    outcome = attempt_of(session, step, fence).outcome
    if step.state == "queued" and outcome == "expired":
        return "held"
    if outcome == "failed":
        return "failed"
    raise StaleFenceError(f"step {step.id} is {step.state}: the lease of attempt {fence} ran out")


def extend_lease(session: Session, step: Step, seconds: float) -> None:
    """Let the lease end `seconds` from now; an expired one is taken back from the queue."""
    take_back(session, step)
    step.lease_until = database_now(session) + dt.timedelta(seconds=seconds)


def take_back(session: Session, step: Step) -> None:
    """Lease a step again whose lease expired while nobody else claimed it; a leased step stays as it is."""
    if step.state == "queued":
        transition_step(step, "leased")
        attempt = attempt_of(session, step, step.attempt)
        attempt.outcome, attempt.error, attempt.ended_at, step.error = "running", None, None, None


def renew(session: Session, step_id: int, fence: int, lease_seconds: float) -> RenewAnswer:
    """Extend the lease of a step; `go_on` is false if its attempt has ended. Raises NotFoundError, StaleFenceError."""
    step = locked_step(session, step_id)
    if (state := lease_state(session, step, fence)) != "held":
        reason = "its attempt was reported as failed" if state == "failed" else f"the step is {step.state}"
        return RenewAnswer(go_on=False, reason=reason)
    extend_lease(session, step, lease_seconds)
    return RenewAnswer(go_on=True)


def fail(session: Session, step_id: int, request: FailRequest, backoff: Backoff) -> FailAnswer:
    """End an attempt: its step is queued again, or fails with its day. Raises NotFoundError, StaleFenceError."""
    run = locked_run_of_step(session, step_id)
    step = locked_step(session, step_id)
    match lease_state(session, step, request.fence):
        case "done" | "failed":
            return FailAnswer(status="already")
        case "cancelled":
            end_attempt(session, step, "cancelled", database_now(session), log=request.log)
            return FailAnswer(status="cancelled")
    take_back(session, step)
    give_up_attempt(session, run, step, "failed", request.error, backoff, retry=request.retryable, log=request.log)
    return FailAnswer(status="queued" if step.state == "queued" else "failed")


def give_up_attempt(
    session: Session,
    run: Run,
    step: Step,
    outcome: Literal["failed", "expired"],
    error: str,
    backoff: Backoff,
    *,
    retry: bool = True,
    log: str = "",
) -> None:
    """End the attempt of a leased step; queue the step again, or fail it and advance the run."""
    now = database_now(session)
    end_attempt(session, step, outcome, now, error=error, log=log)
    day = session.get_one(Day, step.day_id)
    date = day.date
    # Attempts before a retry by hand do not count: the cap starts anew.
    attempts = step.attempt - step.forgiven
    again = retry and attempts < run.config.max_attempts
    transition_step(step, "queued" if again else "failed")
    step.error, step.lease_until = storable(error), None
    name = step_name(step.kind, step.chunk, day.role, date)
    detail = {"step": step.id, "attempt": step.attempt, "error": storable(error)[:2_000]}
    if again:
        step.next_attempt_at = now + dt.timedelta(seconds=backoff.seconds(attempts))
        announce(session, [(step.id, step.kind)])
        record_event(
            session, run, "step.retry", f"attempt {attempts} at {name} {outcome}; another follows", date, **detail
        )
        return
    step.finished_at = now
    record_event(session, run, "step.failed", f"{name} failed after {attempts} attempts", date, **detail)
    advance(session, run)
