"""Transactional outbox: sends the messages of committed transactions, deletes each once the broker has accepted it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import redis
from celery import Celery
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import Row, Subquery, and_, delete, event, false, func, select, update
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions
from services.coordinator.models import Day, Outbox, Step
from services.coordinator.runs.steps import QUEUE_NEWS, QueueNews
from services.coordinator.states import StepState
from shared.errors import UnavailableError, message_of
from shared.wire import StepKind
from shared.worker.celery import task_name

Send = Callable[[StepKind, int], None]
"""Sends a message about a step of a kind to the broker. Raises UnavailableError."""
Backlog = Callable[[StepKind], int]
"""Number of messages in the queue of a kind. Raises UnavailableError."""

BROKER_ERRORS = (BrokerError, KombuError, redis.RedisError, OSError)
PER_RUN = 16
"""Messages of a run and a kind in the queue at once, by default."""
BROKER_TIMEOUT = 5.0
"""Seconds the broker may take to connect or to answer."""


def with_timeouts(app: Celery) -> Celery:
    """The application with timeouts towards the broker and a single retry: the outbox itself repeats failed sends."""
    options = {"socket_connect_timeout": BROKER_TIMEOUT, "socket_timeout": BROKER_TIMEOUT}
    options |= {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **options}
    return app


def sender(app: Celery) -> Send:
    """A function that sends Celery messages with a step id as their only argument."""

    def send(kind: StepKind, step_id: int) -> None:
        try:
            app.send_task(task_name(kind), args=[step_id], retry=False)
        except BROKER_ERRORS as error:
            raise UnavailableError(f"the broker does not accept messages: {message_of(error)}") from error

    return send


def backlog_of(app: Celery) -> Backlog:
    """A function that returns the length of a kind's queue."""

    def backlog(kind: StepKind) -> int:
        try:
            with app.connection_for_read() as connection:
                return int(connection.default_channel.client.llen(kind))
        except BROKER_ERRORS as error:
            raise UnavailableError(f"the broker does not answer: {message_of(error)}") from error

    return backlog


class Publisher:
    """Sends the outbox's messages whose steps are due, up to `limit` a round.

    At most `per_run` messages of a run and a kind are in the queue at once, so that no run fills it before others: the
    rest is held back until workers have claimed some.
    """

    def __init__(self, sessions: Sessions, send: Send, *, per_run: int = PER_RUN, limit: int = 100) -> None:
        self._sessions, self._send = sessions, send
        self._per_run, self._limit = per_run, limit
        self._holds_back = False

    def wake_at_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit of this process that lets a message be sent, so that none waits for a poll."""

        def committed(session: Session) -> None:
            news: QueueNews | None = session.info.pop(QUEUE_NEWS, None)
            if news == "announced" or (news == "claimed" and self._holds_back):
                wake()

        event.listen(self._sessions, "after_commit", committed)

    def publish(self) -> bool:
        """Send and record one round of messages; returns whether the round was full, so that more may wait."""
        return self.publish_round() == self._limit

    def publish_round(self) -> int:
        """Send one round of messages; returns the number of rows sent or dropped.

        Rows that another coordinator has locked are left to it. Raises UnavailableError after recording the sent ones.
        """
        failure: UnavailableError | None = None
        with self._sessions.begin() as session:
            due = _due(session, self._limit, self._per_run)
            self._holds_back = any(row.held for row in due)
            handled: list[int] = []
            sent: list[int] = []
            for row in (row for row in due if not row.held):
                # The message of a step that is no longer queued has lost its purpose: it is deleted unsent.
                if row.state == "queued":
                    try:
                        self._send(row.kind, row.step_id)
                    except UnavailableError as error:
                        failure = error
                        break
                    sent.append(row.step_id)
                handled.append(row.id)
            if handled:
                _record_sent(session, handled, sent)
        if failure:
            raise failure
        return len(handled)


def _due(session: Session, limit: int, per_run: int) -> Sequence[Row[int, int, StepKind, StepState, bool]]:
    """Up to `limit` rows, runs alternating, and of each run and kind the first that is held back, marked as `held`."""
    waiting, queued = _waiting(), _queued()
    same = and_(queued.c.run_id == waiting.c.run_id, queued.c.kind == waiting.c.kind)
    place = waiting.c.place + func.coalesce(queued.c.messages, 0)
    query = (
        select(
            Outbox.id, Outbox.step_id, Outbox.kind, Step.state, func.coalesce(place > per_run, false()).label("held")
        )
        .join(Step, Step.id == Outbox.step_id)
        .outerjoin(waiting, waiting.c.id == Outbox.id)
        .outerjoin(queued, same)
        .where((waiting.c.place == 1) | (place <= per_run + 1) | (Step.state != "queued"))
        # By place, runs alternate; by id, the messages of a run keep their order.
        .order_by(place, Outbox.id)
        .limit(limit)
        .with_for_update(of=Outbox, skip_locked=True)
    )
    return session.execute(query).all()


def _waiting() -> Subquery:
    """Rows of the outbox that are due, each with its place (from 1) among those of its run and kind."""
    place = func.row_number().over(partition_by=(Day.run_id, Outbox.kind), order_by=Outbox.id)
    due = select(Outbox.id, Outbox.kind, Day.run_id, place.label("place"))
    due = due.join(Step, Step.id == Outbox.step_id).join(Day, Day.id == Step.day_id)
    return due.where(Step.state == "queued", Step.next_attempt_at <= func.clock_timestamp()).subquery()


def _queued() -> Subquery:
    """The number of messages in the queue by run and kind: of steps that were sent and are neither claimed since nor
    announced again."""
    again = select(Outbox.id).where(Outbox.step_id == Step.id).exists()
    sent = select(Day.run_id, Step.kind, func.count().label("messages")).join(Day, Day.id == Step.day_id)
    sent = sent.where(Step.state == "queued", Step.sent_at.is_not(None), ~again)
    return sent.group_by(Day.run_id, Step.kind).subquery()


def _record_sent(session: Session, handled: Sequence[int], sent: Sequence[int]) -> None:
    session.execute(delete(Outbox).where(Outbox.id.in_(handled)))
    # A locked step is being claimed or cancelled: waiting could deadlock, and it needs no `sent_at`.
    free = select(Step.id).where(Step.id.in_(sent)).with_for_update(skip_locked=True)
    session.execute(
        update(Step).where(Step.id.in_(free)).values(sent_at=func.clock_timestamp()),
        execution_options={"synchronize_session": False},
    )
