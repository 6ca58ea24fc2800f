"""Rate limit by token bucket. Pure; `now` is in seconds. Each process counts for itself."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

MAX_KEYS = 10_000


@dataclass
class TokenBucket:
    """A bucket per key, of `burst` requests, filled at `per_second`; a rate of 0 is no limit.

    Beyond MAX_KEYS the least recently used ones are dropped: a dropped key starts again with a full bucket.
    """

    per_second: float
    burst: int
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, key: str, now: float) -> float:
        """0 if the request may pass, else the seconds until one may."""
        if not self.per_second:
            return 0.0
        left, since = self._left.pop(key, (float(self.burst), now))
        left = min(left + (now - since) * self.per_second, float(self.burst))
        passes = left >= 1
        self._left[key] = (left - passes, now)
        # Bounded: keys of refused peers are addresses, which a caller can vary at will.
        while len(self._left) > MAX_KEYS:
            self._left.popitem(last=False)
        return 0.0 if passes else (1 - left) / self.per_second
