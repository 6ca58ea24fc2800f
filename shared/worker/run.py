"""Runs a Celery worker of one step kind: the composition that the three workers share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from celery import Celery, Task

from shared.errors import InvalidInputError
from shared.logging import configure_logging
from shared.settings import WorkerSettings
from shared.wire import EvaluateTask, GenerateTask, Result, StepKind, TrainTask
from shared.wire import Task as Step
from shared.worker.celery import make_celery, task_name
from shared.worker.load import Load
from shared.worker.metrics import WorkerMetrics, serve, serve_from_pool
from shared.worker.pool import MAX_STEPS, fill_engine
from shared.worker.steps import Coordinator, Handler, HttpCoordinator, Lease, Meter, work_on

T = TypeVar("T", GenerateTask, EvaluateTask, TrainTask)


def handler_of(kind: StepKind, task_type: type[T], handle: Callable[[T, Lease], Result]) -> Handler:
    """A handler that passes steps of one kind to `handle` and raises InvalidInputError for any other."""

    def checked(step: Step, lease: Lease) -> Result:
        if not isinstance(step, task_type):
            raise InvalidInputError(f"kind: a {kind} worker got a step of kind {step.kind}")
        return handle(step, lease)

    return checked


def register(
    app: Celery,
    kind: StepKind,
    coordinator: Coordinator,
    handler: Handler,
    meter: Meter | None = None,
    load: Load | None = None,
) -> Task:
    """Register the Celery task of a step kind on the application. Its argument is a step id."""

    # Not shared: Celery would otherwise add the task to every other application of the process.
    @app.task(name=task_name(kind), shared=False)  # type: ignore[untyped-decorator]
    def run_step(step_id: int) -> str:
        try:
            return work_on(step_id, coordinator, handler, meter)
        finally:
            if load is not None:
                load.leave(step_id)

    return run_step


def run(
    kind: StepKind,
    task_type: type[T],
    handle: Callable[[T, Lease], Result],
    settings: WorkerSettings,
    load: Load | None = None,
) -> None:
    """Consume the queue of a step kind until SIGTERM or SIGINT. `handle` does one step and returns its result.

    A worker does one step at a time, in a process of its own; with `load`, in threads, as many as that has room for.
    """
    configure_logging(settings.log_level)
    app = make_celery(settings.broker_url)
    coordinator = HttpCoordinator.at(
        settings.coordinator_url, settings.request_timeout, settings.token.get_secret_value()
    )
    metrics = WorkerMetrics(kind)
    (serve if load else serve_from_pool)(metrics, settings.metrics_host, settings.metrics_port)
    register(app, kind, coordinator, handler_of(kind, task_type, handle), metrics, load)
    if load is not None:
        fill_engine(app, load)
    # One pool child: such a step already fills the processor. Workers need nothing from one another.
    options: list[str] = [
        "-Q",
        kind,
        "-c",
        str(MAX_STEPS if load else 1),
        "--without-mingle",
        "--without-gossip",
        "-n",
        f"{kind}-{os.getpid()}@%h",
    ]
    app.worker_main(["worker", *options, "--loglevel", settings.log_level])
