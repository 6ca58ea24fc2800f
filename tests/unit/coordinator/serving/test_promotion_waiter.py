"""Waiting for a promotion: when it ends, and how many may wait."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from services.coordinator.serving.promotions import PromotionStatus, PromotionWaiter
from services.coordinator.serving.schemas import EngineStatus
from shared.errors import ConflictError, NotInTimeError, UnavailableError

NOW = dt.datetime(2025, 8, 18, tzinfo=dt.UTC)


def status(*states: str, served: str = "c") -> PromotionStatus:
    """A status with one engine for each state."""
    engines = [
        EngineStatus.model_validate(
            {"engine": f"e{n}", "state": state, "seconds": None, "load_seconds": None, "error": None, "seen_at": NOW}
        )
        for n, state in enumerate(states)
    ]
    return PromotionStatus(served, engines)


class Scripted(PromotionWaiter):
    """A waiter that reads these statuses, the last one for ever."""

    def __init__(self, *statuses: PromotionStatus, limit: int = 1) -> None:
        super().__init__(Mock(), 30.0, limit)
        self._script: Iterator[PromotionStatus] = iter(statuses)
        self._last = statuses[-1]

    def _status(self, checkpoint: str) -> PromotionStatus:
        return next(self._script, self._last)


async def connected() -> bool:
    return False


def wait(waiter: PromotionWaiter, seconds: float = 30.0) -> PromotionStatus:
    return asyncio.run(waiter.wait_until_ready("c", seconds, connected))


def test_a_wait_ends_once_all_live_engines_are_ready() -> None:
    ready = status("ready", "ready", "stale")
    waiter = Scripted(status("lacking", "ready"), status("stale"), ready)
    assert wait(waiter) == ready
    assert waiter.waiting == 0


def test_a_wait_ends_when_the_client_disconnects() -> None:
    async def gone() -> bool:
        return True

    lacking = status("lacking")
    assert asyncio.run(Scripted(lacking).wait_until_ready("c", 30.0, gone)) == lacking


def test_a_wait_that_times_out_names_the_lacking_engines() -> None:
    waiter = Scripted(status("lacking", "ready"))
    with pytest.raises(NotInTimeError, match="not loaded by every live engine after 0 s: e0"):
        wait(waiter, 0.0)
    assert waiter.waiting == 0


def test_a_wait_ends_with_a_conflict_when_another_checkpoint_is_served() -> None:
    with pytest.raises(ConflictError, match="other is served by now"):
        wait(Scripted(status("ready", served="other")))


def test_waits_beyond_the_limit_are_refused() -> None:
    async def run() -> None:
        waiter = Scripted(status("lacking"), limit=1)
        first = asyncio.create_task(waiter.wait_until_ready("c", 30.0, connected))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="1 wait for engines already"):
            await waiter.wait_until_ready("c", 30.0, connected)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert waiter.waiting == 0

    asyncio.run(run())
