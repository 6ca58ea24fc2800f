"""Waits until every engine holds what was promoted. Nobody who waits occupies a thread or a session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.coordinator.promoting import Standing
from shared.errors import ConflictError, NotInTimeError, UnavailableError

EVERY = 0.1
"""Seconds between two looks."""


@dataclass
class Waiters:
    """How many wait at this coordinator, and how many may."""

    most: int
    now: int = 0


async def wait_for_engines(
    waiters: Waiters,
    checkpoint: str,
    look: Callable[[], Awaitable[Standing]],
    seconds: float,
    gone: Callable[[], Awaitable[bool]],
) -> Standing:
    """How engines stand once all that are heard of hold `checkpoint`, or as soon as whoever asked is `gone`.

    Raises NotInTimeError after `seconds`, ConflictError if something else is served by then, UnavailableError if too
    many wait already. The promotion stands in any case.
    """
    if waiters.now >= waiters.most:
        raise UnavailableError(
            f"{checkpoint} is promoted, but {waiters.most} wait for engines already: see GET /v1/engines"
        )
    waiters.now += 1
    deadline = time.monotonic() + seconds
    try:
        while True:
            standing = await look()
            if standing.served != checkpoint:
                raise ConflictError(f"{checkpoint} was promoted, but {standing.served} is served by now")
            if standing.done or await gone():
                return standing
            if time.monotonic() >= deadline:
                raise _late(checkpoint, standing, seconds)
            await asyncio.sleep(EVERY)
    finally:
        waiters.now -= 1


def _late(checkpoint: str, standing: Standing, seconds: float) -> NotInTimeError:
    lacking = [engine for engine in standing.engines if engine.state == "lacking"]
    errors = [{"field": engine.engine, "message": engine.error or "it has not verified it yet"} for engine in lacking]
    who = ", ".join(engine.engine for engine in lacking) or "no engine is heard of"
    return NotInTimeError(
        f"{checkpoint} is promoted, but not all engines hold it after {seconds:g} s: {who}; "
        "`morrow serving` shows how they go on",
        errors=errors,
    )
