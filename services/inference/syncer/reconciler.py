"""Reconciles one engine's loaded policies with the coordinator's desired ones, a tick at a time."""

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
from services.inference.syncer.loaded import LoadedPolicies, Readiness
from services.inference.syncer.metrics import SwapKind, SyncerMetrics
from services.inference.syncer.retry_log import Failures, LogOnChange
from services.inference.syncer.weight_files import is_full
from services.inference.syncer.weight_slot import WeightSlot
from shared.errors import MorrowError
from shared.wire import BASE_POLICY, CheckpointRef, EngineReport, WantedCheckpoints

log = logging.getLogger(__name__)
_OURS = re.compile(r".+-[0-9]{8}-[0-9a-f]{12}")
"""Names of checkpoints. The syncer never unloads an adapter of any other name."""


class Store(Protocol):
    """The checkpoint store. Raises CheckpointCorruptError for files that differ from those published."""

    def verified(self, ref: CheckpointRef) -> Path: ...


@dataclass(frozen=True)
class Pace:
    """Seconds: an undesired checkpoint stays loaded, a failed load waits for its retry, and between two reports."""

    grace: float = 30.0
    retry: float = 10.0
    report: float = 10.0


@dataclass(frozen=True)
class Clocks:
    """`seconds` is monotonic, `now` the UTC time."""

    seconds: Callable[[], float]
    now: Callable[[], dt.datetime]


