"""The stateless endpoint: what it takes, what it refuses and how it says so."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.evaluator.app import create_app
from services.evaluator.dependencies import Dependencies
from shared.errors import UnavailableError
from tests.local import local_client
from tests.unit.evaluator.group_texts import DAY, HEADLINE, OWN, PROMPT, LeaningEngine, WordEmbedder, closes

BODY: dict[str, Any] = {
    "headline": HEADLINE,
    "prompt": PROMPT,
    "outcomes": ["Rivals see profit"],
    "texts": [OWN, "rivals see profit", ""],
}


DEPENDENCIES = Dependencies(WordEmbedder(), LeaningEngine())


def ready() -> None:
    """Always ready."""


@pytest.fixture
def client() -> TestClient:
    return local_client(create_app(DEPENDENCIES, ready, 50_000))


KHC = closes("KHC", *[100.0] * 7, 96.0).model_dump(mode="json")


def problem(client: TestClient, **changed: Any) -> dict[str, Any]:
    answer = client.post("/v1/score", json=BODY | changed)
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    return body


def test_a_posted_group_is_scored_in_its_order(client: TestClient) -> None:
    answer = client.post("/v1/score", json=BODY)
    assert answer.status_code == 200
    first, second, third = answer.json()["evaluations"]
    assert [first["rollout_id"], second["rollout_id"], third["rollout_id"]] == [0, 1, 2]
    assert [first["rank"], second["rank"], third["rank"]] == [2.0, 1.0, 3.0]
    assert first["valid"]
    assert third["reward"] == 0.0


def test_a_preset_fills_the_configuration(client: TestClient) -> None:
    answer = client.post("/v1/score", json=BODY | {"config": {"preset": "legacy"}}).json()
    assert answer["leak_list"] == "legacy"
    assert all(e["reward"] == e["composite"] for e in answer["evaluations"])


def test_recorded_ranks_need_no_outcomes(client: TestClient) -> None:
    rollouts = [{"text": OWN, "recorded_rank": 2}, {"text": "other", "recorded_rank": 1}]
    body = {"headline": HEADLINE, "rollouts": rollouts, "config": {"ranker": "recorded"}}
    answer = client.post("/v1/score", json=body).json()
    assert [e["normalized_score"] for e in answer["evaluations"]] == [0.0, 1.0]


def test_posted_prices_settle_claims(client: TestClient) -> None:
    config = {"ranker": "resolved", "reward_base": "resolved", "prices": "mine", "horizon": "1w"}
    answer = client.post("/v1/score", json=BODY | {"config": config, "prices": [KHC], "date": str(DAY)}).json()
    assert answer["evaluations"][0]["settlement"]["brier"] == 0.16
    assert answer["evaluations"][0]["reward"] == pytest.approx(0.84 + 0.1)
    assert answer["figures"] == {"settled": 1, "unsettled": 2}


def test_a_posted_group_is_judged_by_the_engine(client: TestClient) -> None:
    answer = client.post("/v1/score", json=BODY | {"config": {"ranker": "judge"}}).json()
    assert answer["figures"]["comparisons"] == 2


def test_posted_reference_texts_determine_the_normalized_score(client: TestClient) -> None:
    answer = client.post("/v1/score", json=BODY | {"reference": [OWN, ""]}).json()
    assert [e["normalized_score"] for e in answer["evaluations"]] == [0.75, 1.0, 0.0]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"texts": []}, "give either texts or rollouts"),
        ({"texts": ["a"] * 65}, "body.texts"),
        ({"texts": ["a" * 8_001]}, "body.texts.0"),
        ({"headline": ""}, "body.headline"),
        ({"outcomes": []}, "outcomes: none given"),
        ({"outcomes": ["a"] * 2_001}, "body.outcomes"),
        ({"config": {"bonus": 2}}, "body.config.bonus"),
        ({"config": {"temperature": 1}}, "body.config.temperature"),
        ({"color": "red"}, "body.color"),
        ({"prices": [KHC]}, "date: claims are settled from"),
        ({"prices": [KHC | {"closes": [1.0]}], "date": str(DAY)}, "prices: KHC needs one close per date"),
        ({"prices": [KHC | {"dates": KHC["dates"][::-1]}], "date": str(DAY)}, "prices: KHC needs one close per date"),
    ],
)
def test_invalid_input_is_refused_naming_the_field(client: TestClient, changed: dict[str, Any], field: str) -> None:
    body = problem(client, **changed)
    assert body["status"] == 422
    assert field in body["detail"]


def test_a_body_above_the_limit_is_refused_unread(client: TestClient) -> None:
    assert problem(client, outcomes=["a" * 900] * 60)["type"] == "urn:morrow:problem:too-large"


def test_a_body_of_unstated_length_is_cut_off_at_the_limit(client: TestClient) -> None:
    answer = client.post("/v1/score", content=(b"x" * 10_000 for _ in range(100)))
    assert answer.status_code == 413


def test_body_that_is_not_json_is_refused(client: TestClient) -> None:
    assert client.post("/v1/score", content=b"{").json()["status"] == 422


def test_health_and_metrics_are_served(client: TestClient) -> None:
    client.post("/v1/score", json=BODY)
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert 'morrow_evaluator_rollouts_total{ranker="semantic",verdict="strict"} 1.0' in client.get("/metrics").text


def test_endpoint_is_not_ready_without_its_model() -> None:
    def missing() -> None:
        raise UnavailableError("the embedding model is not installed")

    client = local_client(create_app(DEPENDENCIES, missing, 50_000))
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
