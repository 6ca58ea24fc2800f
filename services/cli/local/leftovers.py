"""Cleans up after a killed supervisor: surviving processes and stale files."""

from __future__ import annotations

import signal
import time

import psutil

from services.cli.local.home import Home
from services.cli.local.state import read_state

_STOP_TIMEOUT = 15.0


def _is_alive(process: psutil.Process, born: float) -> bool:
    """Whether it is the recorded process, by its start time, and not a zombie."""
    # Start times are computed from clock ticks: equal ones may differ by a rounding.
    return abs(process.create_time() - born) < 0.05 and process.status() != psutil.STATUS_ZOMBIE


def _recorded(home: Home) -> list[psutil.Process]:
    state = read_state(home)
    alive = []
    for part in state.parts.values() if state else ():
        try:
            process = psutil.Process(part.pid) if part.pid else None
            if process is not None and part.born is not None and _is_alive(process, part.born):
                alive.append(process)
        except psutil.NoSuchProcess:
            continue
    return alive


def _postmaster(home: Home) -> psutil.Process | None:
    """The running server of postmaster.pid, if it uses our data directory."""
    path = home.postgres / "postmaster.pid"
    try:
        pid, data = path.read_text().splitlines()[:2]
        process = psutil.Process(int(pid))
        is_ours = process.name() == "postgres" and data.strip() == str(home.postgres)
        is_ours = is_ours and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return process if is_ours else None


def clear_leftovers(home: Home) -> list[str]:
    """Stop the surviving processes of an earlier stack and remove its state; call only without a running supervisor.

    The database gets a fast shutdown, the others are killed. Returns the name and pid of each stopped process.
    """
    postmaster = _postmaster(home)
    others = [process for process in _recorded(home) if process != postmaster]
    # The database's clients end before it does.
    stopped = [_end(process, signal.SIGKILL) for process in others]
    if postmaster is not None:
        stopped.append(_end(postmaster, signal.SIGINT))
    home.state.unlink(missing_ok=True)
    return [name for name in stopped if name]


def ended(process: psutil.Process, seconds: float) -> bool:
    """Whether the process ended within `seconds`; a zombie counts as ended, since a dead parent never reaps it."""
    deadline = time.monotonic() + seconds
    try:
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        return True
    return True


def _end(process: psutil.Process, number: signal.Signals) -> str:
    try:
        name = f"{process.name()} ({process.pid})"
        process.send_signal(number)
        if not ended(process, _STOP_TIMEOUT):
            process.kill()
            ended(process, _STOP_TIMEOUT)
    except psutil.NoSuchProcess:
        return ""
    return name
