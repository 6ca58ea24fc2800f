"""Keeps stack.json up to date while the supervisor runs, and passes each change on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import psutil

from services.cli.local.home import Home
from services.cli.local.state import PartState, Phase, StackState, write_state
from services.cli.local.supervisor import Child

Show = Callable[[str, PartState], None]


def start_time(pid: int) -> float | None:
    """The start time of a process in seconds since the epoch, or None if it has ended."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


class Recorder:
    """Writes every change to stack.json and passes changes of parts to `show`."""

    def __init__(self, home: Home, show: Show) -> None:
        self._home = home
        self._show = show
        self.state = StackState(pid=os.getpid())
        write_state(home, self.state)

    def begin(self, coordinator_url: str) -> None:
        """Record the coordinator's address."""
        self._write(coordinator_url=coordinator_url)

    def report(self, child: Child, phase: Phase, detail: str) -> None:
        """Record the new phase of a part."""
        pid = child.process.pid if child.process.is_running() else None
        part = PartState(
            phase=phase,
            pid=pid,
            born=start_time(pid) if pid else None,
            url=child.part.url,
            detail=detail,
            seconds=round(time.monotonic() - child.started_at, 1),
            restarts=child.restarts,
        )
        self._put(child.part.name, part)

    def record(self, name: str, phase: Phase, detail: str = "", seconds: float | None = None) -> None:
        """Record the phase of work that has no supervised process, such as the unpacking of the model."""
        self._put(name, PartState(phase=phase, detail=detail, seconds=seconds))

    def ready(self) -> None:
        """Record that all parts are ready."""
        self._write(phase="ready")

    def fail(self, reason: str) -> None:
        """Record the reason why the stack failed."""
        self._write(error=reason, phase="failed")

    def end(self) -> None:
        """Remove stack.json after the stop, unless it holds the reason of a failure."""
        if self.state.error is None:
            self._home.state.unlink(missing_ok=True)

    def _put(self, name: str, part: PartState) -> None:
        self._write(parts=self.state.parts | {name: part})
        self._show(name, part)

    def _write(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)
        write_state(self._home, self.state)
