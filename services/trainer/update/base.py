"""The base model that updates share: loaded once, never trained."""

from __future__ import annotations

import copy
import logging
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

log = logging.getLogger(__name__)
Key = tuple[str, torch.dtype, torch.device, tuple[tuple[str, int, int], ...]]


class BaseModels:
    """Keeps the weights of the base model of the newest LoRA update: at most one model's."""

    def __init__(self) -> None:
        self._key: Key | None = None
        self._model: Any = None

    def shared(self, source: str, dtype: torch.dtype, device: torch.device) -> Any:
        """A model of the caller's own, to put an adapter into, on weights that all copies share and none may change."""
        key = (source, dtype, device, _files(source))
        if key != self._key:
            self.drop()
            self._model, self._key = load(source, dtype).to(device), key
        else:
            log.info("the base model is loaded already")
        tensors = [*self._model.parameters(), *self._model.buffers()]
        return copy.deepcopy(self._model, {id(tensor): tensor for tensor in tensors})

    def drop(self) -> None:
        """Free the weights."""
        self._key = self._model = None


def load(source: str, dtype: torch.dtype) -> Any:
    """A causal language model from a folder or the hub."""
    started = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    log.info("loaded %s in %.2f seconds", source, time.perf_counter() - started)
    return model


def _files(source: str) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of each file of a folder, so that another model in its place is loaded; none for the hub."""
    folder = Path(source)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
