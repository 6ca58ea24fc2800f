"""Supervises the parts of the stack: starts them in stages, restarts those that end, stops them in order."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from services.cli.local.diagnosis import exit_reason, is_permanent
from services.cli.local.process import Part, Process
from services.cli.local.state import Phase
from shared.errors import StoppedError, UnavailableError

MIN_BACKOFF = 0.5
MAX_BACKOFF = 10.0
STABLE_AFTER = 30.0
"""Seconds of running after which a part's backoff returns to the minimum."""
MAX_START_RESTARTS = 3
STOP_TIMEOUT = 10.0
_POLL_SECONDS = 0.1
_IDLE_SECONDS = 1.0


@dataclass
class Child:
    """A part with its process. `restart_at` is the time of its next start on the monotonic clock, if one is due."""

    part: Part
    process: Process
    backoff: float = MIN_BACKOFF
    started_at: float = 0.0
    restart_at: float | None = None
    ready: bool = False
    restarts: int = 0

    @property
    def launched(self) -> bool:
        """Whether it was ever started."""
        return self.process.pid is not None


Report = Callable[[Child, Phase, str], None]


class Supervisor:
    """Supervises parts until `stop` is set. `report` receives every change; `wake` (set at SIGCHLD) ends a wait."""

    def __init__(
        self, parts: Iterable[Part], logs: Path, report: Report, *, stop: threading.Event, wake: threading.Event
    ) -> None:
        self.children = [Child(part, Process(part, logs / f"{part.name}.log")) for part in parts]
        self._report = report
        self._stop = stop
        self._wake = wake

    def start(self) -> None:
        """Start all stages; raises UnavailableError naming a part that cannot start, StoppedError if `stop` is set."""
        for members in self._groups(lambda child: child.part.stage):
            for child in members:
                # Restarts append to the log, so that the reason of an exit stays in it.
                _rotate(child.process.log)
                self._launch(child)
            while not all(child.ready for child in members):
                self._pause(_POLL_SECONDS)
                # Of all stages: an earlier part may fail while a later stage starts.
                for child in self.children:
                    if child.launched:
                        self._check_starting(child)

    def supervise(self) -> None:
        """Restart parts that end, until `stop` is set."""
        while not self._stop.is_set():
            for child in self.children:
                self._check(child)
            due = [child.restart_at for child in self.children if child.restart_at is not None]
            waiting = any(not child.ready for child in self.children)
            longest = _POLL_SECONDS * 2 if waiting else _IDLE_SECONDS
            self._wait(min([max(at - time.monotonic(), 0.01) for at in due] + [longest]))

    def stop(self) -> None:
        """Stop all parts in order of rank: signal, wait up to STOP_TIMEOUT seconds, kill."""
        for group in self._groups(lambda child: child.part.stop_rank):
            members = [child for child in group if child.launched]
            for child in members:
                self._report(child, "stopping", "")
                child.process.send_stop()
            deadline = time.monotonic() + STOP_TIMEOUT
            for child in members:
                child.process.wait(deadline - time.monotonic())
                # Its own children may have outlived it, or ignored the signal.
                child.process.kill_session()
                child.process.wait(STOP_TIMEOUT)
                self._report(child, "stopped", "")

    def _groups(self, key: Callable[[Child], int]) -> list[list[Child]]:
        return [list(group) for _, group in itertools.groupby(sorted(self.children, key=key), key=key)]

    def _launch(self, child: Child) -> None:
        child.restart_at, child.ready = None, False
        child.started_at = time.monotonic()
        child.process.start()
        self._report(child, "starting", "")

    def _pause(self, seconds: float) -> None:
        self._wait(seconds)
        if self._stop.is_set():
            raise StoppedError("stopped while starting")

    def _wait(self, seconds: float) -> None:
        if not self._stop.is_set():
            self._wake.wait(seconds)
            self._wake.clear()

    def _check_starting(self, child: Child) -> None:
        was_waiting = child.restart_at is not None
        self._check(child)
        # A new failure: one whose restart is due was handled before.
        if child.restart_at is not None and not was_waiting:
            reason = self._reason(child)
            if child.restarts >= MAX_START_RESTARTS or is_permanent(child.process.log_tail()):
                self._report(child, "failed", reason)
                raise UnavailableError(f"{child.part.name} cannot start: {reason}")
        timeout = child.part.ready_timeout
        if not child.ready and child.restart_at is None and time.monotonic() - child.started_at > timeout:
            reason = f"not ready after {timeout:.0f} s (log: {child.process.log})"
            self._report(child, "failed", reason)
            raise UnavailableError(f"{child.part.name} cannot start: {reason}")

    def _check(self, child: Child) -> None:
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                self._launch(child)
        elif not child.process.is_running():
            self._schedule_restart(child)
        elif not child.ready and self._is_ready(child):
            child.ready = True
            self._report(child, "ready", "")

    def _schedule_restart(self, child: Child) -> None:
        reason = self._reason(child)
        child.process.kill_session()
        if time.monotonic() - child.started_at > STABLE_AFTER:
            # It ran well for a while: this failure is a new one.
            child.backoff = MIN_BACKOFF
        child.restart_at, child.ready = time.monotonic() + child.backoff, False
        child.restarts += 1
        self._report(child, "restarting", f"{reason}; restarting in {child.backoff:g} s")
        child.backoff = min(child.backoff * 2, MAX_BACKOFF)

    def _is_ready(self, child: Child) -> bool:
        part = child.part
        return part.is_ready() if part.is_ready else part.ready_line in child.process.log_tail()

    def _reason(self, child: Child) -> str:
        process = child.process
        return exit_reason(process.exit_code(), process.log_tail(), process.log, child.part.cure)


def _rotate(log: Path) -> None:
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
