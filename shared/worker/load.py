"""How full a worker's engine is: the rows of its steps in flight, and whether it may take another step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.worker.steps import Lease


@dataclass
class _Step:
    lease: Lease
    rows: int


class Load:
    """The rows that a worker's steps have in flight, against `capacity`: how many the engine decodes together.

    With an unknown capacity, 0, a worker does one step at a time. Safe to use from several threads.
    """

    def __init__(self, capacity: int = 0) -> None:
        self.capacity = capacity
        self._steps: dict[int, _Step] = {}
        self._lock = threading.Lock()

    @property
    def rows(self) -> int:
        """Rows in flight."""
        with self._lock:
            return sum(step.rows for step in self._steps.values())

    @contextmanager
    def step(self, lease: Lease, rows: int) -> Iterator[Callable[[int], None]]:
        """Count the rows of a step while the block runs; yields a function that counts some of them as ended."""
        step = _Step(lease, rows)
        with self._lock:
            self._steps[lease.step_id] = step

        def ended(count: int) -> None:
            with self._lock:
                step.rows -= count

        try:
            yield ended
        finally:
            ended(step.rows)

    def leave(self, step_id: int) -> None:
        """The step has ended, with whatever result."""
        with self._lock:
            self._steps.pop(step_id, None)

    def has_room(self, taken: int) -> bool:
        """Whether another step may be taken while `taken` are not over.

        Those must all have begun to sample, so that their rows are known, and leave rows of the engine's batch unused.
        """
        with self._lock:
            known = len(self._steps) >= taken
            return not taken or (known and sum(step.rows for step in self._steps.values()) < self.capacity)

    def revoke(self, reason: str) -> None:
        """Stop all steps: nobody will wait for them."""
        with self._lock:
            leases = [step.lease for step in self._steps.values()]
        for lease in leases:
            lease.revoke(reason)
