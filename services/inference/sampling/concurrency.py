"""Concurrent calls to an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def gathered(work: list[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order. Raises the first failure as it is, after cancelling the rest."""
    # No TaskGroup: it wraps the failure in an ExceptionGroup, which callers would have to take apart.
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
