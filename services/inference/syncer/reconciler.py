"""Reconciles one engine with what the coordinator wants it to hold, a tick at a time."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.inference.syncer.clients import Coordinator, EngineAdmin
from services.inference.syncer.loaded import Holdings, Standing
from services.inference.syncer.metrics import SwapKind, SyncerMetrics
from services.inference.syncer.retry_log import Failures, Sayer
from services.inference.syncer.weight_files import is_full
from services.inference.syncer.weight_slot import WeightSlot
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


@dataclass(frozen=True)
class Clocks:
    """`seconds` counts them from anywhere, `now` says what time it is."""

    seconds: Callable[[], float]
    now: Callable[[], dt.datetime]


@dataclass
class Syncer:
    """One engine's syncer; `url` and `syncer_url` are what it reports. Nothing here sleeps.

    A policy is held once it was probed, also one that the engine already had. A checkpoint that fails its hashes is
    never shown to the engine. The base model, and what is not a checkpoint of ours, is left alone. With a `slot`, the
    engine's own weights are those of the served checkpoint if it is a full one, and the base's otherwise.
    """

    coordinator: Coordinator
    engine: EngineAdmin
    store: Store
    holdings: Holdings
    url: str
    clocks: Clocks
    syncer_url: str | None = None
    slot: WeightSlot | None = None
    pace: Pace = field(default_factory=Pace)
    metrics: SyncerMetrics = field(default_factory=SyncerMetrics)
    _wanted: WantedCheckpoints | None = None
    _kinds: dict[str, Path | None] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _unwanted_since: dict[str, float] = field(default_factory=dict)
    _reported: tuple[float, EngineReport] | None = None
    _sayer: Sayer = field(default_factory=lambda: Sayer(log))

    def __post_init__(self) -> None:
        self._failures = Failures(self.clocks.seconds, self.pace.retry)

    def tick(self) -> None:
        """Bring the engine one look closer to what is wanted and report it. Raises nothing of Morrow's."""
        self._learn()
        if self._wanted is None:
            self._stand(Standing(False, "it is not known yet what is served: the coordinator does not answer"))
            return
        report = self._reconciled(self._wanted)
        now = self.clocks.seconds()
        if self._reported and self._reported[1] == report and now - self._reported[0] < self.pace.report:
            return
        self._report(report)

    def leave(self) -> None:
        """Say that this engine is not to be counted on any more."""
        self._stand(Standing(False, "the syncer is shutting down"))
        self._report(EngineReport(url=self.url, loaded=[], syncer_url=self.syncer_url, leaving=True))

    def _learn(self) -> None:
        """Ask what is wanted; while the coordinator is away, it is what was wanted last."""
        try:
            self._wanted = self.coordinator.wanted()
        except MorrowError as error:
            self._sayer.say("coordinator", f"cannot learn what is wanted: {error.detail}")
        else:
            self._sayer.say("coordinator")

    def _report(self, report: EngineReport) -> None:
        try:
            self.coordinator.report(report)
        except MorrowError as error:
            self._sayer.say("report", f"cannot report: {error.detail}")
        else:
            self._sayer.say("report")
            self._reported = (self.clocks.seconds(), report)

    def _stand(self, standing: Standing) -> None:
        self.holdings.standing = standing
        self.metrics.stands(len(self.holdings.verified), standing.ready)

    def _reconciled(self, wanted: WantedCheckpoints) -> EngineReport:
        try:
            self._bring(wanted)
        except MorrowError as error:
            self._sayer.say("engine", error.detail)
            self._failures.keep_only(())
            self.holdings.keep_only(())
            self._stand(Standing(False, error.detail))
            return EngineReport(url=self.url, loaded=[], syncer_url=self.syncer_url, error=error.detail)
        self._sayer.say("engine")
        verified = self.holdings.verified
        ready = (wanted.served or BASE_POLICY) in verified
        failures = str(self._failures)
        reason = "" if ready else f"the engine does not hold {wanted.served or BASE_POLICY}: {failures or 'not yet'}"
        self._stand(Standing(ready, reason))
        return EngineReport(
            url=self.url,
            loaded=sorted(verified),
            load_seconds={name: taken for name, taken in self._seconds.items() if name in verified},
            verified_at=verified,
            ready=ready,
            syncer_url=self.syncer_url,
            error=failures or None,
        )

    def _bring(self, wanted: WantedCheckpoints) -> None:
        """Make the engine hold what is wanted. Raises MorrowError if it does not answer."""
        listed = set(self.engine.policies())
        refs = sorted(wanted.checkpoints, key=lambda ref: ref.id != wanted.served)
        wished = {ref.id for ref in refs} | {BASE_POLICY}
        self._failures.keep_only(wished)
        self.holdings.coming = frozenset(wished)
        self._forget(listed)
        if self.slot is None:
            if BASE_POLICY in listed:
                self.holdings.hold(BASE_POLICY, self.clocks.now())
        else:
            self._fill(self.slot, [ref for ref in refs if ref.id == wanted.served], listed)
            refs = [ref for ref in refs if self.slot.holds == BASE_POLICY and not self._folder_if_full(ref)]
        for ref in refs:
            self._hold(ref, ref.id in listed)
        self._unload({name for name in listed if _OURS.fullmatch(name)} - {ref.id for ref in wanted.checkpoints})

    def _forget(self, listed: set[str]) -> None:
        """An engine that restarted holds nothing: what it no longer lists was not probed."""
        in_slot = {self.slot.look()} if self.slot else {BASE_POLICY} & listed
        by_name = listed - {BASE_POLICY} if in_slot == {BASE_POLICY} or self.slot is None else set()
        self.holdings.keep_only({name for name in in_slot | by_name if name is not None})
        self._unwanted_since = {name: since for name, since in self._unwanted_since.items() if name in listed}

    def _hold(self, ref: CheckpointRef, listed: bool) -> None:
        self._unwanted_since.pop(ref.id, None)
        if ref.id in self.holdings.verified or self._failures.waits(ref.id):
            return
        with self._trying(ref.id, "adapter"):
            folder = self.store.verified(ref)
            before = self.clocks.seconds()
            if not listed:
                self.engine.load(ref.id, folder)
            self.engine.probe(ref.id)
            self._took(ref.id, "adapter", self.clocks.seconds() - before)

    def _fill(self, slot: WeightSlot, served: list[CheckpointRef], listed: set[str]) -> None:
        """Put the served full checkpoint into the slot, or the base if there is none."""
        folders = [(ref.id, self._folder_if_full(ref)) for ref in served]
        if any(self._failures.waits(name) for name, _ in folders):
            return
        name, folder = next(((name, folder) for name, folder in folders if folder), (BASE_POLICY, slot.base))
        if name != BASE_POLICY:
            self.holdings.coming = frozenset({name})
        if slot.holds == name:
            self.holdings.hold(name, self.clocks.now())
        elif not self._failures.waits(name):
            with self._trying(name, "weights"):
                slot.fitting(name, folder)
                self._swap(slot, name, folder, listed)

    def _swap(self, slot: WeightSlot, name: str, folder: Path, listed: set[str]) -> None:
        before = self.clocks.seconds()
        with self.holdings.writing():
            self.holdings.keep_only(())
            for adapter in sorted(other for other in listed if _OURS.fullmatch(other)):
                self.engine.unload(adapter)
                listed.discard(adapter)
            slot.swap(name, folder)
            self._took(name, "weights", self.clocks.seconds() - before)

    def _folder_if_full(self, ref: CheckpointRef) -> Path | None:
        """The folder of a sound full checkpoint; None for an adapter, and for one whose files are not sound."""
        if ref.id not in self._kinds and not self._failures.waits(ref.id):
            with self._trying(ref.id, "weights"):
                folder = self.store.verified(ref)
                self._kinds[ref.id] = folder if is_full(folder) else None
        return self._kinds.get(ref.id)

    def _took(self, name: str, kind: SwapKind, seconds: float) -> None:
        self.holdings.hold(name, self.clocks.now())
        self._seconds[name] = seconds
        self._failures.forget(name)
        self._sayer.say(name)
        self.metrics.swapped(kind, seconds)
        log.info("loaded and verified %s in %.3f s", name, seconds)

    @contextmanager
    def _trying(self, name: str, kind: SwapKind) -> Iterator[None]:
        """Note a failure; what the engine holds already it keeps."""
        try:
            yield
        except MorrowError as error:
            self._failures.note(name, error.detail)
            self._sayer.say(name, f"could not load {name}: {error.detail}")
            self.metrics.failed(kind)

    def _unload(self, unwanted: set[str]) -> None:
        now = self.clocks.seconds()
        for name in sorted(unwanted):
            if now - self._unwanted_since.setdefault(name, now) < self.pace.grace or not self.holdings.retire(name):
                continue
            self.engine.unload(name)
            self._seconds.pop(name, None)
            log.info("unloaded %s", name)
