"""The loaded policies: the base model, LoRA adapters on it, and models of full weights."""

from __future__ import annotations

import itertools
import logging
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from services.inference.cpu_engine.model.decoder import Decoder, decoder_of, prepared, with_changes
from shared.errors import ConflictError, InvalidInputError, NotFoundError

log = logging.getLogger(__name__)
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
MODEL_FILES = ("config.json", "model.safetensors")
MERGED: Final = 2
"""Adapters whose weights are kept merged with the base's; each costs the memory of the base's layers."""


def load_model(source: str | Path, dtype: torch.dtype = torch.float32) -> Any:
    """A causal language model from safetensors."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True)
    return model.eval().requires_grad_(False)


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy that requests name; `adapter` is peft's name of the adapter on the base, if it is one."""

    name: str
    root: str
    parent: str | None
    adapter: str | None = None


class Policies:
    """Policies by name. A name is given once: what it stands for never changes while it is served."""

    def __init__(self, base: Any, root: str, name: str = "base") -> None:
        self.base_model = base
        self._plain = decoder_of(base)
        self._base = Policy(name, root, None)
        self._named = {name: self._base}
        self._whole = {self._base: prepared(self._plain)}
        self._merged: OrderedDict[Policy, Decoder] = OrderedDict()
        self._peft: Any = None
        self._numbers = itertools.count()

    @property
    def base(self) -> Policy:
        """The base model."""
        return self._base

    def all(self) -> list[Policy]:
        """Every policy on offer, the base first."""
        return list(self._named.values())

    def get(self, name: str) -> Policy:
        """The policy of that name; raises NotFoundError."""
        policy = self._named.get(name)
        if policy is None:
            raise NotFoundError(f"the model {name!r} does not exist: load it first, or ask for one of /v1/models")
        return policy

    def load(self, name: str, path: str) -> Policy:
        """Offer the adapter or the full weights in a folder under a fresh name.

        Raises ConflictError if the name is taken, NotFoundError if the folder holds neither, and InvalidInputError if
        its weights are not safetensors or do not fit the base model. Whatever it raises, nothing has changed.
        """
        if name in self._named:
            raise ConflictError(f"the lora adapter {name!r} has already been loaded: a policy's name is given once")
        folder = Path(path)
        if (folder / ADAPTER_FILES[0]).is_file():
            _require_safetensors(folder, ADAPTER_FILES[1])
            policy = Policy(name, path, self._base.name, self._add_adapter(path))
        elif (folder / MODEL_FILES[0]).is_file():
            _require_safetensors(folder, MODEL_FILES[1])
            policy = Policy(name, path, None)
            self._whole[policy] = self._load_full(folder)
        else:
            raise NotFoundError(f"lora_path: no adapter at {path!r} ({ADAPTER_FILES[0]} is missing)")
        self._named[name] = policy
        return policy

    def unload(self, name: str) -> Policy:
        """Stop offering a policy. Its running sequences may finish; `release` frees its weights afterwards.

        Raises InvalidInputError for the base model, NotFoundError for a policy that is not loaded.
        """
        if name == self._base.name:
            raise InvalidInputError(f"lora_name: {name!r} is the base model, which cannot be unloaded")
        policy = self.get(name)
        del self._named[name]
        return policy

    def release(self, policy: Policy) -> None:
        """Free an unloaded policy's weights. It must not be in use."""
        self._whole.pop(policy, None)
        self._merged.pop(policy, None)
        if policy.adapter is not None:
            self._drop(policy.adapter)

    def decoder(self, policy: Policy) -> Decoder:
        """The decoder of a policy. An adapter's is merged on first use and kept until others have pushed it out."""
        if policy in self._whole:
            return self._whole[policy]
        merged = self._merged.pop(policy, None)
        head = self._whole[self._base].head
        self._merged[policy] = merged or with_changes(self._plain, self._changes(policy.adapter), head)
        if len(self._merged) > MERGED:
            self._merged.popitem(last=False)
        return self._merged[policy]

    def base_changed(self) -> None:
        """The base's weights were replaced in place: pack them anew, and merge adapters with them anew."""
        self._merged.clear()
        self._whole[self._base] = prepared(self._plain)

    @torch.no_grad()
    def _changes(self, adapter: str | None) -> dict[tuple[int, str], torch.Tensor]:
        """What an adapter adds to each weight, by layer and projection."""
        return {
            (number, name): module.get_delta_weight(adapter)
            for number, layer in enumerate(self.base_model.model.layers)
            for part in (layer.self_attn, layer.mlp)
            for name, module in part.named_children()
            if adapter in getattr(module, "lora_A", ())
        }

    def _add_adapter(self, path: str) -> str:
        adapter = f"adapter{next(self._numbers)}"  # peft admits no dots in names
        try:
            self._read_adapter(path, adapter)
        except Exception as error:
            self._drop(adapter)
            raise InvalidInputError(f"lora_path: the adapter at {path!r} does not load: {error}") from error
        return adapter

    def _read_adapter(self, path: str, adapter: str) -> None:
        from peft import LoraConfig, PeftConfig, PeftModel

        config = PeftConfig.from_pretrained(path)
        if not isinstance(config, LoraConfig):
            raise InvalidInputError(f"it is not LoRA but {config.peft_type}")
        if config.use_dora or config.lora_bias or config.bias != "none" or config.modules_to_save:
            raise InvalidInputError("DoRA, trained biases and modules_to_save are not supported: train plain LoRA")
        if self._peft is None:
            self._peft = PeftModel(self.base_model, config, adapter)
        result = self._peft.load_adapter(path, adapter, torch_device="cpu")
        if strange := [*result.missing_keys, *result.unexpected_keys]:
            raise InvalidInputError(f"it does not fit the base model: {', '.join(strange[:3])}")

    def _drop(self, adapter: str) -> None:
        if self._peft is not None and adapter in self._peft.peft_config:
            self._peft.base_model.set_adapter([])  # peft would make another adapter the active one, with a warning
            self._peft.delete_adapter(adapter)

    def _load_full(self, folder: Path) -> Decoder:
        try:
            model = load_model(folder, self.base_model.dtype)
        except Exception as error:
            raise InvalidInputError(f"lora_path: the model at {str(folder)!r} does not load: {error}") from error
        if model.config.vocab_size != self.base_model.config.vocab_size:
            raise InvalidInputError(f"lora_path: the model at {str(folder)!r} has another vocabulary than the base")
        return prepared(decoder_of(model))


def _require_safetensors(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise InvalidInputError(
            f"lora_path: {str(folder)!r} holds no {name}; only safetensors are loaded, never pickles"
        )
