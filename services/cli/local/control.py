"""Starts, watches and stops the stack from another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from services.cli.local.home import Home
from services.cli.local.leftovers import clear_leftovers, ended
from services.cli.local.process import spawn
from services.cli.local.state import PartState, StackState, read_state, supervisor_pid
from shared.errors import UnavailableError

_STOP_TIMEOUT = 60.0
_POLL_SECONDS = 0.1


def launch(home: Home, *, tied: bool) -> subprocess.Popen[bytes]:
    """Start a supervisor in its own session; `tied` makes it end with this process."""
    home.make()
    # wait_until_ready must not read the state of an earlier stack.
    home.state.unlink(missing_ok=True)
    log = home.logs / "supervisor.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    # Its output goes to a log: no colours.
    environment = os.environ | {"MORROW_HOME": str(home.root), "TERM": "dumb"}
    command = (sys.executable, "-P", "-m", "services.cli.main", "up")
    with log.open("wb") as output:
        return spawn(command, output, environment, Path.cwd(), die_with=signal.SIGTERM if tied else None)


def wait_until_ready(
    home: Home, supervisor: subprocess.Popen[bytes], show: Callable[[str, PartState], None]
) -> StackState:
    """Wait until all parts are ready, passing each part's changes to `show`; returns the state.

    Raises UnavailableError with the reason if the stack fails or its supervisor ends.
    """
    shown: dict[str, PartState] = {}
    while True:
        # Polled before the state is read: what an ended supervisor wrote last is then read for certain.
        ended = supervisor.poll() is not None
        state = read_state(home)
        for name, part in state.parts.items() if state else ():
            if shown.get(name) != part and not ended:
                show(name, part)
                shown[name] = part
        if state is not None and state.error:
            supervisor.wait()
            home.state.unlink(missing_ok=True)
            raise UnavailableError(state.error)
        if ended:
            lines = (home.logs / "supervisor.log").read_text("utf8", "replace").strip().splitlines()
            raise UnavailableError(f"the stack did not start: {lines[-1] if lines else 'no reason given'}")
        if state is not None and state.phase == "ready":
            return state
        time.sleep(_POLL_SECONDS)


def _family(pid: int) -> list[psutil.Process]:
    """The supervisor, then its running descendants; empty if the supervisor has ended."""
    try:
        supervisor = psutil.Process(pid)
        return [supervisor, *supervisor.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _stop(pid: int) -> None:
    """Stop a supervisor; wait for its process and its descendants, since its lock is released before they end."""
    family = _family(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if family and not ended(family[0], 0):
            family[0].send_signal(number)
            ended(family[0], _STOP_TIMEOUT)
    for process in family:
        ended(process, _STOP_TIMEOUT)


def stop_stack(home: Home) -> bool:
    """Stop the stack and wait; clean up after a killed one. Returns whether there was anything to stop."""
    pid, was_recorded = supervisor_pid(home), home.state.exists()
    if pid:
        _stop(pid)
    if not home.root.exists():
        return False
    return bool(clear_leftovers(home)) or pid is not None or was_recorded
