"""Promotions: what is served moves by compare-and-set, after its files were verified, and may wait for the engines."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from services.coordinator.database import Sessions
from shared.checkpoints import CheckpointStore
from shared.wire import CheckpointRef
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start
from tests.integration.coordinator.serving.syncers import fake_syncer, published


@pytest.fixture
def checkpoints(sessions: Sessions, store: CheckpointStore, start: Start) -> list[str]:
    """The checkpoints of a run of three days, none of which is served."""
    make_corpus(sessions, dates=4, per_day=1)
    start(last=day(2), promote="never")
    return published(sessions, store)


def promote(client: Any, checkpoint: str, **body: Any) -> Any:
    return client.post("/v1/serving", json={"checkpoint": checkpoint} | body)


def served(get: Get) -> tuple[str | None, str | None]:
    found = get("/serving")
    return found["served"], found["previous"]


@pytest.mark.parametrize(("promote", "fate"), [("never", "not served (promote=never)"), ("always", "served")])
def test_the_publication_event_says_whether_the_checkpoint_is_served(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get, promote: str, fate: str
) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    start(last=day(0), promote=promote)
    worker.do_all("RUN")
    [checkpoint] = [found["id"] for found in get("/backfills/RUN/checkpoints")]
    assert served(get) == (checkpoint if promote == "always" else None, None)
    assert {alias["name"] for alias in get("/aliases?scope=RUN")} == {"final_model", f"final_model_{day(0):%Y%m%d}"}
    [message] = [event["message"] for event in get("/backfills/RUN/events") if event["kind"] == "checkpoint.published"]
    assert message.endswith(f"is published and {fate}")


def test_a_checkpoint_is_promoted_by_id_by_alias_and_rolled_back(
    client: TestClient, checkpoints: list[str], get: Get
) -> None:
    answer = promote(client, checkpoints[0]).json()
    assert (answer["served"], answer["previous"], answer["changed"], answer["engines"]) == (
        checkpoints[0],
        None,
        True,
        [],
    )
    since = get("/serving")["served_since"]
    assert since == answer["promoted_at"]
    assert promote(client, "RUN:final_model").json()["previous"] == checkpoints[0]
    assert promote(client, "previous").json()["previous"] == checkpoints[2]
    assert served(get) == (checkpoints[0], checkpoints[2])
    assert promote(client, checkpoints[0]).json()["changed"] is False
    events = [event for event in get("/backfills/RUN/events") if event["kind"] == "checkpoint.promoted"]
    assert [event["data"]["before"] for event in events] == [None, checkpoints[0], checkpoints[2]]
    assert {alias["name"] for alias in get("/aliases?scope=")} == {"served", "previous"}


def test_an_invalid_promotion_is_refused_and_the_served_checkpoint_stays(
    client: TestClient, checkpoints: list[str], get: Get
) -> None:
    assert promote(client, "previous").status_code == 409
    promote(client, checkpoints[0])
    for name, status in (("RUN:other", 404), ("none", 404), ("", 422), ("../x", 422), ("a\x00b", 422)):
        answer = promote(client, name)
        assert (name, answer.status_code) == (name, status)
        assert "checkpoint" in answer.json()["detail"]
    assert promote(client, checkpoints[1], timeout_seconds=601).status_code == 422
    assert served(get) == (checkpoints[0], None)


def test_a_promotion_may_expect_a_served_checkpoint(client: TestClient, checkpoints: list[str], get: Get) -> None:
    assert promote(client, checkpoints[0], expected=checkpoints[1]).status_code == 409
    assert promote(client, checkpoints[0], expected="").status_code == 200
    refused = promote(client, checkpoints[1], expected="")
    assert refused.status_code == 409
    assert f"served is {checkpoints[0]}, not nothing" in refused.json()["detail"]
    assert promote(client, checkpoints[1], expected=checkpoints[0]).status_code == 200
    assert served(get) == (checkpoints[1], checkpoints[0])


def test_one_of_many_promotions_with_the_same_expectation_succeeds(
    checkpoints: list[str], server: httpx.Client, get: Get
) -> None:
    promote(server, checkpoints[2])
    with ThreadPoolExecutor(6) as pool:
        submitted = [pool.submit(promote, server, checkpoints[n % 2], expected=checkpoints[2]) for n in range(6)]
        statuses = sorted(one.result().status_code for one in submitted)
    assert statuses == [200, *[409] * 5]
    assert served(get)[1] == checkpoints[2]


def test_a_corrupted_checkpoint_is_refused_and_the_served_one_stays(
    client: TestClient, checkpoints: list[str], get: Get, store: CheckpointStore
) -> None:
    promote(client, checkpoints[0])
    found = get(f"/checkpoints/{checkpoints[1]}")
    ref = CheckpointRef(**{name: found[name] for name in ("id", "uri", "sha256")})
    (store.path(ref) / "adapter_model.safetensors").write_bytes(b"something else")
    answer = promote(client, checkpoints[1], wait=True, timeout_seconds=1)
    assert answer.json()["type"] == "urn:morrow:problem:checkpoint-corrupt"
    assert served(get) == (checkpoints[0], None)


def test_a_checkpoint_of_another_base_is_refused_while_engines_of_the_served_one_run(
    client: TestClient, checkpoints: list[str], sql: Sql
) -> None:
    promote(client, checkpoints[0])
    sql("update checkpoints set base_model = 'another' where id = :id", id=checkpoints[1])
    with fake_syncer(client, checkpoints[0]) as syncer:
        refused = promote(client, checkpoints[1])
        assert refused.status_code == 409
        assert "was trained on another" in refused.json()["detail"]
        syncer.report(client, leaving=True)
    assert promote(client, checkpoints[1]).status_code == 200


def test_a_promotion_waits_until_the_last_engine_has_loaded_it(checkpoints: list[str], server: httpx.Client) -> None:
    promoted = checkpoints[1]
    with fake_syncer(server, "base") as a, fake_syncer(server, "base") as b, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(promote, server, promoted, wait=True, timeout_seconds=30)
        until(lambda: server.get("/v1/serving").json()["served"] == promoted)
        for syncer in (a, b):
            assert not waiting.done()
            syncer.loaded.add(promoted)
            syncer.report(server)
        answer = waiting.result()
        assert answer.status_code == 200, answer.text
        assert [(engine["state"], engine["error"]) for engine in answer.json()["engines"]] == [("ready", None)] * 2
        assert all(engine["seconds"] >= 0 for engine in answer.json()["engines"])


def test_a_promotion_that_times_out_stands_and_names_lacking_engines(
    client: TestClient, checkpoints: list[str], get: Get
) -> None:
    with fake_syncer(client, checkpoints[1]) as ready, fake_syncer(client, "base") as lacks:
        lacks.report(client, error="the disk is full")
        answer = promote(client, checkpoints[1], wait=True, timeout_seconds=0.2)
        assert (answer.status_code, answer.json()["type"]) == (504, "urn:morrow:problem:not-in-time")
        assert answer.json()["errors"] == [{"field": lacks.engine, "message": "the disk is full"}]
        assert ready.engine not in answer.json()["detail"]
    assert served(get)[0] == checkpoints[1]


def test_a_promotion_skips_stale_engines_but_needs_a_live_one(
    client: TestClient, checkpoints: list[str], sql: Sql
) -> None:
    with fake_syncer(client, "base"), fake_syncer(client, checkpoints[1]) as ready:
        sql("update engines set seen_at = now() - interval '1 h' where url <> :url", url=ready.engine)
        answer = promote(client, checkpoints[1], wait=True, timeout_seconds=0.5)
        assert answer.status_code == 200, answer.text
        assert {engine["engine"]: engine["state"] for engine in answer.json()["engines"]}[ready.engine] == "ready"
        sql("update engines set seen_at = now() - interval '1 h'")
        nobody = promote(client, checkpoints[2], wait=True, timeout_seconds=0.1)
        assert nobody.status_code == 504
        assert "no engine is live" in nobody.json()["detail"]


def test_an_overtaken_promotion_is_a_conflict(checkpoints: list[str], server: httpx.Client) -> None:
    with fake_syncer(server, "base"), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(promote, server, checkpoints[0], wait=True, timeout_seconds=30)
        until(lambda: server.get("/v1/serving").json()["served"] == checkpoints[0])
        promote(server, checkpoints[1])
        assert waiting.result().status_code == 409
        assert f"{checkpoints[1]} is served by now" in waiting.result().json()["detail"]


def test_a_long_poll_waits_for_a_change(checkpoints: list[str], server: httpx.Client) -> None:
    def look(known: str) -> Any:
        return server.get("/v1/serving", params={"wait": 30, "known": known}).json()

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(look, "") for _ in range(2)]
        promote(server, checkpoints[0])
        assert [one.result()["served"] for one in waiting] == [checkpoints[0]] * 2
    assert look("something older")["served"] == checkpoints[0]
    same = server.get("/v1/serving", params={"wait": 0.1, "known": checkpoints[0]}).json()
    assert same["served"] == checkpoints[0]


def test_many_long_polls_occupy_no_threads(checkpoints: list[str], server: httpx.Client) -> None:
    promote(server, checkpoints[0])
    query: dict[str, str | int] = {"wait": 50, "known": checkpoints[0]}
    with ThreadPoolExecutor(61) as pool:
        waiting = [pool.submit(server.get, "/v1/serving", params=query) for _ in range(60)]
        late = pool.submit(promote, server, checkpoints[0], wait=True, timeout_seconds=1)
        for _ in range(20):
            assert server.get("/v1/backfills/RUN").status_code == 200
        assert not any(one.done() for one in waiting)
        promote(server, checkpoints[1])
        assert {one.result().json()["served"] for one in waiting} == {checkpoints[1]}
        late.result()


def until(happens: Any, seconds: float = 20) -> None:
    """Return once it happens."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if happens():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")
