"""An engine's pause: what was asked before it is answered, what is asked during it waits for its end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from services.inference.cpu_engine.decoding.sequence import Request
from shared.errors import MorrowError


@dataclass
class PauseGate:
    """Whether the engine pauses, who waits for it to stand still, and what it holds back meanwhile."""

    on: bool = False
    held: list[Request] = field(default_factory=list)
    _waiting: list[tuple[Future[None], Callable[[], None]]] = field(default_factory=list)

    def begin(self, done: Future[None], then: Callable[[], None]) -> None:
        """Pause; once nothing runs, `then` is called and `done` is told."""
        self.on = True
        if done.set_running_or_notify_cancel():
            self._waiting.append((done, then))

    def still(self) -> None:
        """Nothing runs any more."""
        for done, then in self._waiting:
            then()
            done.set_result(None)
        self._waiting.clear()

    def end(self) -> list[Request]:
        """Pause no more; returns what was held back, in order."""
        self.on = False
        held, self.held = self.held, []
        return held

    def give_up(self, error: MorrowError) -> None:
        """Fail whoever waits."""
        for done, _ in self._waiting:
            done.set_exception(error)
        for request in self.end():
            if request.done.set_running_or_notify_cancel():
                request.done.set_exception(error)
