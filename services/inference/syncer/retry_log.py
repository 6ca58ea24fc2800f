"""What a loop remembers of its troubles: when to try again, and what it has logged already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class Failures:
    """What failed, by name; it is tried again after `retry` seconds of `clock`."""

    clock: Callable[[], float]
    retry: float
    _notes: dict[str, tuple[float, str]] = field(default_factory=dict)

    def waits(self, name: str) -> bool:
        """Whether it is too early to try again."""
        return name in self._notes and self.clock() - self._notes[name][0] < self.retry

    def note(self, name: str, why: str) -> None:
        """It failed now."""
        self._notes[name] = (self.clock(), why)

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget all others."""
        kept = set(names)
        self._notes = {name: note for name, note in self._notes.items() if name in kept}

    def forget(self, name: str) -> None:
        """It works."""
        self._notes.pop(name, None)

    def __str__(self) -> str:
        """All of it, in order of names."""
        return "; ".join(why for _, (_, why) in sorted(self._notes.items()))


@dataclass
class Sayer:
    """Logs a problem when it appears, changes or goes away, not at every look."""

    log: logging.Logger
    _said: dict[str, str] = field(default_factory=dict)

    def say(self, about: str, problem: str = "") -> None:
        """Say what is wrong with something; nothing is."""
        if self._said.get(about, "") == problem:
            return
        self._said[about] = problem
        if problem:
            self.log.warning("%s", problem)
        else:
            self.log.info("%s: well again", about)
