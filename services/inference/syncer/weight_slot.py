"""An engine's own weights as a slot that one full checkpoint, or the base model, has at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from services.inference.engine_client import FRESH_WEIGHTS
from services.inference.syncer.clients import WeightAdmin
from services.inference.syncer.loaded import Holdings
from services.inference.syncer.weight_files import (
    WeightFiles,
    as_in_files,
    disproof,
    kept_as_they_are,
    misfit,
    read_files,
)
from shared.errors import CheckpointCorruptError, MorrowError
from shared.wire import BASE_POLICY

log = logging.getLogger(__name__)
BETWEEN = "unverified"
"""What the engine is told to call its weights from before they are replaced until they are verified."""


@dataclass
class WeightSlot:
    """Replaces weights and fails closed: an engine whose weights could not be verified stays paused.

    `holds` is the policy whose weights were verified, None if none are. The syncer alone calls this, from one thread.
    """

    engine: WeightAdmin
    holdings: Holdings
    base: Path
    holds: str | None = None
    _files: dict[str, WeightFiles] = field(default_factory=dict)
    _stable: frozenset[str] = frozenset()

    def look(self) -> str | None:
        """What the slot holds now. An engine that restarted holds the base again; one that was left paused, nothing."""
        if self.engine.paused():
            return self._holds(None)
        version = self.engine.weight_version()
        if version == FRESH_WEIGHTS:
            if self.holds != BASE_POLICY:
                self._adopt()
            return self._holds(BASE_POLICY)
        return self._holds(self.holds if version == self.holds else None)

    def fitting(self, name: str, folder: Path) -> WeightFiles:
        """A policy's files, checked against the base model's before any engine sees them."""
        if name not in self._files:
            files = read_files(folder)
            if name != BASE_POLICY and (why := misfit(files, self.fitting(BASE_POLICY, self.base))):
                raise CheckpointCorruptError(f"checkpoint {name} does not fit the base model: {why}")
            self._files = {kept: self._files[kept] for kept in (BASE_POLICY, self.holds) if kept in self._files}
            self._files[name] = files
        return self._files[name]

    def swap(self, name: str, folder: Path) -> None:
        """Put a policy's weights into the slot. Nobody may be reading. Raises MorrowError with the engine paused."""
        new = self.fitting(name, folder)
        old = self._files.get(self.holds or "")
        fingerprint = None if self.holds is None else self.engine.fingerprint()
        self._holds(None)
        self.engine.pause()
        self.engine.name_version(BETWEEN)
        before = as_in_files(self.engine.checksums())
        self.engine.reload(folder)
        if old and (why := disproof(self._stable, before, as_in_files(self.engine.checksums()), old, new)):
            raise MorrowError(f"the engine did not take the weights of {name}: {why}")
        self.engine.name_version(name)
        if self.engine.weight_version() != name:
            raise MorrowError(f"the engine does not say that its weights are those of {name}")
        self.engine.resume()
        self._listen(name, fingerprint, changed=old is not None and old.digests != new.digests)
        self._holds(name)

    def _listen(self, name: str, before: list[float] | None, *, changed: bool) -> None:
        """Hear the new weights speak; pause again if they do not, or speak exactly as the old did."""
        try:
            after = self.engine.fingerprint()
            if before is not None and changed and after == before:
                raise MorrowError(f"the engine speaks as before it was given the weights of {name}")
        except MorrowError:
            self.engine.pause()
            raise

    def _adopt(self) -> None:
        base = self.fitting(BASE_POLICY, self.base)
        self._stable = kept_as_they_are(as_in_files(self.engine.checksums()), base)
        log.info(
            "the engine keeps %d of the base model's %d tensors as the files do", len(self._stable), len(base.shapes)
        )

    def _holds(self, name: str | None) -> str | None:
        self.holds = name
        self.holdings.slot = name or ""
        return name
