"""How a TRL trainer takes one optimizer step per minibatch of packs, whatever its loss.

TRL keeps the optimizer, the loop, the scheduler and the logging. Overridden are, each for one reason:

- `get_train_dataloader`: a batch is a minibatch of packs, in order, and not a list of texts to tokenize or sample from;
- `training_step`: gradients of a minibatch's packs add up before the optimizer steps, however many they are;
- `_prepare_dataset`, `_prepare_inputs`: the rollouts are the stored ones, in their order;
- `log`: the chief figures of a step are said.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback, ProgressCallback, Trainer

from services.trainer.batch.logprobs import answer_logps
from services.trainer.batch.tensors import Pack
from services.trainer.settings import LayoutName
from shared.run_config import RunConfig

log = logging.getLogger(__name__)


@dataclass(eq=False)
class MicroBatch:
    """One pack and its share of the sequences of its minibatch, in (0, 1]: the weight of its mean loss."""

    pack: Pack
    share: float


M = TypeVar("M", bound=MicroBatch)


def shares(packs: Sequence[Pack]) -> list[float]:
    """The share of each pack, so that the losses of a minibatch add up to the mean over all its sequences."""
    rows = sum(len(pack.advantages) for pack in packs)
    return [len(pack.advantages) / rows for pack in packs]


def trl_settings(config: RunConfig, learning_rate: float, folder: Path, device: torch.device) -> dict[str, Any]:
    """What all of TRL's configurations share here; nothing is saved or reported, and nothing computed twice.

    `learning_rate` (≥ 0) is the day's, and stays within it.
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
        "logging_nan_inf_filter": False,
    }


class PackTrainer(Trainer, Generic[M]):  # type: ignore[misc]
    """Stands before one of TRL's trainers in the bases of an objective's trainer."""

    told: ClassVar[dict[str, str]] = {}
    """Figures of TRL's log that are said beside loss and gradient norm, and their names."""

    def __init__(self, minibatches: Sequence[Sequence[M]], layout: LayoutName, tokenizer: Any, **options: Any) -> None:
        places = Dataset.from_dict({"minibatch": list(range(len(minibatches)))})
        super().__init__(train_dataset=places, processing_class=tokenizer, **options)
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self.minibatches, self.layout = minibatches, layout
        self._entropies: list[Tensor] = []

    @property
    def steps(self) -> list[dict[str, float]]:
        """TRL's log of each optimizer step."""
        return [step for step in self.state.log_history if "loss" in step]

    def figures(self) -> Mapping[str, float]:
        """The objective's own figures of the update, by their names in TrainStats; others are None there.

        The entropy here is that of the weights of each step, in nats, over counted tokens.
        """
        return {"entropy": torch.cat(self._entropies).mean().item()}

    def look(self, model: Any, pack: Pack) -> tuple[Tensor, Tensor]:
        """`answer_logps` in the trainer's layout; the entropies are kept for the figures."""
        logps, entropies = answer_logps(model, pack, self.layout)
        self._entropies.append(entropies[pack.counted])
        return logps, entropies

    def get_train_dataloader(self) -> DataLoader[Sequence[M]]:
        """The minibatches, in order."""
        return DataLoader(self.minibatches, batch_size=None, collate_fn=lambda item: item)  # type: ignore[arg-type]

    def training_step(self, model: Any, inputs: Sequence[M], num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward for every pack of a minibatch: its loss."""
        step = super().training_step
        return torch.stack([step(model, micro, num_items_in_batch) for micro in inputs]).sum()

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _prepare_inputs(self, inputs: M) -> dict[str, Any]:
        return {"micro": inputs}

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keep TRL's figures of a step, and say the chief ones."""
        super().log(logs, start_time)
        if "loss" in logs:
            more = "".join(f", {name} {logs[key]:.2f}" for key, name in self.told.items())
            step, steps = self.state.global_step, self.state.max_steps
            words = "step %d of %d: loss %.6f, gradient norm %.4f%s"
            log.info(words, step, steps, logs["loss"], logs["grad_norm"], more)
