"""The Celery task that does generate steps: it translates and delegates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from celery import Celery, Task

from shared.errors import InvalidInputError
from shared.wire import GenerateResult, GenerateTask, Result
from shared.wire import Task as Step
from shared.worker.celery import task_name
from shared.worker.steps import Coordinator, Handler, Lease, Meter, work_on

Generate = Callable[[GenerateTask, Lease], Awaitable[GenerateResult]]


def make_handler(generate: Generate) -> Handler:
    """The handler of generate steps: each runs in an event loop of its own."""

    def handle(step: Step, lease: Lease) -> Result:
        if not isinstance(step, GenerateTask):
            raise InvalidInputError(f"kind: an inference worker was given a step of kind {step.kind}")

        async def run() -> GenerateResult:
            return await generate(step, lease)

        return asyncio.run(run())

    return handle


def make_task(app: Celery, coordinator: Coordinator, handler: Handler, meter: Meter | None = None) -> Task:
    """Register the task on the application."""

    @app.task(name=task_name("generate"))  # type: ignore[untyped-decorator]
    def run_step(step_id: int) -> str:
        return work_on(step_id, coordinator, handler, meter)

    return run_step
