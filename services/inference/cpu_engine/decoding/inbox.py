"""What other threads want of the engine's thread, which does it between two steps."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Inbox:
    """Actions in the order in which they were put, from any thread; one thread does them."""

    def __init__(self) -> None:
        self._actions: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    def put(self, action: Callable[[], object]) -> None:
        """Have an action done; it must not raise."""
        self._actions.put(action)

    def call(self, action: Callable[[], T]) -> Future[T]:
        """Have an action done; the future gets its result, or what it raises."""
        done: Future[T] = Future()

        def act() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(action())
            except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
                done.set_exception(error)

        self._actions.put(act)
        return done

    def wait(self) -> None:
        """Do one action, as soon as there is one."""
        self._actions.get()()

    def drain(self) -> None:
        """Do all actions that are there."""
        while not self._actions.empty():
            self._actions.get()()
