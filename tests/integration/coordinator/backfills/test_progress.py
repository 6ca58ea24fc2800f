"""The number of steps that a run is expected to take, from its creation to its end."""

from __future__ import annotations

from services.coordinator.database import Sessions
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.backfills.test_lifecycle import appear
from tests.integration.coordinator.conftest import Get, Sql, Start


def total(get: Get) -> tuple[int, float]:
    progress = get("/backfills/RUN")["progress"]
    return progress["steps_total"], progress["fraction"]


def test_total_shrinks_with_headlines_left_out_for_look_ahead(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=5, per_day=3)
    appear(sql, day(2), f"{day(1)} 09:01Z", position=0)
    begun = start(last=day(3), generate_chunk=2)
    assert begun["progress"]["steps_total"] == 4 * (2 + 1 + 1)
    worker.do_all("RUN")
    assert total(get) == (3 * (2 + 1 + 1) + (1 + 1 + 1), 1.0)


def test_total_loses_the_steps_of_a_dropped_day(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=6, per_day=2)
    appear(sql, day(2), f"{day(1)} 08:00Z")
    assert start(last=day(4))["progress"]["steps_total"] == 5 * 3
    worker.do_all("RUN")
    assert total(get) == (4 * 3, 1.0)


def test_total_stays_when_a_failed_day_is_retried(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=3)
    before = start(last=day(1), ab_share=0.5)["progress"]["steps_total"]
    worker.fail(worker.take(worker.queued("RUN")[0]), retryable=False)
    assert total(get)[0] == before
    answer = worker.client.post("/v1/backfills/RUN/retry", json={})
    assert answer.json()["progress"]["steps_total"] == before
    worker.do_all("RUN")
    assert total(get) == (before, 1.0)
