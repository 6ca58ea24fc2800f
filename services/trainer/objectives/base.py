"""What every objective's trainer is built from: the model of the day's start, its packs, and TRL's settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from services.trainer.batch.rules import BatchGroup, pack_groups
from services.trainer.batch.tensors import PackedBatch, to_tensors
from services.trainer.job import UpdateRequest
from shared.run_config import RunConfig


def trl_settings(config: RunConfig, learning_rate: float, folder: Path, device: torch.device) -> dict[str, Any]:
    """The settings that all of TRL's configurations share here; nothing is saved, reported or computed twice.

    `learning_rate` (≥ 0) is the day's, and constant within it: the schedule is the coordinator's.
    """
    return {
        "output_dir": str(folder),
        "learning_rate": learning_rate,
        "lr_scheduler_type": "constant",
        "max_grad_norm": config.max_grad_norm,
        "seed": config.seed,
        "num_train_epochs": 1,
        "per_device_train_batch_size": config.rollouts,
        "gradient_accumulation_steps": 1,
        "activation_checkpointing": False,
        "bf16": False,
        "use_cpu": device.type == "cpu",
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        # a loss that is not finite must reach the figures, where it refuses the update
        "logging_nan_inf_filter": False,
    }


@dataclass(frozen=True, eq=False)
class Learner:
    """The model with the weights of the day's start, its tokenizer and device, and the request it is trained for."""

    request: UpdateRequest
    model: Any
    tokenizer: Any
    device: torch.device

    def packs(self, groups: Sequence[BatchGroup]) -> list[PackedBatch]:
        """Groups as tensors on the model's device, together as far as the worker's setting allows."""
        pad = self.tokenizer.pad_token_id or self.tokenizer.eos_token_id or 0
        return [to_tensors(some, pad, self.device) for some in pack_groups(groups, self.request.pack_tokens)]

    def settings(self) -> dict[str, Any]:
        """TRL's settings of the day."""
        task = self.request.task
        return trl_settings(task.config, task.learning_rate, self.request.work / "trl", self.device)
