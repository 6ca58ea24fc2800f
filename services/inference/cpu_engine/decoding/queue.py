"""Who waits: sequences in line per policy, and whose turn it is."""

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
        """Put rows at the end of their policy's line."""
        self._lines.setdefault(policy, deque()).extend(rows)

    def turn(self) -> Policy | None:
        """The policy that has waited longest for its turn."""
        return next(iter(self._lines), None)

    def others(self, policy: Policy) -> bool:
        """Whether a policy other than this one waits."""
        return any(other is not policy for other in self._lines)

    def has(self, policy: Policy) -> bool:
        """Whether anything waits for this policy."""
        return policy in self._lines

    def take(self, policy: Policy, limit: int) -> list[Sequence]:
        """The first rows of a policy's line that are still wanted; its next turn comes after everyone else's."""
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
        """Send everyone away; returns who waited."""
        rows = [row for line in self._lines.values() for row in line]
        self._lines.clear()
        return rows
