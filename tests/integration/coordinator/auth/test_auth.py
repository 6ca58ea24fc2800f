"""Authentication by place and token, and authorization by scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from services.coordinator.app import create_app
from services.coordinator.auth import service as tokens
from services.coordinator.auth.identity import Access
from services.coordinator.auth.schemas import TokenRequest
from services.coordinator.database import Sessions, make_engine, make_sessions
from shared.checkpoints import CheckpointStore
from shared.tokens import new_token
from tests.factories import make_corpus
from tests.integration.coordinator.conftest import Counts, Sql
from tests.local import local_client

Bearer = Callable[..., dict[str, str]]
RUN = {"name": "RUN", "corpus": "sample"}


@pytest.fixture
def app(sessions: Sessions, store: CheckpointStore) -> FastAPI:
    """The application as it stands."""
    return create_app(sessions, store)


@pytest.fixture
def far(app: FastAPI) -> Iterator[TestClient]:
    """A client on another machine."""
    with TestClient(app, base_url="http://morrow.example", client=("192.0.2.7", 4_000)) as client:
        yield client


@pytest.fixture
def near(app: FastAPI) -> TestClient:
    """A client on this machine."""
    return local_client(app)


@pytest.fixture
def bearer(sessions: Sessions) -> Bearer:
    """Stores a token of these scopes; returns its Authorization header."""

    def make(*scopes: Any, name: str = "", expires: str | None = None) -> dict[str, str]:
        fresh = new_token()
        request = TokenRequest(name=name or "-".join(scopes), scopes=list(scopes), expires=expires)
        with sessions.begin() as session:
            tokens.create(session, fresh, request)
        return {"Authorization": f"Bearer {fresh.text}"}

    return make


def test_a_route_without_a_scope_is_refused_to_every_token(app: FastAPI, bearer: Bearer) -> None:
    @app.get("/v1/forgotten")
    def forgotten() -> str:
        return "secret"

    answer = local_client(app).get("/v1/forgotten", headers=bearer("read", "operate", "worker"))
    assert answer.status_code == 403
    assert "no scope is declared" in answer.json()["detail"]


def test_without_tokens_only_this_machine_is_admitted(far: TestClient, near: TestClient) -> None:
    assert near.get("/v1/backfills").status_code == 200
    answer = far.get("/v1/backfills")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="morrow"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert "morrow token create NAME --scope operate" in answer.json()["detail"]


def test_once_there_is_a_token_this_machine_needs_one_too(near: TestClient, bearer: Bearer) -> None:
    bearing = bearer("read")
    answer = near.get("/v1/backfills")
    assert answer.status_code == 401
    assert answer.json()["detail"].endswith("`morrow` sends that of MORROW_TOKEN")
    assert "***" not in answer.text
    assert near.get("/v1/backfills", headers=bearing).status_code == 200


def test_health_is_open_and_metrics_need_scope_read(far: TestClient, bearer: Bearer) -> None:
    bearing = bearer("read")
    assert [far.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 401]
    assert far.get("/metrics", headers=bearing).status_code == 200


def test_metrics_are_open_where_the_setting_says_so(sessions: Sessions, store: CheckpointStore) -> None:
    app = create_app(sessions, store, access=Access(metrics_open=True))
    with TestClient(app, client=("192.0.2.7", 4_000)) as client:
        assert [client.get(path).status_code for path in ("/metrics", "/v1/backfills")] == [200, 401]


def test_required_authentication_includes_loopback(sessions: Sessions, store: CheckpointStore) -> None:
    with local_client(create_app(sessions, store, access=Access("required"))) as client:
        assert client.get("/v1/backfills").status_code == 401


def test_the_local_stacks_token_is_valid_on_this_machine_only(
    sessions: Sessions, store: CheckpointStore, bearer: Bearer
) -> None:
    own = new_token()
    bearer("operate")
    app = create_app(sessions, store, access=Access(local_token=own.text))
    bearing = {"Authorization": f"Bearer {own.text}"}
    assert local_client(app).get("/v1/backfills", headers=bearing).status_code == 200
    assert TestClient(app, client=("192.0.2.7", 4_000)).get("/v1/backfills", headers=bearing).status_code == 401


ADMITTED = [
    ("read", "GET", "/v1/backfills", 200),
    ("read", "POST", "/v1/backfills", 403),
    ("read", "GET", "/v1/tokens", 403),
    ("read", "POST", "/v1/forecast", 403),
    ("read", "POST", "/v1/steps/1/claim", 403),
    ("operate", "GET", "/v1/backfills", 200),
    ("operate", "GET", "/v1/tokens", 200),
    ("operate", "POST", "/v1/steps/1/claim", 403),
    ("operate", "PUT", "/v1/engines", 403),
    ("worker", "GET", "/v1/serving", 200),
    ("worker", "GET", "/v1/backfills", 403),
    ("worker", "POST", "/v1/backfills", 403),
    ("worker", "POST", "/v1/tokens", 403),
    ("worker", "GET", "/v1/nowhere", 404),
    ("worker", "DELETE", "/v1/backfills", 405),
]


def test_a_scope_admits_to_its_routes_only(far: TestClient, bearer: Bearer) -> None:
    bearing = {scope: bearer(scope) for scope in ("read", "operate", "worker")}
    answers = [
        (scope, method, path, far.request(method, path, headers=bearing[scope]).status_code)
        for scope, method, path, _ in ADMITTED
    ]
    assert answers == ADMITTED


def test_a_refusal_names_the_scope_that_is_needed(far: TestClient, bearer: Bearer) -> None:
    answer = far.post("/v1/backfills", json=RUN, headers=bearer("worker"))
    assert answer.headers["www-authenticate"] == 'Bearer realm="morrow", error="insufficient_scope", scope="operate"'
    assert answer.json()["type"] == "urn:morrow:problem:forbidden"
    assert "operate" in answer.json()["detail"]


def test_a_malformed_token_is_refused(far: TestClient, bearer: Bearer) -> None:
    right = bearer("read")["Authorization"].removeprefix("Bearer ")
    for wrong in (right[:-1] + "!", right[:-4] + "AAAA", right.upper(), "Basic", "mrw_", right + right):
        answer = far.get("/v1/backfills", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_an_expired_and_a_revoked_token_get_different_reasons(far: TestClient, bearer: Bearer, sql: Sql) -> None:
    gone, late = bearer("read", name="gone"), bearer("read", name="late", expires="1h")
    sql("update tokens set revoked_at = now() where name = 'gone'")
    sql("update tokens set expires_at = now() - interval '1 second' where name = 'late'")
    assert "gone was revoked" in far.get("/v1/backfills", headers=gone).json()["detail"]
    assert "late expired" in far.get("/v1/backfills", headers=late).json()["detail"]


def test_the_use_of_a_token_is_recorded_once_a_minute(far: TestClient, bearer: Bearer, sql: Sql) -> None:
    bearing = bearer("read")
    used = "select last_used_at from tokens"
    far.get("/v1/backfills", headers=bearing)
    first = sql(used)[0][0]
    far.get("/v1/backfills", headers=bearing)
    assert sql(used)[0][0] == first
    sql("update tokens set last_used_at = now() - interval '61 seconds'")
    far.get("/v1/backfills", headers=bearing)
    assert sql(used)[0][0] > first - dt.timedelta(seconds=1)


def test_rate_limited_request_gets_retry_after(sessions: Sessions, store: CheckpointStore, bearer: Bearer) -> None:
    app = create_app(sessions, store, access=Access(per_second=0.01, burst=2))
    client = TestClient(app, client=("192.0.2.7", 4_000))
    reader, worker = bearer("read"), bearer("worker")
    answers = [client.get("/v1/backfills", headers=reader) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 100
    assert {client.get("/v1/serving", headers=worker).status_code for _ in range(9)} == {200}
    assert [client.get("/v1/backfills").status_code for _ in range(3)] == [401, 401, 429]


def test_without_its_database_every_request_is_refused(store: CheckpointStore) -> None:
    engine = make_engine("postgresql://nobody:hunter2@127.0.0.1:1/none")
    with local_client(create_app(make_sessions(engine), store), raise_server_exceptions=False) as client:
        answer = client.get("/v1/backfills")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text


CHANGES: list[tuple[str, str, object]] = [
    ("POST", "/v1/backfills", RUN),
    ("POST", "/v1/backfills/RUN/cancel", None),
    ("POST", "/v1/corpora/other/imports", {"rows": []}),
    ("POST", "/v1/tokens", {"name": "mine", "scopes": ["operate"]}),
    ("PUT", "/v1/engines", {"url": "http://evil.example", "loaded": []}),
    ("POST", "/v1/serving", {}),
    ("POST", "/v1/steps/1/claim", {"worker": "me"}),
]


def test_a_refused_request_changes_nothing(far: TestClient, sessions: Sessions, bearer: Bearer, counts: Counts) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    bearing = bearer("read")
    before = counts()
    for method, path, body in CHANGES:
        assert far.request(method, path, json=body).status_code == 401
        assert far.request(method, path, json=body, headers=bearing).status_code == 403
    assert counts() == before
