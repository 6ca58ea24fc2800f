"""The base model's own weights: replaced in place from a folder, and hashed to tell them apart."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.errors import InvalidInputError, NotFoundError


def _own(model: Any) -> dict[str, Tensor]:
    """The model's parameters by the names that its files have, whatever adapters were put around them."""
    return {
        name.replace(".base_layer.", "."): parameter
        for name, parameter in model.named_parameters()
        if "lora_" not in name
    }


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Every tensor in a folder's safetensors; raises NotFoundError if there are none, InvalidInputError for others."""
    from safetensors.torch import load_file

    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise NotFoundError(f"weights_path: no safetensors at {str(folder)!r}")
    try:
        return {name: tensor for path in paths for name, tensor in load_file(path).items()}
    except Exception as error:
        raise InvalidInputError(f"weights_path: the weights at {str(folder)!r} do not load: {error}") from error


@torch.no_grad()
def replace_weights(model: Any, weights: dict[str, Tensor]) -> None:
    """Copy `weights` over the model's own. Raises InvalidInputError, and changes nothing, unless all of them fit."""
    own = _own(model)
    tied = set(weights) - set(own)
    strange = [name for name in tied if name != "lm_head.weight"]
    absent = [name for name in own if name not in weights]
    unlike = [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if wrong := strange or absent or unlike:
        raise InvalidInputError(f"weights_path: not the base model's weights, see {', '.join(sorted(wrong)[:3])}")
    for name, parameter in own.items():
        parameter.copy_(weights[name])


def checksums(model: Any) -> dict[str, str]:
    """SHA-256 of every tensor's bytes, by name."""
    return {
        name: hashlib.sha256(weight.contiguous().numpy().tobytes()).hexdigest() for name, weight in _own(model).items()
    }
