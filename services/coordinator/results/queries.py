"""Steps, rollouts, evaluations, checkpoints, aliases and events as the routes list them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from services.coordinator.models import Attempt, Day, Evaluation, Event, Group, Rollout, Run, Step
from services.coordinator.results.schemas import (
    AttemptView,
    EvaluationView,
    EventView,
    RolloutView,
    Sampled,
    StepDetail,
    StepView,
)
from services.coordinator.states import Role
from shared.errors import NotFoundError
from shared.wire import EvaluationRecord, Message


def fields_of(row: Any, message: type[Message]) -> dict[str, Any]:
    """Those attributes of a row that a message has, by name."""
    return {name: getattr(row, name) for name in message.model_fields if hasattr(row, name)}


def _step(step: Step, run: str, date: dt.date, role: Role) -> dict[str, Any]:
    return fields_of(step, StepView) | {"run": run, "date": date, "role": role}


def steps(session: Session, run: Run, *where: Any, limit: int) -> list[StepView]:
    """Steps of a run in order of id."""
    query = select(Step, Day.date, Day.role).join(Day, Day.id == Step.day_id).where(Day.run_id == run.id, *where)
    rows = session.execute(query.order_by(Step.id).limit(limit))
    return [StepView(**_step(step, run.name, date, role)) for step, date, role in rows]


def step_detail(session: Session, step_id: int) -> StepDetail:
    """One step with its attempts; raises NotFoundError."""
    query = select(Step, Run.name, Day.date, Day.role).join(Day, Day.id == Step.day_id)
    query = query.join(Run, Run.id == Day.run_id)
    row = session.execute(query.where(Step.id == step_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no step {step_id}")
    step, run, date, role = row
    made = session.scalars(select(Attempt).where(Attempt.step_id == step_id).order_by(Attempt.attempt))
    attempts = [AttemptView(**fields_of(attempt, AttemptView)) for attempt in made]
    return StepDetail(**_step(step, run, date, role), attempts=attempts)


def rollouts(session: Session, run: Run, *where: Any, limit: int, tokens: bool) -> list[RolloutView]:
    """Rollouts of a run in order of id, with their tokens if asked for."""
    query = (
        select(Rollout, Group, Day.date)
        .join(Group, Group.id == Rollout.group_id)
        .join(Day, Day.id == Group.day_id)
        .where(Day.run_id == run.id, *where)
    )
    rows = session.execute(query.order_by(Rollout.id).limit(limit))
    return [_rollout(rollout, group, date, tokens) for rollout, group, date in rows]


def _rollout(rollout: Rollout, group: Group, date: dt.date, tokens: bool) -> RolloutView:
    forced = [bool(flag) for flag in rollout.forced]
    sampled = Sampled(token_ids=rollout.token_ids, logprobs=rollout.logprobs, forced=forced) if tokens else None
    own = fields_of(rollout, RolloutView)
    of_group = {name: getattr(group, name) for name in ("headline_id", "headline", "published_at")}
    return RolloutView(**own | of_group, date=date, tokens=sampled)


def evaluations(session: Session, run: Run, *where: Any, limit: int) -> list[EvaluationView]:
    """Evaluations of a run in order of rollout id."""
    query = (
        select(Evaluation, Rollout.group_id, Rollout.index, Day.date)
        .join(Rollout, Rollout.id == Evaluation.rollout_id)
        .join(Group, Group.id == Rollout.group_id)
        .join(Day, Day.id == Group.day_id)
        .where(Day.run_id == run.id, *where)
    )
    rows = session.execute(query.order_by(Evaluation.rollout_id).limit(limit))
    return [
        EvaluationView(**fields_of(found, EvaluationRecord), group_id=group_id, index=index, date=date)
        for found, group_id, index, date in rows
    ]


def events(session: Session, run: Run, after: int, limit: int) -> list[EventView]:
    """Events of a run in order, those after an id."""
    query = select(Event).where(Event.run_id == run.id, Event.id > after).order_by(Event.id).limit(limit)
    return [EventView(**fields_of(event, EventView)) for event in session.scalars(query)]


def day_log(session: Session, day: Day) -> str:
    """The logs of all attempts at a day's steps, in order, each behind a line that names it."""
    order = case({"generate": 0, "evaluate": 1, "train": 2}, value=Step.kind)
    query = select(Step.kind, Step.chunk, Attempt).join(Attempt, Attempt.step_id == Step.id)
    rows = session.execute(query.where(Step.day_id == day.id).order_by(order, Step.chunk, Attempt.attempt))
    return "\n".join(line for kind, chunk, attempt in rows for line in _attempt_lines(kind, chunk, attempt)) + "\n"


def _attempt_lines(kind: str, chunk: int, attempt: Attempt) -> Sequence[str]:
    head = f"== {kind} {chunk} attempt {attempt.attempt} {attempt.worker} {attempt.outcome}"
    return [part for part in (head, attempt.log, attempt.error) if part]
