"""Accepts the result of a step: checks and stores it, marks the step done, advances the run; one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.coordinator.database import database_now
from services.coordinator.models import Day
from services.coordinator.runs.queries import locked_run_of_step, record_event
from services.coordinator.runs.steps import end_attempt, has_open_steps, locked_step, transition_step
from services.coordinator.scheduling.service import advance
from services.coordinator.states import step_name
from services.coordinator.steps.kinds.base import StepContext
from services.coordinator.steps.kinds.registry import KINDS
from services.coordinator.steps.leases import lease_state, take_back
from shared.errors import InvalidInputError, StaleFenceError
from shared.wire import CompleteAnswer, CompleteRequest


def accept(session: Session, step_id: int, request: CompleteRequest) -> CompleteAnswer:
    """Store a result under its fence; the same fence's result again changes nothing.

    Raises NotFoundError, StaleFenceError if the fence's lease is lost, InvalidInputError if the result does not answer
    the task.
    """
    run = locked_run_of_step(session, step_id)
    step = locked_step(session, step_id)
    match lease_state(session, step, request.fence):
        case "done":
            return CompleteAnswer(status="already")
        case "cancelled":
            end_attempt(session, step, "cancelled", database_now(session), log=request.log)
            return CompleteAnswer(status="cancelled")
        case "failed":
            raise StaleFenceError(f"step {step.id}: attempt {request.fence} was reported as failed before")
    # Only a leased step can become done.
    take_back(session, step)
    day = session.get_one(Day, step.day_id)
    _store(StepContext(session, run, day, step), request)
    session.flush()
    if not has_open_steps(session, day.id):
        advance(session, run)
    return CompleteAnswer(status="accepted")


def _store(context: StepContext, request: CompleteRequest) -> None:
    session, step, day = context.session, context.step, context.day
    if request.result.kind != step.kind:
        raise InvalidInputError(f"result.kind: step {step.id} is of kind {step.kind}, not {request.result.kind}")
    kind = KINDS[step.kind]
    kind.check_result(context, request.result)
    kind.store_result(context, request.result)
    with session.no_autoflush:  # one UPDATE of the step instead of two
        now = database_now(session)
    transition_step(step, "done")
    step.finished_at, step.lease_until, step.error = now, None, None
    end_attempt(session, step, "accepted", now, log=request.log)
    record_event(
        session,
        context.run,
        "step.done",
        f"{step_name(step.kind, step.chunk, day.role, day.date)} is done",
        day.date,
        step=step.id,
        attempt=step.attempt,
        worker=step.worker,
    )
