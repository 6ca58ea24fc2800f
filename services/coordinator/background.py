"""A thread that does one thing over and over and survives its failures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)
LONGEST = 30.0
"""Seconds it waits at most after failures."""


class Repeater:
    """Calls `work` every `every` seconds, at once if it did something, ever later while it fails."""

    def __init__(self, name: str, work: Callable[[], int], every: float) -> None:
        self._work = work
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the call that is under way."""
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = self._next_pause(pause)

    def _next_pause(self, pause: float) -> float:
        try:
            return 0.0 if self._work() else self._every
        except Exception as error:
            later = min(max(pause * 2, self._every), LONGEST)
            log.error("%s failed, again in %.1f s", self._thread.name, later, exc_info=error)
            return later
