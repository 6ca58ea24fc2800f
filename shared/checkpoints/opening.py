"""From settings to a store."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
from platformdirs import user_cache_path

from shared.checkpoints.remote import Remote
from shared.checkpoints.store import CheckpointStore
from shared.errors import InvalidInputError


def open_store(store: str, cache: str = "", options: Mapping[str, Any] | None = None) -> CheckpointStore:
    """The store that `store` names: a folder, its file:// URL, or a URL of fsspec such as s3://bucket/prefix.

    What is not a folder is kept on this machine below `cache`, one folder per store where it is empty. `options` go to
    fsspec. Raises InvalidInputError for a URL that cannot be opened; nobody is asked yet.
    """
    scheme, found, rest = store.partition("://")
    if not found:
        return CheckpointStore(Path(store))
    if scheme == "file":
        parts = urlsplit(store)
        if parts.netloc not in {"", "localhost"} or not parts.path:
            raise InvalidInputError(f"store: {store} names another machine; write file:///folder")
        return CheckpointStore(Path(unquote(parts.path)))
    if not rest.strip("/"):
        raise InvalidInputError(f"store: {store} names no bucket or folder")
    _check_scheme(scheme)
    root = Path(cache) if cache else user_cache_path("morrow") / "checkpoints" / _short(store)
    return CheckpointStore(root, Remote(store, options or {}))


def _check_scheme(scheme: str) -> None:
    try:
        fsspec.get_filesystem_class(scheme)
    except ValueError as error:
        raise InvalidInputError(f"store: nothing is known of {scheme}:// ({error})") from error
    except ImportError as error:
        cure = "; pip install 'morrow[s3]'" if scheme == "s3" else ""
        raise InvalidInputError(f"store: {scheme}:// needs more than is installed: {error}{cure}") from error
    # What they log at DEBUG has the headers of signed requests.
    for library in ("aiobotocore", "botocore", "fsspec", "s3fs"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _short(store: str) -> str:
    return hashlib.sha256(store.rstrip("/").encode()).hexdigest()[:12]
