"""The local stack's folders, socket, ports and lock."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from services.cli.local.home import MAX_SOCKET_PATH, SOCKET_NAME, Home, make_private, socket_folder
from services.cli.local.ports import HOST, is_free, pick_port
from services.cli.local.state import (
    PartState,
    StackState,
    read_state,
    running,
    supervising,
    supervisor_pid,
    write_state,
)
from shared.errors import ConflictError, UnavailableError


def test_short_data_folder_has_its_socket_inside(tmp_path: Path) -> None:
    assert socket_folder(Path("/srv/morrow/postgres")) == Path("/srv/morrow/postgres")


@pytest.mark.parametrize("name", ["x" * 120, "é" * 60])
def test_long_data_folder_has_its_own_short_socket_folder(name: str, tmp_path: Path) -> None:
    folder = socket_folder(Path("/srv") / name / "postgres", tmp_path)
    assert folder == socket_folder(Path("/srv") / name / "postgres", tmp_path)
    assert folder != socket_folder(Path("/srv2") / name / "postgres", tmp_path)
    assert len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH


def test_socket_folder_is_in_tmp_if_the_temporary_folder_is_long(tmp_path: Path) -> None:
    folder = socket_folder(Path("/srv") / ("x" * 120), Path("/var") / ("t" * 100))
    assert folder.parent == Path("/tmp")


def test_socket_can_be_bound_at_the_maximum_path_length(tmp_path: Path) -> None:
    room = MAX_SOCKET_PATH - len(os.fsencode(tmp_path)) - len(f"/{SOCKET_NAME}") - 1
    data = tmp_path / ("d" * room)
    data.mkdir()
    assert socket_folder(data) == data
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(data / SOCKET_NAME))


def test_socket_folder_is_private_and_a_link_is_refused(tmp_path: Path) -> None:
    make_private(tmp_path / "s", os.getuid())
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with pytest.raises(UnavailableError, match="another user"):
        make_private(tmp_path / "link", os.getuid())


def test_preferred_port_is_picked_if_it_is_free() -> None:
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert not is_free(port)
        other = pick_port(port)
        assert other != port
        assert pick_port(other) == other
        assert pick_port(other, taken=[other]) != other


def test_stack_is_running_while_its_lock_is_held(tmp_path: Path) -> None:
    home = Home(tmp_path)
    state = StackState(pid=1, coordinator_url="http://x", parts={"engine": PartState(phase="ready", pid=3)})
    write_state(home, state)
    assert read_state(home) == state
    assert running(home) is None
    with supervising(home):
        assert running(home) == state
        assert supervisor_pid(home) == os.getpid()
        with pytest.raises(ConflictError, match="already running"), supervising(home):
            pass
    assert running(home) is None


def test_missing_or_malformed_state_is_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert read_state(home) is None
    home.state.write_text("{")
    assert read_state(home) is None
