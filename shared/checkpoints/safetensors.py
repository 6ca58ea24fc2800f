"""Validates weight files before a checkpoint is published and whenever one is verified.

A pickle under another name runs code in whichever library opens it, so a file's name proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from shared.errors import InvalidInputError


def check_weights(folder: Path, names: Iterable[str]) -> None:
    """Raise InvalidInputError if one of these files is a link, or is named .safetensors and is not of that format."""
    for name in names:
        path = folder / name
        # A link passes every check of its target today and may point elsewhere when the file is loaded.
        if path.is_symlink():
            raise InvalidInputError(f"a checkpoint may not hold the link {name}: copy the file")
        if path.suffix == ".safetensors":
            check_safetensors(path)


def check_safetensors(path: Path) -> None:
    """Raise InvalidInputError unless a file is safetensors: a JSON header whose tensors fill the rest exactly.

    Reads the header only. The library maps the file and loads no tensor.
    """
    # Imported here: opening a file loads numpy, which no other part of the coordinator needs.
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise InvalidInputError(f"{path.name} is not safetensors: {error}; only safetensors are accepted") from error
