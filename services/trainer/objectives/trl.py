"""The base of every objective: a TRL trainer that takes one optimizer step per minibatch of packs.

TRL keeps the optimizer, the loop, the scheduler and the logging. Overridden are, each for one reason:

- `get_train_dataloader`: a batch is a minibatch of packs, in order, and not a list of texts to tokenize or sample from;
- `training_step`: gradients of a minibatch's packs add up before the optimizer steps, however many they are;
- `_prepare_dataset`, `_prepare_inputs`: the rollouts are the stored ones, in their order;
- `log`: the main figures of a step are logged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from datasets import Dataset
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback, ProgressCallback, Trainer

from services.trainer.batch.logprobs import answer_logprobs
from services.trainer.batch.rules import Batch
from services.trainer.batch.tensors import PackedBatch
from services.trainer.objectives.base import Learner
from services.trainer.settings import LayoutName
from shared.wire import TrainTask

log = logging.getLogger(__name__)


def shares(packs: Sequence[PackedBatch]) -> list[float]:
    """The share of each pack in the sequences of its minibatch, in (0, 1].

    Losses that are means over a pack's sequences, times these, add up to the mean over all the minibatch's sequences.
    """
    rows = sum(len(pack.advantages) for pack in packs)
    return [len(pack.advantages) / rows for pack in packs]


class Objective(Trainer):  # type: ignore[misc]
    """One way to learn from scored groups. It precedes one of TRL's trainers in the bases of an objective's trainer."""

    idle_figures: ClassVar[Mapping[str, float]] = {}
    """The objective's own figures of a day without anything to learn from, by their names in TrainStats."""
    logged: ClassVar[Mapping[str, str]] = {}
    """Figures of TRL's log that are logged beside loss and gradient norm, and their names."""

    @staticmethod
    def make_batch(task: TrainTask) -> Batch:
        """The rollouts that a day's update learns from.

        Raises InvalidInputError for values that no update can be made of.
        """
        raise NotImplementedError

    @classmethod
    def of(cls, learner: Learner, batch: Batch) -> Objective:
        """The trainer of a day's batch of at least one group, before any step. Raises NotImplementedError here."""
        raise NotImplementedError

    def __init__(
        self, minibatches: Sequence[Sequence[PackedBatch]], layout: LayoutName, tokenizer: Any, **options: Any
    ) -> None:
        # TRL counts steps by its dataset's length; the data themselves are the minibatches
        places = Dataset.from_dict({"minibatch": list(range(len(minibatches)))})
        super().__init__(train_dataset=places, processing_class=tokenizer, **options)
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self.minibatches, self.layout = minibatches, layout
        self._entropies: list[Float[Tensor, " counted_tokens"]] = []

    @property
    def steps(self) -> list[dict[str, float]]:
        """TRL's log of each optimizer step."""
        return [step for step in self.state.log_history if "loss" in step]

    def figures(self) -> Mapping[str, float]:
        """The objective's own figures of the update, by their names in TrainStats; others are None there.

        The entropy here is that of the weights of each step, in nats, over counted tokens.
        """
        return {"entropy": torch.cat(self._entropies).mean().item()}

    def score(
        self, model: Any, pack: PackedBatch
    ) -> tuple[Float[Tensor, "answers tokens"], Float[Tensor, "answers tokens"]]:
        """`answer_logprobs` in the trainer's layout; the entropies are kept for the figures."""
        logprobs, entropies = answer_logprobs(model, pack, self.layout)
        self._entropies.append(entropies[pack.counted])
        return logprobs, entropies

    def get_train_dataloader(self) -> DataLoader[Sequence[PackedBatch]]:
        """The minibatches, in order."""
        return DataLoader(self.minibatches, batch_size=None, collate_fn=lambda item: item)  # type: ignore[arg-type]

    def training_step(
        self, model: Any, inputs: Sequence[PackedBatch], num_items_in_batch: Any = None
    ) -> Float[Tensor, ""]:
        """Forward and backward for every pack of a minibatch. Returns its loss, a scalar."""
        step = super().training_step
        pairs = [{"pack": pack, "share": share} for pack, share in zip(inputs, shares(inputs), strict=True)]
        return torch.stack([step(model, pair, num_items_in_batch) for pair in pairs]).sum()

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return inputs

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keep TRL's figures of a step, and log the main ones."""
        super().log(logs, start_time)
        if "loss" in logs:
            more = "".join(f", {name} {logs[key]:.2f}" for key, name in self.logged.items())
            step, steps = self.state.global_step, self.state.max_steps
            words = "step %d of %d: loss %.6f, gradient norm %.4f%s"
            log.info(words, step, steps, logs["loss"], logs["grad_norm"], more)
