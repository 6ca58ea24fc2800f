"""When messages are sent: at the commit that makes a step ready, and so that no run fills the queue before others."""

from __future__ import annotations

from collections import defaultdict, deque

from services.coordinator.database import Sessions
from services.coordinator.runs.steps import note_queue_news
from services.coordinator.steps.outbox import Publisher
from shared.wire import StepKind
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start


class Queue:
    """A queue per kind of step, first in, first out."""

    def __init__(self) -> None:
        self.messages: dict[StepKind, deque[int]] = defaultdict(deque)

    def send(self, kind: StepKind, step_id: int) -> None:
        self.messages[kind].append(step_id)


def test_the_commit_that_creates_a_step_wakes_the_publisher(sessions: Sessions, start: Start) -> None:
    make_corpus(sessions, dates=3, per_day=1)
    woken: list[int] = []
    Publisher(sessions, Queue().send).wake_at_commit(lambda: woken.append(1))
    start(last=day(1))
    assert woken == [1]


def test_a_transaction_that_is_rolled_back_wakes_nothing(sessions: Sessions) -> None:
    woken: list[int] = []
    Publisher(sessions, Queue().send).wake_at_commit(lambda: woken.append(1))
    with sessions() as session:
        note_queue_news(session, "announced")
        session.rollback()
    assert woken == []


def test_a_claim_wakes_the_publisher_only_if_messages_are_held_back(
    sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=2, per_day=3)
    start(last=day(0), generate_chunk=1)
    woken: list[int] = []
    publisher = Publisher(sessions, Queue().send, per_run=2)
    publisher.wake_at_commit(lambda: woken.append(1))
    first, second, _ = worker.queued("RUN")
    assert publisher.publish_round() == 2
    worker.take(first)
    assert woken == [1]
    assert publisher.publish_round() == 1
    worker.take(second)
    assert woken == [1]


def test_a_run_has_a_bounded_number_of_messages_in_the_queue(
    sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=2, per_day=5)
    start(last=day(0), generate_chunk=1)
    ids, queue = worker.queued("RUN"), Queue()
    publisher = Publisher(sessions, queue.send, per_run=2)
    publisher.publish_round()
    publisher.publish_round()
    assert list(queue.messages["generate"]) == ids[:2]
    worker.take(ids[0])
    publisher.publish_round()
    assert list(queue.messages["generate"]) == ids[:3]


def test_lost_messages_that_are_announced_again_are_sent_within_the_bound(
    sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=2, per_day=3)
    start(last=day(0), generate_chunk=1)
    ids, queue = worker.queued("RUN"), Queue()
    publisher = Publisher(sessions, queue.send, per_run=2)
    publisher.publish_round()
    sql("insert into outbox (step_id, kind) select id, kind from steps where sent_at is not null order by id")
    queue.messages.clear()
    assert publisher.publish_round() == 2
    # The one that was held back came first into the outbox.
    assert list(queue.messages["generate"]) == [ids[2], ids[0]]


def test_runs_alternate_in_the_queue(sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=2, per_day=3)
    for name in ("FIRST", "SECOND"):
        start(name, last=day(0), generate_chunk=1)
    first, second, queue = worker.queued("FIRST"), worker.queued("SECOND"), Queue()
    Publisher(sessions, queue.send).publish_round()
    alternating = [step_id for pair in zip(first, second, strict=True) for step_id in pair]
    assert list(queue.messages["generate"]) == alternating


def test_a_run_of_two_days_beside_one_of_four_hundred_ends_in_a_bounded_number_of_steps(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=401, per_day=1)
    # The worst case: no day waits for another, so that 400 steps are ready before the short run begins.
    start("LONG", last=day(399), train=False, max_parallel_days=400)
    queue = Queue()
    publisher = Publisher(sessions, queue.send, per_run=8)
    while publisher.publish():
        pass
    start("SHORT", last=day(1), train=False)
    rounds = 0
    while get("/backfills/SHORT")["state"] != "completed":
        publisher.publish_round()
        for kind in ("generate", "evaluate"):
            if queue.messages[kind]:
                worker.do(queue.messages[kind].popleft())
        rounds += 1
        assert rounds <= 400, "the short run is starved"
    # One worker of each kind. Two stages, and in each at most 8 messages of the long run before and 2 of its own.
    assert rounds <= 2 * (8 + 2)
    assert get("/backfills/LONG")["state"] == "running"
