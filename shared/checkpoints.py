"""The checkpoint store: immutable, content-hashed folders below one root, published by rename.

A checkpoint is built in a staging folder of its own fence, hashed, and renamed into place; only then is it recorded.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.errors import CheckpointCorruptError, InvalidInputError
from shared.wire import CheckpointRecord, CheckpointRef, Message

MANIFEST = "manifest.json"
ALLOWED_SUFFIXES = frozenset({".safetensors", ".json", ".jinja", ".txt", ".model"})
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Manifest(Message):
    """What a checkpoint says of itself. `files` maps file names to SHA-256; `created_at` is not part of the id."""

    run: str
    date: dt.date
    fence: int
    parent: str | None
    base_model: str
    adapter: Literal["lora", "full"]
    files: dict[str, str] = Field(min_length=1)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class CheckpointStore:
    """Checkpoints below a root folder that all services see."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

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
        """Hash the staged files, write the manifest, rename the folder into place and return its record.

        Equal content under equal names is one checkpoint: publishing it again returns the one in place.
        """
        files = {path.name: sha256_of(path) for path in sorted(staged.iterdir()) if path.name != MANIFEST}
        bad = [name for name in files if Path(name).suffix not in ALLOWED_SUFFIXES]
        if bad:
            raise InvalidInputError(f"a checkpoint may not hold {', '.join(bad)}: weights are safetensors only")
        manifest = Manifest(
            run=run, date=date, fence=fence, parent=parent, base_model=base_model, adapter=adapter, files=files
        )
        text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True)
        (staged / MANIFEST).write_text(text, "utf8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        ref = CheckpointRef(
            id=f"{run}-{date:%Y%m%d}-{digest[:12]}", uri=f"{run}/{date:%Y%m%d}-{digest[:12]}", sha256=digest
        )
        target = self._inside(ref.uri)
        for path in staged.iterdir():
            _sync(path)
        if target.exists():
            shutil.rmtree(staged)
        else:
            staged.rename(target)
            _sync(target.parent)
        return CheckpointRecord(ref=ref, **manifest.model_dump())

    def path(self, ref: CheckpointRef) -> Path:
        """The checkpoint's folder, unverified."""
        return self._inside(ref.uri)

    def verified(self, ref: CheckpointRef) -> Path:
        """The checkpoint's folder after every hash was checked; raises CheckpointCorruptError."""
        folder = self.path(ref)
        if not (folder / MANIFEST).is_file():
            raise CheckpointCorruptError(f"checkpoint {ref.id} has no manifest at {folder}")
        if sha256_of(folder / MANIFEST) != ref.sha256:
            raise CheckpointCorruptError(f"checkpoint {ref.id}: its manifest is not the one that was recorded")
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text("utf8"))
        for name, digest in manifest.files.items():
            if not (folder / name).is_file() or sha256_of(folder / name) != digest:
                raise CheckpointCorruptError(f"checkpoint {ref.id}: {name} is missing or changed")
        return folder

    def file(self, ref: CheckpointRef, name: str) -> Path:
        """One file of a checkpoint, for reading."""
        if not _SAFE.fullmatch(name):
            raise InvalidInputError(f"not a file name: {name!r}")
        return self._inside(f"{ref.uri}/{name}")

    def _inside(self, relative: str) -> Path:
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root.resolve()) or path == self.root.resolve():
            raise InvalidInputError(f"{relative!r} leads out of the checkpoint store")
        return path
