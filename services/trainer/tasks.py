"""The Celery task that does train steps: it translates and delegates."""

from __future__ import annotations

from celery import Celery, Task

from services.trainer.settings import TrainerSettings
from services.trainer.step import train
from shared.checkpoints import CheckpointStore
from shared.errors import InvalidInputError
from shared.wire import Result, TrainTask
from shared.wire import Task as Step
from shared.worker.celery import task_name
from shared.worker.steps import Coordinator, Handler, Lease, Meter, work_on


def make_handler(store: CheckpointStore, settings: TrainerSettings) -> Handler:
    """The handler of train steps with its checkpoint store."""

    def handle(step: Step, lease: Lease) -> Result:
        if not isinstance(step, TrainTask):
            raise InvalidInputError(f"kind: a trainer was given a step of kind {step.kind}")
        return train(step, lease, store, settings)

    return handle


def make_task(app: Celery, coordinator: Coordinator, handler: Handler, meter: Meter | None = None) -> Task:
    """Register the task on the application."""

    @app.task(name=task_name("train"))  # type: ignore[untyped-decorator]
    def run_step(step_id: int) -> str:
        return work_on(step_id, coordinator, handler, meter)

    return run_step
