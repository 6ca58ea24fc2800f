"""What a claimed step is given to work on, built from the stored rows."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.coordinator.models import Day, Run, Step
from services.coordinator.steps.kinds.evaluate import evaluate_task
from services.coordinator.steps.kinds.generate import _generate
from services.coordinator.steps.kinds.head import _fields, head_of
from services.coordinator.steps.kinds.train import _train
from shared.wire import (
    Task,
)


def build_task(session: Session, run: Run, day: Day, step: Step) -> Task:
    """The payload of a step under its present fence."""
    head = head_of(run, day, step)
    if step.kind == "generate":
        return _generate(session, head, day, step)
    if step.kind == "evaluate":
        return evaluate_task(session, _fields(head), head.config, run, day, step)
    return _train(session, head, day)
