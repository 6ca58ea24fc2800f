"""TRL's GRPOTrainer as a GSPO trainer on stored rollouts.

TRL keeps the loss, the optimizer, the loop and the logging. Overridden are five methods, each for one reason:

- `get_train_dataloader`: a batch is a minibatch of packs, in order, and not a list of prompts to sample from;
- `training_step`: gradients of a minibatch's packs add up before the optimizer steps, however many they are;
- `_prepare_inputs`: the rollouts are the stored ones, in their order;
- `compute_loss`: π is computed with each prompt once, is π_old too as long as the weights are those of the day's start,
  and a pack counts by its share of the minibatch's sequences;
- `_get_per_token_logps_and_entropies`: what `compute_loss` has computed.

The importance weight w > 0 multiplies the advantage, and so stays outside the clip:
min(s·wA, clip(s)·wA) = w·min(s·A, clip(s)·A).
Forced tokens are masked as TRL masks a tool's: outside the mean and without gradient.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback, ProgressCallback
from trl import GRPOConfig, GRPOTrainer

from services.trainer.logps import answer_logps
from services.trainer.packs import Pack
from services.trainer.scored import ScoredPack, weigh
from services.trainer.settings import LayoutName
from shared.run_config import RunConfig

log = logging.getLogger(__name__)


@dataclass(eq=False)
class MicroBatch:
    """One pack and its share of the sequences of its minibatch, in (0, 1].

    `scored` may be absent in the day's first minibatch: it is then filled in by the step, whose weights are π_old's.
    """

    pack: Pack
    share: float
    scored: ScoredPack | None


def minibatch(packs: Sequence[Pack | ScoredPack]) -> list[MicroBatch]:
    """The packs of one optimizer step, weighed so that their losses add up to the mean over all sequences."""
    pairs = [(item.pack, item) if isinstance(item, ScoredPack) else (item, None) for item in packs]
    rows = sum(len(pack.advantages) for pack, _ in pairs)
    return [MicroBatch(pack, len(pack.advantages) / rows, scored) for pack, scored in pairs]


def rollouts(scored: ScoredPack) -> dict[str, Tensor]:
    """A pack as TRL's loss takes it; prompts are not its concern."""
    pack = scored.pack
    nothing = pack.answers[:, :0]
    return {
        "prompt_ids": nothing,
        "prompt_mask": nothing,
        "completion_ids": pack.answers,
        "completion_mask": pack.mask.int(),
        "tool_mask": pack.counted.int(),
        "old_per_token_logps": scored.old_logps,
        "advantages": scored.weights * pack.advantages,
        "num_items_in_batch": pack.counted.sum(),
    }


def gspo_config(config: RunConfig, folder: Path, device: torch.device) -> GRPOConfig:
    """TRL's configuration at GSPO's settings (its defaults are GRPO's in three places); nothing is saved or reported.

    `num_generations` and the batch size only satisfy TRL's checks: batches are the trainer's own.
    """
    return GRPOConfig(
        output_dir=str(folder),
        importance_sampling_level="sequence",
        loss_type="grpo",
        epsilon=config.epsilon_low,
        epsilon_high=config.epsilon_high,
        beta=0.0,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        num_train_epochs=1,
        num_generations=config.rollouts,
        per_device_train_batch_size=config.rollouts,
        gradient_accumulation_steps=1,
        activation_checkpointing=False,
        disable_dropout=True,
        bf16=False,
        use_cpu=device.type == "cpu",
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        logging_nan_inf_filter=False,
    )


def _no_reward(completions: list[Any], **_: Any) -> list[float]:
    return [0.0] * len(completions)


class GspoTrainer(GRPOTrainer):  # type: ignore[misc]
    """One pass over a day's minibatches, one optimizer step each."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        args: GRPOConfig,
        minibatches: Sequence[Sequence[Pack | ScoredPack]],
        cap: float,
        layout: LayoutName = "packed",
    ) -> None:
        places = Dataset.from_dict({"minibatch": list(range(len(minibatches)))})
        super().__init__(
            model=model, reward_funcs=_no_reward, args=args, train_dataset=places, processing_class=tokenizer
        )
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self.minibatches = [minibatch(packs) for packs in minibatches]
        self.cap, self.layout = cap, layout
        self._computed: tuple[Tensor, Tensor]

    def get_train_dataloader(self) -> DataLoader[list[MicroBatch]]:
        """The minibatches, in order."""
        return DataLoader(self.minibatches, batch_size=None, collate_fn=lambda item: item)  # type: ignore[arg-type]

    def training_step(self, model: Any, inputs: list[MicroBatch], num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward for every pack of a minibatch: its loss. Its clip share is over sequences."""
        step = super().training_step
        loss = torch.stack([step(model, micro, num_items_in_batch) for micro in inputs]).sum()
        clipped = self._metrics["train"]["clip_ratio/region_mean"]
        clipped[:] = [sum(micro.share * part for micro, part in zip(inputs, clipped, strict=True))]
        return loss

    def _prepare_inputs(self, inputs: MicroBatch) -> dict[str, Any]:
        return {"micro": inputs}

    def compute_loss(self, model: Any, inputs: dict[str, Any], **options: Any) -> Tensor:
        """TRL's loss of one pack, times the pack's share of its minibatch."""
        micro: MicroBatch = inputs["micro"]
        logps, entropies = self._computed = answer_logps(model, micro.pack, self.layout)
        if micro.scored is None:
            micro.scored = weigh(micro.pack, logps.detach(), entropies, self.cap)
        loss: Tensor = super().compute_loss(model, rollouts(micro.scored), **options)
        return loss * micro.share

    def _get_per_token_logps_and_entropies(self, *_: Any, **__: Any) -> tuple[Tensor, Tensor, None]:
        return *self._computed, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keep TRL's figures of a step, and say the chief ones."""
        super().log(logs, start_time)
        if "loss" in logs:
            clipped = logs["clip_ratio/region_mean"]
            step, steps = self.state.global_step, self.state.max_steps
            words = "step %d of %d: loss %.6f, gradient norm %.4f, clipped %.2f"
            log.info(words, step, steps, logs["loss"], logs["grad_norm"], clipped)
