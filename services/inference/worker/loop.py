"""An event loop on a thread of its own, where the steps of a process sample side by side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """The loop, and with it the engine's connections, lives as long as the process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="sampling", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the work, or what it raises. It runs in the caller's context, whose its log lines then are."""
        result: Future[T] = Future()

        async def settle() -> None:
            try:
                result.set_result(await work)
            except BaseException as error:  # noqa: BLE001 - it is the caller's, who waits for it
                result.set_exception(error)

        tasks = []
        # The list keeps the task alive: the loop itself has only a weak reference to it.
        self._loop.call_soon_threadsafe(lambda: tasks.append(self._loop.create_task(settle())), context=copy_context())
        return result.result()
