"""What every kind of step shares: the head of a task, the policy and the parent of a day, rows of a result."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.coordinator.checkpoints.queries import reference
from services.coordinator.database import storable
from services.coordinator.models import Checkpoint, Day, Json, Run, Step
from services.coordinator.runs.days import before, checkpoint_of
from services.coordinator.scheduling.rules.roles import config_of
from shared.run_config import RunConfig
from shared.wire import (
    Message,
    PolicyRef,
    StepHead,
)


def head_of(run: Run, day: Day, step: Step) -> StepHead:
    """What every task of a step carries; its configuration is the run's as the day's role changes it."""
    config = config_of(day.role, RunConfig.model_validate(run.config))
    return StepHead(step_id=step.id, fence=step.attempt, run=run.name, date=day.date, config=config)


def policy_of(session: Session, day: Day) -> PolicyRef:
    """The policy that predicts a day."""
    checkpoint = reference(checkpoint_of(session, day.policy_day_id))
    return PolicyRef(name=checkpoint.id, checkpoint=checkpoint) if checkpoint else PolicyRef()


def parent_of(session: Session, day: Day) -> Checkpoint | None:
    """The checkpoint that a day's update starts from: that of the day before it in the chain, or of the warm start."""
    previous = before(session, day)
    return checkpoint_of(session, previous.id if previous else None)


def _fields(head: StepHead) -> dict[str, object]:
    return {name: getattr(head, name) for name in type(head).model_fields}


def _remember(step: Step, seconds: float, figures: Json) -> None:
    step.seconds, step.figures = seconds, storable(figures)


def _row(record: Message) -> dict[str, object]:
    return storable(record.model_dump(mode="json"))
