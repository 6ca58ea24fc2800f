"""How long a step waits between attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """`base` seconds, doubled with each attempt, at most `cap`; up to half of it is taken off at random."""

    base: float = 1.0
    cap: float = 60.0

    def seconds(self, attempts: int) -> float:
        """Seconds to wait after this many attempts (>= 1)."""
        longest = min(self.cap, self.base * 2.0 ** min(attempts - 1, 30))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, guards nothing
