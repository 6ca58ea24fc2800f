"""Claims, leases, fences and results."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions
from services.coordinator.steps.sweeper import expire_leases
from shared.wire import GenerateTask, Task
from tests.factories import day, generated
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start


def run_out(sql: Sql, sessions: Sessions) -> int:
    """Let every lease run out and have the sweeper see it."""
    sql("update steps set lease_until = now() - interval '1 second' where state = 'leased'")
    return expire_leases(sessions, Backoff(0.0))


def test_of_many_claims_at_once_exactly_one_is_granted(crowd: FakeWorker, step_id: int) -> None:
    barrier = threading.Barrier(6)

    def claim() -> str:
        barrier.wait()
        return crowd.claim(step_id).status

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(future.result() for future in [pool.submit(claim) for _ in range(6)])
    assert statuses == ["granted"] + ["leased"] * 5


def test_a_claim_carries_the_task_and_raises_the_fence(worker: FakeWorker, step_id: int, get: Get) -> None:
    answer = worker.claim(step_id)
    assert isinstance(answer.task, GenerateTask)
    assert (answer.lease_seconds, answer.task.fence, answer.task.run) == (30.0, 1, "RUN")
    assert answer.task.policy.name == "base"
    assert [headline.text for headline in answer.task.headlines] == [f"headline 0 of {day(0)}"]
    step = get(f"/steps/{step_id}")
    assert (step["state"], step["worker"], step["attempt"]) == ("leased", "fake", 1)
    assert [attempt["outcome"] for attempt in step["attempts"]] == ["running"]


def test_a_result_posted_twice_is_stored_once(worker: FakeWorker, step_id: int, sql: Sql) -> None:
    task = worker.take(step_id)
    result = worker.result(task)
    answers = [worker.post(task, result).json()["status"] for _ in range(3)]
    assert answers == ["accepted", "already", "already"]
    assert sql("select count(*) from rollouts")[0][0] == 2


def test_a_result_posted_by_many_at_once_is_stored_once(crowd: FakeWorker, step_id: int, sql: Sql) -> None:
    task = crowd.take(step_id)
    result = crowd.result(task)
    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(crowd.post, task, result) for _ in range(4)]]
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["already"] * 3
    assert sql("select count(*) from rollouts")[0][0] == 2


def test_a_done_step_is_not_granted_again(worker: FakeWorker, step_id: int) -> None:
    worker.do(step_id)
    assert worker.claim(step_id).status == "done"


def calls(client: TestClient, worker: FakeWorker, task: Task) -> list[Any]:
    renewed = client.post(f"/v1/steps/{task.step_id}/renew", json={"fence": task.fence})
    return [renewed, worker.post(task), worker.fail(task)]


def test_a_stale_fence_is_refused(
    client: TestClient, worker: FakeWorker, step_id: int, sessions: Sessions, sql: Sql
) -> None:
    old = worker.take(step_id)
    assert run_out(sql, sessions) == 1
    new = worker.take(step_id)
    assert (old.fence, new.fence) == (1, 2)
    for answer in calls(client, worker, old):
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:morrow:problem:stale-fence"
    assert sql("select count(*) from rollouts")[0][0] == 0
    assert worker.post(new).json() == {"status": "accepted"}


@pytest.mark.parametrize("fence", [0, 2, 99])
def test_unknown_fence_is_refused(worker: FakeWorker, step_id: int, fence: int) -> None:
    task = worker.take(step_id)
    assert worker.post(task, fence=fence).status_code == 409


def test_expired_lease_queues_the_step_again(
    worker: FakeWorker, step_id: int, get: Get, sessions: Sessions, sql: Sql
) -> None:
    worker.take(step_id)
    run_out(sql, sessions)
    step = get(f"/steps/{step_id}")
    assert (step["state"], step["lease_until"]) == ("queued", None)
    assert [attempt["outcome"] for attempt in step["attempts"]] == ["expired"]
    assert "the lease of worker fake ran out" in step["error"]
    assert sql("select count(*) from outbox where step_id = :id", id=step_id)[0][0] == 2


def test_expired_lease_stays_valid_until_another_worker_claims_the_step(
    client: TestClient, worker: FakeWorker, step_id: int, get: Get, sessions: Sessions, sql: Sql
) -> None:
    task = worker.take(step_id)
    run_out(sql, sessions)
    assert client.post(f"/v1/steps/{step_id}/renew", json={"fence": 1}).json()["go_on"]
    assert get(f"/steps/{step_id}")["state"] == "leased"
    run_out(sql, sessions)
    assert worker.post(task).json() == {"status": "accepted"}
    assert [attempt["outcome"] for attempt in get(f"/steps/{step_id}")["attempts"]] == ["accepted"]


def test_leases_that_expire_too_often_fail_step_day_and_run(
    worker: FakeWorker, step_id: int, get: Get, sessions: Sessions, sql: Sql
) -> None:
    for _ in range(3):
        worker.take(step_id)
        run_out(sql, sessions)
    assert worker.claim(step_id).status == "failed"
    [found] = get("/backfills/RUN/days")
    assert found["state"] == "failed"
    assert found["reason"].startswith("generate 0 failed at attempt 3: the lease of worker fake ran out")
    run = get("/backfills/RUN")
    assert run["state"] == "failed"
    assert run["reason"].startswith(f"day {day(0)}: generate 0 failed")


def test_two_sweepers_end_a_lease_once(worker: FakeWorker, step_id: int, sessions: Sessions, sql: Sql) -> None:
    worker.take(step_id)
    sql("update steps set lease_until = now() - interval '1 second'")
    with ThreadPoolExecutor(2) as pool:
        swept = [f.result() for f in [pool.submit(expire_leases, sessions, Backoff(0.0)) for _ in range(2)]]
    assert sorted(swept) == [0, 1]
    assert sql("select count(*) from events where kind = 'step.retry'")[0][0] == 1


def test_renewed_lease_does_not_expire(
    client: TestClient, worker: FakeWorker, step_id: int, sessions: Sessions, sql: Sql
) -> None:
    task = worker.take(step_id)
    sql("update steps set lease_until = now() + interval '1 second'")
    assert client.post(f"/v1/steps/{step_id}/renew", json={"fence": task.fence}).json() == {"go_on": True, "reason": ""}
    [(left,)] = sql("select extract(epoch from lease_until - now()) from steps")
    assert 25 < left <= 30
    assert expire_leases(sessions, Backoff(0.0)) == 0


def test_failed_step_is_retried_until_max_attempts(worker: FakeWorker, step_id: int, get: Get) -> None:
    answers = [worker.fail(worker.take(step_id), f"broken {number}").json()["status"] for number in range(3)]
    assert answers == ["queued", "queued", "failed"]
    step = get(f"/steps/{step_id}")
    assert (step["state"], step["error"], step["attempt"]) == ("failed", "broken 2", 3)
    assert [attempt["error"] for attempt in step["attempts"]] == ["broken 0", "broken 1", "broken 2"]


def test_failure_that_is_not_retryable_fails_the_step_at_once(worker: FakeWorker, step_id: int, get: Get) -> None:
    assert worker.fail(worker.take(step_id), retryable=False).json() == {"status": "failed"}
    assert get("/backfills/RUN")["state"] == "failed"


def test_a_failure_reported_twice_costs_one_attempt(worker: FakeWorker, step_id: int, get: Get) -> None:
    task = worker.take(step_id)
    assert [worker.fail(task).json()["status"] for _ in range(2)] == ["queued", "already"]
    assert get(f"/steps/{step_id}")["attempt"] == 1
    assert worker.post(task).status_code == 409


def test_a_step_is_not_due_before_its_backoff_is_over(worker: FakeWorker, step_id: int, sql: Sql) -> None:
    worker.fail(worker.take(step_id))
    sql("update steps set next_attempt_at = now() + interval '1 minute'")
    assert worker.claim(step_id).status == "not_due"


def test_a_result_that_does_not_answer_the_task_stores_nothing(
    worker: FakeWorker, step_id: int, get: Get, sql: Sql
) -> None:
    task = worker.take(step_id)
    assert isinstance(task, GenerateTask)
    wrong = worker.post(task, generated(task, policy="somebody else"))
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"].endswith("rollouts.0.policy")
    assert sql("select count(*) from groups")[0][0] == 0
    assert get(f"/steps/{step_id}")["state"] == "leased"
    assert worker.post(task).json() == {"status": "accepted"}


def test_a_result_of_another_kind_is_refused(
    worker: FakeWorker, step_id: int, sessions: Sessions, start: Start
) -> None:
    task = worker.take(step_id)
    assert isinstance(task, GenerateTask)
    worker.post(task)
    evaluate = worker.take(worker.queued("RUN")[0])
    assert worker.post(evaluate, generated(task)).status_code == 422


def test_an_unknown_step_is_not_found(client: TestClient) -> None:
    assert client.post("/v1/steps/12345/claim", json={"worker": "w"}).status_code == 404
    assert client.get("/v1/steps/12345").status_code == 404
