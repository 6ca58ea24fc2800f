"""Workers, publishers, sweepers and control requests at once: no deadlock, no lost step, no result stored twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue

from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions
from services.coordinator.steps.outbox import Publisher
from services.coordinator.steps.sweeper import expire_leases, resend_lost
from shared.wire import StepKind
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start

RUNS = ("FIRST", "SECOND", "DOOMED")


class Broker:
    """A queue in memory that delivers some messages twice and loses others."""

    def __init__(self, seed: int) -> None:
        self.messages: SimpleQueue[int] = SimpleQueue()
        self.random = random.Random(seed)  # noqa: S311 - faults, no secret

    def send(self, kind: StepKind, step_id: int) -> None:
        for _ in range(self.random.choice([0, 1, 1, 2])):
            self.messages.put(step_id)

    def backlog(self, _: StepKind) -> int:
        return self.messages.qsize()


def work(worker: FakeWorker, broker: Broker, over: threading.Event, seed: int) -> None:
    """Do what is delivered; now and then fail, or fall silent after claiming."""
    chance = random.Random(seed)  # noqa: S311 - faults, no secret
    while not over.is_set():
        try:
            answer = worker.claim(broker.messages.get(timeout=0.05))
        except Empty:
            continue
        if answer.task is None or chance.random() < 0.1:
            continue
        if chance.random() < 0.1:
            worker.fail(answer.task)
            continue
        posted = worker.post(answer.task)
        assert posted.status_code in {200, 409}, posted.text


def repeat(over: threading.Event, every: float, *chores: Callable[[], object]) -> None:
    while not over.wait(every):
        for chore in chores:
            chore()


def test_faults_and_control_under_load_change_nothing_in_what_is_stored(
    sessions: Sessions, crowd: FakeWorker, start: Start, get: Get, sql: Sql
) -> None:
    make_corpus(sessions, dates=4, per_day=2)
    for name in RUNS:
        start(name, last=day(2), generate_chunk=1, evaluate_chunk=1, max_attempts=50)
    broker, over, backoff = Broker(7), threading.Event(), Backoff(0.0)

    def press(action: str, name: str) -> None:
        assert crowd.client.post(f"/v1/backfills/{name}/{action}").status_code == 200

    def finished() -> bool:
        return all(get(f"/backfills/{name}")["state"] == "completed" for name in RUNS[:2])

    with ThreadPoolExecutor(10) as pool:
        jobs: list[Future[None]] = [pool.submit(work, crowd, broker, over, seed) for seed in range(4)]
        for _ in range(2):
            jobs.append(pool.submit(repeat, over, 0.02, Publisher(sessions, broker.send).publish_round))
            jobs.append(pool.submit(repeat, over, 0.05, lambda: expire_leases(sessions, backoff)))
        jobs.append(pool.submit(repeat, over, 0.05, lambda: resend_lost(sessions, broker.backlog, 0.2)))
        silent = "update steps set lease_until = now() where state = 'leased' and started_at < now() - interval '1 s'"
        jobs.append(pool.submit(repeat, over, 0.2, lambda: sql(silent)))
        try:
            press("pause", "FIRST")
            press("cancel", "DOOMED")
            press("resume", "FIRST")
            done = threading.Event()
            while not finished() and not any(job.done() for job in jobs):
                done.wait(0.1)
        finally:
            over.set()
        for job in jobs:
            job.result()
    for name in RUNS[:2]:
        assert get(f"/backfills/{name}")["days"] == {"published": 3}
        assert len(get(f"/backfills/{name}/rollouts")) == len(get(f"/backfills/{name}/evaluations")) == 3 * 2 * 2
        chain = get(f"/backfills/{name}/checkpoints")
        assert [found["parent"] for found in chain] == [None, *(found["id"] for found in chain[:-1])]
    doomed = get("/backfills/DOOMED")
    assert (doomed["state"], doomed["days"]) == ("cancelled", {"cancelled": 3})
