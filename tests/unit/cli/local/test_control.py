"""The stack is stopped from another process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.cli.local.control import stop_stack
from services.cli.local.home import Home
from services.cli.local.leftovers import ended
from services.cli.local.state import supervisor_pid

SLOW_SUPERVISOR = """
import signal, subprocess, sys, threading, time
from pathlib import Path
from services.cli.local.home import Home
from services.cli.local.state import supervising

stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
with supervising(Home(Path(sys.argv[1]))):
    {more}
    stopping.wait()
time.sleep(0.7)
"""
CHILD = """subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.5)"], start_new_session=True)"""

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    """Start a process that holds the stack's lock until SIGTERM, and runs on for a while."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(more: str) -> subprocess.Popen[bytes]:
        code = SLOW_SUPERVISOR.format(more=more)
        started.append(subprocess.Popen([sys.executable, "-c", code, str(home.root)]))
        while supervisor_pid(home) != started[-1].pid:
            time.sleep(0.02)
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_stop_waits_for_the_supervisor_to_end_and_not_only_for_its_lock(home: Home, start: Start) -> None:
    process = start("pass")
    assert stop_stack(home)
    assert ended(psutil.Process(process.pid), 0)


def test_stop_waits_for_the_children_of_the_supervisor(home: Home, start: Start) -> None:
    process = start(CHILD)
    supervisor = psutil.Process(process.pid)
    while not (children := supervisor.children()):
        time.sleep(0.02)
    assert stop_stack(home)
    assert ended(children[0], 0)


def test_stop_without_a_stack_returns_false(home: Home) -> None:
    assert not stop_stack(home)
