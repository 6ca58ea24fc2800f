"""Whether what is called safetensors is safetensors.

A pickle under another name runs code where a library looks at what is inside. So the header is read before a checkpoint
is published, and whenever one is verified: before it is accepted, and before it is loaded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shared.errors import InvalidInputError

MOST_HEADER = 100_000_000
"""Bytes of a header, as the format's own library has it."""
_BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64,
    "U64": 64,
}  # fmt: skip


def check_weights(folder: Path, names: Iterable[str]) -> None:
    """Raise InvalidInputError if one of these files is called safetensors and is not, or is a link to elsewhere."""
    for name in names:
        path = folder / name
        if path.is_symlink():
            raise InvalidInputError(f"a checkpoint may not hold the link {name}: copy the file")
        if path.suffix == ".safetensors":
            check_safetensors(path)


def check_safetensors(path: Path) -> None:
    """Raise InvalidInputError if a file is not safetensors: a header in JSON whose tensors fill what follows it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= min(MOST_HEADER, size - 8):
            raise _false(path, "it has no header of that format, as a pickle has none")
        header = file.read(length)
    try:
        tensors = json.loads(header)
    except ValueError as error:
        raise _false(path, "its header is not JSON") from error
    if not isinstance(tensors, dict):
        raise _false(path, "its header is no JSON object")
    tensors.pop("__metadata__", None)
    end = 0
    for begin, behind in sorted(_span(path, name, tensor) for name, tensor in tensors.items()):
        if begin != end:
            raise _false(path, f"bytes {min(begin, end)} to {max(begin, end)} belong to no tensor or to two")
        end = behind
    if end != size - 8 - length:
        raise _false(path, f"its tensors have {end} bytes and the file has {size - 8 - length}")


def _span(path: Path, name: str, tensor: Any) -> tuple[int, int]:
    try:
        begin, end = tensor["data_offsets"]
        bits = math.prod(int(length) for length in tensor["shape"]) * _BITS[tensor["dtype"]]
        if not (isinstance(begin, int) and isinstance(end, int) and 0 <= begin <= end and (end - begin) * 8 == bits):
            raise ValueError("the bytes do not fit the shape")
    except (KeyError, TypeError, ValueError) as error:
        raise _false(path, f"the header's entry {name[:80]!r} is false") from error
    return begin, end


def _false(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(f"{path.name} is not safetensors: {why}; only safetensors are taken")
