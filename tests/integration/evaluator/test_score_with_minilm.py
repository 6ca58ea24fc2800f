"""The endpoint with the real embedding model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.evaluator.app import create_app
from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.model import MiniLm
from tests.local import local_client

HEADLINE = "Central bank meets on Wednesday with a cut in doubt"
OUTCOMES = [
    "Central bank lowers its key rate by a quarter point, stocks rally",
    "Copper mine reopens after strike",
    "Airline orders forty new jets",
]
TEXTS = [
    "The central bank will lower its key interest rate by a quarter point and stocks will rally",
    "My cat sleeps on a warm radiator all afternoon",
    HEADLINE,
    "",
    "My cat sleeps on a warm radiator all afternoon",
    "Domain=PolicyOutcome; Proxy=SPY; Horizon=1d; Prob=70%; Claim=Stocks rally as the key rate is lowered a quarter "
    "point; Rationale=Inflation has cooled enough for it; Risk=hawkish statement; Confidence=2",
]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    embedder = MiniLm(os.environ.get("MORROW_EMBEDDER", ""))
    with local_client(create_app(Dependencies(embedder), embedder.check, 1_000_000)) as client:
        yield client


def score(client: TestClient, texts: list[str]) -> list[dict[str, Any]]:
    answer = client.post("/v1/score", json={"headline": HEADLINE, "outcomes": OUTCOMES, "texts": texts})
    assert answer.status_code == 200, answer.text
    evaluations: list[dict[str, Any]] = answer.json()["evaluations"]
    return evaluations


def test_a_claim_about_the_outcome_beats_the_unrelated_the_restated_and_the_empty(client: TestClient) -> None:
    claim, unrelated, restated, empty, twin, line = score(client, TEXTS)
    assert claim["semantic"] > line["semantic"] > 0.1
    assert unrelated["semantic"] < 0.05
    assert restated["semantic"] == empty["semantic"] == 0.0
    assert (claim["rank"], line["rank"]) == (1.0, 2.0)
    assert restated["rank"] == empty["rank"] == 5.5
    assert restated["normalized_score"] == empty["normalized_score"] == 0.0
    assert unrelated["rank"] == twin["rank"]
    assert line["verdict"] == "strict"
    assert line["reward"] > claim["reward"] == empty["reward"] == 0.0


def test_real_model_scores_independently_of_positions(client: TestClient) -> None:
    turned = score(client, TEXTS[::-1])[::-1]
    for one, other in zip(score(client, TEXTS), turned, strict=True):
        assert one | {"rollout_id": 0, "signs": []} == other | {"rollout_id": 0, "signs": []}


def test_endpoint_is_ready_once_its_model_is_loaded(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
