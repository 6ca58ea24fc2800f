"""Delivery from the outbox to a real broker, and the recovery of lost messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from celery import Celery

from services.coordinator.database import Sessions
from services.coordinator.steps.outbox import Publisher, backlog_of, sender, with_timeouts
from services.coordinator.steps.sweeper import resend_lost
from shared.errors import UnavailableError
from shared.wire import StepKind
from shared.worker.celery import make_celery
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Sql, Start


@pytest.fixture
def broker(broker_url: str) -> Iterator[redis.Redis]:
    """The broker, emptied."""
    with redis.Redis.from_url(broker_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def celery(broker_url: str) -> Iterator[Celery]:
    """The Celery application that the coordinator sends with."""
    with with_timeouts(make_celery(broker_url)) as app:
        yield app


@pytest.fixture
def run(sessions: Sessions, start: Start) -> str:
    """A run of which two generate steps wait in the outbox."""
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(1))
    return "RUN"


def step_ids(broker: redis.Redis, queue: str) -> list[int]:
    """The step ids of the messages in a queue, in the order in which workers would get them."""
    messages = [json.loads(raw) for raw in broker.lrange(queue, 0, -1)]
    assert all(message["headers"]["task"] == f"morrow.{queue}" for message in messages)
    return [json.loads(base64.b64decode(message["body"]))[0][0] for message in reversed(messages)]


def test_a_celery_message_carries_the_step_id_to_the_queue_of_its_kind(
    sessions: Sessions, broker: redis.Redis, celery: Celery, worker: FakeWorker, run: str, sql: Sql
) -> None:
    assert Publisher(sessions, sender(celery)).publish_round() == 2
    assert step_ids(broker, "generate") == worker.queued(run)
    assert sql("select count(*) from outbox")[0][0] == 0
    assert sql("select count(*) from steps where sent_at is null")[0][0] == 0
    assert Publisher(sessions, sender(celery)).publish_round() == 0
    assert backlog_of(celery)("generate") == 2
    assert backlog_of(celery)("train") == 0


def test_two_publishers_send_each_message_once(sessions: Sessions, run: str) -> None:
    sent: list[int] = []

    def send(_: StepKind, step_id: int) -> None:
        sent.append(step_id)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(Publisher(sessions, send).publish_round) for _ in range(3)]:
            done.result()
    assert sorted(sent) == sorted(set(sent))
    assert len(sent) == 2


def test_message_refused_by_the_broker_stays_in_the_outbox(sessions: Sessions, worker: FakeWorker, run: str) -> None:
    sent: list[int] = []

    def send(_: StepKind, step_id: int) -> None:
        if sent:
            raise UnavailableError("full")
        sent.append(step_id)

    with pytest.raises(UnavailableError):
        Publisher(sessions, send).publish_round()
    first, second = worker.queued(run)
    assert sent == [first]
    again: list[int] = []
    Publisher(sessions, lambda _, step_id: again.append(step_id)).publish_round()
    assert again == [second]


def test_absent_broker_is_unavailable(sessions: Sessions, run: str, sql: Sql) -> None:
    with with_timeouts(make_celery("redis://127.0.0.1:1/0")) as away:
        with pytest.raises(UnavailableError, match="the broker does not accept messages"):
            Publisher(sessions, sender(away)).publish_round()
        with pytest.raises(UnavailableError, match="the broker does not answer"):
            backlog_of(away)("generate")
    assert sql("select count(*) from outbox")[0][0] == 2


def test_messages_of_steps_that_are_not_queued_are_deleted_unsent(
    sessions: Sessions, worker: FakeWorker, run: str, sql: Sql
) -> None:
    worker.take(worker.queued(run)[0])
    sent: list[int] = []
    assert Publisher(sessions, lambda _, step_id: sent.append(step_id)).publish_round() == 2
    assert sent == worker.queued(run)


def test_a_message_waits_for_its_step_to_be_due(sessions: Sessions, worker: FakeWorker, run: str, sql: Sql) -> None:
    Publisher(sessions, lambda *_: None).publish_round()
    step_id = worker.queued(run)[0]
    worker.fail(worker.take(step_id))
    sql("update steps set next_attempt_at = now() + interval '1 hour'")
    sent: list[Any] = []
    assert Publisher(sessions, lambda *message: sent.append(message)).publish_round() == 0
    sql("update steps set next_attempt_at = now()")
    assert Publisher(sessions, lambda *message: sent.append(message)).publish_round() == 1
    assert sent == [("generate", step_id)]


def test_lost_messages_are_sent_again(
    sessions: Sessions, broker: redis.Redis, celery: Celery, worker: FakeWorker, run: str, sql: Sql
) -> None:
    Publisher(sessions, sender(celery)).publish_round()
    broker.flushall()
    assert resend_lost(sessions, backlog_of(celery), 20.0) == 0
    sql("update steps set sent_at = sent_at - interval '21 s', next_attempt_at = next_attempt_at - interval '21 s'")
    assert resend_lost(sessions, backlog_of(celery), 20.0) == 2
    assert resend_lost(sessions, backlog_of(celery), 20.0) == 0
    Publisher(sessions, sender(celery)).publish_round()
    assert step_ids(broker, "generate") == worker.queued(run)
    assert resend_lost(sessions, backlog_of(celery), 20.0) == 0


def age(sql: Sql) -> None:
    sql("delete from outbox")
    sql("update steps set sent_at = now() - interval '1 hour', next_attempt_at = now() - interval '1 hour'")


def test_steps_that_wait_behind_others_are_not_sent_again(sessions: Sessions, run: str, sql: Sql) -> None:
    age(sql)
    assert resend_lost(sessions, lambda _: 1, 20.0) == 0
    assert resend_lost(sessions, lambda _: 0, 20.0) == 2


def test_a_paused_runs_steps_are_not_sent_again(sessions: Sessions, run: str, sql: Sql) -> None:
    age(sql)
    sql("update runs set state = 'paused'")
    assert resend_lost(sessions, lambda _: 0, 20.0) == 0


def test_leased_steps_are_not_announced_again(sessions: Sessions, worker: FakeWorker, run: str, sql: Sql) -> None:
    first, second = worker.queued(run)
    worker.take(first)
    age(sql)
    assert resend_lost(sessions, lambda _: 0, 20.0) == 1
    assert [row.step_id for row in sql("select step_id from outbox")] == [second]
