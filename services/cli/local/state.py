"""stack.json and its lock: the state of the stack and the pid of its supervisor."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.cli.local.home import Home
from shared.errors import ConflictError

Phase = Literal["starting", "ready", "restarting", "stopping", "stopped", "failed"]


class PartState(BaseModel):
    """One part of the stack. `born` is the start time of its process, since a pid may be reused."""

    model_config = ConfigDict(extra="ignore")

    phase: Phase = "starting"
    pid: int | None = None
    born: float | None = None
    url: str | None = None
    detail: str = ""
    seconds: float | None = None
    restarts: int = 0


class StackState(BaseModel):
    """The whole stack. `coordinator_url` is None until the ports are chosen; `error` is the reason of a failure."""

    model_config = ConfigDict(extra="ignore")

    pid: int
    phase: Phase = "starting"
    coordinator_url: str | None = None
    error: str | None = None
    parts: dict[str, PartState] = Field(default_factory=dict)


def read_state(home: Home) -> StackState | None:
    """The contents of stack.json, even if out of date; None if it is missing or unreadable."""
    try:
        return StackState.model_validate_json(home.state.read_text("utf8"))
    except (FileNotFoundError, ValidationError):
        return None


def write_state(home: Home, state: StackState) -> None:
    """Replace stack.json atomically."""
    beside = home.state.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps(state.model_dump(mode="json"), indent=1), "utf8")
    beside.replace(home.state)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def supervisor_pid(home: Home) -> int | None:
    """The process id of the running supervisor, or None. The kernel releases its lock however it ends."""
    if not home.lock.exists():
        return None
    with home.lock.open("r+") as file:
        # 0 for a supervisor that has the lock but has not yet written its pid.
        return None if _try_lock(file) else int(file.read().strip() or 0)


@contextmanager
def supervising(home: Home) -> Iterator[None]:
    """Hold the stack's lock in the block; raises ConflictError if another supervisor holds it."""
    # Not "w": until the lock is ours, the file holds the pid of another supervisor.
    with home.lock.open("a") as file:
        if not _try_lock(file):
            raise ConflictError(f"a stack is already running in {home.root}")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def running(home: Home) -> StackState | None:
    """The state of the running stack, or None."""
    return read_state(home) if supervisor_pid(home) is not None else None
