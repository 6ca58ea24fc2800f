"""A fair queue: sequences in order per policy, and policies in turn."""

from __future__ import annotations

from collections import OrderedDict, deque

from services.inference.cpu_engine.decoding.sequence import Sequence
from services.inference.cpu_engine.model.policies import Policy


class FairQueue:
    """First come, first served within a policy; the policies take turns."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Policy, deque[Sequence]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def add(self, policy: Policy, rows: list[Sequence]) -> None:
        """Append rows to their policy's queue."""
        self._lines.setdefault(policy, deque()).extend(rows)

    def turn(self) -> Policy | None:
        """The policy that has waited longest for its turn."""
        return next(iter(self._lines), None)

    def has(self, policy: Policy) -> bool:
        """Whether this policy has waiting sequences."""
        return policy in self._lines

    def take(self, policy: Policy, limit: int) -> list[Sequence]:
        """Up to `limit` waiting rows of a policy, without cancelled ones; its next turn comes after all others'."""
        line = self._lines.pop(policy, deque())
        rows: list[Sequence] = []
        while line and len(rows) < limit:
            row = line.popleft()
            if not row.over:
                rows.append(row)
        if line:
            self._lines[policy] = line
        return rows

    def clear(self) -> list[Sequence]:
        """Empty the queue and return its sequences."""
        rows = [row for line in self._lines.values() for row in line]
        self._lines.clear()
        return rows
