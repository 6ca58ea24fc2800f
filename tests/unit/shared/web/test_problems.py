"""What every HTTP service has."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from shared.errors import ConflictError, UnavailableError
from shared.run_config import RunConfig
from shared.web.problems import install_health, install_problems


def client(ready: bool = True) -> TestClient:
    app = FastAPI()
    install_problems(app)

    def check() -> None:
        if not ready:
            raise UnavailableError("the database does not answer")

    install_health(app, check, CollectorRegistry())

    @app.get("/conflict")
    def conflict() -> None:
        raise ConflictError("taken")

    @app.get("/bug")
    def bug() -> None:
        raise KeyError("secret")

    @app.get("/number")
    def number(n: int) -> int:
        return n

    @app.post("/config")
    def config(given: RunConfig) -> str:
        return given.digest()

    return TestClient(app, raise_server_exceptions=False)


def test_an_error_of_the_tree_is_answered_as_problem_json() -> None:
    answer = client().get("/conflict")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == 409
    assert answer.json() == {
        "type": "urn:morrow:problem:conflict",
        "title": "The request conflicts with the present state",
        "status": 409,
        "detail": "taken",
    }


def test_a_refused_field_is_named() -> None:
    answer = client().get("/number", params={"n": "x"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.n"


def test_a_rule_of_several_fields_is_told_in_its_own_words() -> None:
    answer = client().post("/config", json={"ranker": "resolved"})
    assert answer.json()["detail"] == "body: prices: settling claims needs a price set; import one and name it"


def test_an_unknown_route_and_a_wrong_method_are_problems_too() -> None:
    assert client().get("/nowhere").json()["type"] == "urn:morrow:problem:not-found"
    answer = client().post("/conflict")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


def test_a_bug_is_answered_without_its_inside() -> None:
    answer = client().get("/bug")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_service_that_is_not_ready_says_why() -> None:
    assert client().get("/readyz").json() == {"status": "ready"}
    answer = client(ready=False).get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "the database does not answer")


def test_metrics_and_health_answer() -> None:
    assert client().get("/healthz").json() == {"status": "ok"}
    assert client().get("/metrics").headers["content-type"].startswith("text/plain")
