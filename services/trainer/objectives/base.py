"""What an objective is: what it takes of a day, which trainer learns from it, and what is said without a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from services.trainer.batch.rules import Batch, BatchGroup, into_packs
from services.trainer.batch.tensors import Pack, make_pack
from services.trainer.job import Job
from services.trainer.objectives.trl import PackTrainer, trl_settings
from shared.wire import TrainTask


@dataclass(frozen=True, eq=False)
class Learner:
    """The model with the weights of the day's start, and what it is trained with."""

    job: Job
    model: Any
    tokenizer: Any
    device: torch.device

    def packs(self, groups: Sequence[BatchGroup]) -> list[Pack]:
        """Groups as tensors on the model's device, together as far as the worker's setting allows."""
        pad = self.tokenizer.pad_token_id or self.tokenizer.eos_token_id or 0
        return [make_pack(some, pad, self.device) for some in into_packs(groups, self.job.pack_tokens)]

    def settings(self) -> dict[str, Any]:
        """TRL's settings of the day."""
        task = self.job.task
        return trl_settings(task.config, task.learning_rate, self.job.work / "trl", self.device)


@dataclass(frozen=True)
class Objective:
    """One way to learn from scored groups.

    `batch` takes what teaches something; `trainer` is called where that is at least one group, before any step;
    `idle` are the objective's own figures of a day on which it is none.
    """

    batch: Callable[[TrainTask], Batch]
    trainer: Callable[[Learner, Batch], PackTrainer[Any]]
    idle: Mapping[str, float]
