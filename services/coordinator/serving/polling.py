"""Long polling with one shared database query per interval."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

T = TypeVar("T")


class CachedPoll(Generic[T]):
    """The value of `read`, cached for `interval` seconds. A request that waits here occupies no thread."""

    def __init__(self, read: Callable[[], T], interval: float = 0.05) -> None:
        self._read = read
        self._interval = interval
        self._lock = asyncio.Lock()
        self._cached: tuple[float, T] | None = None

    async def latest(self) -> T:
        """The value, at most `interval` seconds old."""
        # Under the lock, so that those who wait for a stale value share the one query that renews it.
        async with self._lock:
            if self._cached is None or time.monotonic() - self._cached[0] >= self._interval:
                self._cached = time.monotonic(), await run_in_threadpool(self._read)
            return self._cached[1]

    async def now(self) -> T:
        """The value, read anew."""
        return await run_in_threadpool(self._read)

    async def until(self, ended: Callable[[T], bool], seconds: float) -> T:
        """The first value for which `ended` is true, or the last one before `seconds` have passed."""
        deadline = time.monotonic() + seconds
        value = await self.latest()
        while not ended(value) and time.monotonic() < deadline:
            await asyncio.sleep(min(self._interval, max(deadline - time.monotonic(), 0.0)))
            value = await self.latest()
        return value
