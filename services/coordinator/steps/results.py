"""Stores what a step produced, marks it done and moves its run along, all in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.queries import reference
from services.coordinator.checkpoints.service import publish
from services.coordinator.database import database_now
from services.coordinator.models import Day, Evaluation, Rollout, Run, Step
from services.coordinator.runs.queries import note
from services.coordinator.runs.steps import end_attempt, has_open_steps, move_step
from services.coordinator.scheduling.rules.selection import step_profile
from services.coordinator.scheduling.service import advance
from services.coordinator.states import step_name
from services.coordinator.steps.kinds.evaluate import check_evaluated
from services.coordinator.steps.kinds.generate import _store_groups, check_generated
from services.coordinator.steps.kinds.head import _remember, _row, head_of, parent_of, policy_of
from services.coordinator.steps.kinds.train import check_trained
from services.coordinator.steps.leases import complete
from shared.errors import InvalidInputError
from shared.wire import (
    CompleteAnswer,
    CompleteRequest,
    EvaluateResult,
    GenerateResult,
    Result,
    TrainResult,
)


def accept(session: Session, step_id: int, request: CompleteRequest) -> CompleteAnswer:
    """Store a result under its fence. The same one again changes nothing; raises StaleFenceError, InvalidInputError."""
    run, step, answer = complete(session, step_id, request)
    if answer:
        return answer
    if request.result.kind != step.kind:
        raise InvalidInputError(f"result.kind: step {step.id} is of kind {step.kind}, not {request.result.kind}")
    day = session.get_one(Day, step.day_id)
    _store(session, run, day, step, request.result)
    now = database_now(session)
    move_step(step, "done")
    step.finished_at, step.lease_until, step.error = now, None, None
    end_attempt(session, step, "accepted", now, log=request.log)
    note(
        session,
        run,
        "step.done",
        f"{step_name(step.kind, step.chunk, day.role, day.date)} is done",
        day.date,
        step=step.id,
        attempt=step.attempt,
        worker=step.worker,
    )
    session.flush()
    if not has_open_steps(session, day.id):
        advance(session, run)
    return CompleteAnswer(status="accepted")


def _store(session: Session, run: Run, day: Day, step: Step, result: Result) -> None:
    head = head_of(run, day, step)
    match result:
        case GenerateResult():
            profile = step_profile(day.profile, day.decisions, step.items)
            check_generated(result, step.items, policy_of(session, day).name, profile, head.config)
            _store_groups(session, day, step, result)
            _remember(step, result.seconds, {"tokens": result.tokens, "engine_calls": result.engine_calls})
        case EvaluateResult():
            wanted = session.scalars(select(Rollout.id).where(Rollout.group_id.in_(step.items))).all()
            check_evaluated(result, wanted, head.config.bonus if day.bonus is None else day.bonus)
            rows = [_row(record) | {"step_id": step.id} for record in result.evaluations]
            session.execute(insert(Evaluation), rows)
            _remember(step, result.seconds, result.model_dump(include={"ranker", "leak_list", "figures"}))
        case TrainResult():
            parent = parent_of(session, day)
            check_trained(result.checkpoint, result.stats, head, reference(parent))
            publish(session, run, head.config, day, parent, result)
            _remember(step, result.stats.seconds, result.stats.model_dump() | {"checkpoint": result.checkpoint.ref.id})
