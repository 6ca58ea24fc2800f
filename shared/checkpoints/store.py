"""The store as services use it: built in a staging folder of its own fence, hashed, published by rename or upload."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Literal

from filelock import FileLock

from shared.checkpoints.manifest import MANIFEST, Manifest, check_contents, plain_name, sha256_of, verify
from shared.checkpoints.remote import Remote
from shared.checkpoints.safetensors import check_weights
from shared.errors import CheckpointCorruptError, InvalidInputError
from shared.wire import CheckpointRecord, CheckpointRef


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class CheckpointStore:
    """Checkpoints below a root folder that all services see, or below a cache folder of one machine before a remote.

    Raises UnavailableError where the remote does not answer.
    """

    def __init__(self, root: Path, remote: Remote | None = None) -> None:
        self.root = root.absolute()
        self._remote = remote

    def stage(self, run: str, date: dt.date, fence: int) -> Path:
        """A fresh, empty folder for one attempt to build its checkpoint in."""
        folder = self._inside(f"{run}/.staging-{date:%Y%m%d}-{fence}-{os.getpid()}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def publish(
        self,
        staged: Path,
        *,
        run: str,
        date: dt.date,
        fence: int,
        parent: str | None,
        base_model: str,
        adapter: Literal["lora", "full"],
    ) -> CheckpointRecord:
        """Hash the staged files, write the manifest, put the folder into place and return its record.

        Equal content under equal names is one checkpoint: publishing it again returns the one in place.
        """
        names = [path.name for path in sorted(staged.iterdir()) if path.name != MANIFEST]
        check_contents(names)
        check_weights(staged, names)
        files = {name: sha256_of(staged / name) for name in names}
        manifest = Manifest(
            run=run, date=date, fence=fence, parent=parent, base_model=base_model, adapter=adapter, files=files
        )
        text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True)
        (staged / MANIFEST).write_text(text, "utf8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        name = f"{date:%Y%m%d}-{digest[:12]}"
        ref = CheckpointRef(id=f"{run}-{name}", uri=f"{run}/{name}", sha256=digest)
        for path in staged.iterdir():
            _sync(path)
        if self._remote:
            self._remote.send(staged, ref.uri)
        self._place(staged, self._inside(ref.uri))
        return CheckpointRecord(ref=ref, **manifest.model_dump())

    def path(self, ref: CheckpointRef) -> Path:
        """The checkpoint's folder on this machine, unverified; a remote one may not be there yet."""
        return self._inside(ref.uri)

    def verified(self, ref: CheckpointRef) -> Path:
        """The checkpoint's folder after every hash was checked; raises CheckpointCorruptError."""
        folder = self.path(ref)
        if self._remote is None:
            verify(folder, ref)
        elif not _is_sound(folder, ref):
            self._fetch(self._remote, ref, folder)
        return folder

    def file(self, ref: CheckpointRef, name: str) -> Path:
        """One file of a checkpoint, for reading; it may be gone from a store that is a folder."""
        path = self._inside(f"{ref.uri}/{plain_name(name)}")
        if self._remote and not path.is_file():
            self.verified(ref)
        return path

    def _fetch(self, remote: Remote, ref: CheckpointRef, folder: Path) -> None:
        """Get a checkpoint under a passing name, verify it and put it into place; one process at a time."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        fetched = folder.with_name(f".fetching-{uuid.uuid4().hex}")
        # The kernel releases the lock when its process dies; it is per run, so two checkpoints of a run do not race.
        with FileLock(folder.parent / ".lock"):
            if _is_sound(folder, ref):
                return
            try:
                fetched.mkdir()
                remote.fetch(ref, fetched)
                verify(fetched, ref)
                shutil.rmtree(folder, ignore_errors=True)
                self._place(fetched, folder)
            finally:
                shutil.rmtree(fetched, ignore_errors=True)

    def _place(self, built: Path, target: Path) -> None:
        try:
            built.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            shutil.rmtree(built)
        _sync(target.parent)

    def _inside(self, relative: str) -> Path:
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root.resolve()) or path == self.root.resolve():
            raise InvalidInputError(f"{relative!r} leads out of the checkpoint store")
        return path


def _is_sound(folder: Path, ref: CheckpointRef) -> bool:
    try:
        verify(folder, ref)
    except CheckpointCorruptError:
        return False
    return True
