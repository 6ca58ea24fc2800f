"""Queries of steps, rollouts, evaluations, events and logs; shared selections of attempts and swaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, case, select
from sqlalchemy.orm import Session

from services.coordinator.models import (
    Attempt,
    Checkpoint,
    Day,
    Evaluation,
    Event,
    Group,
    Rollout,
    Run,
    Step,
    Swap,
)
from services.coordinator.results.schemas import (
    AttemptView,
    EvaluationView,
    EventView,
    RolloutView,
    Sampled,
    StepDetail,
    StepView,
)
from shared.errors import NotFoundError
from shared.wire import EvaluationRecord

_STEP = (
    Step.id,
    Run.name.label("run"),
    Day.role,
    Day.date,
    Step.kind,
    Step.chunk,
    Step.state,
    Step.attempt,
    Step.worker,
    Step.items,
    Step.error,
    Step.lease_until,
    Step.next_attempt_at,
    Step.created_at,
    Step.started_at,
    Step.finished_at,
    Step.seconds,
    Step.figures,
)
_ROLLOUT = tuple(getattr(Rollout, name) for name in RolloutView.model_fields if name in Rollout.__table__.columns)
_EVALUATION = tuple(getattr(Evaluation, name) for name in EvaluationRecord.model_fields)


def steps(session: Session, run: Run, *where: Any, limit: int) -> list[StepView]:
    """Steps of a run in order of id."""
    query = select(*_STEP).join(Day, Day.id == Step.day_id).join(Run, Run.id == Day.run_id)
    rows = session.execute(query.where(Day.run_id == run.id, *where).order_by(Step.id).limit(limit))
    return [StepView.model_validate(row, from_attributes=True) for row in rows]


def step_detail(session: Session, step_id: int) -> StepDetail:
    """One step with its attempts; raises NotFoundError."""
    query = select(*_STEP).join(Day, Day.id == Step.day_id).join(Run, Run.id == Day.run_id)
    row = session.execute(query.where(Step.id == step_id)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no step {step_id}")
    attempts = session.scalars(select(Attempt).where(Attempt.step_id == step_id).order_by(Attempt.attempt))
    return StepDetail(
        **row, attempts=[AttemptView.model_validate(attempt, from_attributes=True) for attempt in attempts]
    )


def rollouts(session: Session, run: Run, *where: Any, limit: int, tokens: bool) -> list[RolloutView]:
    """Rollouts of a run in order of id, with their tokens if `tokens`."""
    of_tokens = (Rollout.token_ids, Rollout.logprobs, Rollout.forced) if tokens else ()
    query = (
        select(*_ROLLOUT, Group.headline_id, Group.headline, Group.published_at, Day.date, *of_tokens)
        .join(Group, Group.id == Rollout.group_id)
        .join(Day, Day.id == Group.day_id)
        .where(Day.run_id == run.id, *where)
    )
    rows = session.execute(query.order_by(Rollout.id).limit(limit)).mappings()
    return [_rollout(row, tokens) for row in rows]


def _rollout(row: RowMapping, tokens: bool) -> RolloutView:
    # By mapping, not by attribute: `index` is a method of a row.
    values = dict(row)
    if not tokens:
        return RolloutView(**values, tokens=None)
    forced = [bool(flag) for flag in values.pop("forced")]
    sampled = Sampled(token_ids=values.pop("token_ids"), logprobs=values.pop("logprobs"), forced=forced)
    return RolloutView(**values, tokens=sampled)


def evaluations(session: Session, run: Run, *where: Any, limit: int) -> list[EvaluationView]:
    """Evaluations of a run in order of rollout id."""
    query = (
        select(*_EVALUATION, Rollout.group_id, Rollout.index, Day.date)
        .join(Rollout, Rollout.id == Evaluation.rollout_id)
        .join(Group, Group.id == Rollout.group_id)
        .join(Day, Day.id == Group.day_id)
        .where(Day.run_id == run.id, *where)
    )
    rows = session.execute(query.order_by(Evaluation.rollout_id).limit(limit)).mappings()
    return [EvaluationView(**row) for row in rows]


def events(session: Session, run: Run, after: int, limit: int) -> list[EventView]:
    """Events of a run in order, the first `limit` after an id."""
    query = select(Event).where(Event.run_id == run.id, Event.id > after).order_by(Event.id).limit(limit)
    return [EventView.model_validate(event, from_attributes=True) for event in session.scalars(query)]


def day_log(session: Session, day: Day) -> str:
    """The logs of all attempts at a day's steps, in order, each after its header."""
    # In the order of the work; alphabetically, evaluate would come first.
    order = case({"generate": 0, "evaluate": 1, "train": 2}, value=Step.kind)
    query = select(Step.kind, Step.chunk, Attempt).join(Attempt, Attempt.step_id == Step.id)
    rows = session.execute(query.where(Step.day_id == day.id).order_by(order, Step.chunk, Attempt.attempt))
    return "\n".join(line for kind, chunk, attempt in rows for line in _attempt_lines(kind, chunk, attempt)) + "\n"


def attempt_header(kind: str, chunk: int, attempt: Attempt) -> str:
    """The line before an attempt's log."""
    return f"== {kind} {chunk} attempt {attempt.attempt} {attempt.worker} {attempt.outcome}"


def _attempt_lines(kind: str, chunk: int, attempt: Attempt) -> Sequence[str]:
    return [part for part in (attempt_header(kind, chunk, attempt), attempt.log, attempt.error) if part]


def swap_query(*where: Any) -> Select[*tuple[Any, ...]]:
    """The selection of swaps with their run and day that listings and reports share; unordered."""
    query = select(
        Swap.id,
        Run.name.label("run"),
        Day.date,
        Swap.checkpoint_id.label("checkpoint"),
        Swap.engine,
        Swap.promoted,
        Swap.wanted_at,
        Swap.verified_at,
        Swap.load_seconds,
        Swap.seconds,
    )
    query = query.join(Checkpoint, Checkpoint.id == Swap.checkpoint_id).join(Run, Run.id == Checkpoint.run_id)
    return query.join(Day, Day.id == Checkpoint.day_id).where(*where)
