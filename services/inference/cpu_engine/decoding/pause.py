"""The pause gate: requests from before a pause are answered, requests during it wait for its end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from services.inference.cpu_engine.decoding.sequence import Request
from shared.errors import MorrowError


@dataclass
class PauseGate:
    """Whether the engine is paused, the callers waiting for it to be idle, and the requests held until it resumes."""

    on: bool = False
    held: list[Request] = field(default_factory=list)
    _waiting: list[tuple[Future[None], Callable[[], None]]] = field(default_factory=list)

    def begin(self, done: Future[None], then: Callable[[], None]) -> None:
        """Pause; once nothing runs, call `then` and resolve `done`."""
        self.on = True
        if done.set_running_or_notify_cancel():
            self._waiting.append((done, then))

    def still(self) -> None:
        """Nothing runs: resolve the waiting pauses."""
        for done, then in self._waiting:
            then()
            done.set_result(None)
        self._waiting.clear()

    def end(self) -> list[Request]:
        """End the pause and return the held requests, in order."""
        self.on = False
        held, self.held = self.held, []
        return held

    def give_up(self, error: MorrowError) -> None:
        """Fail the waiting pauses and the held requests."""
        for done, _ in self._waiting:
            done.set_exception(error)
        for request in self.end():
            if request.done.set_running_or_notify_cancel():
                request.done.set_exception(error)
