"""The API of a created run, and of the coordinator itself."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.app import create_app
from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions, make_engine, make_sessions
from services.coordinator.steps.sweeper import expire_leases
from shared.checkpoints import CheckpointStore
from shared.errors import UnavailableError
from shared.wire import EngineReport
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start
from tests.local import local_client


@pytest.fixture
def done(sessions: Sessions, worker: FakeWorker, start: Start) -> str:
    """A completed run of two days, one of whose steps needed two attempts."""
    make_corpus(sessions, dates=3, per_day=2)
    start(last=day(1))
    worker.fail(worker.take(worker.queued("RUN")[0]), "out of memory")
    worker.do_all("RUN")
    return "RUN"


def pages(client: TestClient, path: str) -> list[Any]:
    """All items of a list, read two at a time."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        query = "limit=2" + (f"&cursor={cursor}" if cursor else "")
        answer = client.get(f"/v1{path}{'&' if '?' in path else '?'}{query}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body["items"]
        cursor = body["next"]
        assert len(body["items"]) == 2 or cursor is None
        if cursor is None:
            return found


def test_lists_are_paginated(client: TestClient, done: str, get: Get) -> None:
    expected = {"days": 2, "steps": 6, "rollouts": 8, "evaluations": 8, "checkpoints": 2}
    counts = {f"/backfills/RUN/{name}": count for name, count in expected.items()}
    counts |= {"/backfills": 1, "/aliases": 5, "/aliases?scope=RUN": 3, "/aliases?scope=": 2}
    for path, count in counts.items():
        found = pages(client, path)
        assert (path, len(found)) == (path, count)
        assert found == get(path)


def test_events_continue_after_an_id(client: TestClient, done: str, get: Get) -> None:
    events = pages(client, "/backfills/RUN/events")
    assert [event["kind"] for event in events[:3]] == ["run.created", "day.generating", "day.generating"]
    assert events[-1]["kind"] == "run.completed"
    assert get(f"/backfills/RUN/events?after={events[-2]['id']}") == events[-1:]
    retry = next(event for event in events if event["kind"] == "step.retry")
    assert retry["data"]["error"] == "out of memory"


def test_a_day_is_shown_by_either_spelling_of_its_date(done: str, get: Get) -> None:
    shown = get("/backfills/RUN/days/20250818")
    assert shown == get("/backfills/RUN/days/2025-08-18")
    assert shown["steps"] == {kind: {"done": 1} for kind in ("generate", "evaluate", "train")}
    assert (shown["policy"], shown["profile"], shown["state"]) == ("base", "tight", "published")
    assert shown["checkpoint"] == get("/backfills/RUN/checkpoints")[0]["id"]
    assert shown["started_at"] < shown["finished_at"]


def test_the_logs_of_a_day_are_those_of_its_attempts_in_order(client: TestClient, done: str) -> None:
    answer = client.get("/v1/backfills/RUN/days/20250818/logs")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.splitlines() == [
        "== generate 0 attempt 1 fake failed",
        "trying",
        "out of memory",
        "== generate 0 attempt 2 fake accepted",
        "did generate",
        "== evaluate 0 attempt 1 fake accepted",
        "did evaluate",
        "== train 0 attempt 1 fake accepted",
        "did train",
    ]


def test_steps_are_filtered_by_date_kind_and_state(done: str, get: Get) -> None:
    assert len(get("/backfills/RUN/steps?date=20250818")) == 3
    [step] = get("/backfills/RUN/steps?date=20250818&kind=generate&state=done")
    assert (step["attempt"], step["seconds"], step["figures"]) == (2, 0.5, {"tokens": 32, "engine_calls": 2})
    assert get("/backfills/RUN/steps?state=failed") == []


def test_rollouts_have_tokens_by_request(done: str, get: Get) -> None:
    bare, full = get("/backfills/RUN/rollouts"), get("/backfills/RUN/rollouts?tokens=true")
    assert bare[0]["tokens"] is None
    assert full[0]["tokens"] == {"token_ids": [7, 8], "logprobs": [-0.5, -0.25], "forced": [False, True]}
    assert bare[0]["headline"] == f"headline 0 of {day(0)}"


def test_evaluations_name_their_day_and_rollout(done: str, get: Get) -> None:
    rollouts = {rollout["id"]: rollout for rollout in get("/backfills/RUN/rollouts")}
    for found in get("/backfills/RUN/evaluations"):
        rollout = rollouts.pop(found["rollout_id"])
        assert (found["date"], found["group_id"], found["index"]) == tuple(
            rollout[name] for name in ("date", "group_id", "index")
        )
    assert not rollouts


def test_a_checkpoint_and_its_files_are_served(client: TestClient, done: str, get: Get) -> None:
    [checkpoint, _] = get("/backfills/RUN/checkpoints")
    assert get(f"/checkpoints/{checkpoint['id']}") == checkpoint
    for name, digest in [*checkpoint["files"].items(), ("manifest.json", checkpoint["sha256"])]:
        body = client.get(f"/v1/checkpoints/{checkpoint['id']}/files/{name}").content
        assert hashlib.sha256(body).hexdigest() == digest


def test_a_file_of_no_checkpoint_is_not_found(client: TestClient, done: str, get: Get) -> None:
    checkpoint = get("/backfills/RUN/checkpoints")[0]["id"]
    for name in ("other.json", "..%2F..%2Fmanifest.json", ".staging"):
        assert client.get(f"/v1/checkpoints/{checkpoint}/files/{name}").status_code == 404


def test_unknown_things_and_invalid_requests_get_problems(client: TestClient, done: str) -> None:
    expected = {
        "/backfills/NOBODY": 404,
        "/backfills/RUN/days/20300101": 404,
        "/backfills/RUN/days/soon": 422,
        "/backfills/RUN/steps?cursor=x": 422,
        "/backfills/RUN/days?cursor=x": 422,
        "/backfills?limit=0": 422,
        "/backfills?limit=1001": 422,
        "/backfills/a..b": 422,
        "/checkpoints/none": 404,
        "/nothing": 404,
    }
    for path, status in expected.items():
        answer = client.get(f"/v1{path}")
        assert (path, answer.status_code) == (path, status), answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_engine_is_registered_by_its_newest_report(client: TestClient, get: Get) -> None:
    for loaded in (["a"], ["a", "b"]):
        report = EngineReport(url="http://engine:8000", loaded=loaded, load_seconds={"a": 0.5})
        assert client.put("/v1/engines", json=report.model_dump()).status_code == 204
    [engine] = get("/engines")
    assert (engine["loaded"], engine["load_seconds"], engine["error"]) == (["a", "b"], {"a": 0.5}, None)


def test_nothing_is_served_before_the_first_checkpoint(get: Get) -> None:
    assert get("/serving") == {"served": None, "previous": None, "checkpoints": [], "served_since": None}


def test_the_eta_is_estimated_from_done_steps(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get, sql: Sql
) -> None:
    make_corpus(sessions, dates=5, per_day=1)
    start(last=day(3))
    assert get("/backfills/RUN")["progress"]["eta_seconds"] is None
    while not get("/backfills/RUN/checkpoints"):
        worker.do(worker.queued("RUN")[0])
    sql("update steps set started_at = finished_at - interval '10 s' where state = 'done'")
    progress = get("/backfills/RUN")["progress"]
    left = progress["steps_total"] - progress["steps_done"]
    assert progress["steps_total"] == 12
    # Each took ten seconds, and within these all that were done ran side by side.
    assert 0 < progress["eta_seconds"] <= left * 10


def test_metrics_count_queued_steps(
    client: TestClient, sessions: Sessions, start: Start, worker: FakeWorker, sql: Sql
) -> None:
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(1))
    worker.take(worker.queued("RUN")[0])
    sql("update steps set next_attempt_at = now() - interval '90 s' where state = 'queued'")
    text = client.get("/metrics").text
    for line in (
        'morrow_steps{kind="generate",state="leased"} 1.0',
        'morrow_steps{kind="generate",state="queued"} 1.0',
        'morrow_oldest_queued_seconds{kind="generate"} 9',
        'morrow_runs{state="running"} 1.0',
        "morrow_outbox_messages 2.0",
    ):
        assert line in text


