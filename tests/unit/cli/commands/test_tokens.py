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

MADE = {
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


def test_a_new_token_is_all_that_standard_output_gets(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("POST /v1/tokens", MADE | {"token": "mrw_x"}, status=201)
    assert main.run(["token", "create", "me", "--scope", "operate", "--expires", "30d"]) == 0
    assert fake.sent[0][2] == {"name": "me", "scopes": ["operate"], "expires": "30d"}
    said = capsys.readouterr()
    assert said.out == "mrw_x\n"
    assert "mrw_x" not in said.err


def test_a_token_is_revoked_by_its_name_the_live_one_first(fake: FakeCoordinator) -> None:
    old = MADE | {"id": "f" * 16, "revoked_at": "2025-11-22T12:00:00Z"}
    fake.on("GET /v1/tokens", a_page(old, MADE)).on("DELETE /v1/tokens/0123456789abcdef", MADE)
    assert main.run(["token", "revoke", "me"]) == 0
    assert main.run(["token", "revoke", "nobody"]) == 1


def test_tokens_are_listed_with_what_became_of_them(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET /v1/tokens", a_page(MADE, MADE | {"revoked_at": "2025-11-22T12:00:00Z"}))
    assert main.run(["token", "list"]) == 0
    said = capsys.readouterr().out
    assert "until 2025-12-22" in said
    assert "revoked 2025-11-22" in said


def test_the_token_of_the_environment_goes_to_the_coordinator_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MORROW_URL", "http://coordinator")
    assert "Authorization" not in connect.connect().http.headers
    monkeypatch.setenv("MORROW_TOKEN", "mrw_x")
    assert connect.connect().http.headers["Authorization"] == "Bearer mrw_x"


def test_the_local_stack_has_a_token_of_its_own_that_only_its_owner_reads(tmp_path: Path) -> None:
    home = Home(tmp_path)
    text = local_token(home)
    assert parse_token(text) is not None
    assert local_token(home) == text
    assert stat.S_IMODE(home.token.stat().st_mode) == 0o600
    home.token.write_text("something else")
    with pytest.raises(UnavailableError, match="holds no token"):
        local_token(home)


def test_the_parts_do_not_inherit_a_token_for_elsewhere() -> None:
    kept = base_environment({"MORROW_TOKEN": "mrw_x", "MORROW_LOCAL_TOKEN": "mrw_y", "MORROW_LOG_LEVEL": "DEBUG"})
    assert {name for name in kept if name.startswith("MORROW_")} == {"MORROW_LOG_LEVEL"}
