"""Turns at the processors that several processes of a machine share: one of them computes at a time.

Two processes whose matrix products share cores displace each other's caches and wait for each other's threads. They
take turns instead: a process that wants to compute queues up, and one that computes goes on until another waits and its
slice is over. The system frees the files of a process that dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)
SLICE: Final = 2.0
"""Seconds of a turn while another process waits: long against a switch, short against a request's patience."""
PATIENCE: Final = 60.0
"""Seconds after which a process computes without a turn: the one that has it may hang."""
_POLL: Final = 0.005


class Turn(Protocol):
    """A process' turn. `hold` has it or waits for it; called while holding, it lets a waiting process go first."""

    def hold(self) -> None: ...
    def release(self) -> None: ...


class NoTurn:
    """The processors are this process' own."""

    def hold(self) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""


class FileTurn:
    """A turn by two locks beside a path: `.queue`, held while waiting, and `.turn`, held while computing.

    The process that has the queue is next, so that none is passed over; none waits for the queue while it holds the
    turn, so that there is no circle. For one thread.
    """

    def __init__(
        self,
        path: Path,
        slice_seconds: float = SLICE,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._queue, self._turn = FileLock(f"{path}.queue"), FileLock(f"{path}.turn")
        self._slice, self._patience, self._clock = slice_seconds, patience, clock
        self._since = self._alone_until = 0.0

    @property
    def held(self) -> bool:
        """Whether this process has the turn."""
        return self._turn.is_locked

    def hold(self) -> None:
        """Have the turn, or go on without it after `patience` seconds of waiting, and for as long again."""
        if self.held:
            if self._clock() - self._since < self._slice or not self._somebody_waits():
                return
            self.release()
        if self._clock() < self._alone_until:
            return
        try:
            with self._queue.acquire(timeout=self._patience, poll_interval=_POLL):
                self._turn.acquire(timeout=self._patience, poll_interval=_POLL)
        except Timeout:
            log.warning("no turn at the processors in %g s: computing beside the process that has it", self._patience)
            self._alone_until = self._clock() + self._patience
        self._since = self._clock()

    def release(self) -> None:
        """Give the turn back; nothing if this process has none."""
        self._turn.release()

    def _somebody_waits(self) -> bool:
        try:
            self._queue.acquire(blocking=False)
        except Timeout:
            return True
        self._queue.release()
        return False


def turn_at(path: str) -> Turn:
    """The turn at a path's locks; none is taken where the path is empty."""
    return FileTurn(Path(path)) if path else NoTurn()
