"""Reports of engines, and the latency of their swaps."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.checkpoints.aliases import serve
from services.coordinator.database import Sessions
from services.coordinator.serving.engines import expire_engines
from shared.checkpoints import CheckpointStore
from shared.wire import EngineReport
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start
from tests.integration.coordinator.serving.syncers import published


@pytest.fixture
def checkpoints(sessions: Sessions, store: CheckpointStore, start: Start) -> list[str]:
    """The checkpoints of a run of two days, the second of which is served."""
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(1))
    checkpoints = published(sessions, store)
    with sessions.begin() as session:
        serve(session, checkpoints[1])
    return checkpoints


def report(client: TestClient, url: str = "http://engine", **changes: Any) -> None:
    body = EngineReport(**{"url": url, "loaded": ["base"], "ready": True} | changes)
    answer = client.put("/v1/engines", json=body.model_dump(mode="json"))
    assert answer.status_code == 204, answer.text


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_all_fields_of_a_report_are_stored(client: TestClient, get: Get) -> None:
    at = now()
    changes: dict[str, Any] = {
        "loaded": ["a", "b"],
        "load_seconds": {"a": 0.5},
        "verified_at": {"a": at},
        "error": "b\x00 failed",
    }
    report(client, syncer_url="http://syncer", **changes)
    [engine] = get("/engines")
    assert (engine["loaded"], engine["load_seconds"], engine["syncer_url"]) == (["a", "b"], {"a": 0.5}, "http://syncer")
    assert dt.datetime.fromisoformat(engine["verified_at"]["a"]) == at
    assert (engine["ready"], engine["stale"], engine["error"]) == (True, False, "b\ufffd failed")
    first = engine["first_seen"]
    report(client)
    [engine] = get("/engines")
    assert (engine["loaded"], engine["error"], engine["first_seen"]) == (["base"], None, first)


def test_a_leaving_engine_is_deregistered(client: TestClient, get: Get) -> None:
    report(client, "http://a")
    report(client, "http://b")
    report(client, "http://a", loaded=[], leaving=True)
    assert [engine["url"] for engine in get("/engines")] == ["http://b"]


def test_a_silent_engine_becomes_stale_and_then_expires(
    client: TestClient, get: Get, sql: Sql, sessions: Sessions
) -> None:
    report(client, "http://a")
    report(client, "http://b")
    sql("update engines set seen_at = now() - interval '40 s' where url = 'http://a'")
    assert [(engine["stale"], engine["ready"]) for engine in get("/engines")] == [(True, False), (False, True)]
    assert 40 <= get("/engines")[0]["age_seconds"] < 60
    assert expire_engines(sessions, 60) == 0
    assert expire_engines(sessions, 30) == 1
    assert [engine["url"] for engine in get("/engines")] == ["http://b"]


def test_an_engine_is_ready_only_with_the_served_checkpoint_loaded(
    client: TestClient, checkpoints: list[str], get: Get
) -> None:
    report(client, loaded=["base", checkpoints[0]])
    assert get("/engines")[0]["ready"] is False
    report(client, loaded=checkpoints)
    assert get("/engines")[0]["ready"] is True
    report(client, loaded=checkpoints, ready=False)
    assert get("/engines")[0]["ready"] is False


def test_the_first_report_of_a_loaded_checkpoint_is_a_swap(
    client: TestClient, checkpoints: list[str], get: Get, sql: Sql
) -> None:
    sql("update checkpoints set promoted_at = now() + interval '1 s'")
    report(client, loaded=["base"])
    sql("update checkpoints set promoted_at = now() + interval '1 ms'")
    sql("select pg_sleep(.002)")
    shown: dict[str, Any] = {"loaded": checkpoints, "load_seconds": {checkpoints[1]: 0.125}}
    report(client, **shown, verified_at={checkpoints[1]: now()})
    report(client, **shown, verified_at={checkpoints[1]: now()})
    found = get("/swaps?run=RUN")
    assert [(swap["checkpoint"], swap["promoted"]) for swap in found] == [(name, True) for name in checkpoints]
    assert all(0 < swap["seconds"] < 30 for swap in found)
    assert [swap["load_seconds"] for swap in found] == [None, 0.125]
    first = client.get("/v1/swaps?limit=1").json()
    rest = client.get("/v1/swaps", params={"limit": 1, "cursor": first["next"]}).json()
    assert ([*first["items"], *rest["items"]], rest["next"]) == (found, None)


def test_a_later_engine_has_no_swap_latency(client: TestClient, checkpoints: list[str], get: Get) -> None:
    report(client, loaded=[checkpoints[1]], verified_at={checkpoints[1]: now() + dt.timedelta(hours=1)})
    [swap] = get("/swaps")
    assert swap["seconds"] is None
    assert dt.datetime.fromisoformat(swap["verified_at"]) <= now()


def test_a_checkpoint_loaded_before_its_promotion_has_zero_latency(
    client: TestClient, checkpoints: list[str], get: Get
) -> None:
    shown: dict[str, Any] = {"loaded": checkpoints, "load_seconds": dict.fromkeys(checkpoints, 2.0)}
    held = dict.fromkeys(checkpoints, now())
    report(client, **shown, verified_at=held)
    assert client.post("/v1/serving", json={"checkpoint": checkpoints[0]}).status_code == 200
    report(client, **shown, verified_at=held)
    last = get("/swaps")[-1]
    assert (last["checkpoint"], last["seconds"], last["load_seconds"]) == (checkpoints[0], 0.0, None)


def test_unknown_policies_are_no_swaps(client: TestClient, get: Get) -> None:
    report(client, loaded=["base", "someone-elses", "with\x00nul"])
    assert get("/swaps") == []
    assert client.get("/v1/swaps?run=NOBODY").status_code == 404


def test_the_report_of_a_run_lists_its_swaps_and_policies(
    client: TestClient, checkpoints: list[str], worker: FakeWorker, get: Get, sql: Sql
) -> None:
    worker.do(worker.queued("RUN")[0])
    report(client, "http://a|b")
    sql("update engines set first_seen = now() - interval '1 h'")
    report(client, "http://a|b", loaded=checkpoints)
    serving = get("/backfills/RUN/report")["serving"]
    assert [swap["checkpoint"] for swap in serving["swaps"]] == checkpoints
    assert [(found["policy"], found["rollouts"], found["strays"]) for found in serving["policies"]] == [
        ("base", {"base": 2}, 0),
    ]
    assert serving["strays"] == 0
    markdown = client.get("/v1/backfills/RUN/report?format=md").text
    assert "## Serving" in markdown
    assert "http://a\\|b" in markdown
    assert "Each of 2 rollouts names exactly one policy; 0 name another than their day's." in markdown
    sql("update rollouts set policy = 'other' where id = (select min(id) from rollouts)")
    assert get("/backfills/RUN/report")["serving"]["strays"] == 1
    assert (
        "1 name another than their day's. **This must be 0.**" in client.get("/v1/backfills/RUN/report?format=md").text
    )
