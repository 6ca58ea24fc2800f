from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.compute import FileTurn, NoTurn, turn_at

OTHER = """
import sys
from pathlib import Path
from shared.compute import FileTurn
turn = FileTurn(Path(sys.argv[1]))
for line in sys.stdin:
    getattr(turn, line.strip())()
    print("done", flush=True)
"""


class Other:
    """Another process that takes turns at the same path."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", OTHER, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self, action: str) -> None:
        """Have the process act."""
        assert self.process.stdin
        self.process.stdin.write(f"{action}\n")
        self.process.stdin.flush()

    def finish(self) -> None:
        """Wait until it has acted."""
        assert self.process.stdout
        assert self.process.stdout.readline() == "done\n"

    def act(self, action: str) -> None:
        """Have it act and wait until it has."""
        self.begin(action)
        self.finish()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "compute"


@pytest.fixture
def other(path: Path) -> Iterator[Other]:
    path.parent.mkdir()
    process = Other(path)
    yield process
    process.process.kill()
    process.process.wait()


def wait_until_queued(path: Path) -> None:
    probe = FileTurn(path)
    while not probe._somebody_waits():
        pass


def test_a_turn_is_had_once(path: Path, other: Other) -> None:
    turn = FileTurn(path)
    other.act("hold")
    other.act("release")
    turn.hold()
    assert turn.held


def test_a_process_that_never_lets_go_costs_its_patience_once_and_not_at_every_step(
    path: Path, other: Other, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    turn = FileTurn(path, patience=0.05, clock=lambda: now[0])
    other.act("hold")
    for _ in range(3):
        turn.hold()
        assert not turn.held
    assert caplog.text.count("no turn at the processors") == 1
    other.act("release")
    now[0] = 0.06
    turn.hold()
    assert turn.held


def test_who_holds_a_turn_keeps_it_while_nobody_waits(path: Path) -> None:
    turn = FileTurn(path, slice_seconds=0)
    for _ in range(3):
        turn.hold()
        assert turn.held
    turn.release()
    turn.release()
    assert not turn.held


def test_who_waits_comes_next_once_the_slice_is_over(path: Path, other: Other) -> None:
    now = [0.0]
    turn = FileTurn(path, slice_seconds=2, patience=0.2, clock=lambda: now[0])
    turn.hold()
    other.begin("hold")
    wait_until_queued(path)
    now[0] = 1.9
    turn.hold()
    assert turn.held
    now[0] = 2.0
    turn.hold()
    other.finish()
    assert not turn.held  # the other never lets go: patience ended


def test_a_process_that_dies_leaves_its_turn(path: Path, other: Other) -> None:
    turn = FileTurn(path)
    other.act("hold")
    other.process.kill()
    turn.hold()
    assert turn.held


def test_no_path_is_no_turn() -> None:
    assert isinstance(turn_at(""), NoTurn)
