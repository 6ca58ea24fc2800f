"""A pool of threads for steps that wait for an engine, and the gate that lets it take one more of them.

Celery's own rule takes a message whenever a pool has a free thread. This worker takes the next step only while its
engine has rows to spare; until then the message stays in the queue, for another worker.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, bootsteps
from celery.concurrency.thread import TaskPool
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

from shared.worker.load import Load

MAX_STEPS = 32
"""Steps that a worker holds at once, however many rows its engine decodes."""
LOOK_EVERY = 0.05
"""Seconds between two looks whether there is room: nothing else wakes Celery's loop when rows end."""


def fill_engine(app: Celery, load: Load) -> None:
    """Let a worker of this application do steps in threads, as many as `load` has room for."""
    app.steps["consumer"].add(gate_of(load))
    app.conf.update(
        worker_pool=pool_of(load),
        worker_concurrency=MAX_STEPS,
        # After a reconnect Redis delivers the messages again; the coordinator refuses their claims while the steps run.
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )


def gate_of(load: Load) -> type[Any]:
    """A part of Celery's consumer that takes a message only while `load` has room."""

    class Gate(bootsteps.StartStopStep):  # type: ignore[misc]
        requires = (Tasks,)

        def start(self, consumer: Any) -> None:
            """Put the rule in front of the channel's own; a reconnected consumer has a new channel."""
            qos = consumer.task_consumer.channel.qos
            may_consume = qos.can_consume
            qos.can_consume = lambda: load.has_room(len(state.reserved_requests)) and may_consume()

        def register_with_event_loop(self, _: Any, hub: Any) -> None:
            """Look regularly."""
            hub.call_repeatedly(LOOK_EVERY, lambda: None)

    return Gate


def pool_of(load: Load) -> type[Any]:
    """Celery's threads. They cannot be killed: where Celery would, at a cold shutdown, the leases are revoked."""

    class StepPool(TaskPool):  # type: ignore[misc]
        def terminate_job(self, pid: int, signal: int | None = None) -> None:  # noqa: ARG002 - as Celery calls it
            """End all steps; their threads end with them."""
            load.revoke("the worker is shutting down")

    return StepPool
