"""Long polling: one query for all that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from services.coordinator.serving.polling import CachedPoll


class Counter:
    """Reads 1, 2, 3, …"""

    def __init__(self) -> None:
        self.reads = 0

    def read(self) -> int:
        self.reads += 1
        return self.reads


def test_simultaneous_reads_share_one_query() -> None:
    counter = Counter()

    async def run() -> list[int]:
        poll = CachedPoll(counter.read, interval=60)
        return await asyncio.gather(*[poll.latest() for _ in range(20)])

    assert asyncio.run(run()) == [1] * 20
    assert counter.reads == 1


def test_a_direct_read_bypasses_the_cache() -> None:
    counter = Counter()

    async def run() -> tuple[int, int, int]:
        poll = CachedPoll(counter.read, interval=60)
        return await poll.latest(), await poll.now(), await poll.latest()

    assert asyncio.run(run()) == (1, 2, 1)


def test_a_poll_ends_with_the_first_value_that_qualifies() -> None:
    counter = Counter()

    async def run() -> int:
        return await CachedPoll(counter.read, interval=0.001).until(lambda value: value >= 3, seconds=30)

    assert asyncio.run(run()) == 3


def test_a_poll_that_times_out_returns_the_last_value() -> None:
    values: Iterator[str] = iter("aaaa" * 1000)

    async def run() -> str:
        return await CachedPoll(lambda: next(values), interval=0.01).until(lambda value: value == "b", seconds=0.03)

    assert asyncio.run(run()) == "a"
