"""Forecasts on demand: by exactly one policy, from an engine that has loaded it, also during promotions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.app import create_app
from services.coordinator.database import Sessions
from services.coordinator.serving.limits import ServingLimits
from shared.checkpoints import CheckpointStore
from tests.factories import day, make_corpus
from tests.integration.coordinator.conftest import Sql, Start
from tests.integration.coordinator.serving.syncers import fake_syncer, published
from tests.local import local_client

HEADLINE = "Central bank loaded rates"


@pytest.fixture
def client(request: pytest.FixtureRequest, sessions: Sessions, store: CheckpointStore) -> Iterator[TestClient]:
    """An API client of an application that looks for an engine for as many seconds as its parameter says."""
    limits = ServingLimits(forecast_patience=getattr(request, "param", 20.0), max_forecasts=4)
    with local_client(create_app(sessions, store, limits=limits), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def checkpoints(sessions: Sessions, store: CheckpointStore, start: Start) -> list[str]:
    """Two checkpoints; none is served."""
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(1))
    return published(sessions, store)


def forecast(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/forecast", json={"headline": HEADLINE} | body)


def promote(client: TestClient, checkpoint: str) -> None:
    assert client.post("/v1/serving", json={"checkpoint": checkpoint}).status_code == 200


def test_the_served_checkpoint_answers_and_is_named(client: TestClient, checkpoints: list[str]) -> None:
    promote(client, checkpoints[0])
    with fake_syncer(client, "base", *checkpoints) as syncer:
        answer = forecast(client, lines=3, date="20250818", profile="tight", seed=7).json()
        assert (answer["policy"], answer["served"], answer["engine"]) == (checkpoints[0], checkpoints[0], syncer.engine)
        assert [line["text"] for line in answer["lines"]] == [f"{number}: {HEADLINE}" for number in range(3)]
        assert {line["verdict"] for line in answer["lines"]} == {"strict"}
        assert (answer["date"], answer["profile"], answer["seed"]) == ("2025-08-18", "tight", 7)
        [task] = syncer.tasks
        assert (task.policy.name, task.profile, task.seed, str(task.date)) == (checkpoints[0], "tight", 7, "2025-08-18")
        assert task.policy.checkpoint is not None
        assert task.policy.checkpoint.id == checkpoints[0]


def test_the_base_answers_by_request_and_without_a_served_checkpoint(
    client: TestClient, checkpoints: list[str]
) -> None:
    with fake_syncer(client, "base", *checkpoints):
        assert forecast(client).json()["policy"] == "base"
        promote(client, checkpoints[0])
        assert forecast(client, policy="base").json()["policy"] == "base"
        assert forecast(client, policy=checkpoints[1]).json()["policy"] == checkpoints[1]


def test_the_previous_checkpoint_answers_until_an_engine_has_loaded_the_served_one(
    client: TestClient, checkpoints: list[str]
) -> None:
    with fake_syncer(client, "base") as syncer:
        promote(client, checkpoints[0])
        assert (forecast(client).json()["policy"], forecast(client).json()["served"]) == ("base", checkpoints[0])
        syncer.loaded = {"base", checkpoints[0]}
        syncer.report(client)
        promote(client, checkpoints[1])
        answer = forecast(client).json()
        assert (answer["policy"], answer["served"]) == (checkpoints[0], checkpoints[1])
        syncer.loaded.add(checkpoints[1])
        syncer.report(client)
        assert forecast(client).json()["policy"] == checkpoints[1]


@pytest.mark.parametrize(
    "says",
    [
        (503, {"detail": "busy"}),
        (404, {"detail": "unknown policy"}),
        (500, {"detail": "it broke"}),
        (200, {"policy": "another", "engine": "e", "lines": [], "seconds": 0.1}),
        (200, {"not": "a forecast"}),
    ],
    ids=["busy", "lost the policy", "broke", "another policy", "nonsense"],
)
def test_a_failing_or_invalid_response_leads_to_the_next_engine(
    client: TestClient, checkpoints: list[str], says: tuple[int, dict[str, Any]]
) -> None:
    promote(client, checkpoints[0])
    with fake_syncer(client, checkpoints[0]) as bad, fake_syncer(client, checkpoints[0]) as good:
        bad.says = says
        for _ in range(6):
            answer = forecast(client).json()
            assert (answer["engine"], answer["policy"]) == (good.engine, checkpoints[0])
        assert bad.tasks


def test_an_unreachable_engine_leads_to_the_next_one(client: TestClient, checkpoints: list[str]) -> None:
    with fake_syncer(client, "base") as good:
        with fake_syncer(client, "base"):
            pass
        assert {forecast(client).json()["engine"] for _ in range(6)} == {good.engine}


def test_a_swap_during_the_request_is_followed_by_a_new_plan(client: TestClient, checkpoints: list[str]) -> None:
    promote(client, checkpoints[0])
    promote(client, checkpoints[1])
    with fake_syncer(client, checkpoints[0]) as syncer:
        syncer.loaded = {checkpoints[1]}
        refuse = syncer.answer

        def swap_noticed(body: bytes) -> tuple[int, dict[str, Any]]:
            answer = refuse(body)
            if len(syncer.tasks) == 1:
                syncer.report(client)
            return answer

        syncer.answer = swap_noticed  # type: ignore[method-assign]
        assert forecast(client).json()["policy"] == checkpoints[1]
        assert [task.policy.name for task in syncer.tasks] == checkpoints


def test_requests_are_spread_over_the_engines(client: TestClient) -> None:
    with ExitStack() as stack:
        syncers = [stack.enter_context(fake_syncer(client, "base")) for _ in range(2)]
        for _ in range(30):
            assert forecast(client).status_code == 200
        assert all(len(syncer.tasks) > 3 for syncer in syncers)


@pytest.mark.parametrize("client", [0.1], indirect=True)
def test_without_a_live_engine_the_problem_names_the_cure(client: TestClient, checkpoints: list[str], sql: Sql) -> None:
    promote(client, checkpoints[0])
    for policy, name in (("served", checkpoints[0]), (checkpoints[1], checkpoints[1]), ("base", "base")):
        answer = forecast(client, policy=policy)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:morrow:problem:unavailable")
        assert f"has loaded {name}" in answer.json()["detail"]
        assert "start an engine and its syncer" in answer.json()["detail"]
    with fake_syncer(client, checkpoints[0]) as syncer:
        syncer.says = 503, {"detail": "the engine is paused"}
        refused = forecast(client)
        assert refused.status_code == 503
        assert f"{syncer.engine}: the engine is paused" in refused.json()["detail"]
        sql("update engines set seen_at = now() - interval '1 h'")
        before = len(syncer.tasks)
        assert forecast(client).status_code == 503
        assert len(syncer.tasks) == before


def test_an_invalid_forecast_request_is_refused(client: TestClient) -> None:
    with fake_syncer(client, "base") as syncer:
        for body, status, reason in (
            ({"headline": "  "}, 422, "headline"),
            ({"headline": "x" * 2001}, 422, "headline"),
            ({"lines": 65}, 422, "lines"),
            ({"date": "soon"}, 422, "date"),
            ({"format": "verse"}, 422, "verse"),
            ({"profile": "wild"}, 422, "profile"),
            ({"policy": "unknown"}, 404, "policy"),
            ({"policy": "../../etc"}, 422, "policy"),
            ({"other": 1}, 422, "other"),
        ):
            answer = forecast(client, **body)
            assert (body, answer.status_code) == (body, status), answer.text
            assert reason in answer.json()["detail"]
        assert syncer.tasks == []
        syncer.says = 422, {"detail": "the headline is too long for the model"}
        answer = forecast(client)
        assert (answer.status_code, answer.json()["detail"]) == (422, "the headline is too long for the model")
        assert len(syncer.tasks) == 1
