"""The delay between two attempts at a step."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter: `base` seconds, doubled per attempt up to `cap`, less a random half at most."""

    base: float = 1.0
    cap: float = 60.0

    def seconds(self, attempts: int) -> float:
        """Seconds to wait after this many attempts (>= 1)."""
        delay = min(self.cap, self.base * 2.0 ** min(attempts - 1, 30))
        return delay * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, guards nothing