@dataclass
class Syncer:
    """One engine's syncer; `url` and `syncer_url` are what it reports. Nothing here sleeps.

    A policy counts as loaded once it was probed, also one that the engine already listed. A checkpoint that fails its
    hashes is never loaded. The base model, and adapters that are not our checkpoints, are left alone. With a `slot`,
    the engine's own weights are those of the served checkpoint if it is a full one, and the base's otherwise.
    """

    coordinator: Coordinator
    engine: EngineAdmin
    store: Store
    loaded: LoadedPolicies
    url: str
    clocks: Clocks
    syncer_url: str | None = None
    slot: WeightSlot | None = None
    pace: Pace = field(default_factory=Pace)
    metrics: SyncerMetrics = field(default_factory=SyncerMetrics)
    _desired: WantedCheckpoints | None = None
    _kinds: dict[str, Path | None] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _undesired_since: dict[str, float] = field(default_factory=dict)
    _reported: tuple[float, EngineReport] | None = None
    _problems: LogOnChange = field(default_factory=lambda: LogOnChange(log))

    def __post_init__(self) -> None:
        self._failures = Failures(self.clocks.seconds, self.pace.retry)

    def tick(self) -> None:
        """Reconcile once and report the result. Raises no MorrowError: problems are logged and reported."""
        self._fetch_desired()
        if self._desired is None:
            self._set_readiness(Readiness(False, "the served checkpoint is unknown: the coordinator does not answer"))
            return
        report = self._reconcile_and_report(self._desired)
        now = self.clocks.seconds()
        if self._reported and self._reported[1] == report and now - self._reported[0] < self.pace.report:
            return
        self._report(report)

    def deregister(self) -> None:
        """Report that this engine leaves, so that the coordinator no longer counts on it."""
        self._set_readiness(Readiness(False, "the syncer is shutting down"))
        self._report(EngineReport(url=self.url, loaded=[], syncer_url=self.syncer_url, leaving=True))

    def _fetch_desired(self) -> None:
        """Fetch the desired checkpoints; while the coordinator is away, the last ones stay desired."""
        try:
            self._desired = self.coordinator.desired()
        except MorrowError as error:
            self._problems.update("coordinator", f"cannot fetch the desired checkpoints: {error.detail}")
        else:
            self._problems.update("coordinator")

    def _report(self, report: EngineReport) -> None:
        try:
            self.coordinator.report(report)
        except MorrowError as error:
            self._problems.update("report", f"cannot report: {error.detail}")
        else:
            self._problems.update("report")
            self._reported = (self.clocks.seconds(), report)

    def _set_readiness(self, readiness: Readiness) -> None:
        self.loaded.readiness = readiness
        self.metrics.set_loaded(len(self.loaded.verified), readiness.ready)

    def _reconcile_and_report(self, wanted: WantedCheckpoints) -> EngineReport:
        try:
            self._reconcile(wanted)
        except MorrowError as error:
            self._problems.update("engine", error.detail)
            self._failures.keep_only(())
            self.loaded.keep_only(())
            self._set_readiness(Readiness(False, error.detail))
            return EngineReport(url=self.url, loaded=[], syncer_url=self.syncer_url, error=error.detail)
        self._problems.update("engine")
        verified = self.loaded.verified
        ready = (wanted.served or BASE_POLICY) in verified
        failures = str(self._failures)
        reason = "" if ready else f"the engine has not loaded {wanted.served or BASE_POLICY}: {failures or 'not yet'}"
        self._set_readiness(Readiness(ready, reason))
        return EngineReport(
            url=self.url,
            loaded=sorted(verified),
            load_seconds={name: taken for name, taken in self._seconds.items() if name in verified},
            verified_at=verified,
            ready=ready,
            syncer_url=self.syncer_url,
            error=failures or None,
        )

    def _reconcile(self, wanted: WantedCheckpoints) -> None:
        """Load, swap and unload. Raises MorrowError if the engine does not answer."""
        listed = set(self.engine.policies())
        refs = sorted(wanted.checkpoints, key=lambda ref: ref.id != wanted.served)
        desired = {ref.id for ref in refs} | {BASE_POLICY}
        self._failures.keep_only(desired)
        self.loaded.desired = frozenset(desired)
        self._drop_unlisted(listed)
        if self.slot is None:
            if BASE_POLICY in listed:
                self.loaded.add(BASE_POLICY, self.clocks.now())
        else:
            self._fill_slot(self.slot, [ref for ref in refs if ref.id == wanted.served], listed)
            refs = [ref for ref in refs if self.slot.policy == BASE_POLICY and not self._folder_if_full(ref)]
        for ref in refs:
            self._load(ref, ref.id in listed)
        self._unload({name for name in listed if _OURS.fullmatch(name)} - {ref.id for ref in wanted.checkpoints})

    def _drop_unlisted(self, listed: set[str]) -> None:
        """Drop policies that the engine no longer lists: after a restart it has loaded none, and any probe is void."""
        in_slot = {self.slot.look()} if self.slot else {BASE_POLICY} & listed
        by_name = listed - {BASE_POLICY} if in_slot == {BASE_POLICY} or self.slot is None else set()
        self.loaded.keep_only({name for name in in_slot | by_name if name is not None})
        self._undesired_since = {name: since for name, since in self._undesired_since.items() if name in listed}

    def _load(self, ref: CheckpointRef, listed: bool) -> None:
        self._undesired_since.pop(ref.id, None)
        if ref.id in self.loaded.verified or self._failures.is_waiting(ref.id):
            return
        with self._trying(ref.id, "adapter"):
            folder = self.store.verified(ref)
            before = self.clocks.seconds()
            if not listed:
                self.engine.load(ref.id, folder)
            self.engine.probe(ref.id)
            self._record_loaded(ref.id, "adapter", self.clocks.seconds() - before)

    def _fill_slot(self, slot: WeightSlot, served: list[CheckpointRef], listed: set[str]) -> None:
        """Put the served full checkpoint into the slot, or the base if there is none."""
        folders = [(ref.id, self._folder_if_full(ref)) for ref in served]
        if any(self._failures.is_waiting(name) for name, _ in folders):
            return
        name, folder = next(((name, folder) for name, folder in folders if folder), (BASE_POLICY, slot.base))
        if name != BASE_POLICY:
            self.loaded.desired = frozenset({name})
        if slot.policy == name:
            self.loaded.add(name, self.clocks.now())
        elif not self._failures.is_waiting(name):
            with self._trying(name, "weights"):
                slot.fitting(name, folder)
                self._swap(slot, name, folder, listed)

    def _swap(self, slot: WeightSlot, name: str, folder: Path, listed: set[str]) -> None:
        before = self.clocks.seconds()
        # Adapters go first: they are computed for the weights that the swap replaces.
        with self.loaded.writing():
            self.loaded.keep_only(())
            for adapter in sorted(other for other in listed if _OURS.fullmatch(other)):
                self.engine.unload(adapter)
                listed.discard(adapter)
            slot.swap(name, folder)
            self._record_loaded(name, "weights", self.clocks.seconds() - before)

    def _folder_if_full(self, ref: CheckpointRef) -> Path | None:
        """The folder of a sound full checkpoint; None for an adapter, and for one whose files are not sound."""
        if ref.id not in self._kinds and not self._failures.is_waiting(ref.id):
            with self._trying(ref.id, "weights"):
                folder = self.store.verified(ref)
                self._kinds[ref.id] = folder if is_full(folder) else None
        return self._kinds.get(ref.id)

    def _record_loaded(self, name: str, kind: SwapKind, seconds: float) -> None:
        self.loaded.add(name, self.clocks.now())
        self._seconds[name] = seconds
        self._failures.clear(name)
        self._problems.update(name)
        self.metrics.swapped(kind, seconds)
        log.info("loaded and verified %s in %.3f s", name, seconds)

    @contextmanager
    def _trying(self, name: str, kind: SwapKind) -> Iterator[None]:
        """Record a failure and go on; policies already loaded stay."""
        try:
            yield
        except MorrowError as error:
            self._failures.record(name, error.detail)
            self._problems.update(name, f"could not load {name}: {error.detail}")
            self.metrics.failed(kind)

    def _unload(self, unwanted: set[str]) -> None:
        now = self.clocks.seconds()
        for name in sorted(unwanted):
            since = self._undesired_since.setdefault(name, now)
            if now - since < self.pace.grace or not self.loaded.remove_if_unused(name):
                continue
            self.engine.unload(name)
            self._seconds.pop(name, None)
            log.info("unloaded %s", name)
