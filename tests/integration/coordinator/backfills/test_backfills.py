"""Creating runs: validation, dry run, Idempotency-Key."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from services.coordinator.api.idempotency import once
from services.coordinator.backfills.schemas import BackfillRequest
from services.coordinator.database import Sessions
from shared.errors import ConflictError
from shared.wire import WantedCheckpoints
from tests.factories import day, make_corpus
from tests.integration.coordinator.conftest import Get, Sql, Start

BODY: dict[str, Any] = {"name": "RUN", "corpus": "sample", "to": str(day(2)), "config": {"rollouts": 2}}


@pytest.fixture(autouse=True)
def corpus(sessions: Sessions) -> None:
    """A corpus of five days, the second of which has false dates."""
    make_corpus(sessions, dates=5, per_day=3, flags={day(1): "stale"})


def make(client: TestClient | httpx.Client, body: dict[str, Any], key: str | None = None, query: str = "") -> Any:
    return client.post(f"/v1/backfills{query}", json=body, headers={"Idempotency-Key": key} if key else None)


def test_dry_run_answers_the_plan_and_stores_nothing(client: TestClient, get: Get, sql: Sql) -> None:
    answer = make(client, BODY | {"config": {"rollouts": 4, "generate_chunk": 2}}, query="?dry_run=true")
    assert answer.status_code == 200
    plan = answer.json()
    assert [(d["date"], d["outcome_date"], d["state"], d["headlines"], d["left_out"]) for d in plan["days"]] == [
        ("2025-08-18", "2025-08-20", "pending", 3, {}),
        ("2025-08-19", "2025-08-20", "skipped", 0, {"stale": 3}),
        ("2025-08-20", "2025-08-21", "pending", 3, {}),
    ]
    assert "3 stale" in plan["days"][1]["reason"]
    assert plan["steps"] == {"generate": 4, "evaluate": 2, "train": 2}
    assert (plan["rollouts"], plan["skipped"], plan["config"]["rollouts"]) == (24, 1, 4)
    assert plan["warnings"] == ["1 of 3 days are skipped"]
    assert get("/backfills") == []
    assert sql("select used_at from corpora") == [(None,)]


def test_run_freezes_and_hashes_its_configuration_and_marks_its_corpus_used(
    client: TestClient, get: Get, start: Start
) -> None:
    run = start(last=day(2), lag=2)
    assert (run["name"], run["corpus"], run["kind"], run["state"]) == ("RUN", "sample", "backfill", "running")
    assert run["config"]["lag"] == 2
    plan = make(client, BODY | {"name": "X", "config": {"rollouts": 2, "lag": 2}}, query="?dry_run=true").json()
    assert run["config_hash"] == plan["config_hash"]
    assert get("/corpora/sample")["used"]


def test_dates_are_written_either_way(client: TestClient) -> None:
    answer = make(client, BODY | {"from": "20250818", "to": "2025-08-18"})
    assert answer.status_code == 201
    assert answer.json()["days"] == {"generating": 1}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"config": {"lag": -1}}, "body.config.lag"),
        ({"config": {"lagg": 1}}, "body.config.lagg"),
        ({"config": {"rollouts": "many"}}, "body.config.rollouts"),
        ({"name": "no/slash"}, "body.name"),
        ({"from": "18 August"}, "body.from"),
        ({"extra": 1}, "body.extra"),
    ],
)
def test_a_bad_field_is_named(client: TestClient, changes: dict[str, Any], field: str) -> None:
    answer = make(client, BODY | changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("changes", "status", "detail"),
    [
        ({"corpus": "nobody"}, 404, "there is no corpus 'nobody'"),
        ({"from": "20300101", "to": None}, 422, "its days lie from 2025-08-18 to 2025-08-22"),
        ({"from": "20250820", "to": "20250818"}, 422, "from: 2025-08-20 lies after to"),
        ({"from": "20250819", "to": "20250819"}, 422, "no day of the range can be run. 2025-08-19: no headline has"),
        ({"config": {"ranker": "recorded"}}, 422, "config.ranker"),
        (
            {"config": {"format": "haiku"}},
            422,
            "config.format: 'haiku' does not exist; choose one of one_line, paragraph",
        ),
    ],
)
def test_impossible_run_is_refused_with_the_reason(
    client: TestClient, get: Get, changes: dict[str, Any], status: int, detail: str
) -> None:
    answer = make(client, BODY | changes)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text
    assert get("/backfills") == []


def test_name_of_a_run_is_unique(client: TestClient) -> None:
    assert make(client, BODY).status_code == 201
    for query in ("", "?dry_run=true"):
        again = make(client, BODY, query=query)
        assert again.status_code == 409
        assert "there is a run 'RUN' already" in again.json()["detail"]


def test_concurrent_requests_of_one_name_create_one_run(server: httpx.Client, get: Get) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(make, server, BODY) for _ in range(4)]]
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(get("/backfills")) == 1


def test_the_same_key_and_body_get_the_stored_answer(client: TestClient, get: Get) -> None:
    first, second = make(client, BODY, "key"), make(client, BODY, "key")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(get("/backfills")) == 1


def test_the_same_key_with_another_body_is_refused(client: TestClient) -> None:
    make(client, BODY, "key")
    answer = make(client, BODY | {"name": "OTHER"}, "key")
    assert answer.status_code == 422
    assert "another body" in answer.json()["detail"]


def test_a_key_whose_request_was_refused_is_free_again(client: TestClient) -> None:
    assert make(client, BODY | {"corpus": "nobody"}, "key").status_code == 404
    assert make(client, BODY, "key").status_code == 201


def test_a_key_in_progress_is_refused_and_one_abandoned_is_taken_over(sessions: Sessions, sql: Sql) -> None:
    body = BackfillRequest.model_validate(BODY)
    answer = WantedCheckpoints(served="made", previous=None, checkpoints=[])
    inside, leave = threading.Event(), threading.Event()

    def slow(_: object) -> WantedCheckpoints:
        inside.set()
        assert leave.wait(30)
        return answer

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(once, sessions, "key", body, slow)
        assert inside.wait(30)
        with pytest.raises(ConflictError, match="in progress"):
            once(sessions, "key", body, lambda _: answer)
        leave.set()
        assert first.result() == (answer.model_dump(mode="json"), False)
    sql("update idempotency_keys set answer = null, created_at = now() - interval '2 minutes'")
    assert once(sessions, "key", body, lambda _: answer)[1] is False
