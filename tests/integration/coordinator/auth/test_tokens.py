"""Tokens are created, listed and revoked over REST and by the command."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.auth import cli as command
from services.coordinator.database import Sessions
from shared.errors import ConflictError, InvalidInputError, NotFoundError
from shared.tokens import parse_token
from tests.integration.coordinator.conftest import Sql


def create(client: TestClient, by: str = "", status: int = 201, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/tokens", json={"name": "mine", "scopes": ["operate"]} | fields, headers=bearing(by))
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def bearing(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"} if text else {}


def test_a_token_is_returned_once_and_stored_as_a_hash(client: TestClient, sql: Sql) -> None:
    answer = client.post("/v1/tokens", json={"name": "mine", "scopes": ["operate"]})
    assert answer.headers["cache-control"] == "no-store"
    created = answer.json()
    found = parse_token(created["token"])
    assert found is not None
    assert sql("select secret_sha256 from tokens")[0][0] == hashlib.sha256(found.secret.encode()).hexdigest()
    rows = str(sql("select * from tokens"))
    assert found.secret not in rows
    listed = client.get("/v1/tokens", headers=bearing(created["token"])).json()["items"]
    assert [(one["name"], one["scopes"], "token" in one) for one in listed] == [("mine", ["operate"], False)]


def test_the_first_token_needs_scope_operate(client: TestClient, sql: Sql) -> None:
    assert "operate" in create(client, scopes=["worker"], status=422)["detail"]
    assert sql("select count(*) from tokens")[0][0] == 0


def test_a_token_creates_none_that_outlives_it(client: TestClient) -> None:
    mine = create(client, expires="1d")
    assert "outlives" in create(client, mine["token"], name="longer", expires="2d", status=422)["detail"]
    other = create(client, mine["token"], name="other")
    assert (other["expires_at"], other["created_by"]) == (mine["expires_at"], mine["id"])


def test_a_name_is_taken_until_its_token_is_revoked(client: TestClient) -> None:
    mine = create(client)["token"]
    other = create(client, mine, name="other", scopes=["worker"])
    create(client, mine, name="other", status=409)
    for _ in range(2):
        assert client.delete(f"/v1/tokens/{other['id']}", headers=bearing(mine)).json()["revoked_at"]
    assert client.get("/v1/serving", headers=bearing(other["token"])).status_code == 401
    create(client, mine, name="other")


def test_a_token_does_not_revoke_itself(client: TestClient) -> None:
    mine = create(client)
    assert client.delete(f"/v1/tokens/{mine['id']}", headers=bearing(mine["token"])).status_code == 409
    assert client.delete("/v1/tokens/0123456789abcdef", headers=bearing(mine["token"])).status_code == 404


def test_an_invalid_request_creates_no_token(client: TestClient, sql: Sql) -> None:
    wrong: list[dict[str, Any]] = [
        {"name": "../up"},
        {"scopes": []},
        {"scopes": ["admin"]},
        {"expires": "soon"},
        {"expires": "0d"},
    ]
    for fields in wrong:
        create(client, status=422, **fields)
    assert sql("select count(*) from tokens")[0][0] == 0


def test_no_log_has_a_secret(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    created = create(client)
    client.get("/v1/backfills", headers=bearing(created["token"]))
    client.get("/v1/backfills", headers=bearing(created["token"][:-2] + "xx"))
    assert created["token"][:-2] not in caplog.text
    assert created["id"] in caplog.text


@pytest.fixture
def here(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's database is this test's."""
    monkeypatch.setenv("MORROW_DATABASE_URL", database_url)


@pytest.mark.usefixtures("here")
def test_the_first_token_can_be_created_on_the_database_directly(client: TestClient) -> None:
    text = command.run(["create", "root", "--scope", "operate", "--scope", "worker", "--expires", "30d"])
    assert client.get("/v1/tokens").status_code == 401
    listed = client.get("/v1/tokens", headers=bearing(text)).json()["items"]
    assert [one["scopes"] for one in listed] == [["operate", "worker"]]
    assert "root" in command.run(["list"])
    assert "revoked" in command.run(["revoke", "root"])
    assert client.get("/v1/tokens", headers=bearing(text)).status_code == 401


@pytest.mark.usefixtures("here")
def test_storing_a_minted_token_is_idempotent(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    minted = command.run(["mint"])
    monkeypatch.setenv("WORKERS", minted)
    for _ in range(2):
        assert command.run(["create", "workers", "--scope", "worker", "--given-in", "WORKERS"]) == ""
    assert client.get("/v1/serving", headers=bearing(minted)).status_code == 200
    with pytest.raises(ConflictError, match="another name"):
        command.run(["create", "others", "--scope", "worker", "--given-in", "WORKERS"])
    monkeypatch.setenv("WORKERS", "hunter2")
    with pytest.raises(InvalidInputError, match="WORKERS contains no token") as refused:
        command.run(["create", "third", "--scope", "worker", "--given-in", "WORKERS"])
    assert "hunter2" not in str(refused.value)


@pytest.mark.usefixtures("here")
def test_the_command_reports_its_failures(sessions: Sessions) -> None:
    with pytest.raises(NotFoundError, match="no token nobody"):
        command.run(["revoke", "nobody"])
    with pytest.raises(InvalidInputError, match="expires"):
        command.run(["create", "mine", "--scope", "read", "--expires", "soon"])
