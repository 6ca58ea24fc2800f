"""The Celery task that does evaluate steps: it translates and delegates."""

from __future__ import annotations

from celery import Celery, Task

from services.evaluator.dependencies import Dependencies
from services.evaluator.service import evaluate
from shared.errors import InvalidInputError
from shared.wire import EvaluateTask, Result
from shared.wire import Task as Step
from shared.worker.celery import task_name
from shared.worker.steps import Coordinator, Handler, Lease, Meter, work_on


def make_handler(tools: Dependencies) -> Handler:
    """The handler of evaluate steps with what its process has."""

    def handle(step: Step, lease: Lease) -> Result:
        if not isinstance(step, EvaluateTask):
            raise InvalidInputError(f"kind: an evaluator was given a step of kind {step.kind}")
        return evaluate(step, lease, tools)

    return handle


def make_task(app: Celery, coordinator: Coordinator, handler: Handler, meter: Meter | None = None) -> Task:
    """Register the task on the application."""

    @app.task(name=task_name("evaluate"))  # type: ignore[untyped-decorator]
    def run_step(step_id: int) -> str:
        return work_on(step_id, coordinator, handler, meter)

    return run_step
