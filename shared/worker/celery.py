"""The Celery application: names, queues and the settings that keep a message from being lost or run for ever.

Truth lives in Postgres; a message carries a step id and nothing else. The reason for each setting is in
docs/operations.md.
"""

from __future__ import annotations

from celery import Celery
from celery.signals import worker_process_init

from shared.process import signal_on_parent_exit
from shared.wire import StepKind

VISIBILITY_TIMEOUT = 24 * 3600
"""Seconds before Redis offers an unacknowledged message again: above any step, so that leases decide."""


def task_name(kind: StepKind) -> str:
    """The Celery task that handles steps of a kind."""
    return f"morrow.{kind}"


def make_celery(broker_url: str, name: str = "morrow") -> Celery:
    """A Celery application on a Redis broker; queues are named after the step kinds."""
    app = Celery(name, broker=broker_url)
    transport = {"visibility_timeout": VISIBILITY_TIMEOUT, "socket_keepalive": True}
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_routes={task_name(kind): {"queue": kind} for kind in ("generate", "evaluate", "train")},
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_soft_shutdown_timeout=5.0,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=transport,
        result_backend_transport_options=transport,
        visibility_timeout=VISIBILITY_TIMEOUT,
    )
    return app


def _tie_to_worker(**_: object) -> None:
    # A pool process that outlives a killed worker would hold its lease with nobody to restart it.
    signal_on_parent_exit()


worker_process_init.connect(_tie_to_worker)
