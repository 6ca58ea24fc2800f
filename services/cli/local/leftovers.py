"""What a killed supervisor may have left: processes that the kernel did not take along, stale files."""

from __future__ import annotations

import signal
import time

import psutil

from services.cli.local.home import Home
from services.cli.local.state import read_state

_PATIENCE = 15.0


def _is_alive(process: psutil.Process, born: float) -> bool:
    """Whether it is the process that was recorded, and more than an entry that nobody has collected yet."""
    return abs(process.create_time() - born) < 0.05 and process.status() != psutil.STATUS_ZOMBIE


def _recorded(home: Home) -> list[psutil.Process]:
    state = read_state(home)
    found = []
    for part in state.parts.values() if state else ():
        try:
            process = psutil.Process(part.pid) if part.pid else None
            if process is not None and part.born is not None and _is_alive(process, part.born):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _postmaster(home: Home) -> psutil.Process | None:
    """The server that postmaster.pid names, if it lives and works on our data directory."""
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
    """Stop what an earlier stack left running and remove its state; call only while no supervisor lives.

    The database is asked for a fast shutdown and waited for; anything else is killed. Says what was stopped.
    """
    postmaster = _postmaster(home)
    others = [process for process in _recorded(home) if process != postmaster]
    said = []
    for process in others:
        said.append(_end(process, signal.SIGKILL))
    if postmaster is not None:
        said.append(_end(postmaster, signal.SIGINT))
    home.state.unlink(missing_ok=True)
    return [line for line in said if line]


def ended(process: psutil.Process, seconds: float) -> bool:
    """Whether it ended in time; one that its dead parent will never collect has ended too."""
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
        if not ended(process, _PATIENCE):
            process.kill()
            ended(process, _PATIENCE)
    except psutil.NoSuchProcess:
        return ""
    return name
