"""Failures of a loop: when each is retried, and a log that repeats nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class Failures:
    """Failures by name; each is retried after `retry` seconds of `clock`."""

    clock: Callable[[], float]
    retry: float
    _failures: dict[str, tuple[float, str]] = field(default_factory=dict)

    def is_waiting(self, name: str) -> bool:
        """Whether it is too early for a retry."""
        return name in self._failures and self.clock() - self._failures[name][0] < self.retry

    def record(self, name: str, why: str) -> None:
        """Record a failure at the present time."""
        self._failures[name] = (self.clock(), why)

    def keep_only(self, names: Iterable[str]) -> None:
        """Drop all other failures."""
        kept = set(names)
        self._failures = {name: failure for name, failure in self._failures.items() if name in kept}

    def clear(self, name: str) -> None:
        """Drop the failure of a name that works again."""
        self._failures.pop(name, None)

    def __str__(self) -> str:
        """The reasons, in order of names."""
        return "; ".join(why for _, (_, why) in sorted(self._failures.items()))


@dataclass
class LogOnChange:
    """Logs a problem when it appears, changes or ends, not at every tick."""

    log: logging.Logger
    _logged: dict[str, str] = field(default_factory=dict)

    def update(self, subject: str, problem: str = "") -> None:
        """Log a problem when it changes; an empty string clears it."""
        if self._logged.get(subject, "") == problem:
            return
        self._logged[subject] = problem
        if problem:
            self.log.warning("%s", problem)
        else:
            self.log.info("%s: solved", subject)
