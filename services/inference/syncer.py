"""Reconciles one engine with what the coordinator wants it to hold, a tick at a time."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.inference.admin import EngineAdmin, Serving
from shared.errors import MorrowError
from shared.wire import BASE_POLICY, CheckpointRef, EngineReport, WantedCheckpoints

log = logging.getLogger(__name__)
_OURS = re.compile(r".+-[0-9]{8}-[0-9a-f]{12}")
"""Names of checkpoints. Whatever else an engine serves is somebody else's."""


class Store(Protocol):
    """Where checkpoints lie; raises CheckpointCorruptError for one whose files are not what was published."""

    def verified(self, ref: CheckpointRef) -> Path: ...


@dataclass(frozen=True)
class Pace:
    """Seconds: how long what is no longer wanted stays loaded, until a failed load is tried again, between reports."""

    grace: float = 30.0
    retry: float = 10.0
    report: float = 10.0


@dataclass
class Syncer:
    """One engine's syncer. `clock` counts seconds; nothing here sleeps.

    A policy is reported once it was probed, also one that the engine already held. A checkpoint that fails its hashes
    is never shown to the engine. The base model, and what is not a checkpoint of ours, is left alone.
    """

    serving: Serving
    engine: EngineAdmin
    store: Store
    url: str
    clock: Callable[[], float]
    pace: Pace = field(default_factory=Pace)
    _probed: set[str] = field(default_factory=set)
    _seconds: dict[str, float] = field(default_factory=dict)
    _failed: dict[str, tuple[float, str]] = field(default_factory=dict)
    _unwanted_since: dict[str, float] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)
    _reported: tuple[float, EngineReport] | None = None

    def tick(self) -> None:
        """Bring the engine one look closer to what is wanted and report it. Raises nothing of Morrow's."""
        try:
            wanted = self.serving.wanted()
        except MorrowError as error:
            self._say("coordinator", f"cannot learn what is wanted: {error.detail}")
            return
        self._say("coordinator", "")
        report = self._reconciled(wanted)
        now = self.clock()
        if self._reported and self._reported[1] == report and now - self._reported[0] < self.pace.report:
            return
        try:
            self.serving.report(report)
        except MorrowError as error:
            self._say("report", f"cannot report: {error.detail}")
        else:
            self._say("report", "")
            self._reported = (now, report)

    def _reconciled(self, wanted: WantedCheckpoints) -> EngineReport:
        try:
            listed = set(self.engine.policies())
            self._forget(listed)
            for ref in wanted.checkpoints:
                self._hold(ref, ref.id in listed)
            self._unload({name for name in listed if _OURS.fullmatch(name)} - {ref.id for ref in wanted.checkpoints})
            loaded = [name for name in self.engine.policies() if name == BASE_POLICY or name in self._probed]
        except MorrowError as error:
            self._say("engine", error.detail)
            return EngineReport(url=self.url, loaded=[], error=error.detail)
        self._say("engine", "")
        failures = [said for _, said in (self._failed[name] for name in sorted(self._failed))]
        seconds = {name: taken for name, taken in self._seconds.items() if name in loaded}
        return EngineReport(
            url=self.url, loaded=sorted(loaded), load_seconds=seconds, error="; ".join(failures) or None
        )

    def _forget(self, listed: set[str]) -> None:
        """An engine that restarted holds nothing: what it no longer lists was not probed."""
        self._probed &= listed
        self._unwanted_since = {name: since for name, since in self._unwanted_since.items() if name in listed}

    def _hold(self, ref: CheckpointRef, listed: bool) -> None:
        self._unwanted_since.pop(ref.id, None)
        if (
            ref.id in self._probed
            or self.clock() - self._failed.get(ref.id, (-self.pace.retry, ""))[0] < self.pace.retry
        ):
            return
        try:
            if not listed:
                self._load(ref)
            self.engine.probe(ref.id)
        except MorrowError as error:
            self._failed[ref.id] = (self.clock(), error.detail)
            self._say(ref.id, f"could not load {ref.id}: {error.detail}")
            return
        self._probed.add(ref.id)
        self._failed.pop(ref.id, None)
        self._say(ref.id, "")

    def _load(self, ref: CheckpointRef) -> None:
        folder = self.store.verified(ref)
        before = self.clock()
        self.engine.load(ref.id, folder)
        self._seconds[ref.id] = self.clock() - before
        log.info("loaded %s in %.3f s", ref.id, self._seconds[ref.id])

    def _unload(self, unwanted: set[str]) -> None:
        now = self.clock()
        self._failed = {name: failure for name, failure in self._failed.items() if name not in unwanted}
        for name in sorted(unwanted):
            if now - self._unwanted_since.setdefault(name, now) >= self.pace.grace:
                self.engine.unload(name)
                self._probed.discard(name)
                self._seconds.pop(name, None)
                log.info("unloaded %s", name)

    def _say(self, about: str, problem: str) -> None:
        """Log a problem when it appears, changes or goes away, not at every tick."""
        if self._said.get(about, "") == problem:
            return
        self._said[about] = problem
        if problem:
            log.warning("%s", problem)
        else:
            log.info("%s: well again", about)
