"""The model that learns: loaded from the base and the parent's checkpoint, saved as a checkpoint's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoTokenizer

from services.trainer.job import UpdateRequest
from services.trainer.kernels.fuse import fuse
from services.trainer.update.base import BaseModels, load
from shared.run_config import RunConfig


def device_of(setting: str) -> torch.device:
    """The device of a setting; `auto` is the first GPU, or the processor where there is none."""
    return torch.device("cuda" if setting == "cuda" or (setting == "auto" and torch.cuda.is_available()) else "cpu")


def load_policy(request: UpdateRequest, device: torch.device, bases: BaseModels | None = None) -> Any:
    """The model with the parent's weights, or fresh ones seeded by the run.

    A LoRA adapter is float32 on a base that is bfloat16 on a GPU; full weights are float32 everywhere, since steps of
    the usual size vanish in bfloat16. On a GPU both are computed with in bfloat16. An adapter's base may be shared with
    other updates; full weights are always loaded, and free the shared ones.
    """
    config, bases = request.task.config, bases or BaseModels()
    if config.adapter == "full":
        bases.drop()
        torch.manual_seed(config.seed)
        return load(str(request.parent or request.base), torch.float32).to(device)
    base = bases.shared(request.base, torch.float32 if device.type == "cpu" else torch.bfloat16, device)
    torch.manual_seed(config.seed)
    if request.parent:
        model = PeftModel.from_pretrained(base, request.parent, is_trainable=True).to(device)
    else:
        model = get_peft_model(base, lora_config(config)).to(device)
    fuse(model)
    return model


def load_tokenizer(request: UpdateRequest) -> Any:
    """The base model's tokenizer."""
    return AutoTokenizer.from_pretrained(request.base)


def lora_config(config: RunConfig) -> LoraConfig:
    """LoRA on every linear layer but the head, scaled by 2; a fresh adapter changes nothing (B = 0)."""
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=config.lora_rank,
        lora_alpha=2 * config.lora_rank,
        lora_dropout=0.0,
        target_modules="all-linear",
    )


def save_policy(model: Any, tokenizer: Any, folder: Path, config: RunConfig) -> None:
    """Write the files that an engine loads: a PEFT adapter, or weights with configuration and tokenizer."""
    if config.adapter == "full":
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    _normalize(folder / "adapter_config.json", config)


def _normalize(path: Path, config: RunConfig) -> None:
    """Name the base and not a folder of this machine, and the layers by kind and in order: equal runs, equal files."""
    about = json.loads(path.read_text("utf8"))
    kinds = {name.rpartition(".")[2] for name in about["target_modules"]}
    about |= {"base_model_name_or_path": config.base_model, "target_modules": sorted(kinds)}
    path.write_text(json.dumps(about, indent=1, sort_keys=True), "utf8")
