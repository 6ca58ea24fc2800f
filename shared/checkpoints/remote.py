"""Checkpoints behind a URL of fsspec, S3 for one: files are sent first and the manifest last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from shared.checkpoints.manifest import MANIFEST, read_manifest
from shared.errors import CheckpointCorruptError, MorrowError, UnavailableError, message_of
from shared.wire import CheckpointRef


class Remote:
    """The store at a URL. `options` go to its filesystem; they may hold secrets and are never shown.

    The filesystem is made by the process that uses it: its threads do not survive a fork.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self.url = url.rstrip("/")
        self._options = dict(options)
        self._made: tuple[int, Any, str] | None = None

    def send(self, folder: Path, uri: str) -> None:
        """Make a folder with its manifest appear at `uri`; nothing is sent if it is there already.

        A process that dies in between leaves files without a manifest, which are no checkpoint.
        """
        files, target = self._at(uri)
        manifest = (folder / MANIFEST).read_bytes()
        with self._reachable():
            if self._content(files, f"{target}/{MANIFEST}") == manifest:
                return
            for path in sorted(folder.iterdir()):
                if path.name != MANIFEST:
                    files.put_file(str(path), f"{target}/{path.name}")
            files.pipe_file(f"{target}/{MANIFEST}", manifest)

    def fetch(self, ref: CheckpointRef, folder: Path) -> None:
        """Fetch a checkpoint into an empty folder: its manifest, then the files that the manifest names.

        Raises CheckpointCorruptError if the manifest is missing or not the one that the reference names.
        """
        files, source = self._at(ref.uri)
        with self._reachable():
            manifest = self._content(files, f"{source}/{MANIFEST}")
            if manifest is None:
                raise CheckpointCorruptError(f"checkpoint {ref.id} has no manifest at {self.url}/{ref.uri}")
            (folder / MANIFEST).write_bytes(manifest)
            for name in read_manifest(folder, ref).files:
                self._get(files, f"{source}/{name}", folder / name, ref)

    def _get(self, files: Any, source: str, target: Path, ref: CheckpointRef) -> None:
        try:
            files.get_file(source, str(target))
        except FileNotFoundError as error:
            raise CheckpointCorruptError(f"checkpoint {ref.id}: {target.name} is missing or changed") from error

    def _content(self, files: Any, path: str) -> bytes | None:
        try:
            content: bytes = files.cat_file(path)
        except FileNotFoundError:
            return None
        return content

    def _at(self, uri: str) -> tuple[Any, str]:
        """The filesystem of this process, and where in it `uri` lies."""
        if self._made is None or self._made[0] != os.getpid():
            options = {"use_listings_cache": False} | self._options
            self._made = (os.getpid(), *fsspec.url_to_fs(self.url, **options))
        _, files, root = self._made
        return files, f"{root}/{uri}"

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Each filesystem fails in its own way; to the caller it is one that may answer later."""
        try:
            yield
        except MorrowError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"the checkpoint store at {self.url} does not answer: {message_of(error)}"
            ) from error
