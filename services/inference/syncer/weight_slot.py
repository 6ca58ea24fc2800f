"""An engine's own weights as a slot for one policy at a time: a full checkpoint or the base model."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from services.inference.engine_client import FRESH_WEIGHTS
from services.inference.syncer.clients import WeightAdmin
from services.inference.syncer.loaded import LoadedPolicies
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
"""The weight version of the engine from before a swap until the new weights are verified."""


@dataclass
class WeightSlot:
    """Replaces weights and fails closed: an engine whose weights could not be verified stays paused.

    `policy` is the one whose weights were verified, None if none. Not thread-safe: the syncer's one thread calls it.
    """

    engine: WeightAdmin
    loaded: LoadedPolicies
    base: Path
    policy: str | None = None
    _files: dict[str, WeightFiles] = field(default_factory=dict)
    _stable: frozenset[str] = frozenset()

    def look(self) -> str | None:
        """The slot's policy now. A restarted engine has the base again; one that was left paused has none."""
        if self.engine.paused():
            return self._set_policy(None)
        version = self.engine.weight_version()
        if version == FRESH_WEIGHTS:
            if self.policy != BASE_POLICY:
                self._adopt()
            return self._set_policy(BASE_POLICY)
        return self._set_policy(self.policy if version == self.policy else None)

    def fitting(self, name: str, folder: Path) -> WeightFiles:
        """A policy's files. Raises CheckpointCorruptError if they do not fit the base model's."""
        if name not in self._files:
            files = read_files(folder)
            if name != BASE_POLICY and (why := misfit(files, self.fitting(BASE_POLICY, self.base))):
                raise CheckpointCorruptError(f"checkpoint {name} does not fit the base model: {why}")
            self._files = {kept: self._files[kept] for kept in (BASE_POLICY, self.policy) if kept in self._files}
            self._files[name] = files
        return self._files[name]

    def swap(self, name: str, folder: Path) -> None:
        """Replace the engine's weights by a policy's, under exclusive access.

        Raises MorrowError, and leaves the engine paused, if the weights cannot be verified.
        """
        new = self.fitting(name, folder)
        old = self._files.get(self.policy or "")
        fingerprint = None if self.policy is None else self.engine.fingerprint()
        self._set_policy(None)
        self.engine.pause()
        self.engine.name_version(BETWEEN)
        before = as_in_files(self.engine.checksums())
        self.engine.reload(folder)
        if old and (why := disproof(self._stable, before, as_in_files(self.engine.checksums()), old, new)):
            raise MorrowError(f"the engine did not take the weights of {name}: {why}")
        self.engine.name_version(name)
        if self.engine.weight_version() != name:
            raise MorrowError(f"the engine does not report {name} as its weight version")
        self.engine.resume()
        self._verify_output(name, fingerprint, changed=old is not None and old.digests != new.digests)
        self._set_policy(name)

    def _verify_output(self, name: str, before: list[float] | None, *, changed: bool) -> None:
        """Compare the output with that of the old weights. If unchanged, pause the engine and raise MorrowError."""
        try:
            after = self.engine.fingerprint()
            if before is not None and changed and after == before:
                raise MorrowError(f"output unchanged after loading {name}: the weights were not applied")
        except MorrowError:
            self.engine.pause()
            raise

    def _adopt(self) -> None:
        base = self.fitting(BASE_POLICY, self.base)
        self._stable = kept_as_they_are(as_in_files(self.engine.checksums()), base)
        log.info(
            "the engine keeps %d of the base model's %d tensors as the files do", len(self._stable), len(base.shapes)
        )

    def _set_policy(self, name: str | None) -> str | None:
        self.policy = name
        self.loaded.slot = name or ""
        return name
