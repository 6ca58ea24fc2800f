"""Pause, resume, cancel and retry, and their effects on queued and leased steps."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.database import Sessions
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start


@pytest.fixture
def run(sessions: Sessions, start: Start) -> str:
    """A run of four days, two steps of each kind a day, two days of which can begin."""
    make_corpus(sessions, dates=5, per_day=2)
    start(last=day(3), generate_chunk=1, evaluate_chunk=1, max_attempts=2)
    return "RUN"


def do(client: TestClient, action: str, body: dict[str, Any] | None = None, status: int = 200) -> Any:
    answer = client.post(f"/v1/backfills/RUN/{action}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_paused_run_grants_nothing_and_accepts_results_of_running_steps(
    client: TestClient, worker: FakeWorker, run: str, get: Get, sql: Sql
) -> None:
    first, second, *rest = worker.queued(run)
    running = [worker.take(first), worker.take(second)]
    assert do(client, "pause")["state"] == "paused"
    assert {worker.claim(step_id).status for step_id in rest} == {"paused"}
    assert client.post(f"/v1/steps/{first}/renew", json={"fence": 1}).json()["go_on"]
    assert [worker.post(task).json()["status"] for task in running] == ["accepted", "accepted"]
    # Both chunks of day 0 are done, but evaluating it would be something new.
    assert get("/backfills/RUN/days")[0]["state"] == "generating"
    sql("delete from outbox")
    assert do(client, "resume")["state"] == "running"
    assert get("/backfills/RUN/days")[0]["state"] == "evaluating"
    waiting = {row.step_id for row in sql("select step_id from outbox")}
    assert waiting == set(worker.queued(run))
    worker.do_all(run)
    assert get("/backfills/RUN")["state"] == "completed"


def test_a_paused_run_whose_last_step_ends_is_completed(
    client: TestClient, worker: FakeWorker, sessions: Sessions, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    start(last=day(0))
    worker.do_all("RUN", limit=2)
    last = worker.take(worker.queued("RUN")[0])
    do(client, "pause")
    worker.post(last)
    assert get("/backfills/RUN")["state"] == "completed"


def test_day_that_failed_during_a_pause_is_reported_on_resume(
    client: TestClient, worker: FakeWorker, run: str, get: Get
) -> None:
    task = worker.take(worker.queued(run)[0])
    do(client, "pause")
    worker.fail(task, retryable=False)
    assert get("/backfills/RUN")["state"] == "paused"
    assert do(client, "resume")["state"] == "failing"


def test_pausing_and_resuming_twice_changes_nothing(client: TestClient, run: str, get: Get) -> None:
    for action in ("pause", "pause", "resume", "resume"):
        do(client, action)
    kinds = [event["kind"] for event in get("/backfills/RUN/events")]
    assert kinds.count("run.paused") == kinds.count("run.running") == 1


def test_cancelled_run_grants_nothing_and_stops_its_workers(
    client: TestClient, worker: FakeWorker, run: str, get: Get, sql: Sql
) -> None:
    first, *rest = worker.queued(run)
    task = worker.take(first)
    cancelled = do(client, "cancel")
    assert cancelled["state"] == "cancelled"
    assert cancelled["reason"] == "cancelled by request; 4 steps were open"
    assert cancelled["days"] == {"cancelled": 4}
    assert cancelled["steps"] == {"generate": {"cancelled": 4}}
    assert {worker.claim(step_id).status for step_id in rest} == {"cancelled"}
    renewed = client.post(f"/v1/steps/{first}/renew", json={"fence": task.fence}).json()
    assert renewed == {"go_on": False, "reason": "the step is cancelled"}
    assert worker.post(task).json() == {"status": "cancelled"}
    assert worker.fail(task).json() == {"status": "cancelled"}
    assert sql("select count(*) from rollouts")[0][0] == 0
    assert worker.queued(run) == []
    [attempt] = get(f"/steps/{first}")["attempts"]
    assert attempt["outcome"] == "cancelled"


def test_cancelling_twice_changes_nothing_and_a_cancelled_run_stays_so(client: TestClient, run: str) -> None:
    assert do(client, "cancel") == do(client, "cancel")
    for action in ("pause", "resume", "retry"):
        assert "cancelled" in do(client, action, status=409)["detail"]


def test_a_completed_run_cannot_be_cancelled(
    client: TestClient, worker: FakeWorker, run: str, sessions: Sessions
) -> None:
    worker.do_all(run)
    refused = do(client, "cancel", status=409)
    assert refused["detail"] == "run RUN is completed and cannot become cancelled; it can become: nothing"


def fail_day(worker: FakeWorker, run: str) -> int:
    """Fail one of day 0's steps at both of its attempts; answers its id."""
    step_id = worker.queued(run)[0]
    for _ in range(2):
        worker.fail(worker.take(step_id))
    return step_id


def test_failed_day_lets_other_days_continue_as_far_as_the_graph_allows(worker: FakeWorker, run: str, get: Get) -> None:
    fail_day(worker, run)
    assert get("/backfills/RUN")["state"] == "failing"
    worker.do_all(run)
    assert get("/backfills/RUN")["state"] == "failed"
    assert [found["state"] for found in get("/backfills/RUN/days")] == ["failed", "evaluating", "pending", "pending"]


def test_retry_repeats_failed_steps_only_and_the_run_completes(
    client: TestClient, worker: FakeWorker, run: str, get: Get, sql: Sql
) -> None:
    step_id = fail_day(worker, run)
    worker.do_all(run)
    assert do(client, "retry")["state"] == "running"
    assert worker.queued(run) == [step_id]
    assert get("/backfills/RUN/days")[0]["state"] == "generating"
    task = worker.take(step_id)
    assert task.fence == 3
    worker.post(task)
    worker.do_all(run)
    assert get("/backfills/RUN")["state"] == "completed"
    assert sql("select count(*) from rollouts")[0][0] == 4 * 2 * 2


def test_a_retry_counts_its_attempts_anew_while_fences_keep_growing(
    client: TestClient, worker: FakeWorker, run: str
) -> None:
    step_id = fail_day(worker, run)
    do(client, "retry", {"date": "20250818"})
    answers = []
    for fence in (3, 4):
        task = worker.take(step_id)
        assert task.fence == fence
        answers.append(worker.fail(task).json()["status"])
    assert answers == ["queued", "failed"]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"date": "2025-08-19"}, 409, "is generating; only failed days are retried"),
        ({"date": "2030-01-01"}, 404, "has no day 2030-01-01"),
        ({"date": "yesterday"}, 422, "write it as YYYYMMDD or YYYY-MM-DD"),
        (None, 409, "no day of RUN has failed"),
    ],
)
def test_only_failed_days_are_retried(
    client: TestClient, run: str, body: dict[str, Any] | None, status: int, detail: str
) -> None:
    assert detail in do(client, "retry", body, status)["detail"]


def test_a_failed_run_can_be_cancelled(client: TestClient, worker: FakeWorker, run: str) -> None:
    fail_day(worker, run)
    worker.do_all(run)
    assert do(client, "cancel")["days"] == {"failed": 1, "cancelled": 3}