def test_metrics_count_expired_leases_and_the_newest_policy_lag(
    client: TestClient, sessions: Sessions, start: Start, worker: FakeWorker, sql: Sql
) -> None:
    make_corpus(sessions, dates=5, per_day=1)
    start(last=day(3))
    lost = worker.take(worker.queued("RUN")[0])
    sql("update steps set lease_until = now() - interval '1 s' where state = 'leased'")
    expire_leases(sessions, Backoff(0.0))
    worker.do(lost.step_id)
    worker.do_all("RUN", limit=8)
    text = client.get("/metrics").text
    assert 'morrow_expired_attempts{kind="generate"} 1.0' in text
    assert 'morrow_run_policy_lag_days{run="RUN"} 1.0' in text


def test_the_coordinator_is_ready_with_its_database(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json() == {"status": "ready"}


def test_without_its_database_it_is_live_but_not_ready(store: CheckpointStore) -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/none")
    with local_client(create_app(make_sessions(engine), store), raise_server_exceptions=False) as client:
        assert client.get("/healthz").status_code == 200
        for path in ("/readyz", "/v1/backfills"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:morrow:problem:unavailable"


def test_without_its_broker_it_is_not_ready(sessions: Sessions, store: CheckpointStore) -> None:
    def away() -> None:
        raise UnavailableError("the broker does not answer")

    with local_client(create_app(sessions, store, ready=away)) as client:
        assert client.get("/readyz").status_code == 503


def test_every_route_has_a_description(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["info"]["title"] == "Morrow coordinator"
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation.get("description") for operation in operations)
    assert {tag for operation in operations for tag in operation["tags"]} == {tag["name"] for tag in document["tags"]}
