"""What many wait for is looked up for all at once: a coordinator asks its database now and then, not each of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

T = TypeVar("T")


class Watch(Generic[T]):
    """The newest value of `read`, at most `every` seconds old. Nobody who waits here occupies a thread."""

    def __init__(self, read: Callable[[], T], every: float = 0.05) -> None:
        self._read = read
        self._every = every
        self._lock = asyncio.Lock()
        self._seen: tuple[float, T] | None = None

    async def look(self) -> T:
        """The value as it was `every` seconds ago or later."""
        async with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] >= self._every:
                self._seen = time.monotonic(), await run_in_threadpool(self._read)
            return self._seen[1]

    async def read(self) -> T:
        """The value as it is now."""
        return await run_in_threadpool(self._read)

    async def until(self, ended: Callable[[T], bool], seconds: float) -> T:
        """The first value that `ended` takes, or the last one before `seconds` have passed."""
        deadline = time.monotonic() + seconds
        value = await self.look()
        while not ended(value) and time.monotonic() < deadline:
            await asyncio.sleep(min(self._every, max(deadline - time.monotonic(), 0.0)))
            value = await self.look()
        return value
