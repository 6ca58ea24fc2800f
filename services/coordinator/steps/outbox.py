"""Sends what committed transactions announced, and forgets a message only once the broker has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import redis
from celery import Celery
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions
from services.coordinator.models import Outbox, Step
from services.coordinator.states import StepState
from shared.errors import UnavailableError
from shared.wire import StepKind
from shared.worker.celery import task_name

Send = Callable[[StepKind, int], None]
"""Hands a step of a kind to the broker; raises UnavailableError."""
Backlog = Callable[[StepKind], int]
"""How many messages wait in the queue of a kind; raises UnavailableError."""

BROKER_ERRORS = (BrokerError, KombuError, redis.RedisError, OSError)
BROKER_TIMEOUT = 5.0
"""Seconds the broker may take to connect or to answer; the coordinator only sends, so it never waits for messages."""


def with_timeouts(app: Celery) -> Celery:
    """The application, made to give a silent broker up: whoever sends tries again by himself."""
    options = {"socket_connect_timeout": BROKER_TIMEOUT, "socket_timeout": BROKER_TIMEOUT}
    options |= {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **options}
    return app


def sender(app: Celery) -> Send:
    """Sends Celery messages that carry a step id and nothing else."""

    def send(kind: StepKind, step_id: int) -> None:
        try:
            app.send_task(task_name(kind), args=[step_id], retry=False)
        except BROKER_ERRORS as error:
            raise UnavailableError(f"the broker does not take messages: {error}") from error

    return send


def backlog_of(app: Celery) -> Backlog:
    """Measures the broker's queues."""

    def backlog(kind: StepKind) -> int:
        try:
            with app.connection_for_read() as connection:
                return int(connection.default_channel.client.llen(kind))
        except BROKER_ERRORS as error:
            raise UnavailableError(f"the broker does not answer: {error}") from error

    return backlog


def publish_due(sessions: Sessions, send: Send, most: int = 100) -> int:
    """Send up to `most` messages whose steps are due and answer how many rows were dealt with.

    Rows that another coordinator holds are left to it. Raises UnavailableError once what was sent is written down.
    """
    failure: UnavailableError | None = None
    with sessions.begin() as session:
        dealt: list[int] = []
        sent: list[int] = []
        for row in _due(session, most):
            if row.state == "queued":
                try:
                    send(row.kind, row.step_id)
                except UnavailableError as error:
                    failure = error
                    break
                sent.append(row.step_id)
            dealt.append(row.id)
        _write_down(session, dealt, sent)
    if failure:
        raise failure
    return len(dealt)


def _due(session: Session, most: int) -> Sequence[Row[int, int, StepKind, StepState]]:
    query = (
        select(Outbox.id, Outbox.step_id, Outbox.kind, Step.state)
        .join(Step, Step.id == Outbox.step_id)
        .where((Step.next_attempt_at <= func.clock_timestamp()) | (Step.state != "queued"))
        .order_by(Outbox.id)
        .limit(most)
        .with_for_update(of=Outbox, skip_locked=True)
    )
    return session.execute(query).all()


def _write_down(session: Session, dealt: Sequence[int], sent: Sequence[int]) -> None:
    session.execute(delete(Outbox).where(Outbox.id.in_(dealt)))
    # A locked step is being claimed or cancelled: waiting could deadlock, and it needs no time of sending.
    free = select(Step.id).where(Step.id.in_(sent)).with_for_update(skip_locked=True)
    session.execute(
        update(Step).where(Step.id.in_(free)).values(sent_at=func.clock_timestamp()),
        execution_options={"synchronize_session": False},
    )
