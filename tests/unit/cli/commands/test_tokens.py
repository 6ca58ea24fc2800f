"""`morrow token` against a fake coordinator, and the tokens of connections."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from services.cli import connect, main
from services.cli.commands import tokens
from services.cli.local.home import Home
from services.cli.local.parts import base_environment
from services.cli.local.token import local_token
from shared.errors import UnavailableError
from shared.tokens import parse_token
from tests.unit.cli.coordinator import FakeCoordinator, a_page

TOKEN = {
    "id": "0123456789abcdef",
    "name": "me",
    "scopes": ["operate"],
    "created_by": None,
    "created_at": "2025-11-22T12:00:00Z",
    "expires_at": "2025-12-22T12:00:00Z",
    "revoked_at": None,
    "last_used_at": None,
}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCoordinator:
    coordinator = FakeCoordinator()
    monkeypatch.setattr(tokens, "connect", coordinator.client)
    return coordinator


def test_standard_output_of_create_is_the_token_alone(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("POST /v1/tokens", TOKEN | {"token": "mrw_x"}, status=201)
    assert main.run(["token", "create", "me", "--scope", "operate", "--expires", "30d"]) == 0
    assert fake.sent[0][2] == {"name": "me", "scopes": ["operate"], "expires": "30d"}
    output = capsys.readouterr()
    assert output.out == "mrw_x\n"
    assert "mrw_x" not in output.err


def test_revoke_by_name_prefers_the_token_that_is_not_revoked(fake: FakeCoordinator) -> None:
    old = TOKEN | {"id": "f" * 16, "revoked_at": "2025-11-22T12:00:00Z"}
    fake.on("GET /v1/tokens", a_page(old, TOKEN)).on("DELETE /v1/tokens/0123456789abcdef", TOKEN)
    assert main.run(["token", "revoke", "me"]) == 0
    assert main.run(["token", "revoke", "nobody"]) == 1


def test_tokens_are_listed_with_their_state(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET /v1/tokens", a_page(TOKEN, TOKEN | {"revoked_at": "2025-11-22T12:00:00Z"}))
    assert main.run(["token", "list"]) == 0
    text = capsys.readouterr().out
    assert "until 2025-12-22" in text
    assert "revoked 2025-11-22" in text


def test_morrow_token_is_sent_to_the_coordinator_of_morrow_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MORROW_URL", "http://coordinator")
    assert "Authorization" not in connect.connect().http.headers
    monkeypatch.setenv("MORROW_TOKEN", "mrw_x")
    assert connect.connect().http.headers["Authorization"] == "Bearer mrw_x"


def test_local_token_is_created_once_with_permission_for_its_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    text = local_token(home)
    assert parse_token(text) is not None
    assert local_token(home) == text
    assert stat.S_IMODE(home.token.stat().st_mode) == 0o600
    home.token.write_text("something else")
    with pytest.raises(UnavailableError, match="has no valid token"):
        local_token(home)


def test_parts_do_not_inherit_tokens_of_the_environment() -> None:
    kept = base_environment({"MORROW_TOKEN": "mrw_x", "MORROW_LOCAL_TOKEN": "mrw_y", "MORROW_LOG_LEVEL": "DEBUG"})
    assert {name for name in kept if name.startswith("MORROW_")} == {"MORROW_LOG_LEVEL"}
