"""Periodic background tasks, each in a thread of its own, with backoff after failures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)
MAX_PAUSE = 30.0
"""Seconds of the longest pause after failures."""


class PeriodicTask:
    """Calls `work` every `interval` seconds; at once again if it returned a count above 0, or after `wake`.

    After a failure the pause doubles up to MAX_PAUSE, whatever wakes it; the error is logged.
    """

    def __init__(self, name: str, work: Callable[[], int], interval: float) -> None:
        self._work = work
        self._interval = interval
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Call `work` now, or once more after the call in progress: that one may not see what the waker has done."""
        self._woken.set()

    def stop(self) -> None:
        """Stop after the call in progress, and wait for it."""
        self._stop.set()
        self._woken.set()
        self._thread.join()

    def _loop(self) -> None:
        pause, failed = 0.0, False
        while True:
            # After a failure only the time or a stop ends the pause: whatever failed is not asked at each wake.
            (self._stop if failed else self._woken).wait(pause)
            if self._stop.is_set():
                return
            # Cleared before the work, never after it: a wake during the work must not be lost.
            self._woken.clear()
            pause, failed = self._next_pause(pause)

    def _next_pause(self, pause: float) -> tuple[float, bool]:
        try:
            return (0.0 if self._work() else self._interval), False
        except Exception as error:
            later = min(max(pause * 2, self._interval), MAX_PAUSE)
            log.error("%s failed, again in %.1f s", self._thread.name, later, exc_info=error)
            return later, True
