"""Full weights on disk: shapes and hashes of their tensors, and whether they fit the base model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.checkpoints.safetensors import check_safetensors
from shared.errors import CheckpointCorruptError, InvalidInputError

ADAPTER_CONFIG, MODEL_CONFIG = "adapter_config.json", "config.json"
TIED = "lm_head.weight"
"""May be absent from the files where it is tied to the embedding."""
SAME = (
    "architectures",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "tie_word_embeddings",
    "vocab_size",
)
"""Fields of config.json in which weights that replace others in a running engine must agree with them."""
_CHUNK = 1 << 22


def is_full(folder: Path) -> bool:
    """Whether a checkpoint's folder holds a whole model and not an adapter."""
    return (folder / MODEL_CONFIG).is_file() and not (folder / ADAPTER_CONFIG).is_file()


@dataclass(frozen=True)
class WeightFiles:
    """A folder's tensors: shape and SHA-256 of each by name, and the model's configuration."""

    folder: Path
    shapes: Mapping[str, tuple[int, ...]]
    digests: Mapping[str, str]
    config: Mapping[str, Any]


def read_files(folder: Path) -> WeightFiles:
    """The tensors and configuration of a folder.

    Raises InvalidInputError without full weights in it, CheckpointCorruptError if a file is not valid safetensors.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    digests: dict[str, str] = {}
    paths = sorted(folder.glob("*.safetensors"))
    if not paths or not (folder / MODEL_CONFIG).is_file():
        raise InvalidInputError(f"{folder} holds no full weights: it needs {MODEL_CONFIG} and *.safetensors")
    for path in paths:
        try:
            check_safetensors(path)
        except InvalidInputError as error:
            raise CheckpointCorruptError(f"checkpoint folder {folder.name}: {error.detail}") from error
        _read_file(path, shapes, digests)
    return WeightFiles(folder, shapes, digests, json.loads((folder / MODEL_CONFIG).read_text("utf8")))


def _read_file(path: Path, shapes: dict[str, tuple[int, ...]], digests: dict[str, str]) -> None:
    """Add the tensors of a file that passed `check_safetensors`: its header is well formed and its bytes are complete.

    The bytes are hashed as they lie in the file, without loading tensors: an engine's checksums are of the same bytes.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, tensor in header.items():
            begin, end = tensor["data_offsets"]
            shapes[name] = tuple(tensor["shape"])
            file.seek(8 + length + begin)
            digest = hashlib.sha256()
            for left in range(end - begin, 0, -_CHUNK):
                digest.update(file.read(min(left, _CHUNK)))
            digests[name] = digest.hexdigest()


def misfit(weights: WeightFiles, base: WeightFiles) -> str | None:
    """Why weights cannot take the place of the base model's, None if they can."""
    other = [key for key in SAME if key in weights.config and weights.config[key] != base.config.get(key)]
    if other:
        return f"config.json: {', '.join(other)} differ from the base model's"
    tensors = (weights.shapes.keys() | base.shapes.keys()) - {TIED}
    wrong = sorted(name for name in tensors if weights.shapes.get(name) != base.shapes.get(name))
    return f"tensors are missing, strange or of another shape: {', '.join(wrong[:3])}" if wrong else None


def as_in_files(checksums: Mapping[str, str]) -> dict[str, str]:
    """An engine's checksums by the names that files have: without its ranks' prefix and its adapters' wrapping."""
    return {name.rpartition(":")[2].replace(".base_layer.", "."): digest for name, digest in checksums.items()}


def kept_as_they_are(engine: Mapping[str, str], files: WeightFiles) -> frozenset[str]:
    """The tensors that an engine keeps byte for byte as the files have them; others it joins, packs or converts."""
    return frozenset(name for name, digest in engine.items() if files.digests.get(name) == digest)


def disproof(
    stable: frozenset[str], before: Mapping[str, str], after: Mapping[str, str], old: WeightFiles, new: WeightFiles
) -> str | None:
    """A proof from the engine's checksums before and after that it did not replace `old` by `new`; None without one.

    `stable` are the tensors that the engine keeps byte for byte, so that they compare with files.
    """
    wrong = sorted(name for name in stable if after.get(name) != new.digests.get(name))
    if wrong:
        return f"{wrong[0]} in the engine is not that of the checkpoint"
    known = {name for name in before if name in after} & old.digests.keys() & new.digests.keys()
    stale = sorted(n for n in known if before[n] == after[n] and before[n] == old.digests[n] != new.digests[n])
    return f"{stale[0]} in the engine has not changed" if stale else None
