"""A pool of threads for steps that wait for an engine, and the gate that lets it take one more of them.

Celery's own rule takes a message whenever a pool has a free thread. This worker takes the next step only while its
engine has rows to spare; until then the message stays in the queue, for another worker.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, bootsteps
from celery.concurrency.thread import TaskPool
from celery.signals import worker_shutting_down
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

from shared.worker.load import Load

MAX_STEPS = 32
"""Steps that a worker holds at once, however many rows its engine decodes."""
LOOK_EVERY = 0.05
"""Seconds between two looks whether there is room: nothing else wakes Celery's loop when rows end."""


class StepPool(TaskPool):  # type: ignore[misc]
    """Celery's threads. A cold shutdown revokes the leases, which ends the steps; there is no process to kill."""

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Nothing."""


def fill_engine(app: Celery, load: Load) -> None:
    """Let a worker of this application do steps in threads, as many as `load` has room for."""

    class Gate(bootsteps.StartStopStep):  # type: ignore[misc]
        requires = (Tasks,)

        def start(self, consumer: Any) -> None:
            """Put the rule in front of the channel's own; a reconnected consumer has a new channel."""
            qos = consumer.task_consumer.channel.qos
            may_consume = qos.can_consume
            qos.can_consume = lambda: load.has_room(len(state.reserved_requests)) and may_consume()

        def register_with_event_loop(self, consumer: Any, hub: Any) -> None:
            """Look regularly."""
            hub.call_repeatedly(LOOK_EVERY, lambda: None)

    def revoke(how: str, **_: object) -> None:
        if how == "Cold":
            load.revoke("the worker is shutting down")

    app.steps["consumer"].add(Gate)
    app.conf.update(
        worker_pool="shared.worker.pool:StepPool",
        worker_concurrency=MAX_STEPS,
        # After a reconnect Redis delivers the messages again; the coordinator refuses their claims while the steps run.
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    worker_shutting_down.connect(revoke, weak=False)
