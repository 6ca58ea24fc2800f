"""Starting, finding and stopping the stack from another process."""

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

_STOP_PATIENCE = 60.0
_GLANCE = 0.1


def launch(home: Home, *, tied: bool) -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own; `tied` ends it with this process."""
    home.make()
    home.state.unlink(missing_ok=True)
    log = home.logs / "supervisor.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    environment = os.environ | {"MORROW_HOME": str(home.root), "TERM": "dumb"}
    command = (sys.executable, "-P", "-m", "services.cli.main", "up")
    with log.open("wb") as output:
        return spawn(command, output, environment, Path.cwd(), die_with=signal.SIGTERM if tied else None)


def wait_until_ready(
    home: Home, supervisor: subprocess.Popen[bytes], tell: Callable[[str, PartState], None]
) -> StackState:
    """The state once all parts are ready, `tell`ing of each part's changes; raises UnavailableError with the reason."""
    told: dict[str, PartState] = {}
    while True:
        ended = supervisor.poll() is not None
        state = read_state(home)
        for name, part in state.parts.items() if state else ():
            if told.get(name) != part and not ended:
                tell(name, part)
                told[name] = part
        if state is not None and state.error:
            supervisor.wait()
            home.state.unlink(missing_ok=True)
            raise UnavailableError(state.error)
        if ended:
            said = (home.logs / "supervisor.log").read_text("utf8", "replace").strip().splitlines()
            raise UnavailableError(f"the stack did not start: {said[-1] if said else 'no reason given'}")
        if state is not None and state.phase == "ready":
            return state
        time.sleep(_GLANCE)


def _family(pid: int) -> list[psutil.Process]:
    """The supervisor and everything it started that still runs, itself first; empty if it has ended by now."""
    try:
        supervisor = psutil.Process(pid)
        return [supervisor, *supervisor.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _stop(pid: int) -> None:
    """Have a supervisor stop, and wait for it and all it started: its lock falls before its process does."""
    family = _family(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if family and not ended(family[0], 0):
            family[0].send_signal(number)
            ended(family[0], _STOP_PATIENCE)
    for process in family:
        ended(process, _STOP_PATIENCE)


def stop_stack(home: Home) -> bool:
    """Stop the stack and wait; clean up after one that was killed. Whether there was anything to stop."""
    pid, was_recorded = supervisor_pid(home), home.state.exists()
    if pid:
        _stop(pid)
    if not home.root.exists():
        return False
    return bool(clear_leftovers(home)) or pid is not None or was_recorded
