"""Keeps stack.json true while the supervisor works, and tells the person."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import psutil

from services.cli.local.home import Home
from services.cli.local.state import PartState, Phase, StackState, write_state
from services.cli.local.supervisor import Kept

Tell = Callable[[str, PartState], None]


def born_at(pid: int) -> float | None:
    """When the process began (seconds since the epoch), or None if it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


class Recorder:
    """Writes every change to stack.json and hands it to `tell`."""

    def __init__(self, home: Home, tell: Tell) -> None:
        self._home = home
        self._tell = tell
        self.state = StackState(pid=os.getpid())
        write_state(home, self.state)

    def begin(self, coordinator_url: str) -> None:
        """The addresses are known."""
        self._write(coordinator_url=coordinator_url)

    def report(self, kept: Kept, phase: Phase, detail: str) -> None:
        """One part changed."""
        pid = kept.process.pid if kept.process.lives() else None
        part = PartState(
            phase=phase,
            pid=pid,
            born=born_at(pid) if pid else None,
            url=kept.part.url,
            detail=detail,
            seconds=round(time.monotonic() - kept.started_at, 1),
            restarts=kept.restarts,
        )
        self._put(kept.part.name, part)

    def note(self, name: str, phase: Phase, detail: str = "", seconds: float | None = None) -> None:
        """Something that is no process of its own changed, such as the unpacking of the model."""
        self._put(name, PartState(phase=phase, detail=detail, seconds=seconds))

    def ready(self) -> None:
        """All parts answer."""
        self._write(phase="ready")

    def fail(self, reason: str) -> None:
        """The stack gives up."""
        self._write(error=reason, phase="failed")

    def end(self) -> None:
        """The stack has stopped: nothing is left to find but the reason of a failure."""
        if self.state.error is None:
            self._home.state.unlink(missing_ok=True)

    def _put(self, name: str, part: PartState) -> None:
        self._write(parts=self.state.parts | {name: part})
        self._tell(name, part)

    def _write(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)
        write_state(self._home, self.state)
