"""What an engine is known to hold, who is using it, and whether it is ready; for the syncer's loop and its routes.

Forecasts read, a swap of full weights writes: while it lasts no forecast runs, and none begins.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from shared.errors import UnavailableError
from shared.wire import BASE_POLICY

LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Standing:
    """Whether the engine holds what is served, and why not."""

    ready: bool
    reason: str = ""


class Holdings:
    """Policies that answered as themselves, by name. `slot` is whose weights the engine's own are, "" if unknown.

    `coming` are the policies that are to be held; for others nobody needs to wait.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._verified: dict[str, dt.datetime] = {}
        self._readers: Counter[str] = Counter()
        self._writing = False
        self.slot = BASE_POLICY
        self.coming: frozenset[str] = frozenset()
        self.standing = Standing(False, "the engine has not been looked at yet")

    @property
    def verified(self) -> dict[str, dt.datetime]:
        """The policies held, with the time at which each was verified."""
        with self._turn:
            return dict(self._verified)

    def hold(self, policy: str, at: dt.datetime) -> None:
        """Remember a policy as verified, unless it is remembered already."""
        with self._turn:
            self._verified.setdefault(policy, at)

    def keep_only(self, policies: Iterable[str]) -> None:
        """Forget all other policies: the engine does not hold them any more."""
        with self._turn:
            kept = set(policies)
            self._verified = {name: at for name, at in self._verified.items() if name in kept}

    def retire(self, policy: str) -> bool:
        """Forget a policy unless it is in use; whether it was forgotten."""
        with self._turn:
            if self._readers[policy]:
                return False
            self._verified.pop(policy, None)
            return True

    @asynccontextmanager
    async def reading(self, policy: str, patience: float) -> AsyncIterator[None]:
        """Use a policy: it is not taken away meanwhile. Raises UnavailableError if it is not held within `patience`."""
        deadline = time.monotonic() + patience
        while not self._enter(policy):
            if time.monotonic() >= deadline or not (self._writing or policy in self.coming):
                held = ", ".join(sorted(self.verified)) or "nothing"
                raise UnavailableError(f"the engine does not hold {policy}, it holds {held}: ask again shortly")
            await asyncio.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            self._leave(policy)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be alone: waits until nobody reads, and lets nobody in."""
        with self._turn:
            self._writing = True
            self._turn.wait_for(lambda: not self._readers.total())
        try:
            yield
        finally:
            with self._turn:
                self._writing = False

    def _enter(self, policy: str) -> bool:
        with self._turn:
            if self._writing or policy not in self._verified:
                return False
            self._readers[policy] += 1
            return True

    def _leave(self, policy: str) -> None:
        with self._turn:
            self._readers[policy] -= 1
            self._turn.notify_all()
