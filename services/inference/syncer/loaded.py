"""The policies an engine has loaded and verified, behind a readers-writer lock; and whether the engine is ready.

Forecasts are readers, a swap of full weights is the writer: during a swap no forecast runs and none begins.
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

POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Readiness:
    """Whether the engine has loaded the served policy, and why not."""

    ready: bool
    reason: str = ""


class LoadedPolicies:
    """Verified policies by name. `slot` is the policy whose weights the engine's own are, "" if unknown.

    `desired` are the policies that will be loaded: a reader waits for those, and fails at once for any other.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._verified: dict[str, dt.datetime] = {}
        self._readers: Counter[str] = Counter()
        self._writing = False
        self.slot = BASE_POLICY
        self.desired: frozenset[str] = frozenset()
        self.readiness = Readiness(False, "the syncer has not checked the engine yet")

    @property
    def verified(self) -> dict[str, dt.datetime]:
        """The loaded policies, each with the time at which it was verified."""
        with self._turn:
            return dict(self._verified)

    def add(self, policy: str, at: dt.datetime) -> None:
        """Add a verified policy. One that is loaded already keeps its time."""
        with self._turn:
            self._verified.setdefault(policy, at)

    def keep_only(self, policies: Iterable[str]) -> None:
        """Drop all other policies: the engine no longer has them."""
        with self._turn:
            kept = set(policies)
            self._verified = {name: at for name, at in self._verified.items() if name in kept}

    def remove_if_unused(self, policy: str) -> bool:
        """Drop a policy unless a reader uses it. Returns whether it was dropped."""
        with self._turn:
            if self._readers[policy]:
                return False
            self._verified.pop(policy, None)
            return True

    @asynccontextmanager
    async def reading(self, policy: str, patience: float) -> AsyncIterator[None]:
        """Shared access to a policy: it stays loaded meanwhile.

        Raises UnavailableError if it is not loaded within `patience` seconds.
        """
        deadline = time.monotonic() + patience
        while not self._enter(policy):
            if time.monotonic() >= deadline or not (self._writing or policy in self.desired):
                names = ", ".join(sorted(self.verified)) or "nothing"
                raise UnavailableError(f"the engine has not loaded {policy}, only {names}: retry in a few seconds")
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self._leave(policy)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Exclusive access: waits for readers to finish and blocks new ones."""
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
