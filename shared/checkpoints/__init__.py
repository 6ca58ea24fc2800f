"""The checkpoint store: immutable, content-hashed folders, in a folder or behind a URL of fsspec."""

from shared.checkpoints.manifest import ALLOWED_SUFFIXES, MANIFEST, Manifest, sha256_of
from shared.checkpoints.opening import open_store
from shared.checkpoints.store import CheckpointStore

__all__ = ["ALLOWED_SUFFIXES", "MANIFEST", "CheckpointStore", "Manifest", "open_store", "sha256_of"]
