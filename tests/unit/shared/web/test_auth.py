"""Who counts as this machine, and the services that have one token of their own."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.web.auth import OneToken, is_local
from tests.local import local_client


def counts_as_local(peer: str | None, **headers: str) -> bool:
    named = {"host": "127.0.0.1:8700"} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return is_local({"type": "http", "client": (peer, 1) if peer else None, "headers": raw})


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_loopback_address_is_this_machine(peer: str) -> None:
    assert counts_as_local(peer)
    assert counts_as_local(peer, host="localhost:8700", origin="http://localhost:8700")


@pytest.mark.parametrize("peer", [None, "192.0.2.7", "10.0.0.1", "::ffff:10.0.0.1", "testclient"])
def test_any_other_peer_is_not(peer: str | None) -> None:
    assert not counts_as_local(peer)
    assert not counts_as_local(peer, x_forwarded_for="127.0.0.1", x_real_ip="127.0.0.1")


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
        {"host": "evil.example:8700"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "[not-an-address"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
    ids=str,
)
def test_a_proxy_or_a_web_page_on_this_machine_is_not_this_machine(headers: dict[str, str]) -> None:
    assert not counts_as_local("127.0.0.1", **headers)


def guarded(token: str) -> FastAPI:
    app = FastAPI()
    app.add_middleware(OneToken, token=token, setting="MORROW_X_TOKEN", open_paths=["/healthz"])
    app.get("/healthz")(lambda: "ok")
    app.get("/secret")(lambda: "told")
    return app


def test_without_a_token_only_this_machine_is_served() -> None:
    app = guarded("")
    assert local_client(app).get("/secret").status_code == 200
    answer = TestClient(app).get("/secret")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="morrow"')
    assert "set MORROW_X_TOKEN" in answer.json()["detail"]


def test_with_a_token_everybody_must_bring_it() -> None:
    for client in (local_client(guarded("long-and-random")), TestClient(guarded("long-and-random"))):
        assert client.get("/healthz").status_code == 200
        assert client.get("/secret").status_code == 401
        assert client.get("/secret", headers={"Authorization": "Bearer long-and-randon"}).status_code == 401
        assert client.get("/secret", headers={"Authorization": "Bearer long-and-random"}).status_code == 200
