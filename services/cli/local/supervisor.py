"""Keeps the parts of the stack running: starts them in stages, restarts those that die, stops them in order."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from services.cli.local.diagnosis import is_hopeless, why_it_died
from services.cli.local.process import Part, Process
from services.cli.local.state import Phase
from shared.errors import StoppedError, UnavailableError

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0
STEADY_AFTER = 30.0
"""Seconds a part must live for its next backoff to begin anew."""
TRIES_AT_START = 3
PATIENCE_AT_STOP = 10.0
_GLANCE = 0.1
_IDLE = 1.0


@dataclass
class Kept:
    """A part under supervision. `again_at` is when it is started again, on the monotonic clock."""

    part: Part
    process: Process
    backoff: float = FIRST_BACKOFF
    started_at: float = 0.0
    again_at: float | None = None
    ready: bool = False
    restarts: int = 0

    @property
    def launched(self) -> bool:
        """Whether its turn to start has come."""
        return self.process.pid is not None


Report = Callable[[Kept, Phase, str], None]


class Supervisor:
    """Supervises parts until `stop` is set. `report` hears of every change; `wake` cuts a wait short (SIGCHLD)."""

    def __init__(
        self, parts: Iterable[Part], logs: Path, report: Report, *, stop: threading.Event, wake: threading.Event
    ) -> None:
        self.kept = [Kept(part, Process(part, logs / f"{part.name}.log")) for part in parts]
        self._report = report
        self._stop = stop
        self._wake = wake

    def start(self) -> None:
        """Start all stages; raises UnavailableError naming the part that cannot start, StoppedError if told to stop."""
        for _, stage in itertools.groupby(sorted(self.kept, key=lambda k: k.part.stage), key=lambda k: k.part.stage):
            members = list(stage)
            for kept in members:
                _rotate(kept.process.log)
                self._launch(kept)
            while not all(kept.ready for kept in members):
                self._pause(_GLANCE)
                for kept in self.kept:
                    if kept.launched:
                        self._tend_starting(kept)

    def keep(self) -> None:
        """Restart what dies until told to stop."""
        while not self._stop.is_set():
            for kept in self.kept:
                self._tend(kept)
            due = [kept.again_at for kept in self.kept if kept.again_at is not None]
            waiting = any(not kept.ready for kept in self.kept)
            self._wait(min([max(at - time.monotonic(), 0.01) for at in due] + [_GLANCE * 2 if waiting else _IDLE]))

    def stop(self) -> None:
        """Stop all parts by rank: ask, wait up to ten seconds, kill."""
        for _, rank in itertools.groupby(
            sorted(self.kept, key=lambda k: k.part.stop_rank), key=lambda k: k.part.stop_rank
        ):
            members = [kept for kept in rank if kept.process.pid is not None]
            for kept in members:
                self._report(kept, "stopping", "")
                kept.process.ask_to_stop()
            deadline = time.monotonic() + PATIENCE_AT_STOP
            for kept in members:
                kept.process.wait(deadline - time.monotonic())
                kept.process.sweep()
                kept.process.wait(PATIENCE_AT_STOP)
                self._report(kept, "stopped", "")

    def _launch(self, kept: Kept) -> None:
        kept.again_at, kept.ready = None, False
        kept.started_at = time.monotonic()
        kept.process.start()
        self._report(kept, "starting", "")

    def _pause(self, seconds: float) -> None:
        self._wait(seconds)
        if self._stop.is_set():
            raise StoppedError("stopped while starting")

    def _wait(self, seconds: float) -> None:
        if not self._stop.is_set():
            self._wake.wait(seconds)
            self._wake.clear()

    def _tend_starting(self, kept: Kept) -> None:
        was_waiting = kept.again_at is not None
        self._tend(kept)
        if kept.again_at is not None and not was_waiting:
            reason = self._why(kept)
            if kept.restarts >= TRIES_AT_START or is_hopeless(kept.process.log_tail()):
                self._report(kept, "failed", reason)
                raise UnavailableError(f"{kept.part.name} cannot start: {reason}")
        if not kept.ready and kept.again_at is None and time.monotonic() - kept.started_at > kept.part.patience:
            reason = f"not ready after {kept.part.patience:.0f} s (log: {kept.process.log})"
            self._report(kept, "failed", reason)
            raise UnavailableError(f"{kept.part.name} cannot start: {reason}")

    def _tend(self, kept: Kept) -> None:
        if kept.again_at is not None:
            if time.monotonic() >= kept.again_at:
                self._launch(kept)
        elif not kept.process.lives():
            self._schedule(kept)
        elif not kept.ready and self._is_ready(kept):
            kept.ready = True
            self._report(kept, "ready", "")

    def _schedule(self, kept: Kept) -> None:
        reason = self._why(kept)
        kept.process.sweep()
        if time.monotonic() - kept.started_at > STEADY_AFTER:
            kept.backoff = FIRST_BACKOFF
        kept.again_at, kept.ready = time.monotonic() + kept.backoff, False
        kept.restarts += 1
        self._report(kept, "restarting", f"{reason}; starting it again in {kept.backoff:g} s")
        kept.backoff = min(kept.backoff * 2, LONGEST_BACKOFF)

    def _is_ready(self, kept: Kept) -> bool:
        part = kept.part
        return part.is_ready() if part.is_ready else part.ready_line in kept.process.log_tail()

    def _why(self, kept: Kept) -> str:
        process = kept.process
        return why_it_died(process.exit_code(), process.log_tail(), process.log, kept.part.cure)


def _rotate(log: Path) -> None:
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
