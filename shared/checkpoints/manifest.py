"""The manifest of a checkpoint, and the check of its files against it."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.checkpoints.safetensors import check_weights
from shared.errors import CheckpointCorruptError, InvalidInputError
from shared.wire import CheckpointRef, Message

MANIFEST = "manifest.json"
ALLOWED_SUFFIXES = frozenset({".safetensors", ".json", ".jinja", ".txt", ".model"})
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Manifest(Message):
    """Origin and contents of a checkpoint. `files` maps file names to SHA-256 in hexadecimal."""

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


def plain_name(name: str) -> str:
    """The name; raises InvalidInputError if it could lead out of its folder or is hidden."""
    if not _PLAIN.fullmatch(name):
        raise InvalidInputError(f"not a file name: {name!r}")
    return name


def check_contents(names: Iterable[str]) -> None:
    """Raise InvalidInputError for a name that leads elsewhere or a kind of file that is never loaded.

    Called with what is about to be published, and before what a manifest names is fetched or hashed.
    """
    bad = [name for name in names if Path(plain_name(name)).suffix not in ALLOWED_SUFFIXES]
    if bad:
        raise InvalidInputError(f"a checkpoint may not hold {', '.join(bad)}: weights are safetensors only")


def read_manifest(folder: Path, ref: CheckpointRef) -> Manifest:
    """The manifest of a folder, if it is the one that the reference means; raises CheckpointCorruptError."""
    path = folder / MANIFEST
    if not path.is_file():
        raise CheckpointCorruptError(f"checkpoint {ref.id} has no manifest at {folder}")
    if sha256_of(path) != ref.sha256:
        raise CheckpointCorruptError(f"checkpoint {ref.id}: its manifest is not the one that was recorded")
    manifest = Manifest.model_validate_json(path.read_bytes())
    check_contents(manifest.files)
    return manifest


def verify(folder: Path, ref: CheckpointRef) -> None:
    """Check the manifest and every file against their hashes.

    Raises CheckpointCorruptError, also for a file that the manifest does not name: a library might load it.
    """
    manifest = read_manifest(folder, ref)
    for name, digest in manifest.files.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != digest:
            raise CheckpointCorruptError(f"checkpoint {ref.id}: {name} is missing or changed")
    check_weights(folder, manifest.files)
    strange = {path.name for path in folder.iterdir()} - manifest.files.keys() - {MANIFEST}
    if strange := {name for name in strange if not name.startswith(".")}:
        raise CheckpointCorruptError(f"checkpoint {ref.id}: {', '.join(sorted(strange))} is not in its manifest")
